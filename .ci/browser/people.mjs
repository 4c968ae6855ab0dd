// The team in the conversation, and what visitors may do with it.

import assert from "node:assert/strict";

import { ask, booted, closeChat, confirmed, menu, open, reopened, team, visitor, write } from "./visitor.mjs";

export const checks = {
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
    await closeChat(page);
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
    await confirmed(page, "Clear messages");
    await page.locator(".prompts button").first().waitFor();
    await reopened(page);
    assert.equal(await page.locator(".message.visitor").count(), 0);
    await ask(page, "Do I have to clean the gear?");
    await confirmed(page, "End conversation");
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
    await confirmed(page, "Delete my data");
    await page.locator(".note", { hasText: "has been deleted" }).waitFor();
    assert.deepEqual(await known(), []);
    assert.equal(await page.locator(".message.visitor").count(), 0);
    await ask(page, "What is your refund policy?");
    await done();
  },
};
