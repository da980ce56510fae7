// @ts-check
// Operations: health of the parts, and what needs a person.

/** @import { Health, HealthPart } from "./types.js" */
/** @import { Route } from "./router.js" */
import { announce, h, replace, visible } from "./dom.js";
import { icon } from "./icons.js";
import { failureView, loading, panel, state } from "./parts.js";
import { poll } from "./poll.js";
import { reload } from "./router.js";
import { leadsToSignIn } from "./session.js";
import { frame } from "./shell.js";
import { get } from "./api.js";
import { time } from "./time.js";

const REFRESH_MS = 10_000;

/** What needs attention: its words, its icon, and the place of the remedy. @type {Record<string, [string, string, string, string, string]>} */
const ATTENTION = {
  needs_provider_secret: ["unbound", "warn", "Needs the provider’s secret. Deliveries get 401.", "Bind", "secret"],
  unbound: ["unbound", "warn", "Its secret has no value. Deliveries get 401.", "Bind", "secret"],
  auth_missing: ["bad", "bad", "No mode is set. Every delivery is refused.", "Set a mode", "settings"],
  unusable: ["bad", "bad", "Its secret cannot be used. Deliveries get 503.", "Open", "secret"],
  refusing: ["refused", "warn", "Deliveries are refused at present.", "See why", "deliveries"],
  failing: ["bad", "bad", "Deliveries fail at present.", "See why", "deliveries"],
  unauthenticated: ["open", "bad", "Mode none: anyone can send to it.", "Set a mode", "settings"],
  overlap: ["clock", "info", "Two versions of its secret are valid.", "See who", "secret"],
  challenge_open: ["window", "info", "A challenge may set its secret.", "Open", "secret"],
};

/** @param {string} name */
function title(name) {
  const text = visible(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {Route} route */
export async function operationsPage(route) {
  const main = frame("Operations", "/operations");
  const checked = h("span", null);
  const content = h("div", { class: "stack" }, loading("Loading the health of the gate", 6));
  replace(
    main,
    h(
      "div",
      { class: "page-head" },
      h("div", null, h("h1", null, "Operations"), h("p", { class: "muted" }, "Health of this gate and what needs a person. ", checked)),
      h("div", { class: "row" }, h("button", { type: "button", class: "btn", click: () => void load(true) }, icon("rotate"), "Refresh")),
    ),
    content,
  );
  let shown = "";
  const load = async (/** @type {boolean} */ asked) => {
    try {
      /** @type {Health & { more_attention?: boolean }} */
      const health = await get("/health", route.signal);
      if (route.signal.aborted) return;
      replace(checked, "Checked ", time(new Date().toISOString()), ".");
      const text = JSON.stringify(health);
      if (text !== shown) replace(content, ...views(health));
      shown = text;
      if (asked) announce("Refreshed.");
    } catch (error) {
      if (route.signal.aborted || leadsToSignIn(error)) return;
      shown = "";
      replace(content, failureView("The health could not be loaded", error, () => reload()));
    }
  };
  await load(false);
  poll(REFRESH_MS, route.signal, async () => {
    if (shown !== "") await load(false);
  });
}

/** @param {Health & { more_attention?: boolean }} health */
function views(health) {
  const total = health.attention.length + health.parts.filter((part) => part.state !== "ok").length;
  return [
    h("h2", { class: "sr" }, "Health"),
    h("ul", { class: "tiles", id: "tiles", role: "list" }, health.parts.map((part) => tile(part))),
    panel(
      "Needs attention",
      {
        bare: true,
        id: "attention",
        extra: h("span", { class: "muted" }, total === 0 ? "nothing" : `${total}${health.more_attention ? " or more" : ""}, the worst first`),
        foot: health.more_attention ? h("a", { href: "/?state=unbound" }, "Show the others in Triggers") : null,
      },
      attention(health),
    ),
  ];
}

/** @param {HealthPart} part */
function tile(part) {
  const words = part.state === "ok" ? state("ok", "ok", "Working") : part.state === "degraded" ? state("warn", "warn", "Degraded") : state("bad", "bad", "Down");
  return h(
    "li",
    { class: "panel tile" },
    h("h3", null, title(part.name)),
    words,
    h(
      "div",
      { class: "stack tight" },
      part.since && h("p", { class: "small muted" }, "since ", time(part.since, { whole: true })),
      part.detail && h("p", { class: "small" }, visible(part.detail, 400)),
    ),
  );
}

/** @param {Health} health */
function attention(health) {
  const parts = health.parts.filter((part) => part.state !== "ok");
  if (health.attention.length === 0 && parts.length === 0) return h("p", { class: "panel-body" }, state("ok", "ok", "Nothing needs a person."));
  const order = (/** @type {string} */ what) => ["bad", "warn", "info"].indexOf(ATTENTION[what]?.[1] ?? "warn");
  const sorted = health.attention.slice().sort((a, b) => order(a.what) - order(b.what));
  return h(
    "ul",
    { class: "attention" },
    parts.map((part) => h("li", null, icon(part.state === "down" ? "bad" : "warn", part.state === "down" ? "bad" : "warn"), h("div", null, h("b", null, title(part.name)), h("span", { class: "sub" }, visible(part.detail ?? part.state, 400))))),
    sorted.map((item) => {
      const [shape, colour, says, action, tab] = ATTENTION[item.what] ?? ["warn", "warn", title(item.what), "Open", ""];
      const href = `/endpoints/${encodeURIComponent(item.endpoint)}${tab === "" ? "" : `/${tab}`}`;
      return h(
        "li",
        null,
        icon(shape, colour),
        h("div", null, h("b", null, visible(item.endpoint)), h("span", { class: "sub" }, says, ...(item.until ? [" Until ", time(item.until, { whole: true }), "."] : []))),
        h("a", { class: "btn quiet", href }, action, h("span", { class: "sr" }, ` ${visible(item.endpoint)}`)),
      );
    }),
  );
}
