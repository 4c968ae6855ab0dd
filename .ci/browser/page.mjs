// The widget as a guest: on the page, on a phone, where it is not wanted, for people who do not use a mouse or their eyes.

import assert from "node:assert/strict";

import { accessible, answered, arrive, ask, demo, menu, open, PHONE, settled, visitor, WIDE } from "./visitor.mjs";

export const checks = {
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
    // The first is focused once the menu is drawn; a key before that would go to the button.
    await page.waitForFunction(() => document.activeElement.shadowRoot?.activeElement?.getAttribute("role") === "menuitem");
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
