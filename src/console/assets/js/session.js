// @ts-check
// Who is signed in, and whether the store answers.

/** @import { Me } from "./types.js" */
import { ApiProblem, get, setCsrf } from "./api.js";
import { go } from "./router.js";

/** @type {Me | null} */
let me = null;

export function signedIn() {
  return me;
}

/** @param {Me | null} next */
export function setSignedIn(next) {
  me = next;
  setCsrf(next?.csrf);
}

/** Reads who is signed in. A missing session leads to the sign-in page. */
export async function loadMe() {
  setSignedIn(await get("/me"));
  return me;
}

const RETURN_KEY = "portcullis-return";

/** Keeps the path to come back to after the sign-in. It names a page, never a secret. */
export function rememberPlace() {
  try {
    sessionStorage.setItem(RETURN_KEY, location.pathname + location.search);
  } catch {
    // Storage is off: the sign-in leads to the first page.
  }
}

/** The path of the page before the sign-in. */
export function takePlace() {
  try {
    const place = sessionStorage.getItem(RETURN_KEY) ?? "/";
    sessionStorage.removeItem(RETURN_KEY);
    return place.startsWith("/") && !place.startsWith("//") && !place.startsWith("/sign-in") ? place : "/";
  } catch {
    return "/";
  }
}

/** True if the error means that the session ended; the sign-in page is shown then. @param {unknown} error */
export function leadsToSignIn(error) {
  if (!(error instanceof ApiProblem) || error.status !== 401) return false;
  setSignedIn(null);
  rememberPlace();
  go("/sign-in", { replace: true });
  return true;
}

/** The organisation and the workspace of each grant. */
export function grants() {
  return (me?.grants ?? []).map((text) => {
    const [role = "", place] = text.split("@", 2);
    const [organisation = null, workspace = null] = (place ?? "").split("/", 2).map((part) => part || null);
    return { role, organisation, workspace };
  });
}

/** Whether a role allows changes there. The server decides; the page only leaves out what cannot work.
 * @param {string} organisation @param {string} workspace */
export function mayChange(organisation, workspace) {
  return grants().some((grant) => ["operator", "admin"].includes(grant.role) && covers(grant, organisation, workspace));
}

/** Whether some role allows changes somewhere. */
export function mayChangeSomewhere() {
  return grants().some((grant) => ["operator", "admin"].includes(grant.role));
}

/** Whether some role reaches every organisation. The audit log of everything needs one. */
export function readsEverywhere() {
  return grants().some((grant) => grant.organisation === null);
}

/** Whether the operator tokens may be managed. */
export function mayAdminister() {
  return grants().some((grant) => grant.role === "admin");
}

/** @param {string} organisation @param {string} workspace */
export function rolesIn(organisation, workspace) {
  return grants()
    .filter((grant) => covers(grant, organisation, workspace))
    .map((grant) => grant.role);
}

/**
 * @param {{ organisation: string | null, workspace: string | null }} grant
 * @param {string} organisation
 * @param {string} workspace
 */
function covers(grant, organisation, workspace) {
  return (
    (grant.organisation === null || grant.organisation === organisation) &&
    (grant.workspace === null || grant.workspace === workspace)
  );
}

/** Roles in words, such as `operator and revealer in acme`. */
export function rolesText() {
  /** @type {Map<string, string[]>} */
  const places = new Map();
  for (const { role, organisation, workspace } of grants()) {
    const place = organisation === null ? "everywhere" : `in ${organisation}${workspace === null ? "" : `/${workspace}`}`;
    places.set(place, [...(places.get(place) ?? []), role]);
  }
  return [...places].map(([place, roles]) => `${roles.join(" and ")} ${place}`);
}
