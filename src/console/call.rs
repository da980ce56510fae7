//! One request of the API on its way to a handler.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

use super::Console;
use super::cursor;
use super::problem::Problem;
use super::routes::Operation;
use crate::audit::Actor;
use crate::control::ControlError;
use crate::directory::{EndpointId, Name};
use crate::flow::{FlowState, PartName};
use crate::operators::{CsrfToken, Permission, Principal};
use crate::secrets::SecretRef;
use crate::store::EndpointRow;

/// A request with everything that was found out about it.
pub(super) struct Call {
    pub(super) console: Arc<Console>,
    pub(super) operation: &'static Operation,
    /// The parameters of the path, decoded.
    pub(super) path: Vec<(String, String)>,
    /// The parameters of the query.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) address: IpAddr,
    /// Who is signed in; only the sign-in itself has nobody.
    pub(super) signed_in: Option<SignedIn>,
    /// The endpoint that the path names.
    pub(super) endpoint: Option<EndpointRow>,
    /// The flow that the path names.
    pub(super) flow: Option<FlowState>,
}

/// Who sent a request.
pub(super) struct SignedIn {
    pub(super) principal: Principal,
    /// The CSRF token of the session; none for an operator token.
    pub(super) csrf: Option<CsrfToken>,
}

impl Call {
    pub(super) fn principal(&self) -> Result<&Principal, Problem> {
        let signed_in = self.signed_in.as_ref();
        signed_in
            .map(|it| &it.principal)
            .ok_or_else(Problem::unauthenticated)
    }

    /// The actor for the audit log.
    pub(super) fn actor(&self) -> Result<Actor, Problem> {
        Ok(self.principal()?.actor(self.address))
    }

    /// The endpoint that the path names. The permission to read it was checked.
    pub(super) fn endpoint(&self) -> Result<&EndpointRow, Problem> {
        self.endpoint.as_ref().ok_or_else(Problem::not_found)
    }

    pub(super) fn endpoint_id(&self) -> Result<&EndpointId, Problem> {
        Ok(&self.endpoint()?.definition.id)
    }

    /// The secret of the endpoint.
    pub(super) fn secret(&self) -> Result<SecretRef, Problem> {
        let definition = &self.endpoint()?.definition;
        definition
            .secret()
            .ok_or_else(|| ControlError::SecretNotNeeded(definition.id.clone()).into())
    }

    /// The flow that the path names. The permission to read it was checked.
    pub(super) fn flow(&self) -> Result<&FlowState, Problem> {
        self.flow.as_ref().ok_or_else(Problem::not_found)
    }

    pub(super) fn flow_name(&self) -> Result<&PartName, Problem> {
        Ok(&self.flow()?.name)
    }

    /// A parameter of the path.
    pub(super) fn path_value(&self, name: &str) -> Result<&str, Problem> {
        let mut values = self.path.iter();
        values
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .ok_or_else(Problem::not_found)
    }

    /// A parameter of the query, if it is given and not empty.
    pub(super) fn query_value(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter();
        values
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A parsed parameter of the query.
    pub(super) fn query_parsed<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        self.query_value(name)
            .map(|text| text.parse().map_err(|_| Problem::parameter(name, expected)))
            .transpose()
    }

    /// The parameter `limit`: 1 to 200, 50 by default.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let expected = "a number from 1 to 200";
        let limit = self.query_parsed("limit", expected)?.unwrap_or(50);
        if (1..=200).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::parameter("limit", expected))
        }
    }

    /// The parameter `cursor` of a list whose positions are numbers.
    pub(super) fn number_cursor(&self, list: &str) -> Result<Option<i64>, Problem> {
        self.query_value("cursor")
            .map(|text| cursor::read_number(list, text))
            .transpose()
    }

    /// Whether nothing is changed.
    pub(super) fn is_dry_run(&self) -> Result<bool, Problem> {
        let given = self.query_parsed("dry_run", "`true` or `false`")?;
        Ok(given.unwrap_or(false))
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body
        };
        serde_json::from_slice(body).map_err(|error| Problem::body(safe_message(&error)))
    }

    /// Checks `If-Match` against the digest of the endpoint.
    pub(super) fn require_match(&self) -> Result<(), Problem> {
        let digest = self.endpoint()?.digest()?;
        let given = self.headers.get(header::IF_MATCH);
        let given = given.map(|value| value.to_str().unwrap_or_default());
        match given {
            None => Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_required",
                "send `If-Match` with the `ETag` of the endpoint that you have read",
            )),
            Some(tag) if tag == format!("\"{digest}\"") => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "the endpoint has changed since you read it; read it again",
            )),
        }
    }

    /// Whether the principal has a permission on what an organisation and a workspace own.
    pub(super) fn may(
        &self,
        permission: Permission,
        organisation: &Name,
        workspace: &Name,
    ) -> Result<bool, Problem> {
        let principal = self.principal()?;
        Ok(principal.may(permission, organisation.as_str(), workspace.as_str()))
    }

    /// Refuses a change of a secret that also serves endpoints which the principal may not change.
    pub(super) async fn require_whole_secret(&self, secret: &SecretRef) -> Result<(), Problem> {
        let control = &self.console.control;
        if control.may_change_secret(self.principal()?, secret).await? {
            return Ok(());
        }
        Err(self.denied(Problem::new(
            StatusCode::FORBIDDEN,
            "secret_shared",
            "the secret is shared with an endpoint that you may not change",
        )))
    }

    /// Records a denial in the audit log, and returns it.
    pub(super) fn denied(&self, problem: Problem) -> Problem {
        if let Ok(actor) = self.actor() {
            let subject = self
                .path
                .first()
                .map_or(self.operation.path, |(_, value)| value.as_str());
            let subject: String = subject.chars().take(MAX_SUBJECT_CHARS).collect();
            let detail = format!("{}: {}", self.operation.id, problem.code);
            self.console.denials.record(actor, subject, detail);
        }
        problem
    }
}

/// An overlap as requests write it: `none`, or a time such as `24h` or `7d`.
pub(super) fn parse_overlap(text: &str) -> Result<SignedDuration, Problem> {
    let expected = || {
        Problem::body(
            "`overlap`: expected `none` or a time from \"1s\" to \"720h\", such as \"24h\"",
        )
    };
    if text == "none" {
        return Ok(SignedDuration::ZERO);
    }
    let time = match text.strip_suffix('d').map(str::parse::<u16>) {
        Some(Ok(days)) => SignedDuration::from_hours(i64::from(days) * 24),
        _ => text.parse().map_err(|_| expected())?,
    };
    let bounds = SignedDuration::from_secs(1)..=SignedDuration::from_hours(720);
    if bounds.contains(&time) {
        Ok(time)
    } else {
        Err(expected())
    }
}

/// The message of a JSON error without the value that it quotes, which may be a secret.
fn safe_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("line {} column {}", error.line(), error.column());
    match text.split_once('`') {
        Some(("unknown field ", rest)) => {
            let known = rest.split_once("expected").map_or("", |(_, known)| known);
            let known = known.split(" at line").next().unwrap_or_default();
            format!("the body has an unknown field at {place}; expected{known}")
        }
        Some(("missing field ", rest)) => {
            let field = rest.split('`').next().unwrap_or_default();
            format!("the body has no field `{field}`")
        }
        _ => format!("the body is not the JSON that this operation needs (at {place})"),
    }
}

const MAX_SUBJECT_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only errors are read")]
        value: String,
    }

    #[test]
    fn an_error_in_a_body_never_repeats_its_values() {
        for (body, expected) in [
            ("{\"value\": 5}", "the body is not the JSON"),
            ("{\"value\": \"s3cret", "the body is not the JSON"),
            ("{\"s3cret\": \"x\"}", "expected `value`"),
            ("{}", "the body has no field `value`"),
            ("\"s3cret\"", "the body is not the JSON"),
        ] {
            let error = serde_json::from_str::<Body>(body).unwrap_err();
            let message = safe_message(&error);
            assert!(message.contains(expected), "{body}: {message}");
            assert!(!message.contains("s3cret"), "{body}: {message}");
        }
    }

    #[test]
    fn overlaps_are_bounded() {
        for (text, seconds) in [
            ("none", Some(0)),
            ("1h", Some(3600)),
            ("7d", Some(604_800)),
            ("30d", Some(2_592_000)),
            ("31d", None),
            ("0s", None),
            ("-1h", None),
            ("9999999999999h", None),
            ("", None),
            ("forever", None),
        ] {
            let parsed = parse_overlap(text).ok().map(|time| time.as_secs());
            assert_eq!(parsed, seconds, "{text}");
        }
    }
}
