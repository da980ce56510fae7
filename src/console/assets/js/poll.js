// @ts-check
// Regular questions to the API, while somebody looks at the page.

import { leadsToSignIn } from "./session.js";

/** Without input for this long, the page stops asking: otherwise it would keep a forgotten session alive. */
const IDLE_MS = 600_000;

let lastInput = Date.now();
for (const name of ["pointerdown", "pointermove", "keydown", "scroll", "focus"]) {
  window.addEventListener(
    name,
    () => {
      lastInput = Date.now();
    },
    { capture: true, passive: true },
  );
}

/**
 * Asks again and again until the page is left. Only one question is under way at a time.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} ask
 */
export function poll(milliseconds, signal, ask) {
  let isAsking = false;
  const timer = setInterval(async () => {
    if (isAsking || document.visibilityState === "hidden" || Date.now() - lastInput > IDLE_MS) return;
    isAsking = true;
    try {
      await ask();
    } catch (error) {
      // What is shown stays as it was, and the next turn asks again.
      if (!signal.aborted) leadsToSignIn(error);
    } finally {
      isAsking = false;
    }
  }, milliseconds);
  signal.addEventListener("abort", () => clearInterval(timer));
}
