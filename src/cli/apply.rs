//! `portcullis apply`: the store holds what a file declares.
//!
//! All or nothing, and idempotent: a second run of the same file changes nothing. Endpoints that the
//! file does not name are left alone.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::endpoint::{changed_keys, ensure_secret};
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::audit::Action;
use crate::config::{Mistakes, read_endpoints};
use crate::directory::{Definition, EndpointChange};

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

/// What happens to one endpoint.
#[derive(Debug, Serialize)]
struct Step {
    endpoint: String,
    action: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_created: Option<String>,
    #[serde(skip)]
    definition: Definition,
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
        let mut steps = Vec::with_capacity(declared.len());
        for definition in declared {
            steps.push(plan(session, definition).await?);
        }
        if !self.dry_run {
            perform(session, &mut steps).await?;
        }
        if self.json {
            return output::json(&steps);
        }
        let mut lines: Vec<String> = steps.iter().map(Step::line).collect();
        if self.dry_run {
            lines.push("nothing was changed: this was a dry run".to_owned());
        }
        Ok(lines.join("\n"))
    }
}

impl Step {
    fn line(&self) -> String {
        let sign = match self.action {
            CREATE => '+',
            UPDATE => '~',
            _ => '=',
        };
        let mut line = format!("{sign} {}: {}", self.endpoint, self.action);
        if !self.changed.is_empty() {
            line.push_str(&format!(" ({})", self.changed.join(", ")));
        }
        if let Some(secret) = &self.secret_created {
            line.push_str(&format!(", secret {secret} created"));
        }
        line
    }
}

async fn plan(session: &Session, definition: Definition) -> Result<Step, Failure> {
    let old = session
        .custody
        .store
        .endpoint(definition.id.as_str())
        .await?;
    let changed = match &old {
        None => Vec::new(),
        Some(old) => changed_keys(old, &definition)?,
    };
    let action = match (&old, changed.is_empty()) {
        (None, _) => CREATE,
        (Some(_), true) => UNCHANGED,
        (Some(_), false) => UPDATE,
    };
    Ok(Step {
        endpoint: definition.id.to_string(),
        action,
        changed,
        secret_created: None,
        definition,
    })
}

/// The secrets first: an endpoint is never there without the one that it needs.
async fn perform(session: &Session, steps: &mut [Step]) -> Result<(), Failure> {
    let mut changes = Vec::new();
    for step in steps {
        step.secret_created = ensure_secret(session, &step.definition).await?;
        let action = match step.action {
            CREATE => Action::EndpointCreated,
            UPDATE => Action::EndpointUpdated,
            _ => continue,
        };
        let entry = session.audit(action, &step.definition.id, step.changed.join(", "));
        let change = EndpointChange::Put(Box::new(step.definition.clone()));
        changes.push((change, entry));
    }
    if !changes.is_empty() {
        session.custody.store.change(changes).await?;
    }
    Ok(())
}

const CREATE: &str = "create";
const UNCHANGED: &str = "unchanged";
const UPDATE: &str = "update";
