//! The hashing hot path: from a head that was read to the verdict, with prepared keys, for every mode
//! and size.
//!
//! ```text
//! cargo bench --bench hashing
//! cargo bench --bench hashing -- 'hmac/8 KB'
//! ```
//!
//! `portcullis` is the whole of what `auth` does for a delivery: the claim, the body in the pieces that a
//! socket gives, the verdict. `ring` is only the HMAC of the same pieces, with a prepared key and the
//! comparison at its end: the floor. It is none for SHA-1, which `ring` computes without the processor's
//! help. A token is settled by the head, so the size of the body does not matter.
//!
//! Only the ratio of two neighbours means anything: machines differ, and so do hours on one machine.

#[path = "support/delivery.rs"]
mod delivery;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use http::Method;
use jiff::Timestamp;
use portcullis::auth::{
    Algorithm, Claim, Head, Key, KeyRing, Mode, NumberedKey, Place, Preset, Scheme, Verification,
    VerificationStart, Verified,
};
use ring::hmac;

use self::delivery::{Delivery, PIECE, SECRET, SIZES};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .nresamples(2000)
        .configure_from_args();
    for mode in MODES {
        let scheme = portcullis::directory::AuthDefinition::of(mode)
            .compiled()
            .expect("a scheme");
        let scheme = scheme.expect("a mode with a proof");
        measure(&mut criterion, mode.word(), &Arc::new(scheme));
    }
    for name in PRESETS {
        let preset = Preset::named(name).expect("a preset");
        measure(&mut criterion, name, &Arc::new(preset.scheme.clone()));
    }
    let pagerduty = Preset::named("pagerduty").expect("a preset");
    let scheme = Arc::new(pagerduty.scheme.clone());
    measure_with(&mut criterion, "64 candidates", &scheme, |delivery| {
        behind_wrong_ones(&pagerduty.scheme, delivery)
    });
    criterion.final_summary();
}

/// The delivery with as many signatures as are looked at at all, the right one last.
fn behind_wrong_ones(scheme: &Scheme, mut delivery: Delivery) -> Delivery {
    for rule in scheme.signatures() {
        let Some(Place::Header(name)) = rule.from.preferred() else {
            panic!("a proof in a header");
        };
        let value = delivery.headers.get_mut(name).expect("a signature");
        let wrong = format!("v1={},", "00".repeat(32)).repeat(63);
        let right = value.to_str().expect("text");
        *value = format!("{wrong}{right}").parse().expect("a value");
    }
    delivery
}

fn measure(criterion: &mut Criterion, mode: &str, scheme: &Arc<Scheme>) {
    measure_with(criterion, mode, scheme, |delivery| delivery);
}

fn measure_with(
    criterion: &mut Criterion,
    mode: &str,
    scheme: &Arc<Scheme>,
    change: impl Fn(Delivery) -> Delivery,
) {
    let keys = Arc::new(keys(scheme));
    let mut group = criterion.benchmark_group(mode);
    for (name, size) in SIZES {
        let delivery = change(Delivery::proven(scheme, size));
        if scheme.covers_body() {
            let bytes = u64::try_from(size).expect("a size");
            group.throughput(Throughput::Bytes(bytes));
        }
        group.sampling_mode(if size > 16 * PIECE {
            SamplingMode::Flat
        } else {
            SamplingMode::Auto
        });
        group.bench_function(BenchmarkId::new(name, "portcullis"), |bencher| {
            bencher.iter(|| verify(scheme, &keys, black_box(&delivery)).expect("it is genuine"));
        });
        let Some((algorithm, code)) = floor(scheme.algorithm(), &delivery.body) else {
            continue;
        };
        let key = hmac::Key::new(algorithm, SECRET);
        group.bench_function(BenchmarkId::new(name, "ring"), |bencher| {
            bencher.iter(|| {
                let mut context = hmac::Context::with_key(&key);
                for piece in black_box(&delivery.body).chunks(PIECE) {
                    context.update(piece);
                }
                assert!(same(context.sign().as_ref(), &code), "it is genuine");
            });
        });
    }
    group.finish();
}

fn verify(scheme: &Arc<Scheme>, keys: &Arc<KeyRing>, delivery: &Delivery) -> Option<Verified> {
    let head = Head {
        method: &Method::POST,
        headers: &delivery.headers,
        query: None,
        url: None,
    };
    let claim = Claim::read(scheme, &head).ok()?;
    let begun = Verification::begin(scheme, claim, Arc::clone(keys), Timestamp::UNIX_EPOCH);
    match begun.ok()? {
        VerificationStart::Proven(verified) => Some(verified),
        VerificationStart::Streaming(mut verification) => {
            for piece in delivery.body.chunks(PIECE) {
                verification.update(piece);
            }
            verification.finish(&head, &delivery.body).ok()
        }
    }
}

/// The algorithm as `ring` knows it, and the code of `body`.
fn floor(algorithm: Algorithm, body: &[u8]) -> Option<(hmac::Algorithm, Vec<u8>)> {
    let algorithm = match algorithm {
        Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::HmacSha256 => hmac::HMAC_SHA256,
        _ => return None,
    };
    let code = hmac::sign(&hmac::Key::new(algorithm, SECRET), body);
    Some((algorithm, code.as_ref().to_vec()))
}

/// Compares in constant time, as any verification has to.
fn same(one: &[u8], other: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(one, other).into()
}

fn keys(scheme: &Scheme) -> KeyRing {
    let key = Key::prepare(scheme.algorithm(), SECRET).expect("a secret");
    KeyRing {
        current: NumberedKey {
            key: Arc::new(key),
            version: 1,
        },
        previous: None,
    }
}

/// Schemes that sign the body alone, a time with it, and the body with SHA-1.
const PRESETS: [&str; 4] = ["pagerduty", "slack", "stripe", "github-sha1"];
/// What people choose.
const MODES: [Mode; 4] = [Mode::Hmac, Mode::Secret, Mode::Bearer, Mode::ApiKey];
