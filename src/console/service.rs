//! One request, from its head to its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::call::Call;
use super::problem::Problem;
use super::reply::{Reply, protect};
use super::routes::{Access, Operation, PREFIX, Route, Secrecy};
use super::{Console, assets, guard, session};
use crate::directory::{EndpointId, Name};
use crate::flow::PartName;
use crate::operators::{IdempotencyKey, IdempotencyState, Permission, RequestDigest, StoredAnswer};
use crate::task::Task;

impl Console {
    /// The response to a request.
    pub(super) async fn respond(
        self: &Arc<Self>,
        request: Request<Incoming>,
        address: IpAddr,
    ) -> Response<Full<Bytes>> {
        let id = Uuid::now_v7().to_string();
        let answered = match self.requests.try_acquire() {
            Ok(_permit) => self.answer(request, address).await,
            Err(_) => Err(unavailable("too many requests are in flight")),
        };
        let mut response = answered.unwrap_or_else(|problem| {
            if problem.status.is_server_error() {
                tracing::warn!(
                    request_id = %id,
                    code = problem.code,
                    "the console answered {}",
                    problem.status
                );
            }
            problem.response(&id)
        });
        protect(response.headers_mut(), self.is_secure(), &id);
        response
    }

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        address: IpAddr,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        let (head, body) = request.into_parts();
        guard::check_host(&head.headers, &self.settings.url, self.settings.listen)?;
        let path = head.uri.path();
        if !path.starts_with(PREFIX) {
            return assets::answer(&head.method, path, &head.headers);
        }
        let console = Arc::clone(self);
        // A change goes on when its client leaves, so that its idempotency key gets its answer.
        let work = async move {
            let tasks = console.settings.tasks.clone();
            let work = Box::pin(console.operate(head, body, address));
            tasks.catch_panic(REQUEST, work).await
        };
        let running = tokio::spawn(work);
        match tokio::time::timeout(REQUEST_TIMEOUT, running).await {
            Ok(Ok(Ok(answered))) => answered.map(Reply::response),
            // The panic was logged where it happened.
            Ok(_) => Err(Problem::internal()),
            Err(_) => Err(unavailable(
                "the request took too long; a change may have been made",
            )),
        }
    }

    async fn operate(
        self: Arc<Self>,
        head: Parts,
        body: Incoming,
        address: IpAddr,
    ) -> Result<Reply, Problem> {
        let Parts {
            method,
            uri,
            headers,
            ..
        } = head;
        let route = self.routes.find(&method, uri.path());
        let is_public = matches!(&route, Route::Found(found, _) if found.access == Access::Public);
        let signed_in = if is_public {
            None
        } else {
            // A stranger learns nothing about the paths of the API.
            let found = session::signed_in(&self, &headers, address).await?;
            Some(found.ok_or_else(Problem::unauthenticated)?)
        };
        let (operation, path) = match route {
            Route::Found(operation, path) => (operation, path),
            Route::OtherMethod(allowed) => return Err(method_not_allowed(&allowed)),
            Route::None => return Err(Problem::not_found()),
        };
        if operation.is_change() {
            guard::check_json(&headers)?;
            if let Some(csrf) = signed_in.as_ref().and_then(|it| it.csrf.as_ref()) {
                let is_csrf_token = |sent: &[u8]| csrf.matches(sent);
                guard::check_same_origin(&headers, &self.settings.url, Some(&is_csrf_token))?;
            } else if is_public {
                guard::check_same_origin(&headers, &self.settings.url, None)?;
            }
        }
        let query = parse_query(operation, uri.query().unwrap_or_default())?;
        let body = if operation.is_change() {
            read_body(body, operation.max_body).await?
        } else {
            Bytes::new()
        };
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        let key = (operation.secrecy == Secrecy::Takes).then_some(&self.digest_key);
        let digest = digest(key, &method, target, &headers, &body);
        let mut call = Call {
            console: self,
            operation,
            path,
            query,
            headers,
            body,
            address,
            signed_in,
            endpoint: None,
            flow: None,
        };
        authorise(&mut call).await?;
        run_once(call, &digest).await
    }
}

/// Loads what the path names, and checks that the principal may use the operation on it. A foreign object gets the same
/// answer as a missing one, after the same read.
async fn authorise(call: &mut Call) -> Result<(), Problem> {
    let console = Arc::clone(&call.console);
    let (permission, organisation, workspace) = match call.operation.access {
        Access::Public | Access::SignedIn => return Ok(()),
        Access::Somewhere(permission) => {
            let principal = call.principal()?;
            let mut grants = principal.grants.iter();
            return if grants.any(|grant| grant.role.allows(permission)) {
                Ok(())
            } else {
                Err(call.denied(Problem::forbidden()))
            };
        }
        Access::Everywhere(permission) => {
            return if call.principal()?.may_everywhere(permission) {
                Ok(())
            } else {
                Err(call.denied(Problem::forbidden()))
            };
        }
        Access::Endpoint(permission) => {
            let id: EndpointId = call
                .path_value("id")?
                .parse()
                .map_err(|_| Problem::not_found())?;
            let row = console.control.endpoint_row(id.as_str()).await?;
            let owner = row.as_ref().map(|row| {
                let definition = &row.definition;
                (
                    definition.organisation.clone(),
                    definition.workspace.clone(),
                )
            });
            call.endpoint = row;
            let (organisation, workspace) = readable_owner(call, owner)?;
            (permission, organisation, workspace)
        }
        Access::Flow(permission) => {
            let name: PartName = call
                .path_value("name")?
                .parse()
                .map_err(|_| Problem::not_found())?;
            let flow = console.control.find_flow(&name).await?;
            let owner = flow
                .as_ref()
                .map(|flow| (flow.organisation.clone(), flow.workspace.clone()));
            call.flow = flow;
            let (organisation, workspace) = readable_owner(call, owner)?;
            (permission, organisation, workspace)
        }
    };
    if call.may(permission, &organisation, &workspace)? {
        Ok(())
    } else {
        Err(call.denied(Problem::forbidden()))
    }
}

/// The owner of an object, if the principal may read what belongs to it.
fn readable_owner(call: &Call, owner: Option<(Name, Name)>) -> Result<(Name, Name), Problem> {
    let Some((organisation, workspace)) = owner else {
        return Err(Problem::not_found());
    };
    if call.may(Permission::Read, &organisation, &workspace)? {
        Ok((organisation, workspace))
    } else {
        Err(call.denied(Problem::not_found()))
    }
}

/// Runs the handler; with an idempotency key only once.
async fn run_once(call: Call, digest: &RequestDigest) -> Result<Reply, Problem> {
    let handler = call.operation.handler;
    let key = call.headers.get(&IDEMPOTENCY_KEY);
    let is_used = call.operation.is_change() && call.signed_in.is_some() && !call.is_dry_run()?;
    let Some(key) = key.filter(|_| is_used) else {
        return handler(call).await;
    };
    let key: IdempotencyKey = key
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_invalid",
                "`Idempotency-Key` must have 1 to 128 visible ASCII characters",
            )
        })?;
    let console = Arc::clone(&call.console);
    let principal = call.principal()?.clone();
    match console
        .control
        .reserve_key(&principal, &key, digest)
        .await?
    {
        IdempotencyState::Reserved => {}
        IdempotencyState::Running => {
            let detail =
                "the same request is running, or its answer was lost; check what it has done";
            return Err(Problem::new(StatusCode::CONFLICT, "in_progress", detail));
        }
        IdempotencyState::OtherRequest => {
            let detail = "`Idempotency-Key` was used for another request; take a new one";
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                detail,
            ));
        }
        IdempotencyState::Answered(answer) => return repeated(answer),
    }
    let answered = handler(call).await;
    let kept = match &answered {
        Ok(reply) => {
            let body = std::str::from_utf8(&reply.body).ok();
            let answer = StoredAnswer {
                status: reply.status.as_u16(),
                body: body.filter(|_| !reply.holds_secret).map(str::to_owned),
            };
            console.control.store_answer(&principal, &key, answer).await
        }
        Err(_) => console.control.release_key(&principal, &key).await,
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the answer of an idempotency key cannot be stored");
    }
    answered
}

/// The answer to a repeated request.
fn repeated(answer: StoredAnswer) -> Result<Reply, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(|_| Problem::internal())?;
    let body = answer.body.ok_or_else(|| {
        let detail = "the request was done before, and its answer is not kept";
        Problem::new(StatusCode::CONFLICT, "already_done", detail)
    })?;
    let reply = Reply::stored(status, Bytes::from(body));
    Ok(reply.with(HeaderName::from_static("idempotency-replayed"), "true"))
}

/// A digest of everything that makes two requests the same. With a secret in the body, the digest has a key that the
/// store does not have, so that nobody can guess the secret from it.
fn digest(
    key: Option<&Zeroizing<[u8; 32]>>,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> RequestDigest {
    let mut digest = Sha256::new();
    let condition = headers
        .get(header::IF_MATCH)
        .map_or(&b""[..], |it| it.as_bytes());
    let key = key.map_or(&b""[..], |key| &key[..]);
    for part in [
        key,
        method.as_str().as_bytes(),
        target.as_bytes(),
        condition,
        body,
    ] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Reads a body within a limit and a deadline. A part of what is too large is read and dropped, because a client reads the
/// answer after it has sent its body.
async fn read_body(mut body: Incoming, max: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {max} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    let most = max.saturating_add(MAX_DROPPED);
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let read = async {
        let mut collected = Vec::new();
        let mut total = 0_usize;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                let detail = "the body did not arrive completely";
                Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", detail)
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            total = total.saturating_add(data.len());
            if total > most {
                break;
            }
            if total <= max {
                collected.extend_from_slice(&data);
            }
        }
        if total > max {
            Err(too_large())
        } else {
            Ok(Bytes::from(collected))
        }
    };
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .unwrap_or_else(|_| {
            let detail = "the body took too long to arrive";
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail);
            Err(problem)
        })
}

/// The parameters of a query. A parameter that the operation does not have is a mistake, and so is one that comes twice.
fn parse_query(operation: &Operation, query: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let is_known = operation.query.iter().any(|known| known.name == name);
        if !is_known || found.iter().any(|(given, _)| *given == name) {
            let known: Vec<&str> = operation.query.iter().map(|it| it.name).collect();
            let expected = format!("each of `{}` at most once", known.join("`, `"));
            let name: String = name.chars().take(MAX_QUOTED_CHARS).collect();
            return Err(Problem::parameter(&name, &expected));
        }
        found.push((name.into_owned(), value.into_owned()));
    }
    Ok(found)
}

/// A parameter of a path, decoded once.
pub(super) fn decode(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

fn method_not_allowed(allowed: &str) -> Problem {
    let detail = "this path does not have the method";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    match HeaderValue::from_str(allowed) {
        Ok(allowed) => problem.with(header::ALLOW, allowed),
        Err(_) => problem,
    }
}

fn unavailable(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
        .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

const REQUEST: Task = Task::named("console_request");
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_DROPPED: usize = 8 * 1024 * 1024;
const MAX_QUOTED_CHARS: usize = 80;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
