//! `portcullis secret rewrap`: every secret under the key that is configured now.

use clap::Args;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::secrets::{Moved, Moving};

/// How it is done.
#[derive(Args, Debug)]
pub(super) struct Rewrap {
    /// Only count what there is to do.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Rewrap {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let total = control.secret_versions().await?;
        let moving = Moving {
            dry_run: self.dry_run,
        };
        let progress = |moved: &Moved| {
            let done = moved.moved + moved.current + moved.failures;
            if total > SMALL && done > 0 {
                output::note(&format!("rewrap: {done} of {total} versions"));
            }
        };
        let moved = control.rewrap_secrets(&session.actor, moving, progress);
        let moved = moved.await;
        self.told(session, moved)
    }

    fn told(&self, session: &Session, moved: Moved) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Told {
            key_service: &'static str,
            dry_run: bool,
            moved: u64,
            already: u64,
            failed: u64,
        }
        let verb = if self.dry_run { "to move" } else { "moved" };
        let service = session.control.key_service();
        let mut text = format!(
            "{} versions of secrets {verb} to the key service `{service}`, {} there already",
            moved.moved, moved.current
        );
        if moved.failures > 0 {
            text.push_str(&format!(", {} that do not open:", moved.failures));
        }
        for (of, error) in &moved.failed {
            text.push_str(&format!("\n{}, version {}: {error}", of.secret, of.version));
        }
        if let Some(stopped) = moved.stopped {
            let text = format!("{text}\n{stopped}\nrun it again: it goes on where it was");
            return Err(Failure::Service(text));
        }
        if moved.failures > 0 {
            return Err(Failure::Service(text));
        }
        if self.json {
            return output::json(&Told {
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

/// As many are done before anybody wonders.
const SMALL: u64 = 200;
