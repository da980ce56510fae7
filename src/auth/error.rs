//! Why a proof was rejected.
//!
//! The words are a contract: logs, metrics and the `Portcullis-Reason` header contain them.

/// Why a delivery is not proven.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The signature is valid, but the delivery names a foreign account, or none.
    #[error("the delivery names an account that is not the endpoint's, or none")]
    AccountMismatch,

    /// The body does not match the signed digest.
    #[error("the body does not match the digest that was sent")]
    BodyDigestMismatch,

    /// A header announces a signature version or algorithm that the scheme does not use.
    #[error("a header names another version or algorithm than the scheme")]
    HeaderUnexpected,

    /// A signature was sent, but it cannot be parsed, or a signed value is unusable.
    #[error("the signature is not in the format that the scheme expects")]
    SignatureMalformed,

    /// No signature was sent.
    #[error("no signature was sent")]
    SignatureMissing,

    /// The signature is well-formed, but no valid key made it.
    #[error("the signature does not match")]
    SignatureMismatch,

    /// The signature is valid, but its time is beyond the future tolerance.
    #[error("the delivery was signed too far in the future")]
    TimestampFuture,

    /// The signature is valid, but older than the tolerance.
    #[error("the delivery was signed too long ago")]
    TimestampStale,

    /// The token is not a valid one of the endpoint.
    #[error("the token does not match")]
    TokenMismatch,

    /// No token was sent.
    #[error("no token was sent")]
    TokenMissing,
}

impl ProofError {
    /// Every variant, in the order of the words.
    pub const ALL: [Self; 10] = [
        Self::AccountMismatch,
        Self::BodyDigestMismatch,
        Self::HeaderUnexpected,
        Self::SignatureMalformed,
        Self::SignatureMissing,
        Self::SignatureMismatch,
        Self::TimestampFuture,
        Self::TimestampStale,
        Self::TokenMismatch,
        Self::TokenMissing,
    ];

    /// The word in logs, metrics and headers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AccountMismatch => "account_mismatch",
            Self::BodyDigestMismatch => "body_digest_mismatch",
            Self::HeaderUnexpected => "header_unexpected",
            Self::SignatureMalformed => "signature_malformed",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampFuture => "timestamp_future",
            Self::TimestampStale => "timestamp_stale",
            Self::TokenMismatch => "token_mismatch",
            Self::TokenMissing => "token_missing",
        }
    }
}
