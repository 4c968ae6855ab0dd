// The dashboard as a team uses it, in a real browser:
//   node browser.mjs READ_API_ORIGIN COMMAND_API_ORIGIN DEMO_ORIGIN TOKEN TOKEN_OF_ANOTHER [PICTURE.png]
// With a picture's name it also takes the README's picture. ONLY=words runs the checks whose name holds these words.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { Visitor } from "./site.mjs";

// The packages are installed outside of the repository; NODE_PATH is for `require` alone.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [dashboard, api, demo, token, tokenOfAnother, picture] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
// A word of this run alone: the data folder may have seen others.
const WORD = `w${Date.now().toString(36)}`;
const VIEWS = ["conversations", "leads", "insights", "questions", "system"];
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

/** A browser of their own, and everything that it complains of. */
async function member({ viewport = DESK, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, acceptDownloads: true });
  // How long a busy machine may take for one thing.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return { context, page, complaints, done: () => context.close() };
}

async function signedIn({ as = token, ...options } = {}) {
  const somebody = await member(options);
  // The demo's agent is chosen: other checks have defined some of their own.
  await somebody.context.addInitScript(() => sessionStorage.setItem("diagent.scope", "01KDEM0AGENT00000000000001"));
  await somebody.page.goto(`${dashboard}/#token=${as}`);
  await somebody.page.locator("nav").waitFor();
  return somebody;
}

async function show(page, view) {
  await page.locator(`nav a[href="/${view}"]`).click();
  await page.waitForURL(`**/${view}*`);
  await page.waitForFunction(() => !document.querySelector(".loading"));
}

/** A visitor who has asked something that no other has. */
async function asked(question, path) {
  const visitor = await Visitor.arrive({ api, demo, path });
  await visitor.ask(question);
  return visitor;
}

/** A call of the command API with the team's token. */
async function call(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${api}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}

const put = (path, body) => call("PUT", path, body);
const act = (visitor, action) => call("POST", `conversations/${visitor.conversation}/${action}`);

const row = (page, { conversation }) => page.locator(`a.row[href^="/conversations/${conversation}"]`);
const entries = (page) => page.locator(".timeline .entry");

const checks = {
  async "a token signs in, and stays out of every address"() {
    const { page, complaints, done } = await member();
    const addresses = [];
    page.on("request", (request) => addresses.push(request.url()));
    await page.goto(dashboard);
    await page.locator("#token").fill("nonsense");
    await page.keyboard.press("Enter");
    await page.locator("[role=alert]", { hasText: "no token" }).waitFor();
    await page.locator("#token").fill(token);
    await page.keyboard.press("Enter");
    await page.locator("nav").waitFor();
    await page.reload();
    await page.locator("nav").waitFor();
    await page.locator(".who button").click();
    await page.locator("#token").waitFor();
    await page.goto(`${dashboard}/leads#token=${token}`);
    await page.locator("nav").waitFor();
    assert.equal(page.url(), `${dashboard}/leads`);
    assert.ok(addresses.every((address) => !address.includes(token)));
    assert.deepEqual(complaints, []);
    await done();
  },

  async "a token that is not valid leads back to signing in"() {
    const { page, done } = await member();
    const forged = `${token.slice(0, token.lastIndexOf("."))}.AAAA`;
    await page.goto(`${dashboard}/#token=${forged}`);
    await page.locator("[role=alert]", { hasText: "not valid any more" }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    // A good link, opened in the tab that shows this already.
    await page.goto(`${dashboard}/#token=${token}`);
    await page.locator("nav").waitFor();
    assert.equal(await page.evaluate(() => location.hash), "");
    await done();
  },

  async "a conversation appears while one looks, is taken over, answered and given back"() {
    const { page, complaints, done } = await signedIn();
    await page.locator(".list").waitFor();
    const visitor = await asked("What is your refund policy?", "/refunds");
    await row(page, visitor).click();
    await entries(page).nth(1).waitFor();
    await page.locator(".sources a", { hasText: "Refunds" }).first().waitFor();
    await visitor.askForAPerson();
    await page.locator(".conversation .badge", { hasText: "Asks for a person" }).waitFor();
    await page.getByRole("button", { name: "Waiting" }).click();
    await row(page, visitor).waitFor();
    await page.getByRole("button", { name: "Take over" }).click();
    await page.locator(".composer textarea").fill("Robin here: what can I do for you?");
    await page.keyboard.press("Enter");
    await page.locator(".entry.operator", { hasText: "Robin here" }).waitFor();
    assert.equal(await page.locator(".composer textarea").inputValue(), "");
    assert.equal(await page.locator(".entry.operator strong").innerText(), "Robin");
    await visitor.ask("My tent has a hole.");
    await page.locator(".entry.visitor", { hasText: "My tent has a hole." }).waitFor();
    await page.getByRole("button", { name: "Give back" }).click();
    await page.getByRole("button", { name: "Take over" }).waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.getByRole("button", { name: "Close it" }).click();
    await page.locator(".hint", { hasText: "This conversation is closed." }).waitFor();
    await page.getByRole("button", { name: "Closed", exact: true }).click();
    await row(page, visitor).waitFor();
    assert.deepEqual(complaints, []);
    await done();
  },

  async "what another has taken over cannot be taken, and it says who has it"() {
    const visitor = await asked("Do I have to clean the gear?", "/faq");
    const address = `/conversations/${visitor.conversation}`;
    const [robin, kim] = [await signedIn(), await signedIn({ as: tokenOfAnother })];
    await kim.page.goto(dashboard + address);
    await kim.page.getByRole("button", { name: "Take over" }).waitFor();
    // From here on Kim's page does not learn what happens, until Kim acts.
    await kim.page.route(`**/api/v1${address}`, (route) => route.fulfill({ status: 304 }));
    await robin.page.goto(dashboard + address);
    await robin.page.getByRole("button", { name: "Take over" }).click();
    await robin.page.locator(".composer textarea:focus").waitFor();
    await kim.page.getByRole("button", { name: "Take over" }).click();
    await kim.page.locator(".banner[role=alert]").waitFor();
    await kim.page.unroute(`**/api/v1${address}`);
    await kim.page.locator(".hint", { hasText: "Robin has this conversation" }).waitFor();
    assert.equal(await kim.page.locator(".composer").count(), 0);
    await robin.page.getByRole("button", { name: "Give back" }).click();
    await kim.page.locator(".hint", { hasText: "The agent answers" }).waitFor();
    await kim.page.getByRole("button", { name: "Take over" }).click();
    await robin.page.locator(".hint", { hasText: "Kim has this conversation" }).waitFor();
    await Promise.all([robin.done(), kim.done()]);
  },

  async "what somebody left behind is taken over from them"() {
    const visitor = await asked("Who answers when Robin is ill?", "/faq");
    await act(visitor, "claim");
    const { page, complaints, done } = await signedIn({ as: tokenOfAnother });
    await page.goto(`${dashboard}/conversations/${visitor.conversation}`);
    await page.locator(".hint", { hasText: "Robin has this conversation" }).waitFor();
    await page.getByRole("button", { name: "Take over" }).click();
    await page.getByRole("button", { name: "Leave it" }).click();
    await page.getByRole("button", { name: "Take over" }).click();
    await page.getByRole("button", { name: "Take it over" }).click();
    await page.locator(".composer textarea:focus").waitFor();
    await page.locator(".badge", { hasText: "With you" }).waitFor();
    assert.deepEqual(complaints, []);
    await done();
  },

  async "a reply whose answer was lost is written once, and what comes after it is another"() {
    const visitor = await asked("Does my message arrive once?", "/faq");
    const { page, done } = await signedIn();
    await page.goto(`${dashboard}/conversations/${visitor.conversation}`);
    await page.getByRole("button", { name: "Take over" }).click();
    await page.locator(".composer textarea").fill("Once.");
    await page.route("**/reply", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.keyboard.press("Enter");
    await page.locator(".problem", { hasText: "may have been sent" }).waitFor();
    await page.unroute("**/reply");
    // Looking elsewhere forgets neither what was written nor that it was sent.
    await show(page, "leads");
    await page.goBack();
    await page.locator(".composer textarea").press("Enter");
    await page.waitForFunction(() => document.querySelector(".composer textarea").value === "");
    for (const text of ["Once.", "Twice."]) {
      await page.locator(".composer textarea").fill(text);
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector(".composer textarea").value === "");
    }
    await page.locator(".entry.operator", { hasText: "Twice." }).waitFor();
    const written = await page.locator(".entry.operator .bubble").allInnerTexts();
    assert.deepEqual(written, ["Once.", "Once.", "Twice."], "what is written again is another message");
    await done();
  },

  async "an erased conversation is gone from the page"() {
    const { page, done } = await signedIn();
    const visitor = await asked("What is your refund policy?");
    await row(page, visitor).click();
    await entries(page).first().waitFor();
    await visitor.askToBeForgotten();
    await page.locator(".conversation .empty", { hasText: "It is not here" }).waitFor();
    await row(page, visitor).waitFor({ state: "detached" });
    await done();
  },

  async "words of any message are found, and filters are part of the address"() {
    const { page, complaints, done } = await signedIn();
    const visitor = await asked(`Do zeppelins carry ${WORD} walruses?`);
    await page.locator(".search input").fill(`${WORD.toUpperCase()} zepp`);
    await page.waitForURL(/q=w/i);
    await row(page, visitor).waitFor();
    assert.equal(await page.locator("a.row").count(), 1);
    await page.getByRole("button", { name: "Unsure" }).click();
    await row(page, visitor).waitFor();
    await page.reload();
    await row(page, visitor).waitFor();
    assert.equal(await page.locator(".search input").inputValue(), `${WORD.toUpperCase()} zepp`);
    await page.getByRole("button", { name: "Closed", exact: true }).click();
    await page.locator(".empty", { hasText: "Nothing found" }).waitFor();
    assert.deepEqual(complaints, []);
    await done();
  },

  async "leads are searched and come as a file"() {
    const { page, complaints, done } = await signedIn();
    const visitor = await Visitor.arrive({ api, demo, path: "/contact" });
    await visitor.leave({ name: "Noor Ångström", email: "noor@walrus.example", phone: "+44 20 7946 0018", fields: { trip: "Skye", party_size: 2 } });
    await show(page, "leads");
    await page.locator(".search input").fill("walrus");
    await page.locator("tbody tr", { hasText: "noor@walrus.example" }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
    assert.match(file.suggestedFilename(), /^leads of .+\.csv$/);
    const csv = readFileSync(await file.path(), "utf8");
    assert.match(csv, /noor@walrus\.example/);
    assert.equal(csv.trim().split("\n").length, 2, "a head and what was searched for");
    assert.deepEqual(complaints, []);
    await done();
  },

  async "what a lead agreed to is shown in the words of the form"() {
    const agent = `01KC0NSENT${Date.now()}`.padEnd(26, "0");
    await put(`agents/${agent}`, {
      workspace_id: "01KDEM0W0RKSPACE0000000001",
      name: "Consent",
      published: true,
      allowed_origins: [demo],
      lead_form: { consent: "Robin may <b>call</b> me about my trip." },
    });
    const visitor = await Visitor.arrive({ api, demo, path: "/contact", agent });
    await visitor.leave({ name: "Noor", email: "noor@consent.example", consent: true });
    const { context, page, complaints, done } = await signedIn();
    await context.addInitScript((agent) => sessionStorage.setItem("diagent.scope", agent), agent);
    await page.goto(`${dashboard}/leads`);
    await page.locator("td q", { hasText: "Robin may <b>call</b> me about my trip." }).waitFor();
    await page.locator(".consent time").waitFor();
    assert.deepEqual(complaints, []);
    await done();
  },

  async "charts are drawn, and say the same as their tables"() {
    const { page, complaints, done } = await signedIn();
    const visitor = await Visitor.arrive({ api, demo });
    await visitor.click("Price of a weekend");
    await page.goto(`${dashboard}/insights`);
    await page.locator("canvas").first().waitFor();
    assert.equal(await page.locator("canvas").count(), 4);
    for (let index = 0; index < 4; index += 1) {
      await page.waitForFunction((index) => {
        const canvas = document.querySelectorAll("canvas")[index];
        return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value !== 0);
      }, index);
    }
    const conversations = page.locator("figure", { hasText: "The agent alone" }).first();
    await conversations.locator("summary").click();
    assert.equal(await conversations.locator("tbody tr").count(), 30);
    const counted = await conversations.locator("tbody td").evaluateAll((cells) => cells.reduce((sum, cell) => sum + Number(cell.textContent.replaceAll(/\D/g, "")), 0));
    const tile = await page.locator(".tile", { hasText: "visits" }).locator("strong").innerText();
    assert.equal(counted, Number(tile.replaceAll(/\D/g, "")));
    await page.getByRole("button", { name: "By rule" }).click();
    await page.locator("figcaption", { hasText: "By rule" }).waitFor();
    await page.getByRole("button", { name: "7 days" }).click();
    await page.waitForFunction(() => document.querySelectorAll("figure table")[0]?.rows.length === 8);
    assert.deepEqual(complaints, []);
    await done();
  },

  async "questions, usage and read models are shown"() {
    const { page, complaints, done } = await signedIn();
    await asked("Who won the chess championship of walruses?");
    await show(page, "questions");
    await page.locator(".questions li", { hasText: "championship of walruses" }).waitFor();
    await show(page, "system");
    await page.locator(".quota strong").waitFor();
    await page.locator("tbody tr", { hasText: "conversations" }).locator(".badge", { hasText: "Live" }).waitFor();
    assert.deepEqual(complaints, []);
    await done();
  },

  async "the keyboard does everything"() {
    const { page, done } = await signedIn();
    const visitor = await asked("How warm is the sleeping bag?");
    await row(page, visitor).waitFor();
    await page.locator("a.row").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.locator(".timeline .entry").first().waitFor();
    await page.getByRole("button", { name: "Take over" }).focus();
    await page.keyboard.press("Enter");
    await page.locator(".composer textarea:focus").waitFor();
    await page.keyboard.type("Minus five,");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("with the liner less.");
    await page.keyboard.press("Enter");
    await page.locator(".entry.operator", { hasText: "with the liner less." }).waitFor();
    await page.locator(".composer textarea:focus").waitFor();
    await done();
  },

  async "a server that is away is said, and what was seen stays"() {
    const { context, page, done } = await signedIn();
    await asked("What does a weekend for two cost?");
    await page.locator("a.row").first().waitFor();
    await context.setOffline(true);
    await page.locator(".stale").waitFor();
    assert.ok((await page.locator("a.row").count()) > 0);
    await show(page, "questions");
    await page.locator(".empty[role=alert]").waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".empty[role=alert]").waitFor({ state: "detached" });
    await done();
  },

  async "a phone shows one thing at a time, and all of it"() {
    const { page, complaints, done } = await signedIn({ viewport: PHONE });
    const visitor = await asked("When will my parcel arrive?");
    await row(page, visitor).click();
    await entries(page).first().waitFor();
    assert.equal(await page.locator(".list").isVisible(), false);
    await page.getByRole("link", { name: "Back to the list" }).click();
    await page.locator(".list").waitFor();
    for (const view of VIEWS) {
      await show(page, view);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${view} sticks out`);
      const widths = await page.locator("figure").evaluateAll((charts) => charts.map((chart) => chart.clientWidth));
      assert.ok(widths.every((width) => width > 0.8 * PHONE.width), `charts of ${view} stand side by side: ${widths}`);
    }
    assert.deepEqual(complaints, []);
    await done();
  },

  async "nothing stands in the way of people with assistive technology"() {
    const visitor = await asked("What is your refund policy?");
    for (const options of [{}, { colorScheme: "dark" }, { viewport: PHONE }]) {
      const where = JSON.stringify(options);
      const outside = await member(options);
      await outside.page.goto(dashboard);
      await outside.page.locator("#token").waitFor();
      await accessible(outside.page, `sign in ${where}`);
      await outside.done();
      const { page, done } = await signedIn(options);
      for (const view of VIEWS) {
        await show(page, view);
        await accessible(page, `${view} ${where}`);
      }
      await page.goto(`${dashboard}/conversations/${visitor.conversation}`);
      await entries(page).first().waitFor();
      await accessible(page, `a conversation ${where}`);
      await done();
    }
  },
};

async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  assert.deepEqual(found, [], where);
}

async function takePicture() {
  for (const [path, ...questions] of [
    ["/faq", "Do I have to clean the gear?"],
    ["/shipping", "When will my parcel arrive?", "Can I have it sent to a campsite?"],
    ["/pricing", "What does a weekend for two cost?"],
    ["/", "Who won the chess championship?"],
    ["/refunds", "What is your refund policy?"],
  ]) {
    const visitor = await Visitor.arrive({ api, demo, path });
    for (const question of questions) await visitor.ask(question);
  }
  const waiting = await asked("How warm are the sleeping bags?", "/gear");
  await waiting.askForAPerson();
  const visitor = await asked("What is your refund policy?", "/refunds");
  const { page, done } = await signedIn();
  await row(page, visitor).click();
  await page.getByRole("button", { name: "Take over" }).click();
  await page.locator(".composer textarea").waitFor();
  await visitor.ask("My tent came with a hole. Who do I talk to?");
  await page.locator(".entry.visitor", { hasText: "hole" }).waitFor();
  await page.locator(".composer textarea").fill("To me! I am sorry: a new one is on its way, and this weekend is on us.");
  await page.keyboard.press("Enter");
  await page.locator(".entry.operator").waitFor();
  await row(page, visitor).getByText("To me!").waitFor();
  await page.screenshot({ path: picture });
  await done();
}

if (picture) checks["the README's picture is taken"] = takePicture;
let failed = 0;
const { ONLY = "" } = process.env;
for (const [name, check] of Object.entries(checks).filter(([name]) => name.includes(ONLY))) {
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
