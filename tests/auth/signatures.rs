//! What holds for every signature, key and body.

use portcullis::auth::{Key, Place, ProofError, Scheme, VerificationStart};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use ring::hmac;

use crate::delivery::{Delivery, message, preset, ring};
use crate::inputs::{around_the_body, bodies, edits, flipped, header_values, schemes, secrets};

proptest! {
    #[test]
    fn what_is_signed_is_admitted(scheme in schemes(), secret in secrets(), body in bodies()) {
        let verdict = Delivery::proven(&scheme, &secret, body).judged_by(&scheme, &secret);
        prop_assert_eq!(verdict.unwrap().version(), Some(1));
    }

    #[test]
    fn what_stands_around_the_body_is_signed_with_it(secret in secrets(), body in bodies()) {
        // By another library: `prove` and the verification could be wrong in the same way.
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let message = [b"v0:", &body[..], b":end"].concat();
        let signed = |message: &[u8]| {
            let code = hex::encode(hmac::sign(&key, message));
            let delivery = Delivery::of(body.clone()).header("X-Signature", code);
            delivery.judged_by(&around_the_body(), &secret)
        };
        prop_assert!(signed(&message).is_ok());
        prop_assert_eq!(signed(&body), Err(ProofError::SignatureMismatch));
    }

    #[test]
    fn in_which_pieces_a_body_arrives_does_not_matter(
        scheme in schemes(), secret in secrets(), body in bodies(), pieces in vec(0..200usize, 0..20),
    ) {
        let genuine = Delivery::proven(&scheme, &secret, body.clone());
        prop_assert!(genuine.judged(&scheme, ring(&scheme, &secret), &pieces).is_ok());
        let longer = genuine.with_body([&body[..], b"!"].concat());
        let verdict = longer.judged(&scheme, ring(&scheme, &secret), &pieces);
        prop_assert_eq!(verdict, Err(ProofError::SignatureMismatch));
    }

    #[test]
    fn a_body_with_one_bit_changed_is_refused(
        scheme in schemes(), secret in secrets(), body in bodies(), at: Index, bit in 0..8u32,
    ) {
        prop_assume!(!body.is_empty());
        let changed = flipped(&body, at, bit);
        let verdict = Delivery::proven(&scheme, &secret, body)
            .with_body(changed)
            .judged_by(&scheme, &secret);
        prop_assert_eq!(verdict, Err(ProofError::SignatureMismatch));
    }

    #[test]
    fn a_key_with_one_bit_changed_is_refused(
        scheme in schemes(), secret in secrets(), body in bodies(), at: Index, bit in 0..8u32,
    ) {
        let changed = flipped(&secret, at, bit);
        let verdict = Delivery::proven(&scheme, &secret, body).judged_by(&scheme, &changed);
        prop_assert_eq!(verdict, Err(ProofError::SignatureMismatch));
    }

    #[test]
    fn a_signature_with_one_bit_changed_is_refused(
        secret in secrets(), body in bodies(), at: Index, bit in 0..8u32,
    ) {
        for (name, header, tag) in GITHUB {
            let scheme = preset(name);
            let (_, value) = proof_of(&scheme, &secret, &body);
            let code = hex::decode(value.strip_prefix(tag).unwrap()).unwrap();
            let forged = format!("{tag}{}", hex::encode(flipped(&code, at, bit)));
            let verdict = Delivery::of(body.clone()).header(header, forged).judged_by(&scheme, &secret);
            prop_assert_eq!(verdict, Err(ProofError::SignatureMismatch));
        }
    }

    #[test]
    fn no_text_but_the_signature_itself_is_admitted(
        secret in secrets(), body in bodies(), edit in edits(), other in header_values(),
    ) {
        for (name, header, tag) in GITHUB {
            let scheme = preset(name);
            let (_, genuine) = proof_of(&scheme, &secret, &body);
            for text in [edit.of(genuine.as_bytes()), other.clone()] {
                prop_assume!(!is_same_code(&text, &genuine, tag));
                let delivery = Delivery::of(body.clone()).header(header, &text);
                prop_assert!(delivery.judged_by(&scheme, &secret).is_err());
            }
        }
    }

    #[test]
    fn a_signature_of_another_length_is_malformed(
        secret in secrets(), body in bodies(), len in 0..130usize,
    ) {
        for (name, header, tag) in GITHUB {
            let scheme = preset(name);
            let (_, value) = proof_of(&scheme, &secret, &body);
            let digits = value.strip_prefix(tag).unwrap();
            prop_assume!(len != digits.len());
            let digits: String = digits.chars().cycle().take(len).collect();
            let delivery = Delivery::of(body.clone()).header(header, format!("{tag}{digits}"));
            let verdict = delivery.judged_by(&scheme, &secret);
            prop_assert_eq!(verdict, Err(ProofError::SignatureMalformed));
        }
    }

    #[test]
    fn a_signature_with_a_character_that_is_no_digit_is_malformed(
        secret in secrets(), body in bodies(), at: Index, other in "[ -/:-@G-`g-~]",
    ) {
        for (name, header, tag) in GITHUB {
            let scheme = preset(name);
            let (_, mut value) = proof_of(&scheme, &secret, &body);
            let at = tag.len() + at.index(value.len() - tag.len());
            value.replace_range(at..=at, &other);
            let verdict = Delivery::of(body.clone()).header(header, value).judged_by(&scheme, &secret);
            prop_assert_eq!(verdict, Err(ProofError::SignatureMalformed));
        }
    }

    #[test]
    fn digits_count_in_either_case_and_the_tag_in_its_own(
        secret in secrets(), body in bodies(), upper in vec(any::<bool>(), 64),
    ) {
        for (name, header, tag) in GITHUB {
            let scheme = preset(name);
            let (_, value) = proof_of(&scheme, &secret, &body);
            let digits = value.strip_prefix(tag).unwrap().chars().zip(&upper);
            let digits: String = digits
                .map(|(digit, upper)| if *upper { digit.to_ascii_uppercase() } else { digit })
                .collect();
            let delivery = Delivery::of(body.clone());
            let mixed = delivery.clone().header(header, format!("{tag}{digits}"));
            prop_assert!(mixed.judged_by(&scheme, &secret).is_ok());
            let shouted = delivery.header(header, format!("{}{digits}", tag.to_ascii_uppercase()));
            let verdict = shouted.judged_by(&scheme, &secret);
            prop_assert_eq!(verdict, Err(ProofError::SignatureMalformed));
        }
    }
}

#[test]
fn an_empty_signature_is_malformed_and_none_is_missing() {
    for (name, header, tag) in GITHUB {
        let scheme = preset(name);
        for empty in ["", tag, tag.trim_end_matches('=')] {
            let verdict = Delivery::of("body")
                .header(header, empty)
                .judged_by(&scheme, b"secret");
            assert_eq!(verdict, Err(ProofError::SignatureMalformed), "{empty:?}");
        }
        let verdict = Delivery::of("body").judged_by(&scheme, b"secret");
        assert_eq!(verdict, Err(ProofError::SignatureMissing));
    }
}

#[test]
fn what_the_head_shows_to_be_wrong_is_refused_without_the_body() {
    let scheme = preset("github");
    let genuine = Delivery::proven(&scheme, b"secret", "body");
    for (delivery, expected) in [
        (genuine.clone(), None),
        (Delivery::of("body"), Some(ProofError::SignatureMissing)),
        (
            genuine.header("X-Hub-Signature-256", "sha256=00"),
            Some(ProofError::SignatureMalformed),
        ),
    ] {
        match delivery.begun(&scheme, ring(&scheme, b"secret")) {
            Ok(VerificationStart::Streaming(_)) => assert_eq!(expected, None, "{delivery:?}"),
            Ok(VerificationStart::Proven(_)) => panic!("proven without its body: {delivery:?}"),
            Err(error) => assert_eq!(expected, Some(error), "{delivery:?}"),
        }
    }
}

#[test]
fn an_empty_secret_makes_no_key_and_signs_nothing() {
    for scheme in [
        preset("github"),
        preset("github-sha1"),
        preset("bearer"),
        preset("secret"),
    ] {
        for secret in [&b""[..], b"\0", &[0; 64]] {
            assert!(Key::prepare(scheme.algorithm(), secret).is_err());
            assert!(scheme.prove(secret, message(b"body")).is_err());
        }
    }
}

#[test]
fn two_signatures_that_differ_are_refused_even_if_one_is_right() {
    for (name, header, tag) in GITHUB {
        let scheme = preset(name);
        let genuine = Delivery::proven(&scheme, b"secret", "body");
        let (_, value) = proof_of(&scheme, b"secret", b"body");
        assert!(
            genuine
                .clone()
                .header(header, value)
                .judged_by(&scheme, b"secret")
                .is_ok()
        );
        let verdict = genuine
            .header(header, format!("{tag}00"))
            .judged_by(&scheme, b"secret");
        assert_eq!(verdict, Err(ProofError::SignatureMalformed));
    }
}

const GITHUB: [(&str, &str, &str); 2] = [
    ("github", "X-Hub-Signature-256", "sha256="),
    ("github-sha1", "X-Hub-Signature", "sha1="),
];

/// Whether `text` is `genuine`, but for the case of its digits.
fn is_same_code(text: &[u8], genuine: &str, tag: &str) -> bool {
    text.starts_with(tag.as_bytes()) && text.eq_ignore_ascii_case(genuine.as_bytes())
}

/// The one header that proves `body`.
fn proof_of(scheme: &Scheme, secret: &[u8], body: &[u8]) -> (Place, String) {
    let mut added = scheme.prove(secret, message(body)).unwrap();
    assert_eq!(added.len(), 1);
    added.remove(0)
}

/// The rest of the list is nobody's business, as long as it is short.
#[test]
fn a_proof_longer_than_any_provider_sends_is_refused_before_it_is_read() {
    let scheme = &preset("stripe");
    let secret = b"whsec_of_the_test_00112233445566778899";
    let genuine = Delivery::proven(scheme, secret, "{}");
    let name = http::HeaderName::from_static("stripe-signature");
    let signature = genuine.headers()[&name].to_str().unwrap().to_owned();
    for (len, verdict) in [
        (7 * 1024, Ok(())),
        (9 * 1024, Err(ProofError::SignatureMalformed)),
    ] {
        let longer = format!("{signature},v0={}", "0".repeat(len));
        let delivery = genuine.clone().replacing(&name, longer.as_bytes());
        assert_eq!(
            delivery.judged_by(scheme, secret).map(|_| ()),
            verdict,
            "{len}"
        );
    }
}
