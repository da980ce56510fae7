//! What properties are tried on: schemes, keys, bodies, and texts that are no signature but look like one.

use portcullis::auth::Scheme;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::declarations::declared;
use crate::delivery::preset;

/// A scheme that signs text on both sides of the body: `v0:{body}:end`.
pub(crate) fn around_the_body() -> Scheme {
    declared(
        "algorithm = \"hmac-sha256\"\nsigned = \"v0:{body}:end\"\n\
         signatures = [{ from = \"header:X-Signature\" }]",
    )
}

pub(crate) fn schemes() -> impl Strategy<Value = Scheme> {
    select(vec![
        preset("github"),
        preset("github-sha1"),
        around_the_body(),
    ])
}

/// Secrets that make a key: zero bytes only do not.
pub(crate) fn secrets() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..200)
        .prop_filter("not zero bytes only", |it| it.iter().any(|byte| *byte != 0))
}

pub(crate) fn bodies() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..1000)
}

/// Anything that can stand in a header, and often something in the form of a signature.
pub(crate) fn header_values() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(header_byte(), 0..200),
        "sha(1|256)=[0-9a-fA-F=,; ]{0,70}".prop_map(String::into_bytes),
        "sha256=[0-9a-f]{64}".prop_map(String::into_bytes),
        "sha1=[0-9a-f]{40}".prop_map(String::into_bytes),
    ]
}

pub(crate) fn header_byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b'\t'), b' '..=b'~', 0x80..=0xffu8]
}

/// What can happen to a text.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Cut(Index),
    Inserted(Index, u8),
    Joined(String),
    Removed(Index),
    Replaced(Index, u8),
}

impl Edit {
    pub(crate) fn of(&self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        match self {
            Self::Cut(at) => text.truncate(at.index(text.len())),
            Self::Inserted(at, byte) => text.insert(at.index(text.len() + 1), *byte),
            Self::Joined(by) => text = [&text, by.as_bytes(), &text].concat(),
            Self::Removed(at) => _ = text.remove(at.index(text.len())),
            Self::Replaced(at, byte) => {
                let at = at.index(text.len());
                text[at] = *byte;
            }
        }
        text
    }
}

pub(crate) fn edits() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Edit::Cut),
        (at(), header_byte()).prop_map(|(at, byte)| Edit::Inserted(at, byte)),
        "[,; ]{0,2}".prop_map(Edit::Joined),
        at().prop_map(Edit::Removed),
        (at(), header_byte()).prop_map(|(at, byte)| Edit::Replaced(at, byte)),
    ]
}

pub(crate) fn flipped(bytes: &[u8], at: Index, bit: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    bytes
}
