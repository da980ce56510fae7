//! The declaration of one interface (webhook) of a flow.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml_span::Span;

use super::{UniqueNames, auth};
use crate::config::endpoints::{self, Identity};
use crate::config::spans::Spans;
use crate::config::table::Table;
use crate::directory::{AuthDefinition, Definition, EndpointId, Name, Target, ValidationContext};
use crate::flow::{Flow, FlowTarget, Interface, PartName};

/// The context that the interfaces of a document are read and validated in.
pub(super) struct InterfaceReader<'s> {
    name: PartName,
    owner: (Name, Name),
    targets: Vec<FlowTarget>,
    context: &'s ValidationContext<'s>,
    /// The folder that paths in the document are relative to.
    folder: PathBuf,
    ids: UniqueNames,
    aliases: UniqueNames,
    /// The interfaces that were read so far.
    pub(super) read: Vec<ReadInterface>,
}

/// Where an interface is declared.
pub(super) struct ReadInterface {
    pub(super) id: PartName,
    pub(super) span: Span,
    /// The path of its table, such as `interfaces.webhook[orders]`.
    pub(super) key: String,
}

impl<'s> InterfaceReader<'s> {
    pub(super) fn new(
        name: PartName,
        owner: (Name, Name),
        targets: Vec<FlowTarget>,
        context: &'s ValidationContext<'s>,
        folder: &Path,
    ) -> Self {
        Self {
            name,
            owner,
            targets,
            context,
            folder: folder.to_owned(),
            ids: UniqueNames::default(),
            aliases: UniqueNames::default(),
            read: Vec::new(),
        }
    }

    /// A unique placeholder id.
    fn placeholder_id(&self) -> String {
        format!("interface-{}", self.ids.0.len())
    }

    /// A placeholder identity, because the real one depends on the target.
    fn placeholder_identity(id: &PartName) -> Option<Identity> {
        let id: EndpointId = id.as_str().parse().ok()?;
        Some(Identity {
            target: Target::of(&id),
            id,
            organisation: "-".parse().ok()?,
            workspace: "-".parse().ok()?,
            upstream: String::new(),
        })
    }

    /// Records an interface and reports the mistakes of its endpoint at every target.
    pub(super) fn add(
        &mut self,
        table: &mut Table<'_, '_>,
        spans: &Spans,
        interface: &Interface,
        flow: &Flow,
    ) {
        if let Err(message) = self.ids.insert(&interface.id) {
            spans.report(table, "id", message);
        }
        for alias in &interface.endpoint.aliases {
            if let Err(message) = self.aliases.insert(alias) {
                spans.report(table, "aliases", message);
            }
        }
        self.read.push(ReadInterface {
            id: interface.id.clone(),
            span: spans.of_key("id"),
            key: table.path().to_owned(),
        });
        let called = interface.invocation.is_some();
        if called && interface.endpoint.contract.is_some() {
            let message = "the invocation already describes the payload; leave `contract` out";
            spans.report(table, "contract", message.to_owned());
        }
        let owner = (&self.owner.0, &self.owner.1);
        let at = |target| flow.definition(interface, &self.name, owner, target);
        let definitions: Vec<Definition> = self.targets.iter().filter_map(at).collect();
        let mut reported = BTreeSet::new();
        for definition in definitions {
            for mistake in definition.mistakes(self.context) {
                let inherited = interface.endpoint.upstream.is_empty();
                if mistake.key == "upstream" && inherited {
                    continue; // The mistake was reported for the flow.
                }
                if reported.insert((mistake.key, mistake.message.clone())) {
                    spans.report(table, mistake.key, mistake.message);
                }
            }
        }
    }
}

/// Reads one interface. A reported mistake makes the whole document fail.
pub(super) fn read(
    mut table: Table<'_, '_>,
    reading: &mut InterfaceReader<'_>,
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
        let declared: Vec<&str> = flow.invocations.keys().map(PartName::as_str).collect();
        let declared = if declared.is_empty() {
            "the document declares none".to_owned()
        } else {
            format!("declared: `{}`", declared.join("`, `"))
        };
        let message = format!("invocation `{name}` is not declared; {declared}");
        table.report_at(at_invocation, "invocation", message);
    }
    let interface = read_common(&mut table, reading, flow, id)?;
    let interface = Interface {
        invocation,
        ..interface
    };
    reading.add(&mut table, &spans, &interface, flow);
    Some(interface)
}

/// Reads the keys that interfaces have in the current and in the older form.
pub(super) fn read_common(
    table: &mut Table<'_, '_>,
    reading: &InterfaceReader<'_>,
    flow: &Flow,
    id: Option<PartName>,
) -> Option<Interface> {
    // A missing id gets a placeholder, so that it does not hide other mistakes.
    let id = id.or_else(|| reading.placeholder_id().parse().ok())?;
    let upstream = table.parsed("upstream").unwrap_or_default();
    let description = table.parsed("description");
    let (auth, secret_ref): (Option<AuthDefinition>, _) = if table.has("auth") {
        auth::read(table.table("auth"), flow)
    } else {
        (None, None)
    };
    let identity = InterfaceReader::placeholder_identity(&id);
    let mut endpoint = endpoints::read_common(table, &reading.folder, identity, auth)?;
    endpoint.upstream = upstream;
    endpoint.description = description;
    Some(Interface {
        id,
        invocation: None,
        secret_ref,
        endpoint,
    })
}
