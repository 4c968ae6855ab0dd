// Drawings of 24 by 24, as paths of a pen.

import type { VNode } from "preact";

const PATHS = {
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  stop: "M7 7h10v10H7z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  close: "M6 6l12 12M18 6 6 18",
  up: "M7 10.5v9M7 19.5h9.6a2 2 0 0 0 2-1.6l1.2-6a2 2 0 0 0-2-2.4H14V5.8A1.8 1.8 0 0 0 12.2 4L8.5 10.5H4.5v9H7",
  down: "M7 13.5v-9M7 4.5h9.6a2 2 0 0 1 2 1.6l1.2 6a2 2 0 0 1-2 2.4H14v3.7a1.8 1.8 0 0 1-1.8 1.8l-3.7-6.5H4.5v-9H7",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  check: "m5 12.5 4.5 4.5L19 7.5",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.8-3.5 3.8-5.5 7.5-5.5s6.7 2 7.5 5.5",
  mail: "M3.5 6h17v12.5h-17zM4 6.5l8 6.5 8-6.5",
  clear: "M4 20h16M8.5 20 4 15.5 14.5 5l5 5L9.5 20",
  end: "M12 4v8M7 6.8a7.5 7.5 0 1 0 10 0",
  download: "M12 4v11M7 10.5l5 5 5-5M4.5 20h15",
  forget: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.5 11v5M13.5 11v5",
  latest: "m6 9.5 6 6 6-6",
  warning: "M12 4 2.5 20h19zM12 10v4.5M12 17.2v.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg class={`icon is-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
