// Asks before something that cannot be taken back.

import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Chat, Question } from "../chat";

export function Confirm({ chat, question }: { chat: Chat; question: Question }): VNode {
  const { strings } = chat;
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    cancel.current?.focus();
  }, []);
  const [title, text, yes, run] = {
    clear: [strings.clearTitle, strings.clearText, strings.clear, () => void chat.menu.clear()] as const,
    end: [strings.endTitle, strings.endText, strings.end, () => void chat.menu.end()] as const,
    forget: [strings.forgetTitle, strings.forgetText, strings.forget, () => void chat.menu.forget()] as const,
  }[question];
  return (
    <div class="veil">
      <div class="confirm" role="alertdialog" aria-modal="true" aria-labelledby="confirm-title" aria-describedby="confirm-text">
        <h3 id="confirm-title">{title}</h3>
        <p id="confirm-text">{text}</p>
        <div class="buttons">
          <button type="button" class="plain" ref={cancel} onClick={() => chat.ask(null)}>
            {strings.cancel}
          </button>
          <button type="button" class={question === "forget" ? "filled danger" : "filled"} onClick={run}>
            {yes}
          </button>
        </div>
      </div>
    </div>
  );
}
