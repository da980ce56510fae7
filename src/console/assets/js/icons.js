// @ts-check
// Icons, built as SVG elements. Each state has a shape of its own: colour comes third.

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string[]>} Paths in a box of 16 by 16. */
const PATHS = {
  bad: ["M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z", "m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4"],
  clock: ["M14.5 8a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z", "M8 4.5V8l2.5 1.5"],
  close: ["m4 4 8 8m0-8-8 8"],
  copy: [
    "M7 5.5h5.5A1.5 1.5 0 0 1 14 7v5.5a1.5 1.5 0 0 1-1.5 1.5H7a1.5 1.5 0 0 1-1.5-1.5V7A1.5 1.5 0 0 1 7 5.5z",
    "M10.5 2h-7A1.5 1.5 0 0 0 2 3.5v7",
  ],
  dash: ["M4.5 8h7"],
  down: ["m4.5 6.5 3.5 3.5 3.5-3.5"],
  eye: ["M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z", "M10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z"],
  gate: ["M2.5 14.5V7a5.5 5.5 0 0 1 11 0v7.5", "M5.2 5v8l.9 1.5M8 4v10.5M10.8 5v8l-.9 1.5M3 8h10M3 11h10"],
  info: ["M14.5 8a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z", "M8 7.4v3.4M8 5.1v.1"],
  key: ["M8 11a3 3 0 1 1-6 0 3 3 0 0 1 6 0z", "m7.2 8.8 6-6M11 5l2 2"],
  lock: ["M4.5 7h7A1.5 1.5 0 0 1 13 8.5v4a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 12.5v-4A1.5 1.5 0 0 1 4.5 7z", "M5.2 7V4.8a2.8 2.8 0 0 1 5.6 0V7"],
  minus: ["M3.5 8h9"],
  ok: ["M14.5 8a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z", "m5.2 8.2 2 2 3.8-4.3"],
  open: ["M4.5 7h7A1.5 1.5 0 0 1 13 8.5v4a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 12.5v-4A1.5 1.5 0 0 1 4.5 7z", "M5.2 7V4.3a2.8 2.8 0 0 1 5.4-.8"],
  pause: ["M14.5 8a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z", "M6.3 5.7v4.6M9.7 5.7v4.6"],
  plus: ["M8 3.5v9M3.5 8h9"],
  refused: ["M14.5 8a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z", "m3.5 3.5 9 9"],
  right: ["m6.5 4.5 3.5 3.5-3.5 3.5"],
  rotate: ["M13.5 6.5A5.8 5.8 0 0 0 3 5M2.5 9.5A5.8 5.8 0 0 0 13 11", "M13.8 2.8v3.8H10M2.2 13.2V9.4H6"],
  search: ["M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0z", "m10.5 10.5 3.5 3.5"],
  send: ["M14 2 7 9M14 2 9.5 14 7 9 2 6.5z"],
  tilde: ["M3 9c1.5-2.5 3.5-2.5 5-1s3.5 1.5 5-1"],
  unbound: ["M3.5 3.6A6.5 6.5 0 0 1 6 1.8M8.6 1.5a6.5 6.5 0 0 1 3 1.1M13.3 4.2a6.5 6.5 0 0 1 1.2 2.9M14.3 9.6a6.5 6.5 0 0 1-1.5 2.8M10.9 13.8a6.5 6.5 0 0 1-3 .7M5.3 13.9a6.5 6.5 0 0 1-2.4-1.9M1.8 9.8a6.5 6.5 0 0 1-.1-3.1", "M8 5.2v3.4M8 10.8v.1"],
  warn: ["M8 2 14.5 13.5h-13z", "M8 6.5v3.2M8 11.6v.1"],
  window: ["M3 14.5V3.2L9 1.5v13z", "M9 3.5h4v11M1.5 14.5h13M6.8 8v.8"],
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * An SVG element with attributes.
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...Element} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * An icon. Screen readers skip it: the word beside it carries the meaning.
 * @param {string} name
 * @param {string} [state] `ok`, `warn`, `bad`, `info` or `off`.
 */
export function icon(name, state = "") {
  const paths = (PATHS[name] ?? []).map((d) => svg("path", { d }));
  return svg("svg", { class: `icon ${state}`.trim(), viewBox: "0 0 16 16", "aria-hidden": "true" }, ...paths);
}
