//! `portcullis secret bind`: sets the secret of a flow's slot at one target.

use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;

use super::old_value;
use super::value::{ask_value, note_value, overlap};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::flow::PartName;

/// Options of `secret bind`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Bind {
    /// The target: flows/FLOW/draft, flows/FLOW/live or installations/INSTALLATION/FLOW.
    target: String,

    /// The slot in the flow's declaration.
    slot: PartName,

    /// Generate a random value instead of reading one, for providers that accept yours.
    #[arg(long)]
    generate: bool,

    /// Accept a value that looks like a mistake: quotes, a placeholder, an API key, a wrong length.
    #[arg(long, conflicts_with = "generate")]
    force: bool,

    /// How long the old value stays valid, such as 24h.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = overlap)]
    overlap: SignedDuration,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Bind {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct BoundSecret {
            secret: String,
            version: u32,
            action: &'static str,
            overlap_seconds: i64,
        }
        let control = &session.control;
        let slot = control.slot_binding(&self.target, &self.slot).await?;
        let secret = slot.secret();
        let change = if self.generate {
            let change = control.generate_slot(&session.actor, &slot, self.overlap);
            change.await?
        } else {
            let value = ask_value(secret)?;
            let change = control.bind_slot(&session.actor, &slot, &value, self.overlap, self.force);
            change.await?
        };
        note_value(&change);
        let version = change.version;
        if self.json {
            return output::json(&BoundSecret {
                secret: secret.to_string(),
                version,
                action: if self.generate { "generated" } else { "bound" },
                overlap_seconds: self.overlap.as_secs(),
            });
        }
        let old = old_value(&change, self.overlap);
        let see = if self.generate {
            format!("\nshow it with: portcullis secret reveal '{secret}'")
        } else {
            String::new()
        };
        Ok(format!("{secret}: bound, version {version}{old}{see}"))
    }
}
