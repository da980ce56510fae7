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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_echoed_or_signed_only_in_its_form() {
        use ValueForm::{Secret, SnsConfirmation, Token, Uuid, Words};
        let of = |len: usize| "a".repeat(len);
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let confirmation =
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=b";
        for (form, text, is_accepted) in [
            (Token, "a", true),
            (Token, "aZ09_+/=.-", true),
            (Token, &of(256), true),
            (Token, &of(257), false),
            (Token, "", false),
            (Token, "a b", false),
            (Token, "a\n", false),
            (Token, "<a>", false),
            (Token, "{\"a\":1}", false),
            (Token, "ü", false),
            (Secret, &of(16), true),
            (Secret, &of(15), false),
            (Secret, &of(257), false),
            (Uuid, uuid, true),
            (Uuid, &uuid.to_uppercase(), true),
            (Uuid, &uuid.replace('-', "a"), false),
            (Uuid, &uuid.replace("0f", "0g"), false),
            (Uuid, &uuid[1..], false),
            (Uuid, &format!("{uuid}0"), false),
            (Uuid, "0f8fad5bd-9cb-469f-a165-70867728950e", false),
            (Words, "v1, a: b; c", true),
            (Words, &of(1024), true),
            (Words, &of(1025), false),
            (Words, "", false),
            (Words, "a\"b", false),
            (Words, "a\r\nb", false),
            (SnsConfirmation, confirmation, true),
            (
                SnsConfirmation,
                &confirmation.replace("https", "http"),
                false,
            ),
            (
                SnsConfirmation,
                &confirmation.replace(".com", ".com.example"),
                false,
            ),
            (SnsConfirmation, "https://example.com/", false),
        ] {
            assert_eq!(
                form.accepts(text.as_bytes()),
                is_accepted,
                "{form:?} {text}"
            );
        }
    }

    #[test]
    fn every_form_has_its_name() {
        for form in ValueForm::ALL {
            assert_eq!(ValueForm::from_name(form.name()), Some(form));
        }
        assert_eq!(ValueForm::from_name("Token"), None);
        assert!(ValueForm::ALL.is_sorted_by_key(|form| form.name()));
    }

    proptest! {
        #[test]
        fn every_part_of_an_accepted_text_could_be_contained(
            text in "[ -~]{0,40}",
            from in 0..40_usize,
            to in 0..40_usize,
        ) {
            for form in ValueForm::ALL {
                let part = text.get(from.min(to)..to).unwrap_or(&text);
                let is_accepted = form.accepts(text.as_bytes());
                prop_assert!(!is_accepted || form.could_contain(part.as_bytes()));
            }
        }
    }
}
