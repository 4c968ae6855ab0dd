// The chat itself, loaded when it is first wanted. It draws into the shadow root that the launcher is in.

import { render } from "preact";
import type { Panel, PanelModule, View, Widget } from "../core/widget";
import { Chat } from "./chat";
import { nextFrame } from "./frame";
import sheet from "./panel.css";
import { Dialog } from "./view/dialog";
import { fitToScreen, isCovering } from "./viewport";

// Sentences that were read out are of no use any more.
const SPOKEN_MAX = 12;

export const mount: PanelModule["mount"] = (widget: Widget): Panel => {
  const { launcher } = widget;
  if (!launcher) throw new Error("there is no launcher");
  const styles = new CSSStyleSheet();
  styles.replaceSync(sheet);
  launcher.root.adoptedStyleSheets = [...launcher.root.adoptedStyleSheets, styles];
  const place = document.createElement("div");
  place.className = "place";
  place.hidden = true;
  const spoken = document.createElement("div");
  spoken.className = "unseen";
  spoken.setAttribute("aria-live", "polite");
  launcher.section.prepend(place);
  launcher.section.append(spoken);

  // Many changes of one moment are drawn once.
  let cancel: (() => void) | null = null;
  const draw = () => {
    cancel?.();
    cancel = null;
    render(<Dialog chat={chat} />, place);
  };
  const changed = () => {
    cancel ??= nextFrame(draw);
  };
  const announce = (sentence: string) => {
    const line = document.createElement("p");
    line.textContent = sentence;
    spoken.append(line);
    while (spoken.childElementCount > SPOKEN_MAX) spoken.firstElementChild?.remove();
  };
  const chat = new Chat(widget, changed, announce);
  const unfit = fitToScreen(place);

  return {
    open(view: View, takeFocus: boolean) {
      place.hidden = false;
      chat.show(chat.isGated ? "lead" : view);
      chat.seen();
      draw();
      if (takeFocus || isCovering()) focusFirst(place);
    },
    close() {
      place.hidden = true;
    },
    send: (text) => void chat.writing.send(text),
    requestPerson: () => void chat.menu.requestPerson(),
    offer: ({ message, label, accepted }) => chat.note(message, { label, run: accepted }, "offer"),
    welcomed: (welcome) => chat.load(welcome),
    dressed: changed,
    destroy() {
      cancel?.();
      chat.destroy();
      unfit();
      render(null, place);
    },
  };
};

// Where writing begins; on a touch screen that would bring the keyboard up, so the dialog itself.
function focusFirst(place: HTMLElement): void {
  const input = matchMedia("(pointer: coarse)").matches ? null : place.querySelector<HTMLElement>("form.lead input, textarea");
  (input ?? place.querySelector<HTMLElement>("[role=dialog]"))?.focus();
}
