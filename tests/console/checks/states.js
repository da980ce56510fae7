import assert from "node:assert/strict";

import { axe, picture } from "../browser.js";
import { until } from "../gate.js";
import { check } from "../harness.js";

const AWAY = { status: 503, contentType: "application/problem+json", headers: { "Content-Security-Policy": "default-src 'none'; require-trusted-types-for 'script'" } };
const BODY = JSON.stringify({ type: "urn:portcullis:problem:store_unavailable", title: "Service Unavailable", status: 503, detail: "The store did not answer within 2 seconds.", code: "store_unavailable", request_id: "01a2004e-2afd-7617-bd78-7b0893944a1c" });

check("says what it knows while the store is away, and switches changes off", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("row", { name: /workflows\/pr-bot live/u }).waitFor();
  // The answers of the server are replaced by those that it gives without its store.
  const reads = /\/admin\/v1\/(?!me)/u;
  await page.route(reads, (route) => route.fulfill({ ...AWAY, body: BODY }));
  await page.getByRole("link", { name: "Operations", exact: true }).click();
  await page.getByRole("heading", { name: "The health could not be loaded" }).waitFor();
  await page.getByRole("link", { name: "Triggers", exact: true }).click();
  await page.getByText("The store has been unreachable since").waitFor();
  await page.getByText("Deliveries go on. Reveal, Rotate and every other change are off until the store is back.").waitFor();
  const reveal = page.getByRole("button", { name: "Reveal workflows/pr-bot" });
  assert.equal(await reveal.getAttribute("aria-disabled"), "true");
  assert.equal(await reveal.getAttribute("aria-describedby"), "away");
  await reveal.click({ force: true });
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.deepEqual(await axe(page), []);
  await picture(page, "store-away-light", { fullPage: true });
  await page.unroute(reads);
  await page.getByText("The store has been unreachable since").waitFor({ state: "detached" });
  await until(async () => (await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).getAttribute("aria-disabled")) === null, "changes are on again");
});

check("shows loading, an error with its cause, and tries again", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("row", { name: /workflows\/pr-bot live/u }).waitFor();
  /** @type {() => void} */
  let answer = () => {};
  const held = new Promise((resolve) => {
    answer = () => resolve(undefined);
  });
  await page.route("**/admin/v1/flows*", async (route) => {
    await held;
    await route.fulfill({ ...AWAY, body: BODY });
  });
  await page.getByRole("link", { name: "Flows", exact: true }).click();
  await page.locator("[aria-busy=true]").waitFor();
  await picture(page, "loading-light");
  answer();
  await page.getByRole("heading", { name: "The flows could not be loaded" }).waitFor();
  await page.locator("main").getByText("The store did not answer within 2 seconds. Deliveries go on").waitFor();
  await page.getByText("503 store_unavailable, request id").waitFor();
  assert.deepEqual(await axe(page), []);
  await page.unroute("**/admin/v1/flows*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "The flows could not be loaded" }).waitFor({ state: "detached" });
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

for (const look of ["light", "dark", "narrow"]) {
  check(`every page is accessible and fits: ${look}`, async ({ gate, browser }) => {
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
    const stranger = await browser.person(gate, { look, signedIn: false });
    await stranger.goto(`${gate.url}/sign-in`);
    await stranger.getByRole("heading", { name: "Sign in to the console" }).waitFor();
    assert.deepEqual(await axe(stranger), [], "sign-in");
    await picture(stranger, `sign-in-${look}`);
  });
}
