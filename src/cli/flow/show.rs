//! `portcullis flow list` and `flow show`.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::control::FlowView;
use crate::flow::PartName;

/// Lists all flows.
pub(super) async fn list(session: &Session, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct FlowRow {
        flow: String,
        organisation: String,
        workspace: String,
        live: Option<u32>,
        installations: u64,
        drafted_at: Timestamp,
    }
    let flows = session.control.flows().await?;
    let listed: Vec<FlowRow> = flows
        .into_iter()
        .map(|flow| FlowRow {
            flow: flow.name.to_string(),
            organisation: flow.organisation.to_string(),
            workspace: flow.workspace.to_string(),
            live: flow.live,
            installations: flow.installations,
            drafted_at: flow.drafted_at,
        })
        .collect();
    if json {
        return output::json(&listed);
    }
    let rows: Vec<[String; 6]> = listed
        .into_iter()
        .map(|it| {
            [
                it.flow,
                it.organisation,
                it.workspace,
                it.live.map_or_else(|| "-".to_owned(), |it| it.to_string()),
                it.installations.to_string(),
                format!("{:.0}", it.drafted_at),
            ]
        })
        .collect();
    let titles = [
        "flow",
        "organisation",
        "workspace",
        "live",
        "installations",
        "drafted",
    ];
    Ok(output::table(titles, &rows, |_, _| None))
}

/// Shows one flow with its targets.
pub(super) async fn show(
    session: &Session,
    name: &PartName,
    json: bool,
) -> Result<String, Failure> {
    let view = session.control.flow_view(name).await?;
    if json {
        return output::json(&view);
    }
    Ok(text(&view))
}

fn text(view: &FlowView) -> String {
    let unreleased = if view.unreleased {
        " (not released)"
    } else {
        ""
    };
    let mut lines = vec![
        format!("flow          {}", view.flow),
        format!("organisation  {}", view.organisation),
        format!("workspace     {}", view.workspace),
        format!("drafted       {:.0}{unreleased}", view.drafted_at),
    ];
    let alarm = output::ALARM;
    for target in &view.targets {
        let version = target
            .version
            .map_or_else(String::new, |it| format!(": version {it}"));
        lines.push(String::new());
        lines.push(format!("{}{version}", target.target));
        for it in &target.interfaces {
            let url = it.url.as_deref().unwrap_or("-");
            let state = if it.enabled { "" } else { " (disabled)" };
            lines.push(format!("  {}  {url}{state}", it.interface));
        }
        for slot in &target.slots {
            let label = slot.label.as_deref().map(output::plain);
            let label = label.map_or_else(String::new, |label| format!(" \"{label}\""));
            let bound = match slot.bound_since {
                Some(at) => format!("bound since {at:.0}"),
                None => format!("{alarm}not bound{alarm:#}"),
            };
            lines.push(format!("  {}{label}: {bound}", slot.secret));
        }
    }
    lines.join("\n")
}
