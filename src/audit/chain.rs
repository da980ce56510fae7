//! The lines of the audit log as a chain: each one's digest covers the line and the digest before it.
//!
//! Whoever changes, removes or adds a line in the middle breaks every digest after it. Whoever can write the
//! whole store can make a new chain, though: what holds that one up is a digest that was kept elsewhere.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::AuditEntry;

/// A line as it was stored.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct AuditLine {
    /// Its number, from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Through what and from where.
    pub origin: String,
    /// What was done; see [`Action`](super::Action).
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// A few words more.
    pub detail: String,
    /// The digest of this line and, by that, of all lines before it. Lines that are older than the chain
    /// have none; the first one that has covers them, too.
    pub digest: Option<Digest>,
}

impl AuditLine {
    /// The line that comes after `end`.
    pub fn after(end: &End, entry: &AuditEntry) -> Self {
        let mut line = Self {
            number: end.number.saturating_add(1),
            at: entry.at,
            actor: entry.actor.name.clone(),
            origin: entry.actor.origin.clone(),
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
            // With their lengths: no two lines give the same bytes.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Digest(hash.finalize().into())
    }
}

/// The last line of a chain: its number and digest. Kept elsewhere, it shows what was taken away since.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct End {
    /// The number of the line; 0 before the first.
    pub number: i64,
    /// Its digest.
    pub digest: Digest,
}

/// A log that is read from its first line on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    end: End,
    /// Whether a line had a digest: all that follow have one, then.
    begun: bool,
}

impl Chain {
    /// Where it ends so far.
    pub const fn end(&self) -> End {
        self.end
    }

    /// Takes the next line, if it is the one that follows.
    pub fn follow(&mut self, line: &AuditLine) -> Result<(), Broken> {
        let broken = |why| Broken {
            number: line.number,
            why,
        };
        if line.number != self.end.number.saturating_add(1) {
            return Err(broken(Break::Gap(self.end.number)));
        }
        let digest = line.digest_after(&self.end.digest);
        match line.digest {
            None if self.begun => return Err(broken(Break::Added)),
            Some(stored) if stored != digest => return Err(broken(Break::Changed)),
            stored => self.begun = stored.is_some(),
        }
        self.end = End {
            number: line.number,
            digest,
        };
        Ok(())
    }

    /// Takes a line as it is, whatever its number: for lines from before there was a chain.
    pub fn take(&mut self, line: &AuditLine) {
        self.end = End {
            number: line.number,
            digest: line.digest_after(&self.end.digest),
        };
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.digest)
    }
}

impl FromStr for End {
    type Err = NotAnEnd;

    fn from_str(text: &str) -> Result<Self, NotAnEnd> {
        let (number, digest) = text.split_once(':').ok_or(NotAnEnd)?;
        let digest = hex::decode(digest).map_err(|_| NotAnEnd)?;
        Ok(Self {
            number: number.parse().map_err(|_| NotAnEnd)?,
            digest: Digest::from_bytes(&digest).ok_or(NotAnEnd)?,
        })
    }
}

/// Text that is no end of a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected NUMBER:DIGEST, as `portcullis audit verify` prints it")]
pub struct NotAnEnd;

/// A SHA-256.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that these bytes are, if there are 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
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

/// A place where a chain does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {number}: {why}")]
pub struct Broken {
    /// The number of the line.
    pub number: i64,
    /// What is wrong there.
    pub why: Break,
}

/// What breaks a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Break {
    /// It has no digest, and lines before it have.
    #[error("it was put in")]
    Added,

    /// Its digest does not cover what stands there.
    #[error("it, or a line before it, was changed")]
    Changed,

    /// Lines are missing before it.
    #[error("it does not follow line {0}: lines were taken out or put in")]
    Gap(i64),

    /// Another chain ended there.
    #[error("it is not the line that it was when its digest was noted")]
    Other,

    /// Lines are missing at the end.
    #[error("the last line is missing: the log was cut off")]
    CutOff,
}
