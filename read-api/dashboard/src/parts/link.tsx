// A link within the dashboard: it changes the view without loading the page again, and is a link in all else.

import type { ComponentChildren } from "preact";

import { navigate } from "../location";

type Props = { href: string; class?: string; current?: boolean; label?: string; children: ComponentChildren };

export function Link({ href, current, label, children, ...rest }: Props) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a {...rest} href={href} onClick={follow} aria-current={current ? "page" : undefined} aria-label={label}>
      {children}
    </a>
  );
}
