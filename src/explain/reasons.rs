//! Each reason in a sentence, with the next step, for people who have a reason and no capture yet.

/// The meaning of a reason, and what to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Advice {
    /// The reason, as in logs and headers.
    pub word: &'static str,
    /// The meaning of the reason.
    pub says: &'static str,
    /// The next step. `{id}` stands for the endpoint id.
    pub next: &'static str,
}

impl Advice {
    /// Finds the advice for a reason.
    pub fn about(word: &str) -> Option<&'static Self> {
        ADVICE.iter().find(|advice| advice.word == word)
    }

    /// Every reason, sorted by word.
    pub fn all() -> &'static [Self] {
        ADVICE
    }

    /// The next step for an endpoint.
    pub fn next_at(&self, id: &str) -> String {
        self.next.replace("{id}", id)
    }
}

const fn advice(word: &'static str, says: &'static str, next: &'static str) -> Advice {
    Advice { word, says, next }
}

const EXPLAIN: &str = "save the delivery and run `portcullis explain FILE --endpoint {id}`";
const AGAIN: &str = "try again; the gate's log has the cause";

static ADVICE: &[Advice] = &[
    advice(
        "account_mismatch",
        "the signature is valid, but the delivery is for another account, or names none",
        EXPLAIN,
    ),
    advice("admitted", "the proof is valid", ""),
    advice(
        "auth_missing",
        "the endpoint does not say how senders prove themselves",
        "choose a mode: `portcullis endpoint update {id} --mode hmac`",
    ),
    advice(
        "bad_request",
        "the request is not well-formed HTTP",
        "the gate's log has the cause",
    ),
    advice(
        "body_digest_mismatch",
        "the signed digest does not match the body",
        EXPLAIN,
    ),
    advice(
        "body_timeout",
        "the body did not arrive in time",
        "check the network to the gate, and `bodies.timeout`",
    ),
    advice(
        "body_too_large",
        "the body is larger than the endpoint allows",
        "send a smaller one, or raise the limit: `portcullis endpoint update {id} --max-body 10MiB`",
    ),
    advice(
        "duplicate",
        "an event with the same id was accepted before, so the backend did not get it again",
        "send it with another id; or `portcullis endpoint update {id} --duplicates forward`",
    ),
    advice(
        "expectation_failed",
        "the request has an `Expect` other than `100-continue`",
        "send it without `Expect`",
    ),
    advice(
        "handshake",
        "it was a provider challenge, which the gate answers itself",
        "send a delivery instead of the provider's challenge",
    ),
    advice(
        "header_unexpected",
        "a header names another version or algorithm than the scheme",
        EXPLAIN,
    ),
    advice(
        "ignored",
        "the endpoint has not subscribed to this event",
        "add the event to `events` of the endpoint, or send another one: `--event`",
    ),
    advice(
        "in_flight",
        "the same delivery is at the backend now",
        "wait for the first one to end, and try again",
    ),
    advice(
        "ledger_unavailable",
        "the gate cannot check whether the delivery is a replay",
        "check `/readyz`: is Redis unreachable, or the ledger full?",
    ),
    advice(
        "method_not_allowed",
        "the endpoint does not accept this method",
        "allow it: `portcullis endpoint update {id} --method …`",
    ),
    advice(
        "method_not_signed",
        "only a `POST` can be proven with a signature",
        "send it with `POST`",
    ),
    advice(
        "not_configured",
        "no endpoint accepts deliveries at this URL",
        "is it the right gate, and is the endpoint enabled? `portcullis endpoint show {id}`; \
         `portcullis endpoint enable {id}`",
    ),
    advice(
        "overloaded",
        "the gate has no memory left for bodies",
        "try again; check which sender causes the load, and `bodies.budget`",
    ),
    advice(
        "payload_invalid",
        "the payload violates the endpoint's contract; the response lists the violations",
        "send a payload that fits: `--body FILE`; `portcullis endpoint show {id}` lists the inputs",
    ),
    advice(
        "provider_unreachable",
        "the provider's certificate or confirmation could not be fetched",
        "the gate's log has the cause; check `[outbound]`",
    ),
    advice(
        "rate_limited",
        "too many deliveries with the same key are at the backend",
        "try again; check `concurrency` of the endpoint, and the response time of the backend",
    ),
    advice(
        "replay",
        "the same delivery was accepted before",
        "sign it again",
    ),
    advice(
        "secret_unbound",
        "the endpoint's secret has no value",
        "set it: `portcullis secret set {id}`",
    ),
    advice(
        "secret_undecryptable",
        "the endpoint's secret cannot be decrypted",
        "is it the right key file or KMS key? `portcullis check`",
    ),
    advice(
        "secrets_unavailable",
        "the key service does not answer",
        AGAIN,
    ),
    advice(
        "sender_left",
        "the connection ended before the body was complete",
        "check the network to the gate",
    ),
    advice(
        "signature_at_draft",
        "it is signed for the live endpoint, but this is the draft",
        "send it to the live URL, or with a workspace token: `portcullis token create`",
    ),
    advice(
        "signature_malformed",
        "the signature has another form than the scheme expects",
        EXPLAIN,
    ),
    advice(
        "signature_mismatch",
        "the signature matches no valid secret",
        EXPLAIN,
    ),
    advice("signature_missing", "there is no signature", EXPLAIN),
    advice("store_unavailable", "the store does not answer", AGAIN),
    advice(
        "timestamp_future",
        "it was signed in the future",
        "compare the clocks of this machine and of the gate",
    ),
    advice(
        "timestamp_stale",
        "it was signed too long ago",
        "compare the clocks of this machine and of the gate",
    ),
    advice(
        "token_mismatch",
        "the token is wrong or expired",
        "at a draft: is it a token of the right workspace, and still active? `portcullis token list`; elsewhere compare the \
         secrets",
    ),
    advice(
        "token_missing",
        "there is no token",
        "at a draft: `portcullis token create`; elsewhere give the sender the secret",
    ),
    advice(
        "upstream_timeout",
        "the gate admitted it, but the backend did not respond in time",
        "check the backend, and `total_timeout`",
    ),
    advice(
        "upstream_unreachable",
        "the gate admitted it, but could not reach the backend",
        "`[upstreams]` has the addresses of the backend, and the gate's log has the cause under this request id \
         (`upstream_fault`, `upstream_address`)",
    ),
];
