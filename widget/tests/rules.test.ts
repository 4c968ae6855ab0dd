// @vitest-environment happy-dom

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isUnderstood, mentions, Rules, type Stage } from "../src/core/rules";
import type { Conditions, Rule } from "../src/core/types";

let rules: Rules;
let fired: string[];

beforeEach(() => {
  vi.useFakeTimers();
  fired = [];
});

afterEach(() => {
  rules.stop();
  vi.useRealTimers();
});

test("a rule fires when all of its conditions hold, and once a visit", () => {
  let page = "https://site.example/pricing";
  let messages = 1;
  start([rule("both", { url_patterns: ["/pricing"], message_count: 2 })], { page: () => new URL(page), messageCount: () => messages });
  vi.advanceTimersByTime(1_000);
  expect(fired).toEqual([]);
  messages = 2;
  page = "https://site.example/faq";
  rules.messageSent("hello");
  vi.advanceTimersByTime(1_000);
  expect(fired).toEqual([]);
  page = "https://site.example/pricing";
  rules.messageSent("hello");
  vi.advanceTimersByTime(60_000);
  rules.messageSent("hello");
  vi.advanceTimersByTime(60_000);
  expect(fired).toEqual(["both"]);
});

test("of several at once the one with the highest priority fires, and the next one a while later", () => {
  start([rule("low", { url_patterns: ["*"] }, 1), rule("high", { url_patterns: ["*"] }, 9)]);
  vi.advanceTimersByTime(1_000);
  expect(fired).toEqual(["high"]);
  vi.advanceTimersByTime(30_000);
  expect(fired).toEqual(["high", "low"]);
});

test("who does nothing for long enough is idle, and who moves is not", () => {
  start([rule("idle", { idle_seconds: 10 })]);
  vi.advanceTimersByTime(9_000);
  window.dispatchEvent(new Event("pointermove"));
  vi.advanceTimersByTime(9_000);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(2_000);
  expect(fired).toEqual(["idle"]);
});

test("a pointer that leaves towards the tabs is about to go, one that leaves below is not", () => {
  start([rule("exit", { exit_intent: true })]);
  const leave = (clientY: number) => document.documentElement.dispatchEvent(new PointerEvent("pointerleave", { clientY, pointerType: "mouse" }));
  leave(700);
  expect(fired).toEqual([]);
  leave(0);
  expect(fired).toEqual(["exit"]);
});

test("what the visitor says is answered at once, also shortly after another offer", () => {
  start([rule("page", { url_patterns: ["*"] }), rule("refund", { intent_keywords: ["refund", "money back"] })]);
  vi.advanceTimersByTime(1_000);
  rules.messageSent("I want my MONEY-BACK, please");
  vi.advanceTimersByTime(1_000);
  expect(fired).toEqual(["page", "refund"]);
});

test("keywords are whole words, unless they end in a star", () => {
  expect(mentions("a discounted tent", ["discount"])).toBe(false);
  expect(mentions("a discounted tent", ["discount*"])).toBe(true);
  expect(mentions("Größe?", ["größe"])).toBe(true);
});

test("a rule of a newer server is left alone", () => {
  expect(isUnderstood({ ...rule("new", {}), conditions: { moon_phase: "full" } as Conditions })).toBe(false);
  expect(isUnderstood(rule("none", {}))).toBe(false);
});

function rule(id: string, conditions: Conditions, priority = 0): Rule {
  return { id, priority, conditions, action: { kind: "cta", message: "", label: "" } };
}

function start(all: Rule[], stage: Partial<Stage> = {}): void {
  rules = new Rules(all, {
    page: () => new URL("https://site.example/"),
    messageCount: () => 0,
    hasFired: (id) => fired.includes(id),
    setFired: () => undefined,
    isWelcome: () => true,
    act: ({ id }) => void fired.push(id),
    ...stage,
  });
  rules.start();
}
