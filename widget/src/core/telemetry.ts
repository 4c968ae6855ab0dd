// What was shown, clicked and dismissed: collected, sent in batches, and flushed when the page hides.

import { type Api, Failure } from "./api";

export interface Report {
  event: string;
  rule_id?: string;
  page_url: string;
  metadata?: Record<string, unknown>;
}

const LINGER_MS = 5_000;
// The API takes 50 at a time.
const BATCH_MAX = 50;
// Figures of a visitor who is offline for long are not worth their memory.
const KEPT_MAX = 200;

export class Telemetry {
  private waiting: Report[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly leave = () => {
    if (document.visibilityState === "hidden") this.flushOnLeave();
  };

  constructor(private readonly api: Api) {
    // `pagehide` alone is not fired when a phone's tab is put away and killed.
    addEventListener("pagehide", this.leave);
    document.addEventListener("visibilitychange", this.leave);
  }

  track(event: string, metadata?: Record<string, unknown>, ruleId?: string): void {
    this.waiting.push({ event, page_url: location.href, ...(metadata && { metadata }), ...(ruleId && { rule_id: ruleId }) });
    this.waiting.splice(0, this.waiting.length - KEPT_MAX);
    this.timer ??= setTimeout(() => void this.flush(), LINGER_MS);
  }

  stop(): void {
    this.flushOnLeave();
    clearTimeout(this.timer);
    removeEventListener("pagehide", this.leave);
    document.removeEventListener("visibilitychange", this.leave);
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.splice(0, BATCH_MAX);
    let pauseMs = LINGER_MS;
    try {
      if (batch.length > 0) await this.api.data("widget/events", { method: "POST", body: batch });
    } catch (failure) {
      const again = Failure.is(failure) && (failure.status === 0 || failure.status === 429 || failure.status >= 500);
      if (again) this.waiting.unshift(...batch);
      pauseMs = Math.max(again ? 30_000 : 0, Failure.is(failure) ? failure.retryAfter * 1_000 : 0);
    }
    this.timer = this.waiting.length > 0 ? setTimeout(() => void this.flush(), pauseMs) : undefined;
  }

  // A page that is being left can send no headers: the token travels in the body, as text so that no preflight is needed.
  private flushOnLeave(): void {
    const { jwt, root } = this.api;
    if (!jwt) return;
    while (this.waiting.length > 0) {
      const events = this.waiting.splice(0, BATCH_MAX);
      const isTaken = navigator.sendBeacon(`${root}/api/v1/widget/events`, JSON.stringify({ token: jwt, events }));
      if (isTaken) continue;
      // The browser holds too much already; the page may come back.
      this.waiting.unshift(...events);
      return;
    }
  }
}
