//! How a signature is written down in text.

use std::ops::RangeInclusive;

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use zeroize::Zeroizing;

/// The encoding of a signature.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Encoding {
    /// Base 64 with padding (RFC 4648 §4).
    Base64,
    /// Base 64 for URLs (RFC 4648 §5); providers write it with and without padding.
    Base64Url,
    /// Base 16 (RFC 4648 §8), in either case.
    #[default]
    Hex,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 3] = [Self::Base64, Self::Base64Url, Self::Hex];

    /// The name in the scheme language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::Hex => "hex",
        }
    }

    /// The encoding of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Decodes `text` to the end of `into` if it stands for as many bytes as `lengths` allows.
    ///
    /// Anything else leaves `into` as it was and gives `false`. Base 64 must be canonical: bits that
    /// are left over in the last character must be zero (RFC 4648 §3.5), so that one signature has
    /// one spelling.
    pub(super) fn decode(
        self,
        text: &[u8],
        lengths: &RangeInclusive<usize>,
        into: &mut Vec<u8>,
    ) -> bool {
        // The longest text that can stand for so many bytes, so that nothing is decoded in vain.
        if text.len() > lengths.end().saturating_mul(2) {
            return false;
        }
        let start = into.len();
        // An engine that estimates the length may want room for what it will not write.
        into.resize(start + lengths.end() + ROOM_TO_ESTIMATE, 0);
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

    /// Decodes a text that is as long as its sender likes; the head's size bounds it.
    pub(super) fn decode_any(self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let decoded = match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE.decode(text).ok(),
            Self::Hex => hex::decode(text).ok(),
        };
        decoded.map(Zeroizing::new)
    }

    /// Encodes `bytes` the way that providers write them.
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
const ROOM_TO_ESTIMATE: usize = 4;
