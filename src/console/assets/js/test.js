// @ts-check
// Test: a signed sample through the gate, and the result.

import { endpointPath, offers, send } from "./api.js";
import { announce, code, h, replace, visible } from "./dom.js";
import { actionButton, cancelButton, openDialog, showFailure } from "./dialog.js";
import { commandBox } from "./copy.js";
import { facts, note } from "./parts.js";
import { leadsToSignIn } from "./session.js";

/**
 * @param {string} endpoint
 * @param {HTMLElement} opener
 */
export async function test(endpoint, opener) {
  const dialog = openDialog(`Test ${endpoint}`, { opener });
  const close = cancelButton(dialog, "Close");
  replace(dialog.body, h("p", { class: "muted", role: "status" }, "Asking the server…"));
  replace(dialog.foot, close);
  close.focus();
  let isOffered = false;
  try {
    isOffered = await offers("/endpoints/{id}:test");
  } catch (error) {
    if (dialog.signal.aborted || leadsToSignIn(error)) return;
    showFailure(dialog, dialog.body, error, { action: "test" });
    return;
  }
  if (dialog.signal.aborted) return;
  if (!isOffered) {
    replace(
      dialog.body,
      h("p", null, "The gate signs a sample with the current secret and sends it through every check. Run it on the machine:"),
      commandBox(`portcullis endpoint test ${endpoint}`, "the command"),
      h("p", { class: "muted" }, "If it is admitted, the backend receives it as a real delivery. It appears under Deliveries."),
      h("p", null, h("a", { href: `/endpoints/${encodeURIComponent(endpoint)}` }, "Connect has three checks with curl.")),
    );
    return;
  }
  const result = h("div", { "aria-live": "polite" });
  const button = actionButton({
    word: "Send the test delivery",
    busy: "Sending…",
    act: async () => {
      replace(result);
      const answer = await send("POST", `${endpointPath(endpoint)}:test`, {});
      if (!dialog.signal.aborted) show(result, answer);
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      showFailure(dialog, result, error, { action: "test" });
    },
  });
  replace(
    dialog.body,
    h("p", null, "The gate signs a sample with the current secret and delivers it to the endpoint’s own URL. It runs every check."),
    h("p", { class: "muted" }, "If it is admitted, the backend receives it as a real delivery, and it appears under Deliveries."),
    result,
  );
  replace(dialog.foot, close, button);
  button.focus();
}

/** @param {HTMLElement} place @param {any} answer */
function show(place, answer) {
  const admitted = answer.reason === "admitted" || answer.reason === "handshake";
  const text = admitted ? "Admitted" : "Not admitted";
  replace(
    place,
    note(
      admitted ? "ok" : "warn",
      admitted ? "ok" : "refused",
      h("p", null, h("b", null, `${text}: `), `${visible(answer.status)} `, code(visible(answer.reason))),
      facts([
        ["Request", `${visible(answer.request?.method ?? "POST")} ${visible(answer.request?.url ?? "")}`],
        ["Answer", h("code", null, visible(answer.answer ?? ""))],
      ], "small"),
    ),
  );
  announce(`${text}: ${answer.status} ${answer.reason}`);
}
