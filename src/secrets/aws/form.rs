//! What stands in a ciphertext of this service. The first byte says which of the two it is.

use crate::secrets::KeyServiceError;

/// A ciphertext, taken apart.
#[derive(Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever opens one has to know them all"
)]
pub enum Form<'a> {
    /// KMS has encrypted the secret: its blob.
    ByService(&'a [u8]),
    /// A data key has encrypted it, and stands beside it as KMS has wrapped it.
    ByDataKey {
        /// The data key.
        wrapped: &'a [u8],
        /// What it has encrypted.
        ciphertext: &'a [u8],
    },
}

impl<'a> Form<'a> {
    /// Takes `ciphertext` apart; `None` if it is neither.
    pub fn read(ciphertext: &'a [u8]) -> Option<Self> {
        match ciphertext.split_first()? {
            (&BY_SERVICE, blob) if !blob.is_empty() => Some(Self::ByService(blob)),
            (&BY_DATA_KEY, rest) => {
                let (len, rest) = rest.split_first_chunk()?;
                let (wrapped, ciphertext) =
                    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
                (!wrapped.is_empty()).then_some(Self::ByDataKey {
                    wrapped,
                    ciphertext,
                })
            }
            _ => None,
        }
    }

    /// The ciphertext that holds a blob of KMS.
    pub fn by_service(blob: &[u8]) -> Vec<u8> {
        [[BY_SERVICE].as_slice(), blob].concat()
    }

    /// The ciphertext that holds a wrapped data key and what it has encrypted.
    pub fn by_data_key(wrapped: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, KeyServiceError> {
        // KMS gives a few hundred bytes; more than 64 KiB would be something else.
        let len = u16::try_from(wrapped.len())
            .map_err(|_| KeyServiceError::Unavailable("it gave a data key too long".to_owned()))?;
        Ok([
            [BY_DATA_KEY].as_slice(),
            &len.to_be_bytes(),
            wrapped,
            ciphertext,
        ]
        .concat())
    }
}

const BY_SERVICE: u8 = 1;
const BY_DATA_KEY: u8 = 2;
