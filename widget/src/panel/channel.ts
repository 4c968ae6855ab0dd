// What happens in the conversation, told by the server: over a socket, or as an event stream where no socket comes through.
//
// It says that something has happened, and is trusted for no more: what was missed before `open` is read from the API.

import { pause } from "./stream";

export interface Ear {
  // From now on nothing is missed.
  open(): void;
  heard(event: string, data: Record<string, unknown>): void;
}

// What a connection's end means: there is nothing more to hear, do not try this way again, or it broke off.
export type End = "over" | "never" | "broken";

// A connection, from its beginning to its end.
export type Way = (ear: Ear, signal: AbortSignal) => Promise<End>;

const PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 60_000;
// What holds for so long works.
const STABLE_MS = 10_000;
// In a row, before another way is tried.
const FAILURES_MAX = 2;

export class Channel {
  isOpen = false;
  private readonly ended = new AbortController();

  // Tries the ways in turn, and stays with the one that works.
  constructor(ways: Way[], ear: Ear) {
    void this.run([...ways], ear);
  }

  close(): void {
    this.isOpen = false;
    this.ended.abort();
  }

  private async run(ways: Way[], ear: Ear): Promise<void> {
    const { signal } = this.ended;
    let failures = 0;
    while (ways[0] && !signal.aborted) {
      let openedAt = Infinity;
      const open = () => {
        if (signal.aborted) return;
        openedAt = Date.now();
        this.isOpen = true;
        ear.open();
      };
      const end = await ways[0]({ ...ear, open }, signal);
      this.isOpen = false;
      if (end === "over") return;
      failures = Date.now() - openedAt >= STABLE_MS ? 0 : failures + 1;
      if (end === "never") ways.shift();
      else if (failures > 0 && failures % FAILURES_MAX === 0) ways.push(ways.shift()!);
      await pause(Math.min(PAUSE_MS * 2 ** failures, PAUSE_MAX_MS) * (0.5 + Math.random()), signal);
    }
  }
}
