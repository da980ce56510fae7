//! Messages of Amazon SNS: what is signed of them, and where their certificate may lie.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::auth::{
    Algorithm, CertificateClaim, CertificateUrl, Claim, Preset, ProofError, Scheme, SchemeError,
    TopicArn, is_confirmation_url,
};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::delivery::{Delivery, NOW, ring};
use crate::inputs::flipped;
use crate::providers::signed_with;

pub(crate) const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";
const CERTIFICATE: &str = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";
/// The time of every delivery of these tests, as SNS writes it.
const SENT_AT: &str = "2023-11-14T22:13:20.000Z";
/// OpenSSL's over `signed` of `notification("The order 7 was paid.")`, with the key of the tests: ring does
/// not sign with SHA-1.
const BY_SHA1: &str = "IddiQn24bnd37gMENXoqyo028RNwGzMnKOVfn+pDx07qsuDljfXa9KaLHqR/yxjya7D4gwu2IxB1LpdmvQwtoK2fO2wlMQ3qJjfghTnQizldx1pJCNUDO1vcbsF9G6KQ9eVd1fKFx3PjAjb1dkAxdZx/GBi2W/A4i88YTpTkSG/0zoqhHIhCYG65w8vUETApdjoHrvyubve3R5oenEpr/cYq6U2tBaW2v9+PR7BPVBxaeMHJ/cV9J9atlO+N120Oa9IgPteJmrENp2qyZ9XvCMYklxjKSxUOgCIMTaYRZx3zR8ooYx63EYFHfC1scsdpGpNiybjcvHLeVoeBIbHKjg==";

/// A message that nobody has signed yet.
fn notification(text: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Orders",
        "Message": text,
        "Timestamp": SENT_AT,
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
    })
}

fn confirmation() -> Value {
    json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": format!("https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"),
        "Timestamp": SENT_AT,
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
    })
}

/// What Amazon's page says that is signed.
fn signed(message: &Value) -> String {
    let names = match message["Type"].as_str().unwrap_or_default() {
        "Notification" => "Message MessageId Subject Timestamp TopicArn Type",
        _ => "Message MessageId SubscribeURL Timestamp Token TopicArn Type",
    };
    let lines = names.split(' ').filter_map(|name| {
        let value = message[name].as_str()?;
        Some(format!("{name}\n{value}\n"))
    });
    lines.collect()
}

fn with_signature(mut message: Value) -> Value {
    let (_, signature) = signed_with(Algorithm::RsaSha256, signed(&message).as_bytes());
    message["Signature"] = STANDARD.encode(signature).into();
    message
}

/// A body as SNS sends it, and the public key of its certificate.
pub(crate) fn genuine(name: &str, noise: &str) -> (String, Vec<u8>) {
    let (public, _) = signed_with(Algorithm::RsaSha256, b"");
    let message = if name == "aws-sns-sha1" {
        let mut message = notification("The order 7 was paid.");
        message["SignatureVersion"] = "1".into();
        message["Signature"] = BY_SHA1.into();
        message
    } else {
        with_signature(notification(noise))
    };
    (STANDARD.encode(public), message.to_string().into_bytes())
}

fn scheme(name: &str, topic: &str) -> Result<Scheme, SchemeError> {
    let mut scheme = Preset::named(name).unwrap().scheme.clone();
    scheme.set(&[("topic_arn".to_owned(), topic.to_owned())].into())?;
    Ok(scheme)
}

fn verdict(name: &str, topic: &str, body: impl Into<Vec<u8>>) -> Result<(), ProofError> {
    let scheme = scheme(name, topic).unwrap();
    let (key, _) = genuine(name, "");
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
    let keys = ring(&scheme, pem.as_bytes());
    Delivery::of(body).judged(&scheme, keys, &[7]).map(drop)
}

#[test]
fn every_kind_of_message_is_verified_over_its_own_members() {
    let mut without_subject = notification("line one\nline two \u{1f511}");
    without_subject.as_object_mut().unwrap().remove("Subject");
    let mut null_subject = notification("");
    null_subject["Subject"] = Value::Null;
    let mut end = confirmation();
    end["Type"] = "UnsubscribeConfirmation".into();
    for message in [
        notification("a"),
        without_subject,
        null_subject,
        confirmation(),
        end,
    ] {
        let body = with_signature(message).to_string();
        assert_eq!(verdict("aws-sns", TOPIC, body.as_str()), Ok(()), "{body}");
    }
    let (_, body) = genuine("aws-sns-sha1", "");
    assert_eq!(verdict("aws-sns-sha1", TOPIC, body), Ok(()));
}

#[test]
fn a_message_of_another_topic_proves_nothing_though_amazon_signed_it() {
    let (_, body) = genuine("aws-sns", "a");
    for other in [
        "arn:aws:sns:eu-central-1:123456789012:orders2",
        "arn:aws:sns:eu-central-1:123456789013:orders",
        "arn:aws:sns:eu-west-1:123456789012:orders",
    ] {
        let refused = Err(ProofError::SignatureMismatch);
        assert_eq!(verdict("aws-sns", other, body.clone()), refused, "{other}");
    }
}

#[test]
fn the_sender_does_not_choose_the_hash() {
    for (name, other) in [("aws-sns", "aws-sns-sha1"), ("aws-sns-sha1", "aws-sns")] {
        let (_, body) = genuine(name, "a");
        let refused = Err(ProofError::SignatureMalformed);
        assert_eq!(verdict(other, TOPIC, body), refused, "{name}");
    }
    for version in [json!(2), json!("3"), json!(""), json!(null), json!("2 ")] {
        let mut message = with_signature(notification("a"));
        message["SignatureVersion"] = version;
        let refused = Err(ProofError::SignatureMalformed);
        assert_eq!(verdict("aws-sns", TOPIC, message.to_string()), refused);
    }
}

#[test]
fn what_another_reader_could_read_in_another_way_is_refused() {
    let genuine = with_signature(notification("a")).to_string();
    let inserted = |member: &str| format!("{{{member},{}", &genuine[1..]);
    assert_eq!(verdict("aws-sns", TOPIC, inserted(r#""Other":1"#)), Ok(()));
    for member in [
        r#""Message":"b""#,
        r#""Message":"a""#,
        r#""message":"b""#,
        r#""SUBJECT":"b""#,
        r#""Mess\u0061ge":"b""#,
        r#""Subject":null"#,
        r#""Token":null,"Token":"b""#,
    ] {
        let body = inserted(member);
        let refused = Err(ProofError::SignatureMalformed);
        assert_eq!(verdict("aws-sns", TOPIC, body), refused, "{member}");
    }
    for body in [
        genuine.replace(r#""a""#, "1"),
        format!("{genuine}x"),
        format!("[{genuine}]"),
    ] {
        let refused = Err(ProofError::SignatureMalformed);
        assert_eq!(verdict("aws-sns", TOPIC, body.as_str()), refused, "{body}");
    }
}

#[test]
fn what_was_signed_can_be_read_in_one_way_only() {
    // The text may be cut at its own line ends, and looks like members then.
    let text = "a\nMessageId\nb\nSubject\nc\nTimestamp\nd";
    let genuine = with_signature(notification(text));
    assert_eq!(verdict("aws-sns", TOPIC, genuine.to_string()), Ok(()));
    let moved: [&[(&str, Option<&str>)]; 4] = [
        // The same bytes are signed, with another border between two members.
        &[
            ("Subject", None),
            (
                "MessageId",
                Some("22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nOrders"),
            ),
        ],
        &[
            ("Message", Some("a")),
            (
                "MessageId",
                Some(
                    "b\nSubject\nc\nTimestamp\nd\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
                ),
            ),
        ],
        &[
            ("Message", Some("a")),
            ("MessageId", Some("b")),
            (
                "Subject",
                Some(
                    "c\nTimestamp\nd\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nOrders",
                ),
            ),
        ],
        &[
            (
                "Subject",
                Some("Orders\nTimestamp\n2026-07-01T12:00:00.000Z"),
            ),
            ("Timestamp", Some("")),
        ],
    ];
    for members in moved {
        let mut message = genuine.clone();
        for (name, value) in members {
            match value {
                Some(value) => message[*name] = (*value).into(),
                None => drop(message.as_object_mut().unwrap().remove(*name)),
            }
        }
        let refused = Err(ProofError::SignatureMalformed);
        assert_eq!(
            verdict("aws-sns", TOPIC, message.to_string()),
            refused,
            "{members:?}"
        );
    }
    for id in ["", "a b", "\u{e9}", &"a".repeat(129)] {
        let mut message = notification("a");
        message["MessageId"] = id.into();
        let message = with_signature(message).to_string();
        assert!(verdict("aws-sns", TOPIC, message).is_err(), "{id}");
    }
}

#[test]
fn what_has_no_signature_is_told_so() {
    let message = notification("a").to_string();
    let refused = Err(ProofError::SignatureMissing);
    assert_eq!(verdict("aws-sns", TOPIC, message), refused);
    // Raw message delivery.
    let raw = r#"{"order":7}"#;
    assert!(verdict("aws-sns", TOPIC, raw).is_err());
}

#[test]
fn a_certificate_lies_where_amazon_serves_the_region_of_the_topic_and_nowhere_else() {
    let topic: TopicArn = TOPIC.parse().unwrap();
    let at = |url: &str| CertificateUrl::of(&topic, url).map(|url| url.as_str().to_owned());
    assert_eq!(at(CERTIFICATE).as_deref(), Some(CERTIFICATE));
    for wrong in [
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
        "https://sns.eu-central-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
        "https://evil@sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.pem?x",
        "https://sns.eu-central-1.amazonaws.com/a.pem#x.pem",
        "https://sns.eu-central-1.amazonaws.com/a/b.pem",
        "https://sns.eu-central-1.amazonaws.com/../a.pem",
        "https://sns.eu-central-1.amazonaws.com/%2e.pem",
        "https://sns.eu-central-1.amazonaws.com/.pem",
        "https://sns.eu-central-1.amazonaws.com/a.PEM",
        "https://sns.eu-central-1.amazonaws.com//a.pem",
        "https://s3.eu-central-1.amazonaws.com/a.pem",
        " https://sns.eu-central-1.amazonaws.com/a.pem",
        "",
    ] {
        assert_eq!(at(wrong), None, "{wrong}");
        let mut message = with_signature(notification("a"));
        message["SigningCertURL"] = wrong.into();
        let refused = Err(ProofError::SignatureMalformed);
        assert_eq!(
            verdict("aws-sns", TOPIC, message.to_string()),
            refused,
            "{wrong}"
        );
    }
    let china: TopicArn = "arn:aws-cn:sns:cn-north-1:123456789012:a.fifo"
        .parse()
        .unwrap();
    assert!(CertificateUrl::of(&china, "https://sns.cn-north-1.amazonaws.com.cn/a.pem").is_some());
}

#[test]
fn nothing_is_fetched_for_a_message_of_a_stranger() {
    let scheme = std::sync::Arc::new(scheme("aws-sns", TOPIC).unwrap());
    let fetched = |message: Value| {
        let delivery = Delivery::of(message.to_string());
        let claim = Claim::read(&scheme, &delivery.head()).unwrap();
        let mut claim = CertificateClaim::new(&scheme, claim, NOW);
        claim
            .certificate_url(delivery.body())
            .map(|url| url.as_str().to_owned())
    };
    assert_eq!(fetched(notification("a")).as_deref(), Ok(CERTIFICATE));
    let mut other = notification("a");
    other["TopicArn"] = "arn:aws:sns:eu-central-1:999999999999:theirs".into();
    assert_eq!(fetched(other), Err(ProofError::SignatureMismatch));
}

#[test]
fn an_endpoint_has_to_name_one_topic() {
    let missing = Preset::named("aws-sns")
        .unwrap()
        .scheme
        .clone()
        .set(&[].into());
    assert_eq!(
        missing,
        Err(SchemeError::SettingMissing("topic_arn".into()))
    );
    for wrong in [
        "",
        "orders",
        "arn:aws:sqs:eu-central-1:123456789012:orders",
        "arn:aws:sns:eu-central-1:123:orders",
        "arn:aws:sns:evil.example/:123456789012:orders",
        "arn:aws:sns::123456789012:orders",
        "arn:other:sns:eu-central-1:123456789012:orders",
        "arn:aws:sns:eu-central-1:123456789012:",
        "arn:aws:sns:eu-central-1:123456789012:a:b",
        "arn:aws:sns:eu-central-1:123456789012:*",
    ] {
        let refused = scheme("aws-sns", wrong).map(drop);
        assert!(
            matches!(refused, Err(SchemeError::SettingMalformed(..))),
            "{wrong}"
        );
    }
}

#[test]
fn only_a_url_that_confirms_a_subscription_is_asked_for() {
    let right = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:1:a&Token=23";
    assert!(is_confirmation_url(right));
    for wrong in [
        right.replace("https", "http"),
        right.replace("amazonaws", "evil"),
        right.replace("sns.", "sns.evil.example/"),
        right.replace("ConfirmSubscription", "Unsubscribe"),
        format!("{right}&Action=Publish"),
        format!("{right}#"),
        format!("{right}\r\nX: y"),
        right.replace("amazonaws.com", "amazonaws.com:1"),
        right.replace("eu-central-1.amazonaws", "x@evil.example/.amazonaws"),
    ] {
        assert!(!is_confirmation_url(&wrong), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_bit_of_what_is_signed_can_change(noise in ".{0,40}", at: Index, bit in 0..8u32) {
        let genuine = with_signature(notification(&noise)).to_string().into_bytes();
        let tampered = flipped(&genuine, at, bit);
        let read = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        let means_the_same = read(&tampered).is_some_and(|it| {
            let before = read(&genuine).unwrap();
            signed(&before) == signed(&it) && before["Signature"] == it["Signature"]
        });
        let admitted = verdict("aws-sns", TOPIC, tampered).is_ok();
        prop_assert!(!admitted || means_the_same);
    }

    #[test]
    fn whatever_comes_as_a_message_is_no_panic(body: Vec<u8>) {
        prop_assert!(verdict("aws-sns", TOPIC, body).is_err());
    }
}
