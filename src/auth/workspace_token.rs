//! The token of a workspace as text, written and read.
//!
//! ```text
//! pwt_ 0123456789abcdef _ <64 hexadecimal digits> <8 hexadecimal digits>
//!      id: 64 bits        secret: 256 bits        CRC-32 of everything before it
//! ```
//!
//! The prefix and the check are for scanners that look for leaked tokens; and what was cut off or
//! mistyped is turned away by them without a question to anybody. They prove nothing. A token is found by
//! its id, and known by the SHA-256 of its secret. A slow hash would protect passwords that people choose;
//! 256 random bits nobody guesses, however fast they can be tried.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What tells one token from another. It is no secret: lists, logs and the audit log name it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenId([u8; ID_LEN]);

impl TokenId {
    /// The id that these bytes are.
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
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, NotATokenId> {
        let mut bytes = [0; ID_LEN];
        decode(text.as_bytes(), &mut bytes).ok_or(NotATokenId)?;
        Ok(Self(bytes))
    }
}

/// Text that is no id of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the id of a token is 16 hexadecimal digits: those behind `pwt_`, and in `token list`")]
pub struct NotATokenId;

/// The SHA-256 of the secret of a token. It can only be compared with another one, in constant time.
#[derive(Clone)]
pub struct TokenHash([u8; HASH_LEN]);

impl TokenHash {
    /// The hash that these bytes are, if they are as many.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, for the store.
    pub const fn bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// Nobody's: no secret that anybody knows has it.
    pub(super) const fn of_nobody() -> Self {
        Self([0; HASH_LEN])
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    fn of(secret: &[u8; SECRET_LEN]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// A token that somebody has sent, as far as its text tells: nothing is proven by it.
///
/// The secret itself is not in here any more.
pub struct WorkspaceToken {
    id: TokenId,
    hash: TokenHash,
}

impl WorkspaceToken {
    /// What every token begins with.
    pub const PREFIX: &str = "pwt_";

    /// Reads a token, in the one spelling that it has.
    pub fn read(text: &[u8]) -> Result<Self, NotAWorkspaceToken> {
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
        read().ok_or(NotAWorkspaceToken)?;
        Ok(Self {
            id: TokenId(id),
            hash: TokenHash::of(&secret),
        })
    }

    /// The text of a new token, and what is kept of it.
    pub fn write(id: TokenId, secret: &[u8; SECRET_LEN]) -> (Zeroizing<String>, TokenHash) {
        // As long as it gets, so that it never moves and leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(LEN));
        text.push_str(Self::PREFIX);
        push(&mut text, &id.0);
        text.push('_');
        push(&mut text, secret);
        let check = check_of(text.as_bytes());
        push(&mut text, &check);
        (text, TokenHash::of(secret))
    }

    /// What it is found by.
    pub const fn id(&self) -> &TokenId {
        &self.id
    }

    pub(super) const fn hash(&self) -> &TokenHash {
        &self.hash
    }
}

/// Text that is no token of a workspace. What it is is not told: it may be another secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is no workspace token: `pwt_`, 16 hexadecimal digits, `_` and 72 more")]
pub struct NotAWorkspaceToken;

fn check_of(text: &[u8]) -> [u8; CHECK_LEN] {
    crc32fast::hash(text).to_be_bytes()
}

/// Lower case only: a token has one spelling.
fn decode(digits: &[u8], into: &mut [u8]) -> Option<()> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.iter().all(is_digit) {
        return None;
    }
    hex::decode_to_slice(digits, into).ok()
}

/// Digit by digit, so that no text of the secret is left in memory that nobody wipes.
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
