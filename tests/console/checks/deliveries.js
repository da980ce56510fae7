import assert from "node:assert/strict";

import { check } from "../harness.js";

const HOSTILE = "<img src=x onerror=alert(1)>";

check("shows deliveries as they arrive, and why one was refused", async ({ gate, browser }) => {
  const id = "workflows/deliveries";
  await gate.create(id, "--mode", "provider", "--preset", "github", "--capture", "5/1h");
  const secret = await gate.secret(id);
  const page = await browser.person(gate);
  await page.goto(`${gate.url}/endpoints/${encodeURIComponent(id)}/deliveries`);
  await page.getByRole("heading", { name: "No deliveries yet" }).waitFor();
  assert.equal((await gate.deliver(id, secret)).status, 202);
  await page.getByRole("cell", { name: "202 admitted" }).waitFor();

  assert.equal((await gate.deliver(id, "wrong", { headers: { "X-GitHub-Delivery": HOSTILE, "X-GitHub-Event": `${HOSTILE}${"x".repeat(300)}` } })).status, 401);
  await page.getByRole("cell", { name: "401 signature_mismatch" }).waitFor();
  assert.equal(await page.locator("main img").count(), 0, "a sender's text became an element");
  await page.getByRole("button", { name: /^Details of/u }).first().click();
  await page.getByText("A refused delivery cannot be replayed from here.").first().waitFor();
  await page.getByText("Capture is on").first().waitFor();
  const text = await page.locator("main").innerText();
  assert.ok(!/x{201}/u.test(text), "a sender's text is not cut");

  await page.getByLabel("Reason").fill("signature_mismatch");
  await page.getByLabel("Reason").press("Enter");
  await page.waitForURL(/reason=signature_mismatch/u);
  await page.getByRole("cell", { name: "401 signature_mismatch" }).waitFor();
  assert.equal(await page.getByRole("cell", { name: "202 admitted" }).count(), 0);
  await page.getByRole("link", { name: "Clear filters" }).click();
  await page.getByRole("cell", { name: "202 admitted" }).waitFor();
  await page.getByLabel("Outcome").selectOption("failed");
  await page.getByRole("heading", { name: "No match" }).waitFor();
});
