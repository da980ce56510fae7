import assert from "node:assert/strict";

import { until } from "../gate.js";
import { check } from "../harness.js";

check("changes events with a preview of what is ignored", async ({ gate, browser }) => {
  const id = "workflows/settings";
  await gate.create(id, "--mode", "provider", "--preset", "github");
  const secret = await gate.secret(id);
  for (const event of ["pull_request", "issues", "issues"]) await gate.deliver(id, secret, { headers: { "X-GitHub-Event": event } });
  const page = await browser.person(gate);
  const here = `${gate.url}/endpoints/${encodeURIComponent(id)}`;
  await page.goto(`${here}/deliveries`);
  await page.getByRole("cell", { name: "202 admitted" }).nth(2).waitFor();
  await page.goto(`${here}/settings`);
  await page.getByLabel("Events to accept").fill("pull_request");
  await page.locator("main").getByText("From now on: of deliveries like the last 3, 0 are refused and 2 are ignored.").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await until(async () => (await gate.cli(["endpoint", "show", id])).includes("takes         pull_request"), "the events are stored");
  await until(async () => (await gate.deliver(id, secret, { headers: { "X-GitHub-Event": "issues" } })).headers["portcullis-reason"] === "ignored", "other events are ignored");
});

check("changes the proof with its impact, and refuses what is not valid", async ({ gate, browser }) => {
  const id = "workflows/proof";
  await gate.create(id, "--mode", "provider", "--preset", "github");
  assert.equal((await gate.deliver(id, await gate.secret(id))).status, 202);
  const page = await browser.person(gate);
  await page.goto(`${gate.url}/endpoints/${encodeURIComponent(id)}/deliveries`);
  await page.getByRole("cell", { name: "202 admitted" }).waitFor();
  await page.getByRole("navigation", { name: id }).getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Preset", { exact: true }).fill("gitlab");
  await page.getByRole("radio", { name: /^gitlab-token/u }).check();
  await page.getByText("401 until the sender uses the new proof").waitFor();
  await page.getByRole("button", { name: "Save and refuse such deliveries" }).waitFor();
  await page.getByRole("radio", { name: /^signature/u }).check();
  await page.getByText("These settings are not accepted").waitFor();
  await page.getByRole("radio", { name: /^bearer/u }).check();
  await page.getByRole("button", { name: /^Save/u }).click();
  await until(async () => (await gate.cli(["endpoint", "show", id])).includes("bearer"), "the mode is stored");
});

check("disables and enables an endpoint with its impact", async ({ gate, browser }) => {
  const id = "workflows/switched";
  await gate.create(id, "--mode", "provider", "--preset", "github");
  const secret = await gate.secret(id);
  const page = await browser.person(gate);
  await page.goto(`${gate.url}/endpoints/${encodeURIComponent(id)}/settings`);
  await page.getByRole("button", { name: "Disable…" }).click();
  const dialog = page.getByRole("dialog", { name: `Disable ${id}?` });
  await dialog.getByText("404", { exact: true }).waitFor();
  await dialog.getByRole("button", { name: `Disable ${id}` }).click();
  await dialog.waitFor({ state: "detached" });
  await until(async () => (await gate.deliver(id, secret, { waits: false })).status === 404, "deliveries get 404");
  await page.getByRole("button", { name: "Enable…" }).click();
  await page.getByRole("button", { name: `Enable ${id}` }).click();
  await until(async () => (await gate.deliver(id, secret)).status === 202, "deliveries are admitted again");
});

check("shows the history of an endpoint and the audit of everything", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.goto(`${gate.url}/endpoints/workflows%2Fpr-bot/history`);
  await page.getByRole("row").filter({ hasText: "endpoint created" }).first().waitFor();
  await page.goto(`${gate.url}/audit`);
  await page.getByRole("row").filter({ hasText: "signed in" }).first().waitFor();
  await page.getByLabel("Action").selectOption("endpoint_created");
  await page.waitForURL(/action=endpoint_created/u);
  await page.getByRole("row").filter({ hasText: "endpoint created" }).first().waitFor();
  assert.equal(await page.getByRole("row").filter({ hasText: "signed in" }).count(), 0);
});
