// Chromium, driven as a person drives it: pages that collect every violation of the policy and every error.

import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { mkdir } from "node:fs/promises";

const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1360, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1360, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
    /** What no page may do: violations of the policy, errors of scripts, requests to elsewhere. */
    browser.faults = [];
    /** Answers of the API, without those of Reveal and of new tokens. */
    browser.answers = [];
    return browser;
  }

  /** A new person with a browser of their own. */
  async person(gate, { look = "light", roles, subject = this.subject(), signedIn = true, expected = /$^/u } = {}) {
    const context = await this.chromium.newContext({ ...LOOKS[look], timezoneId: "Europe/Berlin", locale: "en-GB", reducedMotion: "reduce" });
    context.setDefaultTimeout(30_000);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: gate.url });
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    const page = await context.newPage();
    this.watch(page, gate, expected);
    if (signedIn) {
      await page.goto(await gate.login(roles, subject));
      await page.getByRole("heading", { level: 1, name: "Triggers" }).waitFor();
    }
    return page;
  }

  /** A name of its own for each person: limits count by person. */
  subject() {
    this.people = (this.people ?? 0) + 1;
    return `ann-${this.people}@acme.example`;
  }

  watch(page, gate, expected) {
    page.on("pageerror", (error) => this.faults.push(`error of a script: ${error.stack}`));
    page.on("console", (message) => {
      // Chromium reports each answer of 400 and above; the checks look at those themselves.
      const isAnswer = /the server responded with a status of (4|5)\d\d/u.test(message.text());
      if (message.type() === "error" && !isAnswer && !expected.test(message.text())) this.faults.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(gate.url)) this.faults.push(`a request to elsewhere: ${request.url()}`);
    });
    page.on("response", async (response) => {
      const url = response.url();
      const showsSecret = response.request().method() === "POST" && /secret:reveal$|tokens$|\/session$/u.test(url);
      if (url.includes("/admin/v1/") && !showsSecret) {
        this.answers.push(await response.text().then((text) => `${url}\n${text}`).catch(() => url));
      }
      const policy = response.headers()["content-security-policy"] ?? "";
      if (!policy.includes("require-trusted-types-for 'script'") || !policy.includes("default-src 'none'")) this.faults.push(`no policy: ${url}`);
    });
  }

  /** A picture of the page that was open at a failure. */
  async lastPicture(name) {
    const page = this.chromium.contexts().at(-1)?.pages().at(-1);
    if (page) await picture(page, name, { fullPage: true }).catch(() => {});
  }

  async closePages() {
    await Promise.all(this.chromium.contexts().map((context) => context.close()));
  }

  async stop() {
    await this.chromium.close();
  }
}

/** The violations that axe finds on the page as it is. */
export async function axe(page) {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  return violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")} (${violation.help})`);
}

/** A picture of the page, if a folder for pictures is named. */
export async function picture(page, name, options = {}) {
  const folder = process.env.CONSOLE_PICTURES;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png`, ...options });
}
