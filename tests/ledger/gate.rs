//! The gate with a clock that the tests move: what it remembers, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use portcullis::audit::{Action, Actor, AuditEntry};
use portcullis::auth::{KeyKind, Message, Mode, Place, Preset};
use portcullis::directory::{AuthDefinition, Definition, EndpointChange, ReplayDefinition};
use portcullis::gate::{
    Admitted, BodyError, BodyLength, BodySource, Budget, Caches, Deadline, Decision,
    DeliveryOutcome, Gate, Request, ResponseSink, SenderLeft, UpstreamBody, UpstreamFailure,
    UpstreamFault, UpstreamRequest, UpstreamResponse, UpstreamTransport,
};
use portcullis::ledger::{ClaimToken, Conflict, Entries, Ledger, Unavailable};
use portcullis::outbound::Outbound;
use portcullis::secrets::{KeyCache, Secret, SecretRef};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tokio_util::sync::CancellationToken;

use crate::fixture::Fixture;
use crate::setting::*;

/// A gate with one endpoint, and the hand on its clock.
struct AtTheGate {
    gate: Gate,
    preset: &'static Preset,
    it: Setting,
    _house: Fixture,
}

impl AtTheGate {
    async fn with(preset: &str, replay: ReplayDefinition) -> Self {
        let it = Setting::with_room_for(1000);
        let ledger = it.ledger.clone();
        Self::before(ledger, it, preset, replay).await
    }

    async fn before(
        ledger: Arc<dyn Ledger>,
        it: Setting,
        preset: &str,
        replay: ReplayDefinition,
    ) -> Self {
        Self::with_secret(ledger, it, preset, replay, (SECRET, None)).await
    }

    async fn with_secret(
        ledger: Arc<dyn Ledger>,
        it: Setting,
        preset: &str,
        replay: ReplayDefinition,
        (secret, kind): (&[u8], Option<KeyKind>),
    ) -> Self {
        let value = Secret::new(secret.to_vec());
        let fixture = Fixture::open().await;
        let id = "workflows/pr-bot".parse().unwrap();
        let name = || "somebody".parse().unwrap();
        let definition = Definition {
            auth: Some(AuthDefinition {
                preset: Some(preset.to_owned()),
                ..AuthDefinition::of(Mode::Provider)
            }),
            replay,
            ..Definition::new(id, name(), name(), "default".to_owned())
        };
        let entry = AuditEntry {
            at: it.now(),
            actor: Actor::Recorded {
                name: "test".to_owned(),
                origin: "test".to_owned(),
            },
            action: Action::EndpointCreated,
            subject: String::new(),
            detail: String::new(),
        };
        let (backends, config) = (&fixture.backends, &fixture.config);
        let secret = SecretRef::new("workflows/pr-bot", "webhook").unwrap();
        let vault = backends.vault().binding_as(kind);
        let set = vault.set(&secret, &value, SignedDuration::ZERO, &entry.actor);
        set.await.unwrap();
        let change = (EndpointChange::Put(Box::new(definition)), entry);
        backends
            .store
            .change(vec![change], Vec::new())
            .await
            .unwrap();
        let keys = KeyCache::new(
            config.keys,
            backends.store.clone() as _,
            backends.key_service.clone(),
            it.clock(),
        );
        let gate = Gate::new(
            config.gate.clone(),
            Caches {
                directory: fixture.directory(100).await,
                keys: Arc::new(keys),
                tokens: fixture.tokens(),
            },
            ledger,
            Arc::new(Outbound::new(config.outbound.clone(), it.clock())),
            Budget::new(config.body_budget_bytes),
            it.clock(),
        );
        Self {
            gate,
            preset: Preset::named(preset).unwrap(),
            it,
            _house: fixture,
        }
    }

    /// What becomes of a delivery that was signed at `at`, and whose body takes `slow` to arrive: the word of
    /// the reason, or `admitted`.
    async fn judge(&self, at: Timestamp, slow: SignedDuration) -> Result<Admitted, &'static str> {
        let message = Message {
            method: &http::Method::POST,
            url: None,
            body: BODY,
            at,
            id: "evt_1",
        };
        let mut headers = HeaderMap::new();
        for (place, value) in self.preset.scheme.prove(SECRET, message).unwrap() {
            let Place::Header(name) = place else {
                panic!("{place}");
            };
            headers.insert(name, value.parse().unwrap());
        }
        let request = Request {
            method: &Method::POST,
            path: "/webhooks/ai/workflows/pr-bot",
            query: None,
            headers: &headers,
        };
        let mut body = Slow {
            it: &self.it,
            takes: slow,
            rest: BODY,
        };
        let judgement = self.gate.judge(&request, &mut body).await;
        match judgement.verdict {
            Ok(Decision::Admitted(admitted)) => Ok(admitted),
            Ok(Decision::Challenge(_)) => Err("handshake"),
            Ok(Decision::Ignored) => Err("ignored"),
            Err(refusal) => Err(refusal.reason.word()),
        }
    }

    /// The same, for one that the backend accepts if it gets it.
    async fn deliver(&self, at: Timestamp) -> &'static str {
        match self.judge(at, SignedDuration::ZERO).await {
            Ok(admitted) => {
                let (mut sender, never) = (Reading, CancellationToken::new());
                let delivering = admitted.deliver(b"", &Accepting, &mut sender, &never);
                let outcome = delivering.await;
                assert!(
                    matches!(outcome, DeliveryOutcome::Answered { .. }),
                    "{outcome:?}"
                );
                "admitted"
            }
            Err(reason) => reason,
        }
    }
}

/// A backend that accepts everything at once.
struct Accepting;

impl UpstreamTransport for Accepting {
    type Head = ();
    type Body = Empty;

    async fn send(
        &self,
        _request: &UpstreamRequest<'_>,
        _deadline: &Deadline<'_>,
    ) -> Result<UpstreamResponse<(), Empty>, UpstreamFailure> {
        Ok(UpstreamResponse {
            status: StatusCode::ACCEPTED,
            head: (),
            length: BodyLength::None,
            body: Empty,
        })
    }
}

/// The body of an answer without one.
struct Empty;

impl UpstreamBody for Empty {
    async fn next(&mut self) -> Result<Option<&[u8]>, UpstreamFault> {
        Ok(None)
    }

    fn is_whole(&mut self) -> bool {
        true
    }

    fn address(&self) -> String {
        String::new()
    }

    async fn release(self) {}
}

/// A sender that reads its answer.
struct Reading;

impl ResponseSink<()> for Reading {
    fn needs_length(&self) -> bool {
        false
    }

    async fn head(&mut self, (): (), _length: BodyLength) -> Result<(), SenderLeft> {
        Ok(())
    }

    async fn part(&mut self, _part: Bytes) -> Result<(), SenderLeft> {
        Ok(())
    }

    async fn end(&mut self) -> Result<(), SenderLeft> {
        Ok(())
    }
}

/// A body that takes its time.
struct Slow<'a> {
    it: &'a Setting,
    takes: SignedDuration,
    rest: &'static [u8],
}

impl BodySource for Slow<'_> {
    fn announced_len(&self) -> Option<u64> {
        Some(self.rest.len() as u64)
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        Ok(())
    }

    async fn read(&mut self, into: &mut Vec<u8>, _room: usize) -> Result<usize, BodyError> {
        self.it.wait(std::mem::take(&mut self.takes));
        let part = std::mem::take(&mut self.rest);
        into.extend_from_slice(part);
        Ok(part.len())
    }
}

#[tokio::test]
async fn a_replay_is_one_until_its_window_has_ended_and_stale_from_then_on() {
    for signed in [-300, -10, 0, 10, 300] {
        let here = AtTheGate::with("slack", ReplayDefinition::default()).await;
        let signed = here.it.now() + SignedDuration::from_secs(signed);
        assert_eq!(here.deliver(signed).await, "admitted");
        let last = signed + SignedDuration::from_secs(300);
        while here.it.now() <= last {
            assert_eq!(here.deliver(signed).await, "replay", "{}", here.it.now());
            here.it.wait(SignedDuration::from_secs(5));
        }
        assert_eq!(here.deliver(signed).await, "timestamp_stale");
    }
}

#[tokio::test]
async fn a_replay_whose_body_comes_slowly_does_not_outlive_the_memory() {
    let here = AtTheGate::with("slack", ReplayDefinition::default()).await;
    let signed = here.it.now();
    assert_eq!(here.deliver(signed).await, "admitted");
    // Its window is open when its head is judged, and long over when its body has come.
    here.it.wait(SignedDuration::from_secs(300));
    let slow = here.judge(signed, SignedDuration::from_secs(29)).await;
    assert_eq!(slow.err(), Some("replay"));
}

#[tokio::test]
async fn an_event_is_remembered_for_a_day_or_as_long_as_the_endpoint_says() {
    for (remember_ms, hours) in [
        (None, 24),
        (Some(2 * 3_600_000), 2),
        (Some(720 * 3_600_000), 720),
    ] {
        let replay = ReplayDefinition {
            remember_ms,
            ..ReplayDefinition::default()
        };
        let here = AtTheGate::with("standard-webhooks", replay).await;
        assert_eq!(here.deliver(here.it.now()).await, "admitted");
        here.it
            .wait(SignedDuration::from_hours(hours) - SignedDuration::from_secs(1));
        assert_eq!(here.deliver(here.it.now()).await, "duplicate");
        here.it.wait(SignedDuration::from_secs(1));
        assert_eq!(here.deliver(here.it.now()).await, "admitted");
    }
}

#[tokio::test]
async fn a_delivery_that_is_broken_off_is_as_good_as_none() {
    let here = AtTheGate::with("standard-webhooks", ReplayDefinition::default()).await;
    let signed = here.it.now();
    let admitted = here.judge(signed, SignedDuration::ZERO).await.unwrap();
    assert_eq!(here.deliver(signed).await, "in_flight");
    drop(admitted);
    assert_eq!(here.deliver(signed).await, "admitted");
    assert_eq!(here.deliver(signed).await, "replay");
}

#[tokio::test]
async fn a_claim_that_nobody_settles_ends_some_time_after_every_backend_has_to_answer() {
    let here = AtTheGate::with("slack", ReplayDefinition::default()).await;
    let signed = here.it.now();
    std::mem::forget(here.judge(signed, SignedDuration::ZERO).await.unwrap());
    // 8 s are the backend's.
    here.it.wait(SignedDuration::from_secs(37));
    assert_eq!(here.deliver(signed).await, "in_flight");
    here.it.wait(SignedDuration::from_secs(1));
    assert_eq!(here.deliver(signed).await, "admitted");
}

/// A ledger that is out of reach.
struct Gone;

#[async_trait]
impl Ledger for Gone {
    async fn claim(
        &self,
        _: &Entries,
        _: Duration,
    ) -> Result<Result<ClaimToken, Conflict>, Unavailable> {
        Err(Unavailable::Full)
    }

    async fn commit(&self, _: &Entries, _: ClaimToken) -> Result<(), Unavailable> {
        unreachable!("nothing was claimed")
    }

    async fn release(&self, _: &Entries, _: ClaimToken) -> Result<(), Unavailable> {
        unreachable!("nothing was claimed")
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_say_admits_nothing() {
    let it = Setting::with_room_for(1000);
    let here = AtTheGate::before(Arc::new(Gone), it, "slack", ReplayDefinition::default()).await;
    assert_eq!(here.deliver(here.it.now()).await, "ledger_unavailable");
}

/// A body that arrives in large pieces, and notes what another task has done when its last byte is there.
struct Large {
    rest: usize,
    rounds: Arc<AtomicU64>,
    rounds_at_end: Arc<AtomicU64>,
}

impl BodySource for Large {
    fn announced_len(&self) -> Option<u64> {
        Some(LARGE as u64)
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        Ok(())
    }

    async fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<usize, BodyError> {
        let len = room.min(self.rest).min(1024 * 1024);
        into.resize(into.len() + len, b'a');
        self.rest -= len;
        let rounds = self.rounds.load(Ordering::SeqCst);
        self.rounds_at_end.store(rounds, Ordering::SeqCst);
        Ok(len)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_large_body_under_a_public_key_does_not_keep_the_only_thread_from_other_tasks() {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let key = STANDARD.encode(pair.public_key());
    let it = Setting::with_room_for(1000);
    let at = it.now().as_second().to_string();
    let secret = (key.as_bytes(), Some(KeyKind::Public));
    let (ledger, replay) = (it.ledger.clone(), ReplayDefinition::default());
    let here = AtTheGate::with_secret(ledger, it, "telnyx", replay, secret).await;
    let AtTheGate { gate, _house, .. } = here;
    let (rounds, rounds_at_end) = (Arc::new(AtomicU64::new(0)), Arc::default());
    let mut body = Large {
        rest: LARGE,
        rounds: Arc::clone(&rounds),
        rounds_at_end: Arc::clone(&rounds_at_end),
    };
    let other = Arc::clone(&rounds);
    let other = tokio::spawn(async move {
        loop {
            other.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    let judged = tokio::spawn(async move {
        let mut headers = HeaderMap::new();
        headers.insert("telnyx-timestamp", at.parse().unwrap());
        let forged = STANDARD.encode([0; 64]);
        headers.insert("telnyx-signature-ed25519", forged.parse().unwrap());
        let request = Request {
            method: &Method::POST,
            path: "/webhooks/ai/workflows/pr-bot",
            query: None,
            headers: &headers,
        };
        let judgement = gate.judge(&request, &mut body).await;
        judgement.verdict.err().map(|refusal| refusal.reason.word())
    });
    let reason = judged.await.unwrap();
    other.abort();
    assert_eq!(reason, Some("signature_mismatch"));
    // Between the last byte and the verdict nothing waits, so only another thread can have gone on with the task.
    let (seen, end) = (
        rounds.load(Ordering::SeqCst),
        rounds_at_end.load(Ordering::SeqCst),
    );
    assert!(
        seen > end + 1,
        "{seen} rounds, {end} before the verification"
    );
}

const LARGE: usize = 32 * 1024 * 1024;
const BODY: &[u8] = b"{}";
/// Both as it is and in base64, as some of the presets want it.
const SECRET: &[u8] = b"c2VjcmV0IG9mIHNvbWUgbGVuZ3Ro";
