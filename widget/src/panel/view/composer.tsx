// Where the visitor writes.

import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../chat";
import { Icon } from "./icon";

const CHARACTERS_MAX = 8_000;

export function Composer({ chat }: { chat: Chat }): VNode {
  const { strings } = chat;
  const input = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState("");
  // A message that could not be sent comes back to where it was written.
  if (chat.writing.draft) {
    setText(chat.writing.draft);
    chat.writing.draft = "";
  }
  useLayoutEffect(() => {
    const box = input.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }, [text]);

  if (chat.isClosed) {
    return (
      <div class="composer over">
        <button type="button" class="filled" onClick={() => void chat.menu.restart()}>
          {strings.startNew}
        </button>
      </div>
    );
  }
  const submit = () => {
    const message = text.trim();
    if (!message || chat.writing.isBusy) return;
    setText("");
    input.current?.focus();
    void chat.writing.send(message);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div class="box">
        <textarea
          ref={input}
          rows={1}
          maxLength={CHARACTERS_MAX}
          aria-label={strings.yourMessage}
          placeholder={chat.claimedBy ? strings.placeholderPerson(chat.claimedBy) : strings.placeholder}
          autocomplete="off"
          enterkeyhint="send"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            chat.typed();
          }}
          onKeyDown={onKeyDown}
        />
        {chat.writing.turn ? (
          <button type="button" class="send stop" aria-label={strings.stop} onClick={() => chat.writing.stop()}>
            <Icon name="stop" />
          </button>
        ) : (
          <button type="submit" class="send" aria-label={strings.send} aria-disabled={text.trim() === "" || chat.writing.isSending}>
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}
