//! `portcullis audit`: who did what.

use clap::Subcommand;

use super::failure::Failure;
use super::output;
use super::session::Session;

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
}

impl AuditCommand {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let Self::List { limit, json } = self;
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
}
