//! `portcullis secret`: manages secrets: bind, reveal, rotate, set, status, retire, rewrap.

mod bind;
mod rewrap;
mod status;
mod value;

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use serde::Serialize;

use self::bind::Bind;
use self::rewrap::Rewrap;
pub(super) use self::value::read_value;
use self::value::{ask_value, note_value, overlap};
use super::confirm::Confirm;
use super::failure::Failure;
use super::output;
use super::session::{Access, Session};
use crate::control::SecretChange;
use crate::secrets::SecretRef;

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Bind a secret slot of a flow at one target.
    ///
    /// The value is read from standard input. Binding a bound slot again rotates it.
    Bind(Bind),
    /// Reveal the current value of a secret.
    ///
    /// Each use is audited.
    Reveal {
        /// The secret as `scope#slot`, or the id of an endpoint.
        secret: String,

        /// Print JSON, with the version.
        #[arg(long)]
        json: bool,
    },
    /// Replace a secret by a generated value.
    ///
    /// The old value ends at once, unless `--overlap` keeps it. It shows the affected senders and asks for confirmation.
    Rotate {
        #[command(flatten)]
        replace: Replace,

        #[command(flatten)]
        confirm: Confirm,
    },
    /// Show the versions of a secret and their use.
    Status {
        /// The secret as `scope#slot`, or the id of an endpoint.
        secret: String,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End the previous version of a secret now.
    ///
    /// With `--current` it ends every version, after it shows the affected senders and asks for confirmation.
    Retire {
        /// The secret as `scope#slot`, or the id of an endpoint.
        secret: String,

        /// Also end the current version, so that every delivery is refused.
        #[arg(long)]
        current: bool,

        #[command(flatten)]
        confirm: Confirm,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Set a secret from standard input.
    ///
    /// A terminal does not show the value. One line end after the value is dropped.
    Set {
        #[command(flatten)]
        replace: Replace,

        /// Accept a value that looks like a mistake: quotes, a placeholder, an API key, a wrong length.
        #[arg(long)]
        force: bool,
    },
    /// Encrypt every secret with the configured key.
    ///
    /// The values do not change, and deliveries continue meanwhile. An interrupted run resumes when it is run again.
    Rewrap(Rewrap),
}

/// Options of `rotate` and `set`.
#[derive(Args, Debug)]
pub(super) struct Replace {
    /// The secret as `scope#slot`, or the id of an endpoint.
    secret: String,

    /// How long the old value stays valid, such as 24h.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = overlap)]
    overlap: SignedDuration,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl SecretCommand {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Status { .. } => Access::Read,
            Self::Reveal { .. } => Access::Decrypt,
            // A dry run compares the stored versions with the configured key.
            Self::Rewrap(rewrap) if rewrap.dry_run => Access::Decrypt,
            Self::Rewrap(_) => Access::Write,
            Self::Bind(_) | Self::Retire { .. } | Self::Rotate { .. } | Self::Set { .. } => {
                Access::Write
            }
        }
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Bind(bind) => bind.run(session).await,
            Self::Reveal { secret, json } => reveal(session, &secret, json).await,
            Self::Status { secret, json } => {
                let secret = session.control.secret(&secret).await?;
                status::show(session, &secret, json).await
            }
            Self::Retire {
                secret,
                current,
                confirm,
                json,
            } => {
                let secret = session.control.secret(&secret).await?;
                if current && !confirm.is_given() {
                    let impact = session.control.retirement_impact(&secret).await?;
                    confirm.ask(&format!("{secret}: ends every version"), &impact)?;
                }
                status::retire(session, &secret, current, json).await
            }
            Self::Rotate { replace, confirm } => {
                let control = &session.control;
                let secret = control.secret(&replace.secret).await?;
                if !confirm.is_given() {
                    let impact = control.rotation_impact(&secret, replace.overlap).await?;
                    confirm.ask(&format!("{secret}: replaces the value"), &impact)?;
                }
                let change = control.rotate_secret(&session.actor, &secret, replace.overlap);
                let change = change.await?;
                replace.report("rotated", &secret, &change)
            }
            Self::Set { replace, force } => {
                let secret = session.control.secret(&replace.secret).await?;
                let value = ask_value(&secret)?;
                let control = &session.control;
                let overlap = replace.overlap;
                let change = control.set_secret(&session.actor, &secret, &value, overlap, force);
                let change = change.await?;
                note_value(&change);
                replace.report("set", &secret, &change)
            }
            Self::Rewrap(rewrap) => rewrap.run(session).await,
        }
    }
}

impl Replace {
    fn report(
        &self,
        verb: &str,
        secret: &SecretRef,
        change: &SecretChange,
    ) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct ReplacedSecret<'a> {
            secret: String,
            version: u32,
            action: &'a str,
            overlap_seconds: i64,
        }
        let version = change.version;
        if self.json {
            return output::json(&ReplacedSecret {
                secret: secret.to_string(),
                version,
                action: verb,
                overlap_seconds: self.overlap.as_secs(),
            });
        }
        let old = old_value(change, self.overlap);
        Ok(format!(
            "{secret}: {verb}, version {version}{old}\n\
             show it with: portcullis secret reveal '{secret}'"
        ))
    }
}

/// What happens to the value that was valid before, as the end of a sentence; empty if there was none.
fn old_value(change: &SecretChange, overlap: SignedDuration) -> String {
    match (change.was_bound, overlap.is_zero()) {
        (false, _) => String::new(),
        (true, true) => "; the old value ends now".to_owned(),
        (true, false) => format!("; the old value stays valid for {overlap:#}"),
    }
}

async fn reveal(session: &Session, secret: &str, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct RevealedSecret<'a> {
        secret: String,
        version: u32,
        created_at: jiff::Timestamp,
        value: &'a str,
    }
    let secret = session.control.secret(secret).await?;
    let control = &session.control;
    let revealed = control.reveal_secret(&session.actor, &secret).await?;
    let value = std::str::from_utf8(revealed.value.expose()).map_err(|_| {
        Failure::Other(format!(
            "{secret}: the value is not UTF-8 text and cannot be shown"
        ))
    })?;
    if json {
        return output::json(&RevealedSecret {
            secret: secret.to_string(),
            version: revealed.version,
            created_at: revealed.created_at,
            value,
        });
    }
    output::print_exact(value);
    Ok(String::new())
}
