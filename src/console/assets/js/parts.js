// @ts-check
// Parts that several pages share: states, badges, charts, panels, tables, notes, blank pages.

/** @import { EndpointSummary, LastDay, SecretSummary } from "./types.js" */
/** @import { Child } from "./dom.js" */
import { ApiProblem, NoAnswer } from "./api.js";
import { alarm, breakable, code, h, nodes, sr, uniqueId, visible } from "./dom.js";
import { icon, svg } from "./icons.js";
import { copyButton } from "./copy.js";
import { count, counted, time } from "./time.js";

/**
 * A state: a shape, a word, and only then a colour.
 * @param {"ok" | "warn" | "bad" | "info" | "off"} colour
 * @param {string} shape
 * @param {...Child} words
 */
export function state(colour, shape, ...words) {
  return h("span", { class: `state ${colour}` }, icon(shape), h("span", null, ...words));
}

/** @param {string} text @param {string} [kind] @param {string} [shape] */
export function badge(text, kind = "", shape = "") {
  return h("span", { class: `badge ${kind}`.trim() }, shape !== "" && icon(shape), text);
}

/** @param {string} target */
export function targetBadge(target) {
  return badge(target, target);
}

/** @param {"info" | "ok" | "warn" | "bad"} kind @param {string} shape @param {...Child} children */
export function note(kind, shape, ...children) {
  return h("div", { class: `note ${kind}` }, icon(shape, kind), h("div", null, ...children));
}

/**
 * A section with a heading.
 * @param {string} title
 * @param {{ id?: string, extra?: Child | Child[], hint?: Child, foot?: Child, class?: string, bare?: boolean }} options
 * @param {...Child} children
 */
export function panel(title, options, ...children) {
  const id = uniqueId("panel");
  const extra = Array.isArray(options.extra) ? options.extra : [options.extra];
  return h(
    "section",
    { class: `panel ${options.class ?? ""}`.trim(), "aria-labelledby": id, id: options.id },
    h("header", null, h("h2", { id }, title), ...nodes(extra), options.hint && h("p", null, options.hint)),
    options.bare ? nodes(children) : h("div", { class: "panel-body" }, ...children),
    options.foot && h("footer", null, options.foot),
  );
}

/**
 * A table that becomes a list of cards on narrow screens. The roles keep its meaning there.
 * @param {string} caption
 * @param {(string | { label: string, hidden: boolean })[]} columns
 * @param {HTMLTableRowElement[]} rows
 * @param {string} [kind]
 */
export function table(caption, columns, rows, kind = "") {
  const body = h("tbody", { role: "rowgroup" }, ...rows);
  const element = h(
    "table",
    { class: `table cards ${kind}`.trim(), role: "table" },
    h("caption", { class: "sr" }, caption),
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        columns.map((column) =>
          h("th", { scope: "col", role: "columnheader" }, typeof column === "string" ? column : sr(column.label)),
        ),
      ),
    ),
    body,
  );
  return { element, body };
}

/**
 * A cell with the label that narrow screens show.
 * @param {string} label
 * @param {string} kind
 * @param {...(Child | Child[])} children
 */
export function cell(label, kind, ...children) {
  return h("td", { role: "cell", "data-label": label === "" ? null : label, class: kind === "" ? null : kind }, ...children);
}

/** @param {string} kind @param {...(Child | Child[])} children */
export function rowHead(kind, ...children) {
  return h("th", { scope: "row", role: "rowheader", class: kind === "" ? null : kind }, ...children);
}

/** @param {string} kind @param {...(Child | Child[])} children */
export function row(kind, ...children) {
  return h("tr", { role: "row", class: kind === "" ? null : kind }, ...children);
}

/** Terms and their descriptions. @param {[Child, Child | Child[]][]} pairs @param {string} [kind] */
export function facts(pairs, kind = "") {
  const items = pairs.flatMap(([term, description]) => [h("dt", null, term), h("dd", null, ...[description].flat())]);
  return h("dl", { class: `dl ${kind}`.trim() }, ...items);
}

/** The state of a secret in words. @param {SecretSummary} secret @param {boolean} refusing */
export function secretState(secret, refusing = false) {
  switch (secret.state) {
    case "ready":
      return refusing ? state("warn", "refused", "Ready, but refusing") : state("ok", "ok", "Ready");
    case "overlap":
      return state("info", "clock", "Overlap until ", time(secret.until, { whole: true }));
    case "challenge_open":
      return state("info", "window", "Challenge window open");
    case "needs_provider_secret":
      return state("warn", "unbound", "Needs the provider’s secret");
    case "unbound":
      return state("warn", "unbound", "Not bound");
    case "unusable":
      return state("bad", "bad", "Unusable");
    case "auth_missing":
      return state("bad", "bad", "No mode: every delivery is refused");
    case "not_needed":
      return state("off", "dash", "Not needed");
  }
}

/** The line below the state of a secret. @param {SecretSummary} secret */
export function secretHint(secret) {
  switch (secret.state) {
    case "challenge_open":
      return h("span", { class: "small" }, "until ", time(secret.until), " or the first proof");
    case "unusable":
      return h("span", { class: "small" }, "cannot be decrypted; deliveries get 503");
    case "needs_provider_secret":
    case "unbound":
      return h("span", { class: "small" }, "deliveries get 401 ", code("secret_unbound"));
    default:
      return null;
  }
}

/** How senders prove themselves, in two lines. @param {EndpointSummary} endpoint */
export function senderText(endpoint) {
  if (endpoint.unauthenticated) {
    return [badge("mode none", "loud", "open"), h("span", { class: "sub" }, h("b", { class: "bad" }, "anyone can send"))];
  }
  if (endpoint.preset) return [visible(endpoint.preset), h("span", { class: "sub" }, "preset")];
  if (!endpoint.mode) return [h("span", { class: "muted" }, "no mode")];
  return [MODES[endpoint.mode]?.title ?? visible(endpoint.mode), h("span", { class: "sub" }, "mode ", code(visible(endpoint.mode)))];
}

/** @type {Record<string, { title: string, says: string }>} */
export const MODES = {
  secret: { title: "Secret token", says: "Bearer token or ?token=" },
  hmac: { title: "GitHub HMAC", says: "X-Hub-Signature-256, POST only" },
  "hmac-sha256": { title: "HMAC-SHA256", says: "In a header that you name" },
  provider: { title: "Provider preset", says: "A preset from the list below" },
  signature: { title: "Own scheme", says: "Your own scheme, field by field" },
  bearer: { title: "Bearer token", says: "A fixed bearer token" },
  "api-key": { title: "API key", says: "A fixed key in a header that you name" },
  none: { title: "None", says: "No proof: anyone can send" },
};

/** The public path with its copy button, which takes the whole URL. @param {EndpointSummary} endpoint */
export function pathLine(endpoint) {
  const { url } = endpoint;
  if (!url) return h("div", { class: "path" }, h("span", { class: "small muted" }, "no route leads here"));
  return h(
    "div",
    { class: "path" },
    breakable(endpoint.path ?? url),
    copyButton(() => url, `the URL of ${endpoint.id}`, { iconOnly: true }),
  );
}

/** Whether the endpoint takes deliveries. @param {EndpointSummary} endpoint */
export function isOn(endpoint) {
  return endpoint.enabled && !endpoint.suspended;
}

const FINE = new Set(["admitted", "handshake", "ignored", "duplicate"]);

/** Whether the latest delivery did not get through. @param {EndpointSummary} endpoint */
export function hasTrouble(endpoint) {
  return endpoint.last_reason !== null && !FINE.has(endpoint.last_reason);
}

/** Whether most deliveries of the latest hour with any were refused. @param {EndpointSummary} endpoint */
export function isRefusing(endpoint) {
  const hours = endpoint.last_day?.hours ?? [];
  const latest = hours.findLast((hour) => hour.admitted + hour.refused + hour.failed > 0);
  return hasTrouble(endpoint) && latest !== undefined && latest.refused > latest.admitted + latest.failed;
}

const WIDTH = 119;
const AXIS = 19;
const UP = 17;
const DOWN = 8;

/**
 * 24 bars, one an hour. Up: admitted. Down and filled: refused. Down and outlined: failed. The counts below are the text.
 * @param {LastDay | null} day
 */
export function spark(day) {
  const hours = day?.hours.slice(-24) ?? [];
  const most = (/** @type {number[]} */ values) => Math.max(1, ...values);
  const up = most(hours.map((hour) => hour.admitted));
  const down = most(hours.map((hour) => hour.refused + hour.failed));
  const height = (/** @type {number} */ value, /** @type {number} */ top, /** @type {number} */ room) =>
    value === 0 ? 0 : Math.max(2, Math.round((value / top) * room));
  let admitted = "";
  let refused = "";
  let failed = "";
  hours.forEach((hour, index) => {
    const x = index * 5;
    const above = height(hour.admitted, up, UP);
    if (above > 0) admitted += `M${x} ${AXIS - 1}v-${above}h4v${above}z`;
    const below = height(hour.refused, down, DOWN);
    if (below > 0) refused += `M${x} ${AXIS + 1}v${below}h4v-${below}z`;
    const outlined = height(hour.failed, down, DOWN);
    const free = Math.min(outlined, Math.max(2, DOWN - below));
    if (outlined > 0) failed += `M${x + 0.5} ${AXIS + 1.5 + below}v${free - 1}h3v-${free - 1}z`;
  });
  return svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} 29`, "aria-hidden": "true" },
    svg("path", { class: "base", d: `M0 ${AXIS}h${WIDTH}` }),
    svg("path", { class: "a", d: admitted }),
    svg("path", { class: "r", d: refused }),
    svg("path", { class: "f", d: failed }),
  );
}

/** @param {LastDay | null} day */
export function counts(day) {
  const { admitted = 0, refused = 0, failed = 0 } = day ?? {};
  const one = (/** @type {string} */ shape, /** @type {number} */ value, /** @type {string} */ word, /** @type {string} */ hot) =>
    h("span", { class: value > 0 ? hot : null, title: counted(value, word, word) }, icon(shape), ` ${count(value)}`, sr(` ${word}`));
  return h(
    "span",
    { class: "counts" },
    one("ok", admitted, "admitted", ""),
    one("refused", refused, "refused", "hot-r"),
    one("bad", failed, "failed", "hot-f"),
  );
}

/** The legend of the charts. */
export function legend() {
  const key = (/** @type {string} */ kind, /** @type {string} */ d) =>
    svg("svg", { class: `key ${kind}`, viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("path", { d }));
  return h(
    "ul",
    { class: "legend", role: "list", "aria-label": "Legend of the charts" },
    h("li", null, key("a", "M0 0h10v10H0z"), "above the line: admitted"),
    h("li", null, key("r", "M0 0h10v10H0z"), "below, filled: refused by the gate"),
    h("li", null, key("f", "M1 1h8v8H1z"), "below, outlined: failed behind the gate"),
  );
}

/**
 * A page or a part without content.
 * @param {{ shape: string, colour?: string, title: string, level?: "h1" | "h2", alert?: boolean }} options
 * @param {...Child} children
 */
export function blank(options, ...children) {
  return h(
    "div",
    { class: "panel blank", role: options.alert ? "alert" : null },
    icon(options.shape, options.colour ?? ""),
    h(options.level ?? "h2", null, options.title),
    ...children,
  );
}

/**
 * What could not be done, why, and what to do.
 * @param {string} title Such as `The list could not be loaded`.
 * @param {unknown} error
 * @param {() => void} again
 */
export function failureView(title, error, again) {
  const retry = h("button", { type: "button", class: "btn primary", click: again }, "Try again");
  let why = "The page has a fault. Try again, and report it if it comes back.";
  let line = null;
  if (error instanceof NoAnswer) why = "The server did not answer. Deliveries go on if only the console is away.";
  else if (error instanceof ApiProblem) {
    why = visible(error.message, 500);
    if (error.status === 503) why += " Deliveries go on: the gate uses what it has in memory.";
    if (error.status === 429) why = `Too many requests. Try again in ${error.retryAfter ?? 5} seconds.`;
    const id = error.requestId === "" ? [] : [", request id ", code(visible(error.requestId))];
    line = h("p", { class: "small" }, `${error.status} ${visible(error.code)}`, ...id);
  }
  alarm(`${title}. ${why}`);
  return blank(
    { shape: "bad", colour: "bad", title, alert: false },
    h("p", null, why),
    h("div", { class: "row" }, retry, h("a", { class: "btn", href: "/operations" }, "Open Operations")),
    line,
  );
}

/** Grey lines of the height of the content that follows. @param {string} text @param {number} [rows] */
export function loading(text, rows = 4) {
  const lines = Array.from({ length: rows }, (_, index) =>
    h("p", null, h("span", { class: `skeleton w${(index % 3) + 2}` })),
  );
  return h("div", { class: "panel", "aria-busy": "true" }, h("p", { class: "sr", role: "status" }, text), h("div", { class: "panel-body stack tight" }, ...lines));
}

/** @param {[string, string | null][]} steps */
export function crumbs(steps) {
  return h(
    "nav",
    { class: "crumbs", "aria-label": "Breadcrumb" },
    h("ol", null, steps.map(([text, href]) => h("li", null, href ? h("a", { href }, text) : visible(text)))),
  );
}

/**
 * A choice of few words, as radio buttons.
 * @param {string} name
 * @param {[string, string][]} choices Value and label.
 * @param {string | null} chosen
 * @param {(value: string) => void} changed
 */
export function segmented(name, choices, chosen, changed) {
  return h(
    "div",
    { class: "seg" },
    choices.map(([value, label]) =>
      h(
        "label",
        null,
        h("input", { type: "radio", name, value, checked: value === chosen, change: () => changed(value) }),
        label,
      ),
    ),
  );
}

/**
 * A labelled field.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {Child} [hint]
 */
export function field(label, control, hint) {
  const id = uniqueId("field");
  control.id = id;
  const described = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  if (described) control.setAttribute("aria-describedby", described.id);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, described);
}

/**
 * The buttons of a keyset list. The way back is kept in the state of the history.
 * @param {{ next: string | null, cursor: string | null, words?: [string, string], go: (cursor: string | null, back: (string | null)[]) => void }} options
 */
export function pager({ next, cursor, words = ["Previous", "Next"], go }) {
  /** @type {(string | null)[]} */
  const back = Array.isArray(history.state?.back) ? history.state.back : [];
  const isFirst = cursor === null;
  const previous = h(
    "button",
    {
      type: "button",
      class: "btn",
      disabled: isFirst,
      click: () => go(back.at(-1) ?? null, back.slice(0, -1)),
    },
    words[0],
  );
  const following = h(
    "button",
    { type: "button", class: "btn", disabled: next === null, click: () => go(next, [...back, cursor]) },
    words[1],
  );
  return h("nav", { class: "pager", "aria-label": "Pages" }, previous, following);
}
