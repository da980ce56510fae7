// Drives the real page over the real API, as people do. One argument chooses checks by a part of their name.

import assert from "node:assert/strict";

import { Browser } from "./browser.js";
import { Gate } from "./gate.js";
import { check, runChecks } from "./harness.js";
import "./checks/journey.js";
import "./checks/sign-in.js";
import "./checks/triggers.js";
import "./checks/connect.js";
import "./checks/deliveries.js";
import "./checks/reveal.js";
import "./checks/rotate.js";
import "./checks/settings.js";
import { applyFlow } from "./checks/flows.js";
import "./checks/states.js";

check("no answer of the API and no log line has a secret's value", async ({ gate, browser }) => {
  const listed = JSON.parse(await gate.cli(["endpoint", "list", "--json"]));
  const secrets = [];
  for (const { id, auth } of listed) {
    if (auth && auth.mode !== "none" && !id.includes("/z-page-") && !id.startsWith("flows/") && !id.startsWith("installations/")) {
      await gate.secret(id).then((value) => secrets.push(value), () => {});
    }
  }
  assert.ok(secrets.length > 0, "no secret was used");
  assert.ok(browser.answers.length > 0, "no answer was seen");
  for (const value of secrets) {
    const answer = browser.answers.find((text) => text.includes(value));
    assert.equal(answer, undefined, `an answer has a secret: ${answer?.split("\n")[0]}`);
    assert.ok(!gate.log.includes(value), "the log has a secret");
  }
});

const gate = await Gate.start();
const browser = await Browser.start();
let failed = 1;
try {
  await gate.create("workflows/pr-bot", "--mode", "provider", "--preset", "github");
  await gate.create("workflows/open", "--mode", "none");
  await gate.create("workflows/stripe", "--mode", "provider", "--preset", "stripe");
  await gate.create("workflows/foreign", "--organisation", "globex", "--workspace", "ops");
  await applyFlow(gate, "orders.updated");
  const secret = await gate.secret("workflows/pr-bot");
  for (let number = 0; number < 5; number += 1) await gate.deliver("workflows/pr-bot", secret);
  await gate.deliver("workflows/pr-bot", "wrong");
  failed = await runChecks({ gate, browser }, process.argv[2] ?? "");
} finally {
  await browser.stop();
  await gate.stop();
}
process.exitCode = failed === 0 ? 0 : 1;
