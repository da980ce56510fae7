//! The text of a workspace token: how it is written and parsed.
//!
//! ```text
//! pwt_ 0123456789abcdef _ <64 hexadecimal digits> <8 hexadecimal digits>
//!      id: 64 bits        secret: 256 bits        CRC-32 of everything before it
//! ```
//!
//! Scanners recognise leaked tokens by the prefix and the checksum. A truncated or mistyped token fails the checksum
//! and costs no look-up. Neither is a proof: the gate looks the stored token up by the id and compares the SHA-256 of the
//! secret. A slow hash is not needed, because 256 random bits cannot be guessed.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The id of a token. It is not secret: lists, logs and the audit log contain it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenId([u8; ID_LEN]);

impl TokenId {
    /// An id from its bytes.
    pub const fn new(bytes: [u8; ID_LEN]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl FromStr for TokenId {
    type Err = ParseTokenIdError;

    fn from_str(text: &str) -> Result<Self, ParseTokenIdError> {
        let mut bytes = [0; ID_LEN];
        decode(text.as_bytes(), &mut bytes).ok_or(ParseTokenIdError)?;
        Ok(Self(bytes))
    }
}

/// Text that is not the id of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a token id has 16 hexadecimal digits; they follow `pwt_` in the token, and `token list` shows them"
)]
pub struct ParseTokenIdError;

/// The SHA-256 of a token's secret. Comparisons take constant time.
#[derive(Clone)]
pub struct TokenHash([u8; HASH_LEN]);

impl TokenHash {
    /// A stored hash; `None` if `bytes` has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes for the store.
    pub const fn bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// A hash that no known secret has, to compare with if no token is stored.
    pub(super) const fn unmatchable() -> Self {
        Self([0; HASH_LEN])
    }

    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    fn of(secret: &[u8; SECRET_LEN]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// A parsed token, still unproven. It contains the hash of the secret, not the secret.
pub struct WorkspaceToken {
    id: TokenId,
    hash: TokenHash,
}

impl WorkspaceToken {
    /// The prefix of every token.
    pub const PREFIX: &str = "pwt_";

    /// Parses a token. Each token has exactly one spelling.
    pub fn read(text: &[u8]) -> Result<Self, ParseWorkspaceTokenError> {
        let mut id = [0; ID_LEN];
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        let mut check = [0; CHECK_LEN];
        let mut read = || {
            let (checked, sent) = text.split_at_checked(LEN - 2 * CHECK_LEN)?;
            let rest = checked.strip_prefix(Self::PREFIX.as_bytes())?;
            let (digits, rest) = rest.split_at_checked(2 * ID_LEN)?;
            decode(digits, &mut id)?;
            decode(rest.strip_prefix(b"_")?, &mut *secret)?;
            decode(sent, &mut check)?;
            (check_of(checked) == check).then_some(())
        };
        read().ok_or(ParseWorkspaceTokenError)?;
        Ok(Self {
            id: TokenId(id),
            hash: TokenHash::of(&secret),
        })
    }

    /// The text of a new token, and the hash to store.
    pub fn write(id: TokenId, secret: &[u8; SECRET_LEN]) -> (Zeroizing<String>, TokenHash) {
        // The full capacity: growing would move the text and leave a copy in freed memory.
        let mut text = Zeroizing::new(String::with_capacity(LEN));
        text.push_str(Self::PREFIX);
        push(&mut text, &id.0);
        text.push('_');
        push(&mut text, secret);
        let check = check_of(text.as_bytes());
        push(&mut text, &check);
        (text, TokenHash::of(secret))
    }

    /// The id for the look-up of the stored token.
    pub const fn id(&self) -> &TokenId {
        &self.id
    }

    pub(super) const fn hash(&self) -> &TokenHash {
        &self.hash
    }
}

/// Text that is not a workspace token. The error does not quote the text, which may be another secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not a workspace token: expected `pwt_`, 16 hexadecimal digits, `_` and 72 hexadecimal digits"
)]
pub struct ParseWorkspaceTokenError;

fn check_of(text: &[u8]) -> [u8; CHECK_LEN] {
    crc32fast::hash(text).to_be_bytes()
}

/// Decodes lower-case hexadecimal digits only, so that a token has one spelling.
fn decode(digits: &[u8], into: &mut [u8]) -> Option<()> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.iter().all(is_digit) {
        return None;
    }
    hex::decode_to_slice(digits, into).ok()
}

/// Appends hexadecimal digits one by one, so that no copy of the secret's text stays in memory.
fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(half.into(), 16));
        }
    }
}

const ID_LEN: usize = 8;
const SECRET_LEN: usize = 32;
const CHECK_LEN: usize = 4;
const HASH_LEN: usize = 32;
const LEN: usize = WorkspaceToken::PREFIX.len() + 2 * ID_LEN + 1 + 2 * SECRET_LEN + 2 * CHECK_LEN;
