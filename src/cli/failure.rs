//! Failures of commands, and the exit code of each.

use std::fmt;
use std::process::ExitCode;

use crate::app::StartError;
use crate::config::Mistakes;
use crate::control::ControlError;
use crate::flow::MoveError;
use crate::secrets::StoreError;
use crate::store::OpenError;
use crate::tokens::TokenError;

/// Why a command failed. [`exit_code`](Self::exit_code) maps each variant to the code that scripts see.
#[derive(Debug)]
pub(super) enum Failure {
    /// The control plane refused it.
    Control(ControlError),
    /// A configuration or a declaration is invalid.
    Mistakes(Mistakes),
    /// A named object does not exist.
    NotFound(String),
    /// Another failure, with its message.
    Other(String),
    /// The store or the key service failed.
    Service(String),
    /// The command line is invalid.
    Usage(String),
    /// A dry run with `--exit-code` found changes. Its result is printed already.
    WouldChange,
}

impl Failure {
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Control(error) => code_of(error),
            Self::Other(_) => REFUSED,
            Self::Usage(_) => USAGE,
            Self::Mistakes(_) => INVALID,
            Self::NotFound(_) => NOT_FOUND,
            Self::Service(_) => UNAVAILABLE,
            Self::WouldChange => WOULD_CHANGE,
        })
    }
}

/// The exit code of an error of the control plane.
fn code_of(error: &ControlError) -> u8 {
    match error {
        ControlError::At { error, .. } => code_of(error),
        ControlError::Several(errors) => errors.first().map_or(REFUSED, code_of),
        ControlError::AliasTaken { .. }
        | ControlError::ChallengeSecretBound { .. }
        | ControlError::ChallengeWithoutSecret(_)
        | ControlError::CopyDestination { .. }
        | ControlError::DisabledByFlow { .. }
        | ControlError::EndpointExists(_)
        | ControlError::EndpointNotOfFlow { .. }
        | ControlError::EndpointOfFlow { .. }
        | ControlError::FlowOwner { .. }
        | ControlError::BackupExists(_)
        | ControlError::Internal(_)
        | ControlError::MixedKeyKinds(_)
        | ControlError::Move(MoveError::NothingBefore(..) | MoveError::NothingReleased)
        | ControlError::NamesTooLong(_)
        | ControlError::NotAdoptable { .. }
        | ControlError::NotGenerated { .. }
        | ControlError::PublicKey { .. }
        | ControlError::SecretEmpty
        | ControlError::SecretInUse { .. }
        | ControlError::SecretSignsChallenges { .. }
        | ControlError::SignInPaused { .. }
        | ControlError::SignInRefused
        | ControlError::SlotsUnbound(_)
        | ControlError::Store(
            StoreError::Conflict(_)
            | StoreError::KnownAs { .. }
            | StoreError::OtherKind(_)
            | StoreError::Taken(_),
        )
        | ControlError::ValueNotText
        | ControlError::ValueTooLong
        | ControlError::ValueRefused(_)
        | ControlError::VersionChanged(_)
        | ControlError::VerifyTokenInUse { .. } => REFUSED,
        ControlError::FlowInForce { .. }
        | ControlError::InvalidSecretName(_)
        | ControlError::InvalidTarget(_)
        | ControlError::NoRole
        | ControlError::NoteWithoutVersion
        | ControlError::OperatorUnnamed
        | ControlError::OrganisationAmbiguous { .. }
        | ControlError::OrganisationUnknown(_)
        | ControlError::Token(TokenError::Label(_) | TokenError::Lifetime(_))
        | ControlError::TooManyRoles => USAGE,
        ControlError::InvalidDefinitions(_) => INVALID,
        ControlError::CaptureNotFound(_)
        | ControlError::EndpointNotFound(_)
        | ControlError::FlowNotFound(_)
        | ControlError::FlowNotThere { .. }
        | ControlError::FlowVersionNotFound { .. }
        | ControlError::Move(MoveError::NoVersion { .. } | MoveError::NothingThere(_))
        | ControlError::NothingToRetire { .. }
        | ControlError::OperatorTokenNotFound(_)
        | ControlError::SecretNotNeeded(_)
        | ControlError::SecretUnbound(_)
        | ControlError::SlotNotFound { .. }
        | ControlError::StoreNotFound(_)
        | ControlError::TokenNotFound(_) => NOT_FOUND,
        ControlError::CopyFailed(_)
        | ControlError::Store(_)
        | ControlError::StoreOpen(_)
        | ControlError::Token(_)
        | ControlError::KeyService(_) => UNAVAILABLE,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(error) => fmt::Display::fmt(error, f),
            Self::Mistakes(mistakes) => fmt::Display::fmt(mistakes, f),
            Self::NotFound(text) | Self::Other(text) | Self::Service(text) | Self::Usage(text) => {
                f.write_str(text)
            }
            Self::WouldChange => f.write_str("the store would change"),
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Control(error.into())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Folder { .. }
            | StartError::KeyFile(_)
            | StartError::KeyService { .. }
            | StartError::KeyServiceMissing { .. }
            | StartError::NoRegion(_)
            | StartError::Open(_)
            | StartError::Store(_) => Self::Service(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// For commands that read the store directly.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Control(error.into())
    }
}

const REFUSED: u8 = 1;
const USAGE: u8 = 2;
const INVALID: u8 = 3;
const NOT_FOUND: u8 = 4;
const UNAVAILABLE: u8 = 5;
const WOULD_CHANGE: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::KeyKind;
    use crate::control::examples;

    #[test]
    fn store_errors_that_the_operator_can_mend_are_no_outage() {
        let name = || "workflows/pr-bot#webhook".to_owned();
        let known_as = StoreError::KnownAs {
            secret: name(),
            known_as: KeyKind::Public,
        };
        for (error, code) in [
            (StoreError::Conflict(name()), REFUSED),
            (known_as, REFUSED),
            (StoreError::OtherKind(name()), REFUSED),
            (StoreError::Taken(name()), REFUSED),
            (StoreError::Corrupt(name()), UNAVAILABLE),
            (StoreError::Replaced, UNAVAILABLE),
            (StoreError::Unfit(name()), UNAVAILABLE),
            (StoreError::Unavailable(name()), UNAVAILABLE),
        ] {
            let text = error.to_string();
            assert_eq!(code_of(&ControlError::Store(error)), code, "{text}");
        }
    }

    #[test]
    fn every_error_of_the_control_plane_has_the_exit_code_that_scripts_know() {
        let expected = [
            (
                REFUSED,
                &[
                    "alias_taken",
                    "backup_exists",
                    "challenge_secret_bound",
                    "challenge_without_secret",
                    "conflict",
                    "copy_destination_not_empty",
                    "disabled_by_flow",
                    "endpoint_exists",
                    "endpoint_not_adoptable",
                    "endpoint_not_of_flow",
                    "endpoint_of_flow",
                    "flow_move_invalid",
                    "flow_owner_fixed",
                    "internal",
                    "key_kinds_mixed",
                    "name_taken",
                    "names_too_long",
                    "public_key_shared",
                    "secret_empty",
                    "secret_in_use",
                    "secret_not_generated",
                    "secret_signs_challenges",
                    "sign_in_paused",
                    "sign_in_refused",
                    "slot_unbound",
                    "value_doubtful",
                    "value_not_text",
                    "value_too_long",
                    "value_unusable",
                    "verify_token_in_use",
                    "version_changed",
                ][..],
            ),
            (
                USAGE,
                &[
                    "flow_in_force",
                    "no_role",
                    "note_without_version",
                    "operator_unnamed",
                    "organisation_ambiguous",
                    "organisation_unknown",
                    "secret_name_invalid",
                    "target_invalid",
                    "too_many_roles",
                ],
            ),
            (INVALID, &["definition_invalid"]),
            (
                NOT_FOUND,
                &[
                    "capture_not_found",
                    "endpoint_not_found",
                    "flow_not_at_target",
                    "flow_not_found",
                    "flow_version_not_found",
                    "nothing_to_retire",
                    "operator_token_not_found",
                    "secret_not_needed",
                    "secret_unbound",
                    "slot_not_found",
                    "store_not_found",
                    "token_not_found",
                ],
            ),
            (
                UNAVAILABLE,
                &[
                    "copy_failed",
                    "key_service_unavailable",
                    "store_unavailable",
                    "store_unusable",
                    "token_invalid",
                ],
            ),
        ];
        for (code, words) in expected {
            let mut found: Vec<&str> = examples()
                .iter()
                .filter(|error| code_of(error) == code)
                .map(ControlError::word)
                .collect();
            found.sort_unstable();
            assert_eq!(found, words, "exit code {code}");
        }
    }
}
