import assert from "node:assert/strict";

import { until } from "../gate.js";
import { check } from "../harness.js";

const GITHUB = ["--mode", "provider", "--preset", "github"];

async function openRotate(page, gate, id) {
  await page.goto(`${gate.url}/endpoints/${encodeURIComponent(id)}/secret`);
  await page.getByRole("button", { name: "Rotate…" }).click();
  const dialog = page.getByRole("dialog", { name: `Rotate the secret of ${id}?` });
  await dialog.waitFor();
  await until(async () => (await dialog.innerText()).includes("Last one"), "the impact is shown");
  return dialog;
}

const isOff = async (button) => (await button.getAttribute("aria-disabled")) === "true";

check("rotates with an overlap, shows who still uses the old secret, and retires it", async ({ gate, browser }) => {
  const id = "workflows/rotated";
  await gate.create(id, ...GITHUB);
  const old = await gate.secret(id);
  assert.equal((await gate.deliver(id, old)).status, 202);
  const page = await browser.person(gate);
  const dialog = await openRotate(page, gate, id);
  // None is preselected, so the name has to be typed.
  assert.equal(await dialog.getByLabel("None").isChecked(), true);
  const hard = dialog.getByRole("button", { name: "Rotate, end the old one now" });
  assert.equal(await isOff(hard), true);
  await dialog.locator("[data-shown]").getByText("From the moment you confirm").waitFor();
  await dialog.getByText("24 hours", { exact: true }).click();
  await dialog.locator("[data-shown]").getByText("Both secrets are accepted until").waitFor();
  await dialog.getByRole("button", { name: "Rotate with overlap" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("Two versions are valid until").waitFor();
  await page.getByRole("row", { name: /Version 2 Current/u }).waitFor();

  const fresh = await gate.secret(id);
  assert.notEqual(fresh, old);
  assert.equal((await gate.deliver(id, old)).status, 202, "the old secret is refused within the overlap");
  assert.equal((await gate.deliver(id, fresh)).status, 202);
  await page.reload();
  await page.getByRole("heading", { name: "Who still uses version 1" }).waitFor();
  await until(async () => {
    await page.reload();
    const senders = page.getByRole("table", { name: "Senders that still use version 1" });
    await senders.or(page.getByText("None of the last")).first().waitFor();
    return (await senders.count()) > 0 && (await senders.innerText()).includes("127.0.0.1");
  }, "the sender of the old secret is named");

  await page.getByRole("button", { name: "Retire…" }).click();
  const retire = page.getByRole("dialog", { name: `Retire version 1 of ${id}?` });
  const button = retire.getByRole("button", { name: "Retire version 1" });
  assert.equal(await isOff(button), true);
  await retire.getByRole("textbox").fill(id);
  await button.click();
  await retire.waitFor({ state: "detached" });
  await page.getByRole("row", { name: /Version 1 Retired/u }).waitFor();
  await until(async () => (await gate.deliver(id, old)).status === 401, "the retired secret is refused");
});

check("rotates without an overlap only after the exact name", async ({ gate, browser }) => {
  const id = "workflows/leaked";
  await gate.create(id, ...GITHUB);
  const old = await gate.secret(id);
  const page = await browser.person(gate);
  const dialog = await openRotate(page, gate, id);
  const button = dialog.getByRole("button", { name: "Rotate, end the old one now" });
  const typed = dialog.getByLabel(/to confirm/u);
  for (const wrong of ["workflows/leake", `${id} `, id.toUpperCase()]) {
    await typed.fill(wrong);
    assert.equal(await isOff(button), true, wrong);
    await typed.press("Enter");
    await button.click({ force: true });
  }
  assert.equal(await gate.secret(id), old, "it was rotated without the exact name");
  await typed.fill(id);
  assert.equal(await isOff(button), false);
  // A double click sends one rotation.
  await button.dblclick();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("row", { name: /Version 2 Current/u }).waitFor();
  assert.equal(await page.getByRole("row", { name: /Version 3/u }).count(), 0);
  await until(async () => (await gate.deliver(id, old)).status === 401, "the old secret is refused");
});

check("hears that somebody else rotated meanwhile", async ({ gate, browser }) => {
  const id = "workflows/contested";
  await gate.create(id, ...GITHUB);
  const page = await browser.person(gate);
  const dialog = await openRotate(page, gate, id);
  await gate.cli(["secret", "rotate", id, "--yes"]);
  const theirs = await gate.secret(id);
  await dialog.getByText("24 hours", { exact: true }).click();
  await dialog.getByRole("button", { name: "Rotate with overlap" }).click();
  const changed = page.getByRole("dialog", { name: "It changed meanwhile" });
  await changed.getByText(/rotated it at .* Your rotation was not done, and nothing else changed\./u).waitFor();
  assert.equal(await gate.secret(id), theirs);
  await changed.getByRole("button", { name: "Reload" }).click();
  await page.getByRole("row", { name: /Version 2 Current/u }).waitFor();
});

check("says that the outcome is unknown when the answer is lost", async ({ gate, browser }) => {
  const id = "workflows/lost-answer";
  await gate.create(id, ...GITHUB);
  const page = await browser.person(gate, { expected: /ERR_FAILED/u });
  const dialog = await openRotate(page, gate, id);
  // The request reaches the server, and its answer is lost.
  await page.route("**/secret:rotate", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await dialog.getByText("1 hour", { exact: true }).click();
  await dialog.getByRole("button", { name: "Rotate with overlap" }).click();
  await dialog.getByText("The rotation may have been done: check the versions before you try again.").waitFor();
  await page.unroute("**/secret:rotate");
  await dialog.getByRole("button", { name: "Show versions" }).click();
  await page.getByRole("row", { name: /Version 2 Current/u }).waitFor();
});

check("hears that a rotation failed after closing its dialog", async ({ gate, browser }) => {
  const id = "workflows/closed-early";
  await gate.create(id, ...GITHUB);
  const page = await browser.person(gate);
  const dialog = await openRotate(page, gate, id);
  await gate.cli(["secret", "rotate", id, "--yes"]);
  /** @type {() => void} */
  let release = () => {};
  const held = new Promise((resolve) => {
    release = () => resolve(undefined);
  });
  await page.route("**/secret:rotate", async (route) => {
    await held;
    await route.continue();
  });
  await dialog.getByText("1 hour", { exact: true }).click();
  await dialog.getByRole("button", { name: "Rotate with overlap" }).click();
  await dialog.getByText("Rotating…").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  release();
  await page.getByRole("alertdialog", { name: "It changed meanwhile" }).getByText("Your rotation was not done, and nothing else changed.").waitFor();
});

check("binds a provider's secret by pasting, and never generates one", async ({ gate, browser }) => {
  const id = "workflows/paste";
  await gate.create(id, "--mode", "provider", "--preset", "stripe");
  const page = await browser.person(gate);
  const row = page.getByRole("row", { name: /workflows\/paste live/u });
  await row.getByRole("button", { name: "Bind workflows/paste" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Stripe issues this secret. Portcullis never generates one here: it would not match what Stripe signs with.").waitFor();
  const value = `whsec_${"a1B2".repeat(8)}`;
  const field = dialog.getByLabel("Secret from Stripe");
  assert.equal(await field.getAttribute("autocomplete"), "off");
  await field.fill(value);
  await dialog.getByRole("button", { name: "Bind secret" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("row", { name: /Version 1 Current/u }).waitFor();
  assert.equal(await gate.secret(id), value);
  // A bound one can be replaced by another value of the provider only: Rotate opens the form, too.
  await page.getByRole("button", { name: "Rotate…" }).click();
  await page.getByRole("dialog", { name: /Bind Stripe’s secret/u }).waitFor();
});
