// widget.js: what a site embeds. Reads its own script tag, replaces the queue stub, and boots the widget.
//
// The page may call Diagent(…) before this has loaded, when it has put in the stub:
//   window.Diagent ??= (...command) => (Diagent.q ??= []).push(command)

import { readConfig } from "./core/config";
import { Widget } from "./core/widget";

interface Global {
  (name: string, ...values: unknown[]): unknown;
  // Commands that came before this script.
  q?: ArrayLike<unknown>[];
  running?: boolean;
}

function start(): void {
  const page = window as unknown as { Diagent?: Global };
  const config = readConfig(document.currentScript as HTMLScriptElement | null);
  // A second tag, or a browser without adopted style sheets: the page is left as it is.
  if (!config || page.Diagent?.running || !("adoptedStyleSheets" in document)) return;
  const widget = new Widget(config);
  const queued = page.Diagent?.q ?? [];
  const command: Global = (name, ...values) => {
    if (name === "shutdown") command.running = false;
    return widget.command(name, ...values);
  };
  command.running = true;
  page.Diagent = command;
  for (const call of queued) {
    const [name, ...values] = Array.from(call);
    command(String(name), ...values);
  }
  const boot = () => void widget.boot();
  if (document.body) boot();
  else document.addEventListener("DOMContentLoaded", boot, { once: true });
}

try {
  start();
} catch {
  // Whatever is wrong with this browser, the page goes on without a chat.
}
