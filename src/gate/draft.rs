//! Drafts: whoever delivers to one speaks for the workspace that owns it.
//!
//! ```text
//! head → Authorization: Bearer <token> → what is known of it → the endpoint's own workspace? → proof
//! ```
//!
//! It is decided by the head. Whoever speaks for another workspace learns nothing: the answer is that of a
//! path that leads nowhere. Whoever sends to the draft what is signed for the live endpoint is told so.

use std::sync::Arc;

use jiff::Timestamp;

use super::decision::room_to_verify;
use super::judgement::Notes;
use super::{Body, GateSettings, Known, Reason, Refusal, Request};
use crate::auth::{
    Claim, Head, MAX_PARSED_BODY_BYTES, Owner, ProofError, Verified, WorkspaceClaim,
    WorkspaceProof, WorkspaceRefusal, verify_whole,
};
use crate::clock::Clock;
use crate::directory::{Auth, DraftAuth, Endpoint, LookupError, Standing, Target};

/// Who calls, as far as that counts.
pub(super) enum Caller {
    /// Somebody of the workspace, which is all that the endpoint asks for.
    Alone(WorkspaceProof),
    /// Somebody of the workspace, who has to send what `auth` asks for, too.
    Beside(WorkspaceProof),
    /// The endpoint does not ask.
    NotAsked,
}

/// Asks who calls, where the endpoint does, and gives when the token ends that says so.
pub(super) async fn caller(
    known: &Known,
    clock: &dyn Clock,
    endpoint: &Endpoint,
    head: &Head<'_>,
    notes: &mut Notes,
) -> Result<(Caller, Option<Timestamp>), Refusal> {
    let made: fn(WorkspaceProof) -> Caller = match endpoint.draft_auth {
        DraftAuth::Workspace => Caller::Alone,
        DraftAuth::Both => Caller::Beside,
        DraftAuth::Interface => return Ok((Caller::NotAsked, None)),
    };
    let claim = WorkspaceClaim::read(head).map_err(|error| without_token(endpoint, head, error))?;
    let id = claim.id();
    let answers = known.directory.standing().get() == Standing::InStep;
    let granted = known.tokens.find(id, answers).await;
    let granted = granted.map_err(LookupError::Store)?;
    let owner = Owner {
        organisation: endpoint.organisation.as_str(),
        workspace: endpoint.workspace.as_str(),
    };
    let now = clock.now();
    let refusal = match claim.judge(granted.as_deref(), owner, now) {
        Ok(proof) => {
            known.tokens.uses().note(id, now);
            let until = granted.map(|grant| grant.expires_at);
            return Ok((made(proof), until));
        }
        Err(refusal) => refusal,
    };
    let answer = match (refusal, notes.found.take()) {
        // Nothing was found, for whoever answers and for whoever counts.
        (WorkspaceRefusal::OtherWorkspace, Some(found)) => {
            known.directory.nothing_at(&found).into()
        }
        (_, found) => {
            notes.found = found;
            ProofError::TokenMismatch.into()
        }
    };
    Err(Refusal {
        cause: Some(format!("{}: token {id}: {refusal}", endpoint.id)),
        ..answer
    })
}

/// What the endpoint's own proof comes to beside that of a caller, if one was asked for.
pub(super) fn beside(caller: Option<WorkspaceProof>, verified: Verified) -> Verified {
    match caller {
        Some(caller) => caller.beside(verified),
        None => verified,
    }
}

/// What is said to whoever sends no token that can be read.
fn without_token(endpoint: &Endpoint, head: &Head<'_>, error: ProofError) -> Refusal {
    match &endpoint.auth {
        Auth::Proof(proof)
            if error == ProofError::TokenMissing && Claim::is_signed(&proof.scheme, head) =>
        {
            let cause = "a signature, where a token of the workspace is asked for";
            Refusal::with_cause(Reason::SignatureAtDraft, cause)
        }
        _ => error.into(),
    }
}

/// A delivery that was refused, and perhaps sent to the wrong URL.
pub(super) struct Misled<'a> {
    pub(super) known: &'a Known,
    pub(super) settings: &'a GateSettings,
    pub(super) draft: &'a Endpoint,
    pub(super) request: &'a Request<'a>,
    pub(super) body: &'a Body,
}

impl Misled<'_> {
    /// The refusal, with a better reason if the delivery is signed for the live endpoint.
    pub(super) async fn explained(&self, refusal: Refusal, clock: &dyn Clock) -> Refusal {
        // One hash more for what is refused already; large bodies do not get it.
        let is_asked = refusal.reason == Reason::Proof(ProofError::SignatureMismatch)
            && self.draft.target == Target::Draft
            && self.body.len() <= MAX_PARSED_BODY_BYTES;
        if is_asked && self.is_for_live(clock).await == Some(true) {
            let cause = "it is signed with the secret of the live endpoint";
            return Refusal::with_cause(Reason::SignatureAtDraft, cause);
        }
        refusal
    }

    /// Whether the live endpoint would take the signature; `None` if nobody can say.
    async fn is_for_live(&self, clock: &dyn Clock) -> Option<bool> {
        let live = self.known.directory.live_of(self.draft).await?;
        let Auth::Proof(proof) = &live.auth else {
            return None;
        };
        if !proof.scheme.covers_body() && !proof.scheme.waits_for_body() {
            // A token in the head says nothing about the body.
            return None;
        }
        let address = proof.key.as_ref()?;
        let keys = self.known.keys.keys_at_hand(address).await.ok()?;
        // Senders sign the URL that they were told, which is the live one's.
        let path = self.known.directory.routes().path_of(&live.id);
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
