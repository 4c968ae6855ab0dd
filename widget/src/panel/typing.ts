// Who is typing: a person of the team is shown, and who has the conversation is told that the visitor does.

import type { Api } from "../core/api";

// A person who stopped typing does not always say so.
const SHOWN_MS = 8_000;
// The API takes 30 calls a minute; a person may know of typing a little late.
const TOLD_EVERY_MS = 4_000;

export class Typing {
  // Who types; empty when nobody does.
  name = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toldAt = 0;

  constructor(
    private readonly api: Api,
    private readonly changed: () => void,
  ) {}

  show(name: string): void {
    this.stop();
    this.name = name;
    if (name) this.timer = setTimeout(() => this.show(""), SHOWN_MS);
    this.changed();
  }

  // Tells that the visitor types. Nothing depends on it.
  tell(): void {
    const now = Date.now();
    if (now - this.toldAt < TOLD_EVERY_MS) return;
    this.toldAt = now;
    this.api.data("widget/conversation/typing", { method: "POST", body: { typing: true } }).catch(() => undefined);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.name = "";
  }
}
