//! Handshakes: whatever a stranger sends, what is said back is plain and short, and what is signed for it
//! could be no delivery. The reader of a JSON field never finds another one than serde_json does.
//!
//! Input: a method, the query, the value of two headers, each a line; the rest is the body.
#![no_main]

use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{Algorithm, Head, Key};
use portcullis::challenge::{
    Challenge, ChallengeAnswer, ChallengeStep, JsonField, ReceivedChallenge, field,
};
use serde_json::Value;

const POINTERS: [&str; 4] = ["/challenge", "/type", "/event", "/payload/plainToken"];
/// The longest value is of 1024 characters; around it stand names and a MAC.
const MAX_ANSWER: usize = 1200;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (method, query, value, body) = (part(), part(), part(), part());
    let Ok(method) = Method::from_bytes(method) else {
        return;
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert("x-okta-verification-challenge", value.clone());
        headers.insert("x-hook-secret", value);
    }
    let head = Head {
        method: &method,
        headers: &headers,
        query: std::str::from_utf8(query).ok(),
        url: None,
    };
    let key = Key::prepare(Algorithm::HmacSha256, b"It's a Secret to Everybody").expect("a key");
    for handshake in Challenge::all() {
        for asked in [
            handshake.challenge_in_head(&head),
            handshake.challenge_in_body(&head, body),
            handshake.challenge_when_proven(&head, body),
        ]
        .into_iter()
        .flatten()
        {
            check(handshake, &asked, &key);
        }
    }
    check_fields(body);
});

fn check(handshake: &Challenge, asked: &ReceivedChallenge<'_>, key: &Key) {
    let name = handshake.name;
    let answer = asked.answer(Some(key)).expect("an answer");
    assert!(plain(&answer), "{name}: {:?}", answer.body);
    assert!(answer.body.len() <= MAX_ANSWER, "{name}");
    match asked.need() {
        ChallengeStep::Key => {
            assert!(handshake.signs(), "{name}");
            // What was signed is told in no other way than by what it may be: all parts of it.
            let value = answer.body.rsplit(|byte| *byte == b'"').nth(5);
            if let (Some(value), true) = (value, name != "x") {
                assert!(handshake.may_sign(value), "{name}: {value:?}");
            }
        }
        ChallengeStep::Binding(secret) => assert!(secret.len() >= 16, "{name}"),
        ChallengeStep::Visit(url) => assert!(
            url.starts_with("https://sns.") && url.contains(".amazonaws.com"),
            "{name}"
        ),
        ChallengeStep::Nothing | ChallengeStep::VerifyToken(_) => {}
    }
}

fn plain(answer: &ChallengeAnswer) -> bool {
    let json = answer.content_type == Some("application/json");
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || b"_+/=.- :,;".contains(byte)
            || json && b"{}\"".contains(byte)
    };
    let mut headers = answer.headers.iter();
    answer.body.iter().all(plain) && headers.all(|(_, value)| value.as_bytes().iter().all(plain))
}

fn check_fields(body: &[u8]) {
    let whole: Option<Value> = serde_json::from_slice(body).ok();
    for pointer in POINTERS {
        let found = field(body, &pointer.parse().expect("a pointer"), false);
        let other = whole.as_ref().and_then(|whole| whole.pointer(pointer));
        match (found, other) {
            (JsonField::Text(text), Some(Value::String(other))) => assert_eq!(text, *other),
            (JsonField::Number(number), Some(other)) => assert_eq!(Some(number), other.as_i64()),
            // It reads on where the other one gives up, as over text that is not in UTF-8, and gives up
            // where a name is there twice.
            (_, None) | (JsonField::Unclear | JsonField::Other, _) => {}
            (found, other) => panic!("{pointer}: {found:?} instead of {other:?}"),
        }
    }
}
