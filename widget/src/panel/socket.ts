// Pusher's protocol 7, as much of it as one private channel needs. The contract's `reverb` says where.

import type { Api } from "../core/api";
import type { Reverb } from "../core/types";

interface Envelope {
  event: string;
  channel?: string;
  // JSON, as a string, in most of what a server sends.
  data?: unknown;
}

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const ACTIVITY_MS = 30_000;

export class Socket {
  isSubscribed = false;
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private closed = false;
  private activityMs = ACTIVITY_MS;

  constructor(
    private readonly reverb: Reverb,
    private readonly channel: string,
    private readonly api: Api,
    private readonly heard: (event: string, data: Record<string, unknown>) => void,
  ) {
    this.connect();
  }

  close(): void {
    this.closed = true;
    this.isSubscribed = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private connect(): void {
    const { scheme, host, port, app_key: key } = this.reverb;
    if (this.closed || !key || !host) return;
    let socket: WebSocket;
    try {
      socket = new WebSocket(`${scheme}://${host}:${port}/app/${encodeURIComponent(key)}?protocol=7&client=diagent&version=1`);
    } catch {
      // The page's policy forbids it, or the address makes no sense: polling goes on.
      return;
    }
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => this.take(socket, String(data)));
    socket.addEventListener("close", ({ code }) => this.lost(code));
  }

  private take(socket: WebSocket, text: string): void {
    this.watchdog(socket);
    const envelope = parse(text);
    if (!envelope) return;
    const data = content(envelope.data);
    switch (envelope.event) {
      case "pusher:connection_established":
        if (typeof data.activity_timeout === "number") this.activityMs = data.activity_timeout * 1_000;
        void this.subscribe(socket, String(data.socket_id));
        break;
      case "pusher:ping":
        socket.send(JSON.stringify({ event: "pusher:pong", data: {} }));
        break;
      case "pusher:pong":
      case "pusher:error":
        break;
      case "pusher_internal:subscription_succeeded":
        this.isSubscribed = true;
        this.failures = 0;
        // What happened before is not told again.
        this.heard("subscribed", {});
        break;
      case "pusher:subscription_error":
        this.close();
        break;
      default:
        if (envelope.channel === this.channel) this.heard(envelope.event, data);
    }
  }

  private async subscribe(socket: WebSocket, socketId: string): Promise<void> {
    try {
      const body = new URLSearchParams({ socket_id: socketId, channel_name: this.channel });
      const response = await this.api.call("/broadcasting/auth", { method: "POST", body });
      const { auth } = (await response.json()) as { auth: string };
      socket.send(JSON.stringify({ event: "pusher:subscribe", data: { channel: this.channel, auth } }));
    } catch {
      socket.close();
    }
  }

  // A silent connection is asked whether it lives, and then given up.
  private watchdog(socket: WebSocket): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ event: "pusher:ping", data: {} }));
      this.timer = setTimeout(() => socket.close(), ACTIVITY_MS);
    }, this.activityMs);
  }

  // Codes 4000 to 4099 and from 4300 on mean: do not come back.
  private lost(code: number): void {
    this.isSubscribed = false;
    clearTimeout(this.timer);
    if (this.closed || (code >= 4000 && code < 4100) || code >= 4300) return;
    const pauseMs = code >= 4200 ? Math.random() * RETRY_MS : Math.min(RETRY_MS * 2 ** this.failures, RETRY_MAX_MS) * (0.5 + Math.random());
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), pauseMs);
  }
}

function parse(text: string): Envelope | null {
  try {
    const envelope = JSON.parse(text) as Envelope;
    return typeof envelope.event === "string" ? envelope : null;
  } catch {
    return null;
  }
}

function content(data: unknown): Record<string, unknown> {
  const value = typeof data === "string" ? parseAny(data) : data;
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function parseAny(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
