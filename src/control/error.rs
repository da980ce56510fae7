//! The errors of the control plane: a stable word, a message, the next step, and the place in a file.

use std::fmt;
use std::path::PathBuf;

use super::{AdoptionError, Control, PublicKeyConflict, UnboundSlot};
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
        self.texts().word
    }

    /// The object and the fault.
    pub fn message(&self) -> String {
        self.texts().message
    }

    /// The next step, if the message does not imply it.
    pub fn next_step(&self) -> Option<String> {
        self.texts().next_step
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

    /// The word, the message and the next step of each error.
    #[expect(
        clippy::too_many_lines,
        reason = "one table, with a row for each variant"
    )]
    fn texts(&self) -> ErrorText {
        match self {
            Self::AliasTaken {
                endpoint,
                alias,
                owner,
            } => text(
                "alias_taken",
                format!("`{endpoint}`: the alias `{alias}` belongs to the endpoint `{owner}`"),
            )
            .then(format!(
                "choose another alias, or remove `{alias}` from `{owner}`"
            )),
            Self::At { place, error } => {
                let texts = error.texts();
                ErrorText {
                    message: format!("{place}: {}", texts.message),
                    ..texts
                }
            }
            Self::BackupExists(file) => text(
                "backup_exists",
                format!("{}: already exists", file.display()),
            )
            .then("name a new file"),
            Self::CaptureNotFound(id) => text(
                "capture_not_found",
                format!("captured delivery `{id}` does not exist"),
            )
            .then("list them with: portcullis capture list ENDPOINT"),
            Self::ChallengeSecretBound { endpoint, secret } => text(
                "challenge_secret_bound",
                format!("`{secret}`: already bound, and a handshake never replaces a bound secret"),
            )
            .then(format!(
                "set it by hand (`portcullis secret set {endpoint}`), or delete and recreate the endpoint"
            )),
            Self::ChallengeWithoutSecret(endpoint) => text(
                "challenge_without_secret",
                format!("`{endpoint}`: has no handshake that sets a secret"),
            )
            .then("choose a handshake that sets a secret: portcullis handshakes list"),
            Self::CopyDestination { store, error } => {
                text("copy_destination_not_empty", format!("{store}: {error}"))
            }
            Self::CopyFailed(error) => text("copy_failed", error),
            Self::DisabledByFlow { endpoint, flow } => text(
                "disabled_by_flow",
                format!("`{endpoint}`: the flow `{flow}` declares `enabled = false`"),
            )
            .then(change_flow(flow)),
            Self::EndpointExists(id) => text(
                "endpoint_exists",
                format!("endpoint `{id}` already exists"),
            )
            .then("change it with `portcullis endpoint update`"),
            Self::EndpointNotFound(id) => text(
                "endpoint_not_found",
                format!("endpoint `{id}` does not exist"),
            )
            .then("list endpoints with: portcullis endpoint list"),
            Self::EndpointNotOfFlow { endpoint, flow } => text(
                "endpoint_not_of_flow",
                format!("`{endpoint}`: already exists and does not belong to the flow `{flow}`"),
            )
            .then(format!(
                "let the flow take it over (`--adopt`), delete it first (`portcullis endpoint delete {endpoint}`), or give \
                 the interface another id"
            )),
            Self::EndpointOfFlow { endpoint, flow } => text(
                "endpoint_of_flow",
                format!("`{endpoint}`: belongs to the flow `{flow}`"),
            )
            .then(change_flow(flow)),
            Self::FlowInForce { flow, targets } => {
                let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
                text(
                    "flow_in_force",
                    format!("flow `{flow}` is in use at: {}", targets.join(", ")),
                )
                .then(
                    "delete all targets, versions and secrets with `--all`, or one installation with `--installation ID`",
                )
            }
            Self::FlowNotFound(flow) => text(
                "flow_not_found",
                format!("flow `{flow}` does not exist"),
            )
            .then("list flows with: portcullis flow list"),
            Self::FlowNotThere { target, flow } => text(
                "flow_not_at_target",
                format!("`{target}`: the flow `{flow}` is not at this target"),
            )
            .then(format!("show its targets with: portcullis flow show {flow}")),
            Self::FlowOwner { key, given, stored } => text(
                "flow_owner_fixed",
                format!(
                    "`--{key} {given}`: the flow belongs to `{stored}`, and its owner cannot change"
                ),
            )
            .then(format!("leave `--{key}` out")),
            Self::FlowVersionNotFound { flow, version } => text(
                "flow_version_not_found",
                format!("flow `{flow}` has no version {version}"),
            )
            .then(format!(
                "list its versions with: portcullis flow history {flow}"
            )),
            Self::Internal(error) => text("internal", error),
            Self::InvalidDefinitions(errors) => {
                text("definition_invalid", lines(errors))
            }
            Self::InvalidSecretName(error) => text("secret_name_invalid", error),
            Self::InvalidTarget(error) => text("target_invalid", error.to_string()),
            Self::KeyService(error) => {
                text("key_service_unavailable", error.to_string())
            }
            Self::MixedKeyKinds(secret) => text(
                "key_kinds_mixed",
                format!(
                    "`{secret}`: interfaces of the flow use the slot for different kinds of keys"
                ),
            )
            .then("declare one slot per kind"),
            Self::Move(error) => text("flow_move_invalid", error.to_string()),
            Self::NamesTooLong(flow) => text(
                "names_too_long",
                format!(
                    "flow `{flow}`: the names of the flow and its interfaces are too long for an endpoint id"
                ),
            )
            .then("shorten the names"),
            Self::NotAdoptable { endpoint, error } => text(
                "endpoint_not_adoptable",
                format!("`{endpoint}`: the flow cannot take it over: {error}"),
            ),
            Self::NotGenerated {
                secret,
                endpoint,
                of_flow: true,
            } => text(
                "secret_not_generated",
                format!(
                    "`{secret}`: only the sender issues the secret of `{endpoint}` (a public key, a user and a \
                     password, or a secret that only the provider issues)"
                ),
            )
            .then("bind the value from standard input"),
            Self::NotGenerated {
                secret,
                endpoint,
                of_flow: false,
            } => text(
                "secret_not_generated",
                format!(
                    "`{secret}`: only the provider issues the secret of `{endpoint}`, so a random value \
                     cannot replace it"
                ),
            )
            .then(format!(
                "set the new value with: portcullis secret set '{secret}'"
            )),
            Self::NoRole => text("no_role", "no role is given")
                .then("give at least one of `viewer`, `operator`, `revealer` and `admin`"),
            Self::NoteWithoutVersion => text(
                "note_without_version",
                "`--note`: only a released version has a note, and the draft is not one",
            )
            .then("add `--target live` or `--installation`, or give the note to `flow release`"),
            Self::NothingToRetire {
                secret,
                current: true,
            } => text("nothing_to_retire", format!("{secret}: no version is valid"))
                .then(format!(
                    "show its versions with: portcullis secret status '{secret}'"
                )),
            Self::NothingToRetire {
                secret,
                current: false,
            } => text(
                "nothing_to_retire",
                format!("{secret}: only the current version is valid"),
            )
            .then("end it with `--current`"),
            Self::OperatorTokenNotFound(id) => text(
                "operator_token_not_found",
                format!("operator token {id} does not exist"),
            )
            .then("list them with: portcullis operator token list"),
            Self::OperatorUnnamed => text("operator_unnamed", "the name of the operator is empty")
                .then("give a name; the audit log contains it"),
            Self::OrganisationAmbiguous {
                workspace,
                organisations,
            } => text(
                "organisation_ambiguous",
                format!(
                    "workspace `{workspace}`: exists in several organisations (`{}`)",
                    organisations.join("`, `")
                ),
            )
            .then("choose one with `--organisation`"),
            Self::OrganisationUnknown(workspace) => text(
                "organisation_unknown",
                format!("workspace `{workspace}`: no endpoint belongs to it"),
            )
            .then("name its organisation with `--organisation`"),
            Self::PublicKey { secret, conflict } => {
                text("public_key_shared", conflict.message(secret))
                    .then(conflict.next_step())
            }
            Self::SecretEmpty => text("secret_empty", VaultError::Empty.to_string()),
            Self::SecretInUse {
                endpoint,
                secret,
                user,
            } => text(
                "secret_in_use",
                format!(
                    "`{endpoint}`: its default secret `{secret}` is in use by the endpoint `{user}`"
                ),
            )
            .then(format!(
                "choose another secret, or declare the sharing (`--secret {secret}`, or `secret = \"{secret}\"`)"
            )),
            Self::SecretNotNeeded(endpoint) => text(
                "secret_not_needed",
                format!("`{endpoint}`: uses no secret"),
            )
            .then(format!(
                "set a mode with a secret: portcullis endpoint update {endpoint} --mode secret"
            )),
            Self::SecretSignsChallenges {
                endpoint,
                secret,
                other,
            } => text(
                "secret_signs_challenges",
                format!(
                    "`{endpoint}`: the secret `{secret}` is also used by `{other}`, and one of the two has a handshake that \
                     signs text of unauthenticated senders"
                ),
            )
            .then("give each its own secret, or give both the same handshake"),
            Self::SecretUnbound(secret) => text(
                "secret_unbound",
                VaultError::Unbound(secret.clone()).to_string(),
            ),
            Self::Several(errors) => {
                text(errors.first().map_or("several", Self::word), lines(errors))
            }
            Self::SignInPaused { seconds } => text(
                "sign_in_paused",
                format!(
                    "sign-in is paused for this address for {seconds} seconds, after several failures"
                ),
            ),
            Self::SignInRefused => text(
                "sign_in_refused",
                "the login link is unknown, used or expired",
            )
            .then("create a new link with: portcullis console login"),
            Self::SlotNotFound {
                target,
                slot,
                slots,
            } => text(
                "slot_not_found",
                format!("`{target}`: the flow has no slot `{slot}`; {slots}"),
            ),
            Self::SlotsUnbound(slots) => {
                let messages: Vec<String> = slots.iter().map(UnboundSlot::refusal).collect();
                text("slot_unbound", messages.join("\n"))
            }
            Self::Store(error) => {
                let word = match error {
                    StoreError::Conflict(_) => "conflict",
                    StoreError::Taken(_) => "name_taken",
                    _ => "store_unavailable",
                };
                text(word, error.to_string())
            }
            Self::StoreNotFound(store) => text(
                "store_not_found",
                format!("{store}: the store does not exist"),
            )
            .then("create it with `portcullis init` or `portcullis serve`"),
            Self::StoreOpen(error) => text("store_unusable", error.to_string()),
            Self::Token(error) => text("token_invalid", error.to_string()),
            Self::TokenNotFound(id) => {
                text("token_not_found", format!("token {id} does not exist"))
                    .then("list tokens with: portcullis token list")
            }
            Self::ValueNotText => text(
                "value_not_text",
                "secret: the value is not UTF-8 text",
            )
            .then("encode binary values as hex or base64"),
            Self::TooManyRoles => text("too_many_roles", "too many roles are given")
                .then("give at most 32 different roles"),
            Self::ValueRefused(refusal) => {
                let word = match refusal {
                    SecretRefusal::Doubtful(..) => "value_doubtful",
                    SecretRefusal::Unusable(..) => "value_unusable",
                };
                text(word, refusal.to_string()).then(refusal.next_step())
            }
            Self::ValueTooLong => text(
                "value_too_long",
                format!(
                    "secret: the value is longer than {} bytes",
                    Control::MAX_SECRET_BYTES
                ),
            )
            .then("check that the input holds only the secret"),
            Self::VersionChanged(secret) => text(
                "version_changed",
                VaultError::Changed(secret.clone()).to_string(),
            ),
            Self::VerifyTokenInUse {
                endpoint,
                token,
                user,
            } => text(
                "verify_token_in_use",
                format!(
                    "`{endpoint}`: the provider sends the verify token `{token}` in a URL, and the same secret \
                     authenticates deliveries to `{user}`"
                ),
            )
            .then("give one of the two another secret"),
        }
    }
}

/// The texts of an error.
struct ErrorText {
    word: &'static str,
    message: String,
    next_step: Option<String>,
}

/// The texts of an error without a next step.
fn text(word: &'static str, message: impl Into<String>) -> ErrorText {
    ErrorText {
        word,
        message: message.into(),
        next_step: None,
    }
}

impl ErrorText {
    /// Adds the next step.
    fn then(self, next_step: impl Into<String>) -> Self {
        Self {
            next_step: Some(next_step.into()),
            ..self
        }
    }
}

/// The next step if a flow declares the endpoint.
fn change_flow(flow: &Name) -> String {
    format!(
        "change the declaration of the flow and apply it (`portcullis apply`), or see `portcullis flow show {flow}`"
    )
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Each line includes its own next step.
            Self::Several(errors) => f.write_str(&lines(errors)),
            Self::At { place, error } => write!(f, "{place}: {error}"),
            _ => {
                let text = self.texts();
                f.write_str(&text.message)?;
                match text.next_step {
                    None => Ok(()),
                    Some(next_step) => write!(f, "; {next_step}"),
                }
            }
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

/// One error of each kind, for tests. Kinds with several words or exit codes have several errors.
#[cfg(test)]
#[expect(clippy::too_many_lines, reason = "a list of every error")]
pub(crate) fn examples() -> Vec<ControlError> {
    use ControlError as E;

    use crate::auth::{SecretError, SecretProblem};
    use crate::secrets::KeyServiceError;

    let endpoint = || -> EndpointId { "workflows/pr-bot".parse().unwrap() };
    let other = || -> EndpointId { "workflows/other".parse().unwrap() };
    let secret = || -> SecretRef { "workflows/pr-bot#webhook".parse().unwrap() };
    let name = || -> Name { "acme".parse().unwrap() };
    let flow = || -> PartName { "pr-bot".parse().unwrap() };
    let text = || "text".to_owned();
    let place = || SourceLocation {
        file: "endpoints.toml".into(),
        at: Some((4, 6)),
        key: text(),
    };
    vec![
        E::AliasTaken {
            endpoint: endpoint(),
            alias: "/alias".to_owned(),
            owner: other(),
        },
        E::BackupExists("backup.db".into()),
        E::CaptureNotFound(text()),
        E::ChallengeSecretBound {
            endpoint: endpoint(),
            secret: secret(),
        },
        E::ChallengeWithoutSecret(endpoint()),
        E::CopyDestination {
            store: text(),
            error: text(),
        },
        E::CopyFailed(text()),
        E::DisabledByFlow {
            endpoint: endpoint(),
            flow: name(),
        },
        E::EndpointExists(endpoint()),
        E::EndpointNotFound(endpoint()),
        E::EndpointNotOfFlow {
            endpoint: endpoint(),
            flow: name(),
        },
        E::EndpointOfFlow {
            endpoint: endpoint(),
            flow: name(),
        },
        E::FlowInForce {
            flow: flow(),
            targets: vec![FlowTarget::Draft, FlowTarget::Live],
        },
        E::FlowNotFound(flow()),
        E::FlowNotThere {
            target: text(),
            flow: flow(),
        },
        E::FlowOwner {
            key: "workspace",
            given: name(),
            stored: name(),
        },
        E::FlowVersionNotFound {
            flow: flow(),
            version: 2,
        },
        E::Internal(text()),
        E::InvalidDefinitions(vec![DefinitionError {
            place: place(),
            message: text(),
        }]),
        E::InvalidSecretName(text()),
        E::InvalidTarget(FlowTarget::of_scope("a").unwrap_err()),
        E::KeyService(KeyServiceError::TimedOut.into()),
        E::MixedKeyKinds(secret()),
        E::Move(MoveError::NothingReleased),
        E::NamesTooLong(flow()),
        E::NotAdoptable {
            endpoint: endpoint(),
            error: AdoptionError::Auth,
        },
        E::NotGenerated {
            secret: secret(),
            endpoint: endpoint(),
            of_flow: false,
        },
        E::NoRole,
        E::NoteWithoutVersion,
        E::NothingToRetire {
            secret: secret(),
            current: true,
        },
        E::OperatorTokenNotFound(TokenId::new([7; 8])),
        E::OperatorUnnamed,
        E::OrganisationAmbiguous {
            workspace: name(),
            organisations: vec![text()],
        },
        E::OrganisationUnknown(name()),
        E::PublicKey {
            secret: secret(),
            conflict: PublicKeyConflict::Bound,
        },
        E::SecretEmpty,
        E::SecretInUse {
            endpoint: endpoint(),
            secret: secret(),
            user: other(),
        },
        E::SecretNotNeeded(endpoint()),
        E::SecretSignsChallenges {
            endpoint: endpoint(),
            secret: secret(),
            other: other(),
        },
        E::SecretUnbound(secret()),
        E::SignInPaused { seconds: 30 },
        E::SignInRefused,
        E::SlotNotFound {
            target: text(),
            slot: flow(),
            slots: text(),
        },
        E::SlotsUnbound(vec![UnboundSlot {
            target: FlowTarget::Live,
            slot: flow(),
            secret: secret(),
            remedy: text(),
        }]),
        E::Store(StoreError::Conflict(text())),
        E::Store(StoreError::Taken(text())),
        E::Store(StoreError::Unavailable(text())),
        E::StoreNotFound(text()),
        E::StoreOpen(OpenError::Exposed {
            file: text(),
            mode: 0o644,
        }),
        E::Token(TokenError::Randomness),
        E::TokenNotFound(TokenId::new([7; 8])),
        E::TooManyRoles,
        E::ValueNotText,
        E::ValueRefused(SecretRefusal::Doubtful(None, SecretProblem::Assignment)),
        E::ValueRefused(SecretRefusal::Unusable(text(), SecretError::PublicKey)),
        E::ValueTooLong,
        E::VersionChanged(secret()),
        E::VerifyTokenInUse {
            endpoint: endpoint(),
            token: secret(),
            user: other(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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

    #[test]
    fn every_error_has_a_stable_word_of_its_own() {
        let examples = examples();
        let words: BTreeSet<&str> = examples.iter().map(ControlError::word).collect();
        assert_eq!(words.len(), examples.len());
        for word in &words {
            let is_plain = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(is_plain && !word.is_empty(), "{word}");
        }
        // Every word that this file gives to an error stands in an example.
        let source = include_str!("error.rs")
            .split("fn examples")
            .next()
            .unwrap();
        let quoted = source.split('"').skip(1).step_by(2);
        let in_source: BTreeSet<&str> = quoted
            .filter(|text| words.contains(text) || text.split('_').count() > 1)
            .filter(|text| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            .collect();
        assert_eq!(in_source, words);
    }

    #[test]
    fn the_text_of_every_error_is_its_message_and_its_next_step() {
        for error in examples() {
            let word = error.word();
            let expected = match error.next_step() {
                None => error.message(),
                Some(next_step) => format!("{}; {next_step}", error.message()),
            };
            assert_eq!(error.to_string(), expected, "{word}");
            assert!(!error.message().is_empty(), "{word}");
            // A text is one sentence that goes on with the next step.
            assert!(!expected.ends_with('.'), "{expected}");
        }
    }

    #[test]
    fn only_errors_about_one_declaration_let_the_others_be_checked() {
        let refusals = examples().into_iter().filter(ControlError::is_refusal);
        let words: Vec<&str> = refusals.map(|error| error.word()).collect();
        let expected = [
            "endpoint_not_of_flow",
            "endpoint_of_flow",
            "endpoint_not_adoptable",
            "public_key_shared",
            "secret_in_use",
        ];
        assert_eq!(words, expected);
    }
}
