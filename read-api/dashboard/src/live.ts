// Data that stays current: asked for again every few seconds while somebody looks, answered with 304 when nothing has changed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import type { ApiError } from "./api";
import { useApi } from "./context";

const BACKOFF_MAX_MILLISECONDS = 30_000;

export type Live<T> = {
  data: T | null;
  /** Why the last look failed; `data` is then what was seen before. */
  error: ApiError | null;
  /** Looks again at once; with a position, only what has seen that write is shown. */
  refresh: (position?: string | null) => void;
};

/** What `path` answers, looked at every `milliseconds`. Another path begins anew; null asks for nothing. */
export function useLive<T>(path: string | null, milliseconds: number): Live<T> {
  const api = useApi();
  const [state, setState] = useState<{ path: string | null; data: T | null; error: ApiError | null }>({ path, data: null, error: null });
  const wake = useRef<(position?: string | null) => void>(() => {});
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let etag: string | null = null;
    let timer = 0;
    let failures = 0;
    let asking = 0;
    setState((before) => (before.path === path ? before : { path, data: null, error: null }));
    const look = async (position?: string | null) => {
      clearTimeout(timer);
      const turn = ++asking;
      try {
        const answer = await api.read<T>(path, { etag, position: position ?? undefined, signal: abort.signal });
        failures = 0;
        // A look that a write has overtaken knows less than the one that follows it.
        if (turn !== asking) return;
        if (answer) {
          etag = answer.etag;
          setState({ path, data: answer.body, error: null });
        } else {
          setState((before) => (before.error ? { ...before, error: null } : before));
        }
      } catch (error) {
        if (abort.signal.aborted || turn !== asking) return;
        failures += 1;
        setState((before) => ({ ...before, path, error: error as ApiError }));
      }
      const wait = Math.min(milliseconds * 2 ** failures, Math.max(milliseconds, BACKOFF_MAX_MILLISECONDS));
      timer = window.setTimeout(() => document.visibilityState === "visible" && look(), wait);
    };
    const onVisible = () => document.visibilityState === "visible" && look();
    wake.current = look;
    look();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [api, path, milliseconds]);
  const refresh = useCallback((position?: string | null) => wake.current(position), []);
  const isCurrent = state.path === path;
  return { data: isCurrent ? state.data : null, error: isCurrent ? state.error : null, refresh };
}

/** The time, moving on every `milliseconds`, for ages. */
export function useNow(milliseconds = 10_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}

/** The value, once it has been still for a while. */
export function useSettled<T>(value: T, milliseconds = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
