// The agent's rules: what the widget does by itself, and when. A rule fires once a visit, as soon as all of its conditions hold at the
// same time; of several at once the one with the highest priority does, and the others wait a while.

import { isOn } from "./pages";
import type { Conditions, Rule, RuleAction } from "./types";

// What rules are told of, and what they need to know.
export interface Stage {
  page(): URL;
  // How many messages the visitor has written since the conversation was cleared.
  messageCount(): number;
  // Whether this rule has fired in this visit, and that it has.
  hasFired(id: string): boolean;
  setFired(id: string): void;
  // Whether doing this makes sense now: nothing else is offered, the form was not filled in already.
  isWelcome(action: RuleAction): boolean;
  act(rule: Rule): void;
}

const ACTIVITY = ["pointermove", "pointerdown", "keydown", "scroll", "touchstart"];

// Conditions that begin in the same moment are decided together: then the priority counts, not the order of the events.
const MOMENT_MS = 150;

// Nobody wants one offer after the other.
const QUIET_MS = 20_000;

export class Rules {
  private readonly rules: Rule[];
  private readonly ended = new AbortController();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private scrolled = 0;
  private lastActive = Date.now();
  private isLeaving = false;
  private said = "";
  private quietUntil = 0;
  private deciding = false;

  constructor(
    rules: readonly Rule[],
    private readonly stage: Stage,
  ) {
    this.rules = rules.filter(isUnderstood).sort((one, other) => (other.priority ?? 0) - (one.priority ?? 0));
  }

  start(): void {
    this.listen(window, "scroll", () => this.look());
    for (const activity of ACTIVITY) this.listen(window, activity, () => this.moved());
    this.listen(document.documentElement, "pointerleave", (event) => {
      const { clientY, pointerType } = event as PointerEvent;
      // Towards the tabs and the address, where pages are left.
      if (pointerType === "mouse" && clientY <= 0) this.leaving();
    });
    this.listen(document, "visibilitychange", () => {
      if (document.hidden && matchMedia("(hover: none)").matches) this.leaving();
    });
    for (const seconds of new Set(this.rules.map(({ conditions }) => conditions.idle_seconds))) {
      if (seconds !== undefined) this.awaitIdle(seconds);
    }
    this.look();
  }

  stop(): void {
    this.ended.abort();
    this.timers.forEach(clearTimeout);
    this.timers.clear();
  }

  // The visitor has written.
  messageSent(text: string): void {
    this.said = text;
    this.look();
  }

  private moved(): void {
    this.lastActive = Date.now();
    this.isLeaving = false;
  }

  private leaving(): void {
    this.isLeaving = true;
    // At once: a moment later the page may be gone.
    this.decide();
  }

  private awaitIdle(seconds: number): void {
    const remains = this.lastActive + seconds * 1_000 - Date.now();
    if (remains > 0) this.after(remains, () => this.awaitIdle(seconds));
    else {
      this.look();
      this.after(seconds * 1_000, () => this.awaitIdle(seconds));
    }
  }

  private look(): void {
    const { scrollHeight, clientHeight } = document.documentElement;
    const room = scrollHeight - clientHeight;
    if (room > 0) this.scrolled = Math.max(this.scrolled, (100 * window.scrollY) / room);
    if (this.deciding) return;
    this.deciding = true;
    this.after(MOMENT_MS, () => {
      this.deciding = false;
      this.decide();
    });
  }

  private decide(): void {
    const now = Date.now();
    const rule = this.rules.find((candidate) => !this.stage.hasFired(candidate.id) && this.holds(candidate.conditions) && this.stage.isWelcome(candidate.action));
    if (!rule) return;
    // What the visitor has just said is answered; what they only did can wait.
    if (now < this.quietUntil && !rule.conditions.intent_keywords) return;
    this.quietUntil = now + QUIET_MS;
    this.after(QUIET_MS, () => this.look());
    this.stage.setFired(rule.id);
    this.stage.act(rule);
  }

  private holds({ intent_keywords: keywords, url_patterns: patterns, scroll_percent: percent, idle_seconds: seconds, exit_intent: exit, message_count: count }: Conditions): boolean {
    return (
      (!keywords?.length || mentions(this.said, keywords)) &&
      (!patterns?.length || patterns.some((pattern) => isOn(this.stage.page(), pattern))) &&
      (percent === undefined || this.scrolled >= percent) &&
      (seconds === undefined || Date.now() - this.lastActive >= seconds * 1_000) &&
      (!exit || this.isLeaving) &&
      (count === undefined || this.stage.messageCount() >= count)
    );
  }

  private after(milliseconds: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, milliseconds);
    this.timers.add(timer);
  }

  private listen(target: EventTarget, event: string, run: (event: Event) => void): void {
    target.addEventListener(event, run, { passive: true, signal: this.ended.signal });
  }
}

// Whether one of the keywords is in the text: its words follow each other there, in any case. A `*` at an end goes on into a word.
export function mentions(text: string, keywords: readonly string[]): boolean {
  const said = ` ${normal(text)} `;
  return keywords.some((keyword) => {
    const words = normal(keyword);
    return words !== "" && said.includes((keyword.startsWith("*") ? "" : " ") + words + (keyword.endsWith("*") ? "" : " "));
  });
}

function normal(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

const CONDITIONS = new Set(["intent_keywords", "url_patterns", "scroll_percent", "idle_seconds", "exit_intent", "message_count"]);
const ACTIONS = new Set(["cta", "lead_capture", "route"]);

// A widget that a browser has kept meets rules of a newer server: what it does not know, it leaves alone.
export function isUnderstood({ conditions, action }: Rule): boolean {
  const names = Object.keys(conditions ?? {});
  return names.length > 0 && names.every((name) => CONDITIONS.has(name)) && ACTIONS.has(action?.kind);
}
