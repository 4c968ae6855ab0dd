// The conversation as it is shown, and everything that can be done with it. The view (view/) draws it and calls its methods.

import { Failure } from "../core/api";
import type { Person, View, Widget } from "../core/widget";
import type { Citation, ConversationView, MessagePage, Rating, Welcome } from "../core/types";
import type { Strings } from "../strings/en";
import { type Entry, merged, type Note, oldestKnown, prepended, type Spoken, unread } from "./entries";
import { Live } from "./live";
import { messageBody, saveFile } from "./outgoing";
import { type News, Tabs } from "./tabs";
import { Turn } from "./turn";
import { Typing } from "./typing";
import { explain, uniqueId } from "./words";

export type Question = "clear" | "end" | "forget";

export class Chat {
  view: View = "chat";
  entries: Entry[] = [];
  hasEarlier = false;
  isReadingBack = false;
  isSending = false;
  turn: Turn | null = null;
  claimedBy: string | null = null;
  isPersonAsked = false;
  isClosed = false;
  question: Question | null = null;
  isOnline = navigator.onLine;
  // Who was forgotten is a stranger: until they write, nothing is asked of the server.
  isForgotten = false;
  draft = "";
  readonly typing: Typing;

  private readonly ended = new AbortController();
  private readonly tabs: Tabs;
  private readonly live: Live;
  private conversationId = "";

  constructor(
    readonly widget: Widget,
    // Something is to be drawn anew.
    private readonly changed: () => void,
    // Something is to be read out.
    private readonly announce: (sentence: string) => void,
  ) {
    const { api, current } = widget;
    const { signal } = this.ended;
    this.typing = new Typing(api, changed);
    this.tabs = new Tabs(`diagent.${current.visitor_id}`, (news) => this.hear(news), signal);
    this.live = new Live(api, this.tabs, this.watched(), signal);
    for (const event of ["online", "offline"]) addEventListener(event, () => this.notice(), { signal });
    this.load(current);
    this.live.start();
    if (current.messages.length > 0) this.live.wake();
  }

  get strings(): Strings {
    return this.widget.language.strings;
  }

  // Whether the form stands before the chat.
  get isGated(): boolean {
    const { lead_form: form } = this.widget.current.agent;
    return Boolean(form?.before_chat) && this.entries.length === 0 && !this.widget.kept.get("lead");
  }

  get isBusy(): boolean {
    return this.isSending || this.turn !== null;
  }

  // A welcome that came later: a new token for the same conversation, or another conversation.
  load(welcome: Welcome): void {
    const isOther = welcome.conversation_id !== this.conversationId;
    if (isOther) {
      this.conversationId = welcome.conversation_id;
      this.aloneAgain();
      this.entries = this.entries.filter((entry) => entry.kind === "message" && (entry.state === "sending" || entry.state === "failed"));
      if (this.entries.length === 0) this.turn = null;
    }
    this.isForgotten = false;
    this.entries = merged(this.entries, { messages: welcome.messages, has_more: false });
    this.hasEarlier = welcome.messages.length >= 30;
    if (isOther) this.live.reset();
    if (welcome.active_message && !this.turn) void this.read(welcome.active_message.message_id, null);
    this.noticeUnread();
    this.changed();
  }

  show(view: View): void {
    this.view = view;
    if (view === "lead") this.widget.telemetry.track("lead.opened");
    else this.widget.leadMessage = "";
    this.changed();
  }

  ask(question: Question | null): void {
    this.question = question;
    this.changed();
  }

  // --- Writing ---

  async send(text: string, name = uniqueId(), again?: Spoken): Promise<void> {
    if (this.isBusy) {
      if (!again) this.draft = text;
      return this.changed();
    }
    const entry = again ?? this.added(text, name);
    Object.assign(entry, { state: "sending", problem: undefined, action: undefined, waits: undefined });
    this.isSending = true;
    this.changed();
    try {
      const response = await this.widget.api.call("widget/messages/stream", { method: "POST", body: messageBody(this.widget, text, name), signal: this.ended.signal });
      const answerId = response.headers.get("Diagent-Message-Id");
      entry.state = "sent";
      this.isSending = false;
      if (!again) this.widget.messageSent(text);
      this.tabs.tell({ type: "asked", text, name, answerId });
      if (answerId) await this.read(answerId, response, () => void this.send(text));
    } catch (failure) {
      this.isSending = false;
      if (!this.ended.signal.aborted) this.notSent(entry, text, name, failure);
    }
    this.changed();
  }

  stop(): void {
    if (!this.turn) return;
    this.widget.telemetry.track("answer.stopped");
    void this.attempt(this.widget.api.data(`widget/messages/${this.turn.answerId}/stop`, { method: "POST" }));
  }

  rate(entry: Spoken, rating: Rating | null): void {
    const before = entry.message;
    const { rating: _, ...rest } = before;
    entry.message = rating ? { ...rest, rating } : rest;
    this.changed();
    const body = { rating };
    this.widget.api.data(`widget/messages/${before.id}/feedback`, { method: "POST", body }).catch((failure: unknown) => {
      entry.message = before;
      this.problem(failure);
    });
  }

  opened(citation: Citation): void {
    this.widget.telemetry.track("citation.click", { id: citation.id });
  }

  // The visitor types: a person who has the conversation is told.
  typed(): void {
    if (this.claimedBy) this.typing.tell();
  }

  async readBack(): Promise<void> {
    const before = oldestKnown(this.entries);
    if (this.isReadingBack || !this.hasEarlier || !before) return;
    this.isReadingBack = true;
    this.changed();
    try {
      const page = await this.widget.api.data<MessagePage>(`widget/conversation/messages?before=${before}&limit=30`);
      this.entries = prepended(this.entries, page);
      this.hasEarlier = page.has_more;
    } catch (failure) {
      this.problem(failure);
    }
    this.isReadingBack = false;
    this.changed();
  }

  // --- What the menu offers ---

  async requestPerson(): Promise<void> {
    this.widget.telemetry.track("person.requested");
    const asked = await this.attempt(this.widget.api.data<{ claimed: boolean }>("widget/conversation/request-human", { method: "POST", body: {} }));
    if (!asked) return;
    this.isPersonAsked = true;
    if (!asked.claimed) this.note(this.strings.personTold);
    this.live.wake();
  }

  async clear(): Promise<void> {
    this.question = null;
    if (!(await this.attempt(this.widget.api.data("widget/conversation/clear", { method: "POST" })))) return;
    this.tabs.tell({ type: "reset", erased: false });
    this.entries = [];
    this.hasEarlier = false;
    this.widget.messageCount = 0;
    this.live.reset();
    this.changed();
  }

  async end(): Promise<void> {
    this.question = null;
    if ((await this.attempt(this.widget.api.data("widget/conversation/close", { method: "POST" }))) === undefined) return;
    this.tabs.tell({ type: "reset", erased: false });
    this.closed();
  }

  async restart(): Promise<void> {
    this.entries = [];
    await this.attempt(this.widget.api.init({ force_new: true }));
    this.tabs.tell({ type: "reset", erased: false });
  }

  async forget(): Promise<void> {
    this.question = null;
    const receipt = await this.attempt(this.widget.api.data<{ receipt_id: string }>("widget/me", { method: "DELETE" }));
    if (!receipt) return;
    this.tabs.tell({ type: "reset", erased: true });
    this.forgotten();
    this.note(`${this.strings.forgotten} ${this.strings.receipt(receipt.receipt_id)}`);
  }

  async download(): Promise<void> {
    const everything = await this.attempt(this.widget.api.data<unknown>("widget/me"));
    if (everything !== undefined) saveFile("my-data.json", everything);
  }

  async rateConversation(rating: "good" | "bad"): Promise<void> {
    const body = { rating };
    const rated = await this.attempt(this.widget.api.data("widget/conversation/satisfaction", { method: "POST", body }));
    if (rated !== undefined) this.note(this.strings.thanksRating);
  }

  // --- The lead form ---

  async submitLead(body: Person & { fields?: Record<string, unknown>; consent?: boolean }): Promise<void> {
    await this.widget.api.data("widget/leads", { method: "POST", body });
    const { name, email, phone } = body;
    this.widget.person = { ...(name && { name }), ...(email && { email }), ...(phone && { phone }) };
    this.widget.kept.set("person", JSON.stringify(this.widget.person));
    this.widget.kept.set("lead", "given");
    const wasGate = this.isGated;
    this.view = "chat";
    if (!wasGate) this.note(this.strings.leadThanks);
    this.widget.emit("lead", null);
    this.changed();
  }

  // --- Notes ---

  note(text: string, action?: Note["action"], tone: Note["tone"] = "quiet"): void {
    this.entries = [...this.entries, { kind: "note", key: uniqueId(), text, tone, ...(action && { action }) }];
    this.announce(text);
    this.changed();
  }

  // Does what a note offers; the offer has then been taken.
  act(note: Note): void {
    this.entries = this.entries.filter((entry) => entry !== note);
    note.action?.run();
    this.changed();
  }

  problem(failure: unknown, action?: Note["action"]): void {
    this.note(explain(failure, this.strings), action, "problem");
  }

  destroy(): void {
    this.typing.stop();
    this.ended.abort();
  }

  // The chat is seen: nothing of it is unread.
  seen(): void {
    const last = this.entries.findLast((entry) => entry.kind === "message" && (entry.state === "known" || entry.state === "settled"));
    if (last?.kind === "message") this.widget.kept.set("read", last.message.id);
    this.widget.launcher?.showUnread(0);
  }

  private added(text: string, name: string): Spoken {
    const entry: Spoken = { kind: "message", key: name, message: { id: name, role: "visitor", content: text }, state: "sending" };
    this.entries = [...this.entries, entry];
    return entry;
  }

  private notSent(entry: Spoken, text: string, name: string, failure: unknown): void {
    const code = Failure.is(failure) ? failure.code : "";
    const running = Failure.is(failure) ? failure.messageId : null;
    if (code === "turn_in_progress" && running) {
      this.entries = this.entries.filter((other) => other !== entry);
      this.draft = text;
      void this.read(running, null);
    } else if (code === "conversation_closed") {
      this.entries = this.entries.filter((other) => other !== entry);
      this.draft = text;
      this.closed();
    } else {
      const waits = code === "unreachable";
      const why = waits && !navigator.onLine ? this.strings.waits : explain(failure, this.strings);
      const action = { label: this.strings.tryAgain, run: () => void this.send(text, name, entry) };
      Object.assign(entry, { state: "failed", problem: `${this.strings.notSent} ${why}`, action, waits });
      this.announce(entry.problem ?? "");
    }
  }

  // What nobody was reached for goes out, in its order, until one finds nobody again.
  private async sendWaiting(): Promise<void> {
    const next = this.entries.find((entry) => entry.kind === "message" && entry.waits);
    if (next?.kind !== "message" || this.isBusy) return;
    await this.send(next.message.content, next.key, next);
    if (next.state !== "failed") await this.sendWaiting();
  }

  // Shows an answer to its end.
  private async read(answerId: string, response: Response | null, again?: () => void): Promise<void> {
    if (this.turn) return;
    const { widget, strings } = this;
    const turn = new Turn(answerId, widget.api, this.tabs, widget.language.code, this.changed, this.announce);
    this.turn = turn;
    // A reload may have shown it before it was complete.
    this.entries = [...this.entries.filter(({ key }) => key !== answerId), turn.entry];
    this.changed();
    try {
      const last = await turn.run(response, this.ended.signal);
      this.settle(turn);
      if (last.event === "error") this.note(strings.failed, again && { label: strings.askAgain, run: again }, "problem");
      if (last.event === "done") this.concluded(turn, last.low_confidence ?? false, last.finish_reason);
    } catch (failure) {
      this.settle(turn);
      if (this.ended.signal.aborted) return;
      this.problem(failure, { label: strings.goOn, run: () => void this.read(answerId, null, again) });
    } finally {
      this.live.settled();
      this.noticeUnread();
      this.changed();
    }
  }

  private settle(turn: Turn): void {
    if (this.turn === turn) this.turn = null;
    turn.entry.state = "settled";
    if (turn.isSilent) this.entries = this.entries.filter((entry) => entry !== turn.entry);
  }

  private concluded(turn: Turn, isUnsure: boolean, reason: string | undefined): void {
    const { strings, entry } = { strings: this.strings, entry: turn.entry };
    entry.message = { ...entry.message, low_confidence: isUnsure, ...(reason && { finish_reason: reason }) };
    const { citations } = entry.message;
    if (citations?.length) this.announce(`${strings.sources}: ${citations.length}`);
    this.widget.emit("message", { role: "assistant" });
    if (turn.isSilent && reason === "stopped") {
      this.note(strings.stopped);
    } else if (turn.isSilent) {
      // A person has the conversation: nobody answers by themselves.
      if (!this.claimedBy) this.note(strings.personReads);
      this.live.wake();
    } else if (isUnsure && !this.isPersonAsked && !this.claimedBy) {
      this.note(strings.unsure, { label: strings.person, run: () => void this.requestPerson() });
    }
  }

  private closed(): void {
    if (this.isClosed) return;
    this.aloneAgain();
    this.isClosed = true;
    this.note(this.strings.howWasIt, undefined, "rating");
  }

  private forgotten(): void {
    this.widget.messageCount = 0;
    this.widget.kept.clear();
    this.widget.visit.clear();
    this.widget.person = {};
    this.widget.api.forget();
    this.aloneAgain();
    Object.assign(this, { hasEarlier: false, isForgotten: true });
    this.conversationId = "";
    this.entries = [];
    this.live.reset();
    this.changed();
  }

  // Nobody of the team has the conversation, or is asked for.
  private aloneAgain(): void {
    this.typing.stop();
    Object.assign(this, { claimedBy: null, isPersonAsked: false, isClosed: false });
  }

  private hear(news: News): void {
    this.turn?.hear(news);
    if (news.type === "asked" && !this.isBusy) {
      const entry = this.added(news.text, news.name);
      entry.state = "sent";
      this.changed();
      if (news.answerId) void this.read(news.answerId, null);
    } else if (news.type === "page") {
      this.synced(news.page, news.view);
    } else if (news.type === "typing") {
      this.typing.show(news.name);
    } else if (news.type === "reset") {
      if (news.erased) this.forgotten();
      else {
        this.entries = [];
        void this.widget.api.init().catch(() => undefined);
      }
    }
  }

  private synced(page: MessagePage, view: ConversationView): void {
    if (this.isBusy) return;
    const [before, person] = [this.claimedBy, view.claimed_by ?? null];
    // Who comes stands before what they write, who leaves behind it.
    if (person && person !== before) this.note(this.strings.personJoined(person));
    const count = this.entries.length;
    this.entries = merged(this.entries, page);
    if (page.messages.length >= 30) this.hasEarlier = page.has_more;
    if (before && !person) this.note(this.strings.personLeft(before));
    this.claimedBy = person;
    this.isPersonAsked = view.human_requested ?? false;
    if (view.state === "closed") this.closed();
    const latest = this.entries.at(-1);
    if (this.entries.length > count && latest?.kind === "message" && latest.message.role === "operator") this.heardPerson(latest);
    if (view.active_message && !this.turn) void this.read(view.active_message.message_id, null);
    this.noticeUnread();
    this.changed();
  }

  private heardPerson({ message }: Spoken): void {
    this.typing.show("");
    this.announce(`${message.author ?? ""}: ${message.content}`);
    this.widget.emit("message", { role: "operator" });
  }

  private notice(): void {
    this.isOnline = navigator.onLine;
    if (this.isOnline) {
      this.live.wake();
      void this.sendWaiting();
    } else this.announce(this.strings.offline);
    this.changed();
  }

  private noticeUnread(): void {
    if (this.widget.isOpen) return this.seen();
    const count = unread(this.entries, this.widget.kept.get("read"));
    this.widget.launcher?.showUnread(count);
    this.widget.emit("unread", count);
  }

  private async attempt<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise;
    } catch (failure) {
      this.problem(failure);
      return undefined;
    }
  }

  private watched() {
    return {
      isEmpty: () => this.isForgotten || (this.entries.every(({ kind }) => kind === "note") && !this.isPersonAsked),
      isAttended: () => this.claimedBy !== null || this.isPersonAsked,
      isBusy: () => this.isBusy,
      synced: (page: MessagePage, view: ConversationView) => this.synced(page, view),
      typing: (name: string) => this.typing.show(name),
      reverb: () => this.widget.current.reverb,
      conversationId: () => this.conversationId,
    };
  }
}

