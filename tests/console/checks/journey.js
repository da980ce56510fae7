import assert from "node:assert/strict";

import { run, until } from "../gate.js";
import { check } from "../harness.js";

check("a newcomer connects, delivers, reads why a delivery was refused, and rotates", async ({ gate, browser }) => {
  const id = "workflows/first-steps";
  await gate.create(id, "--mode", "provider", "--preset", "github");
  const page = await browser.person(gate);
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("searchbox").fill("first-steps");
  await page.getByRole("link", { name: id, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: id }).waitFor();

  await page.getByRole("row", { name: /^Secret/u }).getByRole("button", { name: "Reveal" }).click();
  await page.getByRole("button", { name: "Copy secret" }).click();
  await page.getByText("Copied. Your clipboard now holds the secret.").first().waitFor();
  const secret = await clipboard();
  await page.getByRole("button", { name: "Hide now" }).click();

  const commands = [];
  for (const number of [2, 3]) {
    await page.getByRole("button", { name: `Copy check ${number}` }).click();
    commands.push(await clipboard());
  }
  const [wrong, right] = commands;
  const deliver = (command) => run("bash", ["-c", command], { input: `${secret}\n` });
  assert.match(await deliver(right), /^HTTP\/1\.1 202/mu);

  const tab = (name) => page.getByRole("navigation", { name: id }).getByRole("link", { name }).click();
  await tab("Deliveries");
  await page.getByRole("cell", { name: "202 admitted" }).waitFor();
  assert.match(await deliver(wrong), /^HTTP\/1\.1 401/mu);
  await page.getByRole("cell", { name: "401 signature_mismatch" }).waitFor();
  await page.getByRole("button", { name: /^Details of/u }).first().click();
  await page.getByText("No valid secret makes this signature.").waitFor();
  await page.getByText("Compare the secret with the one here.").waitFor();

  await tab("Secret");
  await page.getByRole("button", { name: "Rotate…" }).click();
  const dialog = page.getByRole("dialog", { name: `Rotate the secret of ${id}?` });
  await dialog.getByText("24 hours", { exact: true }).click();
  await dialog.getByRole("button", { name: "Rotate with overlap" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("Two versions are valid until").waitFor();
  assert.match(await deliver(right), /^HTTP\/1\.1 202/mu, "the old secret is refused within the overlap");
  await until(async () => {
    await tab("Connect");
    await tab("Secret");
    const senders = page.getByRole("table", { name: "Senders that still use version 1" });
    await senders.or(page.getByText("None of the last")).first().waitFor();
    return (await senders.count()) > 0;
  }, "the sender of the old secret is named");
});
