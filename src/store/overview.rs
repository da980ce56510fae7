//! What operators list: endpoints with the state of their secrets, and the audit log.

use jiff::Timestamp;

use crate::auth::KeyKind;
use crate::directory::{Definition, Target};

/// Which endpoints a page lists.
#[derive(Clone, Debug)]
pub struct EndpointQuery {
    /// The owners whose endpoints are listed. Without any, the page is empty.
    pub scopes: Vec<OwnerScope>,
    /// Only endpoints of this run-time.
    pub target: Option<Target>,
    /// Only endpoints whose id or alias contains this text, in any case.
    pub search: Option<String>,
    /// Only endpoints in this state.
    pub state: Option<StateFilter>,
    /// Only endpoints after this id.
    pub after: Option<String>,
    /// The most endpoints of the page.
    pub limit: u32,
    /// The current time, for overlaps.
    pub now: Timestamp,
}

impl EndpointQuery {
    /// The most endpoints that one page examines. A page with a filter may therefore have fewer endpoints than its limit,
    /// and still a next page.
    pub const MAX_EXAMINED: u32 = 5000;
}

/// An organisation, or one of its workspaces; everything without either.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnerScope {
    /// The organisation; `None` for every organisation.
    pub organisation: Option<String>,
    /// The workspace; `None` for every workspace.
    pub workspace: Option<String>,
}

/// A state that pages are filtered by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StateFilter {
    /// The endpoint is disabled or suspended.
    Disabled,
    /// The previous version of its secret is still valid.
    Overlap,
    /// Deliveries were refused in the last 24 hours.
    Refusing,
    /// Its mode is `none`.
    Unauthenticated,
    /// Its secret has no current version.
    Unbound,
}

/// A page of endpoints.
#[derive(Clone, Debug, Default)]
pub struct EndpointPage {
    /// The endpoints, in the order of their ids.
    pub rows: Vec<EndpointRow>,
    /// The id after which the next page starts, if there is one.
    pub next: Option<String>,
}

/// An endpoint with the state of its secret.
#[derive(Clone, Debug)]
pub struct EndpointRow {
    /// The stored definition.
    pub definition: Definition,
    /// The random number of its creation.
    pub generation: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The current version of its secret; `None` if it is not bound, or if there is no secret.
    pub current: Option<CurrentVersion>,
    /// Until when the previous version of its secret is valid.
    pub previous_ends_at: Option<Timestamp>,
}

/// The current version of a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CurrentVersion {
    /// Its number.
    pub number: u32,
    /// The kind that it was bound as, if that is known.
    pub kind: Option<KeyKind>,
}

/// Which audit entries a page lists.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only entries about one of these objects; empty for all.
    pub subjects: Vec<String>,
    /// Only entries of this action.
    pub action: Option<String>,
    /// Only entries before this number.
    pub before: Option<i64>,
}
