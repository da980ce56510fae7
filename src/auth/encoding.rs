//! Text encodings of signatures.

use std::ops::RangeInclusive;

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use zeroize::Zeroizing;

/// The text encoding of a signature.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Encoding {
    /// Base64 with padding (RFC 4648 §4).
    Base64,
    /// Base64url (RFC 4648 §5), with or without padding: providers do both.
    Base64Url,
    /// Hexadecimal (RFC 4648 §8), in either case.
    #[default]
    Hex,
}

impl Encoding {
    /// Every encoding, sorted by name.
    pub const ALL: [Self; 3] = [Self::Base64, Self::Base64Url, Self::Hex];

    /// The name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Hex => "hex",
        }
    }

    /// The encoding called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Decodes `text` and appends the bytes to `into`, if `lengths` contains their number.
    ///
    /// Otherwise it returns `false` and leaves `into` unchanged. Base64 must be canonical: the unused bits of the last
    /// character must be zero (RFC 4648 §3.5), so that one signature has one spelling.
    pub(super) fn decode(
        self,
        text: &[u8],
        lengths: &RangeInclusive<usize>,
        into: &mut Vec<u8>,
    ) -> bool {
        // Hexadecimal is the longest encoding: a longer text cannot fit.
        if text.len() > lengths.end().saturating_mul(2) {
            return false;
        }
        let start = into.len();
        // The base64 engines require room for their estimate of the length, which may exceed the result.
        into.resize(start + lengths.end() + ESTIMATE_MARGIN, 0);
        let room = into.get_mut(start..).unwrap_or_default();
        let decoded = match self {
            Self::Base64 => STANDARD.decode_slice(text, room).ok(),
            Self::Base64Url => URL_SAFE.decode_slice(text, room).ok(),
            Self::Hex => room
                .get_mut(..text.len() / 2)
                .and_then(|room| hex::decode_to_slice(text, room).ok())
                .map(|()| text.len() / 2),
        };
        let decoded = decoded.filter(|len| lengths.contains(len));
        into.truncate(start + decoded.unwrap_or(0));
        decoded.is_some()
    }

    /// Decodes a text of any length. Only use it for values of the head, whose size is limited.
    pub(super) fn decode_any(self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let decoded = match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE.decode(text).ok(),
            Self::Hex => hex::decode(text).ok(),
        };
        decoded.map(Zeroizing::new)
    }

    /// Encodes `bytes` as providers write them: base64url without padding, hexadecimal in lower case.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64Url => URL_SAFE.encode(bytes),
            Self::Hex => hex::encode(bytes),
        }
    }
}

const STANDARD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// In bytes. The estimate of a base64 engine exceeds the decoded length by at most this.
const ESTIMATE_MARGIN: usize = 4;
