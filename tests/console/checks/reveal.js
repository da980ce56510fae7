import assert from "node:assert/strict";

import { run, until } from "../gate.js";
import { check } from "../harness.js";

/** Whether the value is anywhere in the page: text, attributes, fields, storage, address. */
function holds(page, value) {
  return page.evaluate((secret) => {
    const places = [document.documentElement.outerHTML, location.href, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), JSON.stringify(history.state), document.title];
    for (const field of document.querySelectorAll("input, textarea, select")) places.push(field.value);
    return places.some((place) => place !== undefined && place.includes(secret));
  }, value);
}

async function openReveal(page, gate, value) {
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).click();
  await page.getByRole("dialog", { name: "Secret of workflows/pr-bot" }).waitFor();
  assert.equal(await page.getByRole("group", { name: "Secret" }).innerText(), value);
}

check("reveals a secret after a click, and hides it in every way", async ({ gate, browser }) => {
  const value = await gate.secret("workflows/pr-bot");
  const page = await browser.person(gate);
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).waitFor();
  assert.equal(await holds(page, value), false);

  await openReveal(page, gate, value);
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Copy secret");
  await page.keyboard.press("Enter");
  await page.getByText("Copied. Your clipboard now holds the secret.").first().waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), value);
  await page.keyboard.press("Escape");
  await until(async () => !(await holds(page, value)), "Escape hides the secret");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Reveal workflows/pr-bot", "the focus did not return");

  await openReveal(page, gate, value);
  await page.getByRole("button", { name: "Hide now" }).click();
  await until(async () => !(await holds(page, value)), "the button hides the secret");

  await openReveal(page, gate, value);
  await page.evaluate(() => window.dispatchEvent(new Event("blur")));
  await until(async () => !(await holds(page, value)), "the loss of the focus hides the secret");

  await openReveal(page, gate, value);
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pagehide")));
  await until(async () => !(await holds(page, value)), "leaving hides the secret");

  await page.getByRole("link", { name: "Operations", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  await page.getByRole("link", { name: "Triggers", exact: true }).click();
  await openReveal(page, gate, value);
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  await until(async () => !(await holds(page, value)), "going back hides the secret");
});

check("hides a secret after 30 seconds", async ({ gate, browser }) => {
  const value = await gate.secret("workflows/pr-bot");
  const page = await browser.person(gate);
  await page.clock.install();
  await page.goto(`${gate.url}/`);
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).waitFor();
  await openReveal(page, gate, value);
  await page.clock.runFor(29_000);
  assert.equal(await holds(page, value), true, "hidden too early");
  await page.clock.runFor(2_000);
  await until(async () => !(await holds(page, value)), "the time hides the secret");
});

check("asks the server once for a double click, and writes the reveal into History", async ({ gate, browser }) => {
  const subject = browser.subject();
  const page = await browser.person(gate, { subject });
  let reveals = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("secret:reveal")) reveals += 1;
  });
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).dblclick();
  await page.getByRole("dialog", { name: "Secret of workflows/pr-bot" }).waitFor();
  assert.equal(reveals, 1);
  await page.keyboard.press("Escape");
  await page.goto(`${gate.url}/endpoints/workflows%2Fpr-bot/history`);
  const line = page.getByRole("row").filter({ hasText: "secret revealed" }).first();
  await line.getByText(subject).waitFor();
});

check("asks for a fresh sign-in when the last is older than 10 minutes", async ({ gate, browser }) => {
  const page = await browser.person(gate, { subject: "old@acme.example" });
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).waitFor();
  // The session grows old in the store, as it does by waiting.
  const age = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1],timeout=30); c.execute(\"UPDATE sessions SET signed_in_ms=signed_in_ms-2520000 WHERE subject='old@acme.example'\"); c.commit()";
  await run("python3", ["-c", age, `${gate.folder}/portcullis.db`]);
  await page.reload();
  await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).click();
  await page.getByText("Revealing a secret needs one from the last 10 minutes.").waitFor();
  await page.getByText("Your last sign-in was 42 minutes ago.").waitFor();
  await page.getByRole("button", { name: "Sign in again" }).click();
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  await page.goto(await gate.login(undefined, "old@acme.example"));
  await page.getByRole("heading", { level: 1, name: "Triggers" }).waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0, "the return revealed by itself");
  await openReveal(page, gate, await gate.secret("workflows/pr-bot"));
});

check("says when there were too many reveals, and shows nothing then", async ({ gate, browser }) => {
  const value = await gate.secret("workflows/pr-bot");
  const page = await browser.person(gate);
  const refused = page.getByText(/Too many reveals\. Try again in \d+ seconds\. Nothing was shown\./u);
  const shown = page.getByRole("group", { name: "Secret" });
  for (let turn = 0; turn < 30; turn += 1) {
    await page.getByRole("button", { name: "Reveal workflows/pr-bot" }).click();
    await refused.or(shown).first().waitFor();
    if ((await refused.count()) > 0) break;
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
  await refused.waitFor();
  assert.equal(await holds(page, value), false);
});
