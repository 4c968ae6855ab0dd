// The demo as people use it, in a real browser: node browser.mjs DEMO_ORIGIN API_ORIGIN OPERATOR_TOKEN [PICTURE.png]
// With a picture's name it also takes the README's picture. ONLY=words runs the checks whose name holds these words.

import { checks as chat } from "./browser/chat.mjs";
import { checks as offers } from "./browser/offers.mjs";
import { checks as page } from "./browser/page.mjs";
import { checks as people } from "./browser/people.mjs";
import { checks as settings } from "./browser/settings.mjs";
import { checks as visit } from "./browser/visit.mjs";
import { ask, leave, open, settled, visitor } from "./browser/visitor.mjs";

const checks = { ...page, ...chat, ...offers, ...people, ...settings, ...visit };
const [, , , picture] = process.argv.slice(2);
if (picture) {
  checks["the README's picture is taken"] = async () => {
    const { page, done } = await visitor();
    await open(page, "/refunds");
    await ask(page, "What is your refund policy?");
    await page.locator("h1").hover();
    await settled(page);
    await page.screenshot({ path: picture });
    await done();
  };
}

let failed = 0;
const { ONLY = "" } = process.env;
for (const [name, check] of Object.entries(checks).filter(([name]) => name.includes(ONLY))) {
  const started = Date.now();
  try {
    await check();
    console.log(`ok    ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await leave();
process.exitCode = Number(failed > 0);
