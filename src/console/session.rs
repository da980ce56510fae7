//! Who is signed in: operator tokens, the session cookie, sign-in and sign-out.

use std::net::IpAddr;

use http::StatusCode;
use http::header::{self, HeaderMap};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Console;
use super::call::{Call, SignedIn};
use super::problem::Problem;
use super::reply::Reply;
use crate::operators::{CsrfToken, PrincipalKind};

/// A login link to use up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The secret of the link, which is the fragment of its URL.
    link: String,
}

/// A new session. Its cookie is in the header `Set-Cookie`.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView<'a> {
    /// The name of the person.
    subject: &'a str,
    /// The token for the header `X-Portcullis-Csrf` of changes.
    csrf: &'a str,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct MeView<'a> {
    /// The name of the person, or the label of the operator token.
    subject: &'a str,
    /// `session` or `token`.
    kind: &'static str,
    /// The roles, such as `operator@acme`.
    grants: Vec<String>,
    /// When the person signed in; none for a token.
    signed_in_at: Option<Timestamp>,
    /// The token for the header `X-Portcullis-Csrf` of changes; none for a token.
    csrf: Option<&'a str>,
    /// The public URL of the gate.
    public_url: &'a str,
    /// The version of the gate.
    version: &'static str,
}

/// The principal of a request: by its operator token, or else by its session. A refused token is audited.
pub(super) async fn signed_in(
    console: &Console,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<Option<SignedIn>, Problem> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let text = authorization.to_str().unwrap_or_default();
        let Some((scheme, token)) = text.split_once(' ') else {
            return Ok(None);
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        let principal = console.control.operator(token.trim()).await?;
        if principal.is_none() {
            console.control.record_refused_token(address).await;
        }
        return Ok(principal.map(|principal| SignedIn {
            principal,
            csrf: None,
        }));
    }
    let Some(id) = cookie(console, headers) else {
        return Ok(None);
    };
    let state = console.control.session(id).await?;
    Ok(state.map(|state| SignedIn {
        principal: state.principal,
        csrf: Some(state.csrf),
    }))
}

pub(super) async fn sign_in(call: Call) -> Result<Reply, Problem> {
    let SignIn { link } = call.json()?;
    let control = &call.console.control;
    let signed_in = control.sign_in_by_link(&link, call.address).await?;
    let reply = Reply::secret(
        StatusCode::OK,
        &SessionView {
            subject: &signed_in.principal.subject,
            csrf: signed_in.csrf.as_str(),
        },
    )?;
    let cookie = set_cookie(&call.console, &signed_in.session_id);
    Ok(reply.with(header::SET_COOKIE, &cookie))
}

pub(super) async fn sign_out(call: Call) -> Result<Reply, Problem> {
    if let Some(id) = cookie(&call.console, &call.headers) {
        let actor = call.actor()?;
        call.console.control.sign_out(&actor, id).await?;
    }
    let expired = format!("{}; Max-Age=0", set_cookie(&call.console, ""));
    Ok(Reply::empty().with(header::SET_COOKIE, &expired))
}

pub(super) async fn me(call: Call) -> Result<Reply, Problem> {
    let principal = call.principal()?;
    let (kind, signed_in_at) = match &principal.kind {
        PrincipalKind::Session { signed_in_at } => ("session", Some(*signed_in_at)),
        PrincipalKind::Token { .. } => ("token", None),
    };
    let csrf = call.signed_in.as_ref().and_then(|it| it.csrf.as_ref());
    Reply::ok(&MeView {
        subject: &principal.subject,
        kind,
        grants: principal.grants.iter().map(ToString::to_string).collect(),
        signed_in_at,
        csrf: csrf.map(CsrfToken::as_str),
        public_url: &call.console.control.server().public_url,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The value of the session cookie. A request with two of them has none.
fn cookie<'h>(console: &Console, headers: &'h HeaderMap) -> Option<&'h str> {
    let name = cookie_name(console);
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.to_str().unwrap_or_default().split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn set_cookie(console: &Console, value: &str) -> String {
    let name = cookie_name(console);
    let secure = if console.is_secure() { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// Browsers accept a name with the prefix only over TLS, for one host and the path `/`.
fn cookie_name(console: &Console) -> &'static str {
    if console.is_secure() {
        "__Host-portcullis"
    } else {
        "portcullis"
    }
}
