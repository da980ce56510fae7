//! `portcullis flow`: which version of a flow is in force where, and how it gets there.

mod apply;
mod delete;
mod history;
mod manner;
mod moves;
mod show;

use clap::Subcommand;

pub(super) use self::apply::ApplyFlow;
pub(super) use self::manner::Manner;
use super::failure::Failure;
use super::session::{Access, Session};
use crate::flow::PartName;

#[derive(Debug, Subcommand)]
pub(super) enum FlowCommand {
    /// Make the draft the next version, and put it live.
    Release(moves::Release),
    /// Put a version to an installation, or live.
    Promote(moves::Promote),
    /// Put back the version that was in force before the present one.
    Rollback(moves::Rollback),
    /// Show the versions of a flow, and what was in force where.
    History(history::Show),
    /// List flows.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show where a flow is in force, its URLs, and which slots are bound.
    Show {
        /// The flow.
        name: PartName,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a flow from an installation, or delete it whole. The secrets there end with it.
    Delete(delete::Delete),
}

impl FlowCommand {
    pub(super) fn access(&self) -> Access {
        let manner = match self {
            Self::History(_) | Self::List { .. } | Self::Show { .. } => return Access::Read,
            Self::Delete(delete) => &delete.manner,
            Self::Promote(promote) => &promote.manner,
            Self::Release(release) => &release.manner,
            Self::Rollback(rollback) => &rollback.manner,
        };
        Access::unless_dry_run(manner.dry_run)
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
