//! `portcullis token`: creates, lists and revokes workspace tokens.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::{Access, Session};
use crate::auth::TokenId;
use crate::control::{Control, ControlError, TokenRequest};
use crate::directory::Name;
use crate::tokens::{IssuedToken, Lifetime, TokenState, TokenStatus};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a workspace token and print it once.
    ///
    /// The token allows deliveries to the drafts of the workspace. Standard output contains only the token. The store
    /// keeps a hash, so the token cannot be shown again.
    Create(Create),
    /// List workspace tokens and their last use.
    ///
    /// An ended token stays in the list for as long as it was valid, at most a month. The token text is not stored.
    List {
        /// Only tokens of this workspace.
        #[arg(long)]
        workspace: Option<Name>,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a workspace token.
    ///
    /// The revocation takes effect on every gate within a second.
    Revoke {
        /// The id of the token: the 16 digits after `pwt_`, as in the list.
        id: TokenId,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Options of `token create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The workspace whose drafts accept the token.
    #[arg(long)]
    workspace: Name,

    /// The organisation of the workspace. Default: the only one that owns endpoints of the workspace.
    #[arg(long)]
    organisation: Option<Name>,

    /// A label for lists.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = label)]
    label: String,

    /// The lifetime of the token, from 1m to 365d.
    #[arg(long, value_name = "TIME", default_value = "90d")]
    expires: Lifetime,

    /// Print JSON, including the token.
    #[arg(long)]
    json: bool,
}

impl TokenCommand {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::List { .. } => Access::Read,
            Self::Create(_) | Self::Revoke { .. } => Access::Write,
        }
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List { workspace, json } => list(session, workspace.as_ref(), json).await,
            Self::Revoke { id, json } => revoke(session, &id, json).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<String, Failure> {
        let request = TokenRequest {
            workspace: self.workspace,
            organisation: self.organisation,
            label: self.label,
            lifetime: self.expires,
        };
        let control = &session.control;
        let issued = control.create_token(&session.actor, request).await?;
        if self.json {
            return output::json(&CreatedToken::of(&issued));
        }
        let grant = &issued.record.grant;
        output::note(&format!(
            "token {} for workspace {} of {}, valid until {:.0}; it is not shown again\n\
             revoke it with: portcullis token revoke {}",
            issued.record.id,
            grant.workspace,
            grant.organisation,
            grant.expires_at,
            issued.record.id
        ));
        output::print_exact(issued.text.as_ref());
        Ok(String::new())
    }
}

#[derive(Serialize)]
struct CreatedToken<'i> {
    token: &'i str,
    #[serde(flatten)]
    view: TokenView<'i>,
}

impl<'i> CreatedToken<'i> {
    fn of(issued: &'i IssuedToken) -> Self {
        let (record, state) = (&issued.record, TokenState::Active);
        Self {
            token: &issued.text,
            view: TokenView {
                id: record.id.to_string(),
                organisation: &record.grant.organisation,
                workspace: &record.grant.workspace,
                label: &record.label,
                created_at: record.created_at,
                expires_at: record.grant.expires_at,
                revoked_at: None,
                last_used_at: None,
                state: state.word(),
            },
        }
    }
}

#[derive(Serialize)]
struct TokenView<'t> {
    id: String,
    organisation: &'t str,
    workspace: &'t str,
    label: &'t str,
    created_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    state: &'static str,
}

impl<'t> TokenView<'t> {
    fn of(status: &'t TokenStatus, now: Timestamp) -> Self {
        let (record, grant) = (&status.record, &status.record.grant);
        Self {
            id: record.id.to_string(),
            organisation: &grant.organisation,
            workspace: &grant.workspace,
            label: &record.label,
            created_at: record.created_at,
            expires_at: grant.expires_at,
            revoked_at: grant.revoked_at,
            last_used_at: status.last_used_at,
            state: record.state(now).word(),
        }
    }
}

async fn list(session: &Session, workspace: Option<&Name>, json: bool) -> Result<String, Failure> {
    let now = session.backends.clock.now();
    let listed = session.control.tokens(workspace).await?;
    let views: Vec<TokenView<'_>> = listed
        .iter()
        .map(|status| TokenView::of(status, now))
        .collect();
    if json {
        return output::json(&views);
    }
    let rows: Vec<[String; 8]> = views
        .into_iter()
        .map(|token| {
            [
                token.id,
                token.organisation.to_owned(),
                token.workspace.to_owned(),
                token.label.to_owned(),
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
            "organisation",
            "workspace",
            "label",
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
    let revoked = session.control.revoke_token(&session.actor, id).await?;
    revocation("token", *id, revoked, json)
}

/// The result of a revocation.
pub(super) fn revocation(
    what: &str,
    id: TokenId,
    revoked: bool,
    json: bool,
) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct RevokedToken {
        id: String,
        revoked: bool,
    }
    if json {
        let id = id.to_string();
        return output::json(&RevokedToken { id, revoked });
    }
    let result = if revoked { "revoked" } else { "already ended" };
    Ok(format!("{what} {id}: {result}"))
}

fn label(text: &str) -> Result<String, ControlError> {
    Control::check_token_label(text).map(|()| text.to_owned())
}
