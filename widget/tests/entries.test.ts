import { expect, test } from "vitest";
import type { Message } from "../src/core/types";
import { type Entry, known, merged, prepended, type Spoken, unread } from "../src/panel/entries";

const message = (id: string, role: Message["role"] = "visitor"): Message => ({ id, role, content: id });
const page = (...ids: string[]) => ({ messages: ids.map((id) => message(id)), has_more: false });
const note = (key: string): Entry => ({ kind: "note", key, text: key, tone: "quiet" });
const here = (key: string, state: Spoken["state"]): Entry => ({ kind: "message", key, message: message(key), state });
const keys = (entries: Entry[]) => entries.map(({ key }) => key).join(" ");

test("what the server says takes the place of what was sent, and what is on its way stays at the end", () => {
  const entries = [known(message("a")), here("mine", "sent"), here("failed", "failed")];
  expect(keys(merged(entries, page("a", "b")))).toBe("a b failed");
});

test("a note stays behind the message that it came after", () => {
  const entries = [known(message("a")), note("joined"), here("mine", "sent"), note("reached")];
  expect(keys(merged(entries, page("a", "b", "c")))).toBe("a joined b reached c");
});

test("messages that were read back stay in front", () => {
  const entries = prepended([known(message("c"))], page("a", "b"));
  expect(keys(merged(entries, page("c", "d")))).toBe("a b c d");
});

test("a conversation that was cleared elsewhere is empty here", () => {
  expect(keys(merged([known(message("a")), note("n")], page()))).toBe("n");
});

test("what came from the other side since the last look is unread", () => {
  const entries = [known(message("a")), known(message("b", "assistant")), known(message("c", "operator")), here("d", "streaming")];
  expect(unread(entries, "a")).toBe(2);
  expect(unread(entries, "c")).toBe(0);
});
