//! Wycheproof's vectors, sent as deliveries.
//!
//! Of HMAC, the suite counts a tag that was cut short as valid where the caller asks for that length. No scheme
//! does: every code has its full length, or it is none.

use portcullis::auth::ProofError;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};
use wycheproof::{ecdsa, eddsa};

use crate::declarations::declared;
use crate::delivery::{Delivery, preset, ring};

#[test]
fn hmac_sha256_agrees_with_wycheproof() {
    agree(
        TestName::HmacSha256,
        "github",
        "X-Hub-Signature-256",
        "sha256=",
    );
}

#[test]
fn hmac_sha1_agrees_with_wycheproof() {
    agree(
        TestName::HmacSha1,
        "github-sha1",
        "X-Hub-Signature",
        "sha1=",
    );
}

#[test]
fn hmac_sha512_agrees_with_wycheproof() {
    agree(TestName::HmacSha512, "paystack", "x-paystack-signature", "");
}

#[test]
fn ecdsa_agrees_with_wycheproof() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let tests = set.test_groups.into_iter().flat_map(|group| {
        let key = group.der.to_vec();
        let tests = group.tests.into_iter();
        tests.map(move |test| (key.clone(), test.msg, test.sig, test.result, test.comment))
    });
    let (valid, invalid) = public_keys_agree("ecdsa-p256-sha256", tests);
    assert!(valid >= 150 && invalid >= 200, "{valid} {invalid}");
}

#[test]
fn ed25519_agrees_with_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let tests = set.test_groups.into_iter().flat_map(|group| {
        let key = group.der.to_vec();
        let tests = group.tests.into_iter();
        tests.map(move |test| (key.clone(), test.msg, test.sig, test.result, test.comment))
    });
    let (valid, invalid) = public_keys_agree("ed25519", tests);
    assert!(valid >= 70 && invalid >= 50, "{valid} {invalid}");
}

/// Key, message, signature, and what is right.
type Signed<B> = (Vec<u8>, B, B, TestResult, String);

/// How many are valid, and how many are not.
fn public_keys_agree<B: AsRef<[u8]>>(
    algorithm: &str,
    tests: impl Iterator<Item = Signed<B>>,
) -> (usize, usize) {
    let scheme = declared(&format!(
        "algorithm = \"{algorithm}\"\nkey = {{ encoding = \"hex\" }}\n\
         signatures = [{{ from = \"header:X-Signature\" }}]"
    ));
    let (mut valid, mut invalid) = (0, 0);
    for (key, message, signature, result, comment) in tests {
        let delivery =
            Delivery::of(message.as_ref()).header("X-Signature", hex::encode(signature.as_ref()));
        let keys = ring(&scheme, hex::encode(key).as_bytes());
        let verdict = delivery.judged(&scheme, keys, &[1]).map(drop);
        if result == TestResult::Valid {
            valid += 1;
            assert_eq!(verdict, Ok(()), "{algorithm}: {comment}");
        } else {
            invalid += 1;
            assert!(verdict.is_err(), "{algorithm}: {comment}");
        }
    }
    (valid, invalid)
}

fn agree(name: TestName, preset_name: &str, header: &str, tag: &str) {
    let scheme = preset(preset_name);
    let full = *scheme.algorithm().signature_len().unwrap().end();
    let (mut admitted, mut refused, mut truncated) = (0, 0, 0);
    for group in TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let delivery = Delivery::of(&test.msg[..])
                .header(header, format!("{tag}{}", hex::encode(&test.tag)));
            let verdict = delivery.judged_by(&scheme, &test.key);
            let expected = if test.tag.len() != full {
                truncated += 1;
                Some(ProofError::SignatureMalformed)
            } else if test.result == TestResult::Valid {
                admitted += 1;
                None
            } else {
                refused += 1;
                Some(ProofError::SignatureMismatch)
            };
            assert_eq!(
                verdict.err(),
                expected,
                "{preset_name} {}: {}",
                test.tc_id,
                test.comment
            );
        }
    }
    assert!(
        admitted >= 30 && refused >= 50 && truncated >= 80,
        "{admitted} {refused} {truncated}"
    );
}
