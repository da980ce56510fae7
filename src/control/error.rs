//! Why the control plane does not do something.

use std::fmt;
use std::path::PathBuf;

use super::{AdoptionError, Control, UnboundSlot};
use crate::auth::{SecretRefusal, TokenId};
use crate::directory::{EndpointId, Name, SourcePlace};
use crate::flow::{FlowTarget, InvalidScope, NoMove, PartName};
use crate::secrets::{SecretRef, StoreError, VaultError};
use crate::store::OpenError;
use crate::tokens::TokenError;

/// Why something is not done. Its text is the message and the next step.
///
/// Each surface maps it in one exhaustive match: the command line to an exit code, an API to a status.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// An alias belongs to another endpoint.
    AliasTaken {
        /// The endpoint that declares it.
        endpoint: EndpointId,
        /// The alias.
        alias: String,
        /// The endpoint that has it.
        owner: EndpointId,
    },
    /// The declaration at a place in a file is refused.
    At {
        /// The place.
        place: SourcePlace,
        /// Why.
        error: Box<ControlError>,
    },
    /// A secret is bound, and a challenge never replaces one.
    ChallengeSecretBound {
        /// The endpoint.
        endpoint: EndpointId,
        /// The secret.
        secret: SecretRef,
    },
    /// The file of a backup exists already.
    BackupExists(PathBuf),
    /// The challenge of an endpoint brings no secret.
    ChallengeWithoutSecret(EndpointId),
    /// No refused delivery with that request id is kept.
    CaptureNotFound(String),
    /// A store is not empty, so nothing is copied into it.
    CopyDestination {
        /// The store.
        store: String,
        /// What is in it.
        error: String,
    },
    /// One of the stores of a copy failed.
    CopyFailed(String),
    /// The flow of an endpoint declares that it is disabled.
    DisabledByFlow {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its flow.
        flow: Name,
    },
    /// An endpoint of that id exists.
    EndpointExists(EndpointId),
    /// There is no such endpoint.
    EndpointNotFound(EndpointId),
    /// An endpoint stands at an id of a flow and is not a part of it.
    EndpointNotOfFlow {
        /// The endpoint.
        endpoint: EndpointId,
        /// The flow.
        flow: Name,
    },
    /// The endpoint is a part of a flow, so that it is changed with the flow only.
    EndpointOfFlow {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its flow.
        flow: Name,
    },
    /// A flow is in force at several targets, and nobody said which.
    FlowInForce {
        /// The flow.
        flow: PartName,
        /// Its targets.
        targets: Vec<FlowTarget>,
    },
    /// There is no such flow.
    FlowNotFound(PartName),
    /// A flow is not at a target.
    FlowNotThere {
        /// The target, as it was named.
        target: String,
        /// The flow.
        flow: PartName,
    },
    /// Another owner was named than the flow has.
    FlowOwner {
        /// `organisation` or `workspace`.
        key: &'static str,
        /// The name that was given.
        given: Name,
        /// The name that is stored.
        stored: Name,
    },
    /// There is no such version of a flow.
    FlowVersionNotFound {
        /// The flow.
        flow: PartName,
        /// The version.
        version: u32,
    },
    /// Something that the program itself got wrong.
    Internal(String),
    /// Definitions that do not fit the configuration.
    InvalidDefinitions(Vec<DefinitionError>),
    /// Text that names no secret and no endpoint.
    InvalidSecretName(String),
    /// Text that names no target of a flow.
    InvalidTarget(InvalidScope),
    /// Interfaces use one slot for keys of different kinds.
    MixedKeyKinds(SecretRef),
    /// There is no such move of a flow.
    Move(NoMove),
    /// The names of a flow and of its interfaces make no endpoint id.
    NamesTooLong(PartName),
    /// An endpoint may not become a part of a flow.
    NotAdoptable {
        /// The endpoint.
        endpoint: EndpointId,
        /// Why.
        error: AdoptionError,
    },
    /// A note without a version that it could describe.
    NoteWithoutVersion,
    /// The secret is issued by the sender, so that no random value can be it.
    NotGenerated {
        /// The secret.
        secret: SecretRef,
        /// An endpoint that is judged by it.
        endpoint: EndpointId,
        /// Whether it is a slot of a flow.
        of_flow: bool,
    },
    /// No version of a secret is there to end.
    NothingToRetire {
        /// The secret.
        secret: SecretRef,
        /// Whether the current version was to end, too.
        current: bool,
    },
    /// Several organisations have a workspace of that name.
    OrganisationAmbiguous {
        /// The workspace.
        workspace: Name,
        /// Some of the organisations.
        organisations: Vec<String>,
    },
    /// No endpoint belongs to the workspace, so that its organisation is not known.
    OrganisationUnknown(Name),
    /// A public key would become a shared secret.
    PublicKey {
        /// The secret that is a public key.
        secret: SecretRef,
        /// What uses it as what.
        conflict: PublicKeyConflict,
    },
    /// An empty value, which proves nothing.
    SecretEmpty,
    /// An endpoint's own secret is in use by another one.
    SecretInUse {
        /// The new endpoint.
        endpoint: EndpointId,
        /// Its secret.
        secret: SecretRef,
        /// The endpoint that uses it.
        user: EndpointId,
    },
    /// The endpoint is judged by no secret.
    SecretNotNeeded(EndpointId),
    /// A secret would prove deliveries, and strangers get texts signed with it.
    SecretSignsChallenges {
        /// The endpoint.
        endpoint: EndpointId,
        /// The secret.
        secret: SecretRef,
        /// The endpoint that it also judges.
        other: EndpointId,
    },
    /// No secret is bound.
    SecretUnbound(SecretRef),
    /// Several things are refused.
    Several(Vec<ControlError>),
    /// A flow has no such slot.
    SlotNotFound {
        /// The target, as it was named.
        target: String,
        /// The slot.
        slot: PartName,
        /// The slots that there are.
        slots: String,
    },
    /// Slots become needed and have no secret.
    SlotsUnbound(Vec<UnboundSlot>),
    /// A store failed, or somebody else changed the same thing.
    Store(StoreError),
    /// There is no store.
    StoreNotFound(String),
    /// A store cannot be opened.
    StoreOpen(OpenError),
    /// A token cannot be made or ended.
    Token(TokenError),
    /// There is no such token.
    TokenNotFound(TokenId),
    /// A value that makes no key, or that looks like a mistake.
    ValueRefused(SecretRefusal),
    /// A value that is not text.
    ValueNotText,
    /// A value that is longer than secrets are.
    ValueTooLong,
    /// The key service failed.
    KeyService(VaultError),
    /// A verify token is sent in the open, so that it may prove no deliveries.
    VerifyTokenInUse {
        /// The endpoint whose verify token it is.
        endpoint: EndpointId,
        /// The token.
        token: SecretRef,
        /// The endpoint whose deliveries it would prove.
        user: EndpointId,
    },
}

/// How a public key would become a shared secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublicKeyConflict {
    /// It was bound as a public key, and a flow declares its slot for a shared secret.
    Bound,
    /// An earlier version of a flow had it as the public key of this endpoint.
    Earlier(EndpointId),
    /// It is the public key of another endpoint.
    Other {
        /// The endpoint that would use it as a shared secret.
        endpoint: EndpointId,
        /// The endpoint that has it as a public key.
        owner: EndpointId,
    },
    /// It is the public key of the endpoint itself, so far.
    Own(EndpointId),
}

/// A definition that does not fit the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DefinitionError {
    /// Where it is declared. The file is the id of the endpoint if no file declares it.
    pub place: SourcePlace,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl ControlError {
    /// No error, one, or several as one.
    pub(super) fn of_all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
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
            Self::NoteWithoutVersion => "note_without_version",
            Self::NotGenerated { .. } => "secret_not_generated",
            Self::NothingToRetire { .. } => "nothing_to_retire",
            Self::OrganisationAmbiguous { .. } => "organisation_ambiguous",
            Self::OrganisationUnknown(_) => "organisation_unknown",
            Self::PublicKey { .. } => "public_key_shared",
            Self::SecretEmpty => "secret_empty",
            Self::SecretInUse { .. } => "secret_in_use",
            Self::SecretNotNeeded(_) => "secret_not_needed",
            Self::SecretSignsChallenges { .. } => "secret_signs_challenges",
            Self::SecretUnbound(_) => "secret_unbound",
            Self::Several(errors) => errors.first().map_or("several", Self::word),
            Self::SlotNotFound { .. } => "slot_not_found",
            Self::SlotsUnbound(_) => "slot_unbound",
            Self::Store(StoreError::Conflict(_)) => "conflict",
            Self::Store(StoreError::Taken(_)) => "name_taken",
            Self::Store(_) => "store_unavailable",
            Self::StoreNotFound(_) => "store_not_found",
            Self::StoreOpen(_) => "store_unusable",
            Self::Token(_) => "token_invalid",
            Self::TokenNotFound(_) => "token_not_found",
            Self::ValueRefused(SecretRefusal::Doubtful(..)) => "value_doubtful",
            Self::ValueRefused(SecretRefusal::Unusable(..)) => "value_unusable",
            Self::ValueNotText => "value_not_text",
            Self::ValueTooLong => "value_too_long",
            Self::KeyService(_) => "key_service_unavailable",
            Self::VerifyTokenInUse { .. } => "verify_token_in_use",
        }
    }

    /// The place in a file, if the error is about one.
    pub fn place(&self) -> Option<&SourcePlace> {
        match self {
            Self::At { place, .. } => Some(place),
            Self::InvalidDefinitions(errors) => errors.first().map(|error| &error.place),
            Self::Several(errors) => errors.iter().find_map(Self::place),
            _ => None,
        }
    }

    /// What is wrong.
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
            Self::BackupExists(file) => format!("{} exists already", file.display()),
            Self::ChallengeSecretBound { secret, .. } => {
                format!("`{secret}` is bound, and a handshake never replaces a secret")
            }
            Self::ChallengeWithoutSecret(endpoint) => {
                format!("`{endpoint}` has no handshake that brings a secret")
            }
            Self::CaptureNotFound(id) => {
                format!("no refused delivery with the id `{id}` is kept")
            }
            Self::CopyDestination { store, error } => format!("{store}: {error}"),
            Self::CopyFailed(error) | Self::Internal(error) | Self::InvalidSecretName(error) => {
                error.clone()
            }
            Self::DisabledByFlow { endpoint, flow } => {
                format!("`{endpoint}`: its flow `{flow}` declares `enabled = false`")
            }
            Self::EndpointExists(id) => format!("`{id}` exists"),
            Self::EndpointNotFound(id) => format!("there is no endpoint `{id}`"),
            Self::EndpointNotOfFlow { endpoint, flow } => {
                format!("`{endpoint}` is there already and is no part of the flow `{flow}`")
            }
            Self::EndpointOfFlow { endpoint, flow } => {
                format!("`{endpoint}` is a part of the flow `{flow}`")
            }
            Self::FlowInForce { flow, targets } => {
                let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
                format!("`{flow}` is in force: {}", targets.join(", "))
            }
            Self::FlowNotFound(flow) => format!("there is no flow `{flow}`"),
            Self::FlowNotThere { target, flow } => {
                format!("`{target}`: the flow `{flow}` is not there")
            }
            Self::FlowOwner { key, given, stored } => {
                format!("`--{key} {given}`: the flow is of `{stored}`, which does not change")
            }
            Self::FlowVersionNotFound { flow, version } => {
                format!("`{flow}` has no version {version}")
            }
            Self::InvalidDefinitions(errors) => lines(errors),
            Self::InvalidTarget(error) => error.to_string(),
            Self::MixedKeyKinds(secret) => {
                format!(
                    "`{secret}`: interfaces of the flow use the slot for keys of different kinds"
                )
            }
            Self::Move(error) => error.to_string(),
            Self::NamesTooLong(flow) => format!("{flow}: its names are too long"),
            Self::NotAdoptable { endpoint, error } => {
                format!("`{endpoint}` cannot become a part of the flow: {error}")
            }
            Self::NoteWithoutVersion => {
                "`--note` describes a version, and the draft is none".to_owned()
            }
            Self::NotGenerated {
                secret,
                endpoint,
                of_flow: true,
            } => format!(
                "`{secret}`: what proves deliveries to `{endpoint}` is the sender's own (a public key, a user and a \
                 password, or a secret that only the provider issues)"
            ),
            Self::NotGenerated {
                secret, endpoint, ..
            } => format!(
                "`{secret}`: what proves deliveries to `{endpoint}` comes from the provider, and no random value \
                 can replace it"
            ),
            Self::NothingToRetire {
                secret,
                current: true,
            } => format!("{secret}: no version counts"),
            Self::NothingToRetire { secret, .. } => {
                format!("{secret}: no version counts beside the current one")
            }
            Self::OrganisationAmbiguous {
                workspace,
                organisations,
            } => format!(
                "several organisations have a workspace `{workspace}` (`{}`)",
                organisations.join("`, `")
            ),
            Self::OrganisationUnknown(workspace) => {
                format!("no endpoint belongs to a workspace `{workspace}`")
            }
            Self::PublicKey { secret, conflict } => conflict.message(secret),
            Self::SecretEmpty => VaultError::Empty.to_string(),
            Self::SecretInUse {
                endpoint,
                secret,
                user,
            } => format!(
                "`{endpoint}`: its own secret `{secret}` is in use by the endpoint `{user}`"
            ),
            Self::SecretNotNeeded(endpoint) => format!("`{endpoint}` is judged by no secret"),
            Self::SecretSignsChallenges {
                endpoint,
                secret,
                other,
            } => format!(
                "`{endpoint}`: the secret `{secret}` also judges `{other}`, and one of the two has a handshake that \
                 signs what strangers send"
            ),
            Self::SecretUnbound(secret) => VaultError::Unbound(secret.clone()).to_string(),
            Self::Several(errors) => lines(errors),
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
            Self::StoreNotFound(store) => format!("{store}: there is no store here"),
            Self::StoreOpen(error) => error.to_string(),
            Self::Token(error) => error.to_string(),
            Self::TokenNotFound(id) => format!("there is no token {id}"),
            Self::ValueRefused(refusal) => refusal.to_string(),
            Self::ValueNotText => "a secret is text in UTF-8".to_owned(),
            Self::ValueTooLong => {
                format!("a secret has at most {} bytes", Control::MAX_SECRET_BYTES)
            }
            Self::KeyService(error) => error.to_string(),
            Self::VerifyTokenInUse {
                endpoint,
                token,
                user,
            } => format!(
                "`{endpoint}`: its verify token `{token}` is sent in the open, and it also proves deliveries to `{user}`"
            ),
        }
    }

    /// What to do next, where the message alone does not say it.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::At { error, .. } => error.next_step(),
            Self::ChallengeSecretBound { endpoint, .. } => Some(format!(
                "set it by hand (`portcullis secret set {endpoint}`), or delete the endpoint and create it again"
            )),
            Self::DisabledByFlow { flow, .. } | Self::EndpointOfFlow { flow, .. } => Some(format!(
                "change the declaration of the flow and apply it (`portcullis apply`), or see \
                 `portcullis flow show {flow}`"
            )),
            Self::BackupExists(_) => Some("name a file that does not exist".to_owned()),
            Self::EndpointExists(_) => Some("use `endpoint update`".to_owned()),
            Self::EndpointNotOfFlow { endpoint, .. } => Some(format!(
                "let it become one (`--adopt`), delete it first (`portcullis endpoint delete {endpoint}`), or give \
                 the interface another id"
            )),
            Self::FlowInForce { .. } => Some(
                "say `--all` to delete it there, with its versions and its secrets, or `--installation ID`"
                    .to_owned(),
            ),
            Self::MixedKeyKinds(_) => Some("declare a slot for each kind".to_owned()),
            Self::NoteWithoutVersion => Some(
                "say `--target live` or `--installation`, or note it at the release".to_owned(),
            ),
            Self::NotGenerated { of_flow: true, .. } => {
                Some("bind that value, from standard input".to_owned())
            }
            Self::NotGenerated { secret, .. } => Some(format!(
                "set the new value: portcullis secret set '{secret}'"
            )),
            Self::NothingToRetire { current: false, .. } => {
                Some("`--current` ends that version, too".to_owned())
            }
            Self::OrganisationAmbiguous { .. } => {
                Some("choose one with --organisation".to_owned())
            }
            Self::OrganisationUnknown(_) => {
                Some("name its organisation with --organisation".to_owned())
            }
            Self::PublicKey { conflict, .. } => Some(conflict.next_step().to_owned()),
            Self::SecretInUse { secret, .. } => Some(format!(
                "choose another one, or say that it is shared (`--secret {secret}`, or `secret = \"{secret}\"`)"
            )),
            Self::SecretSignsChallenges { .. } => Some(
                "give them secrets of their own, or the same handshake".to_owned(),
            ),
            Self::StoreNotFound(_) => Some(
                "`portcullis init` and `portcullis serve` create one".to_owned(),
            ),
            Self::ValueRefused(refusal) => Some(refusal.next_step().to_owned()),
            Self::ValueNotText => Some("encode other bytes as hex or base64".to_owned()),
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
                format!("{secret} was bound as a public key, which everybody has")
            }
            Self::Earlier(endpoint) => {
                format!("{secret} has been the public key of `{endpoint}`, which everybody has")
            }
            Self::Other { endpoint, owner } => format!(
                "`{endpoint}`: the secret `{secret}` is the public key of `{owner}`, which everybody has"
            ),
            Self::Own(endpoint) => format!(
                "`{endpoint}`: its secret `{secret}` is a public key so far, which everybody has"
            ),
        }
    }

    fn next_step(&self) -> &'static str {
        match self {
            Self::Bound | Self::Earlier(_) => "declare another slot for the shared secret",
            Self::Other { .. } => "it needs another slot",
            Self::Own(_) => {
                "choose another slot for the shared secret (`--secret`, or `secret = \"…\"`)"
            }
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Each has a next step of its own.
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

impl From<NoMove> for ControlError {
    fn from(error: NoMove) -> Self {
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
        assert_eq!(error.message(), "`workflows/pr-bot` exists");
        assert_eq!(error.next_step().unwrap(), "use `endpoint update`");
        assert_eq!(
            error.to_string(),
            "`workflows/pr-bot` exists; use `endpoint update`"
        );
        assert_eq!(error.place(), None);
    }

    #[test]
    fn an_error_about_a_declaration_has_its_place_alone_and_among_others() {
        let place = SourcePlace {
            file: "endpoints.toml".into(),
            at: Some((4, 6)),
            key: "endpoints[workflows/pr-bot]".to_owned(),
        };
        let at = || ControlError::EndpointNotFound(id()).at(Some(place.clone()));
        let text = "endpoints.toml:4:6: there is no endpoint `workflows/pr-bot`";
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
