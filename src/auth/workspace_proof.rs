//! Workspace tokens as proofs: the token of a request is compared with the stored one.
//!
//! A workspace token identifies the caller and proves nothing about the delivery. Drafts require one: see
//! `directory::DraftAuth`.

use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::{
    Head, PartialRequest, Place, PlaceValue, ProofError, Scheme, TokenHash, TokenId, Verified,
    WorkspaceToken,
};

/// The workspace token in a head, still unproven.
pub struct WorkspaceClaim(WorkspaceToken);

impl WorkspaceClaim {
    /// Reads `Authorization: Bearer …`. Another authentication scheme counts as a missing token.
    pub fn read(head: &Head<'_>) -> Result<Self, ProofError> {
        let value = match authorization().read(&PartialRequest::from(*head)) {
            PlaceValue::Absent => return Err(ProofError::TokenMissing),
            PlaceValue::Ambiguous | PlaceValue::Unreadable => {
                return Err(ProofError::TokenMismatch);
            }
            PlaceValue::Value(value) => value,
        };
        let token = bearer(&value).ok_or(ProofError::TokenMissing)?;
        let token = WorkspaceToken::read(token).map_err(|_| ProofError::TokenMismatch)?;
        Ok(Self(token))
    }

    /// The id for the look-up of the stored token.
    pub const fn id(&self) -> &TokenId {
        self.0.id()
    }

    /// Compares the token with `stored`, the token of the same id, and checks that it belongs to `owner`.
    ///
    /// Without a stored token it compares with a hash that no secret has: an unknown id takes the path of a wrong
    /// secret.
    pub fn judge(
        &self,
        stored: Option<&Grant>,
        owner: Owner<'_>,
        now: Timestamp,
    ) -> Result<WorkspaceProof, WorkspaceRefusal> {
        let matches = self.0.matches(stored.map(|grant| &grant.hash));
        let grant = stored.filter(|grant| matches && grant.is_valid_at(now));
        let grant = grant.ok_or(WorkspaceRefusal::Unproven)?;
        if grant.owner() == owner {
            Ok(WorkspaceProof(()))
        } else {
            Err(WorkspaceRefusal::OtherWorkspace)
        }
    }
}

/// A stored workspace token.
#[derive(Clone)]
pub struct Grant {
    /// The hash of the token's secret.
    pub hash: TokenHash,
    /// The organisation of the workspace.
    pub organisation: Box<str>,
    /// The workspace that the token belongs to.
    pub workspace: Box<str>,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// When the token was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl Grant {
    /// Whether the token is valid at `now`.
    ///
    /// A revoked token is invalid at any time: the clock of the node that revoked it may be ahead of this one.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// The workspace that the token belongs to.
    pub fn owner(&self) -> Owner<'_> {
        Owner {
            organisation: &self.organisation,
            workspace: &self.workspace,
        }
    }
}

/// The owner of an endpoint or a token: a workspace of an organisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner<'o> {
    /// The organisation of the workspace.
    pub organisation: &'o str,
    /// The name of the workspace.
    pub workspace: &'o str,
}

/// The proof that the caller has a valid token of the workspace. Only [`WorkspaceClaim::judge`] makes one.
pub struct WorkspaceProof(());

impl WorkspaceProof {
    /// The proof of a delivery by the token alone. The secret of the endpoint's `scheme` is not forwarded either.
    pub fn as_sole_proof(self, scheme: Option<&Scheme>) -> Verified {
        let places = scheme.map(Scheme::secret_places).unwrap_or_default();
        self.with_proof(Verified::by_workspace(places))
    }

    /// `verified`, with the workspace token as an additional proof.
    pub fn with_proof(self, verified: Verified) -> Verified {
        verified.with_workspace_token(authorization())
    }
}

/// Why a workspace token is rejected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the two cases get different responses"
)]
pub enum WorkspaceRefusal {
    /// The token is valid for another workspace.
    #[error("the token belongs to another workspace")]
    OtherWorkspace,

    /// The token is unknown, wrong, expired or revoked.
    #[error("the token is wrong, expired or revoked")]
    Unproven,
}

fn authorization() -> Place {
    Place::Header(AUTHORIZATION)
}

/// The credentials after `Bearer`, which is case-insensitive (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(BEARER.len())?;
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(BEARER) && !rest.is_empty()).then_some(rest)
}

const BEARER: &[u8] = b"Bearer";
