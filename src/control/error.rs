//! The errors of the control plane: a stable word, a message, the next step, and the place in a file.

use std::fmt;
use std::path::PathBuf;

use super::{AdoptionError, Control, UnboundSlot};
use crate::auth::{SecretRefusal, TokenId};
use crate::directory::{EndpointId, Name, SourceLocation};
use crate::flow::{FlowTarget, MoveError, ParseScopeError, PartName};
use crate::secrets::{SecretRef, StoreError, VaultError};
use crate::store::OpenError;
use crate::tokens::TokenError;

/// Why an operation is refused or failed. Its text is the message and the next step.
///
/// Each surface maps it in one exhaustive match: the command line to an exit code, an API to a status.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// The alias of an endpoint belongs to another endpoint.
    AliasTaken {
        /// The endpoint that declares the alias.
        endpoint: EndpointId,
        /// The alias.
        alias: String,
        /// The endpoint that owns the alias.
        owner: EndpointId,
    },
    /// An error about the declaration at a place in a file.
    At {
        /// The place.
        place: SourceLocation,
        /// The error.
        error: Box<ControlError>,
    },
    /// A challenge may not replace a bound secret.
    ChallengeSecretBound {
        /// The endpoint.
        endpoint: EndpointId,
        /// The secret.
        secret: SecretRef,
    },
    /// The file of a backup already exists.
    BackupExists(PathBuf),
    /// The endpoint has no challenge that sets a secret.
    ChallengeWithoutSecret(EndpointId),
    /// No captured delivery has that request id.
    CaptureNotFound(String),
    /// The destination of a copy is not empty.
    CopyDestination {
        /// The store.
        store: String,
        /// What the store contains.
        error: String,
    },
    /// The source or the destination of a copy failed.
    CopyFailed(String),
    /// The flow declares its endpoint as disabled.
    DisabledByFlow {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its flow.
        flow: Name,
    },
    /// An endpoint with that id already exists.
    EndpointExists(EndpointId),
    /// The endpoint does not exist.
    EndpointNotFound(EndpointId),
    /// The id of a flow's endpoint is used by an endpoint outside the flow.
    EndpointNotOfFlow {
        /// The endpoint.
        endpoint: EndpointId,
        /// The flow.
        flow: Name,
    },
    /// The endpoint belongs to a flow, so only the flow's declaration changes it.
    EndpointOfFlow {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its flow.
        flow: Name,
    },
    /// The flow has released targets, and the deletion names none.
    FlowInForce {
        /// The flow.
        flow: PartName,
        /// Its targets.
        targets: Vec<FlowTarget>,
    },
    /// The flow does not exist.
    FlowNotFound(PartName),
    /// The flow is not at the target.
    FlowNotThere {
        /// The target as the user wrote it.
        target: String,
        /// The flow.
        flow: PartName,
    },
    /// The given owner differs from the stored owner of the flow.
    FlowOwner {
        /// `organisation` or `workspace`.
        key: &'static str,
        /// The given name.
        given: Name,
        /// The stored name.
        stored: Name,
    },
    /// The flow has no such version.
    FlowVersionNotFound {
        /// The flow.
        flow: PartName,
        /// The version.
        version: u32,
    },
    /// A bug in the program.
    Internal(String),
    /// Definitions that are not valid in this configuration.
    InvalidDefinitions(Vec<DefinitionError>),
    /// The text is neither the address of a secret nor the id of an endpoint.
    InvalidSecretName(String),
    /// The text is not a target of a flow.
    InvalidTarget(ParseScopeError),
    /// The interfaces of a flow use one slot for different kinds of keys.
    MixedKeyKinds(SecretRef),
    /// The move of the flow is not possible.
    Move(MoveError),
    /// The names of the flow and its interfaces are too long for an endpoint id.
    NamesTooLong(PartName),
    /// The flow may not take over an endpoint.
    NotAdoptable {
        /// The endpoint.
        endpoint: EndpointId,
        /// The reason.
        error: AdoptionError,
    },
    /// An operator token or a login link would allow nothing.
    NoRole,
    /// A note was given without a release.
    NoteWithoutVersion,
    /// Only the sender can issue the secret, so it cannot be generated.
    NotGenerated {
        /// The secret.
        secret: SecretRef,
        /// An endpoint that uses it.
        endpoint: EndpointId,
        /// Whether the secret is a slot of a flow.
        of_flow: bool,
    },
    /// The secret has no version that could end.
    NothingToRetire {
        /// The secret.
        secret: SecretRef,
        /// Whether the request included the current version.
        current: bool,
    },
    /// The operator token does not exist.
    OperatorTokenNotFound(TokenId),
    /// The name of an operator is empty.
    OperatorUnnamed,
    /// Several organisations have a workspace of that name.
    OrganisationAmbiguous {
        /// The workspace.
        workspace: Name,
        /// Some of the organisations.
        organisations: Vec<String>,
    },
    /// No endpoint belongs to the workspace, so its organisation is unknown.
    OrganisationUnknown(Name),
    /// A public key would become a shared secret.
    PublicKey {
        /// The secret that is a public key.
        secret: SecretRef,
        /// The conflicting uses.
        conflict: PublicKeyConflict,
    },
    /// The value is empty.
    SecretEmpty,
    /// Another endpoint uses the default secret of a new endpoint.
    SecretInUse {
        /// The new endpoint.
        endpoint: EndpointId,
        /// Its secret.
        secret: SecretRef,
        /// The endpoint that uses it.
        user: EndpointId,
    },
    /// The endpoint uses no secret.
    SecretNotNeeded(EndpointId),
    /// The secret also signs challenge texts of unauthenticated senders, so it may not authenticate deliveries.
    SecretSignsChallenges {
        /// The endpoint.
        endpoint: EndpointId,
        /// The secret.
        secret: SecretRef,
        /// The other endpoint that uses it.
        other: EndpointId,
    },
    /// The secret is not bound.
    SecretUnbound(SecretRef),
    /// Several errors of one operation.
    Several(Vec<ControlError>),
    /// The address has failed to sign in several times, and must pause.
    SignInPaused {
        /// The rest of the pause in seconds, rounded up.
        seconds: u64,
    },
    /// The login link is unknown, used or expired.
    SignInRefused,
    /// The flow has no such slot.
    SlotNotFound {
        /// The target as the user wrote it.
        target: String,
        /// The slot.
        slot: PartName,
        /// The existing slots, as a sentence.
        slots: String,
    },
    /// The change requires slots that have no secret.
    SlotsUnbound(Vec<UnboundSlot>),
    /// The store failed, or a concurrent change conflicts.
    Store(StoreError),
    /// The store does not exist.
    StoreNotFound(String),
    /// The store cannot be opened.
    StoreOpen(OpenError),
    /// A token cannot be created or revoked.
    Token(TokenError),
    /// The token does not exist.
    TokenNotFound(TokenId),
    /// An operator token or a login link has too many roles.
    TooManyRoles,
    /// The value is unusable as a key, or looks like a mistake.
    ValueRefused(SecretRefusal),
    /// The value is not UTF-8 text.
    ValueNotText,
    /// The value exceeds the largest size of a secret.
    ValueTooLong,
    /// The key service failed.
    KeyService(VaultError),
    /// The secret has a newer version than the one that the change was based on.
    VersionChanged(SecretRef),
    /// The provider sends a verify token in a URL, so it may not authenticate deliveries.
    VerifyTokenInUse {
        /// The endpoint whose verify token it is.
        endpoint: EndpointId,
        /// The token.
        token: SecretRef,
        /// The endpoint whose deliveries it would authenticate.
        user: EndpointId,
    },
}

/// How a public key would become a shared secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublicKeyConflict {
    /// A flow declares a slot that was bound as a public key as a shared secret.
    Bound,
    /// An earlier version of the flow used it as the public key of this endpoint.
    Earlier(EndpointId),
    /// Another endpoint uses it as a public key.
    Other {
        /// The endpoint that would use it as a shared secret.
        endpoint: EndpointId,
        /// The endpoint that uses it as a public key.
        owner: EndpointId,
    },
    /// The endpoint itself uses it as a public key now.
    Own(EndpointId),
}

/// A definition that is not valid in this configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DefinitionError {
    /// The place of the declaration. If no file declares the endpoint, the file is the endpoint's id.
    pub place: SourceLocation,
    /// The fault and the expected value.
    pub message: String,
}

impl ControlError {
    /// Combines errors: none is `Ok`, several become [`Several`](Self::Several).
    pub(super) fn of_all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    /// Adds a place in a file to the error, if there is one.
    pub(super) fn at(self, place: Option<SourceLocation>) -> Self {
        match place {
            None => self,
            Some(place) => Self::At {
                place,
                error: Box::new(self),
            },
        }
    }

    /// Whether the error is about one declaration, so that the others should be checked too.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::EndpointOfFlow { .. }
                | Self::EndpointNotOfFlow { .. }
                | Self::NotAdoptable { .. }
                | Self::SecretInUse { .. }
                | Self::PublicKey { .. }
        )
    }

    /// The stable word of the error.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AliasTaken { .. } => "alias_taken",
            Self::At { error, .. } => error.word(),
            Self::BackupExists(_) => "backup_exists",
            Self::ChallengeSecretBound { .. } => "challenge_secret_bound",
            Self::ChallengeWithoutSecret(_) => "challenge_without_secret",
            Self::CaptureNotFound(_) => "capture_not_found",
            Self::CopyDestination { .. } => "copy_destination_not_empty",
            Self::CopyFailed(_) => "copy_failed",
            Self::DisabledByFlow { .. } => "disabled_by_flow",
            Self::EndpointExists(_) => "endpoint_exists",
            Self::EndpointNotFound(_) => "endpoint_not_found",
            Self::EndpointNotOfFlow { .. } => "endpoint_not_of_flow",
            Self::EndpointOfFlow { .. } => "endpoint_of_flow",
            Self::FlowInForce { .. } => "flow_in_force",
            Self::FlowNotFound(_) => "flow_not_found",
            Self::FlowNotThere { .. } => "flow_not_at_target",
            Self::FlowOwner { .. } => "flow_owner_fixed",
            Self::FlowVersionNotFound { .. } => "flow_version_not_found",
            Self::Internal(_) => "internal",
            Self::InvalidDefinitions(_) => "definition_invalid",
            Self::InvalidSecretName(_) => "secret_name_invalid",
            Self::InvalidTarget(_) => "target_invalid",
            Self::MixedKeyKinds(_) => "key_kinds_mixed",
            Self::Move(_) => "flow_move_invalid",
            Self::NamesTooLong(_) => "names_too_long",
            Self::NotAdoptable { .. } => "endpoint_not_adoptable",
            Self::NoRole => "no_role",
            Self::NoteWithoutVersion => "note_without_version",
            Self::NotGenerated { .. } => "secret_not_generated",
            Self::NothingToRetire { .. } => "nothing_to_retire",
            Self::OperatorTokenNotFound(_) => "operator_token_not_found",
            Self::OperatorUnnamed => "operator_unnamed",
            Self::OrganisationAmbiguous { .. } => "organisation_ambiguous",
            Self::OrganisationUnknown(_) => "organisation_unknown",
            Self::PublicKey { .. } => "public_key_shared",
            Self::SecretEmpty => "secret_empty",
            Self::SecretInUse { .. } => "secret_in_use",
            Self::SecretNotNeeded(_) => "secret_not_needed",
            Self::SecretSignsChallenges { .. } => "secret_signs_challenges",
            Self::SecretUnbound(_) => "secret_unbound",
            Self::Several(errors) => errors.first().map_or("several", Self::word),
            Self::SignInPaused { .. } => "sign_in_paused",
            Self::SignInRefused => "sign_in_refused",
            Self::SlotNotFound { .. } => "slot_not_found",
            Self::SlotsUnbound(_) => "slot_unbound",
            Self::Store(StoreError::Conflict(_)) => "conflict",
            Self::Store(StoreError::Taken(_)) => "name_taken",
            Self::Store(_) => "store_unavailable",
            Self::StoreNotFound(_) => "store_not_found",
            Self::StoreOpen(_) => "store_unusable",
            Self::Token(_) => "token_invalid",
            Self::TokenNotFound(_) => "token_not_found",
            Self::TooManyRoles => "too_many_roles",
            Self::ValueRefused(SecretRefusal::Doubtful(..)) => "value_doubtful",
            Self::ValueRefused(SecretRefusal::Unusable(..)) => "value_unusable",
            Self::ValueNotText => "value_not_text",
            Self::ValueTooLong => "value_too_long",
            Self::KeyService(_) => "key_service_unavailable",
            Self::VersionChanged(_) => "version_changed",
            Self::VerifyTokenInUse { .. } => "verify_token_in_use",
        }
    }

    /// The place in a file that the error is about, if there is one.
    pub fn place(&self) -> Option<&SourceLocation> {
        match self {
            Self::At { place, .. } => Some(place),
            Self::InvalidDefinitions(errors) => errors.first().map(|error| &error.place),
            Self::Several(errors) => errors.iter().find_map(Self::place),
            _ => None,
        }
    }

    /// The object and the fault.
    #[expect(clippy::too_many_lines, reason = "a message for each variant")]
    pub fn message(&self) -> String {
        match self {
            Self::AliasTaken {
                endpoint,
                alias,
                owner,
            } => {
                format!("`{endpoint}`: the alias `{alias}` belongs to the endpoint `{owner}`")
            }
            Self::At { place, error } => format!("{place}: {}", error.message()),
            Self::BackupExists(file) => format!("{}: already exists", file.display()),
            Self::ChallengeSecretBound { secret, .. } => {
                format!("`{secret}`: already bound, and a handshake never replaces a bound secret")
            }
            Self::ChallengeWithoutSecret(endpoint) => {
                format!("`{endpoint}`: has no handshake that sets a secret")
            }
            Self::CaptureNotFound(id) => {
                format!("captured delivery `{id}` does not exist")
            }
            Self::CopyDestination { store, error } => format!("{store}: {error}"),
            Self::CopyFailed(error) | Self::Internal(error) | Self::InvalidSecretName(error) => {
                error.clone()
            }
            Self::DisabledByFlow { endpoint, flow } => {
                format!("`{endpoint}`: the flow `{flow}` declares `enabled = false`")
            }
            Self::EndpointExists(id) => format!("endpoint `{id}` already exists"),
            Self::EndpointNotFound(id) => format!("endpoint `{id}` does not exist"),
            Self::EndpointNotOfFlow { endpoint, flow } => {
                format!("`{endpoint}`: already exists and does not belong to the flow `{flow}`")
            }
            Self::EndpointOfFlow { endpoint, flow } => {
                format!("`{endpoint}`: belongs to the flow `{flow}`")
            }
            Self::FlowInForce { flow, targets } => {
                let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
                format!("flow `{flow}` is in use at: {}", targets.join(", "))
            }
            Self::FlowNotFound(flow) => format!("flow `{flow}` does not exist"),
            Self::FlowNotThere { target, flow } => {
                format!("`{target}`: the flow `{flow}` is not at this target")
            }
            Self::FlowOwner { key, given, stored } => {
                format!(
                    "`--{key} {given}`: the flow belongs to `{stored}`, and its owner cannot change"
                )
            }
            Self::FlowVersionNotFound { flow, version } => {
                format!("flow `{flow}` has no version {version}")
            }
            Self::InvalidDefinitions(errors) => lines(errors),
            Self::InvalidTarget(error) => error.to_string(),
            Self::MixedKeyKinds(secret) => {
                format!(
                    "`{secret}`: interfaces of the flow use the slot for different kinds of keys"
                )
            }
            Self::Move(error) => error.to_string(),
            Self::NamesTooLong(flow) => format!(
                "flow `{flow}`: the names of the flow and its interfaces are too long for an endpoint id"
            ),
            Self::NotAdoptable { endpoint, error } => {
                format!("`{endpoint}`: the flow cannot take it over: {error}")
            }
            Self::NoRole => "no role is given".to_owned(),
            Self::NoteWithoutVersion => {
                "`--note`: only a released version has a note, and the draft is not one".to_owned()
            }
            Self::NotGenerated {
                secret,
                endpoint,
                of_flow: true,
            } => format!(
                "`{secret}`: only the sender issues the secret of `{endpoint}` (a public key, a user and a \
                 password, or a secret that only the provider issues)"
            ),
            Self::NotGenerated {
                secret, endpoint, ..
            } => format!(
                "`{secret}`: only the provider issues the secret of `{endpoint}`, so a random value \
                 cannot replace it"
            ),
            Self::NothingToRetire {
                secret,
                current: true,
            } => format!("{secret}: no version is valid"),
            Self::NothingToRetire { secret, .. } => {
                format!("{secret}: only the current version is valid")
            }
            Self::OperatorTokenNotFound(id) => format!("operator token {id} does not exist"),
            Self::OperatorUnnamed => "the name of the operator is empty".to_owned(),
            Self::OrganisationAmbiguous {
                workspace,
                organisations,
            } => format!(
                "workspace `{workspace}`: exists in several organisations (`{}`)",
                organisations.join("`, `")
            ),
            Self::OrganisationUnknown(workspace) => {
                format!("workspace `{workspace}`: no endpoint belongs to it")
            }
            Self::PublicKey { secret, conflict } => conflict.message(secret),
            Self::SecretEmpty => VaultError::Empty.to_string(),
            Self::SecretInUse {
                endpoint,
                secret,
                user,
            } => format!(
                "`{endpoint}`: its default secret `{secret}` is in use by the endpoint `{user}`"
            ),
            Self::SecretNotNeeded(endpoint) => format!("`{endpoint}`: uses no secret"),
            Self::SecretSignsChallenges {
                endpoint,
                secret,
                other,
            } => format!(
                "`{endpoint}`: the secret `{secret}` is also used by `{other}`, and one of the two has a handshake that \
                 signs text of unauthenticated senders"
            ),
            Self::SecretUnbound(secret) => VaultError::Unbound(secret.clone()).to_string(),
            Self::Several(errors) => lines(errors),
            Self::SignInPaused { seconds } => format!(
                "sign-in is paused for this address for {seconds} seconds, after several failures"
            ),
            Self::SignInRefused => "the login link is unknown, used or expired".to_owned(),
            Self::SlotNotFound {
                target,
                slot,
                slots,
            } => format!("`{target}`: the flow has no slot `{slot}`; {slots}"),
            Self::SlotsUnbound(slots) => {
                let messages: Vec<String> = slots.iter().map(UnboundSlot::refusal).collect();
                messages.join("\n")
            }
            Self::Store(error) => error.to_string(),
            Self::StoreNotFound(store) => format!("{store}: the store does not exist"),
            Self::StoreOpen(error) => error.to_string(),
            Self::Token(error) => error.to_string(),
            Self::TokenNotFound(id) => format!("token {id} does not exist"),
            Self::TooManyRoles => "too many roles are given".to_owned(),
            Self::ValueRefused(refusal) => refusal.to_string(),
            Self::ValueNotText => "secret: the value is not UTF-8 text".to_owned(),
            Self::ValueTooLong => {
                format!(
                    "secret: the value is longer than {} bytes",
                    Control::MAX_SECRET_BYTES
                )
            }
            Self::KeyService(error) => error.to_string(),
            Self::VersionChanged(secret) => VaultError::Changed(secret.clone()).to_string(),
            Self::VerifyTokenInUse {
                endpoint,
                token,
                user,
            } => format!(
                "`{endpoint}`: the provider sends the verify token `{token}` in a URL, and the same secret authenticates deliveries to `{user}`"
            ),
        }
    }

    /// The next step, if the message does not imply it.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::At { error, .. } => error.next_step(),
            Self::ChallengeSecretBound { endpoint, .. } => Some(format!(
                "set it by hand (`portcullis secret set {endpoint}`), or delete and recreate the endpoint"
            )),
            Self::DisabledByFlow { flow, .. } | Self::EndpointOfFlow { flow, .. } => Some(format!(
                "change the declaration of the flow and apply it (`portcullis apply`), or see \
                 `portcullis flow show {flow}`"
            )),
            Self::BackupExists(_) => Some("name a new file".to_owned()),
            Self::EndpointExists(_) => Some("change it with `portcullis endpoint update`".to_owned()),
            Self::EndpointNotOfFlow { endpoint, .. } => Some(format!(
                "let the flow take it over (`--adopt`), delete it first (`portcullis endpoint delete {endpoint}`), or give \
                 the interface another id"
            )),
            Self::AliasTaken { alias, owner, .. } => Some(format!(
                "choose another alias, or remove `{alias}` from `{owner}`"
            )),
            Self::CaptureNotFound(_) => {
                Some("list them with: portcullis capture list ENDPOINT".to_owned())
            }
            Self::ChallengeWithoutSecret(_) => Some(
                "choose a handshake that sets a secret: portcullis handshakes list".to_owned(),
            ),
            Self::EndpointNotFound(_) => {
                Some("list endpoints with: portcullis endpoint list".to_owned())
            }
            Self::FlowNotFound(_) => Some("list flows with: portcullis flow list".to_owned()),
            Self::FlowNotThere { flow, .. } => Some(format!(
                "show its targets with: portcullis flow show {flow}"
            )),
            Self::FlowOwner { key, .. } => Some(format!("leave `--{key}` out")),
            Self::FlowVersionNotFound { flow, .. } => Some(format!(
                "list its versions with: portcullis flow history {flow}"
            )),
            Self::NamesTooLong(_) => Some("shorten the names".to_owned()),
            Self::NothingToRetire { secret, current: true } => Some(format!(
                "show its versions with: portcullis secret status '{secret}'"
            )),
            Self::SecretNotNeeded(endpoint) => Some(format!(
                "set a mode with a secret: portcullis endpoint update {endpoint} --mode secret"
            )),
            Self::TokenNotFound(_) => Some("list tokens with: portcullis token list".to_owned()),
            Self::ValueTooLong => Some("check that the input holds only the secret".to_owned()),
            Self::FlowInForce { .. } => Some(
                "delete all targets, versions and secrets with `--all`, or one installation with `--installation ID`"
                    .to_owned(),
            ),
            Self::NoRole => Some(
                "give at least one of `viewer`, `operator`, `revealer` and `admin`".to_owned(),
            ),
            Self::MixedKeyKinds(_) => Some("declare one slot per kind".to_owned()),
            Self::NoteWithoutVersion => Some(
                "add `--target live` or `--installation`, or give the note to `flow release`".to_owned(),
            ),
            Self::NotGenerated { of_flow: true, .. } => {
                Some("bind the value from standard input".to_owned())
            }
            Self::NotGenerated { secret, .. } => Some(format!(
                "set the new value with: portcullis secret set '{secret}'"
            )),
            Self::NothingToRetire { current: false, .. } => {
                Some("end it with `--current`".to_owned())
            }
            Self::OperatorTokenNotFound(_) => {
                Some("list them with: portcullis operator token list".to_owned())
            }
            Self::OperatorUnnamed => {
                Some("give a name; the audit log contains it".to_owned())
            }
            Self::SignInRefused => {
                Some("create a new link with: portcullis console login".to_owned())
            }
            Self::TooManyRoles => Some("give at most 32 different roles".to_owned()),
            Self::OrganisationAmbiguous { .. } => {
                Some("choose one with `--organisation`".to_owned())
            }
            Self::OrganisationUnknown(_) => {
                Some("name its organisation with `--organisation`".to_owned())
            }
            Self::PublicKey { conflict, .. } => Some(conflict.next_step().to_owned()),
            Self::SecretInUse { secret, .. } => Some(format!(
                "choose another secret, or declare the sharing (`--secret {secret}`, or `secret = \"{secret}\"`)"
            )),
            Self::SecretSignsChallenges { .. } => Some(
                "give each its own secret, or give both the same handshake".to_owned(),
            ),
            Self::StoreNotFound(_) => Some(
                "create it with `portcullis init` or `portcullis serve`".to_owned(),
            ),
            Self::ValueRefused(refusal) => Some(refusal.next_step().to_owned()),
            Self::ValueNotText => Some("encode binary values as hex or base64".to_owned()),
            Self::VerifyTokenInUse { .. } => {
                Some("give one of the two another secret".to_owned())
            }
            _ => None,
        }
    }
}

impl PublicKeyConflict {
    fn message(&self, secret: &SecretRef) -> String {
        match self {
            Self::Bound => {
                format!("{secret}: bound as a public key, which everybody has")
            }
            Self::Earlier(endpoint) => {
                format!(
                    "{secret}: an earlier version used it as the public key of `{endpoint}`, which everybody has"
                )
            }
            Self::Other { endpoint, owner } => format!(
                "`{endpoint}`: the secret `{secret}` is the public key of `{owner}`, which everybody has"
            ),
            Self::Own(endpoint) => format!(
                "`{endpoint}`: its secret `{secret}` is a public key now, which everybody has"
            ),
        }
    }

    fn next_step(&self) -> &'static str {
        match self {
            Self::Bound | Self::Earlier(_) => "declare another slot for the shared secret",
            Self::Other { .. } => "give it another secret",
            Self::Own(_) => {
                "choose another slot for the shared secret (`--secret`, or `secret = \"…\"`)"
            }
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Each line includes its own next step.
            Self::Several(errors) => f.write_str(&lines(errors)),
            Self::At { place, error } => write!(f, "{place}: {error}"),
            _ => match self.next_step() {
                None => f.write_str(&self.message()),
                Some(next) => write!(f, "{}; {next}", self.message()),
            },
        }
    }
}

impl std::error::Error for ControlError {}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.place.key.is_empty() {
            write!(f, "{}: ", self.place.key)?;
        }
        f.write_str(&self.message)
    }
}

impl From<MoveError> for ControlError {
    fn from(error: MoveError) -> Self {
        Self::Move(error)
    }
}

impl From<OpenError> for ControlError {
    fn from(error: OpenError) -> Self {
        Self::StoreOpen(error)
    }
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<TokenError> for ControlError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => Self::Store(error),
            TokenError::Unknown(id) => Self::TokenNotFound(id),
            other => Self::Token(other),
        }
    }
}

impl From<VaultError> for ControlError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Changed(secret) => Self::VersionChanged(secret),
            VaultError::Empty => Self::SecretEmpty,
            VaultError::Store(error) => Self::Store(error),
            VaultError::Unbound(secret) => Self::SecretUnbound(secret),
            other => Self::KeyService(other),
        }
    }
}

fn lines(errors: &[impl fmt::Display]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> EndpointId {
        "workflows/pr-bot".parse().unwrap()
    }

    #[test]
    fn the_text_is_the_message_and_the_next_step() {
        let error = ControlError::EndpointExists(id());
        assert_eq!(error.word(), "endpoint_exists");
        assert_eq!(
            error.message(),
            "endpoint `workflows/pr-bot` already exists"
        );
        assert_eq!(
            error.next_step().unwrap(),
            "change it with `portcullis endpoint update`"
        );
        assert_eq!(
            error.to_string(),
            "endpoint `workflows/pr-bot` already exists; change it with `portcullis endpoint update`"
        );
        assert_eq!(error.place(), None);
    }

    #[test]
    fn an_error_about_a_declaration_has_its_place_alone_and_among_others() {
        let place = SourceLocation {
            file: "endpoints.toml".into(),
            at: Some((4, 6)),
            key: "endpoints[workflows/pr-bot]".to_owned(),
        };
        let at = || ControlError::EndpointNotFound(id()).at(Some(place.clone()));
        let text = "endpoints.toml:4:6: endpoint `workflows/pr-bot` does not exist; list endpoints with: portcullis endpoint list";
        assert_eq!(at().place(), Some(&place));
        assert_eq!(at().word(), "endpoint_not_found");
        assert_eq!(at().to_string(), text);
        let errors = vec![ControlError::EndpointExists(id()), at()];
        let several = ControlError::of_all(errors).unwrap_err();
        assert_eq!(several.place(), Some(&place));
        assert_eq!(several.word(), "endpoint_exists");
        let lines = several.to_string();
        assert_eq!(lines.lines().last(), Some(text));
    }
}
