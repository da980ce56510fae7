// @ts-check
// What the page shows while the store is away: the last answer, for an hour, with every change switched off.

import { ApiProblem, getTagged } from "./api.js";
import { h, replace } from "./dom.js";
import { note } from "./parts.js";
import { time } from "./time.js";

const KEPT_MS = 3_600_000;
const MAX_KEPT = 50;
const RETRY_MS = 5_000;

/** @typedef {{ at: number, body: any, etag: string | null }} Kept */

/** @type {Map<string, Kept>} The last good answers, by path. No answer in it has a secret's value. */
const kept = new Map();
/** @type {{ since: number, until: number } | null} */
let away = null;

export function isAway() {
  return away !== null;
}

/** Forgets every answer, such as at sign-out. */
export function forget() {
  kept.clear();
  away = null;
}

/**
 * Reads a resource. If the store is away, the last answer is returned instead, and changes are off.
 * @param {string} path
 * @param {AbortSignal} signal
 * @param {() => void} back Called when the store answers again.
 */
export async function read(path, signal, back) {
  try {
    const answer = await getTagged(path, signal);
    away = null;
    kept.delete(path);
    kept.set(path, { at: Date.now(), body: answer.body, etag: answer.etag });
    const oldest = kept.keys().next().value;
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return answer;
  } catch (error) {
    const known = kept.get(path);
    const storeIsAway = error instanceof ApiProblem && error.status === 503 && error.code.startsWith("store_");
    if (!storeIsAway || !known || known.at + KEPT_MS <= Date.now()) throw error;
    away = { since: away?.since ?? Date.now(), until: known.at + KEPT_MS };
    retry(path, signal, back);
    return { body: known.body, etag: known.etag, status: 503 };
  }
}

/** @param {string} path @param {AbortSignal} signal @param {() => void} back */
function retry(path, signal, back) {
  const timer = setTimeout(async () => {
    try {
      await getTagged(path, signal);
      back();
    } catch {
      if (!signal.aborted) retry(path, signal, back);
    }
  }, RETRY_MS);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

/** The banner above a page whose data is old. */
export function awayBanner() {
  if (!away) return null;
  const since = time(new Date(away.since).toISOString());
  const until = time(new Date(away.until).toISOString());
  const banner = note(
    "bad",
    "bad",
    h("p", null, h("b", null, "The store has been unreachable since ", since, "."), " You see what was known then. This view is kept until ", until, "."),
    h("p", { id: "away" }, "Deliveries go on. Reveal, Rotate and every other change are off until the store is back."),
  );
  banner.classList.add("banner");
  banner.setAttribute("role", "status");
  return banner;
}

/**
 * Switches every change of a page off while the store is away. The buttons stay focusable and say why.
 * @param {ParentNode} root
 */
export function switchOff(root) {
  if (!away) return;
  for (const button of root.querySelectorAll("button[data-change]")) {
    button.setAttribute("aria-disabled", "true");
    button.setAttribute("aria-describedby", "away");
  }
}

// A switched-off button does nothing, whatever listens on it.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target instanceof Element ? event.target.closest('button[aria-disabled="true"]') : null;
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  { capture: true },
);

/** Replaces the content of a page below the banner. @param {Element} root @param {...(Node | null)} children */
export function fill(root, ...children) {
  replace(root, awayBanner(), ...children);
  switchOff(root);
}
