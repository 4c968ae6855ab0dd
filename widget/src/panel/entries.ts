// What stands in the chat, from top to bottom, and how it becomes what the server says.

import type { Message, MessagePage } from "../core/types";

// A message. `known` ones came from the server; the others are on their way, and are replaced when they come back.
export interface Spoken {
  kind: "message";
  key: string;
  message: Message;
  state: "known" | "sending" | "sent" | "failed" | "streaming" | "settled";
  // What went wrong, and what can be done.
  problem?: string;
  action?: Action;
  // Nobody was reached: it goes by itself when the browser is back online.
  waits?: boolean;
}

// Something the widget says by itself. It is not kept.
export interface Note {
  kind: "note";
  key: string;
  text: string;
  tone: "quiet" | "problem" | "rating" | "offer";
  action?: Action;
}

export interface Action {
  label: string;
  run(): void;
}

export type Entry = Spoken | Note;

export function known(message: Message): Spoken {
  return { kind: "message", key: message.id, message, state: "known" };
}

// The entries after the server's latest page: older messages that were read back stay, what the page holds is as the page says, what is
// on its way stays at the end, and notes stay behind the messages that they came after.
export function merged(entries: readonly Entry[], { messages, has_more }: MessagePage): Entry[] {
  const [oldest] = messages;
  if (!oldest) return has_more ? [...entries] : entries.filter(isOnlyHere);
  const place = entries.findIndex((entry) => entry.kind === "message" && entry.message.id === oldest.id);
  const older = entries.slice(0, Math.max(place, 0)).filter((entry) => entry.kind === "message" && entry.state === "known");
  const listed = new Set(messages.map(({ id }) => id));
  const underWay = entries.filter((entry) => entry.kind === "message" && isOnlyHere(entry) && !listed.has(entry.message.id));
  const spoken = [...older, ...messages.map(known), ...underWay];
  const places = notePlaces(entries, spoken);
  return [...places.get(0) ?? [], ...spoken.flatMap((entry, index) => [entry, ...(places.get(index + 1) ?? [])])];
}

// Behind how many of the messages each note stands: behind the last one before it that both lists know, and as many more as came between.
function notePlaces(entries: readonly Entry[], spoken: readonly Entry[]): Map<number, Note[]> {
  const at = new Map(spoken.map(({ key }, index) => [key, index + 1]));
  const places = new Map<number, Note[]>();
  let place = 0;
  for (const entry of entries) {
    if (entry.kind === "note") places.set(place, [...(places.get(place) ?? []), entry]);
    else place = Math.min(at.get(entry.key) ?? place + 1, spoken.length);
  }
  return places;
}

// Older messages in front of the others.
export function prepended(entries: readonly Entry[], { messages }: MessagePage): Entry[] {
  const here = new Set(entries.map(({ key }) => key));
  return [...messages.filter(({ id }) => !here.has(id)).map(known), ...entries];
}

// The oldest message that the server knows: earlier ones are before it.
export function oldestKnown(entries: readonly Entry[]): string | null {
  const oldest = entries.find((entry) => entry.kind === "message" && entry.state === "known");
  return oldest?.kind === "message" ? oldest.message.id : null;
}

// How many messages came from the other side after `read`, the last that was seen.
export function unread(entries: readonly Entry[], read: string | null): number {
  const spoken = entries.filter((entry) => entry.kind === "message");
  const place = spoken.findIndex(({ message }) => message.id === read);
  return spoken.slice(place + 1).filter(({ message, state }) => message.role !== "visitor" && state !== "streaming").length;
}

// What the server does not have yet. A message that was sent, or an answer that is complete, is on its next page.
function isOnlyHere(entry: Entry): boolean {
  return entry.kind === "note" || entry.state === "sending" || entry.state === "failed" || entry.state === "streaming";
}
