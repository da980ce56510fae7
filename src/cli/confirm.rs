//! Asking before deliveries are refused: what a change would do, and whether to go on.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use jiff::Timestamp;

use super::failure::Failure;
use super::output;
use crate::control::{Impact, Refusal, SecretImpact, SenderImpact};

/// How a dangerous change is confirmed.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Confirm {
    /// Do it without asking. A script needs it: without a terminal nobody can be asked.
    #[arg(long)]
    yes: bool,
}

impl Confirm {
    /// Whether somebody has confirmed already, so that the impact need not be computed.
    pub(super) fn is_given(self) -> bool {
        self.yes
    }

    /// Shows what a change would do, and asks whether to go on. `what` names the change.
    pub(super) fn ask(self, what: &str, impact: &Impact) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let text = text(what, impact);
        if !std::io::stdin().is_terminal() || !output::stderr_is_terminal() {
            return Err(Failure::Usage(format!(
                "{text}\nnothing was changed: there is no terminal to ask at; say `--yes` to go on without a question"
            )));
        }
        output::note(&text);
        output::ask("go on? [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Failure::Other(format!("the terminal: {error}")))?;
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
        lines.push("  no sender is refused because of it".to_owned());
    } else {
        lines.push("  senders that are refused afterwards:".to_owned());
        lines.extend(impact.senders.iter().map(sender_line));
    }
    lines.join("\n")
}

fn secret_lines(impact: &SecretImpact) -> Vec<String> {
    let secret = &impact.secret;
    let shared_by: Vec<String> = impact.shared_by.iter().map(ToString::to_string).collect();
    let mut lines = vec![match shared_by.as_slice() {
        [] => format!("  {secret}: no endpoint is judged by it"),
        _ => format!("  {secret}: judges {}", shared_by.join(", ")),
    }];
    lines.extend(impact.versions.iter().map(|version| {
        let used = match version.last_used_at {
            None => "no use is recorded".to_owned(),
            Some(at) => {
                let day = if version.used_in_last_day {
                    "within the last 24 h"
                } else {
                    "not within the last 24 h"
                };
                let deliveries = version.deliveries;
                format!("deliveries so far: {deliveries}, last used at {at:.0}, {day}")
            }
        };
        let ends = when(version.ends_at);
        format!("    version {} ends {ends}; {used}", version.version)
    }));
    lines
}

fn sender_line(sender: &SenderImpact) -> String {
    let why = match sender.refusal {
        Refusal::NotConfigured => "404: the endpoint takes no deliveries",
        Refusal::OldSecret => "401, until they have the new value",
        Refusal::OtherProof => "401, until they prove themselves as the endpoint asks then",
        Refusal::SecretUnbound => "401: the endpoint has no secret",
    };
    let url = sender.url.as_deref().unwrap_or("-");
    let proof = sender.proof.as_deref().unwrap_or("no proof");
    let from = when(sender.from);
    format!("    {}  {url}  ({proof}): {from}, {why}", sender.endpoint)
}

fn when(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "at once".to_owned(), |at| format!("at {at:.0}"))
}
