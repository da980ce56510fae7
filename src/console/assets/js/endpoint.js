// @ts-check
// One endpoint: the head with its tabs, Connect, and History. The other tabs have files of their own.

/** @import { Endpoint } from "./types.js" */
/** @import { Route } from "./router.js" */
import { ApiProblem, ask, endpointPath, send } from "./api.js";
import { breakable, code, h, replace, sr, visible } from "./dom.js";
import { actionButton, cancelButton, finish, openDialog, setEnabled, showFailure } from "./dialog.js";
import { auditList } from "./audit.js";
import { commandBox, copyButton, copyBox } from "./copy.js";
import { curlChecks } from "./checks.js";
import { deliveriesTab } from "./deliveries.js";
import { icon } from "./icons.js";
import { impactBox, impactLoading, senderLines } from "./impact.js";
import { badge, cell, crumbs, facts, failureView, isOn, isRefusing, loading, note, panel, row, rowHead, secretHint, secretState, senderText, state, table, targetBadge } from "./parts.js";
import { reveal } from "./reveal.js";
import { notFoundView } from "./not-found.js";
import { reload } from "./router.js";
import { opener, secretTab } from "./secret.js";
import { leadsToSignIn } from "./session.js";
import { settingsTab } from "./settings.js";
import { frame } from "./shell.js";
import { awayBanner, read, switchOff } from "./store-away.js";
import { test } from "./test.js";
import { time } from "./time.js";

/** @type {[string, string][]} */
const TABS = [
  ["", "Connect"],
  ["deliveries", "Deliveries"],
  ["secret", "Secret"],
  ["settings", "Settings"],
  ["history", "History"],
];

/** @param {Route} route */
export async function endpointPage(route) {
  const id = route.params[0] ?? "";
  const tab = route.params[1] ?? "";
  const word = TABS.find(([name]) => name === tab)?.[1];
  const main = frame(`${word ?? "Not found"}: ${id}`, "/");
  if (word === undefined) {
    replace(main, notFoundView());
    return;
  }
  replace(main, crumbs([["Triggers", "/"]]), h("h1", null, visible(id)), loading("Loading the endpoint", 6));
  try {
    const { body, etag } = await read(endpointPath(id), route.signal, () => reload());
    if (route.signal.aborted) return;
    /** @type {Endpoint} */
    const endpoint = body;
    const content = h("div", { class: "stack tight" });
    const isFocused = document.activeElement?.tagName === "H1";
    replace(main, awayBanner(), head(endpoint, tab), content);
    if (isFocused) focusHeading(main);
    switchOff(main);
    switch (tab) {
      case "deliveries":
        await deliveriesTab(content, endpoint, route);
        break;
      case "secret":
        await secretTab(content, endpoint, route.signal);
        break;
      case "settings":
        await settingsTab(content, endpoint, etag, route.signal);
        break;
      case "history":
        await auditList(content, { path: `${endpointPath(id)}/audit`, here: `/endpoints/${encodeURIComponent(id)}/history`, title: "History", caption: `Audit of ${id}, newest first`, subject: id, route });
        break;
      default:
        replace(content, ...connect(endpoint));
    }
    switchOff(main);
  } catch (error) {
    if (route.signal.aborted || leadsToSignIn(error)) return;
    if (error instanceof ApiProblem && error.status === 404) replace(main, notFoundView());
    else replace(main, crumbs([["Triggers", "/"]]), h("h1", null, visible(id)), failureView("The endpoint could not be loaded", error, () => reload()));
  }
}

/** @param {HTMLElement} main */
function focusHeading(main) {
  const heading = main.querySelector("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus();
}

/** @param {Endpoint} endpoint @param {string} tab */
function head(endpoint, tab) {
  const { id } = endpoint;
  const base = `/endpoints/${encodeURIComponent(id)}`;
  const mayChange = endpoint.may.includes("change");
  const [sender] = senderText(endpoint);
  const parts = document.createDocumentFragment();
  parts.append(
    crumbs([["Triggers", "/"], [endpoint.organisation, null], [endpoint.workspace, null]]),
    h(
      "div",
      { class: "page-head" },
      h(
        "div",
        null,
        h(
          "div",
          { class: "title" },
          h("h1", null, visible(id)),
          targetBadge(endpoint.target),
          isOn(endpoint) ? badge("enabled", "ok", "ok") : badge("disabled", "", "pause"),
          endpoint.flow && h("a", { class: "badge", href: `/flows/${encodeURIComponent(endpoint.flow)}` }, `flow ${visible(endpoint.flow)}`),
        ),
        h(
          "div",
          { class: "facts-line" },
          h("span", null, sender, endpoint.unauthenticated ? h("b", { class: "bad" }, " anyone can send") : endpoint.preset && ", preset"),
          !endpoint.unauthenticated && h("span", { class: "inline-state" }, secretState(endpoint.secret, isRefusing(endpoint))),
          h("span", null, "Last admitted ", time(endpoint.last_admitted_at)),
        ),
      ),
      h(
        "div",
        { class: "row" },
        mayChange && isOn(endpoint) && endpoint.url &&
          h("button", { type: "button", class: "btn", "data-change": true, click: (/** @type {MouseEvent} */ event) => void test(id, opener(event)) }, icon("send"), "Test"),
      ),
    ),
    !mayChange ? readOnly(endpoint) : "",
    h(
      "nav",
      { class: "tabs", "aria-label": visible(id) },
      h("ul", null, TABS.map(([name, word]) => h("li", null, h("a", { href: name === "" ? base : `${base}/${name}`, "aria-current": name === tab ? "page" : null }, word)))),
    ),
  );
  return parts;
}

/** @param {Endpoint} endpoint */
function readOnly(endpoint) {
  const banner = note(
    "info",
    "lock",
    h("p", null, h("b", null, `You can look, but not change anything in ${visible(endpoint.organisation)}.`), ` Your role there is ${endpoint.may.includes("reveal") ? "revealer" : "viewer"}.`),
    h("p", { class: "muted" }, `An admin of ${visible(endpoint.organisation)} can give you another role.`),
  );
  banner.classList.add("banner");
  return banner;
}

/** @param {Endpoint} endpoint */
function connect(endpoint) {
  const { connect: how, id } = endpoint;
  const url = how.url ?? endpoint.url;
  const provider = endpoint.preset ?? (endpoint.mode === "hmac" ? "github" : "the sender");
  return [
    !isOn(endpoint) &&
      note("warn", "pause", h("p", null, h("b", null, "This endpoint is disabled."), " Senders get 404 until it is enabled again: see Settings.")),
    h(
      "div",
      { class: "split" },
      h(
        "div",
        { class: "stack" },
        panel(
          "URL",
          {},
          url ? copyBox(breakable(url), () => url, `the URL of ${id}`) : h("p", null, "No route leads to this endpoint, so it has no URL."),
          h("p", { class: "hint sub" }, "Give senders this URL and no other. The backend is never reachable from outside."),
          how.signed_url && how.signed_url !== url
            ? h("div", { class: "stack tight spaced" }, h("p", null, h("b", null, "The sender signs another URL:")), copyBox(breakable(how.signed_url), () => how.signed_url ?? "", "the signed URL"), h("p", { class: "hint" }, "Enter exactly this one at the sender: the signature covers it."))
            : null,
        ),
        how.form && how.form.length > 0 && panel(`Form fields at ${visible(provider)}`, { bare: true, foot: "The sender’s first delivery appears under Deliveries within two seconds." }, formTable(endpoint, provider)),
        panel("Three checks from a terminal", {}, checks(endpoint)),
      ),
      h(
        "div",
        { class: "stack" },
        panel("How the sender proves itself", {}, h("div", { class: "stack tight" }, h("p", null, how.scheme ? sentence(visible(how.scheme, 2000)) : "No mode is set, so every delivery is refused."), endpoint.definition.methods && endpoint.definition.methods.length > 0 && facts([["Methods", endpoint.definition.methods.join(", ")]], "small"))),
        panel("Secret", {}, h("div", { class: "stack tight" }, endpoint.unauthenticated ? state("bad", "open", "No secret: anyone can send") : [secretState(endpoint.secret), secretHint(endpoint.secret)], h("a", { href: `/endpoints/${encodeURIComponent(id)}/secret` }, "Versions and rotation"))),
        panel("Challenge", {}, ...challenge(endpoint)),
        panel("Last admitted", {}, endpoint.last_admitted_at ? state("ok", "ok", "Received ", time(endpoint.last_admitted_at, { whole: true })) : state("off", "dash", "Nothing yet")),
      ),
    ),
  ];
}

/** @param {string} text */
function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!]$/u.test(first) ? first : `${first}.`;
}

/** @param {Endpoint} endpoint @param {string} provider */
function formTable(endpoint, provider) {
  const rows = (endpoint.connect.form ?? []).map((item) => {
    // The API never sends the value of a secret: the field is empty, and Reveal shows it.
    const isSecret = item.value === "";
    const isBound = !["unbound", "needs_provider_secret", "challenge_open"].includes(endpoint.secret.state);
    return row(
      "",
      rowHead("nowrap", visible(item.field)),
      cell("", "", isSecret ? [h("span", { class: "masked", "aria-hidden": "true" }, "••••••••••••"), sr("hidden")] : breakable(item.value), item.hint && h("span", { class: "sub" }, visible(item.hint, 400))),
      cell(
        "",
        "num",
        isSecret
          ? isBound && endpoint.may.includes("reveal") && h("button", { type: "button", class: "btn quiet", "data-change": true, click: (/** @type {MouseEvent} */ event) => void reveal(endpoint.id, opener(event)) }, icon("eye"), "Reveal")
          : copyButton(() => item.value, `the field ${item.field}`, { iconOnly: true }),
      ),
    );
  });
  return table(`What to enter at ${provider}, field by field`, ["Field", "Value", { label: "Action", hidden: true }], rows, "kv").element;
}

/** @param {Endpoint} endpoint */
function checks(endpoint) {
  return h(
    "ol",
    { class: "steps" },
    (curlChecks(endpoint) ?? endpoint.connect.checks ?? []).map((check, index) =>
      h(
        "li",
        null,
        h("span", { class: "n", "aria-hidden": "true" }, String(index + 1)),
        h(
          "div",
          { class: "stack tight" },
          h("div", null, h("b", null, visible(check.title))),
          commandBox(check.command, `check ${index + 1}`),
          check.expect && h("p", { class: "expect" }, icon("right"), h("span", null, "expect ", code(visible(check.expect)))),
        ),
      ),
    ),
  );
}

/** @param {Endpoint} endpoint */
function challenge(endpoint) {
  if (!endpoint.definition.handshake) return [state("off", "dash", "Not needed"), h("span", { class: "small" }, "The sender does not ask for one.")];
  const open = endpoint.secret.state === "challenge_open";
  return [
    open ? state("info", "window", "Window open until ", time(endpoint.secret.until, { whole: true })) : state("ok", "ok", "Answered by the gate"),
    h("span", { class: "small" }, "challenge ", code(visible(endpoint.definition.handshake))),
    ...challengeFacts(endpoint.connect.challenge),
  ];
}

/** @param {unknown} details */
function challengeFacts(details) {
  if (details === null || typeof details !== "object") return [];
  /** @type {[string, import("./dom.js").Child][]} */
  const pairs = Object.entries(details)
    .filter(([, value]) => ["string", "boolean", "number"].includes(typeof value))
    .slice(0, 8)
    .map(([name, value]) => [name.replaceAll("_", " "), typeof value === "boolean" ? (value ? "yes" : "no") : visible(value)]);
  return pairs.length === 0 ? [] : [facts(pairs, "small spaced")];
}

/**
 * Asks before an endpoint is enabled or disabled, with the impact.
 * @param {Endpoint} endpoint
 * @param {HTMLElement} button
 */
export async function toggleEnabled(endpoint, button) {
  const { id } = endpoint;
  const on = isOn(endpoint);
  const verb = on ? "disable" : "enable";
  const title = on ? "Disable" : "Enable";
  const dialog = openDialog(`${title} ${id}?`, { opener: button });
  const failure = h("div");
  const box = h("div", null, impactBox("Impact", impactLoading()));
  const act = actionButton({
    word: `${title} ${id}`,
    busy: on ? "Disabling…" : "Enabling…",
    danger: on,
    act: async () => {
      replace(failure);
      await send("POST", `${endpointPath(id)}:${verb}`, {});
      finish(dialog, `${id} is ${verb}d.`, () => reload());
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      showFailure(dialog, failure, error, { action: "change", look: () => reload() });
    },
  });
  setEnabled(act, false);
  replace(
    dialog.body,
    h("p", { class: "muted" }, on ? "Senders get 404 until you enable it again. The secret and the URL stay." : "Senders are admitted again, with the same URL and the same secret."),
    box,
    failure,
  );
  replace(dialog.foot, cancelButton(dialog), act);
  act.focus();
  try {
    const answer = await ask("POST", `${endpointPath(id)}:${verb}?dry_run=true`, {}, { signal: dialog.signal });
    const senders = answer.impact?.senders ?? [];
    replace(box, impactBox("Impact", senderLines(senders), h("p", { "data-shown": true }, icon(on ? "warn" : "ok", on ? "warn" : "ok"), h("span", null, on ? "Some senders give up on an endpoint that keeps answering 404." : "It takes deliveries within a second.")), on ? "severe" : "good"));
    setEnabled(act, true);
  } catch (error) {
    if (dialog.signal.aborted || leadsToSignIn(error)) return;
    replace(box, impactBox("Impact", h("p", { class: "impact-body" }, "The impact is not available.")));
    showFailure(dialog, failure, error, { action: "change" });
    setEnabled(act, !(error instanceof ApiProblem && error.status < 500));
  }
}
