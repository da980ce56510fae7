//! Values that cannot be what a provider issued: looked at when one is set, before any delivery finds it.

use std::fmt;
use std::ops::RangeInclusive;

use super::KeyForm;

/// Who makes the secret of a preset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else")]
pub enum SecretIssuer {
    /// There is none: the key is a certificate.
    Nobody,
    /// Only the provider: nobody else can make one up.
    Provider,
    /// Whoever owns the endpoint may choose it, and tells the provider.
    Owner,
}

impl SecretIssuer {
    /// The issuer that the word of a preset's file means.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::Nobody),
            "provider" => Some(Self::Provider),
            "yours" => Some(Self::Owner),
            _ => None,
        }
    }

    /// The word in a preset's file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Provider => "provider",
            Self::Owner => "yours",
        }
    }
}

/// What makes a value unlikely to be a secret. Somebody may insist on it all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Doubt {
    /// The key has another length than the scheme's keys, in bytes.
    Length(usize, RangeInclusive<usize>),
    /// It is one that documentation and examples show, so everybody has it.
    Placeholder,
    /// Quotes stand around it.
    Quotes,
    /// White space stands around it.
    WhiteSpace,
}

impl Doubt {
    /// What is wrong with the look of `value`, whatever it is for.
    pub fn about(value: &[u8]) -> Option<Self> {
        let around = [value.first(), value.last()];
        if around
            .iter()
            .flatten()
            .any(|byte| byte.is_ascii_whitespace())
        {
            return Some(Self::WhiteSpace);
        }
        let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
        if value.len() > 1 && value.first() == value.last() && value.first().is_some_and(is_quote) {
            return Some(Self::Quotes);
        }
        is_placeholder(value).then_some(Self::Placeholder)
    }

    /// What is wrong with the length of the key in `value`, where the scheme's keys have one of `lengths`.
    pub fn about_length(
        value: &[u8],
        form: &KeyForm,
        lengths: Option<&RangeInclusive<usize>>,
    ) -> Option<Self> {
        let (lengths, len) = (lengths?, form.key_len(value)?);
        (!lengths.contains(&len)).then(|| Self::Length(len, lengths.clone()))
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(len, lengths) => write!(
                f,
                "its key has {len} bytes, and keys of this scheme have {} to {}",
                lengths.start(),
                lengths.end()
            ),
            Self::Placeholder => {
                f.write_str("it is a placeholder that examples show, so everybody has it")
            }
            Self::Quotes => f.write_str("quotes stand around it, which are no part of a secret"),
            Self::WhiteSpace => f.write_str("white space stands before or after it"),
        }
    }
}

fn is_placeholder(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_prefix("whsec_").unwrap_or(&lower);
    // `whsec_...` and `<your secret>`, as documentation writes them.
    let is_left_out = lower.ends_with("...") || lower.ends_with('…');
    let is_bracketed = lower.starts_with('<') && lower.ends_with('>');
    // `xxxxxxxx` and `********`.
    let mut letters = bare.chars();
    let first = letters.next();
    let is_mask = (MASK_LEN.contains(&bare.len()))
        && matches!(first, Some('x' | '*' | '.' | '0'))
        && letters.all(|letter| Some(letter) == first);
    let words: String = bare
        .chars()
        .filter(|it| !matches!(it, '-' | '_' | ' '))
        .collect();
    is_left_out || is_bracketed || is_mask || PLACEHOLDERS.contains(&words.as_str())
}

/// A mask is as long as a secret; what is longer was made by somebody.
const MASK_LEN: RangeInclusive<usize> = 3..=128;
/// Without the signs between their words.
const PLACEHOLDERS: &[&str] = &[
    "changeit",
    "changeme",
    "example",
    "foobar",
    "it'sasecrettoeverybody",
    "mysecret",
    "mywebhooksecret",
    "none",
    "null",
    "password",
    "placeholder",
    "replaceme",
    "secret",
    "secretkey",
    "signingsecret",
    "supersecret",
    "test",
    "todo",
    "token",
    "undefined",
    "webhooksecret",
    "yourapikey",
    "yoursecret",
    "yoursecrethere",
    "yoursecretkey",
    "yoursigningsecret",
    "yoursigningsecrethere",
    "yourtoken",
    "yourtokenhere",
    "yourwebhooksecret",
    "yourwebhooksecrethere",
];
