import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import { check } from "../harness.js";

/** Waits until an endpoint is no longer in the list. */
function gone(page, id) {
  return page.getByRole("link", { name: id, exact: true }).waitFor({ state: "detached" });
}

check("lists every endpoint with its URL, proof, secret state and counts", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  const row = page.getByRole("row", { name: /workflows\/pr-bot live/u });
  await row.getByText("/webhooks/ai/workflows/pr-bot").waitFor();
  await row.getByText("Ready").waitFor();
  await row.getByRole("button", { name: "Copy the URL of workflows/pr-bot" }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${gate.portal}/webhooks/ai/workflows/pr-bot`);
  const open = page.getByRole("row", { name: /workflows\/open live/u });
  await open.getByText("mode none", { exact: true }).waitFor();
  await open.getByText("anyone can send").waitFor();
  assert.equal(await open.getByRole("button", { name: /Reveal/u }).count(), 0);
  await page.getByRole("row", { name: /workflows\/stripe live/u }).getByText("Needs the provider’s secret").waitFor();
});

check("searches with the slash key, filters, and says when nothing matches", async ({ gate, browser }) => {
  const page = await browser.person(gate);
  await page.getByRole("row", { name: /workflows\/pr-bot live/u }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("pr-bo");
  await page.waitForURL(/q=pr-bo/u);
  await page.getByText("1 endpoint on this page").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "q", "the focus left the search");
  await page.getByRole("searchbox").fill("no-such-endpoint");
  await page.getByText("Nothing that you may see matches “no-such-endpoint”.").waitFor();
  await page.getByRole("link", { name: "Clear search and filters" }).click();
  await page.getByRole("row", { name: /workflows\/pr-bot live/u }).waitFor();
  await page.getByRole("link", { name: "Unauthenticated" }).click();
  await page.getByText("1 endpoint on this page").waitFor();
  await page.getByRole("row", { name: /workflows\/open live/u }).waitFor();
  await page.getByRole("link", { name: "Unbound" }).click();
  await page.getByRole("row", { name: /workflows\/stripe live/u }).waitFor();
  await gone(page, "workflows/pr-bot");
  await page.getByRole("link", { name: "All", exact: true }).click();
  await page.getByLabel("Organisation").fill("globex");
  await gone(page, "workflows/pr-bot");
  await page.getByRole("row", { name: /workflows\/foreign live/u }).waitFor();
});

check("turns keyset pages forward and back", async ({ gate, browser }) => {
  const endpoints = Array.from({ length: 60 }, (_, index) => ({
    id: `workflows/z-page-${String(index).padStart(2, "0")}`,
    organisation: "pages",
    workspace: "main",
    auth: { mode: "secret" },
  }));
  const file = path.join(gate.folder, "pages.json");
  await writeFile(file, JSON.stringify({ endpoints }));
  await gate.cli(["apply", "-f", file]);
  const page = await browser.person(gate);
  await page.goto(`${gate.url}/?organisation=pages`);
  await page.getByText("50 endpoints on this page").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("10 endpoints on this page").waitFor();
  await page.getByRole("link", { name: "workflows/z-page-59" }).waitFor();
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByText("50 endpoints on this page").waitFor();
  await page.getByRole("link", { name: "workflows/z-page-00" }).waitFor();
});

check("a viewer looks and changes nothing, and foreign answers like missing", async ({ gate, browser }) => {
  const page = await browser.person(gate, { roles: ["viewer@acme"], subject: "kim@acme.example" });
  await page.getByText("You can look, but not change anything in acme.").waitFor();
  await page.getByText("Your role there is viewer.").waitFor();
  for (const name of [/^Reveal/u, /^Rotate/u, /^Bind/u, /^Test/u]) assert.equal(await page.getByRole("button", { name }).count(), 0, String(name));
  assert.equal(await page.getByText("workflows/foreign").count(), 0);
  const texts = [];
  for (const id of ["workflows%2Fforeign", "workflows%2Fmissing"]) {
    await page.goto(`${gate.url}/endpoints/${id}`);
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    texts.push(await page.locator("main").innerText());
  }
  assert.equal(texts[0], texts[1]);
  assert.match(texts[0], /There is no such page, or you may not see it\./u);
});
