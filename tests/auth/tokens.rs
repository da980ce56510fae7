//! What holds for every token.

use portcullis::auth::{Mode, Place, ProofError, Scheme, VerificationStart};
use portcullis::directory::AuthDefinition;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::delivery::{Delivery, preset, ring};
use crate::inputs::header_byte;

proptest! {
    #[test]
    fn tokens_are_equal_byte_for_byte_or_not_at_all(
        token in tokens(), at: Index, other in visible(), cut: Index,
    ) {
        let mut changed = token.clone();
        let at = at.index(changed.len());
        changed[at] = other;
        let shorter = token[..cut.index(token.len())].to_vec();
        let longer = [&token[..], b"x"].concat();
        for way in WAYS {
            prop_assert!(way.send(&token).judged_by(&way.scheme(), &token).is_ok());
            for wrong in [&changed, &shorter, &longer] {
                prop_assume!(*wrong != token);
                let verdict = way.send(wrong).judged_by(&way.scheme(), &token);
                let expected = if wrong.is_empty() { ProofError::TokenMissing } else { ProofError::TokenMismatch };
                prop_assert_eq!(verdict, Err(expected));
            }
        }
    }

    #[test]
    fn a_token_is_settled_by_the_head_alone(token in tokens()) {
        for way in WAYS {
            let scheme = way.scheme();
            prop_assert!(!scheme.covers_body());
            let begun = way.send(&token).begun(&scheme, ring(&scheme, &token));
            prop_assert!(matches!(begun, Ok(VerificationStart::Proven(_))));
            let begun = way.send(b"wrong").begun(&scheme, ring(&scheme, &[&token[..], b"!"].concat()));
            prop_assert_eq!(begun.err(), Some(ProofError::TokenMismatch));
        }
    }

    #[test]
    fn a_token_in_the_query_is_decoded_once(token in "[ -~]{1,40}") {
        let query = percent(token.as_bytes());
        let delivery = Delivery::default().query(&format!("a=b&token={query}&c"));
        prop_assert!(delivery.judged_by(&preset("secret"), token.as_bytes()).is_ok());
        let twice = Delivery::default().query(&format!("token={}", query.replace('%', "%25")));
        prop_assert!(twice.judged_by(&preset("secret"), token.as_bytes()).is_err());
    }

    #[test]
    fn no_head_without_the_token_is_admitted(
        value in vec(header_byte(), 0..100), query in ".{0,100}",
    ) {
        for way in WAYS {
            let delivery = Delivery::default()
                .header("Authorization", &value)
                .header("X-Api-Key", &value)
                .query(&query);
            prop_assert!(delivery.judged_by(&way.scheme(), b"a token that is not sent").is_err());
        }
    }
}

#[test]
fn an_empty_token_is_none() {
    for delivery in [
        Delivery::default(),
        Delivery::default().header("Authorization", ""),
        Delivery::default().header("Authorization", "Bearer"),
        Delivery::default().header("Authorization", "Bearer "),
        Delivery::default().header("X-Api-Key", ""),
        Delivery::default().query(""),
        Delivery::default().query("token"),
        Delivery::default().query("token="),
        Delivery::default().query("token=&token="),
    ] {
        for name in ["secret", "bearer", "api-key"] {
            let verdict = delivery.judged_by(&preset(name), b"secret");
            assert_eq!(
                verdict,
                Err(ProofError::TokenMissing),
                "{name}: {delivery:?}"
            );
        }
    }
}

#[test]
fn the_word_bearer_has_no_case_and_the_token_has() {
    for (value, right) in [
        ("Bearer Abc", true),
        ("bearer Abc", true),
        ("BEARER   Abc", true),
        ("Bearer abc", false),
        ("BearerAbc", false),
        ("Basic Abc", false),
        ("Abc", false),
    ] {
        let delivery = Delivery::default().header("Authorization", value);
        for name in ["bearer", "secret"] {
            assert_eq!(
                delivery.judged_by(&preset(name), b"Abc").is_ok(),
                right,
                "{name}: {value}"
            );
        }
    }
}

#[test]
fn a_parameter_is_found_by_its_exact_name() {
    for query in [
        "Token=right",
        "TOKEN=right",
        "xtoken=right",
        "token%20=right",
    ] {
        let verdict = Delivery::default()
            .query(query)
            .judged_by(&preset("secret"), b"right");
        assert_eq!(verdict, Err(ProofError::TokenMissing), "{query}");
    }
}

#[test]
fn if_two_tokens_are_sent_both_must_be_right() {
    let right = Delivery::default().header("Authorization", "Bearer right");
    for (query, admitted) in [("token=right", true), ("token=wrong", false)] {
        let verdict = right
            .clone()
            .query(query)
            .judged_by(&preset("secret"), b"right");
        assert_eq!(verdict.is_ok(), admitted, "{query}");
    }
    for delivery in [
        right.header("Authorization", "Bearer wrong"),
        Delivery::default().query("token=right&token=wrong"),
    ] {
        let verdict = delivery.judged_by(&preset("secret"), b"right");
        assert_eq!(verdict, Err(ProofError::TokenMismatch), "{delivery:?}");
    }
}

#[test]
fn a_verdict_names_every_place_where_the_secret_was_sent() {
    let delivery = Delivery::default()
        .header("Authorization", "Bearer right")
        .query("token=right");
    let verified = delivery.judged_by(&preset("secret"), b"right").unwrap();
    let places: Vec<String> = verified
        .withheld(false)
        .iter()
        .map(Place::to_string)
        .collect();
    assert_eq!(places, ["header:authorization", "query:token"]);
    let signed = Delivery::proven(&preset("github"), b"right", "body");
    let verified = signed.judged_by(&preset("github"), b"right").unwrap();
    assert_eq!(verified.withheld(false), []);
}

#[test]
fn an_api_key_is_looked_for_in_the_header_that_was_chosen_and_in_no_other() {
    let header = "X-Gitlab-Token";
    let scheme = AuthDefinition {
        header: Some(header.to_string()),
        ..AuthDefinition::of(Mode::ApiKey)
    };
    let scheme = scheme.compiled().unwrap().unwrap();
    assert!(
        Delivery::default()
            .header("x-gitlab-token", "k")
            .judged_by(&scheme, b"k")
            .is_ok()
    );
    let verdict = Delivery::default()
        .header("X-Api-Key", "k")
        .judged_by(&scheme, b"k");
    assert_eq!(verdict, Err(ProofError::TokenMissing));
}

/// A way to send a token.
#[derive(Clone, Copy, Debug)]
enum Way {
    ApiKey,
    Bearer,
    Query,
    Secret,
}

const WAYS: [Way; 4] = [Way::ApiKey, Way::Bearer, Way::Query, Way::Secret];

impl Way {
    fn scheme(self) -> Scheme {
        preset(match self {
            Self::ApiKey => "api-key",
            Self::Bearer => "bearer",
            Self::Query | Self::Secret => "secret",
        })
    }

    fn send(self, token: &[u8]) -> Delivery {
        match self {
            Self::ApiKey => Delivery::default().header("X-Api-Key", token),
            Self::Query => Delivery::default().query(&format!("token={}", percent(token))),
            Self::Bearer | Self::Secret => {
                Delivery::default().header("Authorization", [b"Bearer ", token].concat())
            }
        }
    }
}

/// Visible, so that it survives a header: what is around a value is not part of it.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    vec(visible(), 1..80)
}

fn visible() -> impl Strategy<Value = u8> {
    b'!'..=b'~'
}

fn percent(token: &[u8]) -> String {
    token.iter().map(|byte| format!("%{byte:02x}")).collect()
}
