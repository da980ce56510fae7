//! The declaration of a flow: the whole document.

mod auth;
mod inputs;
mod interface;
mod legacy;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use toml_span::Span;

use self::interface::{InterfaceReader, ReadInterface};
use super::Mistakes;
use super::document::Document;
use super::table::Table;
use crate::directory::{Name, SourceLocation, ValidationContext};
use crate::flow::{Flow, FlowTarget, Interface, Invocation, PartName, Slot};

/// The keys that distinguish a flow from single endpoints.
pub(super) const KEYS: [&str; 5] = ["events", "flow", "interfaces", "invocations", "requires"];

/// What the command line and the store know about a flow before its document is read.
#[derive(Debug)]
pub struct FlowContext {
    /// The name, if the document has none.
    pub name: Option<PartName>,
    /// The organisation that owns it.
    pub organisation: Option<Name>,
    /// The workspace that owns it.
    pub workspace: Option<Name>,
    /// The upstream of the command line, which overrides the document.
    pub upstream: Option<String>,
    /// The default upstream.
    pub default_upstream: Option<String>,
    /// The targets that the declaration is validated for.
    pub targets: Vec<FlowTarget>,
}

/// A validated flow.
#[derive(Debug)]
pub struct FlowConfig {
    /// The name of the flow.
    pub name: PartName,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The declaration.
    pub flow: Flow,
    /// Where each interface is declared.
    pub places: BTreeMap<PartName, SourceLocation>,
    /// How declarations in an older form were read.
    pub notices: Vec<String>,
}

pub(super) fn read_from(
    mut document: Document<'_>,
    known: &FlowContext,
    context: &ValidationContext<'_>,
) -> Result<FlowConfig, Mistakes> {
    let folder = document.folder();
    let mut interfaces = Vec::new();
    let declared = read(
        &mut document.root(),
        &folder,
        known,
        context,
        &mut interfaces,
    );
    let spans: Vec<Span> = interfaces.iter().map(|it| it.span).collect();
    let places = document.places(&spans).into_iter().zip(interfaces);
    let places = places.map(|((file, at), interface)| {
        let at = Some(at);
        let key = interface.key;
        (interface.id, SourceLocation { file, at, key })
    });
    let places = places.collect();
    let declared = declared.map(|declared| FlowConfig { places, ..declared });
    document.finish(declared)
}

fn read(
    root: &mut Table<'_, '_>,
    folder: &Path,
    known: &FlowContext,
    context: &ValidationContext<'_>,
    interfaces_read: &mut Vec<ReadInterface>,
) -> Option<FlowConfig> {
    root.accept_dashes();
    let name = name(root, known);
    let organisation = owner(root, "organisation", known.organisation.as_ref());
    let workspace = owner(root, "workspace", known.workspace.as_ref());
    let upstream = upstream(root, known, context);
    let mut flow = Flow {
        upstream: upstream.unwrap_or_default(),
        requires: slots(root),
        invocations: invocations(root),
        interfaces: Vec::new(),
    };
    let mut notices = Vec::new();
    let placeholder = || "somebody".parse().ok();
    let mut reading = InterfaceReader::new(
        name.clone().or_else(|| "flow".parse().ok())?,
        (
            organisation.clone().or_else(placeholder)?,
            workspace.clone().or_else(placeholder)?,
        ),
        known.targets.clone(),
        context,
        folder,
    );
    if root.has("events") {
        let span = root.span_of("events");
        if root.has("interfaces") {
            let message = "is the older form of `interfaces`; give one of them";
            root.report_at(span, "events", message.to_owned());
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
    interfaces_read.append(&mut reading.read);
    Some(FlowConfig {
        name: name?,
        organisation: organisation?,
        workspace: workspace?,
        flow,
        places: BTreeMap::new(),
        notices,
    })
}

/// The name of the flow. The document must not contradict the given name.
fn name(root: &mut Table<'_, '_>, known: &FlowContext) -> Option<PartName> {
    let span = root.span_of("flow");
    let written = root.has("flow");
    match (root.parsed::<PartName>("flow"), &known.name) {
        (Some(written), Some(given)) if written != *given => {
            let message = format!("is `{written}` here, but `{given}` on the command line");
            root.report_at(span, "flow", message);
            None
        }
        (Some(written), _) => Some(written),
        (None, Some(given)) => Some(given.clone()),
        (None, None) if written => None,
        (None, None) => {
            let message = "is missing, and the file name is not a valid flow name; add `flow`, or use `--flow`";
            root.report_at(span, "flow", message.to_owned());
            None
        }
    }
}

/// The owner of the flow. The document must not contradict the known owner, which cannot change.
fn owner(root: &mut Table<'_, '_>, key: &'static str, known: Option<&Name>) -> Option<Name> {
    let span = root.span_of(key);
    let written = root.has(key);
    match (root.parsed::<Name>(key), known) {
        (Some(written), Some(known)) if written != *known => {
            let message = format!(
                "is `{written}` here, but the flow belongs to `{known}`, and its owner cannot change"
            );
            root.report_at(span, key, message);
            None
        }
        (Some(written), _) => Some(written),
        (None, Some(known)) => Some(known.clone()),
        (None, None) if written => None,
        (None, None) => {
            let message = format!("is missing: add it here, or use `--{key}`");
            root.report_at(span, key, message);
            None
        }
    }
}

fn upstream(
    root: &mut Table<'_, '_>,
    known: &FlowContext,
    context: &ValidationContext<'_>,
) -> Option<String> {
    let span = root.span_of("upstream");
    let written: Option<String> = root.parsed("upstream");
    let upstream = known.upstream.clone().or(written);
    let upstream = upstream.or_else(|| known.default_upstream.clone());
    let known_names = context.upstreams.join("`, `");
    let message = match &upstream {
        Some(name) if context.upstreams.contains(name) => return upstream,
        Some(name) => {
            format!("upstream `{name}` is not configured; expected one of `{known_names}`")
        }
        None => format!("is missing: add one of `{known_names}` here, or use `--upstream`"),
    };
    root.report_at(span, "upstream", message);
    None
}

fn slots(root: &mut Table<'_, '_>) -> Vec<Slot> {
    let mut names = UniqueNames::default();
    let slots = root.tables(
        "requires",
        |_| None,
        |mut table| {
            let span = table.span_of("slot");
            let slot = table.required("slot");
            let kind = table.required("type");
            let label = table.parsed("label");
            let slot: PartName = slot?;
            if let Err(message) = names.insert(&slot) {
                table.report_at(span, "slot", message);
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
            table.report_here(span, error.to_string());
            None
        }
    };
    let invocations = root.table("invocations").each(read);
    invocations.into_iter().flatten().collect()
}

/// The names that were declared so far. Each may be declared once.
#[derive(Default)]
struct UniqueNames(BTreeSet<String>);

impl UniqueNames {
    fn insert(&mut self, name: &(impl Display + ?Sized)) -> Result<(), String> {
        if self.0.insert(name.to_string()) {
            Ok(())
        } else {
            Err(format!("`{name}` is declared twice"))
        }
    }
}
