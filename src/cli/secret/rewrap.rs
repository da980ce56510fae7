//! `portcullis secret rewrap`: encrypts every secret with the configured key.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::secrets::{RewrapOptions, RewrapProgress};

/// Options of `secret rewrap`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Rewrap {
    /// Count the versions to move, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Rewrap {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let total = control.secret_versions().await?;
        let moving = RewrapOptions {
            dry_run: self.dry_run,
        };
        let progress = |moved: &RewrapProgress| {
            let done = moved.moved + moved.current + moved.failures;
            if total > SMALL && done > 0 {
                output::note(&format!("rewrap: {done} of {total} versions"));
            }
        };
        let moved = control.rewrap_secrets(&session.actor, moving, progress);
        let moved = moved.await;
        self.report(session, moved)
    }

    fn report(&self, session: &Session, moved: RewrapProgress) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct RewrapReport {
            key_service: &'static str,
            dry_run: bool,
            moved: u64,
            already: u64,
            failed: u64,
        }
        let verb = if self.dry_run { "to move" } else { "moved" };
        let service = session.control.key_service();
        let mut text = format!(
            "{} versions of secrets {verb} to the key service `{service}`, {} already there",
            moved.moved, moved.current
        );
        if moved.failures > 0 {
            text.push_str(&format!(", {} that cannot be decrypted:", moved.failures));
        }
        for (of, error) in &moved.failed {
            text.push_str(&format!("\n{}, version {}: {error}", of.secret, of.version));
        }
        if let Some(stopped) = moved.stopped {
            let text = format!("{text}\n{stopped}\nrun the command again to resume");
            return Err(Failure::Service(text));
        }
        if moved.failures > 0 {
            return Err(Failure::Service(text));
        }
        if self.json {
            return output::json(&RewrapReport {
                key_service: service,
                dry_run: self.dry_run,
                moved: moved.moved,
                already: moved.current,
                failed: moved.failures,
            });
        }
        Ok(text)
    }
}

/// Progress is shown only for more versions than this.
const SMALL: u64 = 200;
