//! The text of a token: how it is written and parsed. Every kind of token has the same form and its own prefix.
//!
//! ```text
//! pwt_ 0123456789abcdef _ <64 hexadecimal digits> <8 hexadecimal digits>
//!      id: 64 bits        secret: 256 bits        CRC-32 of everything before it
//! ```
//!
//! Scanners recognise leaked tokens by the prefix and the checksum. A truncated or mistyped token fails the checksum
//! and costs no look-up. Neither proves anything: the id finds the stored token, and the SHA-256 of the secret is
//! compared.
//! A slow hash is not needed, because nobody can guess 256 random bits.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The kinds of tokens. A token of one kind is never accepted as another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new kind needs a prefix and a place that accepts it"
)]
pub enum TokenKind {
    /// A script uses it at the admin API.
    Operator,
    /// A person or a script delivers to drafts with it.
    Workspace,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Operator, Self::Workspace];

    /// The prefix of every token of the kind.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Operator => "pop_",
            Self::Workspace => "pwt_",
        }
    }

    /// Whether `text` contains the prefix of any kind, so that it may hold a token.
    pub fn is_any_in(text: &[u8]) -> bool {
        let mut kinds = Self::ALL.into_iter();
        kinds.any(|kind| memchr::memmem::find(text, kind.prefix().as_bytes()).is_some())
    }
}

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
    "a token id has 16 hexadecimal digits; they follow the prefix in the token, and the list of tokens shows them"
)]
pub struct ParseTokenIdError;

/// The SHA-256 of 256 random bits: the secret of a token, a login link or a session. Comparisons take constant time.
#[derive(Clone)]
pub struct TokenHash([u8; HASH_LEN]);

impl TokenHash {
    /// A stored hash; `None` if `bytes` has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash of a secret.
    pub fn of(secret: &[u8; SECRET_LEN]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The bytes for the store.
    pub const fn bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A parsed token, still unproven. It contains the hash of the secret, not the secret.
pub struct TokenText {
    id: TokenId,
    hash: TokenHash,
}

impl TokenText {
    /// Parses a token of a kind. Each token has exactly one spelling.
    pub fn read(kind: TokenKind, text: &[u8]) -> Option<Self> {
        let mut id = [0; ID_LEN];
        let mut check = [0; CHECK_LEN];
        let (checked, sent) = text.split_at_checked(LEN - 2 * CHECK_LEN)?;
        let rest = checked.strip_prefix(kind.prefix().as_bytes())?;
        let (digits, rest) = rest.split_at_checked(2 * ID_LEN)?;
        decode(digits, &mut id)?;
        let secret = read_secret(rest.strip_prefix(b"_")?)?;
        decode(sent, &mut check)?;
        (check_of(checked) == check).then(|| Self {
            id: TokenId(id),
            hash: TokenHash::of(&secret),
        })
    }

    /// The text of a new token, and the hash to store.
    pub fn write(
        kind: TokenKind,
        id: TokenId,
        secret: &[u8; SECRET_LEN],
    ) -> (Zeroizing<String>, TokenHash) {
        // The full capacity: growing would move the text and leave a copy in freed memory.
        let mut text = Zeroizing::new(String::with_capacity(LEN));
        text.push_str(kind.prefix());
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

    /// Whether `stored` is the hash of this token.
    ///
    /// Without a stored hash it compares with one that no secret has: an unknown id takes the path of a wrong secret.
    pub fn matches(&self, stored: Option<&TokenHash>) -> bool {
        let unmatchable = TokenHash([0; HASH_LEN]);
        stored.unwrap_or(&unmatchable).matches(&self.hash)
    }
}

/// The text of a secret: 64 lower-case hexadecimal digits.
pub fn write_secret(secret: &[u8; SECRET_LEN]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * SECRET_LEN));
    push(&mut text, secret);
    text
}

/// Parses the text of a secret. Each secret has exactly one spelling.
pub fn read_secret(text: &[u8]) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    decode(text, &mut *secret)?;
    Some(secret)
}

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
const PREFIX_LEN: usize = 4;
const LEN: usize = PREFIX_LEN + 2 * ID_LEN + 1 + 2 * SECRET_LEN + 2 * CHECK_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_its_own_kind_only() {
        for kind in TokenKind::ALL {
            assert_eq!(kind.prefix().len(), PREFIX_LEN);
            let (text, hash) = TokenText::write(kind, TokenId::new([5; 8]), &[7; 32]);
            assert_eq!(text.len(), LEN);
            for read_as in TokenKind::ALL {
                let read = TokenText::read(read_as, text.as_bytes());
                assert_eq!(read.is_some(), read_as == kind, "{kind:?} as {read_as:?}");
                let matches = read.map(|token| token.matches(Some(&hash)));
                assert!(matches.unwrap_or(true), "{kind:?}");
            }
            // With the prefix of another kind, the checksum is wrong.
            for other in TokenKind::ALL.into_iter().filter(|other| *other != kind) {
                let renamed = text.replacen(kind.prefix(), other.prefix(), 1);
                assert!(TokenText::read(other, renamed.as_bytes()).is_none());
            }
            assert!(TokenKind::is_any_in(format!("?a={}", *text).as_bytes()));
        }
        assert!(!TokenKind::is_any_in(b"pwt-pop"));
    }

    #[test]
    fn a_token_without_a_stored_hash_matches_nothing() {
        let (text, hash) = TokenText::write(TokenKind::Operator, TokenId::new([5; 8]), &[7; 32]);
        let token = TokenText::read(TokenKind::Operator, text.as_bytes()).unwrap();
        assert!(token.matches(Some(&hash)));
        assert!(!token.matches(Some(&TokenHash::of(&[8; 32]))));
        assert!(!token.matches(None));
    }

    #[test]
    fn a_secret_has_one_spelling() {
        let text = write_secret(&[0xa5; 32]);
        assert_eq!(*text, "a5".repeat(32));
        assert_eq!(*read_secret(text.as_bytes()).unwrap(), [0xa5; 32]);
        for other in [
            "A5".repeat(32),
            "a5".repeat(31),
            "a5".repeat(33),
            String::new(),
        ] {
            assert!(read_secret(other.as_bytes()).is_none(), "{other}");
        }
    }
}
