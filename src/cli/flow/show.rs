//! `portcullis flow list` and `flow show`.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::flow::{Flow, FlowState, FlowTarget, PartName};

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

#[derive(Serialize)]
struct FlowView {
    flow: String,
    organisation: String,
    workspace: String,
    drafted_at: Timestamp,
    /// Whether the draft differs from the live version.
    unreleased: bool,
    targets: Vec<TargetView>,
}

#[derive(Serialize)]
struct TargetView {
    target: String,
    version: Option<u32>,
    interfaces: Vec<InterfaceView>,
    slots: Vec<SlotView>,
}

#[derive(Serialize)]
struct InterfaceView {
    interface: String,
    endpoint: String,
    url: Option<String>,
    enabled: bool,
    description: Option<String>,
    inputs: Vec<crate::payload::Input>,
}

#[derive(Serialize)]
struct SlotView {
    slot: String,
    secret: String,
    label: Option<String>,
    bound_since: Option<Timestamp>,
}

/// Shows one flow with its targets.
pub(super) async fn show(
    session: &Session,
    name: &PartName,
    json: bool,
) -> Result<String, Failure> {
    let state = session.control.flow(name).await?;
    let mut targets = Vec::new();
    for target in state.targets() {
        if let Some(flow) = session.control.flow_at(&state, &target).await? {
            targets.push(at_target(session, &state, &target, &flow).await?);
        }
    }
    let live = session.control.flow_at(&state, &FlowTarget::Live).await?;
    let view = FlowView {
        flow: name.to_string(),
        organisation: state.organisation.to_string(),
        workspace: state.workspace.to_string(),
        drafted_at: state.drafted_at,
        unreleased: live.as_ref() != Some(&state.draft),
        targets,
    };
    if json {
        return output::json(&view);
    }
    Ok(text(&view))
}

async fn at_target(
    session: &Session,
    state: &FlowState,
    target: &FlowTarget,
    flow: &Flow,
) -> Result<TargetView, Failure> {
    let owner = (&state.organisation, &state.workspace);
    let definitions = flow.definitions(&state.name, owner, target);
    let definitions = definitions.unwrap_or_default();
    let interfaces = flow.interfaces.iter().zip(definitions);
    let interfaces = interfaces.map(|(interface, definition)| InterfaceView {
        interface: interface.id.to_string(),
        endpoint: definition.id.to_string(),
        url: session.control.url(&definition),
        enabled: definition.enabled,
        description: definition.description,
        inputs: definition
            .contract
            .map(|contract| contract.inputs)
            .unwrap_or_default(),
    });
    let mut slots = Vec::new();
    for slot in &flow.requires {
        let secret = target.secret(&state.name, &slot.slot);
        let secret = secret.map_err(|error| Failure::Other(error.to_string()))?;
        let needed = flow.key_kinds(&slot.slot).pop_first();
        let binding = session.control.binding(&secret, needed).await?;
        slots.push(SlotView {
            slot: slot.slot.to_string(),
            bound_since: binding.since(),
            secret: secret.to_string(),
            label: slot.label.clone(),
        });
    }
    Ok(TargetView {
        target: target.to_string(),
        version: state.version_at(target),
        interfaces: interfaces.collect(),
        slots,
    })
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
