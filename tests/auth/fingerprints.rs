//! What a verified delivery can be told by when it comes again.

use jiff::{SignedDuration, Timestamp};
use portcullis::auth::{
    Covers, Fingerprint, KeyAge, KeyRing, Mode, Preset, ProofError, Scheme, Signature,
};
use proptest::prelude::*;
use ring::hmac;

use crate::delivery::{Delivery, NOW, key, preset, ring};

const SECRET: &[u8] = b"00112233445566778899aabbccddeeff";
const OTHER: &[u8] = b"ffeeddccbbaa99887766554433221100";

fn signature(scheme: &Scheme, secret: &[u8], body: &str) -> Signature {
    let delivery = Delivery::proven(scheme, secret, body);
    let verified = delivery.judged_by(scheme, secret).unwrap();
    *verified.signature().unwrap()
}

/// The keys of an overlap: [`OTHER`] is the current one.
fn rotated(scheme: &Scheme) -> KeyRing {
    KeyRing {
        current: key(scheme, OTHER, 2),
        previous: Some((key(scheme, SECRET, 1), Timestamp::MAX)),
    }
}

#[test]
fn it_tells_bodies_and_secrets_apart_and_nothing_else() {
    // Those that sign the body as it is, with a key that we have; the others are of other bodies.
    let plain = Preset::all().iter().filter(|preset| {
        let scheme = &preset.scheme;
        let shared = scheme.covers_body() && !scheme.algorithm().is_public_key();
        shared && scheme.covers() == Covers::Body && !scheme.waits_for_body()
    });
    for preset in plain.filter(|preset| preset.name != "linear") {
        let of = |secret, body| *signature(&preset.scheme, secret, body).by_current();
        assert_eq!(of(SECRET, "[1]"), of(SECRET, "[1]"), "{}", preset.name);
        assert_ne!(of(SECRET, "[1]"), of(SECRET, "[2]"), "{}", preset.name);
        assert_ne!(of(SECRET, "[1]"), of(OTHER, "[1]"), "{}", preset.name);
    }
}

#[test]
fn it_is_under_the_current_key_whichever_key_proved_the_delivery() {
    for name in ["github", "slack", "standard-webhooks"] {
        let scheme = preset(name);
        let judged = |secret| {
            let delivery = Delivery::proven(&scheme, secret, "a");
            delivery.judged(&scheme, rotated(&scheme), &[]).unwrap()
        };
        let (old, new) = (judged(SECRET), judged(OTHER));
        assert_eq!(old.generation(), Some(KeyAge::Previous), "{name}");
        assert_eq!(new.generation(), Some(KeyAge::Current), "{name}");
        let before = *signature(&scheme, SECRET, "a").by_current();
        let (old, new) = (old.signature().unwrap(), new.signature().unwrap());
        assert_eq!(old.by_current(), new.by_current(), "{name}");
        assert_eq!(old.by_previous(), Some(&before), "{name}");
        assert_eq!(new.by_previous(), None::<&Fingerprint>, "{name}");
    }
}

#[test]
fn it_is_under_the_current_key_whichever_spelling_of_the_url_was_signed() {
    let scheme = crate::declarations::declared(
        "algorithm = \"hmac-sha256\"\nsigned = \"{url}{body}\"\nurl = { any_port = true }\n\
         signatures = [{ from = \"header:S\", encoding = \"hex\" }]",
    );
    let judged = |secret| {
        let delivery = Delivery::proven(&scheme, secret, "{}")
            .to("https://portal.example.com:443/hooks/orders?from=a+b");
        let verified = delivery.judged(&scheme, rotated(&scheme), &[]).unwrap();
        *verified.signature().unwrap()
    };
    let (old, new) = (judged(SECRET), judged(OTHER));
    assert!(old.by_previous().is_some());
    assert_eq!(old.by_current(), new.by_current());
}

#[test]
fn what_stands_beside_it_is_told_again_when_it_comes_alone() {
    // While a secret is being rotated Persona sends two, each of which proves the delivery.
    let scheme = preset("persona");
    let group = |secret: &[u8], age: i64| {
        let at = NOW.as_second() - age;
        let mac = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let code = hmac::sign(&mac, format!("{at}.a").as_bytes());
        format!("t={at},v1={}", hex::encode(code))
    };
    let judged = |value: &str| {
        let delivery = Delivery::of("a").header("Persona-Signature", value);
        let verified = delivery.judged(&scheme, rotated(&scheme), &[]).unwrap();
        *verified.signature().unwrap()
    };
    let (new, old) = (group(OTHER, 0), group(SECRET, 3));
    let both = judged(&format!("{new} {old}"));
    for alone in [judged(&new), judged(&old)] {
        let prints = [alone.by_current()].into_iter().chain(alone.by_previous());
        let known = |print: &&Fingerprint| {
            *print == both.by_current() || both.beside().any(|other| other == *print)
        };
        assert!(prints.into_iter().any(|print| known(&print)), "{alone:?}");
    }
}

#[test]
fn a_token_has_none() {
    for mode in [Mode::Secret, Mode::Bearer, Mode::ApiKey] {
        let scheme = portcullis::directory::AuthDefinition::of(mode)
            .compiled()
            .unwrap()
            .unwrap();
        let delivery = Delivery::proven(&scheme, SECRET, "a");
        let verified = delivery
            .judged(&scheme, ring(&scheme, SECRET), &[])
            .unwrap();
        assert_eq!(verified.signature(), None, "{mode}");
    }
}

#[test]
fn what_is_signed_with_the_body_is_known() {
    for (name, signs_id) in [
        ("standard-webhooks", true),
        ("svix", true),
        ("openai", true),
        ("github", false),
        ("sanity", false),
        ("linear", false),
        ("slack", true),
        ("stripe", true),
        ("secret", false),
    ] {
        assert_eq!(preset(name).id_is_signed(), signs_id, "{name}");
    }
}

proptest! {
    #[test]
    fn it_is_valid_until_the_first_moment_that_finds_it_stale(milliseconds in -400_000..400_000i64) {
        for name in ["slack", "standard-webhooks", "mux", "paddle"] {
            let scheme = preset(name);
            let delivery = Delivery::proven(&scheme, SECRET, "a");
            let until = signature(&scheme, SECRET, "a").valid_until().unwrap();
            let now = NOW + SignedDuration::from_millis(milliseconds);
            let verdict = delivery.judged_at(&scheme, ring(&scheme, SECRET), &[], now);
            let is_stale = verdict.err() == Some(ProofError::TimestampStale);
            prop_assert_eq!(is_stale, now >= until, "{} {}", name, now);
        }
        prop_assert_eq!(signature(&preset("github"), SECRET, "a").valid_until(), None);
    }
}
