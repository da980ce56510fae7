//! The pure part of `explain`: rules that hold for every capture.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

mod defects;

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use portcullis::auth::{KeyKind, Message, Place, Preset, ProofError, Scheme};
use portcullis::explain::{
    Advice, CaptureFormat, Delivery, Diagnosis, JudgedAt, PathTarget, Question, Secrets, Version,
    diagnose, parse_curl, parse_har, parse_raw_http,
};
use portcullis::secrets::Secret;
use proptest::prelude::*;

const SECRET: &[u8] = b"It's a Secret to Everybody";

fn explained(delivery: Delivery, secret: &[u8]) -> Diagnosis {
    let scheme = Preset::named("github").unwrap().scheme.clone();
    judged(delivery, scheme, secret)
}

fn judged(delivery: Delivery, scheme: Scheme, secret: &[u8]) -> Diagnosis {
    diagnose(&Question {
        delivery,
        is_open: false,
        scheme: Some(Arc::new(scheme)),
        secrets: Some(Secrets {
            current: Version {
                number: 1,
                kind: Some(KeyKind::Shared),
                value: Arc::new(Secret::new(secret.to_vec())),
            },
            previous: None,
            ended: Vec::new(),
        }),
        methods: vec![Method::POST],
        limit_bytes: None,
        leads: PathTarget::NotAsked,
        at: Timestamp::UNIX_EPOCH,
        judged_at: JudgedAt::Given,
    })
}

/// A delivery of `sent` with the signature of `signed`.
fn delivery(secret: &[u8], signed: &[u8], sent: &[u8]) -> Delivery {
    let message = Message {
        method: &http::Method::POST,
        url: None,
        body: signed,
        at: Timestamp::UNIX_EPOCH,
        id: "",
    };
    let scheme = &Preset::named("github").unwrap().scheme;
    let headers: Vec<(String, String)> = scheme
        .prove(secret, message)
        .unwrap()
        .into_iter()
        .map(|(place, value)| match place {
            Place::Header(name) => (name.to_string(), value),
            other => unreachable!("GitHub sends headers, and not {other}"),
        })
        .collect();
    Delivery::new("POST", "/x", &headers, sent.to_vec()).unwrap()
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    let nested = leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(any::<String>(), nested, 1..6)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

/// Python's spacing and PHP's escapes, by means of their own.
fn php(value: &serde_json::Value) -> String {
    let plain = serde_json::to_string(value).unwrap().replace('/', "\\/");
    let mut escaped = String::new();
    for c in plain.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped += &format!("\\u{unit:04x}");
            }
        }
    }
    escaped
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_in_a_capture_it_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = CaptureFormat::of(&bytes);
        let _ = parse_har(&bytes, Some(1));
        let _ = parse_curl(&bytes, &mut |_| Ok(Vec::new()));
        if let Ok(delivery) = parse_raw_http(&bytes) {
            let diagnosis = explained(delivery, SECRET);
            prop_assert_eq!(diagnosis.admitted, diagnosis.causes.is_empty());
        }
    }

    #[test]
    fn whatever_words_a_command_has_it_is_read_or_refused(words in prop::collection::vec(
        prop_oneof!["-[a-zA-Z#]{1,3}", "--[a-z-]{1,12}", "[ -~]{0,12}", Just("$'\\u00f6\\x".to_owned()), Just("\\\n".to_owned())], 0..12,
    )) {
        let command = format!("curl {}", words.join(" "));
        let _ = parse_curl(command.as_bytes(), &mut |_| Ok(b"a\r\nb".to_vec()));
    }

    #[test]
    fn a_body_survives_every_way_of_quoting(body in prop::collection::vec(1_u8..=255, 0..200)) {
        let mut plain = b"curl https://a.example/x --data-raw '".to_vec();
        let mut double = b"curl https://a.example/x --data-raw \"".to_vec();
        let mut ansi = "curl https://a.example/x --data-raw $'".to_owned();
        for byte in &body {
            match byte {
                b'\'' => plain.extend(b"'\\''"),
                _ => plain.push(*byte),
            }
            if b"\"\\$`".contains(byte) {
                double.push(b'\\');
            }
            double.push(*byte);
            ansi += &format!("\\x{byte:02x}");
        }
        plain.push(b'\'');
        double.push(b'"');
        ansi.push('\'');
        for command in [plain, double, ansi.into_bytes()] {
            let read = parse_curl(&command, &mut |_| Err("no file".to_owned())).unwrap();
            prop_assert_eq!(&read.body[..], &body[..]);
        }
    }

    #[test]
    fn raw_http_gives_back_the_bytes_of_the_body(body in prop::collection::vec(any::<u8>(), 0..400)) {
        for end in ["\r\n", "\n"] {
            let mut capture = format!("POST /a?b=c HTTP/1.1{end}X-A: b{end}{end}").into_bytes();
            capture.extend(&body);
            let read = parse_raw_http(&capture).unwrap();
            prop_assert_eq!(&read.body[..], &body[..]);
            prop_assert_eq!(read.query.as_deref(), Some("b=c"));
        }
    }

    #[test]
    fn json_that_was_written_anew_is_recognised_whoever_wrote_it(value in json()) {
        let minified = serde_json::to_string(&value).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let php = php(&value);
        for (signed, sent) in [
            (&minified, &pretty), (&pretty, &minified), (&minified, &php), (&php, &minified), (&php, &pretty),
        ] {
            if signed == sent {
                continue;
            }
            let diagnosis = explained(delivery(SECRET, signed.as_bytes(), sent.as_bytes()), SECRET);
            prop_assert_eq!(&diagnosis.causes[0].names, &["json-reserialized"], "{}\n{}", signed, sent);
        }
    }

    #[test]
    fn what_is_genuine_is_admitted_and_what_is_not_is_never_called_so(
        body in prop::collection::vec(any::<u8>(), 0..200), other in "[a-z]{12,20}",
    ) {
        prop_assert!(explained(delivery(SECRET, &body, &body), SECRET).admitted);
        let diagnosis = explained(delivery(other.as_bytes(), &body, &body), SECRET);
        prop_assert!(!diagnosis.admitted);
        prop_assert!(!diagnosis.causes[0].proven, "{:?}", diagnosis.causes);
    }
}

#[test]
fn there_is_advice_about_every_reason_and_no_other() {
    let source = include_str!("../../src/gate/reason.rs");
    let mut known: Vec<&str> = source
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .chain(ProofError::ALL.map(ProofError::word))
        .chain(["admitted", "handshake", "ignored"])
        .collect();
    known.sort_unstable();
    let advised: Vec<&str> = Advice::all().iter().map(|advice| advice.word).collect();
    assert_eq!(advised, known);
    for advice in Advice::all() {
        let next = advice.next_at("a/b");
        assert!(
            !advice.says.is_empty() && !next.contains("{id}"),
            "{advice:?}"
        );
        assert_eq!(next.is_empty(), advice.word == "admitted", "{advice:?}");
    }
}
