//! Every reason in a sentence, and what to do next: for whoever has a word and no capture yet.

/// What there is to say about a reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Advice {
    /// The word of the contract.
    pub word: &'static str,
    /// What it means.
    pub says: &'static str,
    /// What to do. `{id}` stands for the endpoint.
    pub next: &'static str,
}

impl Advice {
    /// The advice about a reason, by its word.
    pub fn about(word: &str) -> Option<&'static Self> {
        ADVICE.iter().find(|advice| advice.word == word)
    }

    /// All of it.
    pub fn all() -> &'static [Self] {
        ADVICE
    }

    /// What to do, at an endpoint.
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
        "the signature is right, and the delivery is about an account that is not the endpoint's, or names none",
        EXPLAIN,
    ),
    advice("admitted", "the proof holds", ""),
    advice(
        "auth_missing",
        "the endpoint does not say how senders prove themselves",
        "choose a mode: `portcullis endpoint update {id} --mode hmac`",
    ),
    advice(
        "bad_request",
        "the request is no well-formed HTTP",
        "the gate's log has the cause",
    ),
    advice(
        "body_digest_mismatch",
        "the digest that is signed is not that of the body",
        EXPLAIN,
    ),
    advice(
        "body_timeout",
        "the body did not arrive in time",
        "look at the line between here and the gate, and at `bodies.timeout`",
    ),
    advice(
        "body_too_large",
        "the body is larger than the endpoint takes",
        "send a smaller one, or raise the limit: `portcullis endpoint update {id} --max-body 10MiB`",
    ),
    advice(
        "duplicate",
        "an event with the same id was accepted before, so the backend did not get it again",
        "send it with another id; or `portcullis endpoint update {id} --duplicates forward`",
    ),
    advice(
        "expectation_failed",
        "the request expects something else than `100-continue`",
        "send it without `Expect`",
    ),
    advice(
        "handshake",
        "it was a handshake, which the gate answers itself",
        "send something else than what the provider asks before it delivers",
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
        "the same delivery is with the backend now",
        "wait for the first one to end, and try again",
    ),
    advice(
        "ledger_unavailable",
        "the gate cannot say whether it has seen the delivery before",
        "look at `/readyz`: is Redis out of reach, or the memory of deliveries full?",
    ),
    advice(
        "method_not_allowed",
        "the endpoint does not take this method",
        "allow it: `portcullis endpoint update {id} --method …`",
    ),
    advice(
        "method_not_signed",
        "only a `POST` can be proven with a signature",
        "send it with `POST`",
    ),
    advice(
        "not_configured",
        "nothing takes deliveries at this URL",
        "is it the right gate, and is the endpoint enabled? `portcullis endpoint show {id}`; \
         `portcullis endpoint enable {id}`",
    ),
    advice(
        "overloaded",
        "the gate has no memory left for bodies",
        "try again; look at who sends so much, and at `bodies.budget`",
    ),
    advice(
        "payload_invalid",
        "the payload breaks the endpoint's contract; the answer lists how",
        "send a payload that keeps to it: `--body FILE`; `portcullis endpoint show {id}` has the inputs",
    ),
    advice(
        "provider_unreachable",
        "the provider's certificate or confirmation could not be had",
        "the gate's log has the cause; look at `[outbound]`",
    ),
    advice(
        "rate_limited",
        "too many deliveries of the same key are with the backend",
        "try again; look at `concurrency` of the endpoint, and at how long the backend takes",
    ),
    advice(
        "replay",
        "the very same delivery was accepted before",
        "sign it anew",
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
        "the connection ended within the body",
        "look at the line between here and the gate",
    ),
    advice(
        "signature_at_draft",
        "it is signed as for the live endpoint, and this is the draft",
        "send it to the live URL, or with a token of the workspace: `portcullis token create`",
    ),
    advice(
        "signature_malformed",
        "the signature has another form than the scheme expects",
        EXPLAIN,
    ),
    advice(
        "signature_mismatch",
        "no secret that counts makes this signature",
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
        "the token is wrong, or has ended",
        "at a draft: is it of the right workspace, and still active? `portcullis token list`; elsewhere compare the \
         secrets",
    ),
    advice(
        "token_missing",
        "there is no token",
        "at a draft: `portcullis token create`; elsewhere give the sender the secret",
    ),
    advice(
        "upstream_timeout",
        "the gate let it in, and the backend did not answer in time",
        "look at the backend, and at `total_timeout`",
    ),
    advice(
        "upstream_unreachable",
        "the gate let it in, and could not reach the backend",
        "is the backend there? `[upstreams]` says where it is looked for",
    ),
];
