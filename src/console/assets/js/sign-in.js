// @ts-check
// Sign in by a link that works once. Its secret stands behind the `#`, so no server log has it.

/** @import { Route } from "./router.js" */
import { ApiProblem, NoAnswer, send, setCsrf } from "./api.js";
import { commandBox } from "./copy.js";
import { alarm, h, replace, visible } from "./dom.js";
import { icon } from "./icons.js";
import { note } from "./parts.js";
import { go } from "./router.js";
import { loadMe, takePlace } from "./session.js";
import { plainFrame, themeSwitch } from "./shell.js";

/** @param {Route} route */
export function signInPage(route) {
  const main = plainFrame("Sign in");
  const message = h("div");
  replace(
    main,
    h(
      "div",
      { class: "panel" },
      h("span", { class: "brand" }, icon("gate"), "Portcullis"),
      h("div", null, h("h1", null, "Sign in to the console"), h("p", { class: "muted" }, location.host)),
      message,
      h(
        "div",
        { class: "stack tight" },
        h("p", null, "With a shell on the machine:"),
        commandBox("portcullis console login", "the command"),
        h("p", { class: "hint" }, "It prints a link that works once, for 5 minutes. Open it in this browser."),
      ),
    ),
    h("fieldset", null, h("legend", { class: "hint" }, "Theme"), themeSwitch()),
  );
  const attempt = () => {
    const link = takeLink();
    if (link !== "") void signIn(link, message);
  };
  // A link that is pasted while this page is open changes only the part behind the `#`.
  window.addEventListener("hashchange", attempt, { signal: route.signal });
  attempt();
}

/** Reads the secret of the link and removes it from the address and the history. */
function takeLink() {
  const link = location.hash.slice(1);
  if (link !== "") history.replaceState(null, "", "/sign-in");
  return link;
}

/** @param {string} link @param {HTMLElement} message */
async function signIn(link, message) {
  replace(message, h("p", { class: "muted", role: "status" }, "Signing in…"));
  try {
    const answer = await send("POST", "/session", { link });
    setCsrf(answer.csrf);
    await loadMe();
    go(takePlace(), { replace: true });
  } catch (error) {
    const text = why(error);
    replace(message, note("bad", "bad", h("p", null, ...text)));
    alarm(text.map((part) => (typeof part === "string" ? part : (part.textContent ?? ""))).join(""));
  }
}

/** @param {unknown} error @returns {(string | Node)[]} */
function why(error) {
  const bold = (/** @type {string} */ text) => h("b", null, text);
  if (error instanceof ApiProblem && error.status === 429) return [bold("Too many attempts."), ` Try again in ${error.retryAfter ?? 60} seconds.`];
  if (error instanceof ApiProblem && error.status >= 500) return [bold("The sign-in is not possible at present."), ` ${visible(error.message, 300)} Print a new link when it works again.`];
  if (error instanceof NoAnswer) return [bold("The answer did not arrive."), " The link may be used up. Print a new one."];
  return [bold("This link no longer works."), " It was used before, or is older than 5 minutes. Print a new one."];
}
