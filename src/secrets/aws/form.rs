//! The two ciphertext formats of this service. The first byte tells them apart.

use crate::secrets::KeyServiceError;

/// A parsed ciphertext.
#[derive(Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "decryption has to handle every format"
)]
pub enum CiphertextFormat<'a> {
    /// A ciphertext of KMS.
    ByService(&'a [u8]),
    /// A ciphertext of a data key, with the wrapped data key.
    ByDataKey {
        /// The wrapped data key.
        wrapped: &'a [u8],
        /// The ciphertext of the secret.
        ciphertext: &'a [u8],
    },
}

impl<'a> CiphertextFormat<'a> {
    /// Parses a ciphertext; `None` if it has neither format.
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

    /// Formats a ciphertext of KMS.
    pub fn by_service(blob: &[u8]) -> Vec<u8> {
        [[BY_SERVICE].as_slice(), blob].concat()
    }

    /// Formats a wrapped data key and the ciphertext of the secret.
    pub fn by_data_key(wrapped: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, KeyServiceError> {
        // KMS returns a few hundred bytes, so more than 64 KiB is not a data key.
        let len = u16::try_from(wrapped.len()).map_err(|_| {
            KeyServiceError::Unavailable("it returned a data key that is too long".to_owned())
        })?;
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
