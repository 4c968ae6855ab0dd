// What the widget offers by itself, and the lead form.

import assert from "node:assert/strict";

import { accessible, answered, arrive, closeChat, defineAgent, menu, open, reopened, visitor } from "./visitor.mjs";

export const checks = {
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
    await reopened(page);
    await menu(page, "Leave my details");
    assert.equal(await field("email").inputValue(), "alex@example.com");
    await done();
  },

  async "a form that stands before the chat is filled in first, with what it asks to agree to"() {
    const { page, context, done } = await visitor();
    // The agent itself is set up so, not only what the widget hears of it: the API is to insist, too.
    const agent = await defineAgent({ lead_fields: [{ key: "seats", label: "Seats", kind: "number" }], lead_form: { before_chat: true, consent: "You may write to me." } });
    await context.route("**/widget/init", (route) => {
      const asked = route.request().postDataJSON();
      return route.continue({ postData: asked && JSON.stringify({ ...asked, agent_id: agent }) });
    });
    await open(page);
    await page.getByRole("heading", { name: "Before we start" }).waitFor();
    assert.equal(await page.locator("textarea").count(), 0);
    await page.locator(".lead [name=email]").fill("noor@example.com");
    await page.locator(".lead [name='fields.seats']").fill("2,5");
    await page.locator(".lead [type=submit]").click();
    await page.locator(".lead .field", { hasText: "You may write to me." }).locator(".problem").waitFor();
    await accessible(page, "a form before the chat");
    await page.locator(".lead [name=consent]").check();
    const sent = page.waitForResponse((answer) => answer.url().endsWith("/widget/leads"));
    await page.locator(".lead [type=submit]").click();
    assert.equal((await sent).status(), 201);
    assert.deepEqual((await sent).request().postDataJSON(), { email: "noor@example.com", consent: true, fields: { seats: 2.5 } });
    await page.locator("textarea").waitFor();
    await page.reload();
    await page.locator("textarea").waitFor();
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
    await closeChat(page);
    await page.reload();
    await page.locator(".launcher").waitFor();
    await page.mouse.wheel(0, 1600);
    await page.waitForFunction(() => scrollY > 400);
    assert.equal(await page.locator(".offer-card").count(), 0);
    const all = told.join() + (await page.evaluate(() => sessionStorage.getItem("told")));
    for (const event of ["rule.triggered", "cta.shown", "cta.click", "widget.closed"]) assert.ok(all.includes(event), `${event} in ${all}`);
    await done();
  },
};
