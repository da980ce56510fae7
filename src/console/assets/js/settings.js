// @ts-check
// The Settings tab: mode, preset, events, limits; with a preview of what will be refused.

/** @import { AuthDefinition, Delivery, Endpoint, EndpointChange, Limits, Preset } from "./types.js" */
import { ask, endpointPath, get, query, send } from "./api.js";
import { announce, code, h, replace, visible } from "./dom.js";
import { actionButton, cancelButton, openDialog, problemLine, setEnabled, showFailure } from "./dialog.js";
import { icon } from "./icons.js";
import { impactBox, senderLines } from "./impact.js";
import { MODES, badge, field, isOn, note, panel, state } from "./parts.js";
import { toggleEnabled } from "./endpoint.js";
import { guardLeaving, reload } from "./router.js";
import { opener } from "./secret.js";
import { leadsToSignIn } from "./session.js";
import { isAway } from "./store-away.js";
import { count, size } from "./time.js";

const PREVIEW_DELAY_MS = 400;
const MODES_IN_ORDER = ["secret", "hmac", "hmac-sha256", "provider", "signature", "bearer", "api-key", "none"];
const SCHEME_KEYS = [
  "algorithm", "secret_format", "secret_prefix", "signature_header", "signature_from", "signature_format", "signature_prefix", "signature_separator",
  "signed_message", "timestamp_header", "timestamp_tag", "timestamp_format", "timestamp_tolerance", "timestamp_future", "id", "event",
];
const EVIDENCE = new Map([
  ["vector", "a published delivery"],
  ["sdk", "the provider’s code"],
  ["source", "the provider’s page"],
  ["catalogues", "other catalogues"],
  ["unconfirmed", "not confirmed"],
]);

/** @typedef {{ auth: AuthDefinition | null, events: string[], limits: Limits }} Draft */

/** @param {HTMLElement} root @param {Endpoint} endpoint @param {string | null} etag @param {AbortSignal} signal */
export async function settingsTab(root, endpoint, etag, signal) {
  const isFixed = endpoint.declared_in_flow || !endpoint.may.includes("change") || isAway();
  const stored = draftOf(endpoint);
  /** @type {Draft} */
  const draft = structuredClone(stored);
  /** @type {Preset[]} */
  let presets = [];
  /** @type {Delivery[]} */
  let recent = [];
  let isUnread = false;
  const preview = h("ul", { class: "preview" });
  const summary = h("div", { class: "stack tight" });
  const failure = h("div");
  const isChanged = () => JSON.stringify(draft) !== JSON.stringify(stored);

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {AbortController | null} */
  let asking = null;
  const changed = () => {
    clearTimeout(timer);
    asking?.abort();
    setEnabled(save, false);
    if (!isChanged()) {
      replace(preview, h("li", null, h("span", { class: "muted" }, "Nothing is changed yet.")));
      replace(summary, h("div", { class: "row" }, save, discard));
      replace(failure);
      setEnabled(discard, false);
      return;
    }
    setEnabled(discard, true);
    const missing = missingPart(draft.auth);
    if (missing) {
      replace(preview, h("li", null, h("span", { class: "muted" }, missing)));
      replace(summary, h("div", { class: "row" }, save, discard));
      replace(failure);
      return;
    }
    replace(preview, h("li", null, h("span", { class: "skeleton w3" })));
    timer = setTimeout(() => void look(), PREVIEW_DELAY_MS);
  };

  const look = async () => {
    asking = new AbortController();
    const { signal: stopped } = asking;
    replace(failure);
    try {
      /** @type {EndpointChange} */
      const answer = await ask("PATCH", `${endpointPath(endpoint.id)}?dry_run=true`, patch(), { etag, signal: stopped });
      if (stopped.aborted || signal.aborted) return;
      show(answer);
    } catch (error) {
      if (stopped.aborted || signal.aborted || leadsToSignIn(error)) return;
      replace(preview, h("li", null, state("bad", "bad", "These settings are not accepted")));
      const text = error instanceof Error ? visible(error.message, 600) : "";
      replace(failure, note("bad", "bad", h("p", null, text), problemLine(error)));
      replace(summary, h("div", { class: "row" }, save, discard));
    }
  };

  /** @param {EndpointChange} answer */
  const show = (answer) => {
    const lines = [...judged(draft, stored, recent)];
    const senders = answer.impact?.senders ?? [];
    const otherProof = senders.some((sender) => sender.refusal === "other_proof" || sender.refusal === "secret_unbound");
    const admitted = recent.filter((delivery) => delivery.outcome === "admitted").length;
    const refused = (otherProof ? admitted : 0) + lines.reduce((sum, line) => sum + line.refused, 0);
    const ignored = lines.reduce((sum, line) => sum + line.ignored, 0);
    const step = answer.steps?.find((it) => it.endpoint === endpoint.id);
    replace(
      preview,
      JSON.stringify(draft.auth) !== JSON.stringify(stored.auth) &&
        h(
          "li",
          null,
          h("span", null, authText(stored.auth), " → ", authText(draft.auth)),
          h("b", null, otherProof ? `${count(admitted)} of ${count(recent.length)}` : `0 of ${count(recent.length)}`),
          otherProof ? state("warn", "refused", "401 until the sender uses the new proof") : state("ok", "ok", "nothing is refused"),
        ),
      lines.map((line) => h("li", null, h("span", null, line.what), h("b", null, `${count(line.refused + line.ignored)} of ${count(recent.length)}`), line.refused > 0 ? state("warn", "refused", "413 ", code("body_too_large")) : line.ignored > 0 ? state("off", "dash", "202 ", code("ignored")) : state("ok", "ok", "nothing is refused"))),
      step?.secret_created && h("li", null, h("span", null, "A new secret is generated: ", code(visible(step.secret_created)))),
      step?.secret_unfit && h("li", null, state("bad", "bad", `The secret is bound as another kind of key. ${visible(step.secret_unfit.remedy)}`)),
      step?.secret_warning && h("li", null, state("warn", "warn", `${visible(step.secret_warning.message, 300)}`)),
    );
    saveWord = refused > 0 ? "Save and refuse such deliveries" : "Save";
    save.textContent = saveWord;
    save.classList.toggle("danger", refused > 0);
    save.classList.toggle("primary", refused === 0);
    const text =
      recent.length === 0
        ? "No delivery is recorded yet, so nothing can be counted."
        : `From now on: of deliveries like the last ${count(recent.length)}, ${count(refused)} ${refused === 1 ? "is" : "are"} refused and ${count(ignored)} ${ignored === 1 ? "is" : "are"} ignored.`;
    replace(
      summary,
      h("p", null, h("b", null, isUnread ? "The recorded deliveries are not available, so nothing is counted." : text)),
      senders.length > 0 && impactBox("Impact", senderLines(senders)),
      h("p", { class: "small" }, "Judged by what is recorded: time, event, size and proof. Signatures are not computed again."),
      h("div", { class: "row" }, save, discard),
    );
    setEnabled(save, answer.changed);
    announce(text);
  };

  let saveWord = "Save";
  const save = actionButton({
    word: () => saveWord,
    busy: "Saving…",
    act: async () => {
      replace(failure);
      await send("PATCH", endpointPath(endpoint.id), patch(), { etag });
      Object.assign(stored, structuredClone(draft));
      announce("Saved.");
      reload();
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      const dialog = openDialog("The settings were not saved", { opener: save, alert: true });
      replace(dialog.foot, cancelButton(dialog, "Close"));
      showFailure(dialog, dialog.body, error, {
        action: "change",
        look: () => {
          Object.assign(draft, structuredClone(stored));
          reload();
        },
        changed: (problem) => `${visible(problem.message, 300)} Your change was not done, and nothing else changed.`,
      });
    },
  });
  const discard = h("button", { type: "button", class: "btn", click: () => { Object.assign(draft, structuredClone(stored)); reload(); } }, "Discard");

  function patch() {
    /** @type {Record<string, unknown>} */
    const body = {};
    if (JSON.stringify(draft.auth) !== JSON.stringify(stored.auth)) body.auth = draft.auth;
    if (JSON.stringify(draft.events) !== JSON.stringify(stored.events)) body.events = draft.events.length > 0 ? draft.events : null;
    if (JSON.stringify(draft.limits) !== JSON.stringify(stored.limits)) body.limits = draft.limits;
    return body;
  }

  const proof = h("div", { class: "stack" });
  const drawProof = () => {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    replace(proof, ...proofFields(draft, presets, isFixed, () => { drawProof(); changed(); }, changed));
    if (focused) {
      const same = proof.querySelector(`[data-key="${CSS.escape(focused)}"]`);
      if (same instanceof HTMLElement) same.focus();
    }
  };
  const flow = endpoint.flow;
  replace(
    root,
    endpoint.declared_in_flow && flow &&
      note("info", "lock", h("p", null, h("b", null, "Declared in the flow "), h("a", { href: `/flows/${encodeURIComponent(flow)}` }, visible(flow)), ". Change it there and release it.")),
    h(
      "form",
      { class: isFixed ? "stack" : "split", submit: (/** @type {SubmitEvent} */ event) => event.preventDefault() },
      h(
        "div",
        { class: "stack" },
        panel("How senders prove themselves", { extra: isFixed && badge("read-only", "", "lock") }, proof),
        panel("Limits and events", { extra: isFixed && badge("read-only", "", "lock") }, limitsAndEvents(draft, isFixed, changed)),
        panel("Payload contract", { extra: badge("read-only", "", "lock") }, contract(endpoint)),
        endpoint.may.includes("change") && !isAway() &&
          panel(
            isOn(endpoint) ? "Disable endpoint" : "Enable endpoint",
            {},
            h(
              "div",
              { class: "row" },
              h("span", { class: "grow" }, isOn(endpoint) ? "Senders get 404 until you enable it again. The secret and the URL stay." : "Senders get 404 now. Enabling lets them in again."),
              h("button", { type: "button", class: isOn(endpoint) ? "btn danger-line" : "btn primary", "data-change": true, click: (/** @type {MouseEvent} */ event) => void toggleEnabled(endpoint, opener(event)) }, isOn(endpoint) ? "Disable…" : "Enable…"),
            ),
          ),
      ),
      !isFixed && h("div", { class: "stack sticky" }, panel("If you save", { bare: true, foot: h("div", { class: "stack tight grow" }, summary, failure) }, preview)),
    ),
  );
  drawProof();
  changed();
  guardLeaving(() => !isChanged() || window.confirm("Leave without saving the settings?"), signal);

  const [list, deliveries] = await Promise.allSettled([get("/presets", signal), get(`${endpointPath(endpoint.id)}/deliveries${query({ limit: 200 })}`, signal)]);
  if (signal.aborted) return;
  if (list.status === "fulfilled") {
    presets = list.value.items;
    drawProof();
  }
  if (deliveries.status === "fulfilled") recent = deliveries.value.items;
  else isUnread = true;
  // A change that was made meanwhile is judged again, by these deliveries.
  if (isChanged()) changed();
}

/** What the mode still needs before it can be judged. @param {AuthDefinition | null} auth */
function missingPart(auth) {
  if (auth?.mode === "provider" && !auth.preset) return "Choose a preset.";
  if (["hmac-sha256", "api-key"].includes(auth?.mode ?? "") && !auth?.header) return "Name the header.";
  return null;
}

/** @param {Endpoint} endpoint @returns {Draft} */
function draftOf(endpoint) {
  const { auth, events, limits } = endpoint.definition;
  return structuredClone({ auth: auth ?? null, events: events ?? [], limits: limits ?? {} });
}

/** @param {AuthDefinition | null} auth */
function authText(auth) {
  if (!auth) return "no mode";
  return auth.preset ? `preset ${visible(auth.preset)}` : `mode ${visible(auth.mode)}`;
}

/**
 * What the recorded deliveries say about new events and limits.
 * @param {Draft} draft @param {Draft} stored @param {Delivery[]} recent
 */
function judged(draft, stored, recent) {
  const admitted = recent.filter((delivery) => delivery.outcome === "admitted");
  const lines = [];
  const { max_body_bytes: now } = stored.limits;
  const { max_body_bytes: next } = draft.limits;
  if (now !== next) {
    const over = next === undefined ? 0 : admitted.filter((delivery) => (delivery.body_bytes ?? 0) > next).length;
    lines.push({ what: `Largest body ${now === undefined ? "of the server" : size(now)} → ${next === undefined ? "of the server" : size(next)}`, refused: over, ignored: 0 });
  }
  if (JSON.stringify(draft.events) !== JSON.stringify(stored.events)) {
    const all = (/** @type {string[]} */ events) => (events.length === 0 ? "all" : visible(events.join(", ")));
    const others = draft.events.length === 0 ? 0 : admitted.filter((delivery) => delivery.event !== null && !draft.events.includes(delivery.event)).length;
    lines.push({ what: `Events ${all(stored.events)} → ${all(draft.events)}`, refused: 0, ignored: others });
  }
  return lines;
}

/** @param {Draft} draft @param {Preset[]} presets @param {boolean} isFixed @param {() => void} redraw @param {() => void} changed */
function proofFields(draft, presets, isFixed, redraw, changed) {
  const mode = draft.auth?.mode ?? "";
  const choose = (/** @type {string} */ next) => {
    /** @type {AuthDefinition} */
    const auth = { mode: next };
    if (draft.auth?.secret) auth.secret = draft.auth.secret;
    draft.auth = auth;
    redraw();
  };
  const modes = h(
    "fieldset",
    { class: "stack tight" },
    h("legend", { class: "sr" }, "Mode"),
    h(
      "div",
      { class: "modes" },
      MODES_IN_ORDER.map((word) =>
        h(
          "label",
          { class: word === "none" ? "danger-choice" : null },
          h("input", { type: "radio", name: "mode", value: word, checked: word === mode, disabled: isFixed, "data-key": `mode-${word}`, change: () => choose(word) }),
          h("span", null, h("b", null, word), h("span", { class: "sub" }, MODES[word]?.says ?? "")),
        ),
      ),
    ),
  );
  const auth = draft.auth;
  /** @type {HTMLElement[]} */
  const parts = [modes];
  if (mode === "none") parts.push(note("bad", "open", h("p", null, h("b", null, "Anyone can send."), " The server accepts this mode only if its configuration says ", code("allow_unauthenticated"), ".")));
  if (!auth) return parts;
  if (["hmac-sha256", "api-key"].includes(mode)) {
    parts.push(
      field(
        "Header",
        h("input", { class: "input mono", value: auth.header ?? "", disabled: isFixed, autocomplete: "off", spellcheck: "false", "data-key": "header", input: (/** @type {InputEvent} */ event) => { setText(auth, "header", event); changed(); } }),
        mode === "api-key" ? "The header of the key, such as X-Api-Key." : "The header of the signature, such as X-Signature.",
      ),
    );
  }
  if (mode === "provider") parts.push(picker(auth, presets, isFixed, changed));
  if (mode === "signature" || auth.scheme) parts.push(pairs("Scheme", "scheme", auth, SCHEME_KEYS, isFixed, changed));
  if (mode === "provider" || auth.settings) parts.push(pairs("Settings of the preset", "settings", auth, ["account"], isFixed, changed));
  if (mode === "provider" || mode === "signature" || auth.public_url) {
    parts.push(
      field(
        "Signed URL",
        h("input", { class: "input mono", type: "url", value: auth.public_url ?? "", disabled: isFixed, autocomplete: "off", spellcheck: "false", placeholder: "the URL of the portal", "data-key": "public_url", input: (/** @type {InputEvent} */ event) => { setText(auth, "public_url", event); changed(); } }),
        "Only if the sender delivers to another URL than the portal’s, and signs it.",
      ),
    );
  }
  return parts;
}

/** @param {AuthDefinition} auth @param {"header" | "public_url"} name @param {InputEvent} event */
function setText(auth, name, event) {
  const input = event.currentTarget;
  if (!(input instanceof HTMLInputElement)) return;
  if (input.value === "") delete auth[name];
  else auth[name] = input.value;
}

/** @param {AuthDefinition} auth @param {Preset[]} presets @param {boolean} isFixed @param {() => void} changed */
function picker(auth, presets, isFixed, changed) {
  const search = h("input", { class: "input", type: "search", value: "", disabled: isFixed, autocomplete: "off", spellcheck: "false", placeholder: "Search by provider", "data-key": "preset-search", input: () => draw() });
  const list = h("div", { class: "picker", role: "group", "aria-label": "Presets" });
  const chosen = h("p", { class: "hint", role: "status" });
  const draw = () => {
    const text = search.value.trim().toLowerCase();
    const found = presets.filter((preset) => text === "" || `${preset.name} ${preset.title}`.toLowerCase().includes(text));
    const sorted = found.slice().sort((a, b) => Number(b.name === auth.preset) - Number(a.name === auth.preset) || a.name.localeCompare(b.name));
    replace(list, sorted.map((preset) => option(preset)));
    chosen.textContent = presets.length === 0 ? "Loading the presets…" : `${count(found.length)} of ${count(presets.length)} presets match. Coverage says how much of a delivery the signature proves; evidence says what the preset was checked against.`;
  };
  const option = (/** @type {Preset} */ preset) =>
    h(
      "label",
      null,
      h("input", { type: "radio", name: "preset", value: preset.name, checked: preset.name === auth.preset, disabled: isFixed, "data-key": `preset-${preset.name}`, change: () => { auth.preset = preset.name; changed(); } }),
      h("span", null, h("b", null, preset.name), h("span", { class: "sub" }, preset.title)),
      coverage(preset.covers),
      h("span", { class: preset.evidence === "unconfirmed" ? "small warn" : "small" }, preset.evidence, h("span", { class: "sub" }, EVIDENCE.get(preset.evidence) ?? "")),
    );
  draw();
  return h("div", { class: "stack tight" }, field("Preset", search), chosen, list);
}

/** @param {string} covers */
function coverage(covers) {
  if (covers === "body") return badge("whole body", "ok", "ok");
  if (covers === "fields") return badge("some fields", "warn", "warn");
  return badge("head only", "warn", "warn");
}

/**
 * Rows of a name and a value.
 * @param {string} title @param {"scheme" | "settings"} name @param {AuthDefinition} auth @param {string[]} known @param {boolean} isFixed @param {() => void} changed
 */
function pairs(title, name, auth, known, isFixed, changed) {
  const rows = h("div", { class: "stack tight" });
  const listId = `keys-${name}`;
  const write = () => {
    /** @type {Record<string, string>} */
    const next = {};
    for (const line of rows.querySelectorAll(".pair")) {
      const [key, value] = line.querySelectorAll("input");
      if (key && value && key.value.trim() !== "") next[key.value.trim()] = value.value;
    }
    if (Object.keys(next).length === 0) delete auth[name];
    else auth[name] = next;
    changed();
  };
  const add = (/** @type {string} */ key, /** @type {string} */ value) =>
    h(
      "div",
      { class: "pair row" },
      h("input", { class: "input mono", value: key, list: listId, disabled: isFixed, "aria-label": `${title}: name`, placeholder: "name", autocomplete: "off", spellcheck: "false", input: write }),
      h("input", { class: "input mono", value, disabled: isFixed, "aria-label": `${title}: value`, placeholder: "value", autocomplete: "off", spellcheck: "false", input: write }),
      !isFixed && h("button", { type: "button", class: "btn quiet icon-only", "aria-label": "Remove this line", click: (/** @type {MouseEvent} */ event) => { opener(event).closest(".pair")?.remove(); write(); } }, icon("close")),
    );
  for (const [key, value] of Object.entries(auth[name] ?? {})) rows.append(add(key, value));
  if (name === "scheme" && rows.childElementCount === 0) for (const key of ["algorithm", "signature_header", "signature_format"]) rows.append(add(key, ""));
  return h(
    "fieldset",
    { class: "stack tight" },
    h("legend", { class: "label" }, title),
    h("datalist", { id: listId }, known.map((value) => h("option", { value }))),
    rows,
    !isFixed && h("div", null, h("button", { type: "button", class: "btn", click: () => { const line = add("", ""); rows.append(line); line.querySelector("input")?.focus(); } }, icon("plus"), "Add a line")),
  );
}

/** @param {Draft} draft @param {boolean} isFixed @param {() => void} changed */
function limitsAndEvents(draft, isFixed, changed) {
  const number = (/** @type {keyof Limits} */ name, /** @type {string} */ label, /** @type {string} */ hint) =>
    field(
      label,
      h("input", {
        class: "input",
        type: "number",
        min: "1",
        value: typeof draft.limits[name] === "number" ? String(draft.limits[name]) : "",
        disabled: isFixed,
        placeholder: "the limit of the server",
        input: (/** @type {InputEvent} */ event) => {
          const input = event.currentTarget;
          if (!(input instanceof HTMLInputElement)) return;
          const value = Number.parseInt(input.value, 10);
          const limits = /** @type {Record<string, unknown>} */ (draft.limits);
          if (Number.isNaN(value)) delete limits[name];
          else limits[name] = value;
          changed();
        },
      }),
      hint,
    );
  return h(
    "div",
    { class: "stack tight" },
    number("max_body_bytes", "Largest body, in bytes", "A larger body gets 413."),
    number("body_timeout_ms", "Time for a body, in milliseconds", "A slower body gets 408."),
    field(
      "Events to accept",
      h("input", {
        class: "input mono",
        value: draft.events.join(", "),
        disabled: isFixed,
        autocomplete: "off",
        spellcheck: "false",
        placeholder: "all events",
        input: (/** @type {InputEvent} */ event) => {
          const input = event.currentTarget;
          if (!(input instanceof HTMLInputElement)) return;
          draft.events = input.value.split(/[\s,]+/u).filter((word) => word !== "");
          changed();
        },
      }),
      "Separated by commas. Other events get 202 ignored, and are not forwarded.",
    ),
  );
}

/** @param {Endpoint} endpoint */
function contract(endpoint) {
  const inputs = endpoint.definition.contract?.inputs ?? [];
  if (!endpoint.definition.contract) {
    return h("div", { class: "row" }, icon("lock", "off"), h("span", { class: "grow" }, "None. A contract is declared in a file: change it there and apply the file."));
  }
  return h(
    "div",
    { class: "stack tight" },
    inputs.length > 0
      ? h("ul", { class: "plain" }, inputs.map((input) => h("li", null, code(visible(input.name)), ` ${visible(input.type)}${input.required ? ", required" : ""}`)))
      : h("p", null, "A JSON Schema."),
    h("p", { class: "hint" }, "Declared in a file. Change it there and apply the file."),
  );
}
