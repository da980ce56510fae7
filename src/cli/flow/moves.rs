//! `portcullis flow release`, `promote` and `rollback`.

use clap::Args;

use super::Manner;
use crate::cli::confirm::Confirm;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::control::{ControlError, FlowPlan};
use crate::flow::{FlowTarget, PartName};

/// A release.
#[derive(Args, Debug)]
pub(in crate::cli) struct Release {
    /// The flow.
    name: PartName,

    /// What people should know of the version.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    #[command(flatten)]
    pub(super) manner: Manner,
}

impl Release {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let live = state.version_at(&FlowTarget::Live).unwrap_or_default();
        let unused_note = match &self.note {
            Some(_) => "; the note was not kept",
            None => "",
        };
        let consent = self.manner.consent();
        if let Some(plan) = control.flow_release(state, self.note, consent).await? {
            return self.manner.perform(session, plan).await;
        }
        let name = &self.name;
        let text = format!(
            "{name}: nothing to release: the draft is version {live}, which is live{unused_note}"
        );
        self.manner.nothing(name, text)
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
    pub(super) manner: Manner,
}

impl Promote {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let number = state.to_promote(self.version).map_err(ControlError::from)?;
        let target = target(self.installation);
        let consent = self.manner.consent();
        let plan = control.flow_promotion(state, target.clone(), number, consent);
        finish(
            session,
            &self.name,
            (target, number),
            plan.await?,
            self.manner,
        )
        .await
    }
}

/// A rollback.
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
    confirm: Confirm,

    #[command(flatten)]
    pub(super) manner: Manner,
}

impl Rollback {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let target = target(self.installation);
        let number = control.rollback_version(&state, &target, self.to).await?;
        let consent = self.manner.consent();
        let plan = control.flow_rollback(state, target.clone(), number, consent);
        let plan = plan.await?;
        if let Some(plan) = plan.as_ref().filter(|_| !self.manner.dry_run)
            && !self.confirm.is_given()
        {
            let what = format!("{}: {target} goes back to version {number}", self.name);
            let impact = control.flow_impact(plan).await?;
            self.confirm.ask(&what, &impact)?;
        }
        finish(session, &self.name, (target, number), plan, self.manner).await
    }
}

fn target(installation: Option<PartName>) -> FlowTarget {
    installation.map_or(FlowTarget::Live, FlowTarget::Installation)
}

/// Performs a move, if there is one.
async fn finish(
    session: &Session,
    name: &PartName,
    (target, number): (FlowTarget, u32),
    plan: Option<FlowPlan>,
    manner: Manner,
) -> Result<String, Failure> {
    if let Some(plan) = plan {
        return manner.perform(session, plan).await;
    }
    let text = format!("{name}: {target} is at version {number} already");
    manner.nothing(name, text)
}
