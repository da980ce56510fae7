//! `portcullis token`: create, list, revoke.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::{Access, Session};
use crate::auth::TokenId;
use crate::control::{Control, ControlError, TokenRequest};
use crate::directory::Name;
use crate::tokens::{Issued, Lifetime, TokenState, TokenStatus};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token of a workspace, and print it: once, and never again.
    ///
    /// Whoever has it may deliver to the drafts of the workspace. Standard output has nothing but the token.
    Create(Create),
    /// Show the tokens that there are, and when each was last used. The tokens themselves are nowhere.
    ///
    /// One that has ended is shown for as long again as it had lived, and for a month at most.
    List {
        /// Those of one workspace.
        #[arg(long)]
        workspace: Option<Name>,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a token. It is in force at every gate within a second.
    Revoke {
        /// Its id: the 16 digits behind `pwt_`, and in the list.
        id: TokenId,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A new token.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The workspace that it speaks for.
    #[arg(long)]
    workspace: Name,

    /// The organisation that the workspace is of; the one that owns its endpoints, if that is only one.
    #[arg(long)]
    organisation: Option<Name>,

    /// What to call it in lists.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = label)]
    label: String,

    /// How long it lasts: 1m to 365d.
    #[arg(long, value_name = "TIME", default_value = "90d")]
    expires: Lifetime,

    /// As JSON, the token among it.
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
            return output::json(&Made::of(&issued));
        }
        let grant = &issued.record.grant;
        output::note(&format!(
            "token {} of the workspace {} of {}, until {:.0}; it is not shown again\n\
             to end it: portcullis token revoke {}",
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
struct Made<'i> {
    token: &'i str,
    #[serde(flatten)]
    shown: Shown<'i>,
}

impl<'i> Made<'i> {
    fn of(issued: &'i Issued) -> Self {
        let (record, state) = (&issued.record, TokenState::Active);
        Self {
            token: &issued.text,
            shown: Shown {
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
struct Shown<'t> {
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

impl<'t> Shown<'t> {
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
    let now = session.custody.clock.now();
    let listed = session.control.tokens(workspace).await?;
    let shown: Vec<Shown<'_>> = listed.iter().map(|status| Shown::of(status, now)).collect();
    if json {
        return output::json(&shown);
    }
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
    let rows: Vec<[String; 8]> = shown
        .into_iter()
        .map(|token| {
            [
                token.id,
                token.organisation.to_owned(),
                token.workspace.to_owned(),
                token.label.to_owned(),
                time(Some(token.created_at)),
                time(Some(token.expires_at)),
                time(token.last_used_at),
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
    #[derive(Serialize)]
    struct Done {
        id: String,
        revoked: bool,
    }
    let revoked = session.control.revoke_token(&session.actor, id).await?;
    if json {
        let id = id.to_string();
        return output::json(&Done { id, revoked });
    }
    Ok(if revoked {
        format!("token {id}: revoked")
    } else {
        format!("token {id}: it had ended already")
    })
}

fn label(text: &str) -> Result<String, ControlError> {
    Control::check_token_label(text).map(|()| text.to_owned())
}
