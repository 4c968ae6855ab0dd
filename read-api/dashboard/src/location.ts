// Addresses: the view is the path, its filters are the query, so that a reload and a link show the same.

import { useEffect, useState } from "preact/hooks";

const CHANGED = "diagent:moved";

export function navigate(url: string, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", url);
  dispatchEvent(new Event(CHANGED));
}

export function useLocation() {
  const read = () => location.pathname + location.search;
  const [url, setUrl] = useState(read);
  useEffect(() => {
    const look = () => setUrl(read());
    addEventListener("popstate", look);
    addEventListener(CHANGED, look);
    return () => {
      removeEventListener("popstate", look);
      removeEventListener(CHANGED, look);
    };
  }, []);
  const { pathname, searchParams } = new URL(url, location.origin);
  return { path: pathname, query: searchParams };
}

/** The address of `path` with some of the query's parameters changed; an empty one goes. */
export function withQuery(path: string, query: URLSearchParams, changes: Record<string, string | null>): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next.size > 0 ? `${path}?${next}` : path;
}
