//! `portcullis audit`: lists, verifies and exports the audit log.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::audit::{AuditLine, Chain, ChainEnd, ChainError, ChainFault};
use crate::telemetry::escape_bidi;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List the newest lines of the audit log.
    List {
        /// The largest number of lines.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Verify the digest chain of the audit log.
    ///
    /// It prints the number and the digest of the last line. Store them elsewhere and pass them to `--since` later: an
    /// attacker who rewrites the whole store cannot reproduce that digest.
    Verify {
        /// A line that an earlier run printed. The command fails if it changed.
        #[arg(long, value_name = "NUMBER:DIGEST")]
        since: Option<ChainEnd>,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Export the audit log as JSON lines.
    ///
    /// The oldest line comes first. The digest chain is verified during the export.
    Export {
        /// Export only lines after this number.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
    },
}

impl AuditCommand {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::List { limit, json } => list(session, limit, json).await,
            Self::Verify { since, json } => {
                let end = walk(session, since, |_| Ok(())).await?;
                verified(end, json)
            }
            Self::Export { after } => {
                walk(session, None, |line| {
                    if line.number <= after {
                        return Ok(());
                    }
                    let text = serde_json::to_string(line);
                    let text = text.map_err(|error| Failure::Other(error.to_string()))?;
                    output::print(&escape_bidi(&text));
                    output::write_failure().map_or(Ok(()), Err)
                })
                .await?;
                Ok(String::new())
            }
        }
    }
}

async fn list(session: &Session, limit: u32, json: bool) -> Result<String, Failure> {
    let lines = session.backends.store.audit(limit).await?;
    if json {
        return output::json(&lines);
    }
    let rows: Vec<[String; 5]> = lines
        .into_iter()
        .map(|line| {
            [
                format!("{:.0}", line.at),
                format!("{} ({})", line.actor, line.origin),
                line.action,
                line.subject,
                line.detail,
            ]
        })
        .collect();
    Ok(output::table(
        ["time", "who", "what", "subject", "detail"],
        &rows,
        |_, _| None,
    ))
}

/// Reads and verifies the whole log, and returns its end.
async fn walk(
    session: &Session,
    since: Option<ChainEnd>,
    mut each: impl FnMut(&AuditLine) -> Result<(), Failure>,
) -> Result<ChainEnd, Failure> {
    let store = &session.backends.store;
    let failed =
        |broken: ChainError| Failure::Other(format!("audit log: the chain is broken: {broken}"));
    // Read the end first: lines that are added meanwhile come after it.
    let stored = store.audit_end().await?;
    let mut chain = Chain::default();
    loop {
        let lines = store.audit_after(chain.end().number, PAGE).await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            chain.append(line).map_err(failed)?;
            let end = chain.end();
            for known in since.iter().chain([&stored]) {
                if known.number == end.number && *known != end {
                    let (number, why) = (end.number, ChainFault::Other);
                    return Err(failed(ChainError { number, why }));
                }
            }
            each(line)?;
        }
    }
    let end = chain.end();
    let last = since.map_or(0, |known| known.number).max(stored.number);
    if end.number < last {
        let (number, why) = (last, ChainFault::CutOff);
        return Err(failed(ChainError { number, why }));
    }
    Ok(end)
}

fn verified(end: ChainEnd, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct VerificationJson {
        lines: i64,
        end: String,
    }
    if json {
        return output::json(&VerificationJson {
            lines: end.number,
            end: end.to_string(),
        });
    }
    let lines = match end.number {
        1 => "1 line".to_owned(),
        number => format!("{number} lines"),
    };
    Ok(format!(
        "{lines}, chain intact; store this value elsewhere, for --since:\n{end}"
    ))
}

const PAGE: u32 = 1000;
