//! Wycheproof's HMAC vectors, sent as deliveries.
//!
//! The suite counts a tag that was cut short as valid where the caller asks for that length. No scheme
//! does: every code has its full length, or it is none.

use portcullis::auth::ProofError;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

use crate::delivery::{Delivery, preset};

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
