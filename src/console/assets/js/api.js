// @ts-check
// The admin API: one function per kind of request, one class for its problems.

/** @import { ProblemBody } from "./types.js" */

const BASE = "/admin/v1";
/** A request that takes longer is given up. A change may have been done then. */
const TIMEOUT_MS = 20_000;

let csrf = "";

/** Sets the token that proves that a change comes from this page. @param {string | null | undefined} token */
export function setCsrf(token) {
  csrf = token ?? "";
}

/** An answer of the API that is not a success. */
export class ApiProblem extends Error {
  /** @param {number} status @param {ProblemBody} body @param {number | null} retryAfter */
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.requestId = body.request_id ?? "";
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

/** No answer arrived. A change may have been done. */
export class NoAnswer extends Error {}

/**
 * @param {string} method
 * @param {string} path Below `/admin/v1`.
 * @param {{ body?: unknown, etag?: string | null, key?: string, signal?: AbortSignal }} [options]
 * @returns {Promise<{ body: any, etag: string | null, status: number }>}
 */
async function request(method, path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    headers["X-Portcullis-Csrf"] = csrf;
  }
  if (options.key) headers["Idempotency-Key"] = options.key;
  if (options.etag) headers["If-Match"] = options.etag;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let response;
  let text;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      body: method === "GET" ? undefined : JSON.stringify(options.body ?? {}),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal,
    });
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new NoAnswer("The answer did not arrive.");
  }
  /** @type {any} */
  let body = null;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    // A proxy in between may answer with HTML: it is no answer of the API.
    body = null;
  }
  if (response.ok) return { body, etag: response.headers.get("ETag"), status: response.status };
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  throw new ApiProblem(
    response.status,
    body !== null && typeof body === "object" ? body : {},
    Number.isNaN(retryAfter) ? null : retryAfter,
  );
}

/** @param {string} path @param {AbortSignal} [signal] */
export async function get(path, signal) {
  return (await request("GET", path, { signal })).body;
}

/** The body and the version of what is read. @param {string} path @param {AbortSignal} [signal] */
export function getTagged(path, signal) {
  return request("GET", path, { signal });
}

/**
 * A change. The key makes a repeated request harmless.
 * @param {"POST" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ etag?: string | null, key?: string, signal?: AbortSignal }} [options]
 */
export async function send(method, path, body, options = {}) {
  return (await request(method, path, { body, key: newKey(), ...options })).body;
}

/**
 * A question that needs a body: a dry run or an explanation. It changes nothing.
 * @param {"POST" | "PATCH"} method
 * @param {string} path
 * @param {unknown} body
 * @param {{ etag?: string | null, signal?: AbortSignal }} [options]
 */
export async function ask(method, path, body, options = {}) {
  return (await request(method, path, { body, ...options })).body;
}

/** The path of an endpoint: its id is one segment. @param {string} id */
export function endpointPath(id) {
  return `/endpoints/${encodeURIComponent(id)}`;
}

/** @param {Record<string, string | number | null | undefined>} values */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @type {Promise<Record<string, unknown>> | null} */
let paths = null;

/** Whether the server has an operation. Its own document of the API says so. @param {string} path */
export async function offers(path) {
  paths ??= get("/openapi.json").then((document) => document.paths ?? {});
  try {
    return Object.hasOwn(await paths, BASE + path);
  } catch (error) {
    paths = null;
    throw error;
  }
}
