//! Digests of the body, computed as it arrives and compared with those that the sender signed.

use sha2::{Digest, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

/// A digest algorithm of a signed body digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) enum DigestAlgorithm {
    Sha256,
    Sha512,
}

/// The digests of one body, in the algorithms that its signatures use.
#[derive(Default)]
pub(super) struct BodyDigests {
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
    finished: FinishedDigests,
}

/// The results, after the last byte of the body.
#[derive(Default)]
struct FinishedDigests {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
}

impl BodyDigests {
    pub(super) fn begin(algorithms: impl Iterator<Item = DigestAlgorithm>) -> Self {
        let mut digests = Self::default();
        for algorithm in algorithms {
            match algorithm {
                DigestAlgorithm::Sha256 => digests.sha256 = Some(Sha256::new()),
                DigestAlgorithm::Sha512 => digests.sha512 = Some(Sha512::new()),
            }
        }
        digests
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.sha256 {
            digest.update(bytes);
        }
        if let Some(digest) = &mut self.sha512 {
            digest.update(bytes);
        }
    }

    pub(super) fn finish(&mut self) {
        let sha256 = self.sha256.take().map(|digest| digest.finalize().to_vec());
        let sha512 = self.sha512.take().map(|digest| digest.finalize().to_vec());
        self.finished = FinishedDigests { sha256, sha512 };
    }

    /// Whether every signed digest is that of the body, compared in constant time.
    pub(super) fn match_all(&self, sent: &[(DigestAlgorithm, Vec<u8>)]) -> bool {
        let FinishedDigests { sha256, sha512 } = &self.finished;
        let all = sent.iter().fold(Choice::from(1), |all, (algorithm, sent)| {
            let actual = match algorithm {
                DigestAlgorithm::Sha256 => sha256,
                DigestAlgorithm::Sha512 => sha512,
            };
            let actual = actual.as_deref();
            all & actual.map_or(Choice::from(0), |actual| actual.ct_eq(sent))
        });
        all.into()
    }
}
