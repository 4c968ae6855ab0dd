// Icons: strokes on a 24-unit grid, in the colour of the text; always beside words or a label.

const PATHS = {
  chats: "M20 11.500a7.5 7.5 0 0 1-7.5 7.500H5l1.4-2.800A7.5 7.5 0 1 1 20 11.500Z",
  leads: "M16 19a4 4 0 0 0-8 0M12 11.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4.5 3.500h15a1 1 0 0 1 1 1v15a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1Z",
  insights: "M4 20V4M4 20h16M8.5 16v-4M13 16V8M17.5 16v-6",
  questions: "M9.2 9a2.9 2.9 0 1 1 4.3 2.500c-.9.5-1.5 1.1-1.5 2.200M12 17h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  system: "M4 7c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3ZM4 7v5c0 1.7 3.6 3 8 3s8-1.3 8-3V7M4 12v5c0 1.7 3.6 3 8 3s8-1.3 8-3v-5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  back: "M15 5l-7 7 7 7",
  hand: "M8 12V6a1.5 1.5 0 0 1 3 0v4m0-5.500a1.5 1.5 0 0 1 3 0V10m0-4a1.5 1.5 0 0 1 3 0v8a6 6 0 0 1-6 6c-2.5 0-4-1.2-5.2-3.200L4 13.500c-.6-1 .8-2.4 2-1.300l2 1.8",
  person: "M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM5 20.500a7 7 0 0 1 14 0",
  unsure: "M12 8v5M12 16.500h.01M10.3 4 2.8 17a2 2 0 0 0 1.7 3h15a2 2 0 0 0 1.7-3L13.7 4a2 2 0 0 0-3.4 0Z",
  good: "M7 20V10l4-7c1.2 0 2.2 1 2 2.200L12.5 9H18a2 2 0 0 1 2 2.400l-1.3 7A2 2 0 0 1 16.7 20H7ZM7 20H4V10h3",
  bad: "M17 4v10l-4 7c-1.2 0-2.2-1-2-2.200l.5-3.800H6a2 2 0 0 1-2-2.400l1.3-7A2 2 0 0 1 7.3 4H17ZM17 4h3v10h-3",
  download: "M12 4v11m0 0 4-4m-4 4-4-4M5 20h14",
  leave: "M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 16l-4-4 4-4M6 12h9",
  send: "M5 12h13M12 5l7 7-7 7",
  offline: "M3 3l18 18M8.5 15.500a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.500M12 19.500h.01M15 9.700a10 10 0 0 1 4 2.3",
  close: "M6 6l12 12M18 6 6 18",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
