//! Names of keys in Redis.

use std::fmt;
use std::str::FromStr;

use super::Key;

/// The prefix of every key in Redis: 1 to 64 visible ASCII characters without braces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyPrefix(Box<str>);

impl Default for KeyPrefix {
    fn default() -> Self {
        Self("portcullis:".into())
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for KeyPrefix {
    type Err = KeyPrefixError;

    fn from_str(text: &str) -> Result<Self, KeyPrefixError> {
        let is_good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
        if (1..=MAX_PREFIX_LEN).contains(&text.len()) && text.bytes().all(is_good) {
            Ok(Self(text.into()))
        } else {
            Err(KeyPrefixError)
        }
    }
}

/// Text that is not a valid key prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected 1 to 64 visible ASCII characters without braces")]
pub struct KeyPrefixError;

/// The name of a key. Redis Cluster hashes only the part in braces to choose the slot.
pub(super) fn key_name(prefix: &KeyPrefix, key: &Key) -> Vec<u8> {
    let (place, rest) = key.split();
    let mut name = Vec::with_capacity(prefix.0.len() + 2 + 2 * Key::LEN);
    name.extend(prefix.0.bytes());
    name.push(b'{');
    push_hex(&mut name, place);
    name.push(b'}');
    push_hex(&mut name, rest);
    name
}

fn push_hex(name: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |half: u8| match half {
        0..10 => b'0' + half,
        _ => b'a' + half - 10,
    };
    name.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]),
    );
}

const MAX_PREFIX_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::EntryKind;

    #[test]
    fn a_prefix_leaves_the_braces_to_the_slot_of_the_cluster() {
        let longest = "a".repeat(64);
        let too_long = "a".repeat(65);
        for (text, is_valid) in [
            ("portcullis:", true),
            ("~!/:[]", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("a b", false),
            ("a{b", false),
            ("a}b", false),
            ("a\n", false),
            ("ü", false),
        ] {
            assert_eq!(text.parse::<KeyPrefix>().is_ok(), is_valid, "{text:?}");
        }
    }

    #[test]
    fn a_name_is_the_prefix_the_slot_in_braces_and_the_rest_in_hex() {
        let key = Key::of("workflows/pr-bot", EntryKind::Signature, &[b"x"]);
        let name = String::from_utf8(key_name(&KeyPrefix::default(), &key)).unwrap();
        let digits = hex::encode(key.bytes());
        let (slot, rest) = digits.split_at(4);
        assert_eq!(name, format!("portcullis:{{{slot}}}{rest}"));
    }
}
