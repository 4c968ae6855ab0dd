// What a view shows when it has nothing to show: still loading, empty, failed.

import type { ComponentChildren } from "preact";

import { Icon, type IconName } from "./icons";

type EmptyProps = { icon: IconName; title: string; children?: ComponentChildren };

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Failed({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return (
    <div class="empty" role="alert">
      <span class="empty-icon failed">
        <Icon name="offline" />
      </span>
      <h2>This cannot be shown right now</h2>
      <p>{error.message}</p>
      <button type="button" class="button" onClick={() => onRetry()}>
        Try again
      </button>
    </div>
  );
}

/** Grey rows where the real ones will be. */
export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}

/** Above what was seen before: it is not current any more. */
export function Stale({ error }: { error: Error | null }) {
  return error ? (
    <p class="stale" role="status">
      <Icon name="offline" /> {error.message} What you see may be old; trying again.
    </p>
  ) : null;
}
