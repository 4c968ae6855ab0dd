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

// The entries after the server's latest page: older messages that were read back stay, what the page holds is as the page says, and what
// is only here stays at the end.
export function merged(entries: readonly Entry[], { messages, has_more }: MessagePage): Entry[] {
  const [oldest] = messages;
  if (!oldest) return has_more ? [...entries] : entries.filter(isOnlyHere);
  const place = entries.findIndex((entry) => entry.kind === "message" && entry.message.id === oldest.id);
  const listed = new Set(messages.map(({ id }) => id));
  const older = place < 0 ? [] : entries.slice(0, place).filter((entry) => entry.kind === "note" || entry.state === "known");
  const kept = entries.filter((entry) => !older.includes(entry) && isOnlyHere(entry) && !(entry.kind === "message" && listed.has(entry.message.id)));
  return [...older, ...messages.map(known), ...kept];
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
