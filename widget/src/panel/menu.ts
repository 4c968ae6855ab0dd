// What the visitor can do with the conversation as a whole: the menu's entries, and the verdict on it.

import type { Chat } from "./chat";
import { saveFile } from "./outgoing";

export class Menu {
  constructor(private readonly chat: Chat) {}

  async requestPerson(): Promise<void> {
    const { chat } = this;
    chat.widget.telemetry.track("person.requested");
    const asked = await chat.attempt(chat.widget.api.data<{ claimed: boolean }>("widget/conversation/request-human", { method: "POST", body: {} }));
    if (!asked) return;
    chat.isPersonAsked = true;
    if (!asked.claimed) chat.note(chat.strings.personTold);
    chat.live.wake();
  }

  async clear(): Promise<void> {
    const { chat } = this;
    chat.question = null;
    if (!(await chat.attempt(chat.widget.api.data("widget/conversation/clear", { method: "POST" })))) return;
    chat.tabs.tell({ type: "reset", erased: false });
    chat.entries = [];
    chat.hasEarlier = false;
    chat.widget.messageCount = 0;
    chat.live.reset();
    chat.changed();
  }

  async end(): Promise<void> {
    const { chat } = this;
    chat.question = null;
    if ((await chat.attempt(chat.widget.api.data("widget/conversation/close", { method: "POST" }))) === undefined) return;
    chat.tabs.tell({ type: "reset", erased: false });
    chat.closed();
  }

  async restart(): Promise<void> {
    const { chat } = this;
    chat.entries = [];
    await chat.attempt(chat.widget.api.init({ force_new: true }));
    chat.tabs.tell({ type: "reset", erased: false });
  }

  async forget(): Promise<void> {
    const { chat } = this;
    chat.question = null;
    const receipt = await chat.attempt(chat.widget.api.data<{ receipt_id: string }>("widget/me", { method: "DELETE" }));
    if (!receipt) return;
    chat.tabs.tell({ type: "reset", erased: true });
    chat.forgotten();
    chat.note(`${chat.strings.forgotten} ${chat.strings.receipt(receipt.receipt_id)}`);
  }

  async download(): Promise<void> {
    const { chat } = this;
    const everything = await chat.attempt(chat.widget.api.data<unknown>("widget/me"));
    if (everything !== undefined) saveFile("my-data.json", everything);
  }

  async rateConversation(rating: "good" | "bad"): Promise<void> {
    const { chat } = this;
    const body = { rating };
    const rated = await chat.attempt(chat.widget.api.data("widget/conversation/satisfaction", { method: "POST", body }));
    if (rated !== undefined) chat.note(chat.strings.thanksRating);
  }
}
