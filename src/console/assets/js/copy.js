// @ts-check
// Copy buttons.

import { announce, alarm, h, sr } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Writes a text to the clipboard and says so.
 * @param {string} text
 * @param {string} [said]
 */
export async function copyText(text, said = "Copied.") {
  try {
    await navigator.clipboard.writeText(text);
    announce(said);
    return true;
  } catch {
    alarm("The browser did not allow copying. Select the text and copy it.");
    return false;
  }
}

/**
 * A button that copies.
 * @param {() => string} text
 * @param {string} label What is copied, such as `the URL of workflows/pr-bot`.
 * @param {{ iconOnly?: boolean, text?: string, class?: string }} [options]
 */
export function copyButton(text, label, options = {}) {
  const word = h("span", null, options.text ?? "Copy");
  const button = h(
    "button",
    {
      type: "button",
      class: options.iconOnly ? "btn quiet icon-only" : `btn ${options.class ?? ""}`.trim(),
      title: options.iconOnly ? `Copy ${label}` : null,
      click: async () => {
        const done = await copyText(text());
        replaceIcon(done ? "ok" : "bad");
        if (!options.iconOnly && done) word.textContent = "Copied";
        setTimeout(() => {
          replaceIcon("copy");
          word.textContent = options.text ?? "Copy";
        }, 2000);
      },
    },
    icon("copy"),
    options.iconOnly ? sr(`Copy ${label}`) : [word, sr(` ${label}`)],
  );
  /** @param {string} name */
  function replaceIcon(name) {
    button.querySelector(".icon")?.replaceWith(icon(name));
  }
  return button;
}

/**
 * A text in a box with its copy button.
 * @param {Node | string} shown
 * @param {() => string} text
 * @param {string} label
 */
export function copyBox(shown, text, label) {
  return h("div", { class: "copy" }, shown, copyButton(text, label));
}

/**
 * A command, ready to copy.
 * @param {string} command
 * @param {string} label
 */
export function commandBox(command, label) {
  return h(
    "div",
    { class: "code" },
    h("pre", { tabindex: "0", "aria-label": label, role: "region" }, command),
    copyButton(() => command, label),
  );
}
