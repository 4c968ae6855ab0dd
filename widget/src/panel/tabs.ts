// The visitor's other tabs. One of them does what only one should: follow an answer, hold the socket. The others hear of it.
//
// Leadership is a Web Lock: it passes on when its tab is closed or dies. Where there are none (a page without TLS), each tab leads for itself.

import type { Citation, ConversationView, MessagePage } from "../core/types";
import type { Line } from "./stream";

export type News =
  // A tab has sent a message, and follows its answer.
  | { type: "asked"; text: string; name: string; answerId: string | null }
  | { type: "line"; answerId: string; line: Line }
  // Who joins late asks what was said so far.
  | { type: "want"; answerId: string }
  | { type: "so-far"; answerId: string; id: number | null; text: string; citations: Citation[] }
  | { type: "page"; page: MessagePage; view: ConversationView }
  | { type: "typing"; name: string }
  // The conversation is another one, or empty.
  | { type: "reset"; erased: boolean };

export class Tabs {
  private readonly channel: BroadcastChannel | null;

  constructor(
    private readonly scope: string,
    hear: (news: News) => void,
    private readonly signal: AbortSignal,
  ) {
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(scope) : null;
    this.channel?.addEventListener("message", ({ data }) => hear(data as News));
    signal.addEventListener("abort", () => this.channel?.close());
  }

  tell(news: News): void {
    if (!this.signal.aborted) this.channel?.postMessage(news);
  }

  // Runs `lead` as soon as no other tab does, until it ends or `signal` aborts.
  async lead(what: string, lead: () => Promise<void>, signal = this.signal): Promise<void> {
    if (!this.shared) return lead();
    try {
      await navigator.locks.request(`${this.scope}.${what}`, { signal }, lead);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  // Whether other tabs can be led at all.
  get shared(): boolean {
    return this.channel !== null && "locks" in navigator;
  }
}
