import { afterEach, beforeEach, vi } from "vitest";

// A page whose time the test turns, before each test; all is as it was after it.
export function fakePage() {
  beforeEach(() => {
    vi.useFakeTimers();
    // A browser says when it is online again.
    const page = new EventTarget();
    for (const name of ["addEventListener", "removeEventListener"] as const) vi.stubGlobal(name, page[name].bind(page));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}
