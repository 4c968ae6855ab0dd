// What an agent's definition, the visitor's browser and the page itself change.

import assert from "node:assert/strict";

import { accessible, answered, arrive, ask, demo, open, setUp, visitor, WIDE } from "./visitor.mjs";

const THEMES = [["#ffe14d", "light"], ["#000000", "dark"], ["#ffffff", "light"], ["#7a7a7a", "dark"], ["not a colour", "light"]];

export const checks = {
  async "whatever the colours are, everything can be read"() {
    for (const [primary, mode] of THEMES) {
      const { page, context, done } = await visitor();
      const theme = { primary, accent: primary, mode, position: "left", launcher: "circle", radius: 4 };
      await setUp(context, ({ agent }) => Object.assign(agent, { theme }));
      await open(page);
      await ask(page, "What is your refund policy?");
      await accessible(page, `${primary}, ${mode}`);
      const box = await page.locator(".dialog").boundingBox();
      assert.ok(box.x < 100, `on the left, at ${box.x}`);
      await done();
    }
  },

  async "the branding shows what it is set to"() {
    const { page, context, done } = await visitor();
    const logo_url = `${demo}/favicon.svg`;
    const branding = { show: true, label: "Tarn", url: `${demo}/contact`, logo_url, display_mode: "logo_and_label" };
    const found = async (changed) => {
      await setUp(context, (welcome) => Object.assign(welcome, { branding: { ...branding, ...changed } }));
      await open(page);
      const line = page.locator(".branding");
      const seen = { lines: await line.count(), logos: await line.locator("img").count(), links: await line.locator("a").count(), text: (await line.allInnerTexts()).join() };
      await page.locator(".launcher").click();
      return seen;
    };
    assert.deepEqual(await found({}), { lines: 1, logos: 1, links: 1, text: "Tarn" });
    assert.deepEqual(await found({ display_mode: "logo_only" }), { lines: 1, logos: 1, links: 1, text: "" });
    assert.deepEqual(await found({ display_mode: "label_only", url: "" }), { lines: 1, logos: 0, links: 0, text: "Tarn" });
    assert.deepEqual(await found({ display_mode: "logo_only", logo_url: "", url: "javascript:alert(1)" }), { lines: 1, logos: 0, links: 0, text: "Tarn" });
    assert.deepEqual(await found({ show: false }), { lines: 0, logos: 0, links: 0, text: "" });
    await done();
  },

  async "it speaks the first of the visitor's languages that it knows"() {
    for (const [languages, placeholder, direction] of [
      [["pt-BR", "fr-CA", "de"], /^Posez une question…$/, "ltr"],
      [["de-AT"], / eine Frage…$/, "ltr"],
      [["ar-EG", "en"], /^اطرح سؤالًا…$/, "rtl"],
      [["pt"], /^Ask a question…$/, "ltr"],
    ]) {
      const { page, context, done } = await visitor();
      await context.addInitScript((all) => Object.defineProperty(Navigator.prototype, "languages", { get: () => all }), languages);
      await open(page);
      assert.match(await page.locator("textarea").getAttribute("placeholder"), placeholder);
      assert.equal(await page.locator(".widget").getAttribute("dir"), direction);
      await done();
    }
  },

  async "nothing moves for who wants nothing to move"() {
    const { page, done } = await visitor({ ...WIDE, reducedMotion: "reduce" });
    await open(page);
    await ask(page, "What is your refund policy?");
    const moving = () => document.querySelector("diagent-widget").shadowRoot.getAnimations().filter(({ playState }) => playState === "running").length;
    assert.equal(await page.evaluate(moving), 0);
    await done();
  },

  async "a page directs it, also before it is loaded, and sends it away"() {
    const { page, context, done } = await visitor();
    await context.addInitScript(() => {
      window.told = [];
      window.Diagent ??= (...command) => (Diagent.q ??= []).push(command);
      for (const event of ["ready", "open", "close", "message"]) Diagent("on", event, (detail) => told.push([event, detail?.role].filter(Boolean).join(" ")));
      Diagent("identify", { name: "Noor", email: "noor@example.com" });
      Diagent("send", "What is your refund policy?");
    });
    await page.goto(demo);
    assert.match(await answered(page), /30 days/);
    await page.evaluate(() => Diagent("close"));
    await page.locator(".dialog").waitFor({ state: "hidden" });
    await page.evaluate(() => Diagent("open", "lead"));
    await page.locator(".lead [name=email]").waitFor();
    assert.equal(await page.locator(".lead [name=email]").inputValue(), "noor@example.com");
    await page.evaluate(() => Diagent("update", { locale: "de", theme: { position: "left" } }));
    await page.locator(".widget[lang=de]").waitFor();
    await page.locator("diagent-widget[data-side=left]").waitFor({ state: "attached" });
    assert.deepEqual(await page.evaluate(() => told), ["ready", "open", "message visitor", "message assistant", "close", "open"]);
    await page.evaluate(() => Diagent("shutdown"));
    assert.equal(await page.locator("diagent-widget").count(), 0);
    await done();
  },

  async "it stays away from the pages that it is kept from"() {
    const { page, context, done } = await visitor();
    await setUp(context, (welcome) => Object.assign(welcome, { restricted_paths: ["/contact", "/checkout/*"] }));
    await arrive(page, "/");
    await page.evaluate(() => history.pushState(null, "", "/contact"));
    await page.locator("diagent-widget").waitFor({ state: "hidden" });
    await page.evaluate(() => history.back());
    await page.locator(".launcher").waitFor();
    await done();
  },
};
