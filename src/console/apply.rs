//! Declarations of endpoints, as `portcullis apply` reads them from a file.

use serde::Serialize;
use utoipa::ToSchema;

use super::ParsedDeclaration;
use super::call::Call;
use super::endpoints::check_secret_reference;
use super::problem::Problem;
use super::reply::Reply;
use crate::control::{Impact, Step};
use crate::operators::Permission;

/// Applied declarations.
#[derive(Serialize, ToSchema)]
#[schema(as = Applied)]
pub(super) struct AppliedView {
    /// Whether the store changes.
    changed: bool,
    /// The step for each endpoint.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Step>,
    /// The impact on deliveries.
    impact: Impact,
}

pub(super) async fn apply(call: Call) -> Result<Reply, Problem> {
    let console = &call.console;
    let control = &console.control;
    let text =
        std::str::from_utf8(&call.body).map_err(|_| Problem::body("the body is not UTF-8 text"))?;
    let declared = match (console.settings.declaration)(text, control.server()) {
        Ok(ParsedDeclaration::Endpoints(declared)) => declared,
        Ok(ParsedDeclaration::Flow) => {
            return Err(Problem::body(
                "the body declares a flow; apply it with `portcullis apply`",
            ));
        }
        Err(mistakes) => return Err(Problem::body(mistakes)),
    };
    let _changing = console.changes.lock().await;
    for declaration in &declared {
        let new = &declaration.definition;
        let old = control.endpoint_row(new.id.as_str()).await?;
        let old = old.map(|row| row.definition);
        for definition in old.iter().chain([new]) {
            let (organisation, workspace) = (&definition.organisation, &definition.workspace);
            if !call.may(Permission::Change, organisation, workspace)? {
                return Err(call.denied(Problem::forbidden()));
            }
        }
        check_secret_reference(&call, old.as_ref(), new).await?;
    }
    let mut plan = control.declaration(declared, None).await?;
    let changed = !plan.is_unchanged();
    let impact = control.endpoint_impact(&plan).await?;
    if !call.is_dry_run()? {
        plan = control.perform(&call.actor()?, plan).await?;
    }
    Reply::ok(&AppliedView {
        changed,
        steps: plan.steps().to_vec(),
        impact,
    })
}
