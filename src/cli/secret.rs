//! `portcullis secret`: bind, reveal, rotate, set, status, retire, rewrap.

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use serde::Serialize;

use super::confirm::Confirm;
use super::failure::Failure;
use super::output;
use super::rewrap::Rewrap;
use super::secret_bind::Bind;
use super::secret_status;
use super::secret_value::{ask_value, note_value, overlap};
use super::session::{Access, Session};
use crate::secrets::SecretRef;

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Give a slot of a flow its value at one target, read from standard input. Binding another one rotates it.
    Bind(Bind),
    /// Show the current value. It is audited.
    Reveal {
        /// `scope#slot`, or the id of an endpoint.
        secret: String,

        /// As JSON, with the version.
        #[arg(long)]
        json: bool,
    },
    /// Replace the value by a generated one. The old one ends at once, unless there is an overlap.
    ///
    /// It shows which senders are refused until they have the new value, and asks.
    Rotate {
        #[command(flatten)]
        replace: Replace,

        #[command(flatten)]
        confirm: Confirm,
    },
    /// Show the versions, which of them count, and how often and when each was last used.
    Status {
        /// `scope#slot`, or the id of an endpoint.
        secret: String,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// End the previous version now, before its overlap is over.
    ///
    /// With `--current` it shows which senders are refused then, and asks.
    Retire {
        /// `scope#slot`, or the id of an endpoint.
        secret: String,

        /// End the current version, too: nothing counts any more, and every delivery is refused.
        #[arg(long)]
        current: bool,

        #[command(flatten)]
        confirm: Confirm,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Replace the value by one that is read from standard input, without showing it on a terminal. One line end at
    /// its end is dropped.
    Set {
        #[command(flatten)]
        replace: Replace,

        /// Take a value that looks like a mistake: quotes around it, a placeholder, an API key, a wrong length.
        #[arg(long)]
        force: bool,
    },
    /// Encrypt every secret with the key and the key service that are configured now. The values stay as they
    /// are, deliveries go on meanwhile, and what is interrupted is run again.
    Rewrap(Rewrap),
}

/// What is replaced, and how.
#[derive(Args, Debug)]
pub(super) struct Replace {
    /// `scope#slot`, or the id of an endpoint.
    secret: String,

    /// How long the old value stays valid beside the new one, such as 24h.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = overlap)]
    overlap: SignedDuration,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl SecretCommand {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Reveal { .. } | Self::Status { .. } => Access::Read,
            Self::Rewrap(rewrap) => Access::unless_dry_run(rewrap.dry_run),
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
                secret_status::show(session, &secret, json).await
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
                    confirm.ask(&format!("{secret}: every version ends"), &impact)?;
                }
                secret_status::retire(session, &secret, current, json).await
            }
            Self::Rotate { replace, confirm } => {
                let control = &session.control;
                let secret = control.secret(&replace.secret).await?;
                if !confirm.is_given() {
                    let impact = control.rotation_impact(&secret, replace.overlap).await?;
                    confirm.ask(&format!("{secret}: a new value replaces it"), &impact)?;
                }
                let change = control.rotate_secret(&session.actor, &secret, replace.overlap);
                let change = change.await?;
                replace.done("rotated", &secret, change.version)
            }
            Self::Set { replace, force } => {
                let secret = session.control.secret(&replace.secret).await?;
                let value = ask_value(&secret)?;
                let control = &session.control;
                let overlap = replace.overlap;
                let change = control.set_secret(&session.actor, &secret, &value, overlap, force);
                let change = change.await?;
                note_value(&change);
                replace.done("set", &secret, change.version)
            }
            Self::Rewrap(rewrap) => rewrap.run(session).await,
        }
    }
}

impl Replace {
    fn done(&self, verb: &str, secret: &SecretRef, version: u32) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Done<'a> {
            secret: String,
            version: u32,
            action: &'a str,
            overlap_seconds: i64,
        }
        if self.json {
            return output::json(&Done {
                secret: secret.to_string(),
                version,
                action: verb,
                overlap_seconds: self.overlap.as_secs(),
            });
        }
        let old = if self.overlap.is_zero() {
            "the old value ends now".to_owned()
        } else {
            format!("the old value stays valid for {:#}", self.overlap)
        };
        Ok(format!(
            "{secret}: {verb}, version {version}; {old}\n\
             to see it: portcullis secret reveal '{secret}'"
        ))
    }
}

async fn reveal(session: &Session, secret: &str, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        secret: String,
        version: u32,
        created_at: jiff::Timestamp,
        value: &'a str,
    }
    let secret = session.control.secret(secret).await?;
    let control = &session.control;
    let revealed = control.reveal_secret(&session.actor, &secret).await?;
    let value = std::str::from_utf8(revealed.value.expose())
        .map_err(|_| Failure::Other(format!("{secret}: the value is not text")))?;
    if json {
        return output::json(&Shown {
            secret: secret.to_string(),
            version: revealed.version,
            created_at: revealed.created_at,
            value,
        });
    }
    output::print_exact(value);
    Ok(String::new())
}
