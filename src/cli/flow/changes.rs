//! `portcullis flow release`, `promote`, `rollback` and `delete`.

use clap::Args;

use super::ChangeOptions;
use crate::cli::confirm::Confirm;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::control::{ControlError, FlowDeletion, FlowPlan};
use crate::flow::{FlowTarget, PartName};

/// Options of `flow release`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Release {
    /// The flow.
    name: PartName,

    /// A note about the version, for `flow history`.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    #[command(flatten)]
    pub(super) options: ChangeOptions,
}

impl Release {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let live = state.version_at(&FlowTarget::Live).unwrap_or_default();
        let unused_note = match &self.note {
            Some(_) => "; the note was not stored",
            None => "",
        };
        let consent = self.options.consent();
        if let Some(plan) = control.flow_release(state, self.note, consent).await? {
            return self.options.perform(session, plan).await;
        }
        let name = &self.name;
        let text = format!(
            "{name}: nothing to release, because the draft equals version {live}, which is live{unused_note}"
        );
        self.options.nothing(name, text)
    }
}

/// Options of `flow promote`.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("where").required(true)))]
pub(in crate::cli) struct Promote {
    /// The flow.
    name: PartName,

    /// The installation. It is created if it does not exist.
    #[arg(long, value_name = "ID", group = "where")]
    installation: Option<PartName>,

    /// Promote to live.
    #[arg(long, group = "where", requires = "version")]
    live: bool,

    /// The version. Default: the live version.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,

    #[command(flatten)]
    pub(super) options: ChangeOptions,
}

impl Promote {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let number = state.to_promote(self.version).map_err(ControlError::from)?;
        let target = target(self.installation);
        let consent = self.options.consent();
        let plan = control.flow_promotion(state, target.clone(), number, consent);
        finish(
            session,
            &self.name,
            (target, number),
            plan.await?,
            self.options,
        )
        .await
    }
}

/// Options of `flow rollback`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Rollback {
    /// The flow.
    name: PartName,

    /// The installation. Default: live.
    #[arg(long, value_name = "ID")]
    installation: Option<PartName>,

    /// The version to return to. Default: the previous version of the target.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,

    #[command(flatten)]
    confirm: Confirm,

    #[command(flatten)]
    pub(super) options: ChangeOptions,
}

impl Rollback {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let target = target(self.installation);
        let number = control.rollback_version(&state, &target, self.to).await?;
        let consent = self.options.consent();
        let plan = control.flow_rollback(state, target.clone(), number, consent);
        let plan = plan.await?;
        if let Some(plan) = plan.as_ref().filter(|_| !self.options.dry_run)
            && !self.confirm.is_given()
        {
            let what = format!("{}: rolls {target} back to version {number}", self.name);
            let impact = control.flow_impact(plan).await?;
            self.confirm.ask(&what, &impact)?;
        }
        finish(session, &self.name, (target, number), plan, self.options).await
    }
}

/// Options of `flow delete`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Delete {
    /// The flow.
    name: PartName,

    /// Remove the flow from this installation only.
    #[arg(long, value_name = "ID")]
    installation: Option<PartName>,

    /// Delete everything: the live version, all installations, all versions and all secrets.
    #[arg(long, conflicts_with = "installation")]
    all: bool,

    #[command(flatten)]
    confirm: Confirm,

    #[command(flatten)]
    pub(super) options: ChangeOptions,
}

impl Delete {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let (name, control) = (&self.name, &session.control);
        let (deletion, what) = match self.installation {
            Some(installation) => {
                let what = format!("{name}: removes the flow from installation {installation}");
                (FlowDeletion::Installation(installation), what)
            }
            None if self.all => {
                let what = format!("{name}: deletes the flow with all versions");
                (FlowDeletion::Everything, what)
            }
            None => (FlowDeletion::Draft, format!("{name}: deletes the draft")),
        };
        let plan = control.flow_deletion(name, deletion, self.options.consent());
        let plan = plan.await?;
        if !self.options.dry_run && !self.confirm.is_given() {
            let impact = control.flow_impact(&plan).await?;
            self.confirm.ask(&what, &impact)?;
        }
        self.options.perform(session, plan).await
    }
}

fn target(installation: Option<PartName>) -> FlowTarget {
    installation.map_or(FlowTarget::Live, FlowTarget::Installation)
}

/// Performs the plan of a move, or reports that there is nothing to do.
async fn finish(
    session: &Session,
    name: &PartName,
    (target, number): (FlowTarget, u32),
    plan: Option<FlowPlan>,
    options: ChangeOptions,
) -> Result<String, Failure> {
    if let Some(plan) = plan {
        return options.perform(session, plan).await;
    }
    let text = format!("{name}: {target} is already at version {number}");
    options.nothing(name, text)
}
