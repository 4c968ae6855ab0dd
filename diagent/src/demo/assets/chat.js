// The demo's chat: a plain client of the widget API, in reading order: storage, the API, a stream, what is shown, the rules.
// Text from anybody is only ever set as textContent, and addresses only when they are http(s).

// === Storage: may be refused by the browser; then the visitor is new on each page ===

const stored = (area) => ({
  get: (key) => { try { return window[area].getItem(key); } catch { return null; } },
  set: (key, value) => { try { window[area].setItem(key, value); } catch { /* nothing is remembered */ } },
  remove: (key) => { try { window[area].removeItem(key); } catch { /* nothing was remembered */ } },
});
const kept = stored("localStorage");
const visit = stored("sessionStorage");
const ANON_ID = "diagent.anon_id";
const OPEN = "diagent.open";

// === The API ===

class Failure extends Error {
  constructor(status, { code = "unreachable", message = "", fields = [] } = {}, response) {
    super(message);
    Object.assign(this, { status, code, fields });
    this.retryAfter = Number(response?.headers.get("Retry-After")) || 0;
    this.messageId = response?.headers.get("Diagent-Message-Id");
  }

  // What a visitor is told.
  get kindly() {
    switch (this.code) {
      case "throttled": return `That was quick! Please try again in ${this.retryAfter || "a few"} seconds.`;
      case "plan_limit_reached": return "The chat is resting until next month. Please write to us instead.";
      case "conversation_closed": return "This conversation has ended.";
      case "turn_in_progress": return "One moment: the answer before this one is still being written.";
      case "agent_not_found":
      case "origin_forbidden": return "The chat is not available on this page.";
      case "unreachable": return "We cannot be reached right now. Please check your connection.";
      default: return this.status >= 500 || !this.message ? "Something went wrong on our side. Please try again." : this.message;
    }
  }
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const uniqueId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

class Api {
  constructor({ api, agent_id }) {
    this.base = `${api}/api/v1/widget/`;
    this.agentId = agent_id;
    this.jwt = null;
  }

  async request(method, path, body, headers = {}) {
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.jwt) headers.Authorization = `Bearer ${this.jwt}`;
    let response;
    try {
      response = await fetch(this.base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Failure(0);
    }
    if (response.ok || response.status === 304) return response;
    const { error } = await response.json().catch(() => ({}));
    throw new Failure(response.status, error ?? { code: "unknown" }, response);
  }

  // A token lives an hour: when it has died, the visit goes on with a new one.
  async call(...request) {
    try {
      return await this.request(...request);
    } catch (failure) {
      if (failure.status !== 401) throw failure;
      await this.init();
      return this.request(...request);
    }
  }

  async init(options = {}) {
    this.jwt = null;
    const body = { agent_id: this.agentId, page_url: location.href, anon_id: kept.get(ANON_ID) ?? undefined, locale: navigator.language, ...options };
    const { data } = await (await this.request("POST", "init", body)).json();
    kept.set(ANON_ID, data.anonymous_id);
    this.jwt = data.jwt;
    return data;
  }

  async post(path, body, method = "POST") {
    const response = await this.call(method, path, body);
    return response.status === 204 ? null : (await response.json()).data;
  }
}

// === A stream ===

// The events of a text/event-stream, as {id, data}; comments are skipped.
async function* serverSentEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    for (let end; (end = buffer.indexOf("\n\n")) >= 0; buffer = buffer.slice(end + 2)) {
      const event = { id: undefined, data: [] };
      for (const line of buffer.slice(0, end).split("\n")) {
        const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (field === "data") event.data.push(text);
        if (field === "id") event.id = text;
      }
      if (event.data.length > 0) yield { id: event.id, data: event.data.join("\n") };
    }
  }
}

const RESUMES_MAX = 6;

// Feeds the frames of an answer to `show`, whatever breaks off in between; the last one is returned.
async function follow(api, answerId, response, show) {
  let seen;
  for (let broken = 0; ; broken += 1) {
    try {
      response ??= await api.call("GET", `messages/${answerId}/stream`, undefined, seen === undefined ? {} : { "Last-Event-ID": seen });
      for await (const { id, data } of serverSentEvents(response)) {
        const frame = JSON.parse(data);
        if (frame.event === "error" && frame.code === "draining") break; // That server stops; another one goes on.
        if (id !== undefined) seen = id;
        broken = 0;
        show(frame);
        if (frame.event === "done" || frame.event === "error") return frame;
      }
    } catch (failure) {
      if (failure instanceof Failure && failure.status >= 400 && failure.status < 500 && failure.status !== 429) throw failure;
    }
    if (broken >= RESUMES_MAX) throw new Failure(0);
    response = null;
    await wait(Math.min(250 * 2 ** broken, 4000));
  }
}

// === What is shown ===

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// The address, when it is one that a link may have.
function webAddress(text) {
  const url = URL.canParse(text, location.href) ? new URL(text, location.href) : null;
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : null;
}

class Bubble {
  constructor(chat, role, text = "", author = "") {
    this.chat = chat;
    this.text = element("div", { className: "text", textContent: text });
    this.element = element("div", { className: `bubble ${role}` });
    if (author) this.element.append(element("div", { className: "author", textContent: author }));
    this.element.append(this.text);
    chat.append(this.element);
  }

  waiting(yes) { this.element.classList.toggle("waiting", yes); }

  take(frame) {
    if (frame.event === "token") this.chat.keepingEnd(() => { this.text.textContent += frame.token; });
    if (frame.event === "restart") this.text.textContent = "";
    if (frame.event === "citations") this.cite(frame.citations);
  }

  // The pages that the answer stands on, once beneath it and wherever its text names their number.
  cite(citations = []) {
    this.sources?.remove();
    const links = new Map();
    for (const { id, url, title } of citations) {
      const address = webAddress(url);
      if (address) links.set(String(id), (text) => this.link(address, text ?? `${id} · ${title || address.pathname}`));
    }
    if (links.size === 0) return;
    const pieces = this.text.textContent.split(/\[(\d+)\]/);
    const linked = pieces.map((piece, index) => {
      if (index % 2 === 0) return piece;
      return links.has(piece) ? element("sup", {}, links.get(piece)(piece)) : `[${piece}]`;
    });
    this.sources = element("ul", { className: "sources", ariaLabel: "Sources" }, ...Array.from(links.values(), (link) => element("li", {}, link())));
    this.chat.keepingEnd(() => { this.text.replaceChildren(...linked); this.text.after(this.sources); });
  }

  link(address, text) {
    const link = element("a", { href: address.href, textContent: text });
    if (address.origin !== location.origin) Object.assign(link, { target: "_blank", rel: "noopener" });
    link.addEventListener("click", () => this.chat.track("citation.click", { url: address.pathname }));
    return link;
  }

  // Thumbs; a second click on the same one takes the verdict back.
  judge(messageId, rating = null) {
    const buttons = ["up", "down"].map((verdict) => {
      const label = verdict === "up" ? "Helpful" : "Not helpful";
      const button = element("button", { type: "button", textContent: verdict === "up" ? "👍" : "👎", ariaLabel: label, title: label });
      button.addEventListener("click", () => {
        const chosen = button.ariaPressed === "true" ? null : verdict;
        this.chat.api.post(`messages/${messageId}/feedback`, { rating: chosen })
          .then(() => show(chosen), (failure) => this.chat.problem(failure));
      });
      return button;
    });
    const show = (chosen) => buttons.forEach((button, index) => { button.ariaPressed = String(chosen === ["up", "down"][index]); });
    show(rating);
    this.chat.keepingEnd(() => this.element.append(element("div", { className: "verdict" }, ...buttons)));
  }
}

const POLL_MILLISECONDS = 8000;
const REPORT_MILLISECONDS = 3000;

class Chat {
  constructor(api) {
    this.api = api;
    const root = document.getElementById("chat-template").content.cloneNode(true).firstElementChild;
    document.body.append(root);
    const find = (selector) => root.querySelector(selector);
    Object.assign(this, {
      root, panel: find(".panel"), log: find(".log"), launcher: find(".launcher"), nudgeBox: find(".nudge"), prompts: find(".prompts"),
      lead: find(".lead"), composer: find(".composer"), input: find("textarea"), sendButton: find(".send"), stopButton: find(".stop"),
    });
    this.reports = [];
    this.seen = new Set();
    this.answerId = null;
    this.listen(find);
  }

  listen(find) {
    this.launcher.addEventListener("click", () => (this.panel.hidden ? this.open("launcher.opened") : this.close()));
    find(".close").addEventListener("click", () => this.close());
    this.root.addEventListener("keydown", (event) => { if (event.key === "Escape" && !this.panel.hidden) this.close(); });
    this.composer.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); }
    });
    this.stopButton.addEventListener("click", () => this.stop());
    this.lead.addEventListener("submit", (event) => { event.preventDefault(); this.submitLead(); });
    find(".cancel").addEventListener("click", () => this.showLead(false));
    const menu = find(".menu");
    menu.addEventListener("click", ({ target }) => {
      if (!target.dataset.do) return;
      menu.open = false;
      this[target.dataset.do === "lead" ? "showLead" : target.dataset.do](true);
    });
    for (const button of document.querySelectorAll("[data-chat=lead]")) {
      button.addEventListener("click", () => { this.open("launcher.opened"); this.showLead(true); });
    }
    addEventListener("pagehide", () => this.report(true));
    setInterval(() => this.poll(), POLL_MILLISECONDS);
  }

  start(data) {
    const { agent, branding, messages, active_message: active } = data;
    this.agent = agent;
    const name = agent.persona.name || agent.name;
    this.panel.querySelector("h2").textContent = agent.name;
    this.panel.querySelector(".face").textContent = name.slice(0, 1);
    this.launcher.textContent = `Ask ${name}`;
    for (const [key, colour] of Object.entries(agent.theme)) {
      if (/^#[0-9a-f]{3,8}$/i.test(colour)) this.root.style.setProperty(`--chat-${key.replaceAll("_", "-")}`, colour);
    }
    const line = this.panel.querySelector(".brandline");
    line.textContent = branding.label;
    line.hidden = !branding.show;
    this.log.replaceChildren();
    this.prompts.replaceChildren();
    this.seen.clear();
    if (messages.length === 0) this.greet();
    for (const message of messages) this.showMessage(message);
    if (active) this.read(active.message_id, null);
    if (visit.get(OPEN)) this.open();
  }

  greet() {
    const { persona, starter_prompts: prompts } = this.agent;
    if (persona.greeting) new Bubble(this, "assistant", persona.greeting);
    this.prompts.replaceChildren(...prompts.map((prompt) => {
      const button = element("button", { type: "button", textContent: prompt });
      button.addEventListener("click", () => { this.track("prompt.click", { prompt }); this.send(prompt); });
      return button;
    }));
  }

  showMessage({ id, role, content, citations, rating, author }) {
    if (this.seen.has(id)) return;
    this.seen.add(id);
    const bubble = new Bubble(this, role, content, author);
    bubble.cite(citations);
    if (role === "assistant") bubble.judge(id, rating);
  }

  // Changes the log and stays at its end, when it was there.
  keepingEnd(change) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
    change();
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  append(child) {
    this.log.append(child);
    this.log.scrollTop = this.log.scrollHeight;
  }

  note(text, action, run) {
    const note = element("p", { className: "note", textContent: text });
    if (action) {
      const button = element("button", { type: "button", textContent: action });
      button.addEventListener("click", () => { note.remove(); run(); });
      note.append(button);
    }
    this.append(note);
    return note;
  }

  problem(failure, action, run) {
    if (!(failure instanceof Failure)) console.error(failure);
    const kindly = failure instanceof Failure ? failure.kindly : "Something went wrong here. Please reload the page.";
    this.note(kindly, action, run).classList.add("problem");
  }

  open(event, ruleId) {
    this.panel.hidden = false;
    this.nudgeBox.hidden = true;
    this.root.classList.add("is-open");
    this.launcher.ariaExpanded = "true";
    visit.set(OPEN, "yes");
    this.log.scrollTop = this.log.scrollHeight;
    if (event) this.track(event, {}, ruleId);
    // Who did not ask for the chat keeps the cursor where it is.
    if (event === "launcher.opened") this.input.focus();
  }

  close() {
    this.panel.hidden = true;
    this.root.classList.remove("is-open");
    this.launcher.ariaExpanded = "false";
    visit.remove(OPEN);
    this.launcher.focus();
    this.track("widget.dismissed");
  }

  busy(answerId) {
    this.answerId = answerId;
    this.stopButton.hidden = !answerId;
    this.sendButton.hidden = Boolean(answerId);
  }

  submit() {
    const text = this.input.value.trim();
    if (!text || this.sending || this.answerId) return;
    this.input.value = "";
    this.send(text);
  }

  // `clientMessageId` names the message: sending it again under the same name never asks twice.
  async send(text, clientMessageId = uniqueId(), bubble = new Bubble(this, "visitor", text)) {
    if (this.sending || this.answerId) { bubble.element.remove(); return; }
    this.prompts.replaceChildren();
    this.sending = true;
    this.sendButton.disabled = true;
    const again = (name) => () => this.send(text, name, bubble);
    try {
      const heading = document.querySelector("h1")?.textContent ?? "";
      const body = { message: text, page_url: location.href, page_context: { title: document.title, heading }, client_message_id: clientMessageId };
      const response = await this.api.call("POST", "messages/stream", body);
      this.sending = false;
      await this.read(response.headers.get("Diagent-Message-Id"), response, again(uniqueId()));
    } catch (failure) {
      this.sending = false;
      if (failure.code === "turn_in_progress" && failure.messageId) {
        bubble.element.remove();
        this.input.value = text;
        await this.read(failure.messageId, null);
      } else if (failure.code === "conversation_closed") {
        this.problem(failure, "Start a new one", () => this.restart());
      } else {
        this.problem(failure, "Try again", again(clientMessageId));
      }
    } finally {
      this.sendButton.disabled = false;
    }
  }

  // Shows an answer as it comes, from its start when there is no response yet.
  async read(answerId, response, again) {
    if (this.answerId === answerId) return;
    const bubble = new Bubble(this, "assistant");
    bubble.waiting(true);
    this.busy(answerId);
    try {
      const last = await follow(this.api, answerId, response, (frame) => bubble.take(frame));
      this.seen.add(answerId);
      const silent = bubble.text.textContent === "";
      if (silent) bubble.element.remove();
      if (last.event === "error") this.problem(new Failure(500), "Ask again", again ?? (() => this.input.focus()));
      else if (silent) this.note("A colleague reads along and will answer here.");
      else bubble.judge(answerId);
      if (last.low_confidence) this.note("Not what you needed?", "Talk to a person", () => this.person());
    } catch (failure) {
      this.problem(failure, "Reload", () => location.reload());
    } finally {
      bubble.waiting(false);
      this.busy(null);
    }
  }

  stop() {
    this.track("answer.stopped");
    this.api.post(`messages/${this.answerId}/stop`).catch((failure) => this.problem(failure));
  }

  // What people of the team write; an unchanged conversation costs the server nothing.
  async poll() {
    if (!this.agent || this.panel.hidden || document.hidden || this.answerId || this.seen.size === 0) return;
    try {
      const response = await this.api.call("GET", "conversation/messages", undefined, this.etag ? { "If-None-Match": this.etag } : {});
      if (response.status === 304) return;
      this.etag = response.headers.get("ETag");
      const { messages } = (await response.json()).data;
      messages.filter(({ role }) => role === "operator").forEach((message) => this.showMessage(message));
    } catch { /* the next round may find it */ }
  }

  // --- The menu ---

  async attempt(run) {
    try { await run(); } catch (failure) { this.problem(failure); }
  }

  person() {
    this.track("person.requested");
    return this.attempt(async () => {
      const { claimed } = await this.api.post("conversation/request-human", {});
      this.seen.add("person");
      this.note(claimed ? "A colleague is here already." : "We have told the team. The answer comes here, even if you change the page.");
    });
  }

  restart() {
    return this.attempt(async () => { this.etag = null; this.start(await this.api.init({ force_new: true })); });
  }

  erase() {
    return this.attempt(async () => {
      const { receipt_id: receipt } = await this.api.post("me", undefined, "DELETE");
      kept.remove(ANON_ID);
      this.etag = null;
      this.start(await this.api.init());
      this.note(`You are forgotten. Your receipt: ${receipt}`);
    });
  }

  // --- The lead form, from the agent's fields ---

  showLead(yes) {
    this.lead.hidden = !yes;
    this.panel.classList.toggle("is-lead", yes);
    if (!yes) return;
    this.track("lead.opened");
    const asked = [
      { key: "name", label: "Name", type: "text", autocomplete: "name" },
      { key: "email", label: "E-mail", type: "email", autocomplete: "email", required: true },
      { key: "phone", label: "Telephone", type: "tel", autocomplete: "tel" },
      ...this.agent.lead_fields.map((field) => ({ ...field, own: true })),
    ];
    this.lead.querySelector(".problem").hidden = true;
    this.lead.querySelector(".fields").replaceChildren(...asked.map((field) => this.field(field)));
    this.lead.querySelector("input").focus();
  }

  field({ key, label, kind, type, autocomplete, required = false, options = [], own = false }) {
    const text = `${label || key}${required ? " *" : ""}`;
    const input = kind === "select"
      ? element("select", { required }, element("option", { value: "", textContent: "Please choose" }), ...options.map((value) => element("option", { value, textContent: value })))
      : element("input", { type: type ?? { number: "number", checkbox: "checkbox" }[kind] ?? "text", autocomplete: autocomplete ?? "off", required });
    input.name = own ? `fields.${key}` : key;
    return kind === "checkbox"
      ? element("label", { className: "tick" }, input, text)
      : element("label", {}, text, input);
  }

  async submitLead() {
    const body = { fields: {} };
    for (const input of this.lead.querySelectorAll("input, select")) {
      const value = input.type === "checkbox" ? input.checked : input.value.trim();
      const key = input.name.replace(/^fields\./, "");
      if (value !== "") (key === input.name ? body : body.fields)[key] = value;
    }
    this.lead.querySelectorAll(".wrong").forEach((wrong) => wrong.remove());
    const problem = this.lead.querySelector(".problem");
    problem.hidden = true;
    try {
      await this.api.post("leads", { email: "", ...body });
      this.showLead(false);
      this.note("Thank you. We will be in touch.");
    } catch (failure) {
      for (const { field, message } of failure.fields ?? []) {
        this.lead.elements[field]?.after(element("span", { className: "wrong", textContent: `This ${message}.` }));
      }
      problem.textContent = failure.fields?.length ? "Please look at the marked fields." : failure.kindly;
      problem.hidden = false;
    }
  }

  // --- Telemetry and rules ---

  track(event, metadata = {}, ruleId) {
    this.reports.push({ event, rule_id: ruleId, page_url: location.href, metadata });
    this.reporting ??= setTimeout(() => this.report(false), REPORT_MILLISECONDS);
  }

  // A page that is being left can only send a beacon, which carries the token in its body.
  report(leaving) {
    clearTimeout(this.reporting);
    this.reporting = null;
    const events = this.reports.splice(0, 50);
    if (events.length === 0 || !this.api.jwt) return;
    if (leaving) navigator.sendBeacon(`${this.api.base}events`, JSON.stringify({ token: this.api.jwt, events }));
    else this.api.post("events", events).catch(() => { /* figures may be lost, visitors are not told */ });
  }

  nudge(rule) {
    const { message, cta } = rule.action;
    if (!this.panel.hidden || !message) return;
    this.nudgeBox.querySelector("p").textContent = message;
    const button = this.nudgeBox.querySelector(".cta");
    button.hidden = !cta;
    button.textContent = cta?.label ?? "";
    button.onclick = () => { this.track("cta.click", {}, rule.id); this.open("launcher.opened", rule.id); this.send(cta.prompt); };
    this.nudgeBox.querySelector(".dismiss").onclick = () => { this.nudgeBox.hidden = true; this.track("nudge.dismissed", {}, rule.id); };
    this.nudgeBox.hidden = false;
  }

  // Each rule fires once a visit, on its pages, by its trigger.
  obey(rule) {
    const fired = `diagent.rule.${rule.id}`;
    if (visit.get(fired) || !(rule.pages ?? ["/*"]).some(isHere)) return;
    const { type, percent = 50, seconds = 10 } = rule.trigger ?? {};
    const fire = () => {
      if (visit.get(fired)) return;
      visit.set(fired, "yes");
      if (!this.panel.hidden) return;
      this.track(`${type}.triggered`, {}, rule.id);
      if (rule.action.type === "nudge") this.nudge(rule);
      // On a small screen the chat covers the page: nobody wants that unasked.
      if (rule.action.type === "open" && innerWidth > 736) this.open("widget.opened", rule.id);
    };
    if (type === "time") setTimeout(fire, seconds * 1000);
    if (type === "scroll") {
      const look = () => {
        const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
        if (scrollTop < ((scrollHeight - clientHeight) * percent) / 100 || scrollTop === 0) return;
        removeEventListener("scroll", look);
        fire();
      };
      addEventListener("scroll", look, { passive: true });
    }
  }
}

// Whether a path pattern (`/checkout/*`) means this page.
function isHere(pattern) {
  return pattern.endsWith("*") ? location.pathname.startsWith(pattern.slice(0, -1)) : location.pathname === pattern;
}

async function boot() {
  const config = await (await fetch("/config.json")).json();
  const api = new Api(config);
  const data = await api.init();
  if (data.restricted_paths.some(isHere)) return;
  const chat = new Chat(api);
  chat.start(data);
  data.behavior_rules.forEach((rule) => chat.obey(rule));
}

boot().catch((failure) => {
  // The site works without its chat; the button says why there is none.
  const kindly = failure instanceof Failure ? failure.kindly : "The chat cannot be started.";
  const button = element("button", { type: "button", className: "launcher", textContent: "Chat is away", title: kindly });
  const note = element("aside", { className: "nudge", textContent: kindly, hidden: true });
  button.addEventListener("click", () => { note.hidden = !note.hidden; });
  document.body.append(element("div", { className: "chat" }, note, button));
  console.warn("chat:", failure);
});
