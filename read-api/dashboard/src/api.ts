// Calls to both APIs. Every failure is an ApiError with a sentence for people.

import type { Page } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type Answer<T> = { body: T; etag: string | null };

const TIMEOUT_MILLISECONDS = 20_000;

export class Api {
  constructor(
    private readonly token: string,
    /** Where conversations are taken over; null when the dashboard only reads. */
    readonly commandApi: string | null,
    private readonly onSignedOut: () => void,
  ) {}

  /** Reads from the read API; null when nothing has changed since `etag`. `position` is a write that must be seen. */
  async read<T>(path: string, { etag, position, signal }: { etag?: string | null; position?: string; signal?: AbortSignal } = {}) {
    const headers: Record<string, string> = {};
    if (etag) headers["if-none-match"] = etag;
    if (position) headers["diagent-min-position"] = position;
    const response = await this.send(`/api/v1${path}`, { headers, signal });
    if (response.status === 304) return null;
    return { body: (await response.json()) as T, etag: response.headers.get("etag") } satisfies Answer<T>;
  }

  async page<T>(path: string, signal?: AbortSignal): Promise<Page<T>> {
    const answer = await this.read<Page<T>>(path, { signal });
    if (!answer) throw new ApiError(0, "unexpected", "The server gave no answer.");
    return answer.body;
  }

  /** A file, as the read API sends it. */
  async file(path: string): Promise<Blob> {
    return (await this.send(`/api/v1${path}`, {})).blob();
  }

  /** Acts in a conversation; answers where that stands in the log. */
  async act(conversationId: string, action: "claim" | "reply" | "release" | "close", body?: object): Promise<string | null> {
    const response = await this.send(`${this.commandApi}/api/v1/conversations/${conversationId}/${action}`, {
      method: "POST",
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    return response.headers.get("diagent-position");
  }

  private async send(url: string, { signal, headers, ...init }: RequestInit): Promise<Response> {
    const timeout = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
    let response: Response;
    try {
      response = await fetch(url, {
        ...init,
        cache: "no-store",
        headers: { ...headers, authorization: `Bearer ${this.token}` },
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new ApiError(0, "unreachable", "The server cannot be reached.");
    }
    if (response.ok || response.status === 304) return response;
    if (response.status === 401) this.onSignedOut();
    const error = await response
      .json()
      .then(({ error }) => error as { code: string; message: string })
      .catch(() => ({ code: "unexpected", message: `The server answered ${response.status}.` }));
    throw new ApiError(response.status, error.code, error.message);
  }
}
