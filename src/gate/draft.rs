//! Drafts: whoever delivers to one has to belong to the workspace that owns it.
//!
//! ```text
//! head → Authorization: Bearer <token> → token record → the endpoint's own workspace? → proof
//! ```
//!
//! The head decides. A caller of another workspace learns nothing: it gets the answer of a path that leads nowhere. A
//! sender that signs for the live endpoint and sends to its draft is told so.

use std::sync::Arc;

use jiff::Timestamp;

use super::proof::room_to_verify;
use super::{Body, Caches, GateSettings, Reason, Refusal, Request};
use crate::auth::{
    Claim, Head, MAX_PARSED_BODY_BYTES, Owner, ProofError, Verified, WorkspaceClaim,
    WorkspaceProof, WorkspaceRefusal, verify_whole,
};
use crate::clock::Clock;
use crate::directory::{Auth, DraftAuth, Endpoint, EndpointMatch, LookupError, StoreState, Target};

/// The caller of an endpoint, as far as the endpoint asks for it.
pub(super) enum Caller {
    /// A member of the workspace. The endpoint asks for nothing else.
    TokenOnly(WorkspaceProof),
    /// A member of the workspace. The delivery needs the proof of the endpoint's `auth`, too.
    TokenAndProof(WorkspaceProof),
    /// The endpoint asks for no token.
    Unchecked,
}

impl Caller {
    /// The token's proof joined with that of the delivery.
    pub(super) fn join(token: Option<WorkspaceProof>, verified: Verified) -> Verified {
        match token {
            Some(token) => token.with_proof(verified),
            None => verified,
        }
    }
}

/// A caller that may not deliver to a draft.
pub(super) struct CallerRefusal {
    pub(super) refusal: Refusal,
    /// Whether neither the caller nor the record may show that the endpoint exists.
    pub(super) conceals_endpoint: bool,
}

impl From<Refusal> for CallerRefusal {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            conceals_endpoint: false,
        }
    }
}

/// Identifies the caller of an endpoint that asks for a workspace token, and returns when the token expires.
pub(super) async fn identify_caller(
    caches: &Caches,
    clock: &dyn Clock,
    found: &EndpointMatch,
    head: &Head<'_>,
) -> Result<(Caller, Option<Timestamp>), CallerRefusal> {
    let endpoint = &*found.endpoint;
    let caller: fn(WorkspaceProof) -> Caller = match endpoint.draft_auth {
        DraftAuth::Workspace => Caller::TokenOnly,
        DraftAuth::Both => Caller::TokenAndProof,
        DraftAuth::Interface => return Ok((Caller::Unchecked, None)),
    };
    let claim = WorkspaceClaim::read(head).map_err(|error| missing_token(endpoint, head, error))?;
    let id = claim.id();
    let store_answers = caches.directory.health().get() == StoreState::InStep;
    let grant = caches.tokens.find(id, store_answers).await;
    let grant = grant.map_err(|error| Refusal::from(LookupError::Store(error)))?;
    let owner = Owner {
        organisation: endpoint.organisation.as_str(),
        workspace: endpoint.workspace.as_str(),
    };
    let now = clock.now();
    let refusal = match claim.judge(grant.as_deref(), owner, now) {
        Ok(proof) => {
            caches.tokens.uses().note(id, now);
            return Ok((caller(proof), grant.map(|grant| grant.expires_at)));
        }
        Err(refusal) => refusal,
    };
    let conceals_endpoint = matches!(refusal, WorkspaceRefusal::OtherWorkspace);
    let answer: Refusal = if conceals_endpoint {
        caches.directory.not_found_at(found).into()
    } else {
        ProofError::TokenMismatch.into()
    };
    Err(CallerRefusal {
        refusal: Refusal {
            cause: Some(format!("{}: token {id}: {refusal}", endpoint.id)),
            ..answer
        },
        conceals_endpoint,
    })
}

/// The refusal of a caller that sends no readable token.
fn missing_token(endpoint: &Endpoint, head: &Head<'_>, error: ProofError) -> Refusal {
    match &endpoint.auth {
        Auth::Proof(proof)
            if error == ProofError::TokenMissing && Claim::is_signed(&proof.scheme, head) =>
        {
            let cause = "the delivery has a signature, but the draft asks for a workspace token";
            Refusal::with_cause(Reason::SignatureAtDraft, cause)
        }
        _ => error.into(),
    }
}

/// A delivery to a draft whose proof failed, and that may have been meant for the live endpoint.
pub(super) struct DraftMisroute<'a> {
    pub(super) caches: &'a Caches,
    pub(super) settings: &'a GateSettings,
    pub(super) draft: &'a Endpoint,
    pub(super) request: &'a Request<'a>,
    pub(super) body: &'a Body,
}

impl DraftMisroute<'_> {
    /// The refusal of the failed proof: `signature_at_draft` if the delivery is signed for the live endpoint.
    pub(super) async fn refusal(&self, failed: Refusal, clock: &dyn Clock) -> Refusal {
        // One more hash for a delivery that is refused in any case; large bodies do not get it.
        let is_candidate = failed.reason == Reason::Proof(ProofError::SignatureMismatch)
            && self.draft.target == Target::Draft
            && self.body.len() <= MAX_PARSED_BODY_BYTES;
        if is_candidate && self.is_for_live(clock).await == Some(true) {
            let cause = "it is signed with the secret of the live endpoint";
            return Refusal::with_cause(Reason::SignatureAtDraft, cause);
        }
        failed
    }

    /// Whether the live endpoint would accept the signature; `None` if that cannot be found out.
    async fn is_for_live(&self, clock: &dyn Clock) -> Option<bool> {
        let live = self.caches.directory.live_of(self.draft).await?;
        let Auth::Proof(proof) = &live.auth else {
            return None;
        };
        if !proof.scheme.covers_body() && !proof.scheme.waits_for_body() {
            // A token in the head says nothing about the body.
            return None;
        }
        let address = proof.key.as_ref()?;
        let keys = self.caches.keys.available_keys(address).await.ok()?;
        // Senders sign the URL that is configured at the provider: that of the live endpoint.
        let path = self.caches.directory.routes().path_of(&live.id);
        let request = Request {
            path: path.as_deref().unwrap_or(self.request.path),
            ..*self.request
        };
        let url = self.settings.public_url(&live, &request);
        let head = request.head(url.as_deref());
        let claim = Claim::read(&proof.scheme, &head).ok()?;
        let _copy = room_to_verify(&live.auth, self.body).await.ok()?;
        let ring = Arc::clone(&keys.ring);
        let body = self.body.bytes();
        let verdict = verify_whole(&proof.scheme, claim, ring, &head, body, clock.now());
        Some(matches!(
            verdict,
            Ok(_) | Err(ProofError::TimestampStale | ProofError::TimestampFuture)
        ))
    }
}
