// @ts-check
// Triggers: a row for each endpoint, with search, filters and the actions.

/** @import { EndpointSummary, List } from "./types.js" */
/** @import { Route } from "./router.js" */
import { query } from "./api.js";
import { announce, h, replace, sr, visible } from "./dom.js";
import { icon } from "./icons.js";
import { badge, blank, cell, counts, failureView, hasTrouble, isOn, isRefusing, legend, loading, note, pager, pathLine, row, rowHead, secretHint, secretState, senderText, spark, table, targetBadge } from "./parts.js";
import { commandBox } from "./copy.js";
import { reveal } from "./reveal.js";
import { opener, rotate } from "./secret.js";
import { test } from "./test.js";
import { go, reload } from "./router.js";
import { grants, leadsToSignIn, mayChange, rolesIn, signedIn } from "./session.js";
import { frame } from "./shell.js";
import { fill, read, switchOff } from "./store-away.js";
import { counted, time } from "./time.js";

/** @type {[string, string][]} */
const CHIPS = [
  ["", "All"],
  ["unbound", "Unbound"],
  ["refusing", "Refusing"],
  ["overlap", "Overlap"],
  ["unauthenticated", "Unauthenticated"],
  ["disabled", "Disabled"],
];
const FILTERS = ["q", "organisation", "workspace", "target", "state"];
const SEARCH_DELAY_MS = 250;

/** Names that the filters suggest: those that were seen, and those of the reader's roles. @type {Map<string, Set<string>>} */
const seen = new Map([
  ["organisation", new Set()],
  ["workspace", new Set()],
]);

/** @param {Route} route */
export function triggersPage(route) {
  const main = frame("Triggers", "/");
  const me = signedIn();
  /** @type {Record<string, string>} */
  const values = Object.fromEntries(FILTERS.map((name) => [name, route.query.get(name) ?? ""]));
  const cursor = route.query.get("cursor");
  const list = h("div", null, loading("Loading endpoints", 8));
  const top = h("div");
  replace(
    main,
    top,
    h(
      "div",
      { class: "page-head" },
      h(
        "div",
        null,
        h("h1", null, "Triggers"),
        h(
          "p",
          { class: "muted" },
          "Every webhook that you may see.",
          me?.public_url ? [" Paths below are at ", h("code", null, visible(me.public_url)), "; Copy takes the whole URL."] : [],
        ),
      ),
    ),
    chips(values),
    filters(values, route.signal),
    list,
  );
  const load = async () => {
    const path = `/endpoints${query({ ...values, cursor, limit: 50 })}`;
    try {
      const { body } = await read(path, route.signal, () => reload());
      if (route.signal.aborted) return;
      remember(body.items);
      fill(top, readOnlyNote(body.items));
      replace(list, ...view(body, values, cursor));
      switchOff(list);
      announce(body.items.length === 0 ? "No endpoints" : counted(body.items.length, "endpoint"));
    } catch (error) {
      if (route.signal.aborted || leadsToSignIn(error)) return;
      replace(list, failureView("The list could not be loaded", error, () => {
        replace(list, loading("Loading endpoints", 8));
        void load();
      }));
    }
  };
  return load();
}

/** @param {EndpointSummary[]} items */
function remember(items) {
  for (const item of items) {
    seen.get("organisation")?.add(item.organisation);
    seen.get("workspace")?.add(item.workspace);
  }
}

/** @param {Record<string, string>} values */
function chips(values) {
  return h(
    "nav",
    { "aria-label": "Quick filters" },
    h(
      "div",
      { class: "chips" },
      CHIPS.map(([state, word]) =>
        h(
          "a",
          { class: "chip", "data-focus": "keep", href: `/${query({ ...values, state })}`, "aria-current": values.state === state ? "true" : null },
          word,
        ),
      ),
    ),
  );
}

/** @param {Record<string, string>} values @param {AbortSignal} signal */
function filters(values, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isApplied = false;
  const apply = () => {
    clearTimeout(timer);
    // The removal of a field from the page may fire its event once more.
    if (isApplied) return;
    const next = Object.fromEntries(FILTERS.map((name) => [name, name === "state" ? values.state : control(name).value.trim()]));
    if (FILTERS.every((name) => next[name] === values[name])) return;
    isApplied = true;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.id : "";
    go(`/${query(next)}`, { replace: true, keepFocus: true });
    const same = document.getElementById(focused);
    if (same instanceof HTMLInputElement) {
      same.focus();
      if (same.type === "search") same.setSelectionRange(same.value.length, same.value.length);
    } else same?.focus();
  };
  // A search that is still waiting ends with the page.
  signal.addEventListener("abort", () => clearTimeout(timer));
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(apply, SEARCH_DELAY_MS);
  };
  const control = (/** @type {string} */ name) => /** @type {HTMLInputElement | HTMLSelectElement} */ (form.elements.namedItem(name));
  for (const { organisation, workspace } of grants()) {
    if (organisation) seen.get("organisation")?.add(organisation);
    if (workspace) seen.get("workspace")?.add(workspace);
  }
  const named = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ all) => [
    h("label", { class: "sr", for: `filter-${name}` }, label),
    h("input", { class: "input narrow", id: `filter-${name}`, name, list: `known-${name}`, placeholder: all, value: values[name], autocomplete: "off", spellcheck: "false", change: apply, input: soon }),
    h("datalist", { id: `known-${name}` }, [...(seen.get(name) ?? [])].sort().map((value) => h("option", { value }))),
  ];
  const form = h(
    "form",
    {
      class: "filters",
      role: "search",
      submit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        apply();
      },
    },
    h(
      "div",
      { class: "search" },
      icon("search"),
      h("label", { class: "sr", for: "q" }, "Search endpoints"),
      h("input", { class: "input", id: "q", name: "q", type: "search", placeholder: "Search by name, path or provider", value: values.q, autocomplete: "off", spellcheck: "false", input: soon, "aria-keyshortcuts": "/" }),
    ),
    ...named("organisation", "Organisation", "All organisations"),
    ...named("workspace", "Workspace", "All workspaces"),
    h("label", { class: "sr", for: "filter-target" }, "Target"),
    h(
      "select",
      { class: "select", id: "filter-target", name: "target", change: apply },
      ["", "draft", "live", "installation"].map((target) => h("option", { value: target, selected: target === values.target }, target === "" ? "All targets" : target)),
    ),
  );
  return form;
}

/** @param {EndpointSummary[]} items */
function readOnlyNote(items) {
  const owners = new Map(items.map((item) => [item.organisation, item]));
  const lookOnly = [...owners.values()].filter((item) => !items.some((it) => it.organisation === item.organisation && (it.may.includes("change") || mayChange(it.organisation, it.workspace))));
  if (items.length === 0 || lookOnly.length !== owners.size) return null;
  const names = lookOnly.map((item) => visible(item.organisation)).slice(0, 3).join(", ");
  const first = lookOnly[0];
  const roles = first ? rolesIn(first.organisation, first.workspace) : [];
  const banner = note(
    "info",
    "lock",
    h("p", null, h("b", null, `You can look, but not change anything in ${names}.`), ` Your role there is ${roles[0] ?? "viewer"}.`),
    h("p", { class: "muted" }, `An admin of ${names} can give you another role.`),
  );
  banner.classList.add("banner");
  return banner;
}

/** @param {List<EndpointSummary>} page @param {Record<string, string>} values @param {string | null} cursor */
function view(page, values, cursor) {
  if (page.items.length === 0) return [empty(values, cursor)];
  const columns = ["Endpoint and URL", "Sender", "Secret", "Last 24 h", "Last admitted", { label: "Actions", hidden: true }];
  const { element, body } = table("Endpoints with their URL, sender, secret, deliveries of the last 24 hours and actions", columns, [], "triggers");
  /** @type {Map<string, EndpointSummary[]>} */
  const owners = new Map();
  for (const item of page.items) {
    const owner = `${item.organisation}/${item.workspace}`;
    owners.set(owner, [...(owners.get(owner) ?? []), item]);
  }
  for (const items of owners.values()) {
    const first = items[0];
    if (!first) continue;
    body.append(row("group", h("th", { colspan: "6", scope: "rowgroup", role: "rowheader" }, h("b", null, visible(first.organisation)), ` / ${visible(first.workspace)}`)));
    for (const item of items) body.append(endpointRow(item));
  }
  const pages = pager({
    next: page.next,
    cursor,
    go: (next, back) => go(`/${query({ ...values, cursor: next })}`, { state: { back } }),
  });
  return [
    h(
      "div",
      { class: "panel" },
      h("header", null, legend()),
      element,
      h("footer", null, h("span", null, `${counted(page.items.length, "endpoint")} on this page`), (page.next || cursor) && pages),
    ),
  ];
}

/** @param {EndpointSummary} item */
function endpointRow(item) {
  const href = `/endpoints/${encodeURIComponent(item.id)}`;
  const day = item.last_day;
  return row(
    isOn(item) ? "" : "off-row",
    rowHead(
      "wide",
      h(
        "div",
        { class: "name" },
        h("a", { href }, visible(item.id)),
        targetBadge(item.target),
        item.flow && badge(`flow ${visible(item.flow)}`),
        !isOn(item) && badge(item.suspended ? "disabled by an operator" : "disabled", "", "pause"),
      ),
      pathLine(item),
    ),
    cell("Sender", "", ...senderText(item)),
    cell("Secret", "", item.unauthenticated ? noSecret() : [secretState(item.secret, isRefusing(item)), secretHint(item.secret)]),
    cell("Last 24 h", "", spark(day), counts(day), reasonLine(item)),
    cell("Last admitted", "nowrap", time(item.last_admitted_at)),
    cell("", "wide", h("div", { class: "actions" }, ...actions(item))),
  );
}

function noSecret() {
  return [h("span", { class: "state bad" }, icon("open"), h("span", null, "No secret")), h("span", { class: "small" }, "mode none has nothing to prove")];
}

/** @param {EndpointSummary} item */
function reasonLine(item) {
  if (!hasTrouble(item)) return null;
  const href = `/endpoints/${encodeURIComponent(item.id)}/deliveries${query({ reason: item.last_reason })}`;
  return h("span", { class: "sub" }, "last: ", h("a", { href }, h("code", null, visible(item.last_reason))));
}

/** @param {EndpointSummary} item */
function actions(item) {
  const { state } = item.secret;
  const hasSecret = !["not_needed", "auth_missing"].includes(state) && !item.unauthenticated;
  const unbound = ["needs_provider_secret", "unbound", "challenge_open"].includes(state);
  const named = (/** @type {string} */ word) => [word, sr(` ${item.id}`)];
  const change = item.may.includes("change");
  return [
    hasSecret && !unbound && item.may.includes("reveal") &&
      h("button", { type: "button", class: "btn quiet", "data-change": true, click: (/** @type {MouseEvent} */ event) => void reveal(item.id, opener(event)) }, ...named("Reveal")),
    hasSecret && change &&
      h("button", { type: "button", class: "btn quiet", "data-change": true, click: (/** @type {MouseEvent} */ event) => void rotate(item, opener(event), () => go(`/endpoints/${encodeURIComponent(item.id)}/secret`)) }, ...named(unbound ? "Bind" : "Rotate")),
    change && (item.unauthenticated || state === "auth_missing") &&
      h("a", { class: "btn quiet", href: `/endpoints/${encodeURIComponent(item.id)}/settings` }, ...named("Set a mode")),
    change && item.url && isOn(item) &&
      h("button", { type: "button", class: "btn quiet", "data-change": true, click: (/** @type {MouseEvent} */ event) => void test(item.id, opener(event)) }, ...named("Test")),
  ];
}

/** @param {Record<string, string>} values @param {string | null} cursor */
function empty(values, cursor) {
  if (FILTERS.every((name) => values[name] === "") && cursor === null) {
    return blank(
      { shape: "gate", title: "No endpoints yet" },
      h("p", null, "An endpoint is one webhook: a URL, how its sender proves itself, and where deliveries go. Create the first one on the machine."),
      commandBox("portcullis endpoint create workflows/hello --organisation acme --workspace main", "the command"),
      h("p", { class: "small" }, "It appears here within a second."),
    );
  }
  const chip = CHIPS.find(([state]) => state === values.state)?.[1] ?? "All";
  const others = ["organisation", "workspace", "target"].filter((name) => values[name] !== "").map((name) => `${name} ${visible(values[name])}`);
  const filter = [values.state === "" ? null : chip, ...others].filter((it) => it !== null).join(", ");
  const text = values.q === "" ? "" : ` “${visible(values.q)}”`;
  const what = filter === "" ? "" : ` with the filter ${filter}`;
  return blank(
    { shape: "search", title: "No match" },
    h("p", null, text === "" ? `Nothing that you may see matches the filter ${filter || "of this page"}.` : `Nothing that you may see matches${text}${what}.`),
    h("a", { class: "btn", href: "/" }, "Clear search and filters"),
  );
}

/** `/` focuses the search. @param {KeyboardEvent} event */
export function searchKey(event) {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return;
  const search = document.getElementById("q");
  if (!search || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  search.focus();
}
