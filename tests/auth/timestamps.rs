//! The time of a signature: signed with the body, and not too far from now.

use jiff::{SignedDuration, Timestamp};
use portcullis::auth::ProofError;

use crate::delivery::{Delivery, NOW, preset, ring};

const SECRET: &[u8] = b"00112233445566778899aabbccddeeff";

fn verdict(name: &str, delivery: &Delivery, now: Timestamp) -> Result<(), ProofError> {
    let scheme = preset(name);
    let keys = ring(&scheme, SECRET);
    delivery.judged_at(&scheme, keys, &[], now).map(drop)
}

#[test]
fn both_ends_of_the_window_are_inside_and_exact_to_the_second() {
    for name in ["slack", "standard-webhooks", "svix", "mux", "paddle"] {
        let delivery = Delivery::proven(&preset(name), SECRET, "body");
        for (milliseconds, expected) in [
            (0, Ok(())),
            (300_000, Ok(())),
            (300_999, Ok(())),
            (301_000, Err(ProofError::TimestampStale)),
            (10_000_000_000, Err(ProofError::TimestampStale)),
            (-300_000, Ok(())),
            (-301_000, Err(ProofError::TimestampFuture)),
            (-10_000_000_000, Err(ProofError::TimestampFuture)),
        ] {
            let now = NOW + SignedDuration::from_millis(milliseconds);
            assert_eq!(
                verdict(name, &delivery, now),
                expected,
                "{name} {milliseconds}"
            );
        }
    }
    // A year-old delivery whose time is signed, though the provider's own library would take it.
    let delivery = Delivery::proven(&preset("sanity"), SECRET, "body");
    let later = NOW + SignedDuration::from_hours(24 * 365);
    let got = verdict("sanity", &delivery, later);
    assert_eq!(got, Err(ProofError::TimestampStale));
}

#[test]
fn a_stale_forgery_is_a_forgery() {
    let delivery = Delivery::proven(&preset("slack"), b"another secret", "body");
    let later = NOW + SignedDuration::from_hours(1);
    let got = verdict("slack", &delivery, later);
    assert_eq!(got, Err(ProofError::SignatureMismatch));
}

#[test]
fn a_time_is_digits_and_nothing_else() {
    let signature = format!("v0={}", "0".repeat(64));
    for time in [
        "",
        " ",
        "+1700000000",
        "-1",
        "1.7e9",
        "1700000000.0",
        "0x10",
        "17000000000000000",
        "99999999999999999999",
        "1700000000 ",
        "hello",
        "１７",
        "1_7",
    ] {
        let delivery = Delivery::of("body")
            .header("X-Slack-Signature", &signature)
            .header("X-Slack-Request-Timestamp", time);
        // White space around a value is not the sender's, as HTTP reads it; here it was not removed.
        let got = verdict("slack", &delivery, NOW);
        assert_eq!(got, Err(ProofError::SignatureMalformed), "{time:?}");
    }
    let delivery = Delivery::of("body").header("X-Slack-Signature", &signature);
    let got = verdict("slack", &delivery, NOW);
    assert_eq!(got, Err(ProofError::SignatureMissing));
}

#[test]
fn a_time_that_is_there_twice_is_ambiguous() {
    let delivery = Delivery::proven(&preset("mux"), SECRET, "body");
    let head = delivery.head();
    let value = head.headers["mux-signature"].to_str().unwrap().to_owned();
    for (value, expected) in [
        (value.clone(), Ok(())),
        (format!("{value},x=y"), Ok(())),
        (
            format!("{value},t=1700000000"),
            Err(ProofError::SignatureMalformed),
        ),
        (format!("t=1,{value}"), Err(ProofError::SignatureMalformed)),
        (
            value.replacen("t=", "T=", 1),
            Err(ProofError::SignatureMalformed),
        ),
    ] {
        let delivery = Delivery::of("body").header("Mux-Signature", &value);
        assert_eq!(verdict("mux", &delivery, NOW), expected, "{value}");
    }
}
