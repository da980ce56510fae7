//! `portcullis flow`: shows flows and moves their versions between targets.

mod apply;
mod changes;
mod history;
mod options;
mod show;

use clap::Subcommand;

pub(super) use self::apply::ApplyFlow;
pub(super) use self::options::ChangeOptions;
use super::failure::Failure;
use super::session::{Access, Session};
use crate::flow::PartName;

#[derive(Debug, Subcommand)]
pub(super) enum FlowCommand {
    /// Release the draft as the next version, and make it live.
    Release(changes::Release),
    /// Promote a version to an installation or to live.
    Promote(changes::Promote),
    /// Roll back a target to an earlier version.
    ///
    /// It shows the affected senders and asks for confirmation.
    Rollback(changes::Rollback),
    /// Show the versions of a flow and their moves.
    History(history::History),
    /// List flows.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the targets, URLs and secret slots of a flow.
    Show {
        /// The flow.
        name: PartName,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete a flow, or remove it from an installation.
    ///
    /// Without options it deletes a flow that is a draft only. The secrets of the target end with it. It shows the
    /// affected senders and asks for confirmation.
    Delete(changes::Delete),
}

impl FlowCommand {
    pub(super) fn access(&self) -> Access {
        let options = match self {
            Self::History(_) | Self::List { .. } | Self::Show { .. } => return Access::Read,
            Self::Delete(delete) => &delete.options,
            Self::Promote(promote) => &promote.options,
            Self::Release(release) => &release.options,
            Self::Rollback(rollback) => &rollback.options,
        };
        Access::unless_dry_run(options.dry_run)
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Release(release) => release.run(session).await,
            Self::Promote(promote) => promote.run(session).await,
            Self::Rollback(rollback) => rollback.run(session).await,
            Self::History(history) => history.run(session).await,
            Self::List { json } => show::list(session, json).await,
            Self::Show { name, json } => show::show(session, &name, json).await,
            Self::Delete(delete) => delete.run(session).await,
        }
    }
}
