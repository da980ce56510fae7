//! What is in force of a flow, and which moves there are from there.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use super::{Flow, FlowMove, FlowTarget, PartName};
use crate::directory::Name;

/// A flow as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowState {
    /// Its name.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The latest declaration.
    pub draft: Flow,
    /// When it was applied.
    pub drafted_at: Timestamp,
    /// How often anything about the flow has changed. A change is made only if it is still the same.
    pub revision: u64,
    /// The number of the newest version; 0 before the first.
    pub newest: u32,
    /// The version that is in force at each target but the draft.
    pub standing: BTreeMap<FlowTarget, u32>,
}

impl FlowState {
    /// The version at `target`, if any is in force there.
    pub fn version_at(&self, target: &FlowTarget) -> Option<u32> {
        self.standing.get(target).copied()
    }

    /// Where it is in force, the draft first.
    pub fn targets(&self) -> impl Iterator<Item = FlowTarget> {
        std::iter::once(FlowTarget::Draft).chain(self.standing.keys().cloned())
    }

    /// The targets at which a version is in force.
    pub fn places_of(&self, version: u32) -> impl Iterator<Item = &FlowTarget> {
        let standing = self.standing.iter();
        standing.filter_map(move |(target, at)| (*at == version).then_some(target))
    }

    /// The version that a rollback of `target` leads to: the one before the last move there, or `to`.
    /// `moves` are those of the flow, the newest first.
    pub fn before(
        &self,
        target: &FlowTarget,
        to: Option<u32>,
        moves: &[FlowMove],
    ) -> Result<u32, NoMove> {
        let present = self
            .version_at(target)
            .ok_or_else(|| NoMove::NothingThere(target.clone()))?;
        let last = moves.iter().find(|it| it.target == *target);
        let version = to
            .or(last.and_then(|last| last.from))
            .ok_or_else(|| NoMove::NothingBefore(target.clone(), present))?;
        if (1..=self.newest).contains(&version) {
            Ok(version)
        } else {
            Err(self.no_version(version))
        }
    }

    fn no_version(&self, version: u32) -> NoMove {
        let newest = self.newest;
        NoMove::NoVersion { version, newest }
    }

    /// The version to promote: `to`, or the one that is live.
    pub fn to_promote(&self, to: Option<u32>) -> Result<u32, NoMove> {
        let version = to
            .or_else(|| self.version_at(&FlowTarget::Live))
            .ok_or(NoMove::NothingReleased)?;
        if (1..=self.newest).contains(&version) {
            Ok(version)
        } else {
            Err(self.no_version(version))
        }
    }
}

/// A move that there is not.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoMove {
    /// The version does not exist.
    #[error("there is no version {version}; {}", so_far(*newest))]
    NoVersion {
        /// What was asked for.
        version: u32,
        /// The newest that there is; 0 if there is none.
        newest: u32,
    },

    /// The target has stood at one version only.
    #[error("{0}: no version was in force there before version {1}; `--to` names one")]
    NothingBefore(FlowTarget, u32),

    /// Nothing is live, and no version was named.
    #[error(
        "nothing is live yet: release the draft first (`portcullis flow release`), or name a version"
    )]
    NothingReleased,

    /// No version is in force at the target.
    #[error("{0}: no version is in force there")]
    NothingThere(FlowTarget),
}

fn so_far(number: u32) -> String {
    match number {
        0 => "nothing was released yet".to_owned(),
        number => format!("the newest is {number}"),
    }
}

/// Why a target went to a version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum MoveAction {
    /// A version that there was already was put there.
    Promote,
    /// The draft became a version.
    Release,
    /// The flow was taken from there.
    Remove,
    /// An earlier version was put back.
    Rollback,
}

impl MoveAction {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Release => "release",
            Self::Remove => "remove",
            Self::Rollback => "rollback",
        }
    }
}

impl fmt::Display for MoveAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for MoveAction {
    type Err = UnknownMoveAction;

    fn from_str(text: &str) -> Result<Self, UnknownMoveAction> {
        [Self::Promote, Self::Release, Self::Remove, Self::Rollback]
            .into_iter()
            .find(|action| action.word() == text)
            .ok_or(UnknownMoveAction)
    }
}

/// Text that names no move.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the moves are `release`, `promote`, `rollback` and `remove`")]
pub struct UnknownMoveAction;
