//! Declarations of flows: the whole document.

mod auth;
mod inputs;
mod interface;
mod legacy;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use self::interface::Reading;
use super::Mistakes;
use super::document::Document;
use super::table::Table;
use crate::directory::{Name, Surroundings};
use crate::flow::{Flow, FlowTarget, Interface, Invocation, PartName, Slot};

/// The keys by which a flow is told from single endpoints.
pub(super) const KEYS: [&str; 5] = ["events", "flow", "interfaces", "invocations", "requires"];

/// What is known of a flow beside its document: from the command line, from the store.
#[derive(Debug)]
pub struct KnownFlow {
    /// Its name, if the document does not say it.
    pub name: Option<PartName>,
    /// The organisation that owns it.
    pub organisation: Option<Name>,
    /// The workspace that owns it.
    pub workspace: Option<Name>,
    /// The upstream, whatever the document says.
    pub upstream: Option<String>,
    /// The upstream, if nobody says it.
    pub usual_upstream: Option<String>,
    /// Where it will be in force.
    pub targets: Vec<FlowTarget>,
}

/// A flow that fits into its surroundings.
#[derive(Debug)]
pub struct DeclaredFlow {
    /// Its name.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The declaration.
    pub flow: Flow,
    /// What became of what was written in an older form.
    pub notices: Vec<String>,
}

pub(super) fn read_from(
    mut document: Document<'_>,
    known: &KnownFlow,
    surroundings: &Surroundings<'_>,
) -> Result<DeclaredFlow, Mistakes> {
    let folder = document.folder();
    let flow = read(&mut document.root(), &folder, known, surroundings);
    document.finish(flow)
}

fn read(
    root: &mut Table<'_, '_>,
    folder: &Path,
    known: &KnownFlow,
    surroundings: &Surroundings<'_>,
) -> Option<DeclaredFlow> {
    root.take_dashes();
    let name = name(root, known);
    let organisation = owner(root, "organisation", known.organisation.as_ref());
    let workspace = owner(root, "workspace", known.workspace.as_ref());
    let upstream = upstream(root, known, surroundings);
    let mut flow = Flow {
        upstream: upstream.unwrap_or_default(),
        requires: slots(root),
        invocations: invocations(root),
        interfaces: Vec::new(),
    };
    let mut notices = Vec::new();
    let somebody = || "somebody".parse().ok();
    let mut reading = Reading::new(
        name.clone().or_else(|| "flow".parse().ok())?,
        (
            organisation.clone().or_else(somebody)?,
            workspace.clone().or_else(somebody)?,
        ),
        known.targets.clone(),
        surroundings,
        folder,
    );
    if root.has("events") {
        let span = root.span_of("events");
        if root.has("interfaces") {
            let message = "is the older form of `interfaces`; a document has one of them";
            root.wrong_at(span, "events", message.to_owned());
        }
        legacy::read(root, &mut reading, &mut flow, &mut notices);
    } else {
        let mut interfaces = root.table("interfaces");
        let read = |table: Table<'_, '_>| interface::read(table, &mut reading, &flow);
        let by_id = |id: &str| id.parse::<PartName>().ok().map(|id| id.to_string());
        let webhooks = interfaces.tables("webhook", by_id, read);
        drop(interfaces);
        let webhooks: Vec<Option<Interface>> = webhooks.unwrap_or_default();
        flow.interfaces = webhooks.into_iter().flatten().collect();
    }
    Some(DeclaredFlow {
        name: name?,
        organisation: organisation?,
        workspace: workspace?,
        flow,
        notices,
    })
}

/// The name that was given apart from the document counts, and the document must not say another one.
fn name(root: &mut Table<'_, '_>, known: &KnownFlow) -> Option<PartName> {
    let span = root.span_of("flow");
    let said = root.has("flow");
    match (root.parsed::<PartName>("flow"), &known.name) {
        (Some(said), Some(given)) if said != *given => {
            let message = format!("is `{said}` here, and `{given}` on the command line");
            root.wrong_at(span, "flow", message);
            None
        }
        (Some(said), _) => Some(said),
        (None, Some(given)) => Some(given.clone()),
        (None, None) if said => None,
        (None, None) => {
            let message =
                "is missing: the name of the file is no name of a flow; say `flow`, or `--flow`";
            root.wrong_at(span, "flow", message.to_owned());
            None
        }
    }
}

/// An owner does not change, so whoever says it again has to say the same.
fn owner(root: &mut Table<'_, '_>, key: &'static str, known: Option<&Name>) -> Option<Name> {
    let span = root.span_of(key);
    let said = root.has(key);
    match (root.parsed::<Name>(key), known) {
        (Some(said), Some(known)) if said != *known => {
            let message =
                format!("is `{said}` here, and the flow is of `{known}`, which does not change");
            root.wrong_at(span, key, message);
            None
        }
        (Some(said), _) => Some(said),
        (None, Some(known)) => Some(known.clone()),
        (None, None) if said => None,
        (None, None) => {
            let message = format!("is missing: say it here, or with `--{key}`");
            root.wrong_at(span, key, message);
            None
        }
    }
}

fn upstream(
    root: &mut Table<'_, '_>,
    known: &KnownFlow,
    surroundings: &Surroundings<'_>,
) -> Option<String> {
    let span = root.span_of("upstream");
    let said: Option<String> = root.parsed("upstream");
    let upstream = known.upstream.clone().or(said);
    let upstream = upstream.or_else(|| known.usual_upstream.clone());
    let there = surroundings.upstreams.join("`, `");
    let message = match &upstream {
        Some(name) if surroundings.upstreams.contains(name) => return upstream,
        Some(name) => format!("no upstream `{name}` is configured; there is `{there}`"),
        None => format!("is missing: one of `{there}`, here or with `--upstream`"),
    };
    root.wrong_at(span, "upstream", message);
    None
}

fn slots(root: &mut Table<'_, '_>) -> Vec<Slot> {
    let mut names = Names::default();
    let slots = root.tables(
        "requires",
        |_| None,
        |mut table| {
            let span = table.span_of("slot");
            let slot = table.required("slot");
            let kind = table.required("type");
            let label = table.parsed("label");
            let slot: PartName = slot?;
            if let Err(message) = names.take(&slot) {
                table.wrong_at(span, "slot", message);
            }
            Some(Slot {
                slot,
                kind: kind.unwrap_or_default(),
                label,
            })
        },
    );
    slots.unwrap_or_default().into_iter().flatten().collect()
}

fn invocations(root: &mut Table<'_, '_>) -> BTreeMap<PartName, Invocation> {
    let read = |name: &str, mut table: Table<'_, '_>| match name.parse::<PartName>() {
        Ok(name) => {
            let inputs = inputs::read(&mut table, "inputs", |_| None);
            Some((name, Invocation { inputs }))
        }
        Err(error) => {
            let span = table.span();
            let _ = inputs::read(&mut table, "inputs", |_| None);
            table.wrong_here(span, error.to_string());
            None
        }
    };
    let invocations = root.table("invocations").each(read);
    invocations.into_iter().flatten().collect()
}

/// Names of which each may be there once.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn take(&mut self, name: &(impl Display + ?Sized)) -> Result<(), String> {
        if self.0.insert(name.to_string()) {
            Ok(())
        } else {
            Err(format!("`{name}` is there twice"))
        }
    }
}
