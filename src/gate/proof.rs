//! The proof of a delivery: the claim of its head, the keys that judge the claim, and the verdict on its body.
//!
//! A secret is known before the body arrives, so the body is hashed on arrival. A certificate is named by the body, so
//! it is fetched afterwards. A token is settled by the head alone.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::draft::Caller;
use super::grounds::Grounds;
use super::{
    Body, Caches, GateSettings, Lease, OverBudgetError, Reason, Refusal, Request, judge_method,
};
use crate::auth::{
    CertificateClaim, Claim, Head, PartialRequest, ProofError, Verification, VerificationStart,
    Verified,
};
use crate::clock::Clock;
use crate::directory::{Auth, Endpoint, Proof};
use crate::outbound::{Outbound, OutboundError};
use crate::secrets::{KeyError, Keys, SignedChallenges};

/// Reads the claim of a head; `None` if the endpoint needs none. A request that the endpoint cannot take is refused.
pub(super) fn read_claim<'e>(
    settings: &GateSettings,
    endpoint: &'e Arc<Endpoint>,
    caller: &Caller,
    request: &Request<'_>,
    head: &Head<'_>,
) -> Result<Option<(&'e Proof, Claim)>, Refusal> {
    let proof = match &endpoint.auth {
        // The token of the workspace is the whole proof.
        _ if matches!(caller, Caller::TokenOnly(_)) => None,
        Auth::Missing => return Err(Reason::AuthMissing.into()),
        Auth::Unauthenticated if !settings.allow_unauthenticated => {
            return Err(Reason::AuthMissing.into());
        }
        Auth::Unauthenticated => None,
        Auth::Proof(proof) => Some(proof),
    };
    let scheme = proof.map(|proof| &*proof.scheme);
    judge_method(request.method, scheme, &endpoint.methods).map_err(|reason| Refusal {
        allow: (reason == Reason::MethodNotAllowed).then(|| Arc::clone(endpoint)),
        ..reason.into()
    })?;
    proof
        .map(|proof| Ok((proof, Claim::read(&proof.scheme, head)?)))
        .transpose()
}

/// A claim that waits for the body, or for nothing any more.
pub(super) struct PendingProof {
    state: ProofState,
    /// The time by which the signed time of the sender is judged, if there is a claim.
    judged_at: Option<Timestamp>,
    /// Why some keys that could have made the proof are missing.
    missing_key: Option<KeyError>,
    /// The challenges that were signed with the keys, if there were any.
    challenges: Option<Arc<SignedChallenges>>,
}

enum ProofState {
    /// With the keys of a secret, or without need of any.
    Begun(VerificationStart),
    /// The body names the certificate.
    Uncertified(CertificateClaim),
}

impl PendingProof {
    /// The proof at an endpoint that asks for none.
    fn waived() -> Self {
        Self::settled(Verification::dangerous_waive())
    }

    /// A proof that the head alone completes.
    pub(super) fn of_head(verified: Verified) -> Self {
        Self::settled(VerificationStart::Proven(verified))
    }

    fn settled(begun: VerificationStart) -> Self {
        Self {
            state: ProofState::Begun(begun),
            judged_at: None,
            missing_key: None,
            challenges: None,
        }
    }

    /// Judges a claim with the keys of its endpoint. A token is settled here, before the body.
    ///
    /// `judged_at` is the time of an earlier attempt: a delivery whose body was slow is judged by the time of its head.
    pub(super) async fn begin(
        claim: Option<(&Proof, Claim)>,
        caches: &Caches,
        clock: &dyn Clock,
        judged_at: Option<Timestamp>,
        grounds: &mut Grounds,
    ) -> Result<Self, Refusal> {
        let Some((proof, claim)) = claim else {
            return Ok(Self::waived());
        };
        let now = || judged_at.unwrap_or_else(|| clock.now());
        let Some(address) = &proof.key else {
            let at = now();
            return Ok(Self {
                state: ProofState::Uncertified(CertificateClaim::new(&proof.scheme, claim, at)),
                judged_at: Some(at),
                missing_key: None,
                challenges: None,
            });
        };
        let Keys {
            ring,
            challenges,
            missing_key,
            until,
        } = caches.keys.available_keys(address).await?;
        let at = now();
        grounds.use_keys(Arc::clone(&ring), until);
        match Verification::begin(&proof.scheme, claim, ring, at) {
            Ok(begun) => Ok(Self {
                state: ProofState::Begun(begun),
                judged_at: Some(at),
                missing_key,
                challenges,
            }),
            Err(error) => Err(proof_refusal(error, missing_key)),
        }
    }

    pub(super) fn judged_at(&self) -> Option<Timestamp> {
        self.judged_at
    }

    pub(super) fn challenges(&self) -> Option<Arc<SignedChallenges>> {
        self.challenges.clone()
    }

    /// The verification that has to see the body on arrival, if there is one.
    pub(super) fn streaming(&mut self) -> Option<&mut Verification> {
        match &mut self.state {
            ProofState::Begun(VerificationStart::Streaming(verification)) => Some(verification),
            ProofState::Begun(VerificationStart::Proven(_)) | ProofState::Uncertified(_) => None,
        }
    }

    /// The verdict on the whole body.
    pub(super) async fn finish(
        self,
        outbound: &Outbound,
        head: &Head<'_>,
        body: &[u8],
    ) -> Result<Verified, Refusal> {
        let begun = match self.state {
            ProofState::Begun(begun) => begun,
            ProofState::Uncertified(mut claim) => {
                let url = claim.certificate_url(body)?;
                let certificate = outbound.certificate(&url, claim.algorithm()).await?;
                claim.certified(&certificate)?
            }
        };
        match begun {
            VerificationStart::Proven(verified) => Ok(verified),
            VerificationStart::Streaming(verification) => {
                let finish = || verification.finish(head, body);
                let verified = if body.len() > MAX_BYTES_IN_PLACE {
                    while_others_serve(finish)
                } else {
                    finish()
                };
                verified.map_err(|error| proof_refusal(error, self.missing_key))
            }
        }
    }
}

/// Runs `work` on this thread, and hands the tasks that wait for the thread to another one.
fn while_others_serve<T>(work: impl FnOnce() -> T) -> T {
    let runtime = Handle::try_current();
    let flavor = runtime.map(|runtime| runtime.runtime_flavor());
    if flavor.is_ok_and(|flavor| flavor == RuntimeFlavor::MultiThread) {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// The refusal of a failed proof. While a key is missing that could have made it, the proof is not known to be wrong.
fn proof_refusal(error: ProofError, missing_key: Option<KeyError>) -> Refusal {
    match (error, missing_key) {
        (ProofError::SignatureMismatch | ProofError::TokenMismatch, Some(missing)) => {
            missing.into()
        }
        (error, _) => error.into(),
    }
}

/// Memory for the copies that some proofs make of a body: the message of a public-key algorithm, and the fields of a
/// form or of JSON.
pub(super) async fn room_to_verify(
    auth: &Auth,
    body: &Body,
) -> Result<Option<Lease>, OverBudgetError> {
    let copies = |proof: &Proof| proof.scheme.copies_body() || proof.scheme.waits_for_body();
    match auth {
        Auth::Proof(proof) if copies(proof) => body.room_for_copy().await.map(Some),
        _ => Ok(None),
    }
}

/// Checks that a signed delivery is about the endpoint's account at the provider. A delivery that only a workspace
/// token proves names none.
pub(super) async fn check_account(
    auth: &Auth,
    verified: &Verified,
    head: &Head<'_>,
    body: &Body,
) -> Result<(), Refusal> {
    let scheme = auth.scheme().filter(|scheme| scheme.binds_account());
    let Some(scheme) = scheme.filter(|_| verified.signature().is_some()) else {
        return Ok(());
    };
    // The fields of a form and the claims of a token are copies.
    let _copy = body.room_for_copy().await?;
    scheme.check_account(PartialRequest {
        head: *head,
        body: Some(body.bytes()),
    })?;
    Ok(())
}

impl From<OutboundError> for Refusal {
    fn from(error: OutboundError) -> Self {
        Self::with_cause(Reason::ProviderUnreachable, error)
    }
}

/// A public key hashes a larger body again at its end, for 200 ms and more. No thread that serves others waits for that.
const MAX_BYTES_IN_PLACE: usize = 1024 * 1024;
