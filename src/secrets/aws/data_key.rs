//! A data key as KMS gives it: open, and wrapped.

use crate::secrets::aead::SealingKey;

/// A data key that KMS has made.
pub(super) struct DataKey {
    pub(super) key: SealingKey,
    pub(super) wrapped: Vec<u8>,
    /// The ARN of the key that has wrapped it.
    pub(super) key_id: String,
}
