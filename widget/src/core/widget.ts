// The widget on one page: boots it, keeps launcher, rules and telemetry, loads the chat when it is wanted, and takes commands.
//
// It never breaks the page it is on: when the API does not want it here (403, 404, 429) or cannot be reached, nothing is shown.

import { Api, Failure } from "./api";
import type { Config } from "./config";
import { choose, ENGLISH, type Language, load } from "./language";
import { Launcher, type Offer } from "./launcher";
import { isRestricted } from "./pages";
import { Rules, type Stage } from "./rules";
import { Store } from "./store";
import { Telemetry } from "./telemetry";
import { type Look, look } from "./theme";
import type { Rule, RuleAction, Theme, Welcome } from "./types";

export type View = "chat" | "lead";
export type Person = Partial<Record<"name" | "email" | "phone", string>>;

// What the chat is to the rest of the widget.
export interface Panel {
  open(view: View, takeFocus: boolean): void;
  close(): void;
  send(text: string): void;
  requestPerson(): void;
  // Something is offered within the chat.
  offer(offer: Offer): void;
  welcomed(welcome: Welcome): void;
  dressed(): void;
  destroy(): void;
}

export interface PanelModule {
  mount(widget: Widget): Panel;
}

type Listener = (detail: unknown) => void;

const PANEL_TRIES = 3;

// On a screen this narrow the chat covers the page: nobody wants that unasked.
const NARROW = "(max-width: 480px)";

export class Widget {
  readonly kept: Store;
  readonly visit: Store;
  readonly api: Api;
  readonly telemetry: Telemetry;
  launcher: Launcher | null = null;
  language: Language = ENGLISH;
  look: Look = look({}, false);
  person: Person = {};
  pageContext: Record<string, unknown> = {};
  isOpen = false;
  // How many messages the visitor has written since the conversation was cleared, as far back as `init` tells.
  messageCount = 0;
  // What stands above the lead form, when a rule has opened it.
  leadMessage = "";
  private welcome: Welcome | null = null;
  private panel: Promise<Panel> | null = null;
  private rules: Rules | null = null;
  private theme: Theme = {};
  private locale: string | null;
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly leaving = new AbortController();
  private waiting: (() => void)[] = [];
  private readonly darkness = matchMedia("(prefers-color-scheme: dark)");

  constructor(readonly config: Config) {
    const prefix = `diagent.${config.agentId}.`;
    this.kept = new Store("localStorage", prefix);
    this.visit = new Store("sessionStorage", prefix);
    this.locale = config.locale;
    this.api = new Api(config.api, config.agentId, this.kept, this.wanted()[0], (welcome) => this.welcomed(welcome));
    this.telemetry = new Telemetry(this.api);
    this.person = this.kept.json<Person>("person") ?? {};
  }

  // Shows the launcher when the API says so. Tried again when the browser is back online, and once when it was only too busy.
  async boot(triesLeft = 1): Promise<void> {
    try {
      await this.api.init();
    } catch (failure) {
      this.emit("unavailable", Failure.is(failure) ? failure.code : "unknown");
      const { status = 0, code = "", retryAfter = 0 } = Failure.is(failure) ? failure : {};
      if (status === 0) this.heard(window, "online", () => void this.boot(triesLeft), { once: true });
      else if (triesLeft > 0 && (status >= 500 || code === "throttled")) {
        const timer = setTimeout(() => void this.boot(triesLeft - 1), Math.max(retryAfter, 5) * 1_000);
        this.leaving.signal.addEventListener("abort", () => clearTimeout(timer));
      }
      return;
    }
    if (this.leaving.signal.aborted) return;
    await this.speak();
    this.heard(this.darkness, "change", () => this.dress());
    this.heard(document, "click", (event) => this.clicked(event));
    for (const [target, event] of [[window, "popstate"], [window, "hashchange"], [navigationOf(window), "navigatesuccess"]] as const) {
      if (target) this.heard(target, event, () => this.navigated());
    }
    this.navigated();
    this.emit("ready", null);
    const ready = this.waiting;
    this.waiting = [];
    ready.forEach((run) => run());
  }

  // Takes what a page says: Diagent('open'), Diagent('send', 'Hello'), Diagent('on', 'open', …).
  command(name: string, ...values: unknown[]): unknown {
    const [first, second] = values;
    switch (name) {
      case "open":
        return this.whenReady(() => this.open(first === "lead" ? "lead" : "chat", { by: "api" }));
      case "close":
        return this.whenReady(() => this.close());
      case "send":
        return typeof first === "string" && first.trim() ? this.whenReady(() => this.send(first)) : undefined;
      case "identify":
        return this.identify(isRecord(first) ? first : {});
      case "on":
        return typeof first === "string" && typeof second === "function" ? this.on(first, second as Listener) : undefined;
      case "update":
        return this.update(isRecord(first) ? first : {});
      case "shutdown":
        return this.shutdown();
      default:
        console.warn(`Diagent: there is no command "${name}"`);
        return undefined;
    }
  }

  open(view: View, { by, ruleId, takeFocus = true }: { by: string; ruleId?: string; takeFocus?: boolean }): void {
    if (!this.launcher) return;
    if (!this.isOpen) {
      this.isOpen = true;
      this.launcher.showExpanded(true);
      this.visit.set("open", "yes");
      this.telemetry.track(by === "launcher" ? "launcher.opened" : "widget.opened", { by }, ruleId);
      this.emit("open", null);
    }
    void this.withPanel((panel) => this.isOpen && panel.open(view, takeFocus));
  }

  close(returnFocus = false): void {
    if (!this.launcher || !this.isOpen) return;
    this.isOpen = false;
    this.launcher.showExpanded(false);
    this.visit.remove("open");
    void this.withPanel((panel) => panel.close());
    if (returnFocus) this.launcher.button.focus();
    this.telemetry.track("widget.closed");
    this.emit("close", null);
  }

  send(text: string, ruleId?: string): void {
    this.open("chat", { by: ruleId ? "rule" : "api", ...(ruleId && { ruleId }) });
    void this.withPanel((panel) => panel.send(text));
  }

  // The visitor has written: some rules wait for that.
  messageSent(text: string): void {
    this.messageCount += 1;
    this.rules?.messageSent(text);
    this.emit("message", { role: "visitor" });
  }

  emit(event: string, detail: unknown): void {
    for (const listener of this.listeners.get(event) ?? []) {
      try {
        listener(detail);
      } catch (error) {
        // The page's own mistake is reported as the page's, and does not end ours.
        setTimeout(() => {
          throw error;
        });
      }
    }
  }

  // Listens until the widget is shut down.
  heard<Target extends EventTarget>(target: Target, event: string, run: (event: Event) => void, options: AddEventListenerOptions = {}): void {
    target.addEventListener(event, run, { ...options, signal: this.leaving.signal });
  }

  shutdown(): void {
    if (this.leaving.signal.aborted) return;
    this.leaving.abort();
    this.rules?.stop();
    this.telemetry.stop();
    void this.panel?.then((panel) => panel.destroy(), () => undefined);
    this.launcher?.remove();
    this.launcher = null;
    this.listeners.clear();
    this.waiting = [];
  }

  get agentName(): string {
    return this.welcome?.agent.persona.name || this.welcome?.agent.name || "";
  }

  get current(): Welcome {
    if (!this.welcome) throw new Error("the widget has not booted");
    return this.welcome;
  }

  private welcomed(welcome: Welcome): void {
    const first = !this.welcome;
    this.welcome = welcome;
    this.messageCount = welcome.messages.filter(({ role }) => role === "visitor").length;
    if (!first) void this.panel?.then((panel) => panel.welcomed(welcome), () => undefined);
  }

  private whenReady(run: () => void): void {
    if (this.launcher) run();
    else if (!this.leaving.signal.aborted) this.waiting.push(run);
  }

  private on(event: string, listener: Listener): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  private identify(person: Record<string, unknown>): void {
    for (const key of ["name", "email", "phone"] as const) {
      const value = person[key];
      if (typeof value === "string") this.person[key] = value.slice(0, 254);
    }
  }

  private update({ theme, locale, page_context: context }: Record<string, unknown>): void {
    if (isRecord(context)) this.pageContext = context;
    if (isRecord(theme)) this.theme = { ...this.theme, ...theme };
    if (typeof locale === "string") this.locale = locale;
    this.whenReady(() => {
      if (typeof locale === "string") void this.speak();
      else this.dress();
      this.navigated();
    });
  }

  // Prepares the launcher in the visitor's language.
  private async speak(): Promise<void> {
    const code = choose([...this.wanted(), this.current.agent.language_default], ["en", ...Object.keys(__LANGUAGES__)]);
    this.language = await load(code, this.config.files);
    if (this.leaving.signal.aborted) return;
    this.launcher ??= new Launcher(
      this.language.strings,
      () => (this.isOpen ? this.close(true) : this.open("chat", { by: "launcher" })),
      () => void this.loadPanel().catch(() => undefined),
    );
    this.dress();
  }

  private wanted(): string[] {
    return this.locale ? [this.locale] : [...navigator.languages];
  }

  private dress(): void {
    this.look = look({ ...this.welcome?.agent.theme, ...this.theme }, this.darkness.matches);
    const { strings, direction, code } = this.language;
    this.launcher?.dress(this.look, strings, this.agentName, direction, code);
    void this.panel?.then((panel) => panel.dressed(), () => undefined);
  }

  // The address is another one now, without a new page: shows the widget or takes it away, and looks at the rules.
  private navigated(): void {
    if (!this.launcher) return;
    const away = isRestricted(new URL(location.href), this.current.restricted_paths);
    this.launcher.host.hidden = away;
    this.rules?.stop();
    if (away) return;
    this.launcher.attach();
    this.rules = new Rules(this.current.behavior_rules, this.stage());
    this.rules.start();
    if (this.visit.get("open") && !this.isOpen) this.open("chat", { by: "reload", takeFocus: false });
    // Somebody may have answered since: a conversation that goes on is looked after without being opened.
    else if (this.current.messages.length > 0) this.whenIdle(() => void this.loadPanel().catch(() => undefined));
  }

  private stage(): Stage {
    return {
      page: () => new URL(location.href),
      messageCount: () => this.messageCount,
      hasFired: (id) => this.visit.get(`rule.${id}`) !== null,
      setFired: (id) => this.visit.set(`rule.${id}`, "fired"),
      isWelcome: (action) => !this.launcher?.isOffering && !(action.kind === "lead_capture" && this.kept.get("lead")),
      act: (rule) => this.follow(rule),
    };
  }

  // Does what a rule says: beside the launcher, or in the chat when it is open.
  private follow({ id, action }: Rule): void {
    this.telemetry.track("rule.triggered", { action: action.kind }, id);
    this.emit("rule", { id, action: action.kind });
    // On a small screen the form would cover the page: there it is offered.
    if (action.kind === "lead_capture" && !this.isOpen && !matchMedia(NARROW).matches) {
      this.leadMessage = action.message;
      return this.open("lead", { by: "rule", ruleId: id, takeFocus: false });
    }
    const offer: Offer = {
      message: action.message,
      label: "label" in action ? action.label : this.language.strings.leave,
      accepted: () => {
        this.telemetry.track("cta.click", { action: action.kind }, id);
        this.accept(action, id);
      },
      dismissed: () => this.telemetry.track("cta.dismissed", undefined, id),
    };
    this.telemetry.track("cta.shown", undefined, id);
    if (this.isOpen) void this.withPanel((panel) => panel.offer(offer));
    else this.launcher?.offer(offer);
  }

  private accept(action: RuleAction, ruleId: string): void {
    const by = { by: "rule", ruleId };
    if (action.kind === "lead_capture") {
      this.leadMessage = action.message;
      this.open("lead", by);
    } else if (action.kind === "cta" && action.prompt) {
      this.send(action.prompt, ruleId);
    } else if (action.kind === "route" && action.to === "human") {
      this.open("chat", by);
      void this.withPanel((panel) => panel.requestPerson());
    } else if (action.url && isWebAddress(action.url)) {
      location.assign(action.url);
    }
  }

  private whenIdle(run: () => void): void {
    if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 3_000 });
    else setTimeout(run, 1_000);
  }

  // A page opens the chat without a script: <button data-diagent="open">, "lead", or data-diagent-send="a question".
  private clicked(event: Event): void {
    const asked = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-diagent], [data-diagent-send]") : null;
    if (!asked) return;
    const { diagent, diagentSend } = asked.dataset;
    if (diagentSend) this.send(diagentSend);
    else this.open(diagent === "lead" ? "lead" : "chat", { by: "page" });
  }

  private loadPanel(): Promise<Panel> {
    this.panel ??= importPanel(this.config.files + __PANEL__).then(
      ({ mount }) => mount(this),
      (error: unknown) => {
        this.panel = null;
        throw error;
      },
    );
    return this.panel;
  }

  private async withPanel(run: (panel: Panel) => unknown): Promise<void> {
    let panel: Panel;
    try {
      panel = await this.loadPanel();
    } catch {
      if (this.isOpen) {
        this.close();
        this.launcher?.apologise(this.language.strings.unavailable);
      }
      return;
    }
    if (!this.leaving.signal.aborted) run(panel);
  }
}

// A server that is being replaced may not have the file for a moment. A failed import is remembered by its address, so each try has its own.
async function importPanel(address: string): Promise<PanelModule> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await import(attempt === 1 ? address : `${address}?try=${attempt}`)) as PanelModule;
    } catch (error) {
      if (attempt === PANEL_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 400 * 3 ** attempt));
    }
  }
}

// A path of the site, or an address of the web.
function isWebAddress(url: string): boolean {
  return URL.canParse(url, location.href) && /^https?:$/.test(new URL(url, location.href).protocol);
}

function navigationOf(page: Window): EventTarget | null {
  return "navigation" in page ? (page.navigation as EventTarget) : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
