// An answer while it is written, over Server-Sent Events: whatever breaks off in between, it goes on behind the last line that was seen.

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { type Api, Failure } from "../core/api";
import type { Frame } from "../core/types";

export interface Line {
  // The `id:` of the line; none for what only ends this connection.
  id: number | null;
  frame: Frame;
}

// The server says something, if only a comment, every 15 seconds.
const SILENCE_MAX_MS = 40_000;
const RESUMES_MAX = 8;
const PAUSE_MS = 250;
const PAUSE_MAX_MS = 8_000;

// Feeds the lines of the answer to `show` until its last, which is returned. `response` is a stream that is open already.
export async function follow(
  api: Api,
  answerId: string,
  { response, after, show, signal }: { response: Response | null; after: number | null; show: (line: Line) => void; signal: AbortSignal },
): Promise<Frame> {
  let seen = after;
  let open = response;
  for (let broken = 0; ; broken += 1) {
    let refusedMs = 0;
    try {
      const headers: Record<string, string> = seen === null ? {} : { "Last-Event-ID": String(seen) };
      open ??= await api.call(`widget/messages/${answerId}/stream`, { headers, signal });
      for await (const line of lines(open, signal)) {
        // That server stops; another one goes on.
        if (line.frame.event === "error" && line.frame.code === "draining") break;
        if (line.id !== null) seen = line.id;
        broken = 0;
        show(line);
        if (line.frame.event === "done" || line.frame.event === "error") return line.frame;
      }
    } catch (failure) {
      if (signal.aborted || isFinal(failure)) throw failure;
      if (Failure.is(failure)) refusedMs = failure.retryAfter * 1_000;
    }
    if (broken >= RESUMES_MAX) throw new Failure(0, "unreachable");
    open = null;
    // What ends all streams of a server at once must not bring their visitors back all at once.
    await pause(refusedMs + Math.min(PAUSE_MS * 2 ** broken, PAUSE_MAX_MS) * (0.5 + Math.random()), signal);
  }
}

// The lines of an answer.
export async function* lines(response: Response, signal: AbortSignal): AsyncGenerator<Line> {
  for await (const { id, data } of events(response, signal)) {
    const frame = content(data);
    if ("event" in frame) yield { id: id ? Number(id) : null, frame: frame as Frame };
  }
}

// The events of a text/event-stream; it ends with an error when nothing comes for too long.
export async function* events(response: Response, signal: AbortSignal): AsyncGenerator<EventSourceMessage> {
  if (!response.body) return;
  const arrived: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => arrived.push(event) });
  const reader = response.body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  try {
    for (;;) {
      const { value, done } = await within(SILENCE_MAX_MS, reader.read(), signal);
      if (value) parser.feed(value);
      yield* arrived.splice(0);
      if (done) return;
    }
  } finally {
    // The connection is let go, also when the reader of these events has had enough.
    reader.cancel().catch(() => undefined);
  }
}

// An object that arrives as JSON, whole or in a string; an empty one when it is none.
export function content(data: unknown): Record<string, unknown> {
  let value = data;
  try {
    if (typeof data === "string") value = JSON.parse(data);
  } catch {
    // Whoever sends something else says nothing to us.
  }
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

// The server has understood and will not give it, however often it is asked.
function isFinal(failure: unknown): boolean {
  return Failure.is(failure) && failure.status >= 400 && failure.status < 500 && failure.status !== 429;
}

function within<T>(milliseconds: number, promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Failure(0, "unreachable")), milliseconds);
    const abort = () => reject(new Failure(0, "aborted"));
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    });
  });
}

// Waits, or less when the browser is online again.
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done, { once: true });
    signal.addEventListener("abort", done, { once: true });
  });
}
