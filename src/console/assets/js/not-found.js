// @ts-check
// The page for what does not exist, and for what the reader may not see: the same words.

import { h, replace } from "./dom.js";
import { blank } from "./parts.js";
import { frame } from "./shell.js";

export function notFoundView() {
  return blank(
    { shape: "search", title: "Not found", level: "h1" },
    h("p", null, "There is no such page, or you may not see it. If you expected one, check the address or ask an admin of the organisation."),
    h("a", { class: "btn", href: "/" }, "Go to Triggers"),
  );
}

export function notFoundPage() {
  replace(frame("Not found", ""), notFoundView());
}
