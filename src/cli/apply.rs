//! `portcullis apply`: the store holds what a file declares.
//!
//! All or nothing, and idempotent: a second run of the same file changes nothing. Endpoints that the
//! file does not name are left alone; those of a flow that the flow does not declare any more go.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::flow::{ApplyFlow, Manner};
use super::output;
use super::plan;
use super::session::{Access, Session};
use crate::config::{Declaration, Mistakes, Notation};
use crate::control::Consent;

/// What to apply.
#[derive(Args, Debug)]
pub(super) struct Apply {
    /// The file with the declarations: TOML, EDN or JSON, by its ending; `-` for standard input.
    #[arg(short, long)]
    file: PathBuf,

    /// How it is written: toml, edn or json.
    #[arg(long, value_name = "NOTATION")]
    notation: Option<Notation>,

    #[command(flatten)]
    flow: ApplyFlow,

    #[command(flatten)]
    manner: Manner,
}

impl Apply {
    pub(super) fn access(&self) -> Access {
        Access::unless_dry_run(self.manner.dry_run)
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let is_piped = self.file.as_os_str() == "-";
        let notation = match self.notation {
            Some(notation) => notation,
            None if is_piped => {
                let text = "standard input has no ending: say how it is written, `--notation edn`, `json` or `toml`";
                return Err(Failure::Usage(text.to_owned()));
            }
            None => Notation::of(&self.file),
        };
        let path = if is_piped {
            PathBuf::from("standard input")
        } else {
            self.file.clone()
        };
        let text = if is_piped {
            piped()
        } else {
            std::fs::read_to_string(&self.file)
        };
        let text =
            text.map_err(|error| Mistakes::of_file(&path, format!("cannot be read: {error}")))?;
        let document = Declaration::open(&path, &text, notation)?;
        if document.is_flow() {
            let stem = self.file.file_stem().and_then(|stem| stem.to_str());
            let stem = stem
                .filter(|_| !is_piped)
                .and_then(|stem| stem.parse().ok());
            return self.flow.run(session, document, stem, self.manner).await;
        }
        let control = &session.control;
        let declared = document.endpoints(control.default_upstream(), &control.surroundings())?;
        if !self.flow.is_empty() || self.manner.consent() != Consent::default() {
            let text = format!(
                "{}: this declares single endpoints; what belongs to a flow has no meaning for them",
                path.display()
            );
            return Err(Failure::Usage(text));
        }
        let declared = declared.into_iter().map(Into::into).collect();
        let mut plan = control.declaration(declared).await?;
        if !self.manner.dry_run {
            plan = control.perform(&session.actor, plan).await?;
        }
        if self.manner.json {
            return output::json(&plan.steps());
        }
        let mut lines = plan::lines(&plan);
        if self.manner.dry_run {
            lines.push("nothing was changed: this was a dry run".to_owned());
        }
        Ok(lines.join("\n"))
    }
}

fn piped() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(MAX_PIPED).read_to_string(&mut text)?;
    if text.len() as u64 == MAX_PIPED {
        // What was cut off could be right by itself, and say something else.
        return Err(std::io::Error::other("it is longer than 16 MiB"));
    }
    Ok(text)
}

/// As long as a document may be, and a byte more, so that one that is longer is refused and not cut off.
const MAX_PIPED: u64 = 16 * 1024 * 1024 + 1;
