//! `portcullis flow release`, `promote` and `rollback`.

use clap::Args;

use super::change::{Change, Manner};
use crate::audit::Action;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::flow::{Flow, FlowState, FlowTarget, MoveAction, NewVersion, PartName};

/// A release.
#[derive(Args, Debug)]
pub(in crate::cli) struct Release {
    /// The flow.
    name: PartName,

    /// What people should know of the version.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    #[command(flatten)]
    manner: Manner,
}

impl Release {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let state = session.flow(&self.name).await?;
        if let Some(live) = state.version_at(&FlowTarget::Live)
            && session.flow_version(&self.name, live).await? == state.draft
        {
            let told = format!(
                "{}: nothing to release: the draft is version {live}, which is live{}",
                self.name,
                if self.note.is_some() {
                    "; the note was not kept"
                } else {
                    ""
                }
            );
            return nothing(&self.name, told, self.manner);
        }
        let flow = state.draft.clone();
        let (number, version) = number(session, Some(&state), &flow, self.note).await?;
        let mut change = Change::of(state, Action::FlowReleased);
        change.version = version;
        change.put(FlowTarget::Live, number, flow, MoveAction::Release);
        change.perform(session, self.manner).await
    }
}

/// A version for another target.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("where").required(true)))]
pub(in crate::cli) struct Promote {
    /// The flow.
    name: PartName,

    /// The installation; it is made, if there is none of that id.
    #[arg(long, value_name = "ID", group = "where")]
    installation: Option<PartName>,

    /// Put it live.
    #[arg(long, group = "where", requires = "version")]
    live: bool,

    /// The version; the one that is live, if it is not said.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,

    #[command(flatten)]
    manner: Manner,
}

impl Promote {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let state = session.flow(&self.name).await?;
        let number = state.to_promote(self.version)?;
        let target = self
            .installation
            .map_or(FlowTarget::Live, FlowTarget::Installation);
        let action = (Action::FlowPromoted, MoveAction::Promote);
        put(session, state, target, number, action, self.manner).await
    }
}

/// A way back.
#[derive(Args, Debug)]
pub(in crate::cli) struct Rollback {
    /// The flow.
    name: PartName,

    /// The installation; live, if it is not said.
    #[arg(long, value_name = "ID")]
    installation: Option<PartName>,

    /// The version; the one that was in force before the present one, if it is not said.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,

    #[command(flatten)]
    manner: Manner,
}

impl Rollback {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let state = session.flow(&self.name).await?;
        let target = self
            .installation
            .map_or(FlowTarget::Live, FlowTarget::Installation);
        let history = session
            .custody
            .store
            .flow_history(&self.name, u32::MAX)
            .await?;
        let number = state.before(&target, self.to, &history.moves)?;
        let action = (Action::FlowRolledBack, MoveAction::Rollback);
        put(session, state, target, number, action, self.manner).await
    }
}

/// Puts a version that there is to a target.
async fn put(
    session: &Session,
    state: FlowState,
    target: FlowTarget,
    number: u32,
    (action, why): (Action, MoveAction),
    manner: Manner,
) -> Result<String, Failure> {
    if state.version_at(&target) == Some(number) {
        let told = format!("{}: {target} is at version {number} already", state.name);
        return nothing(&state.name, told, manner);
    }
    let flow = session.flow_version(&state.name, number).await?;
    let mut change = Change::of(state, action);
    change.put(target, number, flow, why);
    change.perform(session, manner).await
}

/// The number of the version that declares `flow`: the newest, if it is the same and nothing is said of it,
/// or the next.
pub(super) async fn number(
    session: &Session,
    state: Option<&FlowState>,
    flow: &Flow,
    note: Option<String>,
) -> Result<(u32, Option<NewVersion>), Failure> {
    let newest = state.map_or(0, |state| state.newest);
    if let Some(state) = state.filter(|_| newest > 0 && note.is_none())
        && session.flow_version(&state.name, newest).await? == *flow
    {
        return Ok((newest, None));
    }
    let number = newest.saturating_add(1);
    let flow = flow.clone();
    Ok((number, Some(NewVersion { number, flow, note })))
}

fn nothing(name: &PartName, told: String, manner: Manner) -> Result<String, Failure> {
    if manner.json {
        return output::json(&serde_json::json!({
            "flow": name.as_str(),
            "moves": [],
            "unbound": [],
            "dry_run": manner.dry_run,
        }));
    }
    Ok(told)
}
