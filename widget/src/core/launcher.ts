// What is on the page before the chat is opened: the button in the corner, and the offer that a rule makes beside it.
//
// Everything lives in a shadow root whose style sheets are adopted, not inserted: the page's styles do not reach in, ours do not
// reach out, and a Content-Security-Policy without `unsafe-inline` has nothing to object to.

import sheet from "./launcher.css";
import type { Strings } from "../strings/en";
import type { Look } from "./theme";

export interface Offer {
  message: string;
  label: string;
  accepted(): void;
  dismissed(): void;
}

// Paths of a 24 by 24 drawing.
export const ICONS = {
  chat: "M12 3.5c-5 0-9 3.4-9 7.6 0 2.4 1.3 4.5 3.3 5.9-.1 1.2-.6 2.3-1.5 3.2 1.7-.1 3.3-.7 4.6-1.7.8.2 1.7.3 2.6.3 5 0 9-3.4 9-7.7s-4-7.6-9-7.6Z",
  close: "M6 6l12 12M18 6 6 18",
  down: "m5 9 7 7 7-7",
} as const;

export class Launcher {
  readonly host = document.createElement("diagent-widget");
  readonly root = this.host.attachShadow({ mode: "open" });
  readonly section = make("section", "widget");
  readonly button = make("button", "launcher");
  private readonly badge = make("span", "badge");
  private readonly label = make("span", "label");
  private readonly offerBox = make("div", "offer");

  constructor(
    private strings: Strings,
    toggled: () => void,
    // The pointer or the focus is on the button: the chat may be wanted soon.
    approached: () => void,
  ) {
    const styles = new CSSStyleSheet();
    styles.replaceSync(sheet);
    this.root.adoptedStyleSheets = [styles];
    this.button.type = "button";
    this.button.setAttribute("aria-expanded", "false");
    this.button.append(icon("chat"), icon("down"), this.label, this.badge);
    this.button.addEventListener("click", toggled);
    this.button.addEventListener("pointerenter", approached, { once: true });
    this.button.addEventListener("focus", approached, { once: true });
    this.offerBox.setAttribute("role", "status");
    this.section.append(this.offerBox, this.button);
    this.root.append(this.section);
  }

  attach(): void {
    // A page that replaces its whole body takes the host with it.
    if (!this.host.isConnected) document.body.append(this.host);
  }

  dress(look: Look, strings: Strings, name: string, direction: "ltr" | "rtl", language: string): void {
    this.strings = strings;
    for (const [property, value] of Object.entries(look.properties)) this.host.style.setProperty(property, value);
    this.host.dataset.mode = look.dark ? "dark" : "light";
    this.host.dataset.side = look.left ? "left" : "right";
    this.host.dataset.launcher = look.launcher;
    this.section.dir = direction;
    this.section.lang = language;
    this.section.setAttribute("aria-label", strings.chat);
    this.label.textContent = look.launcherLabel || strings.askName(name);
    this.showExpanded(this.button.getAttribute("aria-expanded") === "true");
  }

  showExpanded(expanded: boolean): void {
    this.button.setAttribute("aria-expanded", String(expanded));
    this.host.toggleAttribute("data-open", expanded);
    this.name();
    if (expanded) this.withdraw();
  }

  showUnread(count: number): void {
    this.badge.textContent = count > 9 ? "9+" : count > 0 ? String(count) : "";
    this.name(count);
  }

  offer({ message, label, accepted, dismissed }: Offer): void {
    const text = make("p", "offer-text");
    text.textContent = message;
    const close = make("button", "offer-close");
    close.type = "button";
    close.setAttribute("aria-label", this.strings.dismiss);
    close.append(icon("close"));
    close.addEventListener("click", () => {
      this.withdraw();
      this.button.focus();
      dismissed();
    });
    const card = make("div", "offer-card");
    card.append(text, close);
    const accept = make("button", "offer-accept");
    accept.type = "button";
    accept.textContent = label;
    accept.addEventListener("click", () => {
      this.withdraw();
      accepted();
    });
    card.append(accept);
    this.offerBox.replaceChildren(card);
  }

  // A sentence in place of an offer, when the chat cannot be shown.
  apologise(text: string): void {
    const card = make("p", "offer-card");
    card.textContent = text;
    this.offerBox.replaceChildren(card);
  }

  get isOffering(): boolean {
    return this.offerBox.childElementCount > 0;
  }

  withdraw(): void {
    this.offerBox.replaceChildren();
  }

  remove(): void {
    this.host.remove();
  }

  private name(unread = Number.parseInt(this.badge.textContent || "0", 10)): void {
    const open = this.button.getAttribute("aria-expanded") === "true";
    const text = this.label.textContent ?? "";
    // The visible words are part of the name, so that people who speak to their computer can say them.
    this.button.setAttribute("aria-label", open ? this.strings.close : unread > 0 ? `${text}, ${this.strings.unread(unread)}` : text);
  }
}

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

function icon(name: keyof typeof ICONS): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", `icon ${name}`);
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}
