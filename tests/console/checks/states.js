import assert from "node:assert/strict";

import { axe, picture } from "../browser.js";
import { Gate, until } from "../gate.js";
import { check } from "../harness.js";
import { applyFlow } from "./flows.js";
import { Postgres } from "../postgres.js";

check("says what it knows while the store is away, and switches changes off until it is back", async ({ browser }) => {
  const store = await Postgres.start();
  const gate = await Gate.start(store.url);
  try {
    await gate.create("workflows/pr-bot", "--mode", "provider", "--preset", "github");
    const page = await browser.person(gate);
    const reveal = page.getByRole("button", { name: "Reveal workflows/pr-bot" });
    await reveal.waitFor();
    store.cut();

    /** @type {() => void} */
    let release = () => {};
    const held = new Promise((resolve) => {
      release = () => resolve(undefined);
    });
    await page.route("**/admin/v1/flows*", async (route) => {
      await held;
      await route.continue();
    });
    await page.getByRole("link", { name: "Flows", exact: true }).click();
    await page.locator("[aria-busy=true]").waitFor();
    await picture(page, "loading-light");
    release();
    await page.getByRole("heading", { name: "The flows could not be loaded" }).waitFor();
    await page.locator("main").getByText("Deliveries go on: the gate uses what it has in memory.").waitFor();
    await page.getByText("503 store_unavailable, request id").waitFor();
    assert.deepEqual(await axe(page), []);
    await picture(page, "error-light");

    await page.getByRole("link", { name: "Triggers", exact: true }).click();
    await page.getByText("The store has been unreachable since").waitFor();
    await page.getByText("Deliveries go on. Reveal, Rotate and every other change are off until the store is back.").waitFor();
    assert.equal(await reveal.getAttribute("aria-disabled"), "true");
    assert.equal(await reveal.getAttribute("aria-describedby"), "away");
    await reveal.click({ force: true });
    assert.equal(await page.getByRole("dialog").count(), 0);
    assert.deepEqual(await axe(page), []);
    await picture(page, "store-away-light", { fullPage: true });

    store.mend();
    await page.getByText("The store has been unreachable since").waitFor({ state: "detached", timeout: 60_000 });
    await until(async () => (await reveal.getAttribute("aria-disabled")) === null, "changes are on again");
    await page.getByRole("link", { name: "Flows", exact: true }).click();
    await page.getByRole("heading", { name: "No flows yet" }).waitFor();
  } finally {
    await gate.stop();
    await store.stop();
  }
});

check("works by keyboard alone, from the sign-in to Reveal", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("row", { name: /workflows\/pr-bot live/u }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  let reached = false;
  for (let step = 0; step < 200 && !reached; step += 1) {
    await page.keyboard.press("Tab");
    reached = await page.evaluate(() => document.activeElement?.textContent === "Reveal workflows/pr-bot");
  }
  assert.ok(reached, "Tab does not reach Reveal");
  const ring = await page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle);
  assert.equal(ring, "solid");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Secret of workflows/pr-bot" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Reveal workflows/pr-bot");
});

const PAGES = [
  ["triggers", "/", "Triggers"],
  ["connect", "/endpoints/workflows%2Fpr-bot", "workflows/pr-bot"],
  ["deliveries", "/endpoints/workflows%2Fpr-bot/deliveries", "workflows/pr-bot"],
  ["secret", "/endpoints/workflows%2Fpr-bot/secret", "workflows/pr-bot"],
  ["settings", "/endpoints/workflows%2Fpr-bot/settings", "workflows/pr-bot"],
  ["history", "/endpoints/workflows%2Fpr-bot/history", "workflows/pr-bot"],
  ["flows", "/flows", "Flows"],
  ["flow", "/flows/orders", "orders"],
  ["operations", "/operations", "Operations"],
  ["audit", "/audit", "Audit"],
  ["tokens", "/tokens", "Tokens"],
  ["no-match", "/?q=no-such-endpoint&state=refusing", "Triggers"],
  ["not-found", "/endpoints/workflows%2Fmissing", "Not found"],
];

/** Dialogs: their picture, the page with the button that opens them, the button, and a text that shows that they are whole. */
const DIALOGS = [
  ["test", "/endpoints/workflows%2Fpr-bot", "Test", /every check/u],
  ["bind", "/endpoints/workflows%2Fstripe/secret", "Bind a value…", /Endpoints that use it/u],
  ["disable", "/endpoints/workflows%2Fpr-bot/settings", "Disable…", /give up on an endpoint/u],
  ["release", "/flows/orders", /^Release…/u, /What changes/u],
  ["workspace-token", "/tokens", "Create token…", /drafts of this workspace/u],
  ["operator-token", "/tokens", "Create operator token…", /An organisation, such as acme/u],
];

for (const look of ["light", "dark", "narrow"]) {
  check(`every page is accessible and fits: ${look}`, async ({ gate, browser }) => {
    // The draft of the flow is ahead of live, so that it can be released.
    await applyFlow(gate, `orders.${look}`);
    const page = await browser.person(gate, { look });
    for (const [name, path, heading] of PAGES) {
      await page.goto(gate.url + path);
      await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
      await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
      await page.waitForLoadState("networkidle");
      assert.deepEqual(await axe(page), [], name);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(overflow, 0, `${name} is wider than the screen`);
      await picture(page, `${name}-${look}`, { fullPage: true });
    }
    await page.goto(`${gate.url}/endpoints/workflows%2Fpr-bot/secret`);
    await page.getByRole("button", { name: "Rotate…" }).click();
    const dialog = page.getByRole("dialog");
    await until(async () => (await dialog.innerText()).includes("Last one"), "the impact is shown");
    assert.deepEqual(await axe(page), [], "rotate");
    await picture(page, `rotate-${look}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Reveal" }).click();
    await page.getByRole("group", { name: "Secret" }).waitFor();
    // The picture has the frame of the dialog without a value.
    await page.evaluate(() => {
      const box = document.querySelector("dialog .secret");
      if (box?.firstChild) box.firstChild.textContent = "0".repeat(64);
    });
    assert.deepEqual(await axe(page), [], "reveal");
    await picture(page, `reveal-${look}`);
    for (const [name, path, button, whole] of DIALOGS) {
      await page.goto(gate.url + path);
      await page.getByRole("button", { name: button }).first().click();
      await page.getByRole("dialog").getByText(whole).first().waitFor();
      assert.deepEqual(await axe(page), [], name);
      await picture(page, `${name}-${look}`);
    }
    const stranger = await browser.person(gate, { look, signedIn: false });
    await stranger.goto(`${gate.url}/sign-in`);
    await stranger.getByRole("heading", { name: "Sign in to the console" }).waitFor();
    assert.deepEqual(await axe(stranger), [], "sign-in");
    await picture(stranger, `sign-in-${look}`);
  });
}
