// @ts-check
// Flows: the list, and one flow with its targets side by side.

/** @import { Flow, FlowInterface, FlowSlot, FlowSummary, FlowTarget, List } from "./types.js" */
/** @import { Route } from "./router.js" */
import { ApiProblem, NoAnswer, ask, query, send } from "./api.js";
import { announce, breakable, code, h, replace, sr, visible } from "./dom.js";
import { actionButton, cancelButton, finish, openDialog, problemLine, setEnabled, showFailure } from "./dialog.js";
import { copyButton } from "./copy.js";
import { icon } from "./icons.js";
import { impactBox, impactLoading, senderLines } from "./impact.js";
import { notFoundView } from "./not-found.js";
import { badge, blank, cell, crumbs, failureView, field, loading, note, pager, row, rowHead, state, table } from "./parts.js";
import { go, reload } from "./router.js";
import { opener } from "./secret.js";
import { leadsToSignIn, mayChange } from "./session.js";
import { frame } from "./shell.js";
import { awayBanner, read, switchOff } from "./store-away.js";
import { counted, time } from "./time.js";
import { workspaceTokens } from "./tokens.js";

/** @param {string} name */
function flowPath(name) {
  return `/flows/${encodeURIComponent(name)}`;
}

/** @param {Route} route */
export async function flowsPage(route) {
  const main = frame("Flows", "/flows");
  const cursor = route.query.get("cursor");
  const list = h("div", null, loading("Loading flows", 5));
  replace(main, h("div", { class: "page-head" }, h("div", null, h("h1", null, "Flows"), h("p", { class: "muted" }, "A flow declares interfaces once and moves them from draft to live and to installations."))), list);
  try {
    /** @type {{ body: List<FlowSummary> }} */
    const { body } = await read(`/flows${query({ cursor, limit: 50 })}`, route.signal, () => reload());
    if (route.signal.aborted) return;
    announce(counted(body.items.length, "flow"));
    if (body.items.length === 0) {
      replace(list, awayBanner(), blank({ shape: "gate", title: "No flows yet" }, h("p", null, "A flow is declared in a file. Apply the file on the machine: portcullis apply FILE.")));
      return;
    }
    const rows = body.items.map((flow) =>
      row(
        "",
        rowHead("wide", h("div", { class: "name" }, h("a", { href: `/flows/${encodeURIComponent(flow.flow)}` }, visible(flow.flow)))),
        cell("Owner", "", visible(flow.organisation), h("span", { class: "sub" }, visible(flow.workspace))),
        cell("Live", "", flow.live === null ? h("span", { class: "muted" }, "not released") : badge(`version ${flow.live}`)),
        cell("Installations", "", String(flow.installations)),
        cell("Draft changed", "nowrap", time(flow.drafted_at, { whole: true })),
      ),
    );
    const pages = pager({ next: body.next, cursor, go: (next, back) => go(`/flows${query({ cursor: next })}`, { state: { back } }) });
    replace(
      list,
      awayBanner(),
      h("div", { class: "panel" }, table("Flows that you may see", ["Flow", "Owner", "Live", "Installations", "Draft changed"], rows).element, h("footer", null, h("span", null, `${counted(body.items.length, "flow")} on this page`), (body.next || cursor) && pages)),
    );
  } catch (error) {
    if (route.signal.aborted || leadsToSignIn(error)) return;
    replace(list, failureView("The flows could not be loaded", error, () => reload()));
  }
}

/** @param {Route} route */
export async function flowPage(route) {
  const name = route.params[0] ?? "";
  const main = frame(`${name}: interfaces`, "/flows");
  replace(main, crumbs([["Flows", "/flows"]]), h("h1", null, visible(name)), loading("Loading the flow", 6));
  try {
    const { body } = await read(flowPath(name), route.signal, () => reload());
    if (route.signal.aborted) return;
    /** @type {Flow} */
    const flow = body;
    const isFocused = document.activeElement?.tagName === "H1";
    const tokens = h("div");
    replace(main, awayBanner(), ...head(flow), targets(flow), tokens);
    const heading = main.querySelector("h1");
    if (isFocused && heading) {
      heading.tabIndex = -1;
      heading.focus();
    }
    switchOff(main);
    await workspaceTokens(tokens, { organisation: flow.organisation, workspace: flow.workspace }, route.signal);
  } catch (error) {
    if (route.signal.aborted || leadsToSignIn(error)) return;
    if (error instanceof ApiProblem && error.status === 404) replace(main, notFoundView());
    else replace(main, crumbs([["Flows", "/flows"]]), h("h1", null, visible(name)), failureView("The flow could not be loaded", error, () => reload()));
  }
}

/** @param {Flow} flow */
function head(flow) {
  const unbound = flow.targets.flatMap((target) => (target.target === "draft" ? [] : target.slots.filter((slot) => slot.bound_since === null).map((slot) => ({ target, slot }))));
  return [
    crumbs([["Flows", "/flows"], [flow.organisation, null], [flow.workspace, null]]),
    h(
      "div",
      { class: "page-head" },
      h(
        "div",
        null,
        h("div", { class: "title" }, h("h1", null, visible(flow.flow)), flow.unreleased ? badge("draft is ahead of live", "warn", "info") : badge("draft equals live", "ok", "ok")),
        h("div", { class: "facts-line" }, h("span", null, "Draft changed ", time(flow.drafted_at, { whole: true }))),
      ),
    ),
    unbound.length > 0
      ? note(
          "warn",
          "unbound",
          ...unbound.slice(0, 5).map(({ target, slot }) => h("p", null, h("b", null, `${targetName(target.target)} has no secret in ${visible(slot.slot)}.`), " Its deliveries get 401 ", code("secret_unbound"), ".")),
          unbound.length > 5 && h("p", null, `and ${unbound.length - 5} more`),
        )
      : null,
  ];
}

/** @param {string} target */
function targetName(target) {
  if (target === "draft") return "Draft";
  if (target === "live") return "Live";
  return `Installation ${visible(target.replace(/^installation /u, ""))}`;
}

/** @param {Flow} flow */
function targets(flow) {
  const may = mayChange(flow.organisation, flow.workspace);
  const interfaces = [...new Set(flow.targets.flatMap((target) => target.interfaces.map((it) => it.interface)))];
  const slots = [...new Set(flow.targets.flatMap((target) => target.slots.map((slot) => slot.slot)))];
  // Each fact of each target stands on the same line: the rows of all targets are one grid.
  const rows = interfaces.length + slots.length + 2;
  const live = flow.targets.find((target) => target.target === "live");
  const columns = flow.targets.map((target) => {
    const found = (/** @type {string} */ name) => target.interfaces.find((it) => it.interface === name);
    const slot = (/** @type {string} */ name) => target.slots.find((it) => it.slot === name);
    const element = h(
      "section",
      { class: "panel target", "aria-label": targetName(target.target) },
      h("div", null, h("h2", null, targetName(target.target), " ", target.target === "draft" ? badge("follows the declaration", "draft") : target.version === null ? null : badge(`version ${target.version}`))),
      interfaces.map((name) => h("div", null, interfaceView(name, found(name)))),
      slots.map((name) => h("div", null, slotView(flow, target, name, slot(name), may))),
      h("div", null, ...(may ? moves(flow, target, live) : [h("span", { class: "muted" }, "read-only")])),
    );
    element.style.gridRow = `span ${rows}`;
    return element;
  });
  const grid = h("div", { class: "targets" }, ...columns);
  grid.style.gridTemplateRows = `repeat(${rows}, auto)`;
  return h("section", { "aria-label": "The flow by target", class: "spaced" }, grid);
}

/** @param {string} name @param {FlowInterface | undefined} found */
function interfaceView(name, found) {
  if (!found) return [h("span", { class: "k" }, "Interface ", code(visible(name))), h("span", { class: "muted" }, "not at this target")];
  const { url } = found;
  return [
    h("span", { class: "k" }, "Interface ", h("a", { href: `/endpoints/${encodeURIComponent(found.endpoint)}` }, code(visible(name)))),
    url
      ? h("div", { class: "path" }, breakable(pathOf(url)), copyButton(() => url, `the URL of ${found.endpoint}`, { iconOnly: true }))
      : h("p", { class: "muted small" }, "no route leads here"),
    found.description && h("p", { class: "small muted" }, visible(found.description)),
    !found.enabled && badge("disabled", "", "pause"),
    h("span", { class: "k spaced-top" }, "Inputs"),
    found.inputs.length === 0 ? h("span", { class: "muted" }, "any payload") : h("ul", { class: "plain" }, found.inputs.map((input) => h("li", null, code(visible(input.name)), ` ${visible(input.type)}${input.required ? ", required" : ""}`))),
  ];
}

/** @param {string} url */
function pathOf(url) {
  try {
    return new URL(url).pathname;
  } catch {
    return url;
  }
}

/** @param {Flow} flow @param {FlowTarget} target @param {string} name @param {FlowSlot | undefined} slot @param {boolean} may */
function slotView(flow, target, name, slot, may) {
  if (!slot) return [h("span", { class: "k" }, "Secret ", code(visible(name))), h("span", { class: "muted" }, "not required here")];
  const isBound = slot.bound_since !== null;
  const isDraft = target.target === "draft";
  return [
    h("span", { class: "k" }, "Secret ", code(visible(name)), slot.label ? `, ${visible(slot.label)}` : ""),
    isBound ? state("ok", "ok", "Bound") : state(isDraft ? "off" : "warn", "unbound", "Not bound"),
    isBound ? h("span", { class: "small" }, "since ", time(slot.bound_since, { whole: true })) : isDraft && h("span", { class: "small" }, "not needed if tokens prove the caller"),
    may && bindForm(flow, target, slot, isBound),
  ];
}

/** @param {Flow} flow @param {FlowTarget} target @param {FlowSlot} slot @param {boolean} isBound */
function bindForm(flow, target, slot, isBound) {
  const button = h(
    "button",
    { type: "button", class: isBound || target.target === "draft" ? "btn quiet" : "btn primary", "data-change": true, click: (/** @type {MouseEvent} */ event) => bindSlot(flow, target, slot, isBound, opener(event)) },
    isBound ? "Replace…" : "Bind…",
    sr(` the secret ${slot.slot} of ${targetName(target.target)}`),
  );
  return h("div", { class: "spaced-top" }, button);
}

/** @param {Flow} flow @param {FlowTarget} target @param {FlowSlot} slot @param {boolean} isBound @param {HTMLElement} from */
function bindSlot(flow, target, slot, isBound, from) {
  const place = targetName(target.target);
  const dialog = openDialog(`Bind ${slot.slot} of ${flow.flow}, ${place}`, { opener: from });
  const failure = h("div");
  const value = h("input", { class: "input mono", type: "password", autocomplete: "off", spellcheck: "false", autocapitalize: "off", input: () => check() });
  const overlap = h("select", { class: "select" }, [["none", "None"], ["1h", "1 hour"], ["24h", "24 hours"], ["7d", "7 days"]].map(([word, text]) => h("option", { value: word }, text ?? "")));
  const typed = h("input", { class: "input mono", type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off", input: () => check() });
  const typedField = field("", typed);
  const label = typedField.querySelector("label");
  if (label) replace(label, "Type ", code(visible(flow.flow)), " to confirm");
  const confirm = h("div", { hidden: true }, typedField);
  overlap.addEventListener("change", () => check());
  const needsName = () => isBound && overlap.value === "none";
  const check = () => {
    confirm.hidden = !needsName();
    setEnabled(button, value.value !== "" && (!needsName() || typed.value === flow.flow));
  };
  const button = actionButton({
    word: "Bind secret",
    busy: "Binding…",
    act: async () => {
      replace(failure);
      const text = value.value;
      value.value = "";
      await send("POST", `${flowPath(flow.flow)}/slots:bind`, { target: target.target, slot: slot.slot, value: text, overlap: overlap.value });
      finish(dialog, "Bound.", () => reload());
    },
    failed: (error) => {
      value.value = "";
      check();
      if (leadsToSignIn(error)) return;
      showFailure(dialog, failure, error, { action: "change", look: () => reload() });
    },
  });
  const users = target.interfaces.map((it) => visible(it.endpoint));
  replace(
    dialog.body,
    h("p", { class: "muted" }, "Paste the value that the sender signs with. It is stored encrypted and never shown here."),
    field("Value of the secret", value, "Paste it whole."),
    isBound && field("Keep the old value valid for", overlap),
    impactBox(
      "Impact",
      h("p", { class: "impact-body" }, "Endpoints of this target: ", users.join(", ") || "none"),
      h("p", { "data-shown": true }, icon(isBound ? "warn" : "ok", isBound ? "warn" : "ok"), h("span", null, isBound ? "A sender with the old value is refused when the overlap ends." : "Within a second of binding, deliveries signed with this secret are admitted.")),
      isBound ? "" : "good",
    ),
    confirm,
    failure,
  );
  replace(dialog.foot, cancelButton(dialog), button);
  check();
  value.focus();
}

/** @param {Flow} flow @param {FlowTarget} target @param {FlowTarget | undefined} live */
function moves(flow, target, live) {
  const button = (/** @type {string} */ word, /** @type {string} */ kind, /** @type {(from: HTMLElement) => void} */ act) =>
    h("button", { type: "button", class: `btn ${kind}`.trim(), "data-change": true, click: (/** @type {MouseEvent} */ event) => act(opener(event)) }, word, sr(` ${targetName(target.target)} of ${flow.flow}`));
  if (target.target === "draft") {
    if (!flow.unreleased) return [h("span", { class: "muted" }, "Same as live")];
    return [button("Release…", "primary", (from) => void move(flow, { verb: "release", title: `Release the draft of ${flow.flow}?`, intro: "The draft becomes the next version, and live moves to it. Installations stay until you promote them.", word: "Release", body: {}, note: true }, from))];
  }
  if (target.target === "live") {
    return [
      (target.version ?? 0) > 1 && button("Roll back…", "", (from) => void move(flow, { verb: "rollback", title: `Roll live of ${flow.flow} back?`, intro: "Live moves to the version before. URL and secret stay.", word: "Roll back", body: { target: "live" } }, from)),
      button("Promote…", "", (from) => promote(flow, from)),
    ];
  }
  const version = live?.version ?? null;
  if (version !== null && target.version !== version) {
    return [button(`Promote to ${version}…`, "", (from) => void move(flow, { verb: "promote", title: `Promote ${targetName(target.target)} of ${flow.flow} to version ${version}?`, intro: `It moves from version ${target.version ?? "none"} to ${version}.`, word: `Promote to ${version}`, body: { target: target.target, version } }, from))];
  }
  return [h("span", { class: "muted" }, "Same version as live"), button("Roll back…", "quiet", (from) => void move(flow, { verb: "rollback", title: `Roll ${targetName(target.target)} of ${flow.flow} back?`, intro: "It moves to the version before. URL and secret stay.", word: "Roll back", body: { target: target.target } }, from))];
}

/** Asks for the installation that gets the live version. @param {Flow} flow @param {HTMLElement} from */
function promote(flow, from) {
  const dialog = openDialog(`Promote ${flow.flow}`, { opener: from });
  const name = h("input", { class: "input mono", autocomplete: "off", spellcheck: "false", autocapitalize: "off", input: () => setEnabled(next, name.value.trim() !== "") });
  const live = flow.targets.find((target) => target.target === "live")?.version ?? null;
  const next = h(
    "button",
    {
      type: "button",
      class: "btn primary",
      click: () => {
        const installation = name.value.trim();
        dialog.close();
        void move(flow, { verb: "promote", title: `Promote installation ${installation} of ${flow.flow} to version ${live ?? "?"}?`, intro: "It is created if it does not exist.", word: "Promote", body: { target: `installation ${installation}`, version: live } }, from);
      },
    },
    "Show the impact",
  );
  setEnabled(next, false);
  replace(dialog.body, h("p", { class: "muted" }, `The installation gets the live version, ${live ?? "none"}.`), field("Installation", name, "Its id, such as tenant-7. A new one is created."));
  replace(dialog.foot, cancelButton(dialog), next);
  name.focus();
}

/**
 * A move of the flow: first the difference and the impact, then the confirmation.
 * @param {Flow} flow
 * @param {{ verb: "release" | "promote" | "rollback", title: string, intro: string, word: string, body: Record<string, unknown>, note?: boolean }} plan
 * @param {HTMLElement} from
 */
async function move(flow, plan, from) {
  const dialog = openDialog(plan.title, { opener: from });
  const failure = h("div");
  const difference = h("div", { class: "stack tight" });
  const box = h("div", null, impactBox("Impact", impactLoading()));
  const text = h("input", { class: "input", type: "text", maxlength: "200", autocomplete: "off" });
  const path = `${flowPath(flow.flow)}:${plan.verb}`;
  let word = plan.word;
  let unbound = false;
  const body = () => ({ ...plan.body, ...(plan.note && text.value.trim() !== "" ? { note: text.value.trim() } : {}), ...(unbound ? { unbound } : {}) });
  const button = actionButton({
    word: () => word,
    busy: `${plan.verb === "release" ? "Releasing" : plan.verb === "promote" ? "Promoting" : "Rolling back"}…`,
    act: async () => {
      replace(failure);
      await send("POST", path, body());
      finish(dialog, "Done.", () => reload());
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      showFailure(dialog, failure, error, { action: error instanceof NoAnswer ? plan.verb : "change", look: () => reload(), changed: (problem) => `${visible(problem.message, 300)} Your change was not done.` });
    },
  });
  setEnabled(button, false);
  replace(dialog.body, h("p", { class: "muted" }, plan.intro), difference, box, plan.note && field("Note (optional)", text), failure);
  replace(dialog.foot, cancelButton(dialog), button);
  button.focus();
  try {
    const answer = await ask("POST", `${path}?dry_run=true`, body(), { signal: dialog.signal });
    if (dialog.signal.aborted) return;
    const senders = answer.impact?.senders ?? [];
    /** @type {string[]} */
    const empty = answer.unbound ?? [];
    const refused = senders.length > 0 || empty.length > 0;
    const sentence =
      empty.length > 0
        ? "Deliveries that need an empty secret get 401 until it is bound."
        : senders.length > 0
          ? "Some senders disable an endpoint that keeps failing. Give them the new proof first."
          : "Deliveries go on as before.";
    replace(difference, h("h3", null, "What changes"), changes(answer));
    replace(
      box,
      impactBox(
        "Impact",
        senderLines(senders),
        h("p", { "data-shown": true }, icon(refused ? "warn" : "ok", refused ? "warn" : "ok"), h("span", null, sentence)),
        refused ? "severe" : "good",
      ),
    );
    word = refused ? `${plan.word} and refuse such deliveries` : plan.word;
    button.textContent = word;
    button.classList.toggle("danger", refused);
    button.classList.toggle("primary", !refused);
    const check = () => setEnabled(button, answer.changed && (empty.length === 0 || unbound));
    if (empty.length > 0) {
      const agreed = h("input", {
        type: "checkbox",
        change: () => {
          unbound = agreed.checked;
          check();
        },
      });
      box.append(h("label", { class: "check spaced-top" }, agreed, h("span", null, "Go on although required secrets are empty")));
    }
    check();
    if (!answer.changed) replace(failure, note("info", "info", h("p", null, "Nothing would change.")));
  } catch (error) {
    if (dialog.signal.aborted || leadsToSignIn(error)) return;
    replace(box);
    replace(failure, note("bad", "bad", h("p", null, h("b", null, "This is not possible. "), error instanceof Error ? visible(error.message, 500) : ""), problemLine(error)));
  }
}

/** A readable difference. @param {any} answer */
function changes(answer) {
  /** @type {HTMLElement[]} */
  const lines = [];
  const line = (/** @type {string} */ shape, /** @type {string} */ kind, /** @type {string} */ said, /** @type {import("./dom.js").Child[]} */ ...words) => {
    lines.push(h("li", null, icon(shape, kind), h("span", null, sr(`${said}: `), ...words)));
  };
  for (const it of Array.isArray(answer.moves) ? answer.moves : []) {
    line("tilde", "info", "Moved", visible(it.target), ": ", h("del", null, it.from === null ? "nothing" : `version ${it.from}`), " → ", h("ins", null, it.to === null ? "nothing" : `version ${it.to}`));
  }
  for (const step of Array.isArray(answer.steps) ? answer.steps : []) {
    const fields = step.changed?.length ? `: ${step.changed.map((/** @type {string} */ name) => visible(name)).join(", ")}` : "";
    if (step.action === "create") line("plus", "ok", "Added", h("ins", null, visible(step.endpoint)), fields);
    else if (step.action === "delete") line("minus", "bad", "Removed", h("del", null, visible(step.endpoint)));
    else if (step.action === "update") line("tilde", "info", "Changed", visible(step.endpoint), fields);
  }
  for (const slot of Array.isArray(answer.unbound) ? answer.unbound : []) {
    line("unbound", "warn", "Not bound", "secret ", code(visible(slot.secret ?? slot)), " has no value");
  }
  return lines.length === 0 ? h("p", { class: "muted" }, "No endpoint changes.") : h("ul", { class: "diff" }, ...lines.slice(0, 50));
}
