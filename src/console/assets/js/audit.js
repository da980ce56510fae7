// @ts-check
// The audit log: of one endpoint as its History, and of everything.

/** @import { AuditLine } from "./types.js" */
/** @import { Route } from "./router.js" */
import { query } from "./api.js";
import { announce, code, h, replace, visible } from "./dom.js";
import { blank, cell, failureView, loading, pager, panel, row, rowHead, state, table } from "./parts.js";
import { go } from "./router.js";
import { leadsToSignIn } from "./session.js";
import { frame } from "./shell.js";
import { awayBanner, read } from "./store-away.js";
import { counted, time } from "./time.js";

const ACTIONS = [
  "endpoint_created", "endpoint_updated", "endpoint_deleted", "flow_applied", "flow_released", "flow_promoted", "flow_rolled_back", "flow_deleted",
  "secret_created", "secret_bound", "secret_set", "secret_rotated", "secret_retired", "secret_revealed", "secret_resealed", "token_created",
  "token_revoked", "operator_token_created", "operator_token_revoked", "login_link_created", "signed_in", "signed_out", "sign_in_refused", "denied",
];
const ALARMS = new Set(["denied", "sign_in_refused"]);

/**
 * @param {HTMLElement} root
 * @param {{ path: string, here: string, title: string, caption: string, subject?: string, values?: Record<string, string>, route: Route }} options
 */
export async function auditList(root, { path, here, title, caption, subject, values = {}, route }) {
  const cursor = route.query.get("cursor");
  const again = () => void load();
  const load = async () => {
    replace(root, loading("Loading the audit log", 6));
    try {
      const { body } = await read(`${path}${query({ ...values, cursor, limit: 50 })}`, route.signal, again);
      if (route.signal.aborted) return;
      announce(counted(body.items.length, "line"));
      replace(root, awayBanner(), lines(body.items, body.next));
    } catch (error) {
      if (route.signal.aborted || leadsToSignIn(error)) return;
      replace(root, failureView("The audit log could not be loaded", error, again));
    }
  };

  /** @param {AuditLine[]} items @param {string | null} next */
  const lines = (items, next) => {
    if (items.length === 0) return blank({ shape: "search", title: "No lines" }, h("p", null, "Nothing is recorded that you may see and that matches."));
    const rows = items.map((line) =>
      row(
        "",
        rowHead("nowrap", time(line.at, { whole: true })),
        cell("What", "", ALARMS.has(line.action) ? state("warn", "refused", words(line.action)) : state("off", "ok", words(line.action))),
        cell("Subject", "", subject && line.subject === subject ? h("span", { class: "muted" }, "this endpoint") : subjectLink(line.subject)),
        cell("Change", "wide", visible(line.detail, 400)),
        cell("Who", "", visible(line.actor.name)),
        cell("From", "", h("span", { class: "muted" }, visible(line.actor.origin))),
      ),
    );
    const pages = pager({ next, cursor, words: ["Newer", "Older"], go: (to, back) => go(here + query({ ...values, cursor: to }), { state: { back } }) });
    return panel(
      title,
      { bare: true, extra: h("span", { class: "muted" }, "Lines are only added. Each has a digest of all lines before it."), foot: h("div", { class: "row wide" }, h("span", { class: "grow" }, `${counted(items.length, "line")} on this page, newest first`), pages) },
      table(caption, ["When", "What", "Subject", "Change", "Who", "From"], rows).element,
    );
  };
  await load();
}

/** @param {string} action */
function words(action) {
  return visible(action).replaceAll("_", " ");
}

/** @param {string} subject */
function subjectLink(subject) {
  const endpoint = /^(workflows\/[^/#\s]+|flows\/[^/#\s]+\/(draft|live)\/[^/#\s]+|installations\/[^/#\s]+\/[^/#\s]+\/[^/#\s]+)/u.exec(subject)?.[0];
  return endpoint ? h("a", { href: `/endpoints/${encodeURIComponent(endpoint)}` }, code(visible(subject))) : code(visible(subject));
}

/** @param {Route} route */
export async function auditPage(route) {
  const main = frame("Audit", "/audit");
  const values = { subject: route.query.get("subject") ?? "", action: route.query.get("action") ?? "" };
  const list = h("div");
  const subject = h("input", { class: "input", id: "subject", type: "search", value: values.subject, placeholder: "Subject, such as workflows/pr-bot", autocomplete: "off", spellcheck: "false", change: () => apply() });
  const action = h(
    "select",
    { class: "select", id: "action", change: () => apply() },
    h("option", { value: "" }, "All actions"),
    ACTIONS.map((word) => h("option", { value: word, selected: word === values.action }, words(word))),
  );
  let isApplied = false;
  const apply = () => {
    // The removal of a field from the page may fire its event once more.
    if (isApplied) return;
    const next = { subject: subject.value.trim(), action: action.value };
    if (next.subject === values.subject && next.action === values.action) return;
    isApplied = true;
    const focused = document.activeElement?.id ?? "";
    go(`/audit${query(next)}`, { replace: true, keepFocus: true });
    document.getElementById(focused)?.focus();
  };
  replace(
    main,
    h("div", { class: "page-head" }, h("div", null, h("h1", null, "Audit"), h("p", { class: "muted" }, "Who changed or revealed what, and who was refused. No line has a secret in it."))),
    h(
      "form",
      { class: "filters", role: "search", submit: (/** @type {SubmitEvent} */ event) => { event.preventDefault(); apply(); } },
      h("div", { class: "grow" }, h("label", { class: "sr", for: "subject" }, "Subject"), subject),
      h("label", { class: "sr", for: "action" }, "Action"),
      action,
    ),
    list,
  );
  await auditList(list, { path: "/audit", here: "/audit", title: "Lines", caption: "The audit log, newest first", values, route });
}
