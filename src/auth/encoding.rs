//! How a signature is written down in text.

use serde::{Deserialize, Serialize};

/// The encoding of a signature.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Base 16 (RFC 4648 §8), in either case.
    #[default]
    Hex,
}

impl Encoding {
    /// Decodes `text` to the end of `into` if it stands for exactly `width` bytes.
    ///
    /// Anything else leaves `into` as it was and gives `false`.
    pub(super) fn decode(self, text: &[u8], width: usize, into: &mut Vec<u8>) -> bool {
        if text.len() != width.saturating_mul(2) {
            return false;
        }
        let start = into.len();
        into.resize(start + width, 0);
        let Self::Hex = self;
        let decoded = into
            .get_mut(start..)
            .is_some_and(|room| hex::decode_to_slice(text, room).is_ok());
        if !decoded {
            into.truncate(start);
        }
        decoded
    }

    /// Encodes `bytes` the way that providers write them.
    pub fn encode(self, bytes: &[u8]) -> String {
        let Self::Hex = self;
        hex::encode(bytes)
    }
}
