// What leaves the chat: a message with the page it was written on, and a file with all that is known of the visitor.

import type { Widget } from "../core/widget";

// `name` is the client's name of the message: sending it again under the same name never asks twice.
export function messageBody(widget: Widget, text: string, name: string): Record<string, unknown> {
  const heading = document.querySelector("h1")?.textContent?.trim().slice(0, 300) ?? "";
  const context = { title: document.title.slice(0, 300), heading, ...widget.pageContext };
  return { message: text, page_url: location.href, page_context: context, client_message_id: name };
}

export function saveFile(name: string, content: unknown): void {
  const address = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
