// @ts-check
// Test: a signed sample through the gate, and the result.

import { ApiProblem, endpointPath, send } from "./api.js";
import { alarm, announce, code, h, replace, visible } from "./dom.js";
import { actionButton, cancelButton, openDialog, showFailure } from "./dialog.js";
import { commandBox } from "./copy.js";
import { facts, note } from "./parts.js";
import { leadsToSignIn } from "./session.js";

/**
 * @param {string} endpoint
 * @param {HTMLElement} opener
 */
export function test(endpoint, opener) {
  const dialog = openDialog(`Test ${endpoint}`, { opener });
  const result = h("div", { "aria-live": "polite" });
  const button = actionButton({
    word: "Send the test delivery",
    busy: "Sending…",
    act: async () => {
      replace(result);
      const answer = await send("POST", `${endpointPath(endpoint)}:test`, {});
      if (dialog.signal.aborted) return;
      show(result, answer);
    },
    failed: (error) => {
      if (leadsToSignIn(error)) return;
      if (error instanceof ApiProblem && [404, 405, 501].includes(error.status)) {
        replace(result, note("info", "info", h("p", null, "This server sends no tests from the console. Use the command line:"), commandBox(`portcullis endpoint test ${endpoint}`, "the command")));
        alarm("This server sends no tests from the console.");
        return;
      }
      showFailure(dialog, result, error, { action: "test" });
    },
  });
  replace(
    dialog.body,
    h("p", null, "The gate signs a sample with the current secret and delivers it to the endpoint’s own URL. It runs every check."),
    h("p", { class: "muted" }, "If it is admitted, the backend receives it as a real delivery, and it appears under Deliveries."),
    result,
  );
  replace(dialog.foot, cancelButton(dialog, "Close"), button);
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
