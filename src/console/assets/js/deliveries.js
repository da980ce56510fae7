// @ts-check
// The Deliveries tab: the last deliveries of an endpoint; a row opens in place.

/** @import { Delivery, Endpoint, Explanation } from "./types.js" */
/** @import { Route } from "./router.js" */
import { ApiProblem, ask, endpointPath, get, offers, query } from "./api.js";
import { announce, code, h, replace, sr, visible } from "./dom.js";
import { icon } from "./icons.js";
import { commandBox, copyButton } from "./copy.js";
import { badge, blank, cell, facts, failureView, loading, note, pager, row, rowHead, state, table } from "./parts.js";
import { poll } from "./poll.js";
import { REASONS } from "./reasons.js";
import { go } from "./router.js";
import { leadsToSignIn } from "./session.js";
import { awayBanner, isAway, read } from "./store-away.js";
import { count, counted, duration, size, time, utc } from "./time.js";

const REFRESH_MS = 2_000;
/** Rows with their details. Older ones are on the next page. */
const MAX_ROWS = 400;
/** @type {[string, string][]} */
const OUTCOMES = [["", "All outcomes"], ["admitted", "admitted"], ["refused", "refused"], ["failed", "failed"], ["ignored", "ignored"], ["handshake", "handshake"]];
const COLUMNS = ["Time", "Result", "Event", "Sender’s id", "Latency", "Body", "Request id", { label: "Details", hidden: true }];

/** @param {HTMLElement} root @param {Endpoint} endpoint @param {Route} route */
export async function deliveriesTab(root, endpoint, route) {
  const values = { outcome: route.query.get("outcome") ?? "", reason: route.query.get("reason") ?? "" };
  const cursor = route.query.get("cursor");
  const here = `/endpoints/${encodeURIComponent(endpoint.id)}/deliveries`;
  const list = h("div", null, loading("Loading deliveries", 6));
  replace(root, endpoint.definition.capture ? captureNote(endpoint) : null, filters(values, here), list);

  const path = `${endpointPath(endpoint.id)}/deliveries${query({ ...values, cursor, limit: 50 })}`;
  const again = () => void load();
  /** @type {AbortController | null} */
  let watching = null;
  const load = async () => {
    try {
      const { body } = await read(path, route.signal, again);
      if (route.signal.aborted) return;
      draw(body);
    } catch (error) {
      if (route.signal.aborted || leadsToSignIn(error)) return;
      replace(list, failureView("The deliveries could not be loaded", error, again));
    }
  };

  /** @param {{ items: Delivery[], next: string | null }} page */
  const draw = (page) => {
    if (page.items.length === 0) {
      replace(list, awayBanner(), empty(endpoint, values, cursor, here));
      if (cursor === null) watch(0, () => void load());
      return;
    }
    const { element, body } = table(`Deliveries of ${endpoint.id}, newest first`, COLUMNS, [], "log");
    for (const delivery of page.items) body.append(...deliveryRows(endpoint, delivery, route.signal));
    const pages = pager({
      next: page.next,
      cursor,
      words: ["Newer", "Older"],
      go: (next, back) => go(here + query({ ...values, cursor: next }), { state: { back } }),
    });
    replace(
      list,
      awayBanner(),
      h(
        "div",
        { class: "panel" },
        element,
        h("footer", null, h("span", null, "Metadata only, bounded in number and time. Bodies are kept only while capture is on."), (page.next || cursor) && pages),
      ),
    );
    if (cursor === null && !isAway()) watch(page.items[0]?.number ?? 0, () => void load(), body);
  };

  /**
   * Looks for newer deliveries and puts them above the others, so that open rows and the focus stay.
   * @param {number} newest
   * @param {() => void} whenFirst
   * @param {HTMLTableSectionElement} [body]
   */
  const watch = (newest, whenFirst, body) => {
    let last = newest;
    watching?.abort();
    watching = new AbortController();
    const signal = AbortSignal.any([route.signal, watching.signal]);
    poll(REFRESH_MS, signal, async () => {
      const page = await get(path, signal);
      const fresh = page.items.filter((/** @type {Delivery} */ delivery) => delivery.number > last);
      if (fresh.length === 0) return;
      last = fresh[0].number;
      announce(counted(fresh.length, "new delivery", "new deliveries"));
      if (!body) {
        whenFirst();
        return;
      }
      for (const delivery of fresh.reverse()) body.prepend(...deliveryRows(endpoint, delivery, route.signal));
      while (body.rows.length > MAX_ROWS) body.deleteRow(body.rows.length - 1);
    });
  };
  await load();
}

/** @param {{ outcome: string, reason: string }} values @param {string} here */
function filters(values, here) {
  const outcome = h(
    "select",
    { class: "select", id: "outcome", change: () => apply() },
    OUTCOMES.map(([value, word]) => h("option", { value, selected: value === values.outcome }, word)),
  );
  const reason = h("input", { class: "input narrow mono", id: "reason", list: "reasons", value: values.reason, placeholder: "All reasons", autocomplete: "off", spellcheck: "false", change: () => apply() });
  let isApplied = false;
  const apply = () => {
    // The removal of a field from the page may fire its event once more.
    if (isApplied) return;
    const next = { outcome: outcome.value, reason: reason.value.trim() };
    if (next.outcome === values.outcome && next.reason === values.reason) return;
    isApplied = true;
    const focused = document.activeElement?.id ?? "";
    go(here + query(next), { replace: true, keepFocus: true });
    document.getElementById(focused)?.focus();
  };
  return h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter deliveries", submit: (/** @type {SubmitEvent} */ event) => { event.preventDefault(); apply(); } },
    h("label", { class: "sr", for: "outcome" }, "Outcome"),
    outcome,
    h("label", { class: "sr", for: "reason" }, "Reason"),
    reason,
    h("datalist", { id: "reasons" }, Object.keys(REASONS).map((value) => h("option", { value }))),
    (values.outcome !== "" || values.reason !== "") && h("a", { class: "btn quiet", href: here, "data-focus": "keep" }, "Clear filters"),
    h("span", { class: "muted small grow end" }, "New deliveries appear by themselves."),
  );
}

/** @param {Endpoint} endpoint */
function captureNote(endpoint) {
  const capture = endpoint.definition.capture;
  return note("warn", "warn", h("p", null, h("b", null, "Capture is on."), ` The last ${count(capture?.last ?? 0)} refused deliveries are kept with their bodies, in the clear. Switch it off when you are done.`));
}

/** @param {Endpoint} endpoint @param {{ outcome: string, reason: string }} values @param {string | null} cursor @param {string} here */
function empty(endpoint, values, cursor, here) {
  if (values.outcome !== "" || values.reason !== "" || cursor !== null) {
    return blank({ shape: "search", title: "No match" }, h("p", null, "No recorded delivery matches this filter."), h("a", { class: "btn", href: here }, "Clear filters"));
  }
  return blank(
    { shape: "send", title: "No deliveries yet" },
    h("p", null, "A delivery appears here within two seconds, whether it is admitted or refused."),
    h("a", { class: "btn", href: `/endpoints/${encodeURIComponent(endpoint.id)}` }, "Show how to connect a sender"),
  );
}

/** @param {Delivery} delivery */
function result(delivery) {
  const words = [delivery.status !== null ? [h("b", null, String(delivery.status)), " "] : [], code(visible(delivery.reason))].flat();
  switch (delivery.outcome) {
    case "admitted":
    case "handshake":
      return state("ok", "ok", ...words);
    case "ignored":
      return state("off", "dash", ...words);
    case "failed":
      return state("bad", "bad", ...words);
    default:
      return state("warn", "refused", ...words);
  }
}

/** @param {string} id */
function shortId(id) {
  const text = visible(id, 64);
  return text.length > 12 ? `${text.slice(0, 4)}…${text.slice(-4)}` : text;
}

/** Whether the gate proved the sender: otherwise its id and event are claims. @param {Delivery} delivery */
function isProven(delivery) {
  return delivery.outcome !== "refused" || ["duplicate", "replay", "in_flight", "payload_invalid", "timestamp_stale", "account_mismatch"].includes(delivery.reason);
}

/** @param {Endpoint} endpoint @param {Delivery} delivery @param {AbortSignal} signal */
function deliveryRows(endpoint, delivery, signal) {
  const { timings } = delivery;
  const notRead = () => h("span", { class: "muted" }, "not read");
  const id = `delivery-${delivery.number}`;
  const forwarded = timings.backend_ms !== null && timings.backend_ms !== undefined;
  const gate = (timings.total_ms ?? 0) - (timings.backend_ms ?? 0);
  const button = h(
    "button",
    { type: "button", class: "btn quiet icon-only", "aria-expanded": "false", "aria-controls": id, click: () => toggle() },
    icon("right"),
    sr(`Details of ${shortId(delivery.request_id)}`),
  );
  const first = row(
    "",
    rowHead("nowrap", time(delivery.at)),
    cell("Result", "result", result(delivery)),
    cell("Event", "", delivery.event ? visible(delivery.event) : notRead()),
    cell("Sender’s id", "", delivery.sender_id ? [h("code", null, visible(delivery.sender_id)), !isProven(delivery) && h("span", { class: "sub" }, "unproven")] : notRead()),
    cell("Latency", "nowrap", duration(timings.verify_ms ?? gate), h("span", { class: "muted" }, " gate"), h("span", { class: "sub" }, forwarded ? `${duration(timings.backend_ms)} backend` : "not forwarded")),
    cell("Body", "nowrap", size(delivery.body_bytes)),
    cell("Request id", "nowrap", h("code", { title: visible(delivery.request_id) }, shortId(delivery.request_id))),
    cell("", "num opener", button),
  );
  const place = h("td", { colspan: "8", role: "cell" });
  const second = h("tr", { class: "detail", role: "row", id, hidden: true }, place);
  let drawn = false;

  function toggle() {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    button.querySelector(".icon")?.replaceWith(icon(open ? "down" : "right"));
    first.classList.toggle("is-open", open);
    second.hidden = !open;
    if (open && !drawn) {
      drawn = true;
      detail(place, endpoint, delivery, signal);
    }
  }
  return [first, second];
}

/** @param {HTMLElement} place @param {Endpoint} endpoint @param {Delivery} delivery @param {AbortSignal} signal */
function detail(place, endpoint, delivery, signal) {
  const meaning = REASONS[delivery.reason];
  const { timings } = delivery;
  const known = facts([
    ["Time", [utc(delivery.at)]],
    ["Request id", h("span", { class: "row" }, h("code", null, visible(delivery.request_id)), copyButton(() => delivery.request_id, "the request id", { iconOnly: true }))],
    ["Sender’s id", delivery.sender_id ? [visible(delivery.sender_id), isProven(delivery) ? "" : " (unproven)"] : "not read"],
    ["Client", visible(delivery.client ?? "not recorded")],
    ["Body", size(delivery.body_bytes)],
    ...(typeof delivery.secret_version === "number" ? [/** @type {[string, string]} */ (["Proven by", `version ${delivery.secret_version} of the secret`])] : []),
    ["Timings", `receive ${duration(timings.receive_ms)}, verify ${duration(timings.verify_ms)}, backend ${duration(timings.backend_ms)}, in all ${duration(timings.total_ms)}`],
  ]);
  const why = h("div", { class: "stack tight" });
  replace(place, h("div", { class: "explain" }, h("div", null, h("h2", { class: "minor" }, "Delivery"), known), why));
  const isWrong = delivery.outcome === "refused" || delivery.outcome === "failed";
  replace(
    why,
    h("h2", { class: "minor" }, isWrong ? "Why" : "Result"),
    h("p", null, meaning?.says ?? code(visible(delivery.reason))),
    delivery.cause && h("p", { class: "small muted" }, `Recorded cause: ${visible(delivery.cause)}`),
    advice(meaning?.sender, meaning?.operator),
    isWrong && h("p", { class: "small muted" }, noReplay(delivery)),
  );
  if (!delivery.captured) {
    if (delivery.outcome === "refused") {
      why.append(
        h("p", { class: "small muted" }, "Its body was not captured, so the cause is not narrowed down further. To capture the next ones: ", code(`portcullis endpoint update ${endpoint.id} --capture 10/1h`), "."),
      );
    }
    return;
  }
  void explain(why, place, endpoint, delivery, signal);
}

/** @param {string | null | undefined} sender @param {string | null | undefined} operator */
function advice(sender, operator) {
  /** @type {[string, string][]} */
  const pairs = [];
  if (sender) pairs.push(["Sender", visible(sender, 500)]);
  if (operator) pairs.push(["You", visible(operator, 500)]);
  return pairs.length === 0 ? null : facts(pairs);
}

/** @param {Delivery} delivery */
function noReplay(delivery) {
  return delivery.outcome === "refused"
    ? "A refused delivery cannot be replayed from here. Use the sender’s own button, such as Redeliver at GitHub."
    : "A failed delivery cannot be replayed from here. Most senders retry by themselves.";
}

/** @param {HTMLElement} why @param {HTMLElement} place @param {Endpoint} endpoint @param {Delivery} delivery @param {AbortSignal} signal */
async function explain(why, place, endpoint, delivery, signal) {
  const waiting = h("p", { class: "muted", role: "status" }, "Looking for the cause…");
  why.append(waiting);
  try {
    if (!(await offers("/endpoints/{id}/explain"))) {
      replace(waiting, "The delivery is captured. Find the cause on the machine:");
      why.append(commandBox(`portcullis explain --capture ${delivery.request_id}`, "the explain command"));
      return;
    }
    /** @type {Explanation} */
    const answer = await ask("POST", `${endpointPath(endpoint.id)}/explain`, { request_id: delivery.request_id }, { signal });
    replace(place, explanation(answer, delivery));
    announce("The cause is shown.");
  } catch (error) {
    if (signal.aborted || leadsToSignIn(error)) return;
    const text = error instanceof ApiProblem ? visible(error.message, 300) : "The answer did not arrive.";
    replace(waiting, `The cause could not be determined: ${text}`);
  }
}

/** @param {Explanation} answer @param {Delivery} delivery */
function explanation(answer, delivery) {
  const steps = answer.steps.map((step) => {
    const refused = step.outcome === "refused";
    const passed = step.outcome === "passed";
    return h(
      "li",
      { class: refused ? "hit" : null },
      icon(passed ? "ok" : refused ? "refused" : "dash", passed ? "ok" : refused ? "bad" : "off"),
      h("b", null, step.step.replaceAll("_", " ")),
      h("span", { class: "what" }, passed ? sr("passed: ") : refused ? h("b", null, "Refused. ") : "not reached: ", visible(step.says, 400)),
    );
  });
  const causes = answer.causes.slice(0, 5).map((cause, index) =>
    h(
      "div",
      { class: "stack tight" },
      h("h2", { class: "minor" }, index === 0 ? "Cause " : "Or ", cause.proven ? badge("proven", "ok", "ok") : badge("suspected", "warn", "info")),
      h("p", null, visible(cause.says, 500), " ", code(visible(cause.names.join(" + ")))),
      cause.proven && h("p", { class: "small muted" }, `Proven: the delivery verifies once this is undone. ${counted(answer.tried, "variation was", "variations were")} tried.`),
      advice(cause.sender, cause.operator),
    ),
  );
  const meaning = REASONS[delivery.reason];
  return h(
    "div",
    { class: "explain" },
    h("div", null, h("h2", { class: "minor" }, "Checks of the gate"), h("ol", { class: "gate-steps" }, steps)),
    h(
      "div",
      { class: "stack" },
      causes.length > 0 ? causes : h("div", { class: "stack tight" }, h("h2", { class: "minor" }, "Why"), h("p", null, meaning?.says ?? visible(delivery.reason)), advice(meaning?.sender, meaning?.operator)),
      answer.notes.map((text) => h("p", { class: "small muted" }, visible(text, 500))),
    ),
    h(
      "div",
      { class: "full stack tight" },
      facts([
        ["Time", utc(delivery.at)],
        ["Request id", h("code", null, visible(delivery.request_id))],
        ["Judged", ["by ", visible(answer.judged_by), ", as of ", time(answer.judged_at, { whole: true })]],
      ], "small"),
      state("warn", "warn", "Capture is on for this endpoint. Bodies of refused deliveries are kept in the clear."),
      h(
        "div",
        { class: "row" },
        copyButton(() => `portcullis explain --capture ${delivery.request_id}`, "the explain command", { text: "Copy explain command" }),
        h("span", { class: "muted grow small" }, noReplay(delivery)),
      ),
      h("p", { class: "small muted" }, `The body was ${size(delivery.body_bytes)}. Read it on the machine: `, code(`portcullis capture show ${delivery.request_id}`)),
    ),
  );
}
