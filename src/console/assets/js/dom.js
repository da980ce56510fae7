// @ts-check
// Elements without HTML strings. Whatever comes from a sender passes through `visible` first.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Props */

/**
 * An element. A function is an event listener, `true` an empty attribute; `false` and `null` leave the attribute out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...nodes(children.flat()));
  return element;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
export function nodes(children) {
  const present = children.filter((child) => child !== null && child !== undefined && child !== false);
  return present.map((child) => (child instanceof Node ? child : String(child)));
}

/** @param {Element} parent @param {...(Child | Child[])} children */
export function replace(parent, ...children) {
  parent.replaceChildren(...nodes(children.flat()));
}

/** Characters that could hide or reorder text: controls, bidi marks, zero-width characters, tags and lone surrogates. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** The most characters of a sender's text that the page shows. */
const MAX_TEXT = 200;

/**
 * Text from a sender or another person: hidden characters are written out, and it is cut.
 * @param {unknown} value
 * @param {number} [max]
 */
export function visible(value, max = MAX_TEXT) {
  const characters = Array.from(String(value ?? "").slice(0, max * 2 + 2));
  const cut = characters.length > max;
  const text = characters.slice(0, max).join("");
  const shown = text.replace(HIDDEN, (hidden) => {
    const code = (hidden.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `⟨U+${code}⟩`;
  });
  return cut ? `${shown}…` : shown;
}

/** @param {string} word @param {string} [title] */
export function code(word, title) {
  return h("code", { title }, word);
}

/**
 * A path or URL that may break after each slash.
 * @param {string} path
 */
export function breakable(path) {
  const parts = visible(path, 2000).split(/(?<=\/)/u);
  return h("code", null, parts.flatMap((part, index) => (index === 0 ? [part] : [h("wbr"), part])));
}

/**
 * Text for screen readers only.
 * @param {string} text
 */
export function sr(text) {
  return h("span", { class: "sr" }, text);
}

/** Announces a result to screen readers. @param {string} text */
export function announce(text) {
  say("polite", text);
}

/** Announces an error to screen readers. @param {string} text */
export function alarm(text) {
  say("assertive", text);
}

/** @param {string} region @param {string} text */
function say(region, text) {
  const element = document.getElementById(region);
  if (!element) return;
  // The same text twice is announced only if the region changes in between.
  element.textContent = "";
  requestAnimationFrame(() => {
    element.textContent = text;
  });
}

let serial = 0;

/** An id that is used once in the document. @param {string} prefix */
export function uniqueId(prefix) {
  serial += 1;
  return `${prefix}-${serial}`;
}
