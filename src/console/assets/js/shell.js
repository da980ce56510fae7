// @ts-check
// The frame of each page: header, navigation, account menu, footer.

import { ApiProblem, send } from "./api.js";
import { cancelButton, closeDialogs, openDialog } from "./dialog.js";
import { h, replace, visible } from "./dom.js";
import { icon } from "./icons.js";
import { segmented } from "./parts.js";
import { go } from "./router.js";
import { grants, mayAdminister, readsEverywhere, rolesText, setSignedIn, signedIn } from "./session.js";
import { forget } from "./store-away.js";
import { zone } from "./time.js";

const PLACES = [
  ["/", "Triggers"],
  ["/flows", "Flows"],
  ["/operations", "Operations"],
  ["/audit", "Audit"],
  ["/tokens", "Tokens"],
];

/**
 * The frame with an empty main part.
 * @param {string} title The title of the page.
 * @param {string} place The path of the current part, such as `/flows`.
 * @returns {HTMLElement} The main part.
 */
export function frame(title, place) {
  closeDialogs();
  document.title = `${title} · Portcullis`;
  const main = h("main", { id: "main", tabindex: "-1" });
  const me = signedIn();
  replace(
    app(),
    h("a", { class: "skip", href: "#main", click: () => main.focus() }, "Skip to content"),
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: "/", "aria-label": "Portcullis, to Triggers" }, icon("gate"), "Portcullis"),
      h(
        "nav",
        { class: "main-nav", "aria-label": "Main" },
        h("ul", null, PLACES.filter(([href]) => href !== "/audit" || readsEverywhere()).map(([href, word]) => h("li", null, h("a", { href, "aria-current": href === place ? "page" : null }, word)))),
      ),
      h("div", { class: "top-end" }, ...account()),
    ),
    main,
    h(
      "footer",
      { class: "foot" },
      h("span", null, `Times are in your zone, ${zone()}. Point at a time to see UTC.`),
      me?.public_url && h("span", null, `Portal: ${visible(me.public_url)}`),
      me?.version && h("span", null, `Portcullis ${visible(me.version)}`),
    ),
  );
  return main;
}

/** The frame of the pages before the sign-in. @param {string} title */
export function plainFrame(title) {
  closeDialogs();
  document.title = `${title} · Portcullis`;
  const main = h("main", { id: "main", tabindex: "-1" });
  replace(app(), h("div", { class: "auth" }, main));
  return main;
}

function app() {
  const element = document.getElementById("app");
  if (!element) throw new Error("the page has no #app");
  return element;
}

function account() {
  const me = signedIn();
  if (!me) return [];
  const initials = visible(me.subject).split(/[\s@.\-_]+/u).map((part) => Array.from(part)[0] ?? "").join("").slice(0, 2).toUpperCase();
  const roles = rolesText().slice(0, 20);
  const more = grants().length === 0 ? ["no role"] : roles;
  return [
    h(
      "button",
      { class: "avatar", type: "button", popovertarget: "account", "aria-label": `${initials}: account and theme of ${visible(me.subject)}` },
      initials,
    ),
    h(
      "div",
      { id: "account", popover: "auto", role: "dialog", "aria-label": "Account and theme" },
      h(
        "div",
        { class: "stack tight" },
        h("div", null, h("b", null, visible(me.subject)), ...more.map((text) => h("span", { class: "sub" }, visible(text)))),
        h("fieldset", null, h("legend", { class: "hint" }, "Theme"), themeSwitch()),
        mayAdminister() && h("a", { class: "btn", href: "/tokens" }, "Operator tokens"),
        h("button", { class: "btn", type: "button", click: signOut }, "Sign out"),
      ),
    ),
  ];
}

const THEME_KEY = "portcullis-theme";

export function themeSwitch() {
  let stored = "system";
  try {
    stored = localStorage.getItem(THEME_KEY) ?? "system";
  } catch {
    // Storage is off: the choice holds for this page.
  }
  /** @type {[string, string][]} */
  const choices = [["system", "System"], ["light", "Light"], ["dark", "Dark"]];
  return segmented("theme", choices, stored, (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(THEME_KEY, theme);
    } catch {
      // Storage is off: the choice holds for this page.
    }
  });
}

async function signOut() {
  try {
    await send("DELETE", "/session");
  } catch (error) {
    const hasEnded = error instanceof ApiProblem && error.status === 401;
    if (!hasEnded) {
      stillSignedIn();
      return;
    }
  }
  setSignedIn(null);
  forget();
  go("/sign-in");
}

function stillSignedIn() {
  const dialog = openDialog("You may still be signed in", { alert: true });
  const again = h("button", { type: "button", class: "btn primary", click: () => { dialog.close(); void signOut(); } }, "Try again");
  replace(dialog.body, h("p", null, "The sign-out was not confirmed. The session ends by itself after 30 minutes without use."));
  replace(dialog.foot, cancelButton(dialog, "Close"), again);
  again.focus();
}
