//! What a ciphertext is bound to, in a form in which no two are the same.

use std::collections::BTreeMap;

use portcullis::secrets::{EncryptionContext, SecretRef};
use proptest::prelude::*;

/// What moto makes of a context: names and values strung together in the order of the names.
fn strung_together(scope: &str, slot: &str, version: u32) -> Option<String> {
    let secret = SecretRef::new(scope, slot).ok()?;
    let pairs: BTreeMap<_, _> = EncryptionContext::new(&secret, version)
        .pairs()
        .into_iter()
        .collect();
    Some(
        pairs
            .into_iter()
            .map(|(name, value)| format!("{name}{value}"))
            .collect(),
    )
}

/// Names made of the pieces that could be taken for something else.
fn name() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "slot",
        "version",
        "scope",
        "portcullis",
        "purpose",
        "secret",
        "1",
        "-",
        ".",
    ]);
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_two_versions_have_the_same_context_even_if_nobody_marks_where_a_value_ends(
        one in (name(), name(), 1_u32..200),
        other in (name(), name(), 1_u32..200),
    ) {
        prop_assume!(one != other);
        let string = |(scope, slot, version): &(String, String, u32)| strung_together(scope, slot, *version);
        prop_assert_ne!(string(&one).unwrap(), string(&other).unwrap());
    }
}

#[test]
fn the_context_says_whose_it_is_and_what_for() {
    let secret: SecretRef = "workflows/pr-bot#webhook".parse().unwrap();
    let pairs = EncryptionContext::new(&secret, 7).pairs();
    let pairs = pairs
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        pairs,
        [
            ("portcullis:purpose", "secret"),
            ("portcullis:scope", "workflows/pr-bot"),
            ("portcullis:slot", "webhook"),
            ("portcullis:version", "7"),
        ]
    );
}
