// The whole chat: head, messages or form, the place to write, the line beneath.

import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Chat } from "../chat";
import { isCovering } from "../viewport";
import { Branding } from "./branding";
import { Composer } from "./composer";
import { Confirm } from "./confirm";
import { Head } from "./head";
import { LeadForm } from "./lead_form";
import { Log } from "./log";

export function Dialog({ chat }: { chat: Chat }): VNode {
  const dialog = useRef<HTMLDivElement>(null);
  const { widget, strings } = chat;
  // When a question is answered, the focus goes back to the button that asked it.
  const wasAsking = useRef(false);
  useLayoutEffect(() => {
    const isAsking = chat.question !== null;
    if (wasAsking.current && !isAsking) dialog.current?.querySelector<HTMLElement>("[aria-haspopup=menu]")?.focus();
    wasAsking.current = isAsking;
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !event.defaultPrevented) {
      event.stopPropagation();
      if (chat.question) chat.ask(null);
      else widget.close(true);
    }
    if (event.key === "Tab" && isCovering() && dialog.current) keepWithin(dialog.current, event);
    // What is typed here is not meant for the page's own shortcuts.
    event.stopPropagation();
  };
  return (
    <div class="dialog" role="dialog" aria-modal={isCovering()} aria-label={`${strings.chat}: ${widget.current.agent.name}`} tabIndex={-1} ref={dialog} onKeyDown={onKeyDown}>
      <div class="whole" inert={chat.question !== null}>
        <Head chat={chat} />
        {!chat.isOnline && (
          <p class="banner">
            {strings.offline}
          </p>
        )}
        {chat.view === "lead" ? (
          <LeadForm chat={chat} />
        ) : (
          <>
            <Log chat={chat} />
            <Composer chat={chat} />
          </>
        )}
        <Branding branding={widget.current.branding} />
      </div>
      {chat.question && <Confirm chat={chat} question={chat.question} />}
    </div>
  );
}

// The chat covers the page: the focus goes round within it.
function keepWithin(dialog: HTMLElement, event: KeyboardEvent): void {
  const all = [...dialog.querySelectorAll<HTMLElement>("a[href], button, input, select, textarea, [tabindex='0']")];
  const reachable = all.filter((element) => !element.closest("[inert]") && !element.matches(":disabled") && element.getClientRects().length > 0);
  const [first, last] = [reachable[0], reachable.at(-1)];
  const active = (dialog.getRootNode() as ShadowRoot).activeElement;
  if (event.shiftKey && (active === first || active === dialog)) {
    event.preventDefault();
    last?.focus();
  } else if (!event.shiftKey && active === last) {
    event.preventDefault();
    first?.focus();
  }
}
