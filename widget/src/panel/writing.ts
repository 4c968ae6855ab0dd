// What the visitor writes, and the answer to it: sent, tried again, read to its end.

import { Failure } from "../core/api";
import type { Chat } from "./chat";
import type { Spoken } from "./entries";
import { messageBody } from "./outgoing";
import { Turn } from "./turn";
import { explain, uniqueId } from "./words";

export class Writing {
  turn: Turn | null = null;
  isSending = false;
  // What could not be sent, for the composer to take back.
  draft = "";

  constructor(private readonly chat: Chat) {}

  get isBusy(): boolean {
    return this.isSending || this.turn !== null;
  }

  async send(text: string, name = uniqueId(), again?: Spoken): Promise<void> {
    const { chat } = this;
    if (this.isBusy) {
      if (!again) this.draft = text;
      return chat.changed();
    }
    const entry = again ?? chat.added(text, name);
    Object.assign(entry, { state: "sending", problem: undefined, action: undefined, waits: undefined });
    this.isSending = true;
    chat.changed();
    try {
      const response = await chat.widget.api.call("widget/messages/stream", { method: "POST", body: messageBody(chat.widget, text, name), signal: chat.ended.signal });
      const answerId = response.headers.get("Diagent-Message-Id");
      entry.state = "sent";
      this.isSending = false;
      if (!again) chat.widget.messageSent(text);
      chat.tabs.tell({ type: "asked", text, name, answerId });
      if (answerId) await this.read(answerId, response, () => void this.send(text));
    } catch (failure) {
      this.isSending = false;
      if (!chat.ended.signal.aborted) this.notSent(entry, text, name, failure);
    }
    chat.changed();
  }

  stop(): void {
    const { chat } = this;
    if (!this.turn) return;
    chat.widget.telemetry.track("answer.stopped");
    void chat.attempt(chat.widget.api.data(`widget/messages/${this.turn.answerId}/stop`, { method: "POST" }));
  }

  private notSent(entry: Spoken, text: string, name: string, failure: unknown): void {
    const { chat } = this;
    const code = Failure.is(failure) ? failure.code : "";
    const running = Failure.is(failure) ? failure.messageId : null;
    if (code === "turn_in_progress" && running) {
      chat.entries = chat.entries.filter((other) => other !== entry);
      this.draft = text;
      void this.read(running, null);
    } else if (code === "conversation_closed") {
      chat.entries = chat.entries.filter((other) => other !== entry);
      this.draft = text;
      chat.closed();
    } else {
      const waits = code === "unreachable";
      const why = waits && !navigator.onLine ? chat.strings.waits : explain(failure, chat.strings);
      const action = { label: chat.strings.tryAgain, run: () => void this.send(text, name, entry) };
      Object.assign(entry, { state: "failed", problem: `${chat.strings.notSent} ${why}`, action, waits });
      chat.announce(entry.problem ?? "");
    }
  }

  // What nobody was reached for goes out, in its order, until one finds nobody again.
  async sendWaiting(): Promise<void> {
    const { chat } = this;
    const next = chat.entries.find((entry) => entry.kind === "message" && entry.waits);
    if (next?.kind !== "message" || this.isBusy) return;
    await this.send(next.message.content, next.key, next);
    if (next.state !== "failed") await this.sendWaiting();
  }

  // Shows an answer to its end.
  async read(answerId: string, response: Response | null, again?: () => void): Promise<void> {
    const { chat } = this;
    if (this.turn) return;
    const { widget, strings } = chat;
    const turn = new Turn(answerId, widget.api, chat.tabs, widget.language.code, chat.changed, chat.announce);
    this.turn = turn;
    // A reload may have shown it before it was complete.
    chat.entries = [...chat.entries.filter(({ key }) => key !== answerId), turn.entry];
    chat.changed();
    try {
      const last = await turn.run(response, chat.ended.signal);
      this.settle(turn);
      if (last.event === "error") chat.note(strings.failed, again && { label: strings.askAgain, run: again }, "problem");
      if (last.event === "done") this.concluded(turn, last.low_confidence ?? false, last.finish_reason);
    } catch (failure) {
      this.settle(turn);
      if (chat.ended.signal.aborted) return;
      chat.problem(failure, { label: strings.goOn, run: () => void this.read(answerId, null, again) });
    } finally {
      chat.live.settled();
      chat.noticeUnread();
      chat.changed();
    }
  }

  private settle(turn: Turn): void {
    const { chat } = this;
    if (this.turn === turn) this.turn = null;
    turn.entry.state = "settled";
    if (turn.isSilent) chat.entries = chat.entries.filter((entry) => entry !== turn.entry);
  }

  private concluded(turn: Turn, isUnsure: boolean, reason: string | undefined): void {
    const { chat } = this;
    const { strings } = chat;
    const { entry } = turn;
    entry.message = { ...entry.message, low_confidence: isUnsure, ...(reason && { finish_reason: reason }) };
    const { citations } = entry.message;
    if (citations?.length) chat.announce(`${strings.sources}: ${citations.length}`);
    chat.widget.emit("message", { role: "assistant" });
    if (turn.isSilent && reason === "stopped") {
      chat.note(strings.stopped);
    } else if (turn.isSilent) {
      // A person has the conversation: nobody answers by themselves.
      if (!chat.claimedBy) chat.note(strings.personReads);
      chat.live.wake();
    } else if (isUnsure && !chat.isPersonAsked && !chat.claimedBy && !chat.isOffering) {
      chat.note(strings.unsure, { label: strings.person, run: () => void chat.menu.requestPerson() });
    }
  }
}
