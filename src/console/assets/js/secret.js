// @ts-check
// The Secret tab, and the dialogs that change a secret: rotate, bind, retire.

/** @import { AuditLine, Delivery, Endpoint, EndpointSummary, Impact, Preset, SecretStatus, SecretVersion } from "./types.js" */
import { ApiProblem, NoAnswer, endpointPath, get, query, send } from "./api.js";
import { code, h, replace, visible } from "./dom.js";
import { actionButton, cancelButton, finish, openDialog, setEnabled, showFailure } from "./dialog.js";
import { icon } from "./icons.js";
import { atAll, currentVersion, impactBox, impactLoading, previousVersion, versionFacts } from "./impact.js";
import { cell, facts, failureView, field, loading, note, panel, row, rowHead, segmented, state, table } from "./parts.js";
import { poll } from "./poll.js";
import { reveal } from "./reveal.js";
import { reload } from "./router.js";
import { leadsToSignIn } from "./session.js";
import { read, switchOff } from "./store-away.js";
import { count, counted, time, timeText, untilText } from "./time.js";

/** @typedef {Pick<EndpointSummary, "id" | "mode" | "preset" | "secret" | "may">} Subject What the dialogs need to know of an endpoint. */

const TOKEN_MODES = ["secret", "bearer", "api-key"];
/** @type {Record<string, number>} */
const OVERLAP_MS = { "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 };

/** @param {Subject} endpoint @param {Preset | null} preset */
function refusalReason(endpoint, preset) {
  const isToken = preset ? preset.algorithm === "token" || preset.algorithm === "basic" : TOKEN_MODES.includes(endpoint.mode ?? "");
  return isToken ? "token_mismatch" : "signature_mismatch";
}

/** @param {Subject} endpoint */
function isUnbound(endpoint) {
  return ["needs_provider_secret", "unbound", "challenge_open"].includes(endpoint.secret.state);
}

/** The preset of an endpoint, for its title and its kind of proof. @param {Subject} endpoint @returns {Promise<Preset | null>} */
async function presetOf(endpoint) {
  if (!endpoint.preset) return null;
  try {
    return await get(`/presets/${encodeURIComponent(endpoint.preset)}`);
  } catch {
    // The dialog works without the title of the preset.
    return null;
  }
}

/** @param {Preset | null} preset */
function providerName(preset) {
  return preset ? (preset.title.split(/[,(]/u)[0] ?? preset.title).trim() : "The provider";
}

/**
 * Asks how to rotate, with the impact, or for the value of a secret that the provider issues.
 * @param {Subject} endpoint
 * @param {HTMLElement} opener
 * @param {() => void} done Called after a change, or to look at the versions.
 */
export async function rotate(endpoint, opener, done) {
  if (isUnbound(endpoint)) {
    await bind(endpoint, opener, done);
    return;
  }
  const { id } = endpoint;
  const dialog = openDialog(`Rotate the secret of ${id}?`, { opener });
  /** @type {Impact | null} */
  let impact = null;
  let isKnown = false;
  /** @type {SecretStatus | null} */
  let status = null;
  let overlap = "none";
  let reason = refusalReason(endpoint, null);
  const shared = () => impact?.secrets[0]?.shared_by.length ?? 0;

  const second = h("div");
  const box = h("div");
  const failure = h("div");
  const typed = h("input", {
    class: "input mono",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    input: () => update(),
    keydown: (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && event.preventDefault(),
  });
  const confirm = h("div", { class: "confirm" }, field("", typed));
  const label = confirm.querySelector("label");
  if (label) replace(label, "Type ", code(id), " to confirm");
  const choices = segmented("overlap", [["none", "None"], ["1h", "1 hour"], ["24h", "24 hours"], ["7d", "7 days"]], overlap, (value) => {
    overlap = value;
    update();
  });
  const act = async () => {
    replace(failure);
    const answer = await send("POST", `${endpointPath(id)}/secret:rotate`, { overlap, based_on: basedOn() });
    finish(dialog, `Rotated. Version ${answer.version} is the current one.`, done);
  };
  let lastChange = "";
  const failed = async (/** @type {unknown} */ error) => {
    if (leadsToSignIn(error)) return;
    if (error instanceof ApiProblem && error.status === 412) lastChange = await changeMeanwhile(id);
    showFailure(dialog, failure, error, {
      action: "rotation",
      lookWord: error instanceof NoAnswer ? "Show versions" : "Reload",
      look: done,
      changed: () => `${lastChange} Your rotation was not done, and nothing else changed.`,
    });
  };
  const soft = actionButton({ word: "Rotate with overlap", busy: "Rotating…", act, failed });
  const hard = actionButton({ word: "Rotate, end the old one now", busy: "Rotating…", danger: true, act, failed });

  replace(
    dialog.body,
    h("p", { class: "muted" }, "Portcullis generates a new secret. Every sender must then be given the new value."),
    second,
    h("fieldset", { class: "field" }, h("legend", { class: "label" }, "Keep the old secret valid for"), choices, h("p", { class: "hint" }, "Choose None if the secret has leaked.")),
    box,
    h("p", { class: "hint" }, "A sender that delivered nothing in the last 24 hours is not counted here."),
    confirm,
    failure,
  );
  replace(dialog.foot, cancelButton(dialog), soft, hard);
  update();
  choices.querySelector("input")?.focus();

  /** The version that the impact was shown for. */
  function basedOn() {
    const current = status?.versions.find((version) => version.state === "current");
    return current?.version ?? currentVersion(impact)?.version ?? null;
  }

  function sentences() {
    const at = atAll(shared());
    const gets = () => [h("b", null, "401"), " ", code(reason), at];
    const line = (/** @type {string} */ value, /** @type {string} */ shape, /** @type {string} */ kind, /** @type {(Node | string)[]} */ ...text) =>
      h("p", { "data-shown": value === overlap, "aria-hidden": value === overlap ? null : "true" }, icon(shape, kind), h("span", null, ...text));
    const both = (/** @type {string} */ value) =>
      line(value, "clock", "warn", "Both secrets are accepted until ", h("b", null, untilText(Date.now() + (OVERLAP_MS[value] ?? 0))), ". After that, a sender with the old secret gets ", ...gets(), ".");
    return [
      line("none", "bad", "bad", h("b", null, "From the moment you confirm"), ", a sender with the old secret gets ", ...gets(), "."),
      both("1h"),
      both("24h"),
      both("7d"),
    ];
  }

  function update() {
    const needsName = overlap === "none" || (isKnown && impact === null);
    confirm.hidden = !needsName;
    soft.hidden = overlap === "none";
    hard.hidden = overlap !== "none";
    const ready = isKnown && basedOn() !== null && (!needsName || typed.value === id);
    setEnabled(soft, ready);
    setEnabled(hard, ready);
    const content = !isKnown
      ? impactLoading()
      : impact
        ? versionFacts(currentVersion(impact), impact.secrets[0]?.shared_by ?? [])
        : h(
            "p",
            { class: "impact-body" },
            basedOn() === null
              ? "The versions are not available, so nothing can be rotated. Close this and try again."
              : "The counts are not available. You can still rotate.",
          );
    replace(box, impactBox("Impact", content, sentences(), overlap === "none" ? "severe" : ""));
    const previous = status?.versions.find((version) => version.state === "previous");
    const proved = previousVersion(impact);
    replace(
      second,
      previous &&
        note(
          "warn",
          "warn",
          h(
            "p",
            null,
            `Version ${previous.version} is valid until ${timeText(previous.ends_at ?? "", true)}. Only one previous version can be valid: `,
            h("b", null, `rotating now ends version ${previous.version} at once`),
            `. It proved ${counted(proved?.deliveries ?? previous.deliveries, "delivery", "deliveries")}.`,
          ),
        ),
    );
  }

  const path = endpointPath(id);
  const [counts, versions, preset] = await Promise.allSettled([
    get(`${path}/secret/impact${query({ change: "rotate", overlap: "none" })}`, dialog.signal),
    get(`${path}/secret`, dialog.signal),
    presetOf(endpoint),
  ]);
  if (dialog.signal.aborted) return;
  if (counts.status === "rejected" && counts.reason instanceof ApiProblem && ["secret_not_generated", "secret_unbound"].includes(counts.reason.code)) {
    dialog.close();
    await bind(endpoint, opener, done);
    return;
  }
  if (counts.status === "rejected" && leadsToSignIn(counts.reason)) return;
  impact = counts.status === "fulfilled" ? counts.value : null;
  status = versions.status === "fulfilled" ? versions.value : null;
  if (preset.status === "fulfilled") reason = refusalReason(endpoint, preset.value);
  isKnown = true;
  update();
}

const CHANGES = new Map([["secret_rotated", "rotated"], ["secret_set", "replaced"], ["secret_retired", "retired"], ["secret_bound", "bound"], ["secret_created", "created"]]);

/** Who changed the secret last, by the audit log. @param {string} id */
async function changeMeanwhile(id) {
  try {
    /** @type {{ items: AuditLine[] }} */
    const { items } = await get(`${endpointPath(id)}/audit${query({ limit: 20 })}`);
    const line = items.find((it) => CHANGES.has(it.action));
    if (line) return `${visible(line.actor.name)} ${CHANGES.get(line.action)} it at ${timeText(line.at)}.`;
  } catch {
    // The sentence below is true without the name.
  }
  return "Somebody changed it meanwhile.";
}

/**
 * The paste form for a secret that the provider issues, or that a person brings.
 * @param {Subject} endpoint
 * @param {HTMLElement} opener
 * @param {() => void} done
 */
export async function bind(endpoint, opener, done) {
  const { id } = endpoint;
  const dialog = openDialog(`Bind the secret of ${id}`, { opener });
  const failure = h("div");
  const intro = h("p", { class: "muted" });
  const box = h("div");
  let overlap = "none";
  let force = false;
  /** @type {SecretStatus | null} */
  let status = null;
  /** @type {Preset | null} */
  let preset = null;
  let isKnown = false;
  const value = h("input", { class: "input mono", type: "password", autocomplete: "off", spellcheck: "false", autocapitalize: "off", input: () => update() });
  const valueField = field("Secret from the provider", value, "Paste it whole. It is sent once, encrypted, and never shown here.");
  const label = valueField.querySelector("label");
  const overlapField = h(
    "fieldset",
    { class: "field", hidden: true },
    h("legend", { class: "label" }, "Keep the old secret valid for"),
    segmented("bind-overlap", [["none", "None"], ["1h", "1 hour"], ["24h", "24 hours"], ["7d", "7 days"]], overlap, (next) => {
      overlap = next;
      update();
    }),
  );
  const typed = h("input", { class: "input mono", type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off", input: () => update() });
  const typedField = field("", typed);
  const typedLabel = typedField.querySelector("label");
  if (typedLabel) replace(typedLabel, "Type ", code(id), " to confirm");
  const confirm = h("div", { class: "confirm", hidden: true }, typedField);
  let lastChange = "";
  const button = actionButton({
    word: "Bind secret",
    busy: "Binding…",
    act: async () => {
      replace(failure);
      const text = value.value;
      value.value = "";
      const current = status?.versions.find((version) => version.state === "current");
      const answer = await send("POST", `${endpointPath(id)}/secret:set`, { value: text, overlap, based_on: current?.version ?? null, force });
      const cautions = Array.isArray(answer.cautions) ? answer.cautions : [];
      finish(dialog, `Bound as version ${answer.version}.`, done);
      if (cautions.length > 0) warned(id, cautions, opener);
    },
    failed: async (error) => {
      value.value = "";
      update();
      if (leadsToSignIn(error)) return;
      if (error instanceof ApiProblem && error.status === 412) lastChange = await changeMeanwhile(id);
      showFailure(dialog, failure, error, {
        action: "change",
        lookWord: error instanceof NoAnswer ? "Show versions" : "Reload",
        look: done,
        changed: () => `${lastChange} Your value was not bound, and nothing else changed.`,
      });
      if (error instanceof ApiProblem && error.code === "value_doubtful") offerForce();
    },
  });
  const form = h(
    "form",
    {
      submit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        button.click();
      },
    },
    h("div", { class: "stack" }, valueField, overlapField, box, confirm, failure),
  );
  replace(dialog.body, intro, form);
  replace(dialog.foot, cancelButton(dialog), button);
  value.focus();
  update();

  function offerForce() {
    const box = h("input", {
      type: "checkbox",
      change: (/** @type {Event} */ event) => {
        force = event.currentTarget instanceof HTMLInputElement && event.currentTarget.checked;
      },
    });
    failure.append(h("label", { class: "check" }, box, h("span", null, "Bind it anyway: paste the value again")));
  }

  function update() {
    const current = status?.versions.find((version) => version.state === "current");
    const name = providerName(preset);
    intro.textContent = preset
      ? `${name} issues this secret. Portcullis never generates one here: it would not match what ${name} signs with.`
      : "Paste the value that the sender uses. Portcullis stores it encrypted.";
    if (label) label.textContent = preset ? `Secret from ${name}` : "Value of the secret";
    dialog.rename(preset ? `Bind ${name}’s secret to ${id}` : `Bind the secret of ${id}`);
    overlapField.hidden = !current;
    const ends = Boolean(current) && overlap === "none";
    confirm.hidden = !ends;
    const users = status?.users ?? [];
    const sentence = current
      ? overlap === "none"
        ? h("p", { "data-shown": true }, icon("bad", "bad"), h("span", null, h("b", null, "From the moment you confirm"), ", a sender with the old secret gets ", h("b", null, "401"), " ", code(refusalReason(endpoint, preset)), atAll(users.length), "."))
        : h("p", { "data-shown": true }, icon("clock", "warn"), h("span", null, "Both secrets are accepted until ", h("b", null, untilText(Date.now() + (OVERLAP_MS[overlap] ?? 0))), "."))
      : h("p", { "data-shown": true }, icon("ok", "ok"), h("span", null, "Within a second of binding, deliveries signed with this secret are admitted. Refused ones are not replayed."));
    const content = isKnown
      ? facts([
          ["Version in force", current ? `version ${current.version}, ${counted(current.deliveries, "delivery", "deliveries")} proven` : "none"],
          ["Endpoints that use it", users.length > 0 ? users.flatMap((user, index) => (index === 0 ? [visible(user)] : [h("br"), visible(user)])) : visible(id)],
        ])
      : impactLoading();
    replace(box, impactBox("Impact", content, sentence, current ? (overlap === "none" ? "severe" : "") : "good"));
    setEnabled(button, isKnown && value.value !== "" && (!ends || typed.value === id));
  }

  const [versions, found] = await Promise.allSettled([get(`${endpointPath(id)}/secret`, dialog.signal), presetOf(endpoint)]);
  if (dialog.signal.aborted) return;
  if (versions.status === "rejected") {
    if (leadsToSignIn(versions.reason)) return;
    showFailure(dialog, failure, versions.reason, { action: "change" });
    return;
  }
  status = versions.value;
  preset = found.status === "fulfilled" ? found.value : null;
  isKnown = true;
  update();
}

/** @param {string} id @param {string[]} cautions @param {HTMLElement} opener */
function warned(id, cautions, opener) {
  const dialog = openDialog(`Secret of ${id}`, { opener, alert: true });
  replace(dialog.body, note("warn", "warn", h("p", null, h("b", null, "The value is bound, but it looks unusual.")), ...cautions.map((text) => h("p", null, visible(text, 300)))));
  const close = cancelButton(dialog, "Close");
  replace(dialog.foot, close);
  close.focus();
}

/**
 * Ends the previous version before its time.
 * @param {Subject} endpoint
 * @param {SecretVersion} version
 * @param {number | undefined} lastDay
 * @param {HTMLElement} opener
 * @param {() => void} done
 */
async function retire(endpoint, version, lastDay, opener, done) {
  const { id } = endpoint;
  const number = version.version;
  const dialog = openDialog(`Retire version ${number} of ${id}?`, { opener });
  const failure = h("div");
  const typed = h("input", { class: "input mono", type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off", input: () => setEnabled(button, typed.value === id) });
  const typedField = field("", typed);
  const label = typedField.querySelector("label");
  if (label) replace(label, "Type ", code(id), " to confirm");
  const button = actionButton({
    word: `Retire version ${number}`,
    busy: "Retiring…",
    danger: true,
    act: async () => {
      replace(failure);
      await send("POST", `${endpointPath(id)}/secret:retire`, { current: false });
      finish(dialog, `Version ${number} is retired.`, done);
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      showFailure(dialog, failure, error, { action: "change", lookWord: "Show versions", look: done });
    },
  });
  setEnabled(button, false);
  /** @type {[import("./dom.js").Child, import("./dom.js").Child | import("./dom.js").Child[]][]} */
  const known = [
    [`Version ${number} proved`, lastDay === undefined ? [h("b", null, counted(version.deliveries, "delivery", "deliveries")), " in all"] : [h("b", null, counted(lastDay, "delivery", "deliveries")), " in the last 24 hours"]],
    ["Last one", time(version.last_used_at, { whole: true })],
  ];
  replace(
    dialog.body,
    h("p", { class: "muted" }, `Version ${number} ends now instead of ${timeText(version.ends_at ?? "", true)}. This cannot be undone.`),
    impactBox(
      "Impact",
      facts(known),
      h("p", { "data-shown": true }, icon("bad", "bad"), h("span", null, h("b", null, "From the moment you confirm"), ", a sender with the old secret gets ", h("b", null, "401"), " ", code(refusalReason(endpoint, null)), ".")),
      "severe",
    ),
    typedField,
    failure,
  );
  replace(dialog.foot, cancelButton(dialog), button);
  typed.focus();
}

const REFRESH_MS = 5_000;

/**
 * The Secret tab.
 * @param {HTMLElement} root
 * @param {Endpoint} endpoint
 * @param {AbortSignal} signal
 */
export async function secretTab(root, endpoint, signal) {
  if (endpoint.unauthenticated) {
    replace(root, note("bad", "open", h("p", null, h("b", null, "This endpoint has no secret."), " Mode none has nothing to prove: anyone can send. Choose a mode in Settings.")));
    return;
  }
  if (endpoint.secret.state === "not_needed") {
    replace(root, note("info", "info", h("p", null, h("b", null, "No secret is needed."), " The sender proves itself with its certificate, or a workspace token proves the caller.")));
    return;
  }
  replace(root, loading("Loading the versions of the secret"));
  const path = `${endpointPath(endpoint.id)}/secret`;
  // The head of the page shows the state of the secret, too: the whole page is read again.
  const again = () => reload();

  /** @type {Days} */
  let days = new Map();
  /** @param {SecretStatus} status @param {number} counted */
  const draw = (status, counted) => {
    const focused = document.activeElement instanceof HTMLElement && root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    replace(root, ...views(endpoint, status, days, counted, again));
    switchOff(root);
    const same = focused ? root.querySelector(`[data-key="${focused}"]`) : null;
    if (same instanceof HTMLElement) same.focus();
  };

  try {
    const { body } = await read(path, signal, again);
    days = await countsOfDay(endpoint, signal);
    if (signal.aborted) return;
    draw(body, Date.now());
    void showSenders(root, endpoint, body, signal);
    let shown = JSON.stringify(body);
    poll(REFRESH_MS, signal, async () => {
      if (document.querySelector("dialog[open]")) return;
      const next = await get(path, signal);
      const text = JSON.stringify(next);
      if (text !== shown) days = await countsOfDay(endpoint, signal);
      if (signal.aborted) return;
      const counted = root.querySelector("[data-counted]");
      if (text !== shown) {
        draw(next, Date.now());
        void showSenders(root, endpoint, next, signal);
      } else if (counted) replace(counted, time(new Date().toISOString()));
      shown = text;
    });
  } catch (error) {
    if (signal.aborted || leadsToSignIn(error)) return;
    replace(root, failureView("The versions could not be loaded", error, again));
  }
}

/** @typedef {Map<number, number>} Days The deliveries of the last 24 hours, by version. */

/** @param {Endpoint} endpoint @param {AbortSignal} signal @returns {Promise<Days>} */
async function countsOfDay(endpoint, signal) {
  try {
    /** @type {Impact} */
    const impact = await get(`${endpointPath(endpoint.id)}/secret/impact${query({ change: "retire_current" })}`, signal);
    const versions = impact.secrets.flatMap((secret) => secret.versions);
    return new Map(versions.flatMap((version) => (typeof version.deliveries_last_day === "number" ? [[version.version, version.deliveries_last_day]] : [])));
  } catch {
    // Without a valid version there is no impact. The table says so.
    return new Map();
  }
}

/**
 * Who still uses the previous version, by the recorded deliveries.
 * @param {HTMLElement} root @param {Endpoint} endpoint @param {SecretStatus} status @param {AbortSignal} signal
 */
async function showSenders(root, endpoint, status, signal) {
  const previous = status.versions.find((version) => version.state === "previous");
  const place = root.querySelector("[data-senders]");
  if (!previous || !place) return;
  try {
    /** @type {{ items: Delivery[] }} */
    const { items } = await get(`${endpointPath(endpoint.id)}/deliveries${query({ limit: 200 })}`, signal);
    /** @type {Map<string, { count: number, last: string }>} */
    const clients = new Map();
    for (const delivery of items.filter((it) => it.secret_version === previous.version)) {
      const client = delivery.client ?? "not recorded";
      const known = clients.get(client);
      clients.set(client, { count: (known?.count ?? 0) + 1, last: known?.last ?? delivery.at });
    }
    if (clients.size === 0) {
      replace(place, h("p", { class: "panel-body muted" }, `None of the last ${items.length} recorded deliveries used version ${previous.version}.`));
      return;
    }
    const rows = [...clients].map(([client, use]) => row("", rowHead("", visible(client)), cell("Deliveries", "", count(use.count)), cell("Last used", "", time(use.last, { whole: true }))));
    replace(place, table(`Senders that still use version ${previous.version}`, ["Client", "Deliveries", "Last used"], rows).element);
  } catch (error) {
    if (!signal.aborted) replace(place, h("p", { class: "panel-body muted" }, "The recorded deliveries are not available."));
  }
}

/** @param {Endpoint} endpoint @param {SecretStatus} status @param {Days} days @param {number} at @param {() => void} done */
function views(endpoint, status, days, at, done) {
  const current = status.versions.find((version) => version.state === "current") ?? null;
  const previous = status.versions.find((version) => version.state === "previous") ?? null;
  const mayChange = endpoint.may.includes("change");
  const mayReveal = endpoint.may.includes("reveal");
  const subject = { ...endpoint, secret: { ...endpoint.secret, state: current ? endpoint.secret.state : status.state } };

  const actions = [
    mayReveal && current &&
      h("button", { type: "button", class: "btn primary", "data-change": true, "data-key": "reveal", click: (/** @type {MouseEvent} */ event) => void reveal(endpoint.id, opener(event)) }, icon("eye"), "Reveal"),
    mayChange && current &&
      h("button", { type: "button", class: "btn", "data-change": true, "data-key": "rotate", click: (/** @type {MouseEvent} */ event) => void rotate(subject, opener(event), done) }, icon("rotate"), "Rotate…"),
    mayChange &&
      h("button", { type: "button", class: current ? "btn" : "btn primary", "data-change": true, "data-key": "bind", click: (/** @type {MouseEvent} */ event) => void bind(subject, opener(event), done) }, icon("key"), current ? "Set a value…" : "Bind a value…"),
  ];
  const rows = status.versions
    .slice()
    .sort((a, b) => b.version - a.version)
    .map((version) =>
      row(
        "",
        rowHead("", h("b", null, `Version ${version.version}`)),
        cell("State", "", versionState(version)),
        cell("Created", "", time(version.created_at, { whole: true })),
        cell("Deliveries, 24 h", "", version.state === "retired" ? "0" : days.has(version.version) ? h("b", null, count(days.get(version.version) ?? 0)) : h("span", { class: "muted" }, "not counted"), h("span", { class: "sub" }, `${count(version.deliveries)} in all`)),
        cell("Last used", "", time(version.last_used_at, { whole: true })),
        cell(
          "",
          "num wide",
          version.state === "previous" && mayChange &&
            h("button", { type: "button", class: "btn danger-line", "data-change": true, "data-key": "retire", click: (/** @type {MouseEvent} */ event) => void retire(subject, version, days.get(version.version), opener(event), done) }, "Retire…"),
        ),
      ),
    );
  const columns = ["Version", "State", "Created", "Deliveries, 24 h", "Last used", { label: "Action", hidden: true }];
  return [
    previous && overlapNote(previous),
    !current && note("warn", "unbound", h("p", null, h("b", null, "No version is valid."), " Deliveries get 401 ", code("secret_unbound"), " until a value is bound.")),
    h(
      "div",
      { class: "split" },
      h(
        "div",
        { class: "stack" },
        panel(
          "Current secret",
          {},
          h(
            "div",
            { class: "stack tight" },
            current && h("div", { class: "secret masked" }, h("span", { "aria-hidden": "true" }, "••••••••••••••••••••••••"), h("span", { class: "sr" }, "Hidden")),
            h("div", { class: "row" }, ...actions),
            h("p", { class: "hint" }, mayReveal ? "Reveal changes nothing. Rotate asks first and shows the impact." : "Your role does not include Reveal. A revealer of the organisation can show the value."),
          ),
        ),
        panel(
          "Versions",
          { bare: true, foot: h("span", null, "Counted over all gates, every 5 seconds; last ", h("span", { "data-counted": true }, time(new Date(at).toISOString())), ".") },
          status.versions.length > 0 ? table("Versions of the secret", columns, rows).element : h("p", { class: "panel-body muted" }, "No version yet."),
        ),
        previous && panel(`Who still uses version ${previous.version}`, { bare: true, foot: h("span", null, "By the last 200 recorded deliveries.") }, h("div", { "data-senders": true }, h("p", { class: "panel-body muted" }, "Looking at the recorded deliveries…"))),
      ),
      h(
        "div",
        { class: "stack" },
        panel(
          "About this secret",
          {},
          facts([
            ["Address", code(visible(status.secret))],
            ["Kind", visible(current?.kind ?? "not known yet")],
            ["Encrypted by", current?.key_service ? ["key service ", code(visible(current.key_service))] : "-"],
            ["Shared with", status.users.length > 1 ? status.users.filter((user) => user !== endpoint.id).flatMap((user) => [h("a", { href: `/endpoints/${encodeURIComponent(user)}/secret` }, visible(user)), h("br")]) : "no other endpoint"],
          ]),
        ),
      ),
    ),
  ];
}

/** @param {SecretVersion} version */
function versionState(version) {
  if (version.state === "current") return state("ok", "ok", "Current");
  if (version.state === "previous") return state("info", "clock", "Previous, until ", time(version.ends_at, { whole: true }));
  return state("off", "dash", "Retired");
}

/** @param {SecretVersion} previous */
function overlapNote(previous) {
  const used = previous.last_used_at !== null;
  return note(
    "info",
    "clock",
    h(
      "p",
      null,
      h("b", null, "Two versions are valid until ", time(previous.ends_at, { until: true }), "."),
      used
        ? ` Version ${previous.version} was used. Give its senders the new value, then retire it.`
        : ` No use of version ${previous.version} is recorded. Retire it when all senders have the new value.`,
    ),
  );
}

/** @param {MouseEvent} event */
export function opener(event) {
  const button = event.currentTarget;
  return button instanceof HTMLElement ? button : document.body;
}

