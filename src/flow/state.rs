//! The current state of a flow, and the version that a promotion or a rollback leads to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use super::{Flow, FlowMove, FlowTarget, PartName};
use crate::directory::Name;

/// The current state of a flow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FlowState {
    /// The name, unique in the store.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The declaration that was applied last.
    pub draft: Flow,
    /// When the draft was applied.
    pub drafted_at: Timestamp,
    /// Counts the changes of the flow. A change is stored only if the revision is still the one that it was planned on.
    pub revision: u64,
    /// The number of the newest version; 0 before the first release.
    pub newest: u32,
    /// The active version of each target except the draft.
    pub versions: BTreeMap<FlowTarget, u32>,
}

impl FlowState {
    /// The active version of `target`; `None` for the draft.
    pub fn version_at(&self, target: &FlowTarget) -> Option<u32> {
        self.versions.get(target).copied()
    }

    /// The targets of the flow, the draft first.
    pub fn targets(&self) -> impl Iterator<Item = FlowTarget> {
        std::iter::once(FlowTarget::Draft).chain(self.versions.keys().cloned())
    }

    /// The targets where `version` is active.
    pub fn places_of(&self, version: u32) -> impl Iterator<Item = &FlowTarget> {
        let targets = self.versions.iter();
        targets.filter_map(move |(target, at)| (*at == version).then_some(target))
    }

    /// The version that a rollback of `target` leads to: `to`, or the one before the last move of the target. `moves`
    /// are those of the flow, the newest first.
    pub fn before(
        &self,
        target: &FlowTarget,
        to: Option<u32>,
        moves: &[FlowMove],
    ) -> Result<u32, MoveError> {
        let present = self
            .version_at(target)
            .ok_or_else(|| MoveError::NothingThere(target.clone()))?;
        let last = moves.iter().find(|flow_move| flow_move.target == *target);
        let version = to
            .or(last.and_then(|last| last.from))
            .ok_or_else(|| MoveError::NothingBefore(target.clone(), present))?;
        if (1..=self.newest).contains(&version) {
            Ok(version)
        } else {
            Err(self.no_version(version))
        }
    }

    fn no_version(&self, version: u32) -> MoveError {
        let newest = self.newest;
        MoveError::NoVersion { version, newest }
    }

    /// The version to promote: `to`, or the live one.
    pub fn to_promote(&self, to: Option<u32>) -> Result<u32, MoveError> {
        let version = to
            .or_else(|| self.version_at(&FlowTarget::Live))
            .ok_or(MoveError::NothingReleased)?;
        if (1..=self.newest).contains(&version) {
            Ok(version)
        } else {
            Err(self.no_version(version))
        }
    }
}

/// Why a promotion or a rollback is not possible.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The flow has no such version.
    #[error("version {version} does not exist; {}", newest_version(*newest))]
    NoVersion {
        /// The requested version.
        version: u32,
        /// The newest version; 0 before the first release.
        newest: u32,
    },

    /// The target had no earlier version.
    #[error("{0}: no version was active before version {1}; choose one with `--to`")]
    NothingBefore(FlowTarget, u32),

    /// No version is live, and none was given.
    #[error(
        "no version is live yet: release the draft first (`portcullis flow release`), or name a version"
    )]
    NothingReleased,

    /// The target has no active version.
    #[error("{0}: no version is active")]
    NothingThere(FlowTarget),
}

fn newest_version(number: u32) -> String {
    match number {
        0 => "nothing is released yet".to_owned(),
        number => format!("the newest is {number}"),
    }
}

/// Why the active version of a target changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum MoveAction {
    /// An existing version became active.
    Promote,
    /// The draft became a version and went live.
    Release,
    /// The flow was removed from the target.
    Remove,
    /// An earlier version became active again.
    Rollback,
}

impl MoveAction {
    /// The word in the store and in output.
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
    type Err = ParseMoveActionError;

    fn from_str(text: &str) -> Result<Self, ParseMoveActionError> {
        [Self::Promote, Self::Release, Self::Remove, Self::Rollback]
            .into_iter()
            .find(|action| action.word() == text)
            .ok_or(ParseMoveActionError)
    }
}

/// The text is not a move.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown move: use `release`, `promote`, `rollback` or `remove`")]
pub struct ParseMoveActionError;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Actor;

    fn state(newest: u32, live: Option<u32>) -> FlowState {
        FlowState {
            name: "pr-bot".parse().unwrap(),
            organisation: "acme".parse().unwrap(),
            workspace: "main".parse().unwrap(),
            draft: serde_json::from_str(r#"{"upstream":"backend"}"#).unwrap(),
            drafted_at: Timestamp::UNIX_EPOCH,
            revision: 1,
            newest,
            versions: live
                .map(|version| (FlowTarget::Live, version))
                .into_iter()
                .collect(),
        }
    }

    fn moved(target: FlowTarget, from: Option<u32>, to: Option<u32>) -> FlowMove {
        FlowMove {
            target,
            from,
            to,
            action: MoveAction::Promote,
            at: Timestamp::UNIX_EPOCH,
            by: Actor::Recorded {
                name: "ada".to_owned(),
                origin: "cli@host".to_owned(),
            },
        }
    }

    #[test]
    fn a_rollback_leads_to_the_version_before_the_last_move_of_its_target() {
        let elsewhere = || FlowTarget::Installation("acme".parse().unwrap());
        let nothing_before = |version| MoveError::NothingBefore(FlowTarget::Live, version);
        let no_version = |version| MoveError::NoVersion { version, newest: 3 };
        for (live, to, moves, expected) in [
            (
                None,
                None,
                vec![],
                Err(MoveError::NothingThere(FlowTarget::Live)),
            ),
            (
                None,
                Some(1),
                vec![],
                Err(MoveError::NothingThere(FlowTarget::Live)),
            ),
            (Some(3), None, vec![], Err(nothing_before(3))),
            (
                Some(1),
                None,
                vec![(FlowTarget::Live, None, 1)],
                Err(nothing_before(1)),
            ),
            (
                Some(3),
                None,
                vec![
                    (FlowTarget::Live, Some(2), 3),
                    (FlowTarget::Live, Some(1), 2),
                ],
                Ok(2),
            ),
            // The moves of other targets do not count.
            (
                Some(3),
                None,
                vec![(elsewhere(), Some(2), 3), (FlowTarget::Live, Some(1), 3)],
                Ok(1),
            ),
            (
                Some(3),
                Some(1),
                vec![(FlowTarget::Live, Some(2), 3)],
                Ok(1),
            ),
            (Some(3), Some(3), vec![], Ok(3)),
            (Some(3), Some(0), vec![], Err(no_version(0))),
            (Some(3), Some(4), vec![], Err(no_version(4))),
        ] {
            let history: Vec<FlowMove> = moves
                .iter()
                .map(|(target, from, to)| moved(target.clone(), *from, Some(*to)))
                .collect();
            let found = state(3, live).before(&FlowTarget::Live, to, &history);
            assert_eq!(found, expected, "{live:?} {to:?} {moves:?}");
        }
    }

    #[test]
    fn a_promotion_takes_the_given_version_or_the_live_one() {
        let no_version = |version, newest| MoveError::NoVersion { version, newest };
        for (newest, live, to, expected) in [
            (3, Some(2), None, Ok(2)),
            (3, Some(2), Some(3), Ok(3)),
            (3, None, Some(1), Ok(1)),
            (3, None, None, Err(MoveError::NothingReleased)),
            (3, Some(2), Some(0), Err(no_version(0, 3))),
            (3, Some(2), Some(4), Err(no_version(4, 3))),
            (0, None, Some(1), Err(no_version(1, 0))),
        ] {
            let found = state(newest, live).to_promote(to);
            assert_eq!(found, expected, "{newest} {live:?} {to:?}");
        }
    }
}
