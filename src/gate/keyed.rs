//! A claim and its key. A secret is there before the body; a certificate is named by it, and fetched.

use std::sync::Arc;

use crate::auth::{Begun, Head, ProofError, Uncertified, Verification, Verified};
use crate::outbound::{Outbound, OutboundError};
use crate::secrets::{Challenges, KeyError};

use super::{Reason, Refusal};

/// A claim on its way to a verdict.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a delivery, on its way; a box would cost an allocation"
)]
pub(super) enum Keyed {
    /// With its keys.
    Begun(Begun, Beside),
    /// Without one, until the body is there.
    Uncertified(Uncertified),
}

/// What is known of the keys of a claim.
#[derive(Default)]
pub(super) struct Beside {
    /// What keeps some of them away.
    pub(super) lacking: Option<KeyError>,
    /// The challenges that were signed with them.
    pub(super) challenges: Option<Arc<Challenges>>,
}

impl Keyed {
    /// An endpoint that asks for no proof.
    pub(super) fn waived() -> Self {
        Self::Begun(Verification::dangerous_waive(), Beside::default())
    }

    /// What the head alone has proven.
    pub(super) fn proven(verified: Verified) -> Self {
        Self::Begun(Begun::Proven(verified), Beside::default())
    }

    /// What wants to see the body as it arrives.
    pub(super) fn streaming(&mut self) -> Option<&mut Verification> {
        match self {
            Self::Begun(Begun::Streaming(verification), _) => Some(verification),
            Self::Begun(Begun::Proven(_), _) | Self::Uncertified(_) => None,
        }
    }

    /// The challenges that were signed with its keys, if any were.
    pub(super) fn challenges(&self) -> Option<Arc<Challenges>> {
        match self {
            Self::Begun(_, beside) => beside.challenges.clone(),
            Self::Uncertified(_) => None,
        }
    }

    /// The verdict on the whole body.
    pub(super) async fn finish(
        self,
        outbound: &Outbound,
        head: &Head<'_>,
        body: &[u8],
    ) -> Result<Verified, Refusal> {
        let (begun, lacking) = match self {
            Self::Begun(begun, beside) => (begun, beside.lacking),
            Self::Uncertified(claim) => {
                let url = claim.certificate_url(body)?;
                let certified = outbound.certificate(&url, claim.algorithm()).await?;
                (claim.certified(&certified)?, None)
            }
        };
        match begun {
            Begun::Proven(verified) => Ok(verified),
            Begun::Streaming(verification) => verification
                .finish(head, body)
                .map_err(|error| unproven(error, lacking)),
        }
    }
}

/// A proof that did not hold. Where a key is lacking that might have made it, nobody can say that it is wrong.
pub(super) fn unproven(error: ProofError, lacking: Option<KeyError>) -> Refusal {
    match (error, lacking) {
        (ProofError::SignatureMismatch | ProofError::TokenMismatch, Some(lacking)) => {
            lacking.into()
        }
        (error, _) => error.into(),
    }
}

impl From<OutboundError> for Refusal {
    fn from(error: OutboundError) -> Self {
        Self::with_cause(Reason::ProviderUnreachable, error)
    }
}
