//! `portcullis operator`: operator tokens, and the end of sessions.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::{Access, Session};
use super::token::revocation;
use crate::auth::TokenId;
use crate::control::{Control, ControlError, NewOperatorToken};
use crate::operators::{OperatorToken, RoleGrant};
use crate::tokens::Lifetime;

#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Manage operator tokens.
    ///
    /// A script uses such a token at the admin API.
    #[command(subcommand)]
    Token(OperatorTokenCommand),
    /// End every session of a person.
    ///
    /// The person's unused login links end, too. It takes effect at once.
    SignOut {
        /// The name of the person, as in the audit log.
        #[arg(value_name = "NAME", value_parser = name)]
        subject: String,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum OperatorTokenCommand {
    /// Create an operator token and print it once.
    ///
    /// Standard output contains only the token. The store keeps a hash, so the token cannot be shown again.
    Create(Create),
    /// List operator tokens and their last use.
    ///
    /// An ended token stays in the list for as long as it was valid, at most a month. The token text is not stored.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke an operator token.
    ///
    /// The revocation takes effect at once.
    Revoke {
        /// The id of the token: the 16 digits after `pop_`, as in the list.
        id: TokenId,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Options of `operator token create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The name of the token's user, for lists and the audit log.
    #[arg(long, value_parser = name)]
    label: String,

    /// What the token allows: `viewer`, `operator`, `revealer` or `admin`, everywhere or for one organisation or
    /// workspace. Repeatable.
    #[arg(
        long = "role",
        required = true,
        value_name = "ROLE[@ORGANISATION[/WORKSPACE]]"
    )]
    roles: Vec<RoleGrant>,

    /// The lifetime of the token, from 1m to 365d.
    #[arg(long, value_name = "TIME", default_value = "90d")]
    expires: Lifetime,

    /// Print JSON, including the token.
    #[arg(long)]
    json: bool,
}

impl OperatorCommand {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Token(OperatorTokenCommand::List { .. }) => Access::Read,
            Self::SignOut { .. }
            | Self::Token(OperatorTokenCommand::Create(_) | OperatorTokenCommand::Revoke { .. }) => {
                Access::Write
            }
        }
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Token(command) => command.run(session).await,
            Self::SignOut { subject, json } => sign_out(session, &subject, json).await,
        }
    }
}

impl OperatorTokenCommand {
    async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List { json } => list(session, json).await,
            Self::Revoke { id, json } => revoke(session, &id, json).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<String, Failure> {
        let new = NewOperatorToken {
            label: self.label,
            grants: self.roles,
            lifetime: self.expires,
        };
        let control = &session.control;
        let issued = control.create_operator_token(&session.actor, new).await?;
        let token = &issued.token;
        let view = OperatorTokenView::of(token, token.created_at);
        if self.json {
            return output::json(&CreatedOperatorToken {
                token: &issued.text,
                view,
            });
        }
        output::note(&format!(
            "operator token {} for {} with {}, valid until {:.0}; it is not shown again\n\
             revoke it with: portcullis operator token revoke {}",
            view.id,
            view.label,
            view.grants.join(" "),
            view.expires_at,
            view.id
        ));
        output::print_exact(issued.text.as_ref());
        Ok(String::new())
    }
}

#[derive(Serialize)]
struct CreatedOperatorToken<'i> {
    token: &'i str,
    #[serde(flatten)]
    view: OperatorTokenView<'i>,
}

#[derive(Serialize)]
struct OperatorTokenView<'t> {
    id: String,
    label: &'t str,
    grants: Vec<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    state: &'static str,
}

impl<'t> OperatorTokenView<'t> {
    fn of(token: &'t OperatorToken, now: Timestamp) -> Self {
        Self {
            id: token.id.to_string(),
            label: &token.label,
            grants: token.grants.iter().map(ToString::to_string).collect(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
            state: token.state(now).word(),
        }
    }
}

async fn list(session: &Session, json: bool) -> Result<String, Failure> {
    let now = session.backends.clock.now();
    let listed = session.control.operator_tokens().await?;
    let views: Vec<OperatorTokenView<'_>> = listed
        .iter()
        .map(|token| OperatorTokenView::of(token, now))
        .collect();
    if json {
        return output::json(&views);
    }
    let rows: Vec<[String; 7]> = views
        .into_iter()
        .map(|token| {
            [
                token.id,
                token.label.to_owned(),
                token.grants.join(" "),
                output::time(Some(token.created_at)),
                output::time(Some(token.expires_at)),
                output::time(token.last_used_at),
                token.state.to_owned(),
            ]
        })
        .collect();
    Ok(output::table(
        [
            "id",
            "label",
            "roles",
            "created",
            "expires",
            "last used",
            "state",
        ],
        &rows,
        |_, _| None,
    ))
}

async fn revoke(session: &Session, id: &TokenId, json: bool) -> Result<String, Failure> {
    let control = &session.control;
    let revoked = control.revoke_operator_token(&session.actor, id).await?;
    revocation("operator token", *id, revoked, json)
}

async fn sign_out(session: &Session, subject: &str, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct SignOutView<'s> {
        subject: &'s str,
        sessions: u64,
        links: u64,
    }
    let control = &session.control;
    let ended = control.end_sessions(&session.actor, subject).await?;
    if json {
        return output::json(&SignOutView {
            subject,
            sessions: ended.sessions,
            links: ended.links,
        });
    }
    Ok(format!(
        "{subject}: sessions ended: {}, login links deleted: {}",
        ended.sessions, ended.links
    ))
}

/// Parses the name of an operator.
pub(super) fn name(text: &str) -> Result<String, ControlError> {
    Control::check_operator_name(text).map(|()| text.to_owned())
}
