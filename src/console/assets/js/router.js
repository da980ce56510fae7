// @ts-check
// Pages by path. Links are real links; a plain click on one changes the page without loading it again.

/** @typedef {{ params: string[], query: URLSearchParams, signal: AbortSignal, path: string }} Route */
/** @typedef {(route: Route) => void | Promise<void>} Page */

/** @type {[RegExp, Page][]} */
const routes = [];
/** @type {Page} */
let missing = () => {};
/** @type {AbortController | null} */
let current = null;
/** @type {() => boolean} */
let mayLeave = () => true;

/** @param {RegExp} pattern @param {Page} page */
export function route(pattern, page) {
  routes.push([pattern, page]);
}

/** @param {Page} page The page for every other path. */
export function otherwise(page) {
  missing = page;
}

/**
 * Goes to a path of the page.
 * @param {string} path
 * @param {{ replace?: boolean, state?: unknown, keepFocus?: boolean }} [options]
 */
export function go(path, options = {}) {
  if (!mayLeave()) return;
  if (options.replace) history.replaceState(options.state ?? null, "", path);
  else history.pushState(options.state ?? null, "", path);
  show(options.keepFocus ? "keep" : "move");
}

/** Shows the page of the address again, with what the API says now. */
export function reload() {
  show("keep");
}

/**
 * Asks before the page changes, until the page is left.
 * @param {() => boolean} question True if the page may be left.
 * @param {AbortSignal} signal
 */
export function guardLeaving(question, signal) {
  mayLeave = question;
  signal.addEventListener("abort", () => {
    mayLeave = () => true;
  });
}

/** @param {"move" | "keep" | "first"} focus */
function show(focus) {
  current?.abort();
  current = new AbortController();
  const { signal } = current;
  const path = location.pathname;
  const found = routes.find(([pattern]) => pattern.test(path));
  let params = [];
  try {
    params = found ? (found[0].exec(path) ?? []).slice(1).map((part) => decodeURIComponent(part ?? "")) : [];
  } catch {
    // A broken percent sign names no page.
    void missing({ params: [], query: new URLSearchParams(), signal, path });
    return;
  }
  const page = found ? found[1] : missing;
  void page({ params, query: new URLSearchParams(location.search), signal, path });
  if (focus === "move") {
    window.scrollTo(0, 0);
    const heading = document.querySelector("main h1");
    if (heading instanceof HTMLElement) {
      heading.tabIndex = -1;
      heading.focus();
    }
  }
}

/** @param {MouseEvent} event */
function followed(event) {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!plain || event.defaultPrevented || !link || link.target !== "" || link.hasAttribute("download")) return;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || url.pathname.startsWith("/assets/") || url.pathname.startsWith("/admin/")) return;
  if (url.pathname === location.pathname && url.search === location.search && url.hash !== "") return;
  event.preventDefault();
  go(url.pathname + url.search, { keepFocus: link.dataset.focus === "keep" });
}

export function start() {
  document.addEventListener("click", followed);
  window.addEventListener("popstate", () => show("move"));
  show("first");
}
