// Which pages a pattern means. `/…` is compared with a page's path, `https://…` with its address, both without query and fragment;
// `*` stands for anything. The server matches curated answers by the same rules (responder/src/answer/curated.rs).

export function isOn(page: URL, pattern: string): boolean {
  return fits(pattern.startsWith("/") ? page.pathname : page.origin + page.pathname, pattern);
}

// Whether the widget is to stay away. Who closes `/checkout/*` also means `/checkout`, with or without a slash.
export function isRestricted(page: URL, patterns: readonly string[] | undefined): boolean {
  const path = page.pathname.replace(/(.)\/+$/, "$1");
  return (patterns ?? []).some((pattern) => fits(path, pattern) || fits(`${path}/`, pattern));
}

function fits(text: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  // The earliest place for each piece leaves the most for those that follow; the last one must be the end.
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
