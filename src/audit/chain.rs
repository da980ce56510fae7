//! The hash chain of the audit log: the digest of each line covers the line and the digest before it.
//!
//! A change, removal or insertion of a line breaks every digest after it. An attacker who can write the whole store
//! can build a new chain. Only a digest that is kept elsewhere reveals that.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::AuditEntry;

/// A stored line of the audit log.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct AuditLine {
    /// Counts from 1 without gaps.
    pub number: i64,
    /// The time of the change.
    pub at: Timestamp,
    /// The name of the actor.
    pub actor: String,
    /// The program and the host, such as `cli@host`.
    pub origin: String,
    /// The word of an [`Action`](super::Action).
    pub action: String,
    /// The changed object.
    pub subject: String,
    /// More about the change, never a secret value.
    pub detail: String,
    /// The digest of this line and all lines before it. Lines that are older than the chain have none; the first digest
    /// covers them too.
    pub digest: Option<Digest>,
}

impl AuditLine {
    /// Creates the line that follows `end`.
    pub fn after(end: &ChainEnd, entry: &AuditEntry) -> Self {
        let mut line = Self {
            number: end.number.saturating_add(1),
            at: entry.at,
            actor: entry.actor.name().to_owned(),
            origin: entry.actor.origin(),
            action: entry.action.word().to_owned(),
            subject: entry.subject.clone(),
            detail: entry.detail.clone(),
            digest: None,
        };
        line.digest = Some(line.digest_after(&end.digest));
        line
    }

    fn digest_after(&self, before: &Digest) -> Digest {
        let mut hash = Sha256::new_with_prefix(b"portcullis-audit-1");
        hash.update(before.0);
        hash.update(self.number.to_be_bytes());
        hash.update(self.at.as_millisecond().to_be_bytes());
        let texts = [
            &self.actor,
            &self.origin,
            &self.action,
            &self.subject,
            &self.detail,
        ];
        for text in texts {
            // The lengths make the encoding unambiguous.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Digest(hash.finalize().into())
    }
}

/// The number and digest of the last line of a chain. A copy that is kept elsewhere reveals removed lines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ChainEnd {
    /// The number of the last line; 0 for an empty log.
    pub number: i64,
    /// The digest of the last line.
    pub digest: Digest,
}

/// The verification of a log from its first line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    end: ChainEnd,
    /// Whether a line had a digest. All later lines must have one.
    has_digests: bool,
}

impl Chain {
    /// The last line that was verified.
    pub const fn end(&self) -> ChainEnd {
        self.end
    }

    /// Verifies the next line.
    pub fn append(&mut self, line: &AuditLine) -> Result<(), ChainError> {
        let broken = |why| ChainError {
            number: line.number,
            why,
        };
        if line.number != self.end.number.saturating_add(1) {
            return Err(broken(ChainFault::Gap(self.end.number)));
        }
        let digest = line.digest_after(&self.end.digest);
        match line.digest {
            None if self.has_digests => return Err(broken(ChainFault::Added)),
            Some(stored) if stored != digest => return Err(broken(ChainFault::Changed)),
            stored => self.has_digests = stored.is_some(),
        }
        self.end = ChainEnd {
            number: line.number,
            digest,
        };
        Ok(())
    }

    /// Adds a line without verification, for lines that are older than the chain.
    pub fn append_unchecked(&mut self, line: &AuditLine) {
        self.end = ChainEnd {
            number: line.number,
            digest: line.digest_after(&self.end.digest),
        };
    }
}

impl fmt::Display for ChainEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.digest)
    }
}

impl FromStr for ChainEnd {
    type Err = ParseChainEndError;

    fn from_str(text: &str) -> Result<Self, ParseChainEndError> {
        let (number, digest) = text.split_once(':').ok_or(ParseChainEndError)?;
        let digest = hex::decode(digest).map_err(|_| ParseChainEndError)?;
        Ok(Self {
            number: number.parse().map_err(|_| ParseChainEndError)?,
            digest: Digest::from_bytes(&digest).ok_or(ParseChainEndError)?,
        })
    }
}

/// The text is not the end of a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected NUMBER:DIGEST, as `portcullis audit verify` prints it")]
pub struct ParseChainEndError;

/// A SHA-256 digest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// `None` unless there are 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The line at which the verification fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {number}: {why}")]
pub struct ChainError {
    /// The number of the line.
    pub number: i64,
    /// The fault.
    pub why: ChainFault,
}

/// Why a chain is broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// The line has no digest, although earlier lines have one.
    #[error("the line was inserted")]
    Added,

    /// The digest does not match the content.
    #[error("the line, or one before it, was changed")]
    Changed,

    /// The number does not follow the one before.
    #[error("the line does not follow line {0}: lines were removed or inserted")]
    Gap(i64),

    /// The digest differs from the one that was kept elsewhere.
    #[error("the line differs from the one whose digest was kept")]
    Other,

    /// Lines are missing at the end of the log.
    #[error("the last line is missing: the log was truncated")]
    CutOff,
}
