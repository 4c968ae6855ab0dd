// One visit from its beginning to its end.

import assert from "node:assert/strict";

import { answered, answers, api, arrive, ask, booted, closeChat, confirmed, demo, menu, midway, open, reopened, team, visitor, write } from "./visitor.mjs";

export const checks = {
  async "a whole visit: an offer, an answer, its source, a lead, a reload, a person, and nothing left"() {
    const { page, done } = await visitor();
    const welcome = booted(page);
    const policy = (await page.goto(`${demo}/pricing`)).headers()["content-security-policy"];
    assert.ok(policy.includes("default-src 'none'") && !policy.includes("unsafe"), policy);
    const { conversation_id: conversation, anonymous_id: stranger } = await welcome;

    await page.locator(".launcher").waitFor();
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.locator(".offer-accept").click();
    await page.locator(".message.visitor", { hasText: "weekend for two" }).waitFor();
    assert.match(await answered(page), /£79/);

    const source = answers(page).last().locator(".chip").first();
    const leadsTo = await source.getAttribute("href");
    await source.click();
    await page.waitForURL(leadsTo);
    await page.locator(".dialog").waitFor();
    await answered(page);

    await menu(page, "Leave my details");
    await page.locator(".lead [name=name]").fill("Noor");
    await page.locator(".lead [name=email]").fill("noor@example.com");
    await page.locator(".lead [type=submit]").click();
    await page.locator(".note", { hasText: "Thank you" }).waitFor();

    const streaming = midway(page);
    await write(page, "When will my parcel arrive?");
    await streaming;
    await reopened(page);
    assert.match(await answered(page), /working day before your rental begins/);
    assert.equal(await page.locator(".message.visitor").count(), 2, "each question stands once");

    await menu(page, "Talk to a person");
    await page.locator(".note", { hasText: "told the team" }).waitFor();
    await team(conversation, "claim");
    await page.locator(".head", { hasText: "Robin" }).waitFor();
    await write(page, "Can you hold a tent for me?");
    await team(conversation, "reply", { content: "I have put one aside." });
    await page.locator(".message.operator", { hasText: "put one aside" }).waitFor();
    await team(conversation, "release");
    await page.locator(".note", { hasText: "Robin has left" }).waitFor();

    await confirmed(page, "Clear messages");
    await page.locator(".prompts button").first().waitFor();
    await ask(page, "What is your refund policy?");
    assert.equal(await page.locator(".message.visitor").count(), 1);

    await confirmed(page, "Delete my data");
    await page.locator(".note", { hasText: "has been deleted" }).waitFor();
    await closeChat(page);
    const [again] = await Promise.all([booted(page), page.reload()]);
    assert.notEqual(again.anonymous_id, stranger, "a stranger again");
    assert.notEqual(again.conversation_id, conversation);
    assert.deepEqual(again.messages, []);
    await done();
  },
};
