// Pusher's protocol 7, as much of it as one private channel needs. The contract's `reverb` says where.

import type { Api } from "../core/api";
import type { Reverb } from "../core/types";
import type { Ear, End } from "./channel";
import { content } from "./stream";

interface Envelope {
  event: string;
  channel?: string;
  // JSON, as a string, in most of what a server sends.
  data?: unknown;
}

const ACTIVITY_MS = 30_000;
// For what must be answered at once: the first frame, the signature, a ping.
const PATIENCE_MS = 15_000;

// Listens to the conversation until the socket ends.
export function overSocket(api: Api, { scheme, host, port, app_key: key }: Reverb, conversationId: string, ear: Ear, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    if (!key || !host) return resolve("never");
    let socket: WebSocket;
    try {
      socket = new WebSocket(`${scheme}://${host}:${port}/app/${encodeURIComponent(key)}?protocol=7&client=diagent&version=1`);
    } catch {
      // The page's policy forbids it, or the address makes no sense.
      return resolve("never");
    }
    new Session(api, socket, `private-conversation.${conversationId}`, ear, signal, resolve);
  });
}

class Session {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private activityMs = ACTIVITY_MS;

  constructor(
    private readonly api: Api,
    private readonly socket: WebSocket,
    private readonly channel: string,
    private readonly ear: Ear,
    private readonly signal: AbortSignal,
    private readonly ended: (end: End) => void,
  ) {
    socket.addEventListener("message", ({ data }) => this.take(String(data)));
    socket.addEventListener("close", ({ code }) => this.leave(meaning(code)));
    signal.addEventListener("abort", this.abort);
    this.timer = setTimeout(this.abort, PATIENCE_MS);
  }

  private readonly abort = () => this.leave("broken");

  // A network that is gone does not say so: nothing is waited for.
  private leave(end: End): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener("abort", this.abort);
    this.socket.close();
    this.ended(end);
  }

  private take(text: string): void {
    this.watch();
    const { event, channel, data } = content(text) as Partial<Envelope>;
    const details = content(data);
    switch (event) {
      case "pusher:connection_established":
        if (typeof details.activity_timeout === "number") this.activityMs = details.activity_timeout * 1_000;
        void this.subscribe(String(details.socket_id));
        break;
      case "pusher:ping":
        this.say("pusher:pong", {});
        break;
      case "pusher_internal:subscription_succeeded":
        this.ear.open();
        break;
      case "pusher:subscription_error":
        this.leave("broken");
        break;
      default:
        if (event && channel === this.channel) this.ear.heard(event, details);
    }
  }

  private async subscribe(socketId: string): Promise<void> {
    try {
      const body = new URLSearchParams({ socket_id: socketId, channel_name: this.channel });
      const signal = AbortSignal.any([this.signal, AbortSignal.timeout(PATIENCE_MS)]);
      const response = await this.api.call("/broadcasting/auth", { method: "POST", body, signal });
      const { auth } = (await response.json()) as { auth: string };
      this.say("pusher:subscribe", { channel: this.channel, auth });
    } catch {
      this.leave("broken");
    }
  }

  private say(event: string, data: unknown): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ event, data }));
  }

  // A silent connection is asked whether it lives, and then given up.
  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.say("pusher:ping", {});
      this.timer = setTimeout(this.abort, PATIENCE_MS);
    }, this.activityMs);
  }
}

// What pusher-js makes of the codes, but for the visitor who was erased: they are not heard of in any other way either.
function meaning(code: number): End {
  if (code === 4009) return "over";
  return (code >= 4000 && code < 4100) || code >= 4300 ? "never" : "broken";
}
