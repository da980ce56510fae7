//! Why a proof was refused. The words are part of the contract: they are what logs, metrics and the
//! `Portcullis-Reason` header say.

/// A proof that did not hold.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A genuine delivery that names another account than the endpoint's, or none.
    #[error("the delivery does not name an account of the endpoint")]
    AccountMismatch,

    /// The body is not the one whose digest was sent and signed.
    #[error("the digest that was sent is not that of the body")]
    BodyDigestMismatch,

    /// A header that says how the delivery was signed says something else than the scheme.
    #[error("a header names another version or algorithm than the scheme")]
    HeaderUnexpected,

    /// A signature is there, but in no form that the scheme knows.
    #[error("the signature has another form than the scheme expects")]
    SignatureMalformed,

    /// No signature was sent.
    #[error("no signature was sent")]
    SignatureMissing,

    /// A signature of the right form that none of the keys makes.
    #[error("the signature does not match")]
    SignatureMismatch,

    /// A genuine signature whose time lies too far ahead.
    #[error("the delivery was signed too far in the future")]
    TimestampFuture,

    /// A genuine signature that is too old.
    #[error("the delivery was signed too long ago")]
    TimestampStale,

    /// A token that is not the endpoint's.
    #[error("the token does not match")]
    TokenMismatch,

    /// No token was sent.
    #[error("no token was sent")]
    TokenMissing,
}

impl ProofError {
    /// Every value, in the order of the words.
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

    /// The word of the contract.
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
