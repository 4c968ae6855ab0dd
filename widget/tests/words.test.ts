import { expect, test } from "vitest";
import { choose } from "../src/core/language";
import { isOn, isRestricted } from "../src/core/pages";
import { Failure } from "../src/core/api";
import { Sentences, spoken } from "../src/panel/sentences";
import { explain } from "../src/panel/words";
import ar from "../src/strings/ar";
import de from "../src/strings/de";
import { en } from "../src/strings/en";
import fr from "../src/strings/fr";

test("the first of the wanted languages that is known is spoken", () => {
  expect(choose(["pt-BR", "de-AT", "fr"], ["en", "de", "fr"])).toBe("de");
  expect(choose(["pt"], ["en", "de"])).toBe("en");
});

test("a screen reader hears whole sentences, without marks and numbers of sources", () => {
  const said: string[] = [];
  const sentences = new Sentences("en", (sentence) => said.push(sentence));
  for (const token of ["It is **30", " days**. [1] Then", " it is", " over."]) sentences.add(token);
  expect(said).toEqual(["It is 30 days."]);
  sentences.end();
  expect(said).toEqual(["It is 30 days.", "Then it is over."]);
  expect(spoken("# Head\n- [a link](https://x.y) `code`")).toBe("Head a link code");
});

test("patterns of pages mean paths or addresses", () => {
  const url = new URL("https://site.example/shop/tents?colour=red#top");
  expect(isOn(url, "/shop/*")).toBe(true);
  expect(isOn(url, "/shop")).toBe(false);
  expect(isOn(url, "https://site.example/*tents")).toBe(true);
  expect(isRestricted(new URL("https://site.example/checkout"), ["/checkout/*"])).toBe(true);
});

test("a failure is understood across files that were built apart", () => {
  class Failure extends Error {
    override name = "DiagentFailure";
    code = "throttled";
    retryAfter = 3;
  }
  expect(explain(new Failure(), en)).toContain("3 s");
  expect(explain(new Error("anything"), en)).toBe(en.failedHere);
});

test("the refusals of the API have words in every language", () => {
  for (const strings of [en, de, fr, ar]) {
    for (const code of ["throttled", "plan_limit_reached", "conversation_closed", "unreachable"]) {
      expect(explain(new Failure(429, code), strings)).not.toBe(strings.failedHere);
    }
  }
});
