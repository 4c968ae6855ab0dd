// Live events as the clients that people use hear them, on the demo site in a real browser: pusher-js, Laravel Echo, and the widget, which
// has to do without a socket or without any channel on some networks.
//   node live.mjs DEMO_ORIGIN API_ORIGIN AGENT_ID OPERATOR_TOKEN

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

// The packages are installed outside of the repository; NODE_PATH is for `require` alone.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const clients = [require.resolve("pusher-js/dist/web/pusher.js"), join(dirname(require.resolve("laravel-echo")), "echo.iife.js")];

const [demo, api, agent, operator] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

async function call(path, token, body, method = "POST") {
  const response = await fetch(api + path, {
    method,
    headers: { Origin: demo, ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.status === 204 ? undefined : (await response.json()).data;
}

const visit = () => call("/api/v1/widget/init", undefined, { agent_id: agent, page_url: `${demo}/` });
const ask = (visitor, message) => call("/api/v1/widget/messages", visitor.jwt, { message });
const act = (visitor, action, body) => call(`/api/v1/conversations/${visitor.conversation_id}/${action}`, operator, body);

// A page of the site with a client that is set up with what `init` said; it notes what it hears.
async function client(visitor, { use = "pusher", key = visitor.reverb.app_key, conversation = visitor.conversation_id } = {}) {
  const context = await browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${demo}/`);
  for (const path of clients) await page.addScriptTag({ path });
  await page.evaluate(({ use, key, conversation, api, jwt, scheme }) => {
    const { hostname: wsHost, port } = new URL(api);
    const options = {
      cluster: "", wsHost, wsPort: port, wssPort: port, forceTLS: scheme === "wss", enabledTransports: ["ws", "wss"],
      channelAuthorization: { endpoint: `${api}/broadcasting/auth`, transport: "ajax", headers: { Authorization: `Bearer ${jwt}` } },
    };
    window.heard = [];
    window.client = use === "echo" ? new (window.Echo.default ?? window.Echo)({ broadcaster: "reverb", key, ...options }) : new window.Pusher(key, options);
    const { connection } = use === "echo" ? window.client.connector.pusher : window.client;
    connection.bind("state_change", ({ current }) => window.heard.push([current]));
    // What closes a socket before it is open is wrapped once more.
    connection.bind("error", ({ data, error }) => window.heard.push(["error", (data ?? error?.data)?.code]));
    const channel = use === "echo" ? window.client.private(`conversation.${conversation}`).subscription : window.client.subscribe(`private-conversation.${conversation}`);
    channel.bind_global((name, data) => window.heard.push([name, data]));
    if (use === "echo") window.client.private(`conversation.${conversation}`).listen(".message.created", ({ role }) => window.heard.push([`echo:${role}`]));
  }, { use, key, conversation, api, jwt: visitor.jwt, scheme: visitor.reverb.scheme });
  return {
    hears: async (name, role) => {
      const found = ([name, role]) => window.heard.find(([heard, data]) => heard === name && (!role || data.role === role));
      try {
        return (await (await page.waitForFunction(found, [name, role], { timeout: 20_000 })).jsonValue())[1];
      } catch {
        throw new Error(`waited in vain for ${name}; heard ${JSON.stringify(await page.evaluate(() => window.heard))}`);
      }
    },
    heard: () => page.evaluate(() => window.heard),
    done: () => context.close(),
  };
}

// The widget in a conversation that somebody has claimed, on a network that lets less through.
async function widget({ sockets = true, streams = true }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const seen = [];
  page.on("response", (answer) => seen.push([answer.status(), new URL(answer.url()).pathname]));
  const open = [];
  await page.routeWebSocket("**", (socket) => {
    if (!sockets) return socket.close({ code: 1011 });
    socket.connectToServer();
    open.push(socket);
    seen.push(["socket", new URL(socket.url()).pathname]);
  });
  if (!streams) await page.route("**/conversation/events", (route) => route.abort());
  const welcome = page.waitForResponse((answer) => answer.url().endsWith("/widget/init") && answer.request().method() === "POST");
  await page.goto(`${demo}/`);
  await page.locator(".launcher").click();
  const visitor = (await (await welcome).json()).data;
  await page.locator("textarea").fill("Is anybody there?");
  await page.locator("textarea").press("Enter");
  await page.locator(".message.assistant .tools").waitFor();
  const has = (status, end) => seen.some(([what, path]) => what === status && path.endsWith(end));
  return {
    visitor,
    page,
    has,
    open,
    async until(what, holds, each = () => undefined) {
      for (let left = 120; !(await holds()); left -= 1) {
        assert.ok(left > 0, `waited in vain for ${what}: ${JSON.stringify(seen)}`);
        await each();
        await page.waitForTimeout(500);
      }
    },
    done: () => context.close(),
  };
}

// Only a channel tells who types: it is stored nowhere.
async function seesTyping({ page, visitor, until }) {
  await until("typing", () => page.getByText("Robin is typing").count(), () => act(visitor, "typing", {}));
}

const checks = {
  async "pusher-js hears a person take over, write, and give back"() {
    const visitor = await visit();
    await ask(visitor, "Is anybody there?");
    const { hears, done } = await client(visitor);
    await hears("pusher:subscription_succeeded");
    for (const [action, body] of [["claim"], ["typing", {}], ["reply", { content: "Robin here." }], ["release"], ["close"]]) await act(visitor, action, body);
    assert.equal((await hears("conversation.claimed")).claimed_by, "Robin");
    assert.equal((await hears("typing")).author, "Robin");
    const { author, content } = await hears("message.created", "operator");
    assert.deepEqual([author, content], ["Robin", "Robin here."]);
    assert.equal((await hears("conversation.released")).claimed_by, null);
    assert.equal((await hears("conversation.closed")).by, "operator");
    await done();
  },

  async "Laravel Echo hears an answer, and nothing of others"() {
    const [visitor, neighbour] = [await visit(), await visit()];
    const { hears, heard, done } = await client(visitor, { use: "echo" });
    await hears("pusher:subscription_succeeded");
    await ask(neighbour, "Do you ship abroad?");
    const { content } = await ask(visitor, "What is your refund policy?");
    await hears("echo:visitor");
    await hears("echo:assistant");
    assert.equal((await hears("message.created", "assistant")).content, content);
    const conversations = (await heard()).map(([, data]) => data?.conversation_id).filter(Boolean);
    assert.deepEqual([...new Set(conversations)], [visitor.conversation_id]);
    await done();
  },

  async "another's conversation is refused, and the client is told"() {
    const [visitor, neighbour] = [await visit(), await visit()];
    const { hears, done } = await client(visitor, { conversation: neighbour.conversation_id });
    assert.equal((await hears("pusher:subscription_error")).status, 403);
    await done();
  },

  async "a forgotten visitor's client is sent away for good"() {
    const visitor = await visit();
    const { hears, done } = await client(visitor);
    await hears("pusher:subscription_succeeded");
    await call("/api/v1/widget/me", visitor.jwt, undefined, "DELETE");
    assert.equal(await hears("error"), 4009);
    await hears("disconnected");
    await done();
  },

  async "the widget hears a person over its socket"() {
    const open = await widget({});
    await act(open.visitor, "claim");
    await seesTyping(open);
    await act(open.visitor, "reply", { content: "Robin here." });
    await open.page.locator(".message.operator", { hasText: "Robin here." }).waitFor();
    assert.ok(open.has("socket", `/app/${open.visitor.reverb.app_key}`));
    assert.ok(!open.has(200, "/conversation/events"), "one way is enough");
    await open.done();
  },

  async "a widget whose server stops goes on with another"() {
    const open = await widget({});
    await act(open.visitor, "claim");
    await seesTyping(open);
    await act(open.visitor, "typing", { typing: false });
    await open.until("silence", async () => !(await open.page.getByText("Robin is typing").count()));
    assert.equal(open.open.length, 1);
    await open.open[0].close({ code: 4200, reason: "This server is stopping; connect again." });
    await seesTyping(open);
    assert.equal(open.open.length, 2);
    await open.done();
  },

  async "without sockets the widget hears a person over a stream"() {
    const open = await widget({ sockets: false });
    await act(open.visitor, "claim");
    await seesTyping(open);
    assert.ok(open.has(200, "/conversation/events"));
    await open.done();
  },

  async "without any channel the widget asks, and is told what has changed"() {
    const open = await widget({ sockets: false, streams: false });
    await act(open.visitor, "claim");
    await open.page.locator(".head", { hasText: "Robin" }).waitFor({ timeout: 60_000 });
    await open.until("a conversation that has not changed", () => open.has(304, "/conversation/messages"));
    await act(open.visitor, "reply", { content: "Robin here." });
    await open.page.locator(".message.operator", { hasText: "Robin here." }).waitFor({ timeout: 60_000 });
    await open.done();
  },

  async "an application that is not here is not asked again"() {
    const { hears, done } = await client(await visit(), { key: "another" });
    assert.equal(await hears("error"), 4001);
    await hears("disconnected");
    await done();
  },
};

try {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log(`ok    ${name}`);
  }
} finally {
  await browser.close();
}
