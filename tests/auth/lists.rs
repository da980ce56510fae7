//! Several signatures in one header, and the ways in which they are written down.

use portcullis::auth::ProofError;

use crate::delivery::{Delivery, preset};

/// What `PagerDuty` would send, without the tag.
fn right() -> String {
    let delivery = Delivery::proven(&preset("pagerduty"), SECRET, BODY);
    let head = delivery.head();
    let value = head.headers["x-pagerduty-signature"].to_str().unwrap();
    value.strip_prefix("v1=").unwrap().to_owned()
}

fn verdict(name: &str, header: &str, value: &str) -> Result<(), ProofError> {
    let delivery = Delivery::of(BODY).header(header, value);
    delivery.judged_by(&preset(name), SECRET).map(drop)
}

#[test]
fn one_right_signature_among_others_is_enough() {
    let (right, wrong) = (right(), "0".repeat(64));
    for (value, expected) in [
        (format!("v1={right}"), Ok(())),
        (format!("v1={wrong},v1={right}"), Ok(())),
        (format!("v1={right},v1={wrong}"), Ok(())),
        (format!("v1={right}, v1={wrong}"), Ok(())),
        (format!("v0=x, v1={right} ,,"), Ok(())),
        // What cannot be decoded is passed over.
        (format!("v1=dummy,v1={right}"), Ok(())),
        (format!("v1={wrong}"), Err(ProofError::SignatureMismatch)),
        (format!("v2={right}"), Err(ProofError::SignatureMalformed)),
        (format!("v1={right}0"), Err(ProofError::SignatureMalformed)),
        (right.clone(), Err(ProofError::SignatureMalformed)),
        (String::new(), Err(ProofError::SignatureMalformed)),
        (",".to_owned(), Err(ProofError::SignatureMalformed)),
    ] {
        let got = verdict("pagerduty", "X-PagerDuty-Signature", &value);
        assert_eq!(got, expected, "{value}");
    }
}

#[test]
fn more_candidates_than_any_provider_sends_are_nobodys_delivery() {
    let (right, wrong) = (right(), format!("v1={}", "0".repeat(64)));
    for (others, expected) in [(63, Ok(())), (64, Err(ProofError::SignatureMalformed))] {
        let mut list = vec![wrong.clone(); others];
        list.push(format!("v1={right}"));
        let got = verdict("pagerduty", "X-PagerDuty-Signature", &list.join(","));
        assert_eq!(got, expected, "{others} others");
    }
}

#[test]
fn base64_has_one_spelling() {
    let delivery = Delivery::proven(&preset("line"), SECRET, BODY);
    let head = delivery.head();
    let right = head.headers["x-line-signature"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(verdict("line", "X-Line-Signature", &right), Ok(()));
    // 32 bytes end in a character whose last two bits stand for nothing.
    let last = right.as_bytes()[42];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = alphabet.iter().position(|byte| *byte == last).unwrap();
    let other = char::from(alphabet[value | 1]);
    for spelling in [
        format!("{}{other}=", &right[..42]),
        right.trim_end_matches('=').to_owned(),
        format!("{right}="),
        right.replace('=', "=="),
        format!("{} {}", &right[..10], &right[10..]),
    ] {
        let got = verdict("line", "X-Line-Signature", &spelling);
        assert_eq!(got, Err(ProofError::SignatureMalformed), "{spelling}");
    }
}

#[test]
fn a_secret_that_is_not_written_as_the_scheme_expects_makes_no_key() {
    let scheme = preset("adyen-platform");
    for secret in ["no hex", "abc", "zz", ""] {
        assert!(scheme.key().prepare(secret.as_bytes()).is_err(), "{secret}");
    }
    assert!(scheme.key().prepare(b"00ffAB").is_ok());
    // Decoded, it is nothing at all.
    assert!(scheme.key().prepare(b"0000").is_err());
}

const BODY: &str = r#"{"event":{}}"#;
const SECRET: &[u8] = b"It's a Secret to Everybody";
