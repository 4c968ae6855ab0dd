// The next moment to draw in. A page that nobody sees gets no animation frames, or hardly any; it is brought up to date all the same.

const UNSEEN_MS = 250;

// Runs once, before the next frame or soon; answers how to call it off.
export function nextFrame(run: () => void): () => void {
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const once = () => {
    cancel();
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, UNSEEN_MS);
  return cancel;
}
