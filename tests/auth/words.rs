//! Schemes in an endpoint's own words.

use portcullis::auth::{Mode, Scheme, SchemeError, SchemeWords};
use portcullis::directory::AuthDefinition;

use crate::delivery::{Delivery, preset};

fn said(mode: Mode, preset: Option<&str>, words: &[(&str, &str)]) -> Result<Scheme, SchemeError> {
    let mut scheme = SchemeWords::default();
    for (key, value) in words {
        scheme.set(SchemeWords::key(key).unwrap(), *value);
    }
    let auth = AuthDefinition {
        scheme,
        preset: preset.map(Into::into),
        ..AuthDefinition::of(mode)
    };
    auth.compiled().map(Option::unwrap)
}

fn mistakes(mode: Mode, preset: Option<&str>, words: &[(&str, &str)]) -> Vec<String> {
    match said(mode, preset, words) {
        Err(SchemeError::Words(wrong)) => wrong.iter().map(ToString::to_string).collect(),
        other => panic!("{words:?}: {other:?}"),
    }
}

#[test]
fn what_a_preset_says_can_be_said_by_the_endpoint_itself() {
    let github = [
        ("algorithm", "hmac-sha256"),
        ("signature-header", "X-Hub-Signature-256"),
        ("signed-message", "payload"),
        ("signature-format", "hex"),
        ("signature-prefix", "sha256="),
    ];
    let slack = [
        ("algorithm", "hmac-sha256"),
        ("signature_header", "X-Slack-Signature"),
        ("signature_prefix", "v0="),
        ("signed_message", "v0:{ts}:{body}"),
        ("timestamp_header", "X-Slack-Request-Timestamp"),
        ("timestamp_tolerance", "300s"),
    ];
    let stripe = [
        ("algorithm", "hmac-sha256"),
        ("signature_header", "Stripe-Signature"),
        ("signature_prefix", "v1="),
        ("signature_separator", ","),
        ("signed_message", "timestamp.payload"),
        ("timestamp_tag", "t"),
    ];
    let svix = [
        ("algorithm", "hmac-sha256"),
        ("secret_format", "base64"),
        ("secret_prefix", "whsec_"),
        ("signature_header", "svix-signature"),
        ("signature_format", "base64"),
        ("signature_prefix", "v1,"),
        ("signature_separator", " "),
        ("signed_message", "{header:svix-id}.{ts}.{body}"),
        ("timestamp_header", "svix-timestamp"),
    ];
    let secret = b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for (name, words) in [
        ("github", &github[..]),
        ("slack", &slack),
        ("stripe", &stripe),
        ("svix", &svix),
    ] {
        let own = said(Mode::Signature, None, words).unwrap();
        let delivery = Delivery::proven(&preset(name), secret, "body");
        assert!(delivery.judged_by(&own, secret).is_ok(), "{name}");
        let delivery = Delivery::proven(&own, secret, "body");
        assert!(delivery.judged_by(&preset(name), secret).is_ok(), "{name}");
        let tampered = delivery.with_body("b0dy").judged_by(&own, secret);
        assert!(tampered.is_err(), "{name}");
    }
}

#[test]
fn an_endpoint_changes_parts_of_a_preset() {
    let words = [
        ("timestamp_tolerance", "5s"),
        ("signature_header", "X-Other"),
        ("id", "json:/other"),
    ];
    let changed = said(Mode::Provider, Some("slack"), &words).unwrap();
    let window = changed.timestamp().unwrap().window.unwrap();
    assert_eq!((window.0.as_secs(), window.1.as_secs()), (5, 5));
    assert_eq!(changed.signatures()[0].from.to_string(), "header:x-other");
    assert_eq!(changed.id().unwrap().to_string(), "json:/other");
    assert_eq!(changed.signed(), preset("slack").signed());
}

#[test]
fn every_mistake_is_told_at_once_with_its_key_and_what_is_allowed() {
    let wrong = mistakes(
        Mode::Signature,
        None,
        &[
            ("algorithm", "md5"),
            ("secret_format", "rot13"),
            ("signature_header", "X Y"),
            ("signature_format", "base32"),
            ("signature_separator", "::"),
            ("signed_message", "{when}.{body}"),
            ("timestamp_tolerance", "soon"),
            ("id", "cookie:id"),
        ],
    );
    for (key, word) in [
        ("algorithm", "hmac-sha256"),
        ("secret_format", "base64"),
        ("signature_header", "X Y"),
        ("signature_format", "base64url"),
        ("signature_separator", "one ASCII character"),
        ("signed_message", "{ts}"),
        ("timestamp_tolerance", "soon"),
        ("id", "json:/POINTER"),
    ] {
        let found = wrong.iter().find(|it| it.starts_with(&format!("{key}: ")));
        assert!(
            found.is_some_and(|it| it.contains(word)),
            "{key}: {wrong:?}"
        );
    }
}

#[test]
fn what_is_missing_or_does_not_fit_together_is_said() {
    let least = [("algorithm", "hmac-sha256"), ("signature_header", "X-S")];
    assert!(said(Mode::Signature, None, &least).is_ok());
    for (words, word) in [
        (&[][..], "algorithm: is missing"),
        (&[], "signature_header: is missing"),
        (
            &[("algorithm", "token"), ("signature_header", "X-S")],
            "`token` is not one of",
        ),
    ] {
        let wrong = mistakes(Mode::Signature, None, words).join("\n");
        assert!(wrong.contains(word), "{words:?}: {wrong}");
    }
    for (more, word) in [
        (("signed_message", "{ts}"), "requires a timestamp"),
        (("signed_message", "fixed"), "cover the body"),
        (("signed_message", "{url}"), "cover the body"),
        (("signed_message", "{form:data}"), "cover the body"),
        (("signed_message", "{secret}{body}"), "`sha256`"),
        (("timestamp_header", "X-T"), "requires a timestamp"),
        (("timestamp_tolerance", "5s"), "needs `timestamp_header`"),
    ] {
        let wrong = mistakes(Mode::Signature, None, &[&least[..], &[more]].concat()).join("\n");
        assert!(wrong.contains(word), "{more:?}: {wrong}");
    }
    // Nor is the time that Contentful signs replaced by one that nobody signs.
    let wrong = mistakes(
        Mode::Provider,
        Some("contentful"),
        &[("timestamp_header", "X-Time")],
    );
    assert!(wrong[0].contains("its own timestamp"), "{wrong:?}");
    // What a token is compared with signs nothing.
    let words = [
        ("signed_message", "{ts}.{body}"),
        ("timestamp_header", "X-Ts"),
    ];
    let wrong = mistakes(Mode::Provider, Some("buildkite-token"), &words);
    assert!(
        wrong
            .iter()
            .all(|it| it.contains("applies to signatures only")),
        "{wrong:?}"
    );
    // A preset's cover is not made smaller by an endpoint.
    let wrong = mistakes(
        Mode::Provider,
        Some("github"),
        &[("signed_message", "{url}")],
    );
    assert!(wrong[0].contains("cover the body"), "{wrong:?}");
}
