//! Why a command failed, and the exit code that scripts see.

use std::fmt;
use std::process::ExitCode;

use crate::app::StartError;
use crate::config::Mistakes;
use crate::secrets::{StoreError, VaultError};
use crate::tokens::TokenError;

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// Files are wrong.
    Mistakes(Mistakes),
    /// Something that was named is not there.
    NotFound(String),
    /// Anything else.
    Other(String),
    /// The store or the key service.
    Service(String),
    /// The words of the command line.
    Usage(String),
}

impl Failure {
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Mistakes(_) => 3,
            Self::NotFound(_) => 4,
            Self::Service(_) => 5,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => fmt::Display::fmt(mistakes, f),
            Self::NotFound(text) | Self::Other(text) | Self::Service(text) | Self::Usage(text) => {
                f.write_str(text)
            }
        }
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
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

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) | StoreError::Taken(_) => Self::Other(error.to_string()),
            _ => Self::Service(error.to_string()),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => error.into(),
            TokenError::Unknown(_) => Self::NotFound(error.to_string()),
            TokenError::Label(_) | TokenError::Lifetime(_) => Self::Usage(error.to_string()),
            _ => Self::Service(error.to_string()),
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => error.into(),
            VaultError::Unbound(_) => Self::NotFound(error.to_string()),
            VaultError::Empty => Self::Other(error.to_string()),
            _ => Self::Service(error.to_string()),
        }
    }
}
