import assert from "node:assert/strict";

import { run, until } from "../gate.js";
import { check } from "../harness.js";

const FIELDS = ["Payload URL", "Content type", "Secret", "SSL verification", "Active"];

check("connects GitHub: the URL, the form field by field, and three checks that run as they stand", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("link", { name: "workflows/pr-bot", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "workflows/pr-bot" }).waitFor();
  await until(() => page.evaluate(() => document.activeElement?.tagName === "H1"), "the heading has the focus");
  for (const field of FIELDS) await page.getByRole("rowheader", { name: field }).waitFor();
  await page.getByRole("button", { name: "Copy the field Payload URL" }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${gate.portal}/webhooks/ai/workflows/pr-bot`);

  const secret = await gate.secret("workflows/pr-bot");
  const answers = [];
  for (const number of [1, 2, 3]) {
    await page.getByRole("button", { name: `Copy check ${number}` }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    answers.push(await run("bash", ["-c", command], { input: `${secret}\n` }));
  }
  assert.match(answers[0], /^HTTP\/1\.1 404/mu);
  assert.match(answers[1], /^HTTP\/1\.1 401/mu);
  assert.match(answers[1], /portcullis-reason: signature_mismatch/iu);
  assert.match(answers[2], /^HTTP\/1\.1 202/mu);
  assert.match(answers[2], /portcullis-reason: admitted/iu);
});
