//! A claim and its key. A secret is there before the body; a certificate is named by it, and fetched.

use crate::auth::{Begun, Head, Uncertified, Verification, Verified};
use crate::outbound::{Outbound, OutboundError};

use super::{Reason, Refusal};

/// A claim on its way to a verdict.
pub(super) enum Keyed {
    /// With its key.
    Begun(Begun),
    /// Without one, until the body is there.
    Uncertified(Uncertified),
}

impl Keyed {
    /// What wants to see the body as it arrives.
    pub(super) fn streaming(&mut self) -> Option<&mut Verification> {
        match self {
            Self::Begun(Begun::Streaming(verification)) => Some(verification),
            Self::Begun(Begun::Proven(_)) | Self::Uncertified(_) => None,
        }
    }

    /// The verdict on the whole body.
    pub(super) async fn finish(
        self,
        outbound: &Outbound,
        head: &Head<'_>,
        body: &[u8],
    ) -> Result<Verified, Refusal> {
        let begun = match self {
            Self::Begun(begun) => begun,
            Self::Uncertified(claim) => {
                let url = claim.certificate_url(body)?;
                let certified = outbound.certificate(&url, claim.algorithm()).await?;
                claim.certified(&certified)?
            }
        };
        match begun {
            Begun::Proven(verified) => Ok(verified),
            Begun::Streaming(verification) => Ok(verification.finish(head, body)?),
        }
    }
}

impl From<OutboundError> for Refusal {
    fn from(error: OutboundError) -> Self {
        Self::with_cause(Reason::ProviderUnreachable, error)
    }
}
