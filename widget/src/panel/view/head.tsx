// Who answers, and what else can be done.

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { vetted } from "../vetted";
import type { Chat } from "../chat";
import { Icon, type IconName } from "./icon";

export function Head({ chat }: { chat: Chat }): VNode {
  const { widget, strings, claimedBy, isPersonAsked } = chat;
  const name = claimedBy ?? widget.agentName;
  const state = claimedBy ? strings.personHere : isPersonAsked ? strings.personAsked : strings.assistantHere;
  return (
    <header class="head">
      <Face name={name} picture={claimedBy ? "" : widget.look.avatarUrl} />
      <div class="who">
        <h2>
          <bdi>{claimedBy ?? widget.current.agent.name}</bdi>
        </h2>
        <p class={claimedBy ? "state live" : "state"}>{state}</p>
      </div>
      <Menu chat={chat} />
      <button type="button" class="round" aria-label={strings.close} onClick={() => widget.close(true)}>
        <Icon name="close" />
      </button>
    </header>
  );
}

function Face({ name, picture }: { name: string; picture: string }): VNode {
  const [isBroken, setBroken] = useState(false);
  const address = picture && !isBroken ? vetted(picture) : null;
  return (
    <span class="face" aria-hidden="true">
      {address ? <img src={address} alt="" onError={() => setBroken(true)} /> : ([...name][0] ?? "").toUpperCase()}
    </span>
  );
}

interface Item {
  icon: IconName;
  label: string;
  run(): void;
  isDanger?: boolean;
}

function items(chat: Chat): Item[] {
  const { strings } = chat;
  const some: (Item | false)[] = [
    !chat.claimedBy && !chat.isClosed && { icon: "person", label: strings.person, run: () => void chat.menu.requestPerson() },
    { icon: "mail", label: strings.leave, run: () => chat.show("lead") },
    { icon: "clear", label: strings.clear, run: () => chat.ask("clear") },
    !chat.isClosed && { icon: "end", label: strings.end, run: () => chat.ask("end") },
    { icon: "download", label: strings.download, run: () => void chat.menu.download() },
    { icon: "forget", label: strings.forget, run: () => chat.ask("forget"), isDanger: true },
  ];
  return some.filter((item) => item !== false);
}

// WAI-ARIA's menu button: arrows move, Escape and Tab close, the focus returns to the button.
function Menu({ chat }: { chat: Chat }): VNode {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const entries = () => [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
  useEffect(() => {
    if (!isOpen) return undefined;
    entries()[0]?.focus();
    const away = (event: Event) => {
      if (!event.composedPath().includes(list.current as EventTarget) && !event.composedPath().includes(button.current as EventTarget)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [isOpen]);
  const leave = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = entries();
    const at = all.indexOf((list.current?.getRootNode() as ShadowRoot).activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) all.at(to % all.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu">
      <button type="button" class="round" aria-label={chat.strings.menu} aria-haspopup="menu" aria-expanded={isOpen} ref={button} onClick={() => setOpen(!isOpen)}>
        <Icon name="more" />
      </button>
      {isOpen && (
        <div class="items" role="menu" aria-label={chat.strings.menu} ref={list} onKeyDown={onKeyDown}>
          {items(chat).map(({ icon, label, run, isDanger }) => (
            <button
              key={icon}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={isDanger ? "danger" : ""}
              onClick={() => {
                leave();
                run();
              }}
            >
              <Icon name={icon} />
              {label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
