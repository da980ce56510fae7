import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import { request, until } from "../gate.js";
import { check } from "../harness.js";

const FLOW = (event) => `{:requires [{:slot :webhook-signing-secret :type :secret :label "Webhook Signing Secret"}]
 :invocations {:order-updated {:inputs [{:name :order-id :type :text :label "Order ID" :required true}]}}
 :interfaces {:webhook [{:id :order-webhook :invocation :order-updated :enabled true :event-name "${event}"
                         :description "Receive order update webhooks."
                         :auth {:type :hmac-sha256 :header "Stripe-Signature" :secret-ref :webhook-signing-secret}}]}}`;

/** Declares the flow `orders`, or changes its draft. */
export async function applyFlow(gate, event) {
  const file = path.join(gate.folder, "orders.edn");
  await writeFile(file, FLOW(event));
  await gate.cli(["apply", "-f", file, "--organisation", "acme", "--workspace", "shop"]);
}

check("binds, releases, promotes and rolls back a flow, each with its impact", async ({ gate, browser }) => {
  await applyFlow(gate, "orders.updated");
  const page = await browser.person(gate);
  await page.getByRole("link", { name: "Flows", exact: true }).click();
  await page.getByRole("link", { name: "orders", exact: true }).click();
  await page.getByRole("region", { name: "Draft" }).getByText("/api/flows/orders/interfaces/draft/").waitFor();

  // The slot of live has no value yet: the release says so, and goes on only after a choice.
  await page.getByRole("button", { name: "Release… Draft of orders" }).click();
  const first = page.getByRole("dialog", { name: "Release the draft of orders?" });
  await first.getByLabel("Go on although required secrets are empty").check();
  await first.getByRole("button", { name: /^Release/u }).click();
  await first.waitFor({ state: "detached" });
  const live = page.getByRole("region", { name: "Live" });
  await live.getByText("version 1").waitFor();
  await live.getByText("Not bound").waitFor();

  await live.getByRole("button", { name: /^Bind…/u }).click();
  const bind = page.getByRole("dialog");
  await bind.getByLabel("Value of the secret").fill(`whsec_${"c3D4".repeat(8)}`);
  await bind.getByRole("button", { name: "Bind secret" }).click();
  await bind.waitFor({ state: "detached" });
  await live.getByText("Bound", { exact: true }).waitFor();

  await live.getByRole("button", { name: /^Promote…/u }).click();
  const where = page.getByRole("dialog", { name: "Promote orders" });
  await where.getByLabel("Installation").fill("tenant-7");
  await where.getByRole("button", { name: "Show the impact" }).click();
  const promote = page.getByRole("dialog", { name: /Promote installation tenant-7/u });
  await promote.getByLabel("Go on although required secrets are empty").check();
  await promote.getByRole("button", { name: /^Promote/u }).click();
  await promote.waitFor({ state: "detached" });
  await page.getByRole("region", { name: "Installation tenant-7" }).getByText("version 1").waitFor();

  await applyFlow(gate, "orders.changed");
  await page.reload();
  await page.getByText("draft is ahead of live").waitFor();
  await page.getByRole("button", { name: "Release… Draft of orders" }).click();
  const second = page.getByRole("dialog", { name: "Release the draft of orders?" });
  await second.getByText("What changes").waitFor();
  await second.getByLabel("Note (optional)").fill("other event name");
  await second.getByRole("button", { name: /^Release/u }).click();
  await second.waitFor({ state: "detached" });
  await live.getByText("version 2").waitFor();
  await live.getByRole("button", { name: /^Roll back…/u }).click();
  const back = page.getByRole("dialog", { name: "Roll live of orders back?" });
  await back.getByText("What changes").waitFor();
  await back.getByRole("button", { name: /^Roll back/u }).click();
  await back.waitFor({ state: "detached" });
  await live.getByText("version 1").waitFor();
});

check("creates a workspace token that is shown once, and revokes it", async ({ gate, browser }) => {
  await applyFlow(gate, "orders.updated");
  const page = await browser.person(gate);
  await page.goto(`${gate.url}/flows/orders`);
  await page.getByRole("button", { name: "Create token…" }).click();
  const dialog = page.getByRole("dialog", { name: "Create a workspace token" });
  await dialog.getByLabel("Label").fill("laptop of ann");
  await dialog.getByRole("button", { name: "Create token" }).click();
  const once = page.getByRole("dialog", { name: "Token “laptop of ann” created" });
  const token = await once.getByRole("group", { name: "Token" }).innerText();
  assert.match(token, /^pwt_/u);
  const draft = (headers) => request(`${gate.portal}/api/flows/orders/interfaces/draft/order-webhook`, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: '{"order-id":"1"}' });
  await until(async () => (await draft({ Authorization: `Bearer ${token}` })).status === 202, "the token works at the draft");
  await once.getByRole("button", { name: "Close" }).last().click();
  assert.equal(await page.evaluate((text) => document.documentElement.outerHTML.includes(text), token), false);
  await page.getByRole("button", { name: "Revoke… laptop of ann" }).click();
  await page.getByRole("button", { name: "Revoke token" }).click();
  await page.getByRole("row", { name: /laptop of ann .* Revoked/u }).waitFor();
  await until(async () => (await draft({ Authorization: `Bearer ${token}` })).status === 401, "the token is refused");
});

check("creates an operator token for a script, and revokes it", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  await page.getByRole("button", { name: "Create operator token…" }).click();
  const dialog = page.getByRole("dialog", { name: "Create an operator token" });
  await dialog.getByLabel("Label").fill("ci-deploy");
  await dialog.getByLabel("Where").fill("acme");
  await dialog.getByRole("button", { name: "Create operator token" }).click();
  const once = page.getByRole("dialog", { name: "Token “ci-deploy” created" });
  const token = await once.getByRole("group", { name: "Token" }).innerText();
  const me = () => request(`${gate.url}/admin/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
  const answer = await me();
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body).grants, ["viewer@acme"]);
  await once.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: "Revoke… ci-deploy" }).click();
  await page.getByRole("button", { name: "Revoke token" }).click();
  await page.getByRole("row", { name: /ci-deploy .* Revoked/u }).waitFor();
  await until(async () => (await me()).status === 401, "the operator token is refused");
});

check("shows the health of the parts and what needs a person", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("link", { name: "Operations", exact: true }).click();
  const store = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Store", exact: true }) });
  await store.getByText("Working").waitFor();
  await page.getByRole("link", { name: "Bind workflows/stripe" }).click();
  await page.getByRole("heading", { level: 1, name: "workflows/stripe" }).waitFor();
});
