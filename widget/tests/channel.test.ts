import { beforeEach, expect, test, vi } from "vitest";
import { Channel, type Ear, type End, type Way } from "../src/panel/channel";
import { fakePage } from "./page";

fakePage();
beforeEach(() => {
  // Half of a pause is by chance.
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});

interface Attempt {
  name: string;
  ear: Ear;
  // Ends, and lets no time pass.
  end(end: End): Promise<void>;
  // Ends, and lets the longest pause pass.
  ends(end: End): Promise<void>;
}

// Ways that end when the test says so.
function ways(...names: string[]): { attempts: Attempt[]; all: Way[] } {
  const attempts: Attempt[] = [];
  const way = (name: string): Way => (ear, signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve("broken"));
      const end = async (what: End) => {
        resolve(what);
        await vi.advanceTimersByTimeAsync(0);
      };
      const ends = async (what: End) => {
        await end(what);
        await vi.advanceTimersByTimeAsync(60_000);
      };
      attempts.push({ name, ear, end, ends });
    });
  return { attempts, all: names.map(way) };
}

const ear: Ear = { open: () => undefined, heard: () => undefined };
const tried = (attempts: Attempt[]) => attempts.map(({ name }) => name);

test("what fails twice makes room for the other way, and gets its turn again", async () => {
  const { attempts, all } = ways("socket", "stream");
  new Channel(all, ear);
  for (let attempt = 0; attempt < 5; attempt += 1) await attempts[attempt]!.ends("broken");
  expect(tried(attempts)).toEqual(["socket", "socket", "stream", "stream", "socket", "socket"]);
});

test("what has worked for a while is tried again as long as it works", async () => {
  const { attempts, all } = ways("socket", "stream");
  const channel = new Channel(all, ear);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    attempts[attempt]!.ear.open();
    expect(channel.isOpen).toBe(true);
    await vi.advanceTimersByTimeAsync(20_000);
    await attempts[attempt]!.end("broken");
    expect(channel.isOpen).toBe(false);
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(tried(attempts)).toEqual(Array(6).fill("socket"));
});

test("a proxy that opens and cuts at once is not asked for ever", async () => {
  const { attempts, all } = ways("socket", "stream");
  new Channel(all, ear);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    attempts[attempt]!.ear.open();
    await attempts[attempt]!.ends("broken");
  }
  expect(tried(attempts)).toEqual(["socket", "socket", "stream"]);
});

test("pauses grow, to a minute", async () => {
  const { attempts, all } = ways("socket");
  new Channel(all, ear);
  for (const seconds of [2, 4, 8, 16, 32, 60, 60]) {
    const before = attempts.length;
    await attempts.at(-1)!.end("broken");
    await vi.advanceTimersByTimeAsync(seconds * 1_000 - 1);
    expect(attempts.length).toBe(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(attempts.length).toBe(before + 1);
  }
});

test("a way that is refused for good is left out, and nothing is tried when none is left", async () => {
  const { attempts, all } = ways("socket", "stream");
  new Channel(all, ear);
  await attempts[0]!.ends("never");
  await attempts[1]!.ends("broken");
  await attempts[2]!.ends("never");
  expect(tried(attempts)).toEqual(["socket", "stream", "stream"]);
});

test("who was forgotten, or leaves, is not heard of again", async () => {
  const forgotten = ways("socket", "stream");
  new Channel(forgotten.all, ear);
  await forgotten.attempts[0]!.ends("over");
  expect(tried(forgotten.attempts)).toEqual(["socket"]);

  const left = ways("socket", "stream");
  let opened = 0;
  const channel = new Channel(left.all, { ...ear, open: () => (opened += 1) });
  channel.close();
  await vi.advanceTimersByTimeAsync(60_000);
  left.attempts[0]!.ear.open();
  expect(tried(left.attempts)).toEqual(["socket"]);
  expect([opened, channel.isOpen]).toEqual([0, false]);
});
