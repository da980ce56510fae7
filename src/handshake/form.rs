//! What a value may consist of.
//!
//! Some values are echoed to whoever asks, and some are signed. None of these forms has a character of
//! markup, of JSON's punctuation or of a line end in it.

use crate::auth::is_confirmation_url;

/// The form of a value: its characters, and how many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// Letters, digits and `_+/=.-`: every spelling of base 64 and base 16.
    Token,
    /// The same, long enough to be a secret.
    Secret,
    /// An URL that confirms a subscription at Amazon SNS.
    SnsConfirmation,
    /// A UUID (RFC 9562 §4).
    Uuid,
    /// A token's characters, spaces, and `:,;`.
    Words,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] = [
        Self::Secret,
        Self::SnsConfirmation,
        Self::Token,
        Self::Uuid,
        Self::Words,
    ];

    /// The name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::SnsConfirmation => "sns-confirmation",
            Self::Token => "token",
            Self::Uuid => "uuid",
            Self::Words => "words",
        }
    }

    /// The form of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Whether `text` has this form.
    pub fn accepts(self, text: &[u8]) -> bool {
        let shaped = match self {
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
        shaped && self.could_contain(text)
    }

    /// Whether `text` could be a part of a text of this form.
    pub fn could_contain(self, text: &[u8]) -> bool {
        text.len() <= self.max_len() && text.iter().all(|byte| self.has(*byte))
    }

    /// Whether it is an URL, and of one provider only.
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

    fn has(self, byte: u8) -> bool {
        let of_token = byte.is_ascii_alphanumeric() || b"_+/=.-".contains(&byte);
        match self {
            Self::Secret | Self::Token => of_token,
            Self::Uuid => byte.is_ascii_hexdigit() || byte == b'-',
            Self::SnsConfirmation => of_token || b":?&%".contains(&byte),
            Self::Words => of_token || b" :,;".contains(&byte),
        }
    }
}

const MIN_SECRET_LEN: usize = 16;
const UUID_LEN: usize = 36;
const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];
