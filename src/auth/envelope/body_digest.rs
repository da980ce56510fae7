//! Digests of the body, computed as it arrives.

use sha2::{Digest, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

/// What a sender may take the digest of a body with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) enum DigestAlgorithm {
    Sha256,
    Sha512,
}

/// The digests of one body that somebody asks for.
#[derive(Default)]
pub(super) struct BodyDigests {
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
    finished: [Option<Vec<u8>>; 2],
}

impl BodyDigests {
    pub(super) fn begin(wanted: impl Iterator<Item = DigestAlgorithm>) -> Self {
        let mut digests = Self::default();
        for algorithm in wanted {
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
        self.finished = [sha256, sha512];
    }

    /// Whether all that were sent are the body's own.
    pub(super) fn are(&self, sent: &[(DigestAlgorithm, Vec<u8>)]) -> bool {
        let [sha256, sha512] = &self.finished;
        let all = sent.iter().fold(Choice::from(1), |all, (algorithm, sent)| {
            let own = match algorithm {
                DigestAlgorithm::Sha256 => sha256,
                DigestAlgorithm::Sha512 => sha512,
            };
            let own = own.as_deref();
            all & own.map_or(Choice::from(0), |own| own.ct_eq(sent))
        });
        all.into()
    }
}
