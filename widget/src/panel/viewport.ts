// On a small screen the chat covers all of it that the keyboard leaves.

const COVERING = "(max-width: 480px)";

export function isCovering(): boolean {
  return matchMedia(COVERING).matches;
}

// Keeps the element as high as what can be seen; answers how to stop.
export function fitToScreen(element: HTMLElement): () => void {
  const { visualViewport: seen } = window;
  if (!seen) return () => undefined;
  const ended = new AbortController();
  const fit = () => {
    element.style.setProperty("--d-height", `${Math.round(seen.height)}px`);
    element.style.setProperty("--d-top", `${Math.round(seen.offsetTop)}px`);
  };
  for (const event of ["resize", "scroll"]) seen.addEventListener(event, fit, { signal: ended.signal });
  fit();
  return () => ended.abort();
}
