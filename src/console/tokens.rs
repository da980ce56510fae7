//! Workspace tokens and operator tokens: list, create, revoke.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::cursor;
use super::problem::Problem;
use super::reply::{Page, Reply};
use crate::auth::TokenId;
use crate::control::{NewOperatorToken, TokenRequest};
use crate::directory::Name;
use crate::operators::{Permission, RoleGrant};
use crate::tokens::{Lifetime, TokenStatus};

/// A workspace token, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceToken)]
pub(super) struct TokenView {
    /// The public id, a part of the text.
    id: String,
    /// The organisation that owns the workspace.
    organisation: String,
    /// The workspace whose drafts accept the token.
    workspace: String,
    /// The description that its owner gave it.
    label: String,
    /// When it was created.
    created_at: Timestamp,
    /// When it expires.
    expires_at: Timestamp,
    /// When it was revoked, if it was.
    revoked_at: Option<Timestamp>,
    /// When it was last used, as far as the store knows.
    last_used_at: Option<Timestamp>,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
}

/// A new workspace token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWorkspaceToken)]
pub(super) struct NewTokenBody {
    /// The organisation that owns the workspace.
    #[schema(value_type = String)]
    organisation: Name,
    /// The workspace whose drafts accept the token.
    #[schema(value_type = String)]
    workspace: Name,
    /// A description for lists.
    #[serde(default)]
    label: String,
    /// The time until it expires, such as `90d`.
    lifetime: String,
}

/// An operator token, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = OperatorToken)]
pub(super) struct OperatorTokenView {
    /// The public id, a part of the text.
    id: String,
    /// The name in lists and in the audit log.
    label: String,
    /// What the token allows, such as `operator@acme`.
    grants: Vec<String>,
    /// When it was created.
    created_at: Timestamp,
    /// When it expires.
    expires_at: Timestamp,
    /// When it was revoked, if it was.
    revoked_at: Option<Timestamp>,
    /// When it was last used, as far as the store knows.
    last_used_at: Option<Timestamp>,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
}

/// A new operator token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOperatorToken)]
pub(super) struct NewOperatorTokenBody {
    /// The name in lists and in the audit log.
    label: String,
    /// What the token allows, such as `operator@acme`.
    grants: Vec<String>,
    /// The time until it expires, such as `90d`.
    lifetime: String,
}

/// A created token. Its text is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedToken)]
pub(super) struct IssuedView<'a> {
    /// The public id.
    id: String,
    /// The text of the token.
    token: &'a str,
    /// When it expires.
    expires_at: Timestamp,
}

/// A revoked token.
#[derive(Serialize, ToSchema)]
#[schema(as = RevokedToken)]
pub(super) struct RevokedView {
    /// False if the token had already ended.
    revoked: bool,
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let workspace: Option<Name> = call.query_parsed("workspace", "expected a name")?;
    let tokens = call.console.control.tokens(workspace.as_ref()).await?;
    let mut visible = Vec::new();
    for status in tokens {
        let grant = &status.record.grant;
        let principal = call.principal()?;
        if principal.may(Permission::Read, &grant.organisation, &grant.workspace) {
            visible.push(view(&call, &status));
        }
    }
    page(&call, LIST, visible, |token| &token.id)
}

pub(super) async fn create(call: Call) -> Result<Reply, Problem> {
    let body: NewTokenBody = call.json()?;
    if !call.may(Permission::Change, &body.organisation, &body.workspace)? {
        return Err(call.denied(Problem::forbidden()));
    }
    let request = TokenRequest {
        workspace: body.workspace,
        organisation: Some(body.organisation),
        label: body.label,
        lifetime: lifetime(&body.lifetime)?,
    };
    let control = &call.console.control;
    let issued = control.create_token(&call.actor()?, request).await?;
    Reply::secret(
        StatusCode::CREATED,
        &IssuedView {
            id: issued.record.id.to_string(),
            token: &issued.text,
            expires_at: issued.record.grant.expires_at,
        },
    )
}

pub(super) async fn revoke(call: Call) -> Result<Reply, Problem> {
    let id = token_id(&call)?;
    let control = &call.console.control;
    let all = control.tokens(None).await?;
    let found = all.iter().find(|status| status.record.id == id);
    let grant = found.map(|status| &status.record.grant);
    let principal = call.principal()?;
    let may = |permission| {
        grant.is_some_and(|grant| principal.may(permission, &grant.organisation, &grant.workspace))
    };
    if !may(Permission::Read) {
        return Err(call.denied(Problem::not_found()));
    }
    if !may(Permission::Change) {
        return Err(call.denied(Problem::forbidden()));
    }
    let revoked = control.revoke_token(&call.actor()?, &id).await?;
    Reply::ok(&RevokedView { revoked })
}

pub(super) async fn list_operator(call: Call) -> Result<Reply, Problem> {
    let now = call.console.clock.now();
    let principal = call.principal()?;
    let mut tokens = call.console.control.operator_tokens().await?;
    tokens.retain(|token| {
        token
            .grants
            .iter()
            .all(|grant| principal.administers(grant))
    });
    let views = tokens.into_iter().map(|token| OperatorTokenView {
        id: token.id.to_string(),
        state: token.state(now).word(),
        label: token.label,
        grants: token.grants.iter().map(ToString::to_string).collect(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
        last_used_at: token.last_used_at,
    });
    page(&call, OPERATOR_LIST, views.collect(), |token| &token.id)
}

pub(super) async fn create_operator(call: Call) -> Result<Reply, Problem> {
    let body: NewOperatorTokenBody = call.json()?;
    let mut grants = Vec::new();
    for text in &body.grants {
        let grant: RoleGrant = text.parse().map_err(|_| {
            Problem::body(
                "`grants`: expected roles such as `viewer`, `operator@acme` or `viewer@acme/shop`",
            )
        })?;
        grants.push(grant);
    }
    let principal = call.principal()?;
    if !grants.iter().all(|grant| principal.may_grant(grant)) {
        return Err(call.denied(Problem::forbidden()));
    }
    let new = NewOperatorToken {
        label: body.label,
        grants,
        lifetime: lifetime(&body.lifetime)?,
    };
    let control = &call.console.control;
    let issued = control.create_operator_token(&call.actor()?, new).await?;
    Reply::secret(
        StatusCode::CREATED,
        &IssuedView {
            id: issued.token.id.to_string(),
            token: &issued.text,
            expires_at: issued.token.expires_at,
        },
    )
}

pub(super) async fn revoke_operator(call: Call) -> Result<Reply, Problem> {
    let id = token_id(&call)?;
    let control = &call.console.control;
    let token = control.operator_token(&id).await?;
    let principal = call.principal()?;
    if !token
        .grants
        .iter()
        .all(|grant| principal.administers(grant))
    {
        return Err(call.denied(Problem::not_found()));
    }
    let revoked = control.revoke_operator_token(&call.actor()?, &id).await?;
    Reply::ok(&RevokedView { revoked })
}

/// One page of a list that is in memory.
fn page<T: Serialize>(
    call: &Call,
    list: &str,
    mut items: Vec<T>,
    id: impl Fn(&T) -> &String,
) -> Result<Reply, Problem> {
    items.sort_by(|one, other| id(one).cmp(id(other)));
    if let Some(cursor) = call.query_value("cursor") {
        let after = cursor::read(list, cursor)?;
        items.retain(|item| *id(item) > after);
    }
    let limit = usize::try_from(call.limit()?).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more);
    Reply::ok(&Page {
        next: next.map(|last| cursor::write(list, id(last))),
        items,
    })
}

fn view(call: &Call, status: &TokenStatus) -> TokenView {
    let record = &status.record;
    TokenView {
        id: record.id.to_string(),
        organisation: record.grant.organisation.to_string(),
        workspace: record.grant.workspace.to_string(),
        label: record.label.clone(),
        created_at: record.created_at,
        expires_at: record.grant.expires_at,
        revoked_at: record.grant.revoked_at,
        last_used_at: status.last_used_at,
        state: record.state(call.console.clock.now()).word(),
    }
}

fn token_id(call: &Call) -> Result<TokenId, Problem> {
    let id = call.path_value("token")?.parse();
    id.map_err(|_| Problem::not_found())
}

fn lifetime(text: &str) -> Result<Lifetime, Problem> {
    let parsed = text.parse();
    parsed.map_err(|_| Problem::body("`lifetime`: expected a time from 1m to 365d, such as 90d"))
}

const LIST: &str = "tokens";
const OPERATOR_LIST: &str = "operator_tokens";
