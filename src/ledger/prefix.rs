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
