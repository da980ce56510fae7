//! Which endpoint a path names, and what that endpoint is.
//!
//! ```text
//! path ─ RouteTable ─→ endpoint id ─ Directory (presence filter → cache → store) ─→ Endpoint
//! ```
//!
//! A hot endpoint is answered from memory. So is an invented one: a filter over all the names that
//! exist turns it away before the store is asked. What other processes change arrives through the
//! [`Follower`] within a second.

mod auth_definition;
mod cache;
mod concurrency;
mod declaration;
mod definition;
mod draft;
mod endpoint;
mod follower;
mod found;
mod generations;
mod lookup;
mod mistake;
mod name;
mod operated;
mod path;
mod payload;
mod presence;
mod replay;
mod replay_rule;
mod route;
mod standing;
mod store;
mod target;
mod wrong_auth;
mod wrong_replay;

pub use self::auth_definition::AuthDefinition;
pub use self::cache::{DirectorySettings, DirectoryStats};
pub use self::concurrency::{ConcurrencyDefinition, MissingKey, UnknownMissingKey};
pub use self::declaration::{EndpointDeclaration, SourcePlace};
pub use self::definition::{CaptureDefinition, Definition, HANDSHAKE_SLOT, LimitsDefinition};
pub use self::draft::{DraftAuth, UnknownDraftAuth};
pub use self::endpoint::{Auth, Endpoint, Greeting, Limits, Proof};
pub use self::follower::{Follower, Pace};
pub use self::found::{Found, LookupError};
pub use self::lookup::Directory;
pub use self::mistake::{Mistake, Surroundings};
pub use self::name::{EndpointId, InvalidName, Name};
pub use self::operated::Operation;
pub use self::path::{InvalidPathTemplate, PathTemplate};
pub use self::payload::{Concurrency, Events};
pub use self::replay::{
    Duplicates, LedgerDown, ReplayDefinition, ReplayKey, UnknownDuplicates, UnknownLedgerDown,
    UnknownReplayKey,
};
pub use self::replay_rule::ReplayRule;
pub use self::route::{InvalidRoute, Resolved, Route, RouteDefinition, RouteTable, Wording};
pub use self::standing::{Moment, Standing, StandingNow};
pub use self::store::{
    Bell, Change, Changes, EndpointChange, EndpointRecord, EndpointStore, NamesPage, Position,
};
pub use self::target::Target;
