//! The audit log, of everything or of one endpoint.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::cursor;
use super::deliveries::next_after;
use super::problem::Problem;
use super::reply::{Page, Reply};
use crate::store::AuditFilter;

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub(super) struct LineView {
    /// Counts from 1 without gaps.
    number: i64,
    /// The time of the change.
    at: Timestamp,
    /// Who made it.
    actor: ActorView,
    /// The kind of change.
    action: String,
    /// The changed object.
    subject: String,
    /// More about the change, never a secret value.
    detail: String,
}

/// Who made a change.
#[derive(Serialize, ToSchema)]
#[schema(as = Actor)]
struct ActorView {
    /// The name of the person, the script or the provider.
    name: String,
    /// The surface and the place, such as `console@192.0.2.1`.
    origin: String,
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let subjects = call.query_value("subject").map(str::to_owned);
    let filter = AuditFilter {
        subjects: subjects.into_iter().collect(),
        action: call.query_value("action").map(str::to_owned),
        before: call.number_cursor(LIST)?,
    };
    page(&call, &filter).await
}

pub(super) async fn of_endpoint(call: Call) -> Result<Reply, Problem> {
    let definition = &call.endpoint()?.definition;
    let secrets = [definition.secret(), definition.verify_token()];
    let secrets = secrets.into_iter().flatten().map(|it| it.to_string());
    let filter = AuditFilter {
        subjects: std::iter::once(definition.id.to_string())
            .chain(secrets)
            .collect(),
        action: None,
        before: call.number_cursor(LIST)?,
    };
    page(&call, &filter).await
}

async fn page(call: &Call, filter: &AuditFilter) -> Result<Reply, Problem> {
    let limit = call.limit()?;
    let control = &call.console.control;
    let mut lines = control.audit_page(filter, limit.saturating_add(1)).await?;
    let next = next_after(&mut lines, limit, |line| line.number);
    let items = lines.into_iter().map(|line| LineView {
        number: line.number,
        at: line.at,
        actor: ActorView {
            name: line.actor,
            origin: line.origin,
        },
        action: line.action,
        subject: line.subject,
        detail: line.detail,
    });
    Reply::ok(&Page {
        items: items.collect(),
        next: next.map(|number| cursor::write(LIST, &number.to_string())),
    })
}

const LIST: &str = "audit";
