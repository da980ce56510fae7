//! Nobody can have a payload signed: what is signed for a stranger is no delivery.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method};
use jiff::SignedDuration;
use portcullis::app::Backends;
use portcullis::audit::{Action, Actor, AuditEntry};
use portcullis::auth::Mode;
use portcullis::config::Config;
use portcullis::directory::{
    AuthDefinition, Definition, Directory, DirectorySettings, EndpointChange,
};
use portcullis::gate::{self, BodyError, BodySource, Budget, Decision};
use portcullis::ledger::InProcessLedger;
use portcullis::outbound::Outbound;
use portcullis::secrets::{KeyCache, Secret, SecretRef};
use portcullis::tokens::TokenCache;
use proptest::prelude::*;

use super::*;

#[test]
fn nothing_but_a_value_of_the_provider_is_signed() {
    let backend = Backend::accepting();
    let too_long = "a".repeat(257);
    for (name, parameter, values) in [
        (
            "x",
            "crc_token",
            &[
                "%7B%22for_user_id%22%3A%221%22%7D",
                "%5B1%2C2%5D",
                "%22text%22",
                "a%0Ab",
                "abc%0A",
                "a%20b",
                "a+b",
                "a:b",
                "a%2Cb",
                "",
                &*too_long,
                "abc&crc_token=abd",
            ][..],
        ),
        (
            "linkedin",
            "challengeCode",
            &[
                "890e4665-4dfe-4ab1-b689-ed553bceeed",
                "890e4665-4dfe-4ab1-b689-ed553bceeed00",
                "890e46654-dfe-4ab1-b689-ed553bceeed0",
                "g90e4665-4dfe-4ab1-b689-ed553bceeed0",
                "890e46654dfe4ab1b689ed553bceeed0",
                "%7B0e4665-4dfe-4ab1-b689-ed553bceeed0",
                "890e4665-4dfe-4ab1-b689-ed553bceeed0%0A",
                "890e4665-4dfe-4ab1-b689-ed553bceeed0&challengeCode=990e4665-4dfe-4ab1-b689-ed553bceeed0",
            ],
        ),
    ] {
        let gate = gate(name, HMAC, &backend);
        for value in values {
            let asks = get(&format!("{parameter}={value}"));
            is_refused(&gate, &asks, 401, "method_not_signed");
        }
        for method in ["POST", "PUT", "DELETE"] {
            let asks = Request::new(method, &format!("{PATH}?{parameter}=abc"));
            assert_eq!(send(gate.http(), &asks).status, 401, "{name} {method}");
        }
    }
    backend.was_not_contacted();
}

#[test]
fn a_body_that_is_a_token_proves_nothing_although_its_signature_is_right() {
    let backend = Backend::accepting();
    // All of these are JSON, too.
    for (name, tokens) in [
        ("x", &["123", "true", "null", "-1.5e3", "abc", ""][..]),
        ("zoom", &["123", "true", ""]),
        (
            "linkedin",
            &["123", "-1", "890e4665-4dfe-4ab1-b689-ed553bceeed0", ""],
        ),
    ] {
        let gate = gate(name, HMAC, &backend);
        for token in tokens {
            is_refused(&gate, &signed(token), 401, "signature_mismatch");
        }
        let cause = gate.log(1)[0]["cause"].as_str().unwrap().to_owned();
        assert!(cause.contains("challenge"), "{cause}");
    }
    backend.was_not_contacted();
    // The answer as it is given away, put to use.
    let gate = gate("x", HMAC, &backend);
    let answer = send(gate.http(), &get("crc_token=12345"));
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let code = answer["response_token"].as_str().unwrap();
    let code = STANDARD
        .decode(code.strip_prefix("sha256=").unwrap())
        .unwrap();
    let stolen = Request::post(PATH)
        .header(
            "X-Hub-Signature-256",
            &format!("sha256={}", hex::encode(code)),
        )
        .body("12345");
    is_refused(&gate, &stolen, 401, "signature_mismatch");
    backend.was_not_contacted();
    // Where nothing is signed for strangers, such a body is a delivery like any other.
    let plain = super::gate("dropbox", HMAC, &backend);
    assert_eq!(send(plain.http(), &signed("123")).status, 202);
}

#[test]
fn a_time_before_the_body_does_not_help_either() {
    // `v0:{ts}:{body}` cannot be a token; with the body's rule no template can.
    let backend = Backend::accepting();
    let gate = gate("x", SLACK, &backend);
    is_refused(&gate, &signed_at("123"), 401, "signature_mismatch");
    assert_eq!(send(gate.http(), &signed_at("{}")).status, 202);
}

/// The gate itself, without sockets, with one endpoint a handshake.
struct Judge {
    gate: gate::Gate,
    runtime: tokio::runtime::Runtime,
    _backends: Backends,
    _folder: tempfile::TempDir,
}

impl Judge {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (gate, backends) = runtime.block_on(Self::open(folder.path()));
        Self {
            gate,
            runtime,
            _backends: backends,
            _folder: folder,
        }
    }

    async fn open(folder: &std::path::Path) -> (gate::Gate, Backends) {
        let text = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";
        let config = Config::parse(&folder.join("portcullis.toml"), text).unwrap();
        let backends = Backends::open(&config).await.unwrap();
        let actor = Actor::Recorded {
            name: "test".to_owned(),
            origin: "test".to_owned(),
        };
        for name in ["x", "linkedin", "zoom"] {
            let id = format!("workflows/{name}").parse().unwrap();
            let (acme, main) = ("acme".parse().unwrap(), "main".parse().unwrap());
            let definition = Definition {
                auth: Some(AuthDefinition::of(Mode::Hmac)),
                handshake: Some(name.to_owned()),
                ..Definition::new(id, acme, main, "default".to_owned())
            };
            let entry = AuditEntry {
                at: backends.clock.now(),
                actor: actor.clone(),
                action: Action::EndpointCreated,
                subject: name.to_owned(),
                detail: String::new(),
            };
            let secret: SecretRef = definition.secret().unwrap();
            let change = EndpointChange::Put(Box::new(definition));
            backends
                .store
                .change(vec![(change, entry)], Vec::new())
                .await
                .unwrap();
            let value = Secret::new(SECRET.as_bytes().to_vec());
            let vault = backends.vault();
            vault
                .set(&secret, &value, SignedDuration::ZERO, &actor)
                .await
                .unwrap();
        }
        let settings = DirectorySettings {
            capacity: 10,
            store_reads: 1,
            upstream_paths: config.upstream_paths.clone(),
            draft_auth: config.draft_auth,
        };
        let store = Arc::clone(&backends.store);
        let directory = Directory::new(settings, Arc::clone(&config.routes), store as _);
        directory.load().await.unwrap();
        let keys = KeyCache::new(
            config.keys,
            Arc::clone(&backends.store) as _,
            Arc::clone(&backends.key_service),
            Arc::clone(&backends.clock),
        );
        let gate = gate::Gate::new(
            config.gate,
            gate::Caches {
                directory: Arc::new(directory),
                keys: Arc::new(keys),
                tokens: Arc::new(TokenCache::new(10, 1, Arc::clone(&backends.store) as _)),
            },
            Arc::new(InProcessLedger::new(1024, Arc::clone(&backends.clock))),
            Arc::new(Outbound::new(config.outbound, Arc::clone(&backends.clock))),
            Budget::new(1 << 24),
            Arc::clone(&backends.clock),
        );
        (gate, backends)
    }

    /// What comes of a request; `None` if it is refused.
    fn judge(
        &self,
        (method, name): (Method, &str),
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Decision> {
        let request = gate::Request {
            method: &method,
            path: &format!("/webhooks/ai/workflows/{name}"),
            query,
            headers,
        };
        let mut body = ReceivedBody(body);
        let judging = self.gate.judge(&request, &mut body);
        self.runtime.block_on(judging).verdict.ok()
    }

    fn deliver(&self, name: &str, body: &[u8], code: &[u8]) -> Option<Decision> {
        let mut headers = HeaderMap::new();
        let value = format!("sha256={}", hex::encode(code));
        headers.insert("x-hub-signature-256", HeaderValue::try_from(value).unwrap());
        self.judge((Method::POST, name), None, &headers, body)
    }

    /// The code that the endpoint gives away for a text, if it does.
    fn code_for(&self, name: &str, text: &str) -> Option<Vec<u8>> {
        let none = HeaderMap::new();
        let query = |parameter| {
            form_urlencoded::Serializer::new(String::new())
                .append_pair(parameter, text)
                .finish()
        };
        let passed = match name {
            "x" => self.judge((Method::GET, name), Some(&query("crc_token")), &none, b""),
            "linkedin" => {
                let query = query("challengeCode");
                self.judge((Method::GET, name), Some(&query), &none, b"")
            }
            _ => {
                let body = serde_json::json!({
                    "event": "endpoint.url_validation",
                    "payload": { "plainToken": text },
                });
                let body = body.to_string();
                self.deliver(name, body.as_bytes(), &mac(SECRET, body.as_bytes()))
            }
        };
        let Some(Decision::Challenge(answer)) = passed else {
            return None;
        };
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        Some(match name {
            "x" => {
                let code = answer["response_token"].as_str().unwrap();
                let code = code.strip_prefix("sha256=").unwrap();
                STANDARD.decode(code).unwrap()
            }
            "linkedin" => hex::decode(answer["challengeResponse"].as_str().unwrap()).unwrap(),
            _ => hex::decode(answer["encryptedToken"].as_str().unwrap()).unwrap(),
        })
    }
}

struct ReceivedBody<'b>(&'b [u8]);

impl BodySource for ReceivedBody<'_> {
    fn announced_len(&self) -> Option<u64> {
        None
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        Ok(())
    }

    async fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<usize, BodyError> {
        let (now, later) = self.0.split_at(room.min(self.0.len()));
        into.extend_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

/// Texts of which many are answered, and many are no more than nearly fit for it.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_+/=.-]{0,300}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "\\{\"[a-z]{1,8}\":[0-9]{1,8}\\}",
        ".{0,40}",
    ]
}

#[test]
fn no_code_that_is_given_away_admits_any_delivery() {
    let judge = Judge::new();
    let answered = std::cell::Cell::new([0_u32; 3]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
    let input = (texts(), texts(), 0_usize..3);
    runner
        .run(&input, |(text, other, which)| {
            let name = ["x", "linkedin", "zoom"][which];
            if let Some(code) = judge.code_for(name, &text) {
                let mut counts = answered.get();
                counts[which] += 1;
                answered.set(counts);
                // It is the code of this text, and of no other: so this is the delivery to fear.
                prop_assert_eq!(&code, &mac(SECRET, text.as_bytes()));
                for body in [&text, &other, &format!("{text}\n"), &format!("\"{text}\"")] {
                    let passed = judge.deliver(name, body.as_bytes(), &code);
                    prop_assert!(passed.is_none(), "{} admits {}", name, body);
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(
        answered.get().iter().all(|count| *count >= 10),
        "{answered:?}"
    );
}

#[test]
fn deliveries_that_are_no_tokens_are_admitted_as_ever() {
    let judge = Judge::new();
    for name in ["x", "linkedin", "zoom"] {
        for body in [&b"{}"[..], b"{\"a\":1}", b"123\n", &[b'a'; 257]] {
            let passed = judge.deliver(name, body, &mac(SECRET, body));
            assert!(matches!(passed, Some(Decision::Admitted(_))), "{name}");
        }
    }
}
