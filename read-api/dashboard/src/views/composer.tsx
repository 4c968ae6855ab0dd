// Writing to the visitor.

import { useEffect, useRef, useState } from "preact/hooks";

import type { ApiError } from "../api";
import { useTeam } from "../context";
import { Icon } from "../parts/icons";

const CONTENT_CHARS_MAX = 8_000;

/** What was begun and not sent, by conversation: looking elsewhere loses nothing. */
const drafts = new Map<string, Draft>();

/** `name` is what a text is sent under, from its first try on: an answer may be lost on the way, and nothing is written twice. */
type Draft = { text: string; name?: string };

export function Composer({ id, onSent }: { id: string; onSent: (position: string | null) => void }) {
  const { api } = useTeam();
  const [text, setText] = useState(drafts.get(id)?.text ?? "");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  const change = (text: string) => {
    drafts.set(id, { text });
    setText(text);
  };
  const send = async () => {
    if (!text.trim() || busy) return;
    setBusy(true);
    setProblem(null);
    const name = drafts.get(id)?.name ?? uniqueName();
    drafts.set(id, { text, name });
    try {
      const position = await api.act(id, "reply", { content: text, client_message_id: name });
      // What was written on meanwhile is the next message.
      if (drafts.get(id)?.text === text) change("");
      onSent(position);
    } catch (failure) {
      setProblem(explain(failure as ApiError));
    }
    setBusy(false);
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div>
        <textarea
          ref={box}
          aria-label="Your reply"
          placeholder="Write to the visitor"
          rows={2}
          maxLength={CONTENT_CHARS_MAX}
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" class="button primary" disabled={busy || !text.trim()}>
          <Icon name="send" />
          <span>Send</span>
        </button>
      </div>
      <p class="muted small">Enter sends, Shift and Enter begin a new line.</p>
    </form>
  );
}

const uniqueName = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Without an answer, nobody knows whether it arrived. */
function explain({ status, message }: ApiError): string {
  const isKnown = status !== 0;
  return isKnown ? `${message} It was not sent.` : `${message} It may have been sent; sending it again does not send it twice.`;
}
