// The conversation as it is shown. The view (view/) draws it and calls its methods, those of `writing` and those of `menu`.

import type { Person, View, Widget } from "../core/widget";
import type { Citation, ConversationView, MessagePage, Rating, Welcome } from "../core/types";
import type { Strings } from "../strings/en";
import { type Entry, merged, type Note, oldestKnown, prepended, type Spoken, unread } from "./entries";
import { Live } from "./live";
import { Menu } from "./menu";
import { type News, Tabs } from "./tabs";
import { Typing } from "./typing";
import { explain, uniqueId } from "./words";
import { Writing } from "./writing";

export type Question = "clear" | "end" | "forget";

export class Chat {
  view: View = "chat";
  entries: Entry[] = [];
  hasEarlier = false;
  isReadingBack = false;
  claimedBy: string | null = null;
  isPersonAsked = false;
  isClosed = false;
  question: Question | null = null;
  isOnline = navigator.onLine;
  // Who was forgotten is a stranger: until they write, nothing is asked of the server.
  isForgotten = false;
  readonly typing: Typing;
  readonly writing = new Writing(this);
  readonly menu = new Menu(this);

  readonly ended = new AbortController();
  readonly tabs: Tabs;
  readonly live: Live;
  private conversationId = "";

  constructor(
    readonly widget: Widget,
    // Something is to be drawn anew.
    readonly changed: () => void,
    // Something is to be read out.
    readonly announce: (sentence: string) => void,
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

  // A welcome that came later: a new token for the same conversation, or another conversation.
  load(welcome: Welcome): void {
    const isOther = welcome.conversation_id !== this.conversationId;
    if (isOther) {
      this.conversationId = welcome.conversation_id;
      this.aloneAgain();
      this.entries = this.entries.filter((entry) => entry.kind === "message" && (entry.state === "sending" || entry.state === "failed"));
      if (this.entries.length === 0) this.writing.turn = null;
    }
    this.isForgotten = false;
    this.entries = merged(this.entries, { messages: welcome.messages, has_more: false });
    this.hasEarlier = welcome.messages.length >= 30;
    if (isOther) this.live.reset();
    if (welcome.active_message && !this.writing.turn) void this.writing.read(welcome.active_message.message_id, null);
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

  // --- What is there ---

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

  // A rule has just offered something: one offer at a time is enough.
  get isOffering(): boolean {
    const last = this.entries.at(-1);
    return last?.kind === "note" && last.tone === "offer";
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

  added(text: string, name: string): Spoken {
    const entry: Spoken = { kind: "message", key: name, message: { id: name, role: "visitor", content: text }, state: "sending" };
    this.entries = [...this.entries, entry];
    return entry;
  }

  closed(): void {
    if (this.isClosed) return;
    this.aloneAgain();
    this.isClosed = true;
    this.note(this.strings.howWasIt, undefined, "rating");
  }

  forgotten(): void {
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
    this.writing.turn?.hear(news);
    if (news.type === "asked" && !this.writing.isBusy) {
      const entry = this.added(news.text, news.name);
      entry.state = "sent";
      this.changed();
      if (news.answerId) void this.writing.read(news.answerId, null);
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
    if (this.writing.isBusy) return;
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
    if (view.active_message && !this.writing.turn) void this.writing.read(view.active_message.message_id, null);
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
      void this.writing.sendWaiting();
    } else this.announce(this.strings.offline);
    this.changed();
  }

  noticeUnread(): void {
    if (this.widget.isOpen) return this.seen();
    const count = unread(this.entries, this.widget.kept.get("read"));
    this.widget.launcher?.showUnread(count);
    this.widget.emit("unread", count);
  }

  async attempt<T>(promise: Promise<T>): Promise<T | undefined> {
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
      isBusy: () => this.writing.isBusy,
      synced: (page: MessagePage, view: ConversationView) => this.synced(page, view),
      typing: (name: string) => this.typing.show(name),
      reverb: () => this.widget.current.reverb,
      conversationId: () => this.conversationId,
    };
  }
}

