//! The declarations themselves: every one keeps to the rules that make an answer to strangers harmless.

use http::{HeaderMap, HeaderValue, Method};
use portcullis::auth::{Algorithm, Head, Key, Mode, Preset};
use portcullis::challenge::{Challenge, ChallengeMismatchError, ChallengeStep};
use portcullis::directory::AuthDefinition;
use proptest::prelude::*;

const SECRET: &[u8] = b"the-secret-of-the-provider";

#[test]
fn every_declaration_is_read_and_says_where_it_comes_from() {
    let names: Vec<&str> = Challenge::all().iter().map(|it| it.name).collect();
    assert!(names.len() >= 14 && names.is_sorted(), "{names:?}");
    for handshake in Challenge::all() {
        assert!(
            handshake.source.starts_with("https://"),
            "{}",
            handshake.name
        );
        assert!(!handshake.title.is_empty());
        assert!(Challenge::named(handshake.name).is_some());
    }
    assert!(Challenge::named("nope").is_none());
}

#[test]
fn what_signs_or_rests_on_a_signature_needs_one() {
    let hmac = AuthDefinition::of(Mode::Hmac).compiled().unwrap();
    let secret = AuthDefinition::of(Mode::Secret).compiled().unwrap();
    let sha1 = &Preset::named("github-sha1").unwrap().scheme;
    for (name, with_token, with_sha1) in [
        (
            "asana",
            Err(ChallengeMismatchError::Unsigned),
            Err(ChallengeMismatchError::OtherAlgorithm),
        ),
        ("discord", Err(ChallengeMismatchError::Unsigned), Ok(())),
        ("dropbox", Ok(()), Ok(())),
        (
            "linkedin",
            Err(ChallengeMismatchError::OtherAlgorithm),
            Err(ChallengeMismatchError::OtherAlgorithm),
        ),
        ("meta", Ok(()), Ok(())),
        ("slack", Err(ChallengeMismatchError::Unsigned), Ok(())),
        (
            "x",
            Err(ChallengeMismatchError::OtherAlgorithm),
            Err(ChallengeMismatchError::OtherAlgorithm),
        ),
        (
            "zoom",
            Err(ChallengeMismatchError::Unsigned),
            Err(ChallengeMismatchError::OtherAlgorithm),
        ),
    ] {
        let handshake = Challenge::named(name).unwrap();
        assert_eq!(handshake.check_scheme(hmac.as_ref()), Ok(()), "{name}");
        assert_eq!(
            handshake.check_scheme(secret.as_ref()),
            with_token,
            "{name}"
        );
        assert_eq!(handshake.check_scheme(None), with_token, "{name}");
        assert_eq!(handshake.check_scheme(Some(sha1)), with_sha1, "{name}");
    }
}

#[test]
fn what_signs_for_strangers_goes_only_with_signatures_over_the_body_as_it_is() {
    // The text of a token, a field of a form and two fields of JSON can all be what somebody asks for.
    for preset in ["netlify", "twilio-sha256", "mailgun", "rfc9421", "livekit"] {
        let scheme = &Preset::named(preset).unwrap().scheme;
        for name in ["x", "linkedin", "zoom"] {
            let handshake = Challenge::named(name).unwrap();
            let fits = handshake.check_scheme(Some(scheme));
            assert_eq!(
                fits,
                Err(ChallengeMismatchError::OtherAlgorithm),
                "{name} {preset}"
            );
        }
    }
    for (name, preset) in [("x", "x"), ("linkedin", "linkedin"), ("zoom", "zoom")] {
        let scheme = &Preset::named(preset).unwrap().scheme;
        let handshake = Challenge::named(name).unwrap();
        assert_eq!(handshake.check_scheme(Some(scheme)), Ok(()), "{name}");
    }
}

#[test]
fn an_answer_that_needs_a_key_is_none_without_it() {
    let (headers, x) = (HeaderMap::new(), Challenge::named("x").unwrap());
    let head = Head {
        method: &Method::GET,
        headers: &headers,
        query: Some("crc_token=abc"),
        url: None,
    };
    let asked = x.challenge_in_head(&head).unwrap();
    assert!(matches!(asked.need(), ChallengeStep::Key));
    assert!(asked.answer(None).is_none());
    let token = Key::prepare(Algorithm::Token, SECRET).unwrap();
    assert!(asked.answer(Some(&token)).is_none());
    let key = Key::prepare(Algorithm::HmacSha256, SECRET).unwrap();
    let answer = asked.answer(Some(&key)).unwrap();
    // It may be a signature: it shows itself to its receiver only.
    assert_eq!(format!("{answer:?}"), "Answer { status: 200, .. }");
}

#[test]
fn nothing_signed_is_answered_before_the_signature() {
    let mut headers = HeaderMap::new();
    let name = "twitch-eventsub-message-type";
    headers.insert(
        name,
        HeaderValue::from_static("webhook_callback_verification"),
    );
    let head = Head {
        method: &Method::POST,
        headers: &headers,
        query: None,
        url: None,
    };
    for (name, body) in [
        ("slack", r#"{"type":"url_verification","challenge":"abc"}"#),
        (
            "zoom",
            r#"{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}"#,
        ),
        ("twitch", r#"{"challenge":"abc"}"#),
        ("discord", r#"{"type":1}"#),
        ("discord", r#"{"type":0}"#),
    ] {
        let handshake = Challenge::named(name).unwrap();
        assert!(
            handshake
                .challenge_when_proven(&head, body.as_bytes())
                .is_some(),
            "{name}"
        );
        assert!(handshake.challenge_in_head(&head).is_none(), "{name}");
        assert!(
            handshake
                .challenge_in_body(&head, body.as_bytes())
                .is_none(),
            "{name}"
        );
        assert!(!handshake.may_carry_challenge(&head), "{name}");
    }
}

proptest! {
    /// Whatever somebody sends to whichever endpoint: what comes back without a proof has no character
    /// in it that a browser, a header or a terminal could take for more than text.
    #[test]
    fn what_is_echoed_to_strangers_is_plain(
        value in prop_oneof!["[A-Za-z0-9_+/=.-]{1,80}", "[A-Za-z :,;<>\"'\\r\\n]{0,20}", "\\PC{0,20}"],
        get: bool,
    ) {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in ["challenge", "crc_token", "challengeCode", "validationToken", "hub.challenge"] {
            query.append_pair(name, &value);
        }
        query.append_pair("hub.mode", "subscribe").append_pair("hub.verify_token", "abc");
        let query = query.finish();
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::try_from(value.as_str()) {
            headers.insert("x-okta-verification-challenge", value.clone());
            headers.insert("x-hook-secret", value);
        }
        let method = if get { Method::GET } else { Method::POST };
        let head = Head { method: &method, headers: &headers, query: Some(&query), url: None };
        let body = serde_json::json!({ "challenge": value }).to_string();
        let key = Key::prepare(Algorithm::HmacSha256, SECRET).unwrap();
        for handshake in Challenge::all() {
            let by_body = handshake.challenge_in_body(&head, body.as_bytes());
            for asked in handshake.challenge_in_head(&head).into_iter().chain(by_body) {
                let answer = asked.answer(Some(&key)).unwrap();
                let json = answer.content_type == Some("application/json");
                let plain = |byte: &u8| {
                    byte.is_ascii_alphanumeric() || b"_+/=.- :,;".contains(byte)
                        || json && b"{}\"".contains(byte)
                };
                prop_assert!(answer.body.iter().all(plain), "{}: {:?}", handshake.name, answer.body);
                for (_, value) in &answer.headers {
                    prop_assert!(value.as_bytes().iter().all(plain));
                }
            }
        }
    }
}
