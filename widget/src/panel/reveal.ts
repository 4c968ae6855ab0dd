// Tokens come in bursts; people read evenly. Shows what has come letter by letter, as fast as it comes but never in jumps.

import { nextFrame } from "./frame";

// Frames until all that waits is shown: a burst is spread over about a fifth of a second.
const FRAMES = 12;

export class Reveal {
  private whole = "";
  private shown = 0;
  private cancel: (() => void) | null = null;
  private finished: (() => void) | null = null;

  constructor(
    private readonly show: (text: string) => void,
    private readonly still = matchMedia("(prefers-reduced-motion: reduce)").matches,
  ) {}

  add(text: string): void {
    this.whole += text;
    this.proceed();
  }

  // What was shown is void.
  restart(): void {
    this.whole = "";
    this.shown = 0;
    this.show("");
  }

  get text(): string {
    return this.whole;
  }

  // Resolves when everything is shown.
  async finish(): Promise<void> {
    if (this.shown >= this.whole.length) return;
    await new Promise<void>((resolve) => {
      this.finished = resolve;
      this.proceed();
    });
  }

  private proceed(): void {
    if (this.still || document.hidden) {
      this.cancel?.();
      this.cancel = null;
      this.advance(this.whole.length);
    } else {
      this.cancel ??= nextFrame(this.step);
    }
  }

  private readonly step = (): void => {
    this.cancel = null;
    const waiting = this.whole.length - this.shown;
    this.advance(this.shown + Math.max(1, Math.ceil(waiting / FRAMES)));
    if (this.shown < this.whole.length) this.proceed();
  };

  private advance(to: number): void {
    // Not through the middle of a pair: half an emoji is a question mark.
    const code = this.whole.charCodeAt(to - 1);
    this.shown = Math.min(code >= 0xd800 && code <= 0xdbff ? to + 1 : to, this.whole.length);
    this.show(this.whole.slice(0, this.shown));
    if (this.shown >= this.whole.length) {
      this.finished?.();
      this.finished = null;
    }
  }
}
