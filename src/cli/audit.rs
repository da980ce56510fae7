//! `portcullis audit`: who did what, and whether the log is whole.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::audit::{AuditLine, Break, Broken, Chain, End};
use crate::telemetry::escape_bidi;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// The newest lines, the newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Recompute the chain of digests, and say where it does not hold.
    ///
    /// It prints the number and the digest of the last line. Keep them elsewhere: whoever can write the
    /// whole store could make another chain, but none in which that line has that digest.
    Verify {
        /// A line that an earlier run has printed, as NUMBER:DIGEST: it has to be the same still.
        #[arg(long, value_name = "NUMBER:DIGEST")]
        since: Option<End>,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Every line, the oldest first, a JSON object a line; verified on the way.
    Export {
        /// Only lines after this number.
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
    let lines = session.custody.store.audit(limit).await?;
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

/// Goes through the whole log, and gives its end if the chain holds up to there.
async fn walk(
    session: &Session,
    since: Option<End>,
    mut each: impl FnMut(&AuditLine) -> Result<(), Failure>,
) -> Result<End, Failure> {
    let store = &session.custody.store;
    let failed = |broken: Broken| Failure::Other(format!("the audit log is not whole: {broken}"));
    // Asked first: what is added meanwhile comes after it.
    let stored = store.audit_end().await?;
    let mut chain = Chain::default();
    loop {
        let lines = store.audit_after(chain.end().number, PAGE).await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            chain.follow(line).map_err(failed)?;
            let end = chain.end();
            for noted in since.iter().chain([&stored]) {
                if noted.number == end.number && *noted != end {
                    let (number, why) = (end.number, Break::Other);
                    return Err(failed(Broken { number, why }));
                }
            }
            each(line)?;
        }
    }
    let end = chain.end();
    let last = since.map_or(0, |noted| noted.number).max(stored.number);
    if end.number < last {
        let (number, why) = (last, Break::CutOff);
        return Err(failed(Broken { number, why }));
    }
    Ok(end)
}

fn verified(end: End, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Verified {
        lines: i64,
        end: String,
    }
    if json {
        return output::json(&Verified {
            lines: end.number,
            end: end.to_string(),
        });
    }
    let lines = match end.number {
        1 => "1 line".to_owned(),
        number => format!("{number} lines"),
    };
    Ok(format!(
        "{lines}, whole; to be kept elsewhere, for --since:\n{end}"
    ))
}

const PAGE: u32 = 1000;
