//! Deliveries that wait while something changes, in virtual time.
//!
//! The gate and the follower are the real ones; the store and the key service answer at once, or as the test says.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};
use portcullis::auth::{KeyKind, Mode};
use portcullis::clock::SystemClock;
use portcullis::directory::{AuthDefinition, ConcurrencyDefinition, FollowerSettings};
use portcullis::gate::{Admitted, BodyError, BodySource, Budget, Decision, Gate, Request};
use portcullis::ledger::InProcessLedger;
use portcullis::outbound::Outbound;
use tokio::time::{Instant, sleep};

use super::in_time::{Fake, SECOND, SECRET, config, known};
use crate::support::{PATH, github_signature};

const MINUTE: Duration = Duration::from_mins(1);

/// A gate over `store`, with `budget` bytes for bodies.
async fn gate(store: &Arc<Fake>, grace: Duration, budget: u64) -> Gate {
    let pace = FollowerSettings {
        every: SECOND / 5,
        grace,
    };
    let config = config();
    let clock = || Arc::new(SystemClock);
    Gate::new(
        config.gate.clone(),
        known(store, pace).await,
        Arc::new(InProcessLedger::new(1000, clock())),
        Arc::new(Outbound::new(config.outbound.clone(), clock())),
        Budget::new(budget),
        clock(),
    )
}

/// A body whose last byte takes its time.
struct Slow<'b> {
    rest: &'b [u8],
    last_after: Duration,
}

impl BodySource for Slow<'_> {
    fn announced_len(&self) -> Option<u64> {
        Some(self.rest.len() as u64)
    }

    async fn invite(&mut self) -> Result<(), BodyError> {
        Ok(())
    }

    async fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<usize, BodyError> {
        if self.rest.len() == 1 {
            sleep(self.last_after).await;
        }
        let most = self.rest.len().saturating_sub(1).max(1).min(room);
        let (now, later) = self.rest.split_at(most.min(self.rest.len()));
        into.extend_from_slice(now);
        self.rest = later;
        Ok(now.len())
    }
}

/// The verdict on a delivery: admitted, or the word of the reason.
async fn judged(
    gate: &Gate,
    headers: &[(&str, &str)],
    mut body: Slow<'_>,
) -> Result<Admitted, &'static str> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let request = Request {
        method: &Method::POST,
        path: PATH,
        query: None,
        headers: &map,
    };
    match gate.judge(&request, &mut body).await.verdict {
        Ok(Decision::Admitted(admitted)) => Ok(admitted),
        Ok(_) => panic!("it is answered at the gate"),
        Err(refusal) => Err(refusal.reason.word()),
    }
}

/// The verdict on a signed delivery of `body`, whose last byte comes after `last_after`.
async fn signed(gate: &Gate, body: &str, last_after: Duration) -> Result<Admitted, &'static str> {
    let secret = std::str::from_utf8(SECRET).unwrap();
    let signature = github_signature(secret, body.as_bytes());
    let body = Slow {
        rest: body.as_bytes(),
        last_after,
    };
    judged(gate, &[("X-Hub-Signature-256", &signature)], body).await
}

#[tokio::test(start_paused = true)]
async fn delivery_that_is_judged_again_waits_at_most_the_configured_time() {
    let store = Fake::with_endpoint(None);
    let key_field = |name: &str| Some(vec![name.to_owned()].try_into().unwrap());
    store.change(|definition| {
        definition.key_field = key_field("a");
        definition.concurrency = Some(ConcurrencyDefinition {
            per_key: 1,
            wait_ms: 60_000,
        });
    });
    let gate = gate(&store, MINUTE, 1 << 20).await;
    let first = signed(&gate, r#"{"a":"x"}"#, Duration::ZERO).await.unwrap();
    let second = signed(&gate, r#"{"a":"z"}"#, Duration::ZERO).await.unwrap();
    let since = Instant::now();
    let mut waiting = pin!(signed(&gate, r#"{"a":"x","b":"z"}"#, Duration::ZERO));
    tokio::select! {
        biased;
        judged = &mut waiting => panic!("its turn is taken: {judged:?}"),
        () = sleep(40 * SECOND) => {}
    }
    // Its key changes, and the turn of the new key is taken, too.
    store.change(|definition| definition.key_field = key_field("b"));
    tokio::select! {
        biased;
        judged = &mut waiting => panic!("its turn is taken: {judged:?}"),
        () = sleep(SECOND) => {}
    }
    drop(first);
    assert_eq!(waiting.await.err(), Some("rate_limited"));
    let waited = since.elapsed();
    assert!((MINUTE..MINUTE + SECOND).contains(&waited), "{waited:?}");
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn body_that_ends_after_the_grace_time_is_not_admitted() {
    let grace = 5 * SECOND;
    for (last_after, is_back_after, expected) in [
        (3 * SECOND, None, None),
        (20 * SECOND, Some(15 * SECOND), None),
        (20 * SECOND, None, Some("store_unavailable")),
    ] {
        let store = Fake::with_endpoint(None);
        let gate = gate(&store, grace, 1 << 20).await;
        // Its head is judged while the store answers.
        let delivery = signed(&gate, "{}", last_after);
        let outage = async {
            sleep(SECOND).await;
            store.set_down(true);
            if let Some(after) = is_back_after {
                sleep(after).await;
                store.set_down(false);
            }
        };
        let (judged, ()) = tokio::join!(delivery, outage);
        assert_eq!(judged.err(), expected, "{last_after:?} {is_back_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn copy_of_a_body_for_its_proof_is_leased_from_the_budget() {
    const KIB: usize = 1024;
    let hex = "00".repeat(64);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let discord = [
        ("X-Signature-Ed25519", hex.as_str()),
        ("X-Signature-Timestamp", "1731705121"),
    ];
    // Of 1 MiB a body of 600 KiB leaves no room for a second one, and one of 300 KiB does.
    for (preset, kind, headers, size, expected) in [
        ("github", KeyKind::Shared, &[][..], 600, None),
        (
            "mailgun-form",
            KeyKind::Shared,
            &[form],
            300,
            Some("signature_missing"),
        ),
        (
            "mailgun-form",
            KeyKind::Shared,
            &[form],
            600,
            Some("overloaded"),
        ),
        (
            "discord",
            KeyKind::Public,
            &discord,
            300,
            Some("signature_mismatch"),
        ),
        (
            "discord",
            KeyKind::Public,
            &discord,
            600,
            Some("overloaded"),
        ),
    ] {
        let store = Fake::with_endpoint(None);
        store.bound_as(kind);
        store.change(|definition| {
            definition.auth = Some(AuthDefinition {
                preset: Some(preset.to_owned()),
                ..AuthDefinition::of(Mode::Provider)
            });
        });
        let gate = gate(&store, MINUTE, 1 << 20).await;
        let body = format!("a={}", "a".repeat(size * KIB));
        let judged = if preset == "github" {
            signed(&gate, &body, Duration::ZERO).await
        } else {
            let body = Slow {
                rest: body.as_bytes(),
                last_after: Duration::ZERO,
            };
            judged(&gate, headers, body).await
        };
        assert_eq!(judged.err(), expected, "{preset} {size}");
        assert_eq!(gate.budget().leased(), 0, "{preset} {size}");
    }
}
