//! Confirmations: show the impact of a change on deliveries, and ask before it is made.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use jiff::Timestamp;

use super::failure::Failure;
use super::output;
use crate::control::{Impact, Refusal, SecretImpact, SenderImpact};

/// How a disruptive change is confirmed.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Confirm {
    /// Proceed without a confirmation. Scripts need it, because they have no terminal.
    #[arg(long)]
    yes: bool,
}

impl Confirm {
    /// Whether `--yes` was given, so that the impact need not be computed.
    pub(super) fn is_given(self) -> bool {
        self.yes
    }

    /// Shows the impact of a change and asks whether to proceed. `what` names the change.
    pub(super) fn ask(self, what: &str, impact: &Impact) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let text = text(what, impact);
        if !std::io::stdin().is_terminal() || !output::stderr_is_terminal() {
            return Err(Failure::Usage(format!(
                "{text}\nnothing was changed: confirmation needs a terminal. Add `--yes` to proceed without it"
            )));
        }
        output::note(&text);
        output::ask("proceed? [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Failure::Other(format!("terminal: cannot be read: {error}")))?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::Other("nothing was changed".to_owned())),
        }
    }
}

fn text(what: &str, impact: &Impact) -> String {
    let mut lines = vec![what.to_owned()];
    for secret in &impact.secrets {
        lines.extend(secret_lines(secret));
    }
    if impact.senders.is_empty() {
        lines.push("  no sender is refused".to_owned());
    } else {
        lines.push("  senders that are refused:".to_owned());
        lines.extend(impact.senders.iter().map(sender_line));
    }
    lines.join("\n")
}

fn secret_lines(impact: &SecretImpact) -> Vec<String> {
    let secret = &impact.secret;
    let shared_by: Vec<String> = impact.shared_by.iter().map(ToString::to_string).collect();
    let mut lines = vec![match shared_by.as_slice() {
        [] => format!("  {secret}: no endpoint uses it"),
        _ => format!("  {secret}: used by {}", shared_by.join(", ")),
    }];
    lines.extend(impact.versions.iter().map(|version| {
        let used = match version.last_used_at {
            None => "no recorded use".to_owned(),
            Some(at) => {
                let day = match version.deliveries_last_day {
                    Some(0) => "not within the last 24 h".to_owned(),
                    Some(count) => format!("{count} in the last 24 h"),
                    None => "within the last 24 h".to_owned(),
                };
                let deliveries = version.deliveries;
                format!("{deliveries} deliveries, last used at {at:.0}, {day}")
            }
        };
        let ends = when(version.ends_at);
        format!("    version {} ends {ends}; {used}", version.version)
    }));
    lines
}

fn sender_line(sender: &SenderImpact) -> String {
    let reason = match sender.refusal {
        Refusal::NotConfigured => "404: the endpoint is disabled or deleted",
        Refusal::OldSecret => "401 until they use the new value",
        Refusal::OtherProof => "401 until they use the new proof",
        Refusal::SecretUnbound => "401: the endpoint has no secret",
    };
    let url = sender.url.as_deref().unwrap_or("-");
    let proof = sender.proof.as_deref().unwrap_or("no proof");
    let from = when(sender.from);
    format!(
        "    {}  {url}  ({proof}): {from}, {reason}",
        sender.endpoint
    )
}

fn when(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "at once".to_owned(), |at| format!("at {at:.0}"))
}
