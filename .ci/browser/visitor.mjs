// A visitor of the demo site in a real browser, and what they do there. Everything waits for what it needs and for no time.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages are installed outside of the repository; NODE_PATH is for `require` alone.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const [demo, api, token] = process.argv.slice(2);
export const WIDE = { viewport: { width: 1280, height: 860 }, locale: "en-GB" };
export const PHONE = { viewport: { width: 390, height: 844 }, locale: "en-GB", hasTouch: true, isMobile: true };

// How long a busy machine may take for one thing.
const PATIENCE_MS = 90_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

export const leave = () => browser.close();

// A visitor of their own, and everything that the browser complains of: a policy that was violated, a script that failed.
export async function visitor(options = WIDE) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  context.setDefaultNavigationTimeout(PATIENCE_MS);
  const complaints = [];
  const newPage = async () => {
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // What a check has cut off itself is no complaint.
      if (message.type() === "error" && !/net::ERR_|WebSocket connection to|status of 429/.test(message.text())) complaints.push(message.text());
    });
    return page;
  };
  return {
    context,
    page: await newPage(),
    newPage,
    async done() {
      assert.deepEqual(complaints, []);
      await context.close();
    },
  };
}

// What `init` says is changed on its way: an agent that is set up in another way.
export async function setUp(context, change) {
  await context.unroute("**/widget/init");
  await context.route("**/widget/init", async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    change(body.data);
    await route.fulfill({ response, json: body });
  });
}

export async function arrive(page, path = "/") {
  await page.goto(demo + path);
  await page.locator(".launcher").waitFor();
}

export async function open(page, path = "/") {
  await arrive(page, path);
  await page.locator(".launcher").click();
  await page.locator(".dialog").waitFor();
}

export async function reopened(page) {
  await page.reload();
  await page.locator(".dialog").waitFor();
}

export const written = (page) => page.locator("textarea");
export const answers = (page) => page.locator(".message.assistant");

export async function write(page, text) {
  await written(page).fill(text);
  await written(page).press("Enter");
  await page.locator(".message.visitor", { hasText: text }).first().waitFor();
}

// The last answer, when it is complete.
export async function answered(page) {
  await page.locator(".send.stop").waitFor({ state: "detached" });
  const last = answers(page).last();
  await last.locator(".tools").waitFor();
  return last.locator(".bubble").innerText();
}

export async function ask(page, question) {
  await write(page, question);
  return answered(page);
}

// Watches from within the page, so that no moment is missed: resolves in the middle of the next answer, after doing `what` there.
export function midway(page, what = "") {
  return page.evaluate(
    (what) =>
      new Promise((resolve) => {
        const { shadowRoot } = document.querySelector("diagent-widget");
        const look = () => {
          if ((shadowRoot.querySelector(".message.streaming .bubble")?.textContent.length ?? 0) < 6) return requestAnimationFrame(look);
          if (what) shadowRoot.querySelector(what).click();
          return resolve();
        };
        look();
      }),
    what,
  );
}

export async function menu(page, item) {
  await page.getByRole("button", { name: "More options" }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

export async function confirmed(page, what) {
  await menu(page, what);
  await page.getByRole("alertdialog").getByRole("button", { name: what }).click();
}

export const closeChat = (page) => page.locator(".dialog").getByRole("button", { name: "Close chat" }).click();

// What a person of the team does, through the API.
export async function team(conversation, what, body) {
  const answer = await fetch(`${api}/api/v1/conversations/${conversation}/${what}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${what}: ${answer.status} ${await answer.text()}`);
}

// An agent of its own on the demo site; answers its id.
export async function defineAgent(definition) {
  const id = `01KDEM0AGENT${Date.now().toString(32).toUpperCase().replace(/[ILOU]/g, "X").padStart(14, "0")}`;
  const body = { workspace_id: "01KDEM0W0RKSPACE0000000001", name: "Fern", published: true, allowed_origins: [demo], ...definition };
  const answer = await fetch(`${api}/api/v1/agents/${id}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `agent: ${answer.status} ${await answer.text()}`);
  return id;
}

// What `init` answers to the page.
export async function booted(page) {
  const response = await page.waitForResponse((answer) => answer.url().endsWith("/widget/init") && answer.request().method() === "POST");
  return (await response.json()).data;
}

// Nothing moves any more, but for what always does.
export async function settled(page) {
  await page.waitForFunction(() => {
    const all = [document, document.querySelector("diagent-widget").shadowRoot].flatMap((root) => root.getAnimations());
    return all.every((animation) => animation.playState !== "running" || animation.effect.getTiming().iterations === Infinity);
  });
}

export async function accessible(page, where) {
  // In the middle of its entry a panel is half transparent, and its contrasts are not those that people see.
  await settled(page);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} (${failureSummary})`).join(", ")}`);
  assert.deepEqual(found, [], where);
}
