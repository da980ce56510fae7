// @ts-check
// The impact of a change, before it is done: facts first, then one sentence.

/** @import { Impact, SenderImpact, VersionImpact } from "./types.js" */
/** @import { Child } from "./dom.js" */
import { code, h, nodes, uniqueId, visible } from "./dom.js";
import { icon } from "./icons.js";
import { facts } from "./parts.js";
import { count, counted, time } from "./time.js";

/**
 * The box with the facts and the sentence.
 * @param {string} title
 * @param {Child | Child[]} content
 * @param {Child | Child[]} [then]
 * @param {"" | "good" | "severe"} [kind]
 */
export function impactBox(title, content, then = null, kind = "") {
  const id = uniqueId("impact");
  const sentence = nodes([then].flat());
  return h(
    "section",
    { class: "impact", "aria-labelledby": id, "aria-live": "polite" },
    h("h3", { id }, title),
    content,
    sentence.length > 0 && h("div", { class: `then ${kind}`.trim() }, ...sentence),
  );
}

/** The place of the facts until they arrive. */
export function impactLoading() {
  return h(
    "div",
    { class: "impact-body" },
    h("span", { class: "sr" }, "Loading the counts"),
    h("span", { class: "skeleton w4" }),
    h("span", { class: "skeleton w3" }),
    h("span", { class: "skeleton w4" }),
  );
}

/** The version that is current: the highest one. @param {Impact | null} impact @returns {VersionImpact | null} */
export function currentVersion(impact) {
  const versions = impact?.secrets[0]?.versions ?? [];
  return versions.reduce((/** @type {VersionImpact | null} */ best, version) => (!best || version.version > best.version ? version : best), null);
}

/** The previous version that still works, if there is one. @param {Impact | null} impact */
export function previousVersion(impact) {
  const current = currentVersion(impact);
  return impact?.secrets[0]?.versions.find((version) => version !== current) ?? null;
}

/** How many deliveries a version proved. @param {VersionImpact} version */
export function provedText(version) {
  const day = version.deliveries_last_day;
  if (typeof day === "number") return [h("b", null, counted(day, "delivery", "deliveries")), " in the last 24 hours"];
  return [h("b", null, counted(version.deliveries, "delivery", "deliveries")), " in all"];
}

/** What is known about a version that ends. @param {VersionImpact | null} version @param {string[]} sharedBy */
export function versionFacts(version, sharedBy) {
  /** @type {[Child, Child | Child[]][]} */
  const pairs = [];
  if (version) {
    pairs.push([`Version ${version.version} proved`, provedText(version)]);
    pairs.push(["Last one", time(version.last_used_at, { whole: true })]);
  }
  pairs.push(["Endpoints that share it", sharedBy.length > 1 ? sharedBy.flatMap((id, index) => (index === 0 ? [visible(id)] : [h("br"), visible(id)])) : "none"]);
  return facts(pairs);
}

/** `at both endpoints`, `at all 5 endpoints`. @param {number} endpoints */
export function atAll(endpoints) {
  if (endpoints < 2) return "";
  return endpoints === 2 ? " at both endpoints" : ` at all ${endpoints} endpoints`;
}

/** @type {Record<string, [number, string]>} */
const REFUSALS = {
  not_configured: [404, "not_configured"],
  old_secret: [401, "signature_mismatch"],
  other_proof: [401, "signature_missing"],
  secret_unbound: [401, "secret_unbound"],
};

/** The senders that a change refuses, one line each. @param {SenderImpact[]} senders */
export function senderLines(senders) {
  if (senders.length === 0) return h("p", { class: "impact-body" }, "No sender is refused.");
  const shown = senders.slice(0, 20);
  return h(
    "ul",
    { class: "impact-body list" },
    shown.map((sender) => {
      const [status, reason] = REFUSALS[sender.refusal] ?? [401, sender.refusal];
      const from = sender.from ? ["from ", time(sender.from, { whole: true })] : ["from the moment you confirm"];
      return h("li", null, icon("refused", "warn"), h("span", null, visible(sender.endpoint), ": senders get ", h("b", null, String(status)), " ", code(reason), " ", ...from));
    }),
    senders.length > shown.length && h("li", null, `and ${count(senders.length - shown.length)} more endpoints`),
  );
}
