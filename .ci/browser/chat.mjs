// Asking and reading, also when the page is loaded anew, the network is cut, or another tab is open.

import assert from "node:assert/strict";

import { accessible, answered, answers, api, arrive, ask, booted, demo, midway, open, reopened, visitor, write } from "./visitor.mjs";

export const checks = {
  async "an answer grows smoothly and names its pages"() {
    const { page, done } = await visitor();
    await open(page, "/refunds");
    const lengths = page.evaluate(
      () =>
        new Promise((resolve) => {
          const { shadowRoot } = document.querySelector("diagent-widget");
          const seen = [];
          const look = () => {
            const last = [...shadowRoot.querySelectorAll(".message.assistant .bubble")].at(-1);
            const message = last?.parentElement;
            if (message?.classList.contains("streaming")) seen.push(last.textContent.length);
            if (message?.classList.contains("settled") || message?.classList.contains("known")) resolve(seen);
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    await page.getByRole("button", { name: "What is your refund policy?" }).click();
    assert.match(await answered(page), /refund policy is 30 days/);
    assert.ok(new Set(await lengths).size > 10, `it came in ${new Set(await lengths).size} pieces`);
    const source = answers(page).last().locator(".sources a").first();
    await source.click();
    await page.waitForURL(/refunds#our-refund-policy$/);
    assert.equal(await page.locator("#our-refund-policy").count(), 1, "the citation leads to its heading");
    await done();
  },

  async "the conversation goes on after a reload in the middle of an answer"() {
    const { page, done } = await visitor();
    await open(page);
    const streaming = midway(page);
    await write(page, "When will my parcel arrive?");
    await streaming;
    await reopened(page);
    assert.match(await answered(page), /working day before your rental begins/);
    assert.equal(await page.locator(".message.visitor").count(), 1, "the question stands once");
    await done();
  },

  async "an answer whose connection is cut goes on where it was"() {
    const { page, context, done } = await visitor();
    await open(page);
    const streaming = midway(page);
    await write(page, "How much does a weekend for two cost?");
    await streaming;
    await context.setOffline(true);
    await page.locator(".banner").waitFor();
    await context.setOffline(false);
    await page.locator(".banner").waitFor({ state: "detached" });
    const shown = await answered(page);
    await reopened(page);
    assert.equal(await answered(page), shown, "what was shown is what the log holds");
    await done();
  },

  async "half an answer, and the rest from another connection"() {
    const { page, context, done } = await visitor();
    await open(page);
    let half;
    await context.route("**/messages/stream", async (route) => {
      const response = await route.fetch();
      const lines = (await response.text()).split("\n\n");
      half = Math.floor(lines.length / 2);
      // The last line of this half breaks off, too.
      await route.fulfill({ response, body: `${lines.slice(0, half).join("\n\n")}\n\n${(lines[half] ?? "").slice(0, -3)}` });
    });
    const resumed = page.waitForRequest((request) => /\/messages\/\w+\/stream$/.test(request.url()) && request.method() === "GET");
    await write(page, "How much does a weekend for two cost?");
    assert.ok(Number((await resumed).headers()["last-event-id"]) >= 0);
    assert.match(await answered(page), /A weekend for two costs £79 .+ mats and a stove\./s);
    await done();
  },

  async "a message that finds no network waits for it"() {
    const { page, context, done } = await visitor();
    await open(page);
    await ask(page, "What is your refund policy?");
    await context.setOffline(true);
    await write(page, "Do I have to clean the gear?");
    await page.locator(".message.failed", { hasText: "goes out when you are back online" }).waitFor();
    await accessible(page, "a message that waits");
    await context.setOffline(false);
    await page.locator(".message.failed").waitFor({ state: "detached" });
    // The last answer is still the one before, until this one begins.
    await answers(page).filter({ hasText: /wash/ }).waitFor();
    assert.equal(await page.locator(".message.visitor", { hasText: "clean the gear" }).count(), 1);
    await done();
  },

  async "a message that was refused says why, and is sent when the visitor says so"() {
    const { page, context, done } = await visitor();
    await open(page);
    await context.route("**/messages/stream", (route) =>
      route.fulfill({ status: 429, headers: { "access-control-allow-origin": demo, "access-control-expose-headers": "Retry-After", "retry-after": "7" }, json: { error: { code: "throttled", message: "" } } }),
    );
    await write(page, "What is your refund policy?");
    await page.locator(".message.failed", { hasText: "wait 7 s" }).waitFor();
    await context.unrouteAll();
    await page.getByRole("button", { name: "Try again" }).click();
    assert.match(await answered(page), /30 days/);
    await done();
  },

  async "earlier messages come when one scrolls up to them"() {
    const { page, done } = await visitor();
    const welcome = booted(page);
    await arrive(page);
    const { jwt } = await welcome;
    for (let number = 1; number <= 18; number += 1) {
      const headers = { origin: demo, authorization: `Bearer ${jwt}`, "content-type": "application/json" };
      const answer = await fetch(`${api}/api/v1/widget/messages`, { method: "POST", headers, body: JSON.stringify({ message: `Question ${number}: is cleaning free?` }) });
      assert.ok(answer.ok, await answer.text());
    }
    await open(page);
    await page.locator(".message.visitor", { hasText: "Question 18:" }).waitFor();
    assert.equal(await page.locator(".message.visitor", { hasText: "Question 1:" }).count(), 0);
    await page.locator(".log").evaluate((log) => log.scrollTo(0, 0));
    await page.locator(".message.visitor", { hasText: "Question 1:" }).waitFor();
    const order = await page.locator(".message.visitor .said").allInnerTexts();
    assert.deepEqual(order.map((text) => Number(/\d+/.exec(text)[0])), Array.from({ length: 18 }, (_, index) => index + 1));
    await done();
  },

  async "two tabs show the same, while it is written"() {
    const { page, newPage, done } = await visitor();
    await open(page);
    await ask(page, "What is your refund policy?");
    const second = await newPage();
    await open(second, "/faq");
    await second.locator(".message.visitor", { hasText: "refund policy" }).waitFor();
    await write(page, "Do I have to clean the gear?");
    await second.locator(".message.visitor", { hasText: "clean the gear" }).waitFor();
    const [first, other] = [await answered(page), await answered(second)];
    assert.equal(other, first);
    // The tab that led is closed: the other one leads.
    await page.close();
    await ask(second, "When will my parcel arrive?");
    await done();
  },

  async "what a model writes is drawn, and nothing of it is carried out"() {
    const { page, context, done } = await visitor();
    await open(page);
    const text = [
      "**Bold**, [site](https://example.com/a), [bad](javascript:alert(1)), [worse](data:text/html,x) <script>alert(1)</script> ![img](https://example.com/x.png)",
      "- one [1]\n- two", "| a | b |\n|---|---|\n| 1 | 2 |", "```\n<b>code</b>\n```", '<a href="javascript:alert(1)" onclick="alert(1)">click</a>',
    ].join("\n\n");
    const frames = [
      ...text.match(/[^]{1,7}/g).map((token) => ({ event: "token", token })),
      { event: "citations", citations: [{ id: 1, url: "javascript:alert(1)", title: "A source that is none" }] },
      { event: "done", conversation_id: "" },
    ];
    // The server knows nothing of this answer: it is not asked.
    await context.route("**/conversation/messages*", (route) => route.abort());
    await context.route("**/messages/stream", (route) =>
      route.fulfill({
        headers: { "access-control-allow-origin": demo, "access-control-expose-headers": "*", "content-type": "text/event-stream", "diagent-message-id": "01KDEM0AGENT0000000000000X" },
        body: frames.map((frame, id) => `id: ${id}\ndata: ${JSON.stringify(frame)}\n\n`).join(""),
      }),
    );
    const shown = await ask(page, "Show me everything");
    assert.match(shown, /<script>alert\(1\)<\/script>/);
    const words = answers(page).last().locator(".words");
    assert.deepEqual(await words.locator("a").evaluateAll((links) => links.map((link) => link.href)), ["https://example.com/a"]);
    assert.equal(await words.locator("img, script, b, [onclick]").count(), 0);
    assert.equal(await words.locator("strong, li, table td, pre").count(), 6);
    assert.equal(await answers(page).last().locator("[href^=javascript]").count(), 0);
    await accessible(page, "everything that markdown has");
    await done();
  },

  async "text is text, whoever wrote it"() {
    const { page, done } = await visitor();
    await open(page);
    await ask(page, '<img src=x onerror="alert(1)"> **refund** policy');
    assert.equal(await page.locator(".log img").count(), 0);
    assert.match(await page.locator(".message.visitor .bubble").innerText(), /<img src=x/);
    await done();
  },

  async "an answer can be stopped and judged"() {
    const { page, done } = await visitor();
    await open(page);
    const stopped = midway(page, ".send.stop");
    await write(page, "Tell me all about prices, delivery, refunds and damage cover");
    await stopped;
    await page.locator(".send.stop").waitFor({ state: "detached" });
    const up = answers(page).last().getByRole("button", { name: "Helpful", exact: true });
    const rated = page.waitForResponse((answer) => answer.url().endsWith("/feedback"));
    await up.click();
    assert.equal((await rated).status(), 204);
    await reopened(page);
    await page.locator(".tool[aria-pressed=true]").waitFor();
    await done();
  },
};
