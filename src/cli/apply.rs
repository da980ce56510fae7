//! `portcullis apply`: applies endpoint or flow declarations from a file.
//!
//! All or nothing, and idempotent: a second run of the same file changes nothing. Endpoints that the file does not
//! declare stay, except with `--prune`. Endpoints of a flow that the flow no longer declares are deleted.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::confirm::Confirm;
use super::endpoint::label;
use super::failure::Failure;
use super::flow::{ApplyFlow, ChangeOptions};
use super::output;
use super::plan;
use super::session::{Access, Session};
use crate::app::server_context;
use crate::config::{Config, Declaration, Mistakes, Notation};
use crate::control::Consent;
use crate::flow::PartName;

/// Options of `apply`.
#[derive(Args, Debug)]
pub(super) struct Apply {
    /// The file with the declarations in TOML, EDN or JSON, by its extension; `-` reads standard input.
    #[arg(short, long)]
    file: PathBuf,

    /// The notation of the file: toml, edn or json.
    #[arg(long, value_name = "NOTATION")]
    notation: Option<Notation>,

    /// Delete the endpoints with this label that the file does not declare, after a confirmation that shows the impact.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    prune: Option<(String, String)>,

    #[command(flatten)]
    confirm: Confirm,

    /// With `--dry-run`: exit with 6 if the store would change, and with 0 if not.
    #[arg(long, requires = "dry_run")]
    exit_code: bool,

    /// Validate the file against the configuration only, without a store.
    #[arg(long, conflicts_with_all = ["dry_run", "prune", "yes", "adopt", "unbound", "note"])]
    offline: bool,

    #[command(flatten)]
    flow: ApplyFlow,

    #[command(flatten)]
    options: ChangeOptions,
}

impl Apply {
    pub(super) fn access(&self) -> Access {
        Access::unless_dry_run(self.options.dry_run)
    }

    /// Whether the command works without a store.
    pub(super) fn is_offline(&self) -> bool {
        self.offline
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let source = self.read()?;
        let document = source.open()?;
        let wants_exit_code = self.exit_code;
        let applied = if document.is_flow() {
            if self.prune.is_some() {
                let text = "`--prune` applies to endpoint declarations only. A flow deletes the endpoints that it no longer declares; leave `--prune` out";
                return Err(Failure::Usage(text.to_owned()));
            }
            let applied = self
                .flow
                .run(session, document, source.stem.clone(), self.options);
            applied.await?
        } else {
            self.refuse_flow_options(&source.path)?;
            self.apply_endpoints(session, document).await?
        };
        if wants_exit_code && applied.changes {
            output::print(&applied.text);
            return Err(Failure::WouldChange);
        }
        Ok(applied.text)
    }

    /// Validates the file against the configuration at `config`.
    pub(super) fn run_offline(self, config: &Path) -> Result<String, Failure> {
        let config = Config::load_for_command(config)?;
        let server = server_context(&config);
        let source = self.read()?;
        let document = source.open()?;
        let path = source.path.display();
        let what = if document.is_flow() {
            let flow = self.flow.validate(&server, document, source.stem.clone())?;
            format!("the flow `{flow}`")
        } else {
            self.refuse_flow_options(&source.path)?;
            let declared =
                document.endpoints(server.default_upstream(), &server.validation_context())?;
            match declared.len() {
                1 => "1 endpoint".to_owned(),
                several => format!("{several} endpoints"),
            }
        };
        if self.options.json {
            return output::json(&serde_json::json!({ "file": source.path, "valid": true }));
        }
        Ok(format!("{path}: valid, {what}; not compared with a store"))
    }

    async fn apply_endpoints(
        self,
        session: &Session,
        document: Declaration<'_>,
    ) -> Result<ApplyResult, Failure> {
        let control = &session.control;
        let server = control.server();
        let declared =
            document.endpoints(server.default_upstream(), &server.validation_context())?;
        let mut plan = control.declaration(declared, self.prune.as_ref()).await?;
        let changes = !plan.is_unchanged();
        if !self.options.dry_run {
            let deleted: Vec<String> = plan.deleted().map(ToString::to_string).collect();
            if !deleted.is_empty() && !self.confirm.is_given() {
                let impact = control.endpoint_impact(&plan).await?;
                let what = format!(
                    "deletes endpoints that the file does not declare: {}",
                    deleted.join(", ")
                );
                self.confirm.ask(&what, &impact)?;
            }
            plan = control.perform(&session.actor, plan).await?;
        }
        if self.options.json {
            let text = output::json(&plan.steps())?;
            return Ok(ApplyResult { text, changes });
        }
        let mut lines = plan::lines(&plan);
        if self.options.dry_run {
            lines.push("dry run: nothing was changed".to_owned());
        }
        let text = lines.join("\n");
        Ok(ApplyResult { text, changes })
    }

    fn refuse_flow_options(&self, path: &Path) -> Result<(), Failure> {
        if self.flow.is_empty() && self.options.consent() == Consent::default() {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{}: declares single endpoints, so the options of flows do not apply. Leave them out",
            path.display()
        )))
    }

    fn read(&self) -> Result<Source, Failure> {
        let is_piped = self.file.as_os_str() == "-";
        let notation = match self.notation {
            Some(notation) => notation,
            None if is_piped => {
                let text = "standard input: the notation is unknown. Add `--notation edn`, `--notation json` or `--notation toml`";
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
            read_stdin()
        } else {
            std::fs::read_to_string(&self.file)
        };
        let text =
            text.map_err(|error| Mistakes::of_file(&path, format!("cannot be read: {error}")))?;
        let stem = self.file.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.filter(|_| !is_piped);
        Ok(Source {
            stem: stem.and_then(|stem| stem.parse().ok()),
            path,
            text,
            notation,
        })
    }
}

/// The result of `apply` or of its dry run.
pub(super) struct ApplyResult {
    pub(super) text: String,
    /// Whether the store changes.
    pub(super) changes: bool,
}

/// A file of declarations.
struct Source {
    path: PathBuf,
    text: String,
    notation: Notation,
    /// The name of the flow that the file name implies.
    stem: Option<PartName>,
}

impl Source {
    fn open(&self) -> Result<Declaration<'_>, Mistakes> {
        Declaration::open(&self.path, &self.text, self.notation)
    }
}

fn read_stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(MAX_PIPED).read_to_string(&mut text)?;
    if text.len() as u64 == MAX_PIPED {
        // A truncated document could still be valid, with another meaning.
        return Err(std::io::Error::other("longer than 16 MiB"));
    }
    Ok(text)
}

/// The longest document and one byte more, so that a longer one is refused and not truncated.
const MAX_PIPED: u64 = 16 * 1024 * 1024 + 1;
