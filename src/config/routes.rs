//! The section `[[routes]]`, and the default routes.

use super::table::Table;
use crate::directory::{RouteDefinition, RouteTable, Wording};

/// Reads and compiles the routes; `None` if a mistake was reported.
pub(super) fn read(root: &mut Table<'_, '_>) -> Option<RouteTable> {
    let mut spans = Vec::new();
    let by_position = |_: &str| None;
    let own = root.tables("routes", by_position, |mut table| {
        spans.push(table.span());
        let name = table.required("name");
        let pattern = table.required("pattern");
        let endpoint = table.required("endpoint");
        let wording_span = table.span_of("wording");
        let wording = match table.parsed::<String>("wording").as_deref() {
            None | Some("webhook") => Wording::Webhook,
            Some("workflow") => Wording::Workflow,
            Some(_) => {
                let message = "expected `webhook` or `workflow`".to_owned();
                table.report_at(wording_span, "wording", message);
                Wording::Webhook
            }
        };
        Some(RouteDefinition {
            name: name?,
            pattern: pattern?,
            endpoint: endpoint?,
            wording,
        })
    });
    let definitions = match own {
        None => default_routes(),
        Some(own) => own.into_iter().collect::<Option<Vec<_>>>()?,
    };
    RouteTable::compile(&definitions)
        .map_err(|mistakes| {
            for (position, mistake) in mistakes {
                let span = spans.get(position).copied().unwrap_or_default();
                root.report_at(span, &format!("routes[{position}]"), mistake.to_string());
            }
        })
        .ok()
}

/// The routes of a configuration without `[[routes]]`.
fn default_routes() -> Vec<RouteDefinition> {
    const ROUTES: [(&str, &str, &str); 7] = [
        (
            "workflows",
            "/webhooks/ai/workflows/{workflow}",
            "workflows/{workflow}",
        ),
        (
            "draft",
            "/api/flows/{flow}/interfaces/draft/{interface}",
            "flows/{flow}/draft/{interface}",
        ),
        (
            "live",
            "/api/flows/{flow}/interfaces/live/{interface}",
            "flows/{flow}/live/{interface}",
        ),
        (
            "installation",
            "/api/flows/{flow}/installations/{installation}/interfaces/{interface}",
            "installations/{installation}/{flow}/{interface}",
        ),
        (
            "workspace_draft",
            "/api/workspaces/{workspace}/flows/{flow}/interfaces/draft/{interface}",
            "flows/{flow}/draft/{interface}",
        ),
        (
            "workspace_live",
            "/api/workspaces/{workspace}/flows/{flow}/interfaces/live/{interface}",
            "flows/{flow}/live/{interface}",
        ),
        (
            "workspace_installation",
            "/api/workspaces/{workspace}/flows/{flow}/installations/{installation}/interfaces/{interface}",
            "installations/{installation}/{flow}/{interface}",
        ),
    ];
    ROUTES
        .iter()
        .map(|(name, pattern, endpoint)| RouteDefinition {
            name: (*name).to_owned(),
            pattern: (*pattern).to_owned(),
            endpoint: (*endpoint).to_owned(),
            wording: if *name == "workflows" {
                Wording::Workflow
            } else {
                Wording::Webhook
            },
        })
        .collect()
}
