//! A token of a workspace as a proof: what a head offers meets what is known of it.
//!
//! It proves who calls, and nothing about the delivery. Drafts ask for it: see `directory::DraftAuth`.

use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::{
    Head, Place, ProofError, Reading, Received, Scheme, TokenHash, TokenId, Verified,
    WorkspaceToken,
};

/// What a head offers as the token of a workspace.
pub struct WorkspaceClaim(WorkspaceToken);

impl WorkspaceClaim {
    /// Reads `Authorization: Bearer …`. Where the header speaks of something else than a bearer, no token
    /// was sent.
    pub fn read(head: &Head<'_>) -> Result<Self, ProofError> {
        let value = match authorization().read(&Received::from(*head)) {
            Reading::Absent => return Err(ProofError::TokenMissing),
            Reading::Ambiguous | Reading::Unreadable => return Err(ProofError::TokenMismatch),
            Reading::Value(value) => value,
        };
        let token = bearer(&value).ok_or(ProofError::TokenMissing)?;
        let token = WorkspaceToken::read(token).map_err(|_| ProofError::TokenMismatch)?;
        Ok(Self(token))
    }

    /// What the token is found by.
    pub const fn id(&self) -> &TokenId {
        self.0.id()
    }

    /// Judges it by what is known of a token with its id.
    ///
    /// An id that nobody has takes the way of a wrong secret: it is compared all the same.
    pub fn judge(
        &self,
        known: Option<&Grant>,
        owner: Owner<'_>,
        now: Timestamp,
    ) -> Result<WorkspaceProof, WorkspaceRefusal> {
        let nobody = TokenHash::of_nobody();
        let hash = known.map_or(&nobody, |grant| &grant.hash);
        let is_it = hash.is(self.0.hash());
        let granted = known.filter(|grant| is_it && grant.counts_at(now));
        let granted = granted.ok_or(WorkspaceRefusal::Unproven)?;
        if granted.owner() == owner {
            Ok(WorkspaceProof(()))
        } else {
            Err(WorkspaceRefusal::OtherWorkspace)
        }
    }
}

/// What is known of a token.
#[derive(Clone)]
pub struct Grant {
    /// The hash of its secret.
    pub hash: TokenHash,
    /// The organisation.
    pub organisation: Box<str>,
    /// The workspace of it that the token speaks for.
    pub workspace: Box<str>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When somebody has ended it.
    pub revoked_at: Option<Timestamp>,
}

impl Grant {
    /// Whether it lets anybody in. One that was revoked does not, whatever the clocks say: that of whoever
    /// has revoked it may be ahead.
    pub fn counts_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whom it speaks for.
    pub fn owner(&self) -> Owner<'_> {
        Owner {
            organisation: &self.organisation,
            workspace: &self.workspace,
        }
    }
}

/// Who owns an endpoint: a workspace of an organisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner<'o> {
    /// The organisation.
    pub organisation: &'o str,
    /// The workspace.
    pub workspace: &'o str,
}

/// The proof that somebody of the workspace calls. Only [`WorkspaceClaim::judge`] makes one.
pub struct WorkspaceProof(());

impl WorkspaceProof {
    /// Lets it be the whole proof of a delivery to an endpoint that has this scheme, if it has one.
    pub fn alone(self, scheme: Option<&Scheme>) -> Verified {
        let places = scheme.map(Scheme::secret_places).unwrap_or_default();
        self.beside(Verified::by_workspace(places))
    }

    /// Lets it stand beside the proof of the delivery.
    pub fn beside(self, verified: Verified) -> Verified {
        verified.with_workspace_token(authorization())
    }
}

/// A token that lets nobody in here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "whoever answers has to know both")]
pub enum WorkspaceRefusal {
    /// It is right, and another workspace's.
    #[error("the token is of another workspace")]
    OtherWorkspace,

    /// It is nobody's, or has ended.
    #[error("the token is wrong, or has ended")]
    Unproven,
}

fn authorization() -> Place {
    Place::Header(AUTHORIZATION)
}

/// What stands behind `Bearer`, whose case does not count (RFC 9110 §11.1), if anything does.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(BEARER.len())?;
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(BEARER) && !rest.is_empty()).then_some(rest)
}

const BEARER: &[u8] = b"Bearer";
