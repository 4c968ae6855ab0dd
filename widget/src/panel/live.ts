// What others do in the conversation: a person of the team takes it over, writes, leaves. One tab watches and tells the others.
//
// A channel says that something has happened; what it is, is read from the API, so that nothing depends on the channel. Without one the
// conversation is asked for now and then, which costs the server little as long as it has not changed (ETag).

import type { Api } from "../core/api";
import { Failure } from "../core/api";
import type { ConversationView, MessagePage, Reverb } from "../core/types";
import { Channel, type Way } from "./channel";
import { overStream } from "./news";
import { overSocket } from "./socket";
import type { Tabs } from "./tabs";

const ATTENDED_MS = 6_000;
const UNATTENDED_MS = 30_000;
// With a channel, asking is only a safeguard.
const SAFEGUARD_MS = 60_000;

export interface Watched {
  // Nothing to watch: nobody has written yet.
  isEmpty(): boolean;
  // A person is there, or asked for.
  isAttended(): boolean;
  // An answer is being written; it is shown from its own stream.
  isBusy(): boolean;
  synced(page: MessagePage, view: ConversationView): void;
  typing(name: string): void;
  reverb(): Reverb;
  conversationId(): string;
}

export class Live {
  private etag: string | null = null;
  private wakeUp: (() => void) | null = null;
  // Something has happened that was not looked at yet.
  private stale = false;
  private woken = false;
  private channel: Channel | null = null;

  constructor(
    private readonly api: Api,
    private readonly tabs: Tabs,
    private readonly watched: Watched,
    private readonly signal: AbortSignal,
  ) {}

  start(): void {
    void this.tabs.lead("live", () => this.watch());
  }

  // Something has happened: looks now.
  wake(): void {
    this.stale = true;
    this.woken = true;
    this.wakeUp?.();
  }

  // An answer is complete: what happened beside it can be looked at.
  settled(): void {
    if (this.stale) this.wake();
  }

  // The conversation is another one: what is known of the old one says nothing.
  reset(): void {
    this.etag = null;
    this.channel?.close();
    this.channel = null;
    this.wake();
  }

  private async watch(): Promise<void> {
    while (!this.signal.aborted) {
      let pauseMs = this.interval();
      this.woken = false;
      if (!this.watched.isEmpty() && !this.watched.isBusy() && (this.stale || !document.hidden || this.watched.isAttended())) {
        this.stale = false;
        this.connect();
        pauseMs = await this.look(pauseMs);
      }
      if (!this.woken) await this.rest(pauseMs);
    }
    this.channel?.close();
  }

  // Asks once; answers how long to rest.
  private async look(pauseMs: number): Promise<number> {
    try {
      const headers: Record<string, string> = this.etag ? { "If-None-Match": this.etag } : {};
      const response = await this.api.call("widget/conversation/messages", { headers, signal: AbortSignal.any([this.signal, AbortSignal.timeout(20_000)]) });
      if (response.status === 304) return pauseMs;
      const { data: page } = (await response.json()) as { data: MessagePage };
      const view = await this.api.data<ConversationView>("widget/conversation");
      this.etag = response.headers.get("ETag");
      if (this.watched.isBusy()) {
        this.etag = null;
        return pauseMs;
      }
      this.watched.synced(page, view);
      this.tabs.tell({ type: "page", page, view });
      return this.interval();
    } catch (failure) {
      return Math.max(pauseMs, Failure.is(failure) ? failure.retryAfter * 1_000 : 0, UNATTENDED_MS);
    }
  }

  private connect(): void {
    if (this.channel) return;
    const { api, watched } = this;
    const ways: Way[] = [(ear, signal) => overSocket(api, watched.reverb(), watched.conversationId(), ear, signal)];
    // A stream holds one of the few connections that a browser has for a host: only a tab that leads the others may.
    if (this.tabs.shared) ways.push((ear, signal) => overStream(api, ear, signal));
    this.channel = new Channel(ways, {
      open: () => this.wake(),
      heard: (event, data) => (event === "typing" ? this.typing(data) : this.wake()),
    });
  }

  private typing(data: Record<string, unknown>): void {
    const { role, typing, name, author } = data;
    if (role === "visitor") return;
    const who = typing === false ? "" : typeof name === "string" ? name : typeof author === "string" ? author : "…";
    this.watched.typing(who);
    this.tabs.tell({ type: "typing", name: who });
  }

  private interval(): number {
    if (this.channel?.isOpen) return SAFEGUARD_MS;
    return this.watched.isAttended() ? ATTENDED_MS : UNATTENDED_MS;
  }

  private rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        document.removeEventListener("visibilitychange", seen);
        this.signal.removeEventListener("abort", done);
        this.wakeUp = null;
        resolve();
      };
      const seen = () => {
        if (!document.hidden) this.wake();
      };
      const timer = setTimeout(done, milliseconds);
      document.addEventListener("visibilitychange", seen);
      this.signal.addEventListener("abort", done, { once: true });
      this.wakeUp = done;
    });
  }
}
