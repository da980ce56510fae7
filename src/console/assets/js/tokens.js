// @ts-check
// Workspace tokens and operator tokens: a value is shown once, when it is created.

/** @import { List, OperatorToken, WorkspaceToken } from "./types.js" */
/** @import { Route } from "./router.js" */
import { NoAnswer, query, send } from "./api.js";
import { announce, code, h, replace, sr, visible } from "./dom.js";
import { actionButton, cancelButton, finish, openDialog, setEnabled, showFailure } from "./dialog.js";
import { copyText } from "./copy.js";
import { icon } from "./icons.js";
import { impactBox } from "./impact.js";
import { cell, failureView, field, loading, panel, row, rowHead, state, table } from "./parts.js";
import { opener } from "./secret.js";
import { grants, leadsToSignIn, mayAdminister, mayChange, mayChangeSomewhere } from "./session.js";
import { frame } from "./shell.js";
import { awayBanner, read, switchOff } from "./store-away.js";
import { time } from "./time.js";

/** @type {[string, string][]} */
const LIFETIMES = [["30d", "30 days"], ["90d", "90 days"], ["180d", "180 days"], ["365d", "365 days"]];

/** @param {{ expires_at: string, revoked_at: string | null }} token */
function tokenState(token) {
  if (token.revoked_at) return state("off", "dash", "Revoked ", time(token.revoked_at, { whole: true }));
  if (Date.parse(token.expires_at) <= Date.now()) return state("off", "dash", "Expired");
  return state("ok", "ok", "Valid");
}

/** @param {{ expires_at: string, revoked_at: string | null }} token */
function isValid(token) {
  return token.revoked_at === null && Date.parse(token.expires_at) > Date.now();
}

/**
 * The workspace tokens, of one workspace or of all.
 * @param {HTMLElement} root
 * @param {{ organisation: string, workspace: string } | null} owner
 * @param {AbortSignal} signal
 */
export async function workspaceTokens(root, owner, signal) {
  const again = () => void workspaceTokens(root, owner, signal);
  try {
    /** @type {{ body: List<WorkspaceToken> }} */
    const { body } = await read(`/tokens${query({ workspace: owner?.workspace, limit: 200 })}`, signal, again);
    if (signal.aborted) return;
    const items = body.items.filter((token) => !owner || (token.organisation === owner.organisation && token.workspace === owner.workspace));
    const may = owner ? mayChange(owner.organisation, owner.workspace) : mayChangeSomewhere();
    const rows = items.map((token) =>
      row(
        isValid(token) ? "" : "off-row",
        rowHead("", token.label === "" ? h("span", { class: "muted" }, "no label") : visible(token.label), h("span", { class: "sub" }, code(visible(token.id)))),
        cell("Workspace", "", `${visible(token.organisation)} / ${visible(token.workspace)}`),
        cell("State", "", tokenState(token)),
        cell("Created", "", time(token.created_at, { whole: true })),
        cell("Expires", "", time(token.expires_at, { whole: true })),
        cell("Last used", "", time(token.last_used_at, { whole: true })),
        cell("", "num", isValid(token) && mayChange(token.organisation, token.workspace) && revokeButton(`/tokens/${encodeURIComponent(token.id)}`, token.label || token.id, "A draft delivery with it gets 401 within a second.", again)),
      ),
    );
    const title = owner ? `Workspace tokens of ${owner.organisation} / ${owner.workspace}` : "Workspace tokens";
    replace(
      root,
      awayBanner(),
      panel(
        title,
        {
          bare: true,
          class: "spaced",
          extra: may && h("button", { type: "button", class: "btn", "data-change": true, click: (/** @type {MouseEvent} */ event) => createWorkspaceToken(owner, opener(event), again) }, "Create token…"),
          hint: "A token lets a person or a script deliver to drafts of its workspace.",
        },
        items.length > 0
          ? table(title, ["Label", "Workspace", "State", "Created", "Expires", "Last used", { label: "Action", hidden: true }], rows).element
          : h("p", { class: "panel-body muted" }, "No tokens yet."),
      ),
    );
    switchOff(root);
  } catch (error) {
    if (signal.aborted || leadsToSignIn(error)) return;
    replace(root, failureView("The tokens could not be loaded", error, again));
  }
}

/** @param {HTMLElement} root @param {AbortSignal} signal */
async function operatorTokens(root, signal) {
  const again = () => void operatorTokens(root, signal);
  try {
    /** @type {{ body: List<OperatorToken> }} */
    const { body } = await read(`/operator-tokens${query({ limit: 200 })}`, signal, again);
    if (signal.aborted) return;
    const rows = body.items.map((token) =>
      row(
        isValid(token) ? "" : "off-row",
        rowHead("", visible(token.label), h("span", { class: "sub" }, code(visible(token.id)))),
        cell("May", "", token.grants.map((grant) => visible(grant)).join(", ")),
        cell("State", "", tokenState(token)),
        cell("Created", "", time(token.created_at, { whole: true })),
        cell("Expires", "", time(token.expires_at, { whole: true })),
        cell("Last used", "", time(token.last_used_at, { whole: true })),
        cell("", "num", isValid(token) && revokeButton(`/operator-tokens/${encodeURIComponent(token.id)}`, token.label, "A script that uses it gets 401 within a second.", again)),
      ),
    );
    replace(
      root,
      panel(
        "Operator tokens",
        {
          bare: true,
          class: "spaced",
          extra: h("button", { type: "button", class: "btn", "data-change": true, click: (/** @type {MouseEvent} */ event) => createOperatorToken(opener(event), again) }, "Create operator token…"),
          hint: "An operator token lets a script use the admin API with the roles that you choose.",
        },
        body.items.length > 0
          ? table("Operator tokens", ["Label", "May", "State", "Created", "Expires", "Last used", { label: "Action", hidden: true }], rows).element
          : h("p", { class: "panel-body muted" }, "No operator tokens yet."),
      ),
    );
    switchOff(root);
  } catch (error) {
    if (signal.aborted || leadsToSignIn(error)) return;
    replace(root, failureView("The operator tokens could not be loaded", error, again));
  }
}

/** @param {Route} route */
export async function tokensPage(route) {
  const main = frame("Tokens", "/tokens");
  const workspace = h("div", null, loading("Loading tokens", 3));
  const operator = h("div");
  replace(main, h("div", { class: "page-head" }, h("div", null, h("h1", null, "Tokens"), h("p", { class: "muted" }, "Values are shown once, when a token is created. Only a digest is stored."))), h("div", { class: "stack" }, workspace, operator));
  await Promise.all([workspaceTokens(workspace, null, route.signal), mayAdminister() ? operatorTokens(operator, route.signal) : null]);
}

/** @param {string} path @param {string} label @param {string} effect @param {() => void} done */
function revokeButton(path, label, effect, done) {
  return h(
    "button",
    {
      type: "button",
      class: "btn quiet",
      "data-change": true,
      click: (/** @type {MouseEvent} */ event) => {
        const dialog = openDialog(`Revoke “${label}”?`, { opener: opener(event) });
        const failure = h("div");
        const button = actionButton({
          word: "Revoke token",
          busy: "Revoking…",
          danger: true,
          act: async () => {
            replace(failure);
            await send("DELETE", path);
            finish(dialog, "Revoked.", done);
          },
          failed: (error) => {
            if (leadsToSignIn(error)) return;
            showFailure(dialog, failure, error, { action: "revocation", look: done });
          },
        });
        replace(dialog.body, impactBox("Impact", h("p", { class: "impact-body" }, effect), h("p", { "data-shown": true }, icon("bad", "bad"), h("span", null, "This cannot be undone.")), "severe"), failure);
        replace(dialog.foot, cancelButton(dialog), button);
        button.focus();
      },
    },
    "Revoke…",
    sr(` ${label}`),
  );
}

/** A choice of a lifetime. */
function lifetimeSelect() {
  return h("select", { class: "select" }, LIFETIMES.map(([value, text]) => h("option", { value, selected: value === "90d" }, text)));
}

/** @param {{ organisation: string, workspace: string } | null} owner @param {HTMLElement} from @param {() => void} done */
function createWorkspaceToken(owner, from, done) {
  const dialog = openDialog("Create a workspace token", { opener: from });
  const failure = h("div");
  const only = grants().find((grant) => grant.organisation !== null);
  const label = h("input", { class: "input", type: "text", maxlength: "64", autocomplete: "off", input: () => check() });
  const organisation = h("input", { class: "input", type: "text", value: owner?.organisation ?? only?.organisation ?? "", readonly: owner !== null, autocomplete: "off", spellcheck: "false", input: () => check() });
  const workspace = h("input", { class: "input", type: "text", value: owner?.workspace ?? only?.workspace ?? "", readonly: owner !== null, autocomplete: "off", spellcheck: "false", input: () => check() });
  const expires = lifetimeSelect();
  const button = actionButton({
    word: "Create token",
    busy: "Creating…",
    act: async () => {
      replace(failure);
      const answer = await send("POST", "/tokens", { label: label.value.trim(), organisation: organisation.value.trim(), workspace: workspace.value.trim(), lifetime: expires.value });
      dialog.close();
      showOnce(label.value.trim(), answer, from);
      done();
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      showFailure(dialog, failure, error, { action: error instanceof NoAnswer ? "creation" : "change", look: done });
    },
  });
  const check = () => setEnabled(button, label.value.trim() !== "" && organisation.value.trim() !== "" && workspace.value.trim() !== "");
  replace(
    dialog.body,
    field("Label", label, "Who or what uses it, such as “laptop of ann”."),
    field("Organisation", organisation),
    field("Workspace", workspace, "The token works at drafts of this workspace only."),
    field("Expires after", expires),
    failure,
  );
  replace(dialog.foot, cancelButton(dialog), button);
  check();
  label.focus();
}

/** @param {HTMLElement} from @param {() => void} done */
function createOperatorToken(from, done) {
  const dialog = openDialog("Create an operator token", { opener: from });
  const failure = h("div");
  const label = h("input", { class: "input", type: "text", maxlength: "64", autocomplete: "off", input: () => check() });
  const place = h("input", { class: "input", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "everywhere", input: () => check() });
  const expires = lifetimeSelect();
  const roles = ["viewer", "operator", "revealer", "admin"];
  const says = new Map([
    ["viewer", "Reads endpoints, deliveries and the audit log."],
    ["operator", "Also changes endpoints, flows, tokens and secrets."],
    ["revealer", "Reads, and reveals secrets."],
    ["admin", "What an operator does, and manages operator tokens."],
  ]);
  const boxes = roles.map((role) => h("input", { type: "checkbox", value: role, checked: role === "viewer", change: () => check() }));
  const chosen = () => boxes.filter((box) => box.checked).map((box) => (place.value.trim() === "" ? box.value : `${box.value}@${place.value.trim()}`));
  const button = actionButton({
    word: "Create operator token",
    busy: "Creating…",
    act: async () => {
      replace(failure);
      const answer = await send("POST", "/operator-tokens", { label: label.value.trim(), grants: chosen(), lifetime: expires.value });
      dialog.close();
      showOnce(label.value.trim(), answer, from);
      done();
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      showFailure(dialog, failure, error, { action: error instanceof NoAnswer ? "creation" : "change", look: done });
    },
  });
  const check = () => setEnabled(button, label.value.trim() !== "" && chosen().length > 0);
  replace(
    dialog.body,
    field("Label", label, "The script that uses it, such as “ci-deploy”. It is the name in the audit log."),
    h("fieldset", { class: "stack tight" }, h("legend", { class: "label" }, "Roles"), boxes.map((box) => h("label", { class: "check" }, box, h("span", null, h("b", null, box.value), h("span", { class: "sub" }, says.get(box.value) ?? ""))))),
    field("Where", place, "An organisation, such as acme, or a workspace, such as acme/shop. Empty: everywhere."),
    field("Expires after", expires),
    failure,
  );
  replace(dialog.foot, cancelButton(dialog), button);
  check();
  label.focus();
}

/**
 * Shows the value of a new token, this once. It leaves the page with the dialog.
 * @param {string} label
 * @param {{ token: string }} answer
 * @param {HTMLElement} from
 */
function showOnce(label, answer, from) {
  const value = document.createTextNode(answer.token);
  answer.token = "";
  const dialog = openDialog(`Token “${label}” created`, { opener: from });
  const said = h("p", { class: "small muted" });
  const copy = h(
    "button",
    {
      type: "button",
      class: "btn primary",
      click: async () => {
        if (await copyText(value.data, "Copied. Your clipboard now holds the token.")) said.textContent = "Copied. Your clipboard now holds the token.";
      },
    },
    icon("copy"),
    "Copy token",
  );
  const box = h("div", { class: "secret", role: "group", tabindex: "0", "aria-label": "Token" });
  box.append(value);
  replace(dialog.body, h("p", null, h("b", null, `Token “${visible(label)}” created. `), "Copy it now: it is shown this once."), box, said);
  replace(dialog.foot, cancelButton(dialog, "Close"), copy);
  copy.focus();
  announce("The token is created and shown this once.");
  const leave = () => dialog.close();
  window.addEventListener("pagehide", leave);
  void dialog.closed.then(() => {
    value.data = "";
    value.remove();
    window.removeEventListener("pagehide", leave);
  });
}
