//! Schemes that differ from another one in one property.
//!
//! `explain` asks with them what a refused sender may have done instead. A scheme that deliveries are
//! admitted by is never made here: it comes from a declaration.

use jiff::Timestamp;

use super::claim::Offer;
use super::rule::Tagged;
use super::{
    Algorithm, Claim, Encoding, KeyEncoding, KeyForm, Scheme, Source, Template, TimestampRule,
    TimestampUnit,
};

impl Scheme {
    /// The same with another algorithm.
    #[must_use]
    pub fn with_algorithm(&self, algorithm: Algorithm) -> Self {
        let mut other = self.clone();
        other.key.algorithm = algorithm;
        other
    }

    /// The same with a secret that is written down in another way behind the same prefixes.
    #[must_use]
    pub fn with_key(&self, encoding: KeyEncoding) -> Self {
        let mut other = self.clone();
        other.key.encoding = encoding;
        other
    }

    /// The same with a secret that is the key itself, whatever it begins with.
    #[must_use]
    pub fn with_plain_key(&self) -> Self {
        let mut other = self.clone();
        other.key = KeyForm::plain(self.key.algorithm);
        other
    }

    /// The same with signatures that are written down in another way.
    #[must_use]
    pub fn with_encoding(&self, encoding: Encoding) -> Self {
        let mut other = self.clone();
        for rule in &mut other.signatures {
            rule.encoding = encoding;
        }
        other
    }

    /// The same with proofs that begin with another word, or with none.
    #[must_use]
    pub fn with_tag(&self, tagged: Option<&Tagged>) -> Self {
        let mut other = self.clone();
        for rule in &mut other.signatures {
            rule.tagged = tagged.cloned();
        }
        other
    }

    /// The same with its first proof in another place, and no other proofs.
    #[must_use]
    pub fn with_place(&self, from: &Source) -> Self {
        let mut other = self.clone();
        other.signatures.truncate(1);
        for rule in &mut other.signatures {
            rule.from = from.clone();
        }
        other
    }

    /// The same with something else that is signed.
    #[must_use]
    pub fn with_signed(&self, signed: Template) -> Self {
        let mut other = self.clone();
        other.signed = vec![signed];
        other
    }

    /// The same with a time in another unit.
    #[must_use]
    pub fn with_unit(&self, unit: TimestampUnit) -> Self {
        let mut other = self.clone();
        other.timestamp = self
            .timestamp
            .clone()
            .map(|rule| TimestampRule { unit, ..rule });
        other
    }
}

impl Claim {
    /// When the delivery was signed, as its sender says; nothing has proven it yet.
    pub fn signed_at(&self) -> Option<Timestamp> {
        match &self.offer {
            Offer::Signatures((_, signed)) => signed.at,
            Offer::Sealed(sealed) => sealed.first()?.terms.at,
            Offer::InBody | Offer::Tokens(_) => None,
        }
    }
}
