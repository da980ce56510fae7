//! `portcullis apply`: the store holds what a file declares.
//!
//! All or nothing, and idempotent: a second run of the same file changes nothing. Endpoints that the
//! file does not name are left alone.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::plan::Plan;
use super::session::Session;
use crate::config::{Mistakes, read_endpoints};

/// What to apply.
#[derive(Args, Debug)]
pub(super) struct Apply {
    /// The file with the declarations, TOML.
    #[arg(short, long)]
    file: PathBuf,

    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Apply {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Mistakes::of_file(&self.file, format!("cannot be read: {error}")))?;
        let declared = read_endpoints(
            &self.file,
            &text,
            session.default_upstream(),
            &session.surroundings(),
        )?;
        let mut plan = Plan::to_put(session, declared).await?;
        if !self.dry_run {
            plan.perform(session).await?;
        }
        if self.json {
            return plan.json();
        }
        let mut lines = plan.lines();
        if self.dry_run {
            lines.push("nothing was changed: this was a dry run".to_owned());
        }
        Ok(lines.join("\n"))
    }
}
