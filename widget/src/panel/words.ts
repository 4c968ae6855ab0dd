// What a visitor is told when something fails.

import { Failure } from "../core/api";
import type { Strings } from "../strings/en";

export function explain(failure: unknown, strings: Strings): string {
  if (!Failure.is(failure)) return strings.failedHere;
  switch (failure.code) {
    case "throttled":
      return strings.slowDown(failure.retryAfter);
    case "plan_limit_reached":
    case "agent_not_found":
    case "origin_forbidden":
      return strings.resting;
    case "conversation_closed":
      return strings.ended;
    case "turn_in_progress":
      return strings.answering;
    case "payload_too_large":
      return strings.tooLong;
    case "unreachable":
      return strings.interrupted;
    default:
      return failure.status >= 500 ? strings.failed : strings.failedHere;
  }
}

export function uniqueId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
