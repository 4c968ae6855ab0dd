// The demo as a person uses it, in a real browser: node browser.mjs DEMO_ORIGIN API_ORIGIN OPERATOR_TOKEN [PICTURE.png]
// With a picture's name it only takes the README's picture.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

// The packages are installed outside of the repository; NODE_PATH is for `require` alone.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [demo, api, token, picture] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const LAST = ".bubble.assistant:last-of-type";

// A visitor of their own, and everything that the browser complains of.
async function visitor(viewport = { width: 1280, height: 860 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  return { page, complaints, done: () => context.close() };
}

async function open(page, path = "/") {
  await page.goto(demo + path);
  await page.locator(".launcher", { hasText: "Ask Fern" }).click();
  await page.locator(".panel").waitFor();
}

async function ask(page, question) {
  await page.locator("#chat-text").fill(question);
  await page.keyboard.press("Enter");
  await page.locator(".bubble.visitor", { hasText: question }).waitFor();
  await page.locator(".stop").waitFor({ state: "hidden" });
  await page.locator(`${LAST} .verdict`).waitFor();
  return page.locator(`${LAST} .text`).innerText();
}

const checks = {
  async "an answer grows word by word and names its pages"() {
    const { page, complaints, done } = await visitor();
    await open(page, "/refunds");
    await page.evaluate(() => {
      window.lengths = [];
      new MutationObserver(() => window.lengths.push(document.querySelector(".log").textContent.length)).observe(
        document.querySelector(".log"), { subtree: true, childList: true, characterData: true });
    });
    await page.locator(".prompts button").first().click();
    await page.locator(`${LAST} .sources a`).first().waitFor();
    assert.match(await page.locator(`${LAST} .text`).innerText(), /refund policy is 30 days/);
    assert.ok(new Set(await page.evaluate(() => window.lengths)).size > 10, "it came in pieces");
    await page.locator(`${LAST} .sources a`).first().click();
    await page.waitForURL(/refunds#our-refund-policy$/);
    assert.equal(await page.locator("#our-refund-policy").count(), 1, "the citation leads to its heading");
    assert.deepEqual(complaints, []);
    await done();
  },

  async "the conversation is there after a reload in the middle of an answer"() {
    const { page, complaints, done } = await visitor();
    await open(page);
    await page.locator("#chat-text").fill("When will my parcel arrive?");
    await page.keyboard.press("Enter");
    await page.locator(".bubble.visitor").waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".bubble.assistant").length === 2);
    await page.reload();
    await page.locator(`${LAST} .verdict`).waitFor();
    assert.match(await page.locator(`${LAST} .text`).innerText(), /working day before your rental begins/);
    assert.equal(await page.locator(".bubble.visitor").count(), 1, "the question stands once");
    assert.deepEqual(complaints, []);
    await done();
  },

  async "text is text, whoever wrote it"() {
    const { page, complaints, done } = await visitor();
    await open(page);
    await ask(page, '<img src=x onerror="alert(1)"> refund policy');
    assert.equal(await page.locator(".log img").count(), 0);
    assert.deepEqual(complaints, []);
    await done();
  },

  async "the lead form says what is wrong, and thanks"() {
    const { page, done } = await visitor();
    await page.goto(`${demo}/contact`);
    await page.locator(".launcher", { hasText: "Ask Fern" }).waitFor();
    await page.locator("[data-chat=lead]").click();
    await page.locator(".lead [name=email]").fill("nobody");
    await page.locator(".lead [type=submit]").click();
    await page.locator(".lead .wrong").waitFor();
    await page.locator(".lead [name=email]").fill("alex@example.com");
    await page.locator(".lead [name='fields.party_size']").fill("2");
    await page.locator(".lead [name='fields.season']").selectOption("Summer");
    await page.locator(".lead [type=submit]").click();
    await page.locator(".note", { hasText: "Thank you" }).waitFor();
    await done();
  },

  async "a behaviour rule offers help, once"() {
    const { page, complaints, done } = await visitor();
    await page.goto(`${demo}/pricing`);
    await page.locator(".launcher", { hasText: "Ask Fern" }).waitFor();
    await page.mouse.wheel(0, 1600);
    await page.locator(".nudge .cta").click();
    await page.locator(".bubble.visitor", { hasText: "weekend for two" }).waitFor();
    await page.locator(`${LAST} .sources`).waitFor();
    await page.locator(".panel .close").click();
    await page.reload();
    await page.locator(".launcher", { hasText: "Ask Fern" }).waitFor();
    await page.mouse.wheel(0, 1600);
    await page.waitForFunction(() => scrollY > 400);
    assert.equal(await page.locator(".nudge").isVisible(), false);
    assert.deepEqual(complaints, []);
    await done();
  },

  async "a person takes over, and is heard"() {
    const { page, complaints, done } = await visitor();
    const booted = page.waitForResponse((response) => response.url().endsWith("/widget/init") && response.request().method() === "POST");
    await open(page);
    const conversation = (await (await booted).json()).data.conversation_id;
    await ask(page, "What is your refund policy?");
    await page.locator(".menu summary").click();
    await page.locator("[data-do=person]").click();
    await page.locator(".note", { hasText: "told the team" }).waitFor();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const post = async (what, body) => {
      const answer = await fetch(`${api}/api/v1/conversations/${conversation}/${what}`, { method: "POST", headers, body: body && JSON.stringify(body) });
      assert.ok(answer.ok, `${what}: ${answer.status} ${await answer.text()}`);
    };
    await post("claim");
    await post("reply", { content: "Robin here." });
    await page.locator(".bubble.operator", { hasText: "Robin here." }).waitFor({ timeout: 20_000 });
    await page.locator("#chat-text").fill("Hello Robin");
    await page.keyboard.press("Enter");
    await page.locator(".note", { hasText: "colleague reads along" }).waitFor();
    assert.deepEqual(complaints, []);
    await done();
  },

  async "a visitor is forgotten"() {
    const { page, complaints, done } = await visitor();
    await open(page);
    await ask(page, "Do I have to clean the gear?");
    const before = await page.evaluate(() => localStorage.getItem("diagent.anon_id"));
    await page.locator(".menu summary").click();
    await page.locator("[data-do=erase]").click();
    await page.locator(".note", { hasText: "You are forgotten" }).waitFor();
    assert.notEqual(await page.evaluate(() => localStorage.getItem("diagent.anon_id")), before);
    assert.equal(await page.locator(".bubble.visitor").count(), 0);
    assert.deepEqual(complaints, []);
    await done();
  },

  async "nothing stands in the way of people with assistive technology"() {
    for (const viewport of [{ width: 1280, height: 860 }, { width: 390, height: 844 }]) {
      const { page, done } = await visitor(viewport);
      for (const path of ["/", "/pricing", "/faq", "/contact"]) {
        await page.goto(demo + path);
        await page.locator(".launcher", { hasText: "Ask Fern" }).waitFor();
        await accessible(page, `${path} at ${viewport.width}`);
      }
      await page.locator(".launcher").click();
      await ask(page, "What is your refund policy?");
      await accessible(page, `the chat at ${viewport.width}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
      await done();
    }
  },
};

async function accessible(page, where) {
  // In the middle of its entry a panel is half transparent, and its contrasts are not those that people see.
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== "running"));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  assert.deepEqual(found, [], where);
}

async function takePicture() {
  const { page, done } = await visitor({ width: 1280, height: 860 });
  await open(page, "/refunds");
  await ask(page, "What is your refund policy?");
  await page.locator("h1").click();
  await page.screenshot({ path: picture });
  await done();
}

let failed = 0;
for (const [name, check] of Object.entries(picture ? { "the README's picture": takePicture } : checks)) {
  try {
    await check();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exitCode = Number(failed > 0);
