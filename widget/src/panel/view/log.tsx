// The messages. The end stays in sight while it is in sight; who reads further up is left there.

import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../chat";
import type { Entry } from "../entries";
import { Icon } from "./icon";
import { Bubble, Dots, NoteLine } from "./message";

// How near to an edge counts as at it, in pixels.
const NEAR = 48;

export function Log({ chat }: { chat: Chat }): VNode {
  const { strings, entries, widget } = chat;
  const log = useRef<HTMLDivElement>(null);
  const place = useRef({ height: 0, first: "" });
  const [isAtEnd, setAtEnd] = useState(true);
  const first = entries[0]?.key ?? "";
  const last = entries.at(-1);

  const scrolled = () => {
    const box = log.current;
    if (!box) return;
    setAtEnd(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR);
    if (box.scrollTop < NEAR) void chat.readBack();
  };
  const toEnd = () => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  };
  useLayoutEffect(() => {
    const box = log.current;
    if (!box) return;
    const { height, first: before } = place.current;
    if (isAtEnd) toEnd();
    // Earlier messages came in above: what was read stays where it was.
    else if (first !== before) box.scrollTop += box.scrollHeight - height;
    place.current = { height: box.scrollHeight, first };
  });
  // What the visitor writes brings them back to the end.
  const sent = last?.kind === "message" && last.state === "sending" ? last.key : "";
  useEffect(() => {
    if (!sent) return;
    setAtEnd(true);
    toEnd();
  }, [sent]);
  // The chat was opened, or its height changed with the keyboard.
  useEffect(() => {
    if (!log.current) return undefined;
    const watch = new ResizeObserver(() => isAtEnd && toEnd());
    watch.observe(log.current);
    return () => watch.disconnect();
  }, [isAtEnd]);

  const isFresh = !entries.some(({ kind }) => kind === "message");
  const { persona, starter_prompts: prompts } = widget.current.agent;
  return (
    <div class="middle">
      <div class="log" role="region" aria-label={strings.messages} tabIndex={0} ref={log} onScroll={scrolled}>
        {chat.hasEarlier && (
          <button type="button" class="earlier" disabled={chat.isReadingBack} onClick={() => void chat.readBack()}>
            {strings.earlier}
          </button>
        )}
        {!chat.hasEarlier && persona.greeting && <Greeting text={persona.greeting} />}
        {entries.map((entry, index) => (
          <Line key={entry.key} entry={entry} chat={chat} follows={speaker(entries[index - 1]) === speaker(entry)} />
        ))}
        {chat.typing.name && <Dots label={strings.isTyping(chat.typing.name)} />}
        {isFresh && (
          <ul class="prompts">
            {prompts.map((prompt) => (
              <li key={prompt}>
                <button
                  type="button"
                  onClick={() => {
                    widget.telemetry.track("prompt.click", { prompt });
                    void chat.writing.send(prompt);
                  }}
                >
                  {prompt}
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
      {!isAtEnd && (
        <button type="button" class="latest" aria-label={strings.latest} onClick={toEnd}>
          <Icon name="latest" />
        </button>
      )}
    </div>
  );
}

function Greeting({ text }: { text: string }): VNode {
  return (
    <div class="message assistant">
      <div class="bubble">
        <p dir="auto">{text}</p>
      </div>
    </div>
  );
}

function Line({ entry, chat, follows }: { entry: Entry; chat: Chat; follows: boolean }): VNode {
  return entry.kind === "note" ? <NoteLine note={entry} chat={chat} /> : <Bubble entry={entry} chat={chat} follows={follows} />;
}

function speaker(entry: Entry | undefined): string {
  return entry?.kind === "message" ? `${entry.message.role} ${entry.message.author ?? ""}` : "";
}
