//! Two keys at a time: the current one, and the one before it until its overlap ends.

use jiff::{SignedDuration, Timestamp};
use portcullis::auth::{KeyAge, KeyRing, ProofError, Scheme, Verified};

use crate::delivery::{Delivery, NOW, key, preset};
use crate::inputs::around_the_body;

#[test]
fn the_current_secret_proves_as_the_current_one() {
    for scheme in [preset("github"), preset("bearer")] {
        let verified = sent_with(&scheme, b"new", NOW).unwrap();
        assert_eq!(verified.generation(), Some(KeyAge::Current));
        assert_eq!(verified.version(), Some(2));
    }
}

#[test]
fn the_secret_before_it_proves_until_its_overlap_ends_and_says_so() {
    for scheme in [
        preset("github"),
        preset("github-sha1"),
        around_the_body(),
        preset("bearer"),
        preset("secret"),
    ] {
        let later = NOW + SignedDuration::from_millis(1);
        let verified = sent_with(&scheme, b"old", later).unwrap();
        assert_eq!(verified.generation(), Some(KeyAge::Previous));
        assert_eq!(verified.version(), Some(1));
    }
}

#[test]
fn the_instant_at_which_an_overlap_ends_is_no_longer_in_it() {
    for (name, refused) in [
        ("github", ProofError::SignatureMismatch),
        ("bearer", ProofError::TokenMismatch),
    ] {
        for end in [NOW, NOW - SignedDuration::from_hours(1)] {
            assert_eq!(sent_with(&preset(name), b"old", end).err(), Some(refused));
        }
    }
}

#[test]
fn two_tokens_of_two_generations_are_not_both_right() {
    let delivery = Delivery::default()
        .header("Authorization", "Bearer new")
        .query("token=old");
    let scheme = preset("secret");
    let later = NOW + SignedDuration::from_hours(1);
    let verdict = delivery.judged(&scheme, both(&scheme, later), &[]);
    assert_eq!(verdict, Err(ProofError::TokenMismatch));
}

fn sent_with(scheme: &Scheme, secret: &[u8], end: Timestamp) -> Result<Verified, ProofError> {
    Delivery::proven(scheme, secret, "body").judged(scheme, both(scheme, end), &[1, 2])
}

/// `new`, and `old` until `end`.
fn both(scheme: &Scheme, end: Timestamp) -> KeyRing {
    KeyRing {
        current: key(scheme, b"new", 2),
        previous: Some((key(scheme, b"old", 1), end)),
    }
}
