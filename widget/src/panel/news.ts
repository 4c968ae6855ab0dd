// The server's event stream of what happens in the conversation, for networks that let no socket through.

import { type Api, Failure } from "../core/api";
import type { Ear, End } from "./channel";
import { content, events } from "./stream";

export async function overStream(api: Api, ear: Ear, signal: AbortSignal): Promise<End> {
  try {
    const response = await api.call("widget/conversation/events", { signal });
    ear.open();
    for await (const { event, data } of events(response, signal)) if (event) ear.heard(event, content(data));
    // It has no end of its own: that server stops, and another one goes on.
    return "broken";
  } catch (failure) {
    return Failure.is(failure) && (failure.status === 404 || failure.status === 405) ? "never" : "broken";
  }
}
