// @ts-check
// Three checks with curl, for the proofs that a shell can make: tokens, and the signature of GitHub.

/** @import { Endpoint } from "./types.js" */

/** @typedef {{ title: string, command: string, expect: string }} Check */

/** A text as one word of a shell. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The checks, or nothing if a shell cannot make the proof: then the checks of the server are shown.
 * @param {Endpoint} endpoint
 * @returns {Check[] | null}
 */
export function curlChecks(endpoint) {
  const { url } = endpoint.connect;
  if (!url) return null;
  const proof = recipe(endpoint);
  if (!proof) return null;
  const post = (/** @type {string} */ to) => `curl -sS -i -X POST ${quoted(to)} \\\n  -H 'Content-Type: application/json'`;
  const ask = "printf 'Secret: '; read -rs SECRET; echo";
  return [
    {
      title: "The portal answers. The name is made up, so nothing is configured there.",
      command: `${post(`${url}-nope`)} -d '{}'`,
      expect: "404",
    },
    {
      title: "A wrong secret is refused.",
      command: ["SECRET=WRONG", ...proof.prepare, `${post(url)} \\\n  ${proof.header} \\\n  --data-binary "$BODY"`].join("\n"),
      expect: `401 ${proof.reason}`,
    },
    {
      title: "The right secret is admitted. It is read from the prompt, so it stays out of your shell history.",
      command: [ask, ...proof.prepare, `${post(url)} \\\n  ${proof.header} \\\n  --data-binary "$BODY"`].join("\n"),
      expect: "the answer of the backend, and Portcullis-Reason: admitted",
    },
  ];
}

/**
 * @param {Endpoint} endpoint
 * @returns {{ prepare: string[], header: string, reason: string } | null}
 */
function recipe(endpoint) {
  const auth = endpoint.definition.auth;
  if (!auth || Object.keys(auth.scheme ?? {}).length > 0) return null;
  const body = `BODY='{"smoke":true}'`;
  const isGitHub = (auth.mode === "provider" && auth.preset === "github") || (auth.mode === "hmac" && !auth.header);
  if (isGitHub) {
    return {
      prepare: [body, `SIG="sha256=$(printf '%s' "$BODY" | openssl dgst -sha256 -hmac "$SECRET" | awk '{print $NF}')"`],
      header: `-H 'X-GitHub-Event: ping' -H "X-Hub-Signature-256: $SIG"`,
      reason: "signature_mismatch",
    };
  }
  if (auth.mode === "secret" || auth.mode === "bearer") {
    return { prepare: [body], header: `-H "Authorization: Bearer $SECRET"`, reason: "token_mismatch" };
  }
  if (auth.mode === "api-key" && auth.header && /^[A-Za-z0-9-]+$/u.test(auth.header)) {
    return { prepare: [body], header: `-H "${auth.header}: $SECRET"`, reason: "token_mismatch" };
  }
  return null;
}
