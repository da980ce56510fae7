//! Idempotency keys: a client that repeats a request gets the first answer, and the change is made once.

use std::str::FromStr;

/// The `Idempotency-Key` of a request: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = ParseIdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, ParseIdempotencyKeyError> {
        let is_valid = (1..=MAX_KEY_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        let key = is_valid.then(|| Self(text.into()));
        key.ok_or(ParseIdempotencyKeyError)
    }
}

/// Text that is not an idempotency key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an idempotency key has 1 to 128 visible ASCII characters")]
pub struct ParseIdempotencyKeyError;

/// What is known about a request with an idempotency key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each case gets an answer of its own"
)]
pub enum IdempotencyState {
    /// The key was unused. It is reserved now, and the request may run.
    Reserved,
    /// The same request runs, or the process that ran it ended before it had an answer.
    Running,
    /// The same request has its answer.
    Answered(StoredAnswer),
    /// The key belongs to another request.
    OtherRequest,
}

/// The answer to a request with an idempotency key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredAnswer {
    /// The status.
    pub status: u16,
    /// The body; `None` if it contains a secret or is too long to be stored.
    pub body: Option<String>,
}

impl StoredAnswer {
    /// The longest body, in bytes, that is stored.
    pub const MAX_BODY_BYTES: usize = 32 * 1024;
}

/// The SHA-256 of the method, the path and the body of a request.
pub type RequestDigest = [u8; 32];

const MAX_KEY_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let long = "k".repeat(MAX_KEY_LEN + 1);
        for (text, is_valid) in [
            ("3f6b2d0e-8d1c", true),
            (&long[1..], true),
            ("", false),
            ("a b", false),
            ("a\n", false),
            ("ü", false),
            (&*long, false),
        ] {
            assert_eq!(text.parse::<IdempotencyKey>().is_ok(), is_valid, "{text}");
        }
    }
}
