//! The characters and the length that a challenge value may have.
//!
//! Some values are echoed to unauthenticated callers, and some are signed. No form allows markup, JSON punctuation
//! or line ends.

use crate::auth::is_confirmation_url;

/// The allowed characters and length of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ValueForm {
    /// Up to 256 letters, digits and `_+/=.-`: every spelling of base64 and hex.
    Token,
    /// A [`Token`](Self::Token) of at least 16 characters.
    Secret,
    /// A URL that confirms a subscription at Amazon SNS.
    SnsConfirmation,
    /// A UUID (RFC 9562 §4).
    Uuid,
    /// Up to 1024 characters of a token, spaces and `:,;`.
    Words,
}

impl ValueForm {
    /// In the order of their names.
    pub const ALL: [Self; 5] = [
        Self::Secret,
        Self::SnsConfirmation,
        Self::Token,
        Self::Uuid,
        Self::Words,
    ];

    /// The name that declarations use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::SnsConfirmation => "sns-confirmation",
            Self::Token => "token",
            Self::Uuid => "uuid",
            Self::Words => "words",
        }
    }

    /// Finds a form by the name that declarations use.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// Whether `text` has this form as a whole.
    pub fn accepts(self, text: &[u8]) -> bool {
        let has_shape = match self {
            Self::Secret => text.len() >= MIN_SECRET_LEN,
            Self::SnsConfirmation => std::str::from_utf8(text).is_ok_and(is_confirmation_url),
            Self::Token | Self::Words => !text.is_empty(),
            Self::Uuid => {
                text.len() == UUID_LEN
                    && text
                        .iter()
                        .enumerate()
                        .all(|(at, byte)| (*byte == b'-') == UUID_DASHES.contains(&at))
            }
        };
        has_shape && self.could_contain(text)
    }

    /// Whether a text of this form could contain `text`.
    pub fn could_contain(self, text: &[u8]) -> bool {
        text.len() <= self.max_len() && text.iter().all(|byte| self.allows(*byte))
    }

    /// Whether the value is a URL of one provider's own host.
    pub(super) const fn is_url(self) -> bool {
        matches!(self, Self::SnsConfirmation)
    }

    const fn max_len(self) -> usize {
        match self {
            Self::Secret | Self::Token => 256,
            Self::Uuid => UUID_LEN,
            Self::SnsConfirmation => 4096,
            Self::Words => 1024,
        }
    }

    fn allows(self, byte: u8) -> bool {
        let is_token_byte = byte.is_ascii_alphanumeric() || b"_+/=.-".contains(&byte);
        match self {
            Self::Secret | Self::Token => is_token_byte,
            Self::Uuid => byte.is_ascii_hexdigit() || byte == b'-',
            Self::SnsConfirmation => is_token_byte || b":?&%".contains(&byte),
            Self::Words => is_token_byte || b" :,;".contains(&byte),
        }
    }
}

const MIN_SECRET_LEN: usize = 16;
const UUID_LEN: usize = 36;
const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];
