//! Problems: what goes wrong, as `application/problem+json` (RFC 9457).

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::ControlError;
use crate::flow::MoveError;
use crate::secrets::{StoreError, VaultError};
use crate::tokens::TokenError;

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The JSON of a problem.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// `urn:portcullis:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The meaning of the status.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and the next step.
    detail: &'a str,
    /// A stable word for programs.
    code: &'a str,
    /// The id of the request, as in the header `X-Request-Id`.
    request_id: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            headers: Vec::new(),
        }
    }

    /// The same answer for what does not exist and for what belongs to somebody else.
    pub(super) fn not_found() -> Self {
        let detail = "there is no such object, or you may not see it";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The principal may read the object, and not do this.
    pub(super) fn forbidden() -> Self {
        let detail = "your roles do not allow this; ask an admin for the role that does";
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Nobody is signed in.
    pub(super) fn unauthenticated() -> Self {
        let detail = "sign in, or send an operator token as `Authorization: Bearer pop_…`";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        problem.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The last sign-in is too old.
    pub(super) fn sign_in_required() -> Self {
        let detail = "revealing a secret needs a sign-in of the last 10 minutes; sign in again";
        Self::new(StatusCode::FORBIDDEN, "sign_in_required", detail)
    }

    /// The request does not come from the page of this console.
    pub(super) fn cross_site(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross_site", detail)
    }

    /// Too many requests of one kind.
    pub(super) fn too_many(detail: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        let detail = format!("{detail}; try again in {seconds} seconds");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A parameter of the query is wrong.
    pub(super) fn parameter(name: &str, expected: &str) -> Self {
        let detail = format!("the parameter `{name}` is not valid: {expected}");
        Self::new(StatusCode::BAD_REQUEST, "parameter_invalid", detail)
    }

    /// The body is not what the operation needs.
    pub(super) fn body(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid", detail)
    }

    /// The console failed.
    pub(super) fn internal() -> Self {
        let detail = "the console failed; its log says more, under the id of this request";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Adds a header to the answer.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Writes the answer.
    pub(super) fn response(self, request_id: &str) -> Response<Full<Bytes>> {
        let body = ProblemBody {
            kind: format!("urn:portcullis:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.extend(self.headers);
        response
    }
}

/// The one place that gives an error of the control plane its status.
impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        if let ControlError::SignInPaused { seconds } = error {
            return Self::too_many("sign-in is paused", Duration::from_secs(seconds));
        }
        let status = status_of(&error);
        let code = error.word();
        if status == StatusCode::NOT_FOUND {
            return Self::not_found();
        }
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%error, "an operation of the console failed");
            return Self::internal();
        }
        let problem = Self::new(status, code, error.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            problem.with(header::RETRY_AFTER, HeaderValue::from_static("5"))
        } else {
            problem
        }
    }
}

fn status_of(error: &ControlError) -> StatusCode {
    match error {
        ControlError::At { error, .. } => status_of(error),
        ControlError::Several(errors) => errors
            .first()
            .map_or(StatusCode::INTERNAL_SERVER_ERROR, status_of),
        ControlError::CaptureNotFound(_)
        | ControlError::EndpointNotFound(_)
        | ControlError::FlowNotFound(_)
        | ControlError::FlowNotThere { .. }
        | ControlError::FlowVersionNotFound { .. }
        | ControlError::OperatorTokenNotFound(_)
        | ControlError::SlotNotFound { .. }
        | ControlError::StoreNotFound(_)
        | ControlError::TokenNotFound(_) => StatusCode::NOT_FOUND,
        ControlError::SignInRefused => StatusCode::UNAUTHORIZED,
        ControlError::SignInPaused { .. } => StatusCode::TOO_MANY_REQUESTS,
        ControlError::VersionChanged(_) => StatusCode::PRECONDITION_FAILED,
        ControlError::AliasTaken { .. }
        | ControlError::BackupExists(_)
        | ControlError::ChallengeSecretBound { .. }
        | ControlError::ChallengeWithoutSecret(_)
        | ControlError::CopyDestination { .. }
        | ControlError::DisabledByFlow { .. }
        | ControlError::EndpointExists(_)
        | ControlError::EndpointNotOfFlow { .. }
        | ControlError::EndpointOfFlow { .. }
        | ControlError::FlowInForce { .. }
        | ControlError::FlowOwner { .. }
        | ControlError::MixedKeyKinds(_)
        | ControlError::Move(
            MoveError::NoVersion { .. }
            | MoveError::NothingBefore(..)
            | MoveError::NothingReleased
            | MoveError::NothingThere(_),
        )
        | ControlError::NotAdoptable { .. }
        | ControlError::NotGenerated { .. }
        | ControlError::NothingToRetire { .. }
        | ControlError::PublicKey { .. }
        | ControlError::SecretInUse { .. }
        | ControlError::SecretNotNeeded(_)
        | ControlError::SecretSignsChallenges { .. }
        | ControlError::SecretUnbound(_)
        | ControlError::SlotsUnbound(_)
        | ControlError::Store(
            StoreError::Conflict(_)
            | StoreError::KnownAs { .. }
            | StoreError::OtherKind(_)
            | StoreError::Taken(_),
        )
        | ControlError::VerifyTokenInUse { .. } => StatusCode::CONFLICT,
        ControlError::InvalidDefinitions(_)
        | ControlError::InvalidSecretName(_)
        | ControlError::InvalidTarget(_)
        | ControlError::NamesTooLong(_)
        | ControlError::NoRole
        | ControlError::NoteWithoutVersion
        | ControlError::OperatorUnnamed
        | ControlError::OrganisationAmbiguous { .. }
        | ControlError::OrganisationUnknown(_)
        | ControlError::SecretEmpty
        | ControlError::Token(TokenError::Label(_) | TokenError::Lifetime(_))
        | ControlError::TooManyRoles
        | ControlError::ValueNotText
        | ControlError::ValueRefused(_)
        | ControlError::ValueTooLong => StatusCode::UNPROCESSABLE_ENTITY,
        ControlError::KeyService(VaultError::Died(_))
        | ControlError::CopyFailed(_)
        | ControlError::Internal(_)
        | ControlError::Store(StoreError::Corrupt(_) | StoreError::Unfit(_)) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        ControlError::KeyService(_)
        | ControlError::Store(_)
        | ControlError::StoreOpen(_)
        | ControlError::Token(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_described_in_the_same_words_whatever_it_is() {
        let id = "workflows/a".parse().unwrap();
        let missing = Problem::from(ControlError::EndpointNotFound(id));
        let token = Problem::from(ControlError::CaptureNotFound("x".to_owned()));
        for problem in [missing, token] {
            assert_eq!(problem.status, StatusCode::NOT_FOUND);
            assert_eq!(problem.code, Problem::not_found().code);
            assert_eq!(problem.detail, Problem::not_found().detail);
        }
    }

    #[test]
    fn an_unavailable_store_asks_to_try_again() {
        let error = ControlError::Store(StoreError::Unavailable("x".to_owned()));
        let response = Problem::from(error).response("1");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        let kind = &response.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/problem+json");
    }
}
