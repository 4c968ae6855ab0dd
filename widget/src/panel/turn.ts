// One answer while it is written: this tab follows it, or hears of it from the tab that does.

import type { Api } from "../core/api";
import type { Frame } from "../core/types";
import type { Spoken } from "./entries";
import { Reveal } from "./reveal";
import { Sentences } from "./sentences";
import { follow, type Line, pause } from "./stream";
import type { News, Tabs } from "./tabs";

// Another tab that says nothing for this long is not there.
const SILENCE_MS = 1_500;

export class Turn {
  readonly entry: Spoken;
  private readonly reveal: Reveal;
  private readonly sentences: Sentences;
  private readonly over = new AbortController();
  private seen: number | null = null;
  private last: Frame | null = null;
  private heard = false;

  constructor(
    readonly answerId: string,
    private readonly api: Api,
    private readonly tabs: Tabs,
    language: string,
    changed: () => void,
    announce: (sentence: string) => void,
  ) {
    const message = { id: answerId, role: "assistant" as const, content: "" };
    this.entry = { kind: "message", key: answerId, message, state: "streaming" };
    this.sentences = new Sentences(language, announce);
    this.reveal = new Reveal((text) => {
      this.entry.message = { ...this.entry.message, content: text };
      changed();
    });
  }

  // Shows the answer to its end. `response` is its stream, when this tab has asked.
  async run(response: Response | null, signal: AbortSignal): Promise<Frame> {
    const over = AbortSignal.any([signal, this.over.signal]);
    const lead = () => this.lead(response, over);
    if (response || !this.tabs.shared) await lead();
    else await Promise.race([this.tabs.lead(`turn.${this.answerId}`, lead, over), this.listen(over)]);
    await this.reveal.finish();
    this.sentences.end();
    if (!this.last) throw new DOMException("the answer is not followed any more", "AbortError");
    return this.last;
  }

  // Whether anything of it has been said.
  get isSilent(): boolean {
    return this.reveal.text.trim() === "";
  }

  hear(news: News): void {
    if (news.type === "line" && news.answerId === this.answerId) {
      const { id } = news.line;
      this.heard = true;
      if (id === null || id === (this.seen ?? -1) + 1) this.take(news.line);
      else if (id > (this.seen ?? -1)) this.tabs.tell({ type: "want", answerId: this.answerId });
    } else if (news.type === "so-far" && news.answerId === this.answerId) {
      this.heard = true;
      if ((news.id ?? -1) <= (this.seen ?? -1)) return;
      const text = this.reveal.text;
      if (news.text.startsWith(text)) this.say(news.text.slice(text.length));
      else {
        this.restart();
        this.say(news.text);
      }
      this.seen = news.id;
      this.entry.message = { ...this.entry.message, citations: news.citations };
    } else if (news.type === "want" && news.answerId === this.answerId && this.leading) {
      const { citations = [] } = this.entry.message;
      this.tabs.tell({ type: "so-far", answerId: this.answerId, id: this.seen, text: this.reveal.text, citations });
    }
  }

  private leading = false;

  private async lead(response: Response | null, signal: AbortSignal): Promise<void> {
    if (this.last) return;
    this.leading = true;
    const show = (line: Line) => {
      this.take(line);
      this.tabs.tell({ type: "line", answerId: this.answerId, line });
    };
    const following = () => follow(this.api, this.answerId, { response, after: this.seen, show, signal });
    try {
      // Who has asked leads at once; the lock is for those who wait for this tab to be gone.
      if (response) await Promise.all([following().finally(() => this.over.abort()), this.tabs.lead(`turn.${this.answerId}`, () => this.held(signal), signal)]);
      else await following();
    } catch (failure) {
      if (!this.last) throw failure;
    }
  }

  private held(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  // Until the last line is heard. When nobody speaks, this tab follows by itself.
  private async listen(signal: AbortSignal): Promise<void> {
    this.tabs.tell({ type: "want", answerId: this.answerId });
    await pause(SILENCE_MS, signal);
    if (!this.heard && !this.leading) await this.lead(null, signal);
    else await this.held(signal);
  }

  private take({ id, frame }: Line): void {
    // What another tab has told is not said twice.
    if (this.last || (id !== null && id <= (this.seen ?? -1))) return;
    if (id !== null) this.seen = id;
    switch (frame.event) {
      case "token":
        this.say(frame.token);
        break;
      case "restart":
        this.restart();
        break;
      case "citations":
        this.entry.message = { ...this.entry.message, citations: frame.citations };
        break;
      case "done":
      case "error":
        this.last = frame;
        this.over.abort();
    }
  }

  private say(text: string): void {
    this.reveal.add(text);
    this.sentences.add(text);
  }

  private restart(): void {
    this.reveal.restart();
    this.sentences.restart();
  }
}
