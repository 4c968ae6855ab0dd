// The demo as a person uses it, in a real browser: node browser.mjs DEMO_ORIGIN API_ORIGIN OPERATOR_TOKEN [PICTURE.png]
// With a picture's name it only takes the README's picture. ONLY=words runs the checks whose name holds these words.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages are installed outside of the repository; NODE_PATH is for `require` alone.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [demo, api, token, picture] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const WIDE = { viewport: { width: 1280, height: 860 }, locale: "en-GB" };
const PHONE = { viewport: { width: 390, height: 844 }, locale: "en-GB", hasTouch: true, isMobile: true };

// A visitor of their own, and everything that the browser complains of.
async function visitor(options = WIDE) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(Number(process.env.TIMEOUT_MS ?? 30_000));
  const complaints = [];
  const attend = (page) => {
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // What a check has cut off itself is no complaint.
      if (message.type() === "error" && !/net::ERR_|WebSocket connection to/.test(message.text())) complaints.push(message.text());
    });
    return page;
  };
  const newPage = async () => attend(await context.newPage());
  return {
    context,
    page: await newPage(),
    newPage,
    complaints,
    async done() {
      assert.deepEqual(complaints, []);
      await context.close();
    },
  };
}

async function arrive(page, path = "/") {
  await page.goto(demo + path);
  await page.locator(".launcher").waitFor();
}

async function open(page, path = "/") {
  await arrive(page, path);
  await page.locator(".launcher").click();
  await page.locator(".dialog").waitFor();
}

const written = (page) => page.locator("textarea");
const answers = (page) => page.locator(".message.assistant");

async function write(page, text) {
  await written(page).fill(text);
  await written(page).press("Enter");
  await page.locator(".message.visitor", { hasText: text }).first().waitFor();
}

// The last answer, when it is complete.
async function answered(page) {
  await page.locator(".send.stop").waitFor({ state: "detached" });
  const last = answers(page).last();
  await last.locator(".tools").waitFor();
  return last.locator(".bubble").innerText();
}

async function ask(page, question) {
  await write(page, question);
  return answered(page);
}

async function menu(page, item) {
  await page.getByRole("button", { name: "More options" }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

// What a person of the team does, through the API.
async function team(conversation, what, body) {
  const answer = await fetch(`${api}/api/v1/conversations/${conversation}/${what}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${what}: ${answer.status} ${await answer.text()}`);
}

// What `init` answers to the page.
async function booted(page) {
  const response = await page.waitForResponse((answer) => answer.url().endsWith("/widget/init") && answer.request().method() === "POST");
  return (await response.json()).data;
}

const checks = {
  async "one tag, no global but one, and nothing of the page is touched"() {
    const { page, done } = await visitor();
    await arrive(page);
    const found = await page.evaluate(async () => {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      const plain = new Set(Object.getOwnPropertyNames(frame.contentWindow));
      frame.remove();
      return Object.getOwnPropertyNames(window).filter((name) => !plain.has(name) && !/^\d+$/.test(name) && !name.includes("playwright"));
    });
    assert.deepEqual(found, ["Diagent"]);
    assert.equal(await page.evaluate(() => document.querySelectorAll("body > diagent-widget").length), 1);
    assert.equal(await page.evaluate(() => document.querySelectorAll("style, [style]:not(diagent-widget)").length), 0);
    await done();
  },

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
    await write(page, "When will my parcel arrive?");
    await page.locator(".message.assistant.streaming").waitFor();
    await page.reload();
    await page.locator(".dialog").waitFor();
    assert.match(await answered(page), /working day before your rental begins/);
    assert.equal(await page.locator(".message.visitor").count(), 1, "the question stands once");
    await done();
  },

  async "an answer whose connection is cut goes on where it was"() {
    const { page, context, done } = await visitor();
    await open(page);
    await write(page, "How much does a weekend for two cost?");
    await page.waitForFunction(() => {
      const { shadowRoot } = document.querySelector("diagent-widget");
      return (shadowRoot.querySelector(".message.streaming .bubble")?.textContent.length ?? 0) > 5;
    });
    await context.setOffline(true);
    await page.locator(".banner").waitFor();
    await context.setOffline(false);
    await page.locator(".banner").waitFor({ state: "detached" });
    const shown = await answered(page);
    await page.reload();
    await page.locator(".dialog").waitFor();
    assert.equal(await answered(page), shown, "what was shown is what the log holds");
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
    await write(page, "Tell me all about prices, delivery, refunds and damage cover");
    await page.locator(".send.stop").click();
    await page.locator(".send.stop").waitFor({ state: "detached" });
    const up = answers(page).last().getByRole("button", { name: "Helpful", exact: true });
    const rated = page.waitForResponse((answer) => answer.url().endsWith("/feedback"));
    await up.click();
    assert.equal((await rated).status(), 204);
    await page.reload();
    await page.locator(".dialog").waitFor();
    await page.locator(".tool[aria-pressed=true]").waitFor();
    await done();
  },

  async "the lead form says what is wrong, thanks, and remembers who it was"() {
    const { page, done } = await visitor();
    await arrive(page, "/contact");
    await page.locator("[data-diagent=lead]").click();
    const field = (name) => page.locator(`.lead [name="${name}"]`);
    await field("email").fill("nobody");
    await field("fields.party_size").fill("two");
    await page.locator(".lead [type=submit]").click();
    assert.equal(await page.locator(".lead .problem").count(), 2);
    assert.ok(await field("email").evaluate((input) => input.getRootNode().activeElement === input), "the first wrong field has the focus");
    await accessible(page, "the lead form");
    await field("email").fill("alex@example.com");
    await field("fields.party_size").fill("2");
    await field("fields.season").selectOption("Summer");
    await page.locator(".lead [type=submit]").click();
    await page.locator(".note", { hasText: "Thank you" }).waitFor();
    await page.reload();
    await page.locator(".dialog").waitFor();
    await menu(page, "Leave my details");
    assert.equal(await field("email").inputValue(), "alex@example.com");
    await done();
  },

  async "a behaviour rule offers help once, and says so"() {
    const { page, done } = await visitor();
    // A page that is being left tells by a beacon, which no test sees otherwise.
    await page.addInitScript(() => {
      const { sendBeacon } = Navigator.prototype;
      Navigator.prototype.sendBeacon = function (url, body) {
        const isTaken = sendBeacon.call(this, url, body);
        sessionStorage.setItem("told", (sessionStorage.getItem("told") ?? "") + (isTaken ? body : ""));
        return isTaken;
      };
    });
    const told = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/widget/events")) told.push(request.postData());
    });
    await arrive(page, "/pricing");
    await page.mouse.wheel(0, 1600);
    await page.locator(".offer-accept").click();
    await page.locator(".message.visitor", { hasText: "weekend for two" }).waitFor();
    await answered(page);
    await page.locator(".dialog").getByRole("button", { name: "Close chat" }).click();
    await page.reload();
    await page.locator(".launcher").waitFor();
    await page.mouse.wheel(0, 1600);
    await page.waitForFunction(() => scrollY > 400);
    assert.equal(await page.locator(".offer-card").count(), 0);
    const all = told.join() + (await page.evaluate(() => sessionStorage.getItem("told")));
    for (const event of ["rule.triggered", "cta.shown", "cta.click", "widget.closed"]) assert.ok(all.includes(event), `${event} in ${all}`);
    await done();
  },

  async "a person takes over, is heard, and leaves"() {
    const { page, done } = await visitor();
    const welcome = booted(page);
    await open(page);
    const { conversation_id: conversation } = await welcome;
    await ask(page, "What is your refund policy?");
    await menu(page, "Talk to a person");
    await page.locator(".note", { hasText: "told the team" }).waitFor();
    await team(conversation, "claim");
    await page.locator(".head", { hasText: "Robin" }).waitFor();
    await team(conversation, "reply", { content: "Robin here." });
    await page.locator(".message.operator", { hasText: "Robin here." }).waitFor();
    assert.equal(await page.locator(".message.operator .author").innerText(), "Robin");
    await write(page, "Hello Robin");
    await team(conversation, "reply", { content: "Good to hear from you." });
    await page.locator(".message.operator", { hasText: "Good to hear" }).waitFor();
    assert.equal(await page.locator(".message.visitor", { hasText: "Hello Robin" }).count(), 1);
    // With the chat closed, what comes is counted.
    await page.locator(".dialog").getByRole("button", { name: "Close chat" }).click();
    await team(conversation, "reply", { content: "Anything else?" });
    await page.locator(".badge", { hasText: "1" }).waitFor();
    await page.locator(".launcher").click();
    await page.locator(".message.operator", { hasText: "Anything else?" }).waitFor();
    await team(conversation, "release");
    await page.locator(".note", { hasText: "Robin has left" }).waitFor();
    await done();
  },

  async "the messages are cleared, the conversation is ended and begun anew"() {
    const { page, done } = await visitor();
    await open(page);
    await ask(page, "What is your refund policy?");
    await menu(page, "Clear messages");
    await page.getByRole("alertdialog").getByRole("button", { name: "Clear messages" }).click();
    await page.locator(".prompts button").first().waitFor();
    await page.reload();
    await page.locator(".dialog").waitFor();
    assert.equal(await page.locator(".message.visitor").count(), 0);
    await ask(page, "Do I have to clean the gear?");
    await menu(page, "End conversation");
    await page.getByRole("alertdialog").getByRole("button", { name: "End conversation" }).click();
    await page.getByRole("button", { name: "Good" }).click();
    await page.locator(".note", { hasText: "Thank you" }).waitFor();
    await page.getByRole("button", { name: "Start a new one" }).click();
    await page.locator(".prompts button").first().waitFor();
    await ask(page, "When will my parcel arrive?");
    await done();
  },

  async "a visitor is forgotten"() {
    const { page, done } = await visitor();
    await open(page);
    await ask(page, "Do I have to clean the gear?");
    const known = () => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("diagent.")));
    assert.ok((await known()).length > 0);
    await menu(page, "Delete my data");
    await page.getByRole("alertdialog").getByRole("button", { name: "Delete my data" }).click();
    await page.locator(".note", { hasText: "has been deleted" }).waitFor();
    assert.deepEqual(await known(), []);
    assert.equal(await page.locator(".message.visitor").count(), 0);
    await ask(page, "What is your refund policy?");
    await done();
  },

  async "the keyboard does everything, and the focus comes back"() {
    const { page, done } = await visitor();
    await arrive(page);
    const focused = () => page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.className ?? "");
    await page.locator(".launcher").focus();
    await page.keyboard.press("Enter");
    await page.locator(".dialog").waitFor();
    await page.waitForFunction(() => document.activeElement.shadowRoot?.activeElement?.tagName === "TEXTAREA");
    await page.keyboard.type("What is your refund policy?");
    await page.keyboard.press("Enter");
    await answered(page);
    const said = await page.locator("[aria-live=polite] p").allInnerTexts();
    assert.ok(said.some((sentence) => /refund/.test(sentence)), `whole sentences are announced: ${said}`);
    assert.ok(said.length < 12, "not every token");
    await page.getByRole("button", { name: "More options" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem").first().waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("alertdialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("alertdialog").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.locator(".dialog").waitFor({ state: "hidden" });
    assert.match(await focused(), /launcher/);
    await done();
  },

  async "on a phone the chat is the whole screen"() {
    const { page, done } = await visitor(PHONE);
    await open(page);
    await settled(page);
    const box = await page.locator(".dialog").boundingBox();
    assert.deepEqual([box.x, box.y, box.width, box.height], [0, 0, 390, 844]);
    await ask(page, "What is your refund policy?");
    await page.locator(".dialog").getByRole("button", { name: "Close chat" }).click();
    await page.locator(".launcher").waitFor();
    await done();
  },

  async "where it is not wanted it stays away, and the page goes on"() {
    for (const [status, body] of [[403, "origin_forbidden"], [404, "agent_not_found"], [429, "plan_limit_reached"], [0, ""]]) {
      const { page, context, done } = await visitor();
      await context.route("**/widget/init", (route) =>
        status ? route.fulfill({ status, headers: { "access-control-allow-origin": demo }, json: { error: { code: body, message: "" } } }) : route.abort(),
      );
      const asked = page.waitForEvent(status ? "response" : "requestfailed", (one) => one.url().endsWith("/widget/init"));
      await page.goto(demo);
      await asked;
      await page.evaluate(() => new Promise((resolve) => Diagent("on", "unavailable", resolve) && setTimeout(resolve, 300)));
      assert.equal(await page.locator("diagent-widget").count(), 0, String(status));
      await context.unrouteAll();
      await context.close();
      void done;
    }
  },

  async "nothing stands in the way of people with assistive technology"() {
    for (const options of [WIDE, PHONE, { ...WIDE, colorScheme: "dark" }, { ...WIDE, locale: "ar" }]) {
      const { page, done } = await visitor(options);
      const what = `${options.viewport.width} ${options.colorScheme ?? ""} ${options.locale}`;
      for (const path of ["/", "/pricing", "/faq", "/contact"]) {
        await arrive(page, path);
        await accessible(page, `${path} at ${what}`);
      }
      await page.locator(".launcher").click();
      await page.locator(".dialog").waitFor();
      await accessible(page, `the empty chat at ${what}`);
      await ask(page, "What is your refund policy?");
      await accessible(page, `the chat at ${what}`);
      await page.locator(".menu > button").click();
      await accessible(page, `its menu at ${what}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
      await done();
    }
  },
};

// Nothing moves any more, but for what always does.
async function settled(page) {
  await page.waitForFunction(() => {
    const all = [document, document.querySelector("diagent-widget").shadowRoot].flatMap((root) => root.getAnimations());
    return all.every((animation) => animation.playState !== "running" || animation.effect.getTiming().iterations === Infinity);
  });
}

async function accessible(page, where) {
  // In the middle of its entry a panel is half transparent, and its contrasts are not those that people see.
  await settled(page);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} (${failureSummary})`).join(", ")}`);
  assert.deepEqual(found, [], where);
}

async function takePicture() {
  const { page, done } = await visitor();
  await open(page, "/refunds");
  await ask(page, "What is your refund policy?");
  await page.locator("h1").hover();
  await page.screenshot({ path: picture });
  await done();
}

let failed = 0;
const { ONLY = "" } = process.env;
const chosen = picture ? { "the README's picture": takePicture } : checks;
for (const [name, check] of Object.entries(chosen).filter(([name]) => name.includes(ONLY))) {
  const started = Date.now();
  try {
    await check();
    console.log(`ok    ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exitCode = Number(failed > 0);
