import { expect, test, vi } from "vitest";
import { type Api, Failure } from "../src/core/api";
import { follow, type Line } from "../src/panel/stream";
import { fakePage } from "./page";

fakePage();

const token = (id: number, text: string) => `id: ${id}\ndata: {"event":"token","token":"${text}"}\n\n`;
const DONE = 'id: 2\ndata: {"event":"done"}\n\n';
const DRAINING = 'data: {"event":"error","code":"draining"}\n\n';

// Follows an answer at a server that answers each call with the next of these. Says when it was called, after which line, and what was shown.
function following(answers: (string | Failure)[]) {
  const calls: { at: number; after: string | undefined }[] = [];
  const shown: (number | null)[] = [];
  const call = (_: string, { headers }: { headers: Record<string, string> }) => {
    calls.push({ at: Date.now(), after: headers["Last-Event-ID"] });
    const answer = answers.shift()!;
    return typeof answer === "string" ? Promise.resolve(new Response(answer)) : Promise.reject(answer);
  };
  const show = (line: Line) => shown.push(line.id);
  const ended = follow({ call } as unknown as Api, "a", { response: null, after: null, show, signal: new AbortController().signal }).then(
    (frame) => frame.event,
    (failure: Failure) => failure.code,
  );
  return { calls, shown, ended };
}

const pauses = (calls: { at: number }[]) => calls.slice(1).map(({ at }, index) => at - calls[index]!.at);

test("what breaks off goes on behind the last line, and each line is shown once", async () => {
  const { calls, shown, ended } = following([token(0, "One "), token(1, "two.") + DRAINING, DONE]);
  await vi.runAllTimersAsync();
  expect(await ended).toBe("done");
  expect(calls.map(({ after }) => after)).toEqual([undefined, "0", "1"]);
  expect(shown).toEqual([0, 1, 2]);
});

test("pauses grow, and are others for each visitor", async () => {
  const away = () => Array.from({ length: 9 }, () => new Failure(0, "unreachable"));
  for (const [chance, expected] of [
    [0, [125, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]],
    [0.5, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]],
  ] as const) {
    vi.spyOn(Math, "random").mockReturnValue(chance);
    const { calls, ended } = following(away());
    await vi.runAllTimersAsync();
    expect(await ended).toBe("unreachable");
    expect(pauses(calls)).toEqual(expected);
  }
});

test("a server that says when to come again is not asked before", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  const { calls, ended } = following([new Failure(503, "log_unavailable", "", 2), new Failure(429, "throttled", "", 30), token(0, "One.") + DONE]);
  await vi.runAllTimersAsync();
  expect(await ended).toBe("done");
  expect(pauses(calls)).toEqual([2_250, 30_500]);
});

test("what is refused for good is not asked again", async () => {
  const { calls, ended } = following([new Failure(404, "message_not_found")]);
  await vi.runAllTimersAsync();
  expect(await ended).toBe("message_not_found");
  expect(calls.length).toBe(1);
});
