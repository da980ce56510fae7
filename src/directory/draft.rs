//! Who may deliver to a draft.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a draft asks of whoever delivers to it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum DraftAuth {
    /// A token of the workspace that owns it, and what the endpoint's `auth` asks for.
    Both,
    /// What the endpoint's `auth` asks for, as a live one.
    Interface,
    /// A token of the workspace that owns it, in place of the endpoint's `auth`.
    #[default]
    Workspace,
}

impl DraftAuth {
    /// The word.
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
    type Err = UnknownDraftAuth;

    fn from_str(text: &str) -> Result<Self, UnknownDraftAuth> {
        [Self::Workspace, Self::Interface, Self::Both]
            .into_iter()
            .find(|it| it.word() == text)
            .ok_or(UnknownDraftAuth)
    }
}

/// Text that says nothing about drafts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a draft is delivered to with `workspace`, `interface` or `both`")]
pub struct UnknownDraftAuth;
