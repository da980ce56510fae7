//! Who may deliver to a draft.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The credentials that a draft requires.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum DraftAuth {
    /// A token of the workspace that owns it, and the proof that its `auth` requires.
    Both,
    /// The proof that its `auth` requires, as for a live endpoint.
    Interface,
    /// A token of the workspace that owns it, instead of the proof.
    #[default]
    Workspace,
}

impl DraftAuth {
    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Interface => "interface",
            Self::Workspace => "workspace",
        }
    }
}

impl fmt::Display for DraftAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for DraftAuth {
    type Err = ParseDraftAuthError;

    fn from_str(text: &str) -> Result<Self, ParseDraftAuthError> {
        [Self::Workspace, Self::Interface, Self::Both]
            .into_iter()
            .find(|it| it.word() == text)
            .ok_or(ParseDraftAuthError)
    }
}

/// A word that is not a [`DraftAuth`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `workspace`, `interface` or `both`")]
pub struct ParseDraftAuthError;
