//! Signatures that others have published, with where they stand.

use portcullis::auth::{ProofError, Scheme};

use crate::declarations::declared;
use crate::delivery::{Delivery, preset};

/// Header, secret, body, and what is wrong with it.
type Vector<'v> = ((&'v str, &'v str), &'v str, &'v str, Option<ProofError>);

#[test]
fn githubs_own_example_is_admitted() {
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let delivery = Delivery::of("Hello, World!").header("X-Hub-Signature-256", signature);
    let verdict = delivery.judged_by(&preset("github"), b"It's a Secret to Everybody");
    assert_eq!(verdict.unwrap().version(), Some(1));
}

#[test]
fn the_vectors_of_octokit_come_out_as_published() {
    // https://github.com/octokit/webhooks-methods.js/blob/main/test/sign.test.ts
    // https://github.com/octokit/webhooks-methods.js/blob/main/test/verify.test.ts
    let signed = |value| ("X-Hub-Signature-256", value);
    check(
        &preset("github"),
        &[
            (
                signed("sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"),
                "mysecret",
                r#"{"foo":"bar"}"#,
                None,
            ),
            (signed("foo"), "mysecret", r#"{"foo":"bar"}"#, MALFORMED),
        ],
    );
}

#[test]
fn the_vectors_of_gidgethub_come_out_as_published() {
    // https://github.com/gidgethub/gidgethub/blob/main/tests/test_sansio.py
    let right = "sha256=091319196718d5bcb1c20ad25fc890597423ecdbad1f947f560afd643b5000de";
    let untagged = right.strip_prefix("sha256=").unwrap();
    let signed = |value| ("X-Hub-Signature-256", value);
    check(
        &preset("github"),
        &[
            (signed(right), "123456", "gidget", None),
            (signed(right), "123456", "gidget!", MISMATCH),
            (signed(untagged), "123456", "gidget", MALFORMED),
        ],
    );
}

#[test]
fn a_delivery_with_both_of_githubs_signatures_is_judged_by_the_one_that_was_chosen() {
    // https://github.com/gidgethub/gidgethub/blob/main/tests/test_sansio.py
    let delivery = Delivery::of(r#"{"action": "opened"}"#)
        .header("content-type", "application/json")
        .header("x-github-event", "pull_request")
        .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .header(
            "x-hub-signature",
            "sha1=c28e33b2e56e548956c446e890929a6cbec3ac89",
        )
        .header(
            "x-hub-signature-256",
            "sha256=0340d06469a1b35662ebd7a67ea2c0c328239f319f1cfafb221451de629e0430",
        );
    for name in ["github", "github-sha1"] {
        assert!(
            delivery.judged_by(&preset(name), b"123456").is_ok(),
            "{name}"
        );
    }
}

#[test]
fn the_vectors_of_go_github_come_out_as_published() {
    // https://github.com/google/go-github/blob/master/github/messages_test.go
    let (secret, json) = ("0123456789abcdef", r#"{"yo":true}"#);
    let sha256 = "sha256=b1f8020f5b4cd42042f807dd939015c4a418bc1ff7f604dd55b0a19b5d953d9b";
    check(
        &preset("github"),
        &[(("X-Hub-Signature-256", sha256), secret, json, None)],
    );

    let signed = |value| ("X-Hub-Signature", value);
    // A form is signed as it is sent, not as the JSON inside it.
    let form = "payload=%7B%22yo%22%3Atrue%7D";
    check(
        &preset("github-sha1"),
        &[
            (
                signed("sha1=126f2c800419c60137ce748d7672e77b65cf16d6"),
                secret,
                json,
                None,
            ),
            (
                signed("sha1=3374ef144403e8035423b23b02e2c9d7a4c50368"),
                secret,
                form,
                None,
            ),
            (signed("yo"), secret, json, MALFORMED),
            (signed("sha1=yo"), secret, json, MALFORMED),
            (signed("sha1=012345"), secret, json, MALFORMED),
        ],
    );
    let unsigned = Delivery::of(json).judged_by(&preset("github-sha1"), secret.as_bytes());
    assert_eq!(unsigned, Err(ProofError::SignatureMissing));
}

#[test]
fn what_other_providers_publish_can_be_declared() {
    // https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/
    // https://developer.atlassian.com/cloud/jira/platform/webhooks/
    let atlassian = ("X-Hub-Signature", ATLASSIAN);
    let secret = "It's a Secret to Everybody";
    check(
        &declared(&tagged("X-Hub-Signature")),
        &[
            (atlassian, secret, "Hello World!", None),
            (atlassian, secret, "Hello, World!", MISMATCH),
        ],
    );

    // https://developers.notion.com/reference/webhooks
    let token = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";
    let body = format!(r#"{{"verification_token":"{token}"}}"#);
    let notion = "sha256=461e8cbcba8a75c3edd866f0e71280f5a85cbf21eff040ebd10fe266df38a735";
    check(
        &declared(&tagged("X-Notion-Signature")),
        &[(("X-Notion-Signature", notion), token, &body, None)],
    );

    // https://github.com/razorpay/razorpay-node/issues/29
    let signed = |value| ("X-Razorpay-Signature", value);
    let first = signed("ee0a3edebeb4be41bafa3bc0a39069d7845a5c37760b863405049de80b5fe92d");
    let second = signed("58fd9fac909b57d776606e9313e83a26a9e67a3488b9ca7259134e09f4badfb1");
    let razorpay =
        "algorithm = \"hmac-sha256\"\nsignatures = [{ from = \"header:X-Razorpay-Signature\" }]";
    check(
        &declared(razorpay),
        &[
            (first, "123456", "{a:1, b:2}", None),
            (second, "123456", "{c:1, d:2}", None),
            (first, "123456", "{c:1, d:2}", MISMATCH),
        ],
    );
}

fn check(scheme: &Scheme, vectors: &[Vector<'_>]) {
    for ((name, value), secret, body, wrong) in vectors {
        let delivery = Delivery::of(*body).header(name, value);
        let verdict = delivery.judged_by(scheme, secret.as_bytes());
        assert_eq!(verdict.err(), *wrong, "{name}: {value} over {body}");
    }
}

fn tagged(header: &str) -> String {
    format!(
        "algorithm = \"hmac-sha256\"\n\
         signatures = [{{ from = \"header:{header}\", separator = \"=\", tag = \"sha256\" }}]\n"
    )
}

const ATLASSIAN: &str = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
const MALFORMED: Option<ProofError> = Some(ProofError::SignatureMalformed);
const MISMATCH: Option<ProofError> = Some(ProofError::SignatureMismatch);
