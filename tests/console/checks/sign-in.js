import assert from "node:assert/strict";

import { until } from "../gate.js";
import { check } from "../harness.js";

check("signs in by a link that works once, and comes back to the page", async ({ gate, browser }) => {
  const page = await browser.person(gate, { signedIn: false });
  await page.goto(`${gate.url}/operations`);
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  const link = await gate.login();
  assert.ok(link.startsWith(`${gate.url}/sign-in#`), link);
  // Pasted into the address bar of the same tab: only the part behind the `#` changes.
  await page.goto(link);
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  assert.ok(!page.url().includes("#"), page.url());
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!stored.includes(link.split("#")[1]), "the link is in the storage of the browser");

  const other = await browser.person(gate, { signedIn: false });
  await other.goto(link);
  await other.locator("main").getByText("This link no longer works.").waitFor();
  await other.locator("main").getByText("It was used before, or is older than 5 minutes.").waitFor();
});

check("signs out, and the cookie is dead", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  const [cookie] = await page.context().cookies();
  assert.ok(cookie, "no cookie");
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Strict");
  await page.getByRole("button", { name: /account and theme/u }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  await page.context().addCookies([cookie]);
  await page.goto(`${gate.url}/`);
  await page.getByRole("heading", { name: "Sign in to the console" }).waitFor();
});

check("keeps the theme, and sets it before the first paint", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("button", { name: /account and theme/u }).click();
  await page.getByLabel("Dark").check({ force: true });
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.reload({ waitUntil: "commit" });
  await until(() => page.evaluate(() => document.documentElement.dataset.theme === "dark"), "the theme is dark");
  await page.getByRole("heading", { level: 1, name: "Triggers" }).waitFor();
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark);
});
