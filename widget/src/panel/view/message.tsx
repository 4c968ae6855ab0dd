// One message, and what belongs to it: who wrote it, its sources, the verdict on it.

import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Citation } from "../../core/types";
import type { Chat } from "../chat";
import type { Note, Spoken } from "../entries";
import { vetted } from "../vetted";
import { Icon } from "./icon";
import { Chip, type Citing, Markdown } from "./markdown";

const NONE: Citation[] = [];

export function Bubble({ entry, chat, follows }: { entry: Spoken; chat: Chat; follows: boolean }): VNode {
  const { message, state, problem, action } = entry;
  const { strings } = chat;
  const { role, content, citations = NONE } = message;
  const citing: Citing = {
    citations,
    label: ({ id, title, url }) => strings.source(id, title ?? url),
    opened: (citation) => chat.opened(citation),
  };
  // While one answer grows the others are not read again.
  const words = useMemo(
    () => (role === "visitor" ? <p class="said">{content}</p> : <Markdown text={content} citing={citing} />),
    [role, content, citations, strings],
  );
  if (state === "streaming" && content.trim() === "") return <Dots label={strings.isThinking(chat.widget.agentName)} />;
  const author = role === "operator" ? message.author : role === "visitor" ? strings.you : chat.widget.agentName;
  return (
    <div class={`message ${role} ${state}${follows ? " follows" : ""}`}>
      {/* Who reads with their eyes sees the side it is on; a person of the team is always named. */}
      <p class={role === "operator" && !follows ? "author" : "unseen"}>{author}</p>
      <div class="bubble">
        <div class="words" dir="auto">
          {words}
        </div>
        {message.finish_reason === "stopped" && <p class="aside">{strings.stopped}</p>}
      </div>
      {citing.citations.length > 0 && <Sources citing={citing} label={strings.sources} />}
      {role === "assistant" && (state === "known" || state === "settled") && <Tools entry={entry} chat={chat} />}
      {problem && (
        <p class="problem">
          {problem}{" "}
          {action && (
            <button type="button" class="link" onClick={() => action.run()}>
              {action.label}
            </button>
          )}
        </p>
      )}
    </div>
  );
}

function Sources({ citing, label }: { citing: Citing; label: string }): VNode {
  return (
    <ol class="sources" aria-label={label}>
      {citing.citations.map((citation) => (
        <li key={citation.id}>
          <Source citation={citation} citing={citing} />
        </li>
      ))}
    </ol>
  );
}

function Source({ citation, citing }: { citation: Citation; citing: Citing }): VNode {
  const address = vetted(citation.url);
  if (!address) return <Chip citation={citation} citing={citing} />;
  const { origin, host, pathname } = new URL(address);
  const here = origin === location.origin;
  return (
    <a href={address} title={citation.snippet ?? address} {...(!here && { target: "_blank", rel: "noopener" })} onClick={() => citing.opened(citation)}>
      <span class="number">{citation.id}</span>
      <span class="title">{citation.title || (here ? pathname : host)}</span>
    </a>
  );
}

function Tools({ entry, chat }: { entry: Spoken; chat: Chat }): VNode {
  const { strings } = chat;
  const { rating = null, content } = entry.message;
  const [isCopied, setCopied] = useState(false);
  const copy = () => {
    const done = () => {
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    };
    void navigator.clipboard?.writeText(content.replace(/\s*\[\d{1,2}\]/g, "")).then(done, () => undefined);
  };
  return (
    <div class="tools">
      {(["up", "down"] as const).map((verdict) => (
        <button
          key={verdict}
          type="button"
          class="tool"
          aria-label={verdict === "up" ? strings.helpful : strings.notHelpful}
          title={verdict === "up" ? strings.helpful : strings.notHelpful}
          aria-pressed={rating === verdict}
          onClick={() => chat.rate(entry, rating === verdict ? null : verdict)}
        >
          <Icon name={verdict} />
        </button>
      ))}
      {"clipboard" in navigator && (
        <button type="button" class="tool" aria-label={isCopied ? strings.copied : strings.copy} title={strings.copy} onClick={copy}>
          <Icon name={isCopied ? "check" : "copy"} />
        </button>
      )}
    </div>
  );
}

export function NoteLine({ note, chat }: { note: Note; chat: Chat }): VNode {
  const { strings } = chat;
  const [isRated, setRated] = useState(false);
  const rate = (rating: "good" | "bad") => {
    setRated(true);
    void chat.menu.rateConversation(rating);
  };
  return (
    <div class={`note ${note.tone}`}>
      {note.tone === "rating" && <p>{strings.ended}</p>}
      {!(note.tone === "rating" && isRated) && <p>{note.text}</p>}
      {note.tone === "rating" && !isRated && (
        <div class="verdicts">
          <button type="button" class="plain" onClick={() => rate("good")}>
            <Icon name="up" /> {strings.good}
          </button>
          <button type="button" class="plain" onClick={() => rate("bad")}>
            <Icon name="down" /> {strings.bad}
          </button>
        </div>
      )}
      {note.action && (
        <button type="button" class="link" onClick={() => chat.act(note)}>
          {note.action.label}
        </button>
      )}
    </div>
  );
}

export function Dots({ label }: { label: string }): VNode {
  return (
    <div class="message assistant waiting">
      <div class="bubble">
        <span class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        <span class="aside">{label}…</span>
      </div>
    </div>
  );
}
