//! An interface of a flow: a webhook.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Names, auth};
use crate::config::endpoints::{Identity, rest};
use crate::config::spans::Spans;
use crate::config::table::Table;
use crate::directory::{AuthDefinition, Definition, EndpointId, Name, Surroundings, Target};
use crate::flow::{Flow, FlowTarget, Interface, PartName};

/// What every interface of a document has to fit into.
pub(super) struct Reading<'s> {
    name: PartName,
    owner: (Name, Name),
    targets: Vec<FlowTarget>,
    surroundings: &'s Surroundings<'s>,
    /// What paths in the document are relative to.
    folder: PathBuf,
    ids: Names,
    aliases: Names,
}

impl<'s> Reading<'s> {
    pub(super) fn new(
        name: PartName,
        owner: (Name, Name),
        targets: Vec<FlowTarget>,
        surroundings: &'s Surroundings<'s>,
        folder: &Path,
    ) -> Self {
        Self {
            name,
            owner,
            targets,
            surroundings,
            folder: folder.to_owned(),
            ids: Names::default(),
            aliases: Names::default(),
        }
    }

    /// An id that nobody has taken.
    fn stand_in(&self) -> String {
        format!("interface-{}", self.ids.0.len())
    }

    /// The names that the endpoint of an interface has at no target.
    fn nobody(id: &PartName) -> Option<Identity> {
        let id: EndpointId = id.as_str().parse().ok()?;
        Some(Identity {
            target: Target::of(&id),
            id,
            organisation: "-".parse().ok()?,
            workspace: "-".parse().ok()?,
            upstream: String::new(),
        })
    }

    /// Takes an interface that was read, and reports what is wrong with its endpoint at any target.
    pub(super) fn take(
        &mut self,
        table: &mut Table<'_, '_>,
        spans: &Spans,
        interface: &Interface,
        flow: &Flow,
    ) {
        if let Err(message) = self.ids.take(&interface.id) {
            spans.wrong(table, "id", message);
        }
        for alias in &interface.endpoint.aliases {
            if let Err(message) = self.aliases.take(alias) {
                spans.wrong(table, "aliases", message);
            }
        }
        let called = interface.invocation.is_some();
        if called && interface.endpoint.contract.is_some() {
            let message = "the invocation says what a payload has to be; leave this out";
            spans.wrong(table, "contract", message.to_owned());
        }
        let owner = (&self.owner.0, &self.owner.1);
        let at = |target| flow.definition(interface, &self.name, owner, target);
        let definitions: Vec<Definition> = self.targets.iter().filter_map(at).collect();
        let mut told = BTreeSet::new();
        for definition in definitions {
            for mistake in definition.mistakes(self.surroundings) {
                let inherited = interface.endpoint.upstream.is_empty();
                if mistake.key == "upstream" && inherited {
                    continue; // It was said of the flow.
                }
                if told.insert((mistake.key, mistake.message.clone())) {
                    spans.wrong(table, mistake.key, mistake.message);
                }
            }
        }
    }
}

/// Reads one interface. What is wrong was reported, so that nothing will come of the whole document.
pub(super) fn read(
    mut table: Table<'_, '_>,
    reading: &mut Reading<'_>,
    flow: &Flow,
) -> Option<Interface> {
    let spans = Spans::of(&table);
    let id: Option<PartName> = table.required("id");
    let at_invocation = table.span_of("invocation");
    let invocation: Option<PartName> = table.parsed("invocation");
    if let Some(name) = invocation
        .as_ref()
        .filter(|name| !flow.invocations.contains_key(*name))
    {
        let there: Vec<&str> = flow.invocations.keys().map(PartName::as_str).collect();
        let there = if there.is_empty() {
            "the document has none".to_owned()
        } else {
            format!("there is `{}`", there.join("`, `"))
        };
        let message = format!("`{name}` is no invocation; {there}");
        table.wrong_at(at_invocation, "invocation", message);
    }
    let interface = said(&mut table, reading, flow, id)?;
    let interface = Interface {
        invocation,
        ..interface
    };
    reading.take(&mut table, &spans, &interface, flow);
    Some(interface)
}

/// Reads what interfaces say in the older form, too.
pub(super) fn said(
    table: &mut Table<'_, '_>,
    reading: &Reading<'_>,
    flow: &Flow,
    id: Option<PartName>,
) -> Option<Interface> {
    // One without an id goes on under another one, so that it does not hide other mistakes.
    let id = id.or_else(|| reading.stand_in().parse().ok())?;
    let upstream = table.parsed("upstream").unwrap_or_default();
    let description = table.parsed("description");
    let (auth, secret_ref): (Option<AuthDefinition>, _) = if table.has("auth") {
        auth::read(table.table("auth"), flow)
    } else {
        (None, None)
    };
    let identity = Reading::nobody(&id);
    let mut endpoint = rest(table, &reading.folder, identity, auth)?;
    endpoint.upstream = upstream;
    endpoint.description = description;
    Some(Interface {
        id,
        invocation: None,
        secret_ref,
        endpoint,
    })
}
