// @ts-check
// Modal dialogs: Escape closes, and focus returns to the button that opened the dialog.

import { alarm, announce, h, replace, uniqueId, visible } from "./dom.js";
import { icon } from "./icons.js";
import { ApiProblem, NoAnswer } from "./api.js";
import { note } from "./parts.js";

/**
 * @typedef {object} Dialog
 * @property {HTMLDialogElement} element
 * @property {HTMLElement} body
 * @property {HTMLElement} foot
 * @property {() => void} close
 * @property {Promise<void>} closed
 * @property {AbortSignal} signal Aborted when the dialog closes.
 * @property {(title: string) => void} rename
 */

/** @type {Set<Dialog>} */
const open = new Set();

/** Closes every dialog, such as before the page changes. */
export function closeDialogs() {
  for (const dialog of open) dialog.close();
}

/**
 * Opens a dialog.
 * @param {string} title
 * @param {{ opener?: Element | null, alert?: boolean }} [options]
 * @returns {Dialog}
 */
export function openDialog(title, options = {}) {
  const opener = options.opener ?? document.activeElement;
  const id = uniqueId("dialog");
  const heading = h("h2", { id, tabindex: "-1" }, title);
  const body = h("div", { class: "dialog-body" });
  const foot = h("div", { class: "dialog-foot" });
  const element = h(
    "dialog",
    { "aria-labelledby": id, role: options.alert ? "alertdialog" : null },
    h(
      "div",
      { class: "dialog-head" },
      heading,
      h("button", { type: "button", class: "btn quiet icon-only", "aria-label": "Close", click: () => close() }, icon("close")),
    ),
    body,
    foot,
  );
  const ended = new AbortController();
  /** @type {() => void} */
  let finish = () => {};
  /** @type {Promise<void>} */
  const closed = new Promise((resolve) => {
    finish = resolve;
  });
  /** @type {Dialog} */
  const dialog = {
    element,
    body,
    foot,
    close,
    closed,
    signal: ended.signal,
    rename: (text) => {
      heading.textContent = text;
    },
  };

  function close() {
    if (!open.delete(dialog)) return;
    ended.abort();
    element.close();
    element.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    finish();
  }

  element.addEventListener("close", close);
  document.body.append(element);
  open.add(dialog);
  element.showModal();
  return dialog;
}

/** The button that closes a dialog without doing anything. @param {Dialog} dialog @param {string} [word] */
export function cancelButton(dialog, word = "Cancel") {
  return h("button", { type: "button", class: "btn", click: () => dialog.close() }, word);
}

/**
 * A button that sends a change once, however often it is clicked.
 * @param {{ word: string | (() => string), busy: string, danger?: boolean, act: () => Promise<void>, failed: (error: unknown) => void | Promise<void> }} options
 */
export function actionButton({ word, busy, danger = false, act, failed }) {
  let isSending = false;
  const present = () => (typeof word === "string" ? word : word());
  const button = h(
    "button",
    {
      type: "button",
      class: `btn ${danger ? "danger" : "primary"}`,
      click: async () => {
        if (isSending || button.getAttribute("aria-disabled") === "true") return;
        isSending = true;
        button.setAttribute("aria-disabled", "true");
        button.textContent = busy;
        try {
          await act();
        } catch (error) {
          await failed(error);
        } finally {
          isSending = false;
          button.removeAttribute("aria-disabled");
          button.textContent = present();
        }
      },
    },
    present(),
  );
  return button;
}

/**
 * Ends a dialog after its change. If the reader closed it before, the page that is open now stays.
 * @param {Dialog} dialog
 * @param {string} text
 * @param {() => void} done
 */
export function finish(dialog, text, done) {
  const wasOpen = !dialog.signal.aborted;
  dialog.close();
  announce(text);
  if (wasOpen) done();
}

/** @param {HTMLElement} button @param {boolean} enabled */
export function setEnabled(button, enabled) {
  if (enabled) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}

/**
 * Shows in the dialog why a change was not done, or that its outcome is unknown.
 * @param {Dialog} dialog
 * @param {HTMLElement} place
 * @param {unknown} error
 * @param {{ action: string, lookWord?: string, look?: () => void, changed?: (problem: ApiProblem) => string }} words
 *   The action as a noun, such as `rotation`.
 */
export function showFailure(dialog, place, error, words) {
  if (dialog.signal.aborted) {
    // Closed while the request was under way: the reader still has to hear what became of it.
    const other = openDialog("Your last change", { alert: true });
    const close = cancelButton(other, "Close");
    replace(other.foot, close);
    showFailure(other, other.body, error, words);
    close.focus();
    return;
  }
  const look = words.look;
  const lookButton =
    look &&
    h("button", { type: "button", class: "btn", click: () => { dialog.close(); look(); } }, words.lookWord ?? "Reload");
  if (error instanceof NoAnswer) {
    const text = `The answer did not arrive. The ${words.action} may have been done: check ${
      words.lookWord === "Show versions" ? "the versions" : "the present state"
    } before you try again.`;
    replace(place, note("warn", "warn", h("p", null, h("b", null, "Outcome unknown. "), text), lookButton && h("p", null, lookButton)));
    alarm(text);
    return;
  }
  if (error instanceof ApiProblem && error.status === 412 && words.changed) {
    const text = words.changed(error);
    dialog.rename("It changed meanwhile");
    replace(dialog.body, h("p", null, text), h("p", { class: "muted" }, "Reload to see the present state and its impact, then decide again."));
    replace(dialog.foot, cancelButton(dialog, "Close"), lookButton && primary(lookButton));
    alarm(text);
    lookButton?.focus();
    return;
  }
  const text = error instanceof Error ? visible(error.message, 500) : "The change was not done.";
  replace(
    place,
    note("bad", "bad", h("p", null, h("b", null, `The ${words.action} was not done. `), text), problemLine(error)),
  );
  alarm(`The ${words.action} was not done. ${text}`);
}

/** @param {HTMLElement} button */
function primary(button) {
  button.classList.add("primary");
  return button;
}

/** The small line under an error: status, reason and request id. @param {unknown} error */
export function problemLine(error) {
  if (!(error instanceof ApiProblem)) return null;
  const id = error.requestId === "" ? null : [", request id ", h("code", null, visible(error.requestId))];
  return h("p", { class: "small muted" }, `${error.status} ${visible(error.code)}`, id);
}
