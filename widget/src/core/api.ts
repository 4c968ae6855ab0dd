// The widget API over fetch. One visitor, one token; a token that has died is replaced once and the call repeated.

import type { Store } from "./store";
import type { Welcome } from "./types";

// Why a call failed: the API's own words, or `unreachable` when there was no answer.
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message = "",
    // Seconds, when the server says so.
    readonly retryAfter = 0,
    readonly fields: { field: string; message: string }[] = [],
    // The answer that is being written, when that is why.
    readonly messageId: string | null = null,
  ) {
    super(message || code);
  }

  // Not `instanceof`: the loader and the panel are built apart, and each has this class for itself.
  static is(value: unknown): value is Failure {
    return value instanceof Error && value.name === FAILURE;
  }

  override readonly name = FAILURE;
}

const FAILURE = "DiagentFailure";

export interface Call {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface InitOptions {
  force_new?: boolean;
}

const CALL_TIMEOUT_MS = 30_000;

export class Api {
  jwt: string | null = null;
  private booting: Promise<Welcome> | null = null;

  constructor(
    readonly root: string,
    readonly agentId: string,
    private readonly kept: Store,
    private readonly locale: string | undefined,
    // Hears of each welcome: the first, and those that replace a dead token.
    private readonly welcomed: (welcome: Welcome) => void,
  ) {}

  // Boots or boots again; concurrent callers share one request, but for who wants a conversation of its own.
  async init(options: InitOptions = {}): Promise<Welcome> {
    if (options.force_new) await this.booting?.catch(() => undefined);
    this.booting ??= this.boot(options).finally(() => {
      this.booting = null;
    });
    return this.booting;
  }

  // Makes the call; null when the server says that nothing follows.
  async data<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.call(path, { ...call, signal: call.signal ?? AbortSignal.timeout(CALL_TIMEOUT_MS) });
    return response.status === 204 ? (null as T) : ((await response.json()) as { data: T }).data;
  }

  // Makes the call with a token that lives. The path is the widget API's, or begins with a slash.
  async call(path: string, call: Call = {}): Promise<Response> {
    if (!this.jwt) await this.init();
    try {
      return await this.request(path, call);
    } catch (failure) {
      if (!Failure.is(failure) || failure.status !== 401) throw failure;
      this.jwt = null;
      await this.init();
      return this.request(path, call);
    }
  }

  // Forgets who the visitor was.
  forget(): void {
    this.jwt = null;
  }

  private async boot(options: InitOptions): Promise<Welcome> {
    this.jwt = null;
    const body = {
      agent_id: this.agentId,
      page_url: location.href,
      anon_id: this.kept.get("anon_id") ?? undefined,
      locale: this.locale,
      ...options,
    };
    const response = await this.request("widget/init", { method: "POST", body, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    const { data } = (await response.json()) as { data: Welcome };
    this.kept.set("anon_id", data.anonymous_id);
    this.jwt = data.jwt;
    this.welcomed(data);
    return data;
  }

  private async request(path: string, { method = "GET", body, headers = {}, signal }: Call): Promise<Response> {
    const sent: Record<string, string> = { ...headers };
    if (this.jwt) sent.Authorization = `Bearer ${this.jwt}`;
    const isForm = body instanceof URLSearchParams;
    if (body !== undefined && !isForm) sent["Content-Type"] = "application/json";
    let response: Response;
    try {
      response = await fetch(this.root + (path.startsWith("/") ? path : `/api/v1/${path}`), {
        method,
        headers: sent,
        credentials: "omit",
        ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
        ...(signal && { signal }),
      });
    } catch {
      throw new Failure(0, "unreachable");
    }
    if (response.ok || response.status === 304) return response;
    const { error = {} } = (await response.json().catch(() => ({}))) as {
      error?: { code?: string; message?: string; fields?: { field: string; message: string }[] };
    };
    throw new Failure(
      response.status,
      error.code ?? "unknown",
      error.message,
      Number(response.headers.get("Retry-After")) || 0,
      error.fields,
      response.headers.get("Diagent-Message-Id"),
    );
  }
}
