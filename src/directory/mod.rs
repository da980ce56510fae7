//! Which endpoint a path names, and how that endpoint is declared and compiled.
//!
//! ```text
//! path ─ RouteTable ─→ endpoint id ─ Directory (presence filter → cache → store) ─→ Endpoint
//! ```
//!
//! A hot endpoint is answered from memory. An invented name is rejected by the presence filter before the store is asked.
//! The [`Follower`] applies the changes of other processes within a second.

mod auth_definition;
mod concurrency;
mod declaration;
mod definition;
mod draft;
mod endpoint;
mod follower;
mod invalidation;
mod lookup;
mod name;
mod path;
mod presence;
mod replay;
mod route;
mod store;
mod store_health;
mod target;
mod validation;

pub use self::auth_definition::AuthDefinition;
pub use self::concurrency::{Concurrency, ConcurrencyDefinition, MissingKey, ParseMissingKeyError};
pub use self::declaration::{EndpointDeclaration, SourceLocation};
pub use self::definition::{
    CaptureDefinition, Definition, HANDSHAKE_SLOT, LimitsDefinition, OperatorChange,
};
pub use self::draft::{DraftAuth, ParseDraftAuthError};
pub use self::endpoint::{Auth, ChallengeConfig, Endpoint, Events, Limits, Proof};
pub use self::follower::{Follower, FollowerSettings};
pub use self::lookup::{Directory, DirectorySettings, DirectoryStats, EndpointMatch, LookupError};
pub use self::name::{EndpointId, Name, ParseNameError};
pub use self::path::{ParsePathTemplateError, PathTemplate};
pub use self::replay::{
    Duplicates, LedgerDown, ParseDuplicatesError, ParseLedgerDownError, ParseReplayKeyError,
    ReplayDefinition, ReplayKey, ReplayRule,
};
pub use self::route::{Route, RouteDefinition, RouteError, RouteMatch, RouteTable, Wording};
pub use self::store::{
    Change, ChangeNotifier, Changes, EndpointChange, EndpointRecord, EndpointStore, NamesPage,
    Position,
};
pub use self::store_health::{DirectoryRevision, StoreHealth, StoreState};
pub use self::target::Target;
pub use self::validation::{DefinitionMistake, ValidationContext};
