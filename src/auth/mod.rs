//! Verification of deliveries: bytes in, verdict out.
//!
//! This module is pure: no clock, no files, no sockets, no log. The time is an argument. Four types, in this order:
//!
//! ```text
//! Scheme        how senders prove a delivery: a preset, or the words of an endpoint
//! Claim         the signatures or tokens in one head, unproven
//! Verification  a claim and the keys; it hashes the body as it arrives, then gives the verdict
//! Verified      the proof; only a successful verification makes one
//! ```
//!
//! A token in the head is judged without the body. `verify_whole` does it all for a body in memory.

mod account;
mod algorithm;
mod borders;
mod candidates;
mod canonical;
mod catalogue;
mod certificate_claim;
mod claim;
mod content_type;
mod covers;
pub(crate) mod declaration;
mod defect;
mod digest;
mod encoding;
mod envelope;
mod error;
mod event_name;
mod evidence;
mod fold;
mod form;
mod groups;
mod head;
mod json;
mod json_walk;
mod key;
mod key_form;
mod key_kind;
mod key_text;
mod mode;
mod percent;
mod place;
mod placeholder;
mod preset;
mod public_key;
mod published_secrets;
mod query;
mod rule;
mod sample;
mod scheme;
mod secret_check;
mod sender;
mod signed;
mod signing;
mod sns;
mod source;
mod template;
mod timestamp;
mod token_text;
mod url;
mod verification;
mod verified;
mod view;
mod words;
mod workspace_proof;
mod workspace_token;

pub use self::account::{AccountPlace, AccountRule, NamedAccounts, ParseAccountPlaceError};
pub use self::algorithm::Algorithm;
pub use self::certificate_claim::CertificateClaim;
pub use self::claim::Claim;
pub use self::covers::Covers;
pub use self::defect::Defect;
pub use self::digest::DigestRule;
pub use self::encoding::Encoding;
pub use self::envelope::{BodyClaim, Envelope, Jws, MessageSignature, QueryHash};
pub use self::error::ProofError;
pub use self::event_name::{EventName, may_be_event};
pub use self::evidence::Evidence;
pub use self::head::{Head, PartialRequest};
pub use self::key::{Key, KeyRing, MacState, NumberedKey, SecretError, is_trivial_secret};
pub use self::key_form::{KeyEncoding, KeyForm};
pub use self::key_kind::{KeyKind, ParseKeyKindError};
pub use self::key_text::encode_same_key;
pub use self::mode::{AuthOptions, Mode, ParseModeError, SchemeError};
pub use self::place::{Place, PlaceValue};
pub use self::placeholder::ParseTemplateError;
pub use self::preset::Preset;
pub use self::rule::{ProofTag, SignatureRule};
pub use self::sample::Sample;
pub use self::scheme::Scheme;
pub use self::secret_check::{
    OtherCredential, SecretAlphabet, SecretIssuer, SecretProblem, SecretRefusal, SecretShape,
    SecretUse, SecretWarning, check_secret,
};
pub use self::sender::{Recipient, Retries, Sender};
pub use self::signing::{Message, SigningError};
pub use self::sns::{
    CertificateError, CertificateKeys, CertificateUrl, ParseTopicArnError, SnsRule, TopicArn,
    is_confirmation_url,
};
pub use self::source::{ParseSourceError, Source};
pub use self::template::Template;
pub use self::timestamp::{TimestampRule, TimestampSource, TimestampUnit};
pub use self::token_text::{
    ParseTokenIdError, TokenHash, TokenId, TokenKind, TokenText, read_secret, write_secret,
};
pub use self::url::UrlRule;
pub use self::verification::{Verification, VerificationStart, verify_whole};
pub use self::verified::{Fingerprint, KeyAge, Signature, Verified};
pub use self::words::{SchemeWordError, SchemeWords};
pub use self::workspace_proof::{Grant, Owner, WorkspaceClaim, WorkspaceProof, WorkspaceRefusal};
pub use self::workspace_token::{ParseWorkspaceTokenError, WorkspaceToken};

/// The largest body, in bytes, whose fields the gate reads. A larger body is verified, but its fields are unreadable.
pub const MAX_PARSED_BODY_BYTES: usize = 1024 * 1024;
