// @ts-check
// Reveal: the only place of the page where a secret's value is, between the click and the hiding.

import { ApiProblem, endpointPath, send } from "./api.js";
import { announce, h, replace, visible } from "./dom.js";
import { cancelButton, openDialog, showFailure } from "./dialog.js";
import { copyText } from "./copy.js";
import { icon } from "./icons.js";
import { go } from "./router.js";
import { leadsToSignIn, rememberPlace, signedIn } from "./session.js";
import { time } from "./time.js";

const SHOWN_SECONDS = 30;

/**
 * Asks the server for the value of the secret and shows it.
 * @param {string} endpoint
 * @param {HTMLElement} opener
 */
export async function reveal(endpoint, opener) {
  if (opener.getAttribute("aria-busy") === "true") return;
  opener.setAttribute("aria-busy", "true");
  // If the reader leaves before the answer arrives, nothing is shown.
  const left = new AbortController();
  const leave = () => left.abort();
  const visibility = () => document.visibilityState === "hidden" && leave();
  for (const name of ["blur", "pagehide", "popstate"]) window.addEventListener(name, leave);
  document.addEventListener("visibilitychange", visibility);
  try {
    const answer = await send("POST", `${endpointPath(endpoint)}/secret:reveal`, {}, { signal: left.signal });
    if (left.signal.aborted || !opener.isConnected) return;
    show(endpoint, answer, opener);
  } catch (error) {
    if (left.signal.aborted || leadsToSignIn(error)) return;
    refused(endpoint, error, opener);
  } finally {
    opener.removeAttribute("aria-busy");
    for (const name of ["blur", "pagehide", "popstate"]) window.removeEventListener(name, leave);
    document.removeEventListener("visibilitychange", visibility);
  }
}

/**
 * @param {string} endpoint
 * @param {{ version: number, value: string, hint?: string }} answer
 * @param {HTMLElement} opener
 */
function show(endpoint, answer, opener) {
  const value = document.createTextNode(answer.value);
  answer.value = "";
  const dialog = openDialog(`Secret of ${endpoint}`, { opener });
  const seconds = h("span", null, String(SHOWN_SECONDS));
  const box = h("div", { class: "secret", role: "group", tabindex: "0", "aria-label": "Secret" });
  box.append(value);
  const copy = h(
    "button",
    { type: "button", class: "btn primary", click: () => void copyText(value.data, "Copied. Your clipboard now holds the secret.").then(copied) },
    icon("copy"),
    "Copy secret",
  );
  const said = h("p", { class: "small muted" });
  /** @param {boolean} done */
  function copied(done) {
    if (done) said.textContent = "Copied. Your clipboard now holds the secret.";
  }
  replace(
    dialog.body,
    h("p", { class: "muted" }, `Version ${answer.version}, the current one. Revealing changes nothing: the value stays valid wherever it is used.`),
    h(
      "div",
      { class: "stack tight" },
      box,
      h("div", { class: "countdown", "aria-hidden": "true" }),
      h("p", { class: "muted" }, "Hidden again in ", seconds, " seconds, or when you leave this window."),
      said,
    ),
    h(
      "p",
      { class: "small muted" },
      icon("info"),
      ` Recorded in History: ${visible(signedIn()?.subject)}, at `,
      time(new Date().toISOString()),
      ".",
    ),
  );
  replace(dialog.foot, h("button", { type: "button", class: "btn", click: () => hide() }, "Hide now"), copy);
  copy.focus();
  announce("Secret shown. It is hidden again in 30 seconds.");

  const ends = performance.now() + SHOWN_SECONDS * 1000;
  const timer = setInterval(() => {
    const rest = Math.ceil((ends - performance.now()) / 1000);
    if (rest <= 0) hide();
    else seconds.textContent = String(rest);
  }, 250);
  const whenHidden = () => document.visibilityState === "hidden" && hide();
  // The focus of the window moves inside the page at once with a click: only a window that lost it counts.
  for (const name of ["blur", "pagehide", "popstate", "beforeprint"]) window.addEventListener(name, hide);
  document.addEventListener("visibilitychange", whenHidden);

  function hide() {
    value.data = "";
    value.remove();
    dialog.close();
  }
  void dialog.closed.then(() => {
    value.data = "";
    value.remove();
    clearInterval(timer);
    for (const name of ["blur", "pagehide", "popstate", "beforeprint"]) window.removeEventListener(name, hide);
    document.removeEventListener("visibilitychange", whenHidden);
    announce("Secret hidden.");
  });
}

/** @param {string} endpoint @param {unknown} error @param {HTMLElement} opener */
function refused(endpoint, error, opener) {
  if (error instanceof ApiProblem && error.code === "sign_in_required") {
    signInAgain(endpoint, opener);
    return;
  }
  const dialog = openDialog(`Secret of ${endpoint}`, { opener, alert: true });
  const close = cancelButton(dialog, "Close");
  replace(dialog.foot, close);
  if (error instanceof ApiProblem && error.status === 429) {
    const text = `Too many reveals. Try again in ${error.retryAfter ?? 60} seconds. Nothing was shown.`;
    replace(dialog.body, h("p", { role: "alert" }, text));
  } else {
    showFailure(dialog, dialog.body, error, { action: "reveal" });
  }
  close.focus();
}

/** @param {string} endpoint @param {HTMLElement} opener */
function signInAgain(endpoint, opener) {
  const dialog = openDialog("Sign in again to reveal", { opener });
  const since = Date.parse(signedIn()?.signed_in_at ?? "");
  const minutes = Math.max(10, Math.floor((Date.now() - since) / 60_000));
  const age = Number.isNaN(since) ? "more than 10 minutes ago" : `${minutes} minutes ago`;
  replace(
    dialog.body,
    h("p", null, `Your last sign-in was ${age}. Revealing a secret needs one from the last 10 minutes.`),
    h("p", { class: "muted" }, `You come back to ${endpoint}. Nothing is revealed until you click Reveal again.`),
  );
  const again = h(
    "button",
    {
      type: "button",
      class: "btn primary",
      click: () => {
        rememberPlace();
        dialog.close();
        go("/sign-in");
      },
    },
    "Sign in again",
  );
  replace(dialog.foot, cancelButton(dialog), again);
  again.focus();
}
