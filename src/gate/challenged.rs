//! Bodies that could be a challenge: what was signed for strangers proves no delivery.
//!
//! Some providers have the gate sign a challenge with the key of their deliveries. The version of the secret remembers
//! it, so that such a signature proves nothing later either, at whichever endpoint uses the version.

use super::Refusal;
use crate::auth::{ProofError, Verified};
use crate::directory::Endpoint;
use crate::handshake::Handshake;
use crate::secrets::Challenges;

/// Refuses a proven delivery whose proof may have been given away.
pub(super) fn refuse(
    endpoint: &Endpoint,
    challenges: Option<&Challenges>,
    verified: &Verified,
    body: &[u8],
) -> Result<(), Refusal> {
    let own = endpoint
        .greeting
        .as_ref()
        .map(|greeting| greeting.handshake);
    let own = own.is_some_and(|handshake| handshake.could_sign(body));
    let noted = || {
        let version = verified.version()?;
        let names = challenges?.of(version);
        Some(Handshake::gave_away(names, endpoint.auth.scheme()?, body))
    };
    if own || noted() == Some(true) {
        return Err(Refusal {
            cause: Some("such a body could be a challenge that was signed here".to_owned()),
            ..ProofError::SignatureMismatch.into()
        });
    }
    Ok(())
}
