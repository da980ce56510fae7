//! The older form of a flow's declaration: a list of events, each with a path and fields.
//!
//! ```text
//! path    → an alias of the interface, so that senders keep their URL
//! name    → the event name
//! fields  → the inputs of an invocation with the id of the interface
//! id      → the id of the interface; default: the last segment of the path
//! ```

use super::inputs;
use super::interface::{InterfaceReader, read_common};
use crate::config::spans::Spans;
use crate::config::table::Table;
use crate::flow::{Flow, Interface, Invocation, PartName};

/// Reads `events`, and adds a notice about the interface that each becomes.
pub(super) fn read(
    root: &mut Table<'_, '_>,
    reading: &mut InterfaceReader<'_>,
    flow: &mut Flow,
    notices: &mut Vec<String>,
) {
    let events = root.tables("events", |_| None, |table| one(table, reading, flow));
    for (interface, notice) in events.into_iter().flatten().flatten() {
        flow.interfaces.push(interface);
        notices.push(notice);
    }
}

fn one(
    mut table: Table<'_, '_>,
    reading: &mut InterfaceReader<'_>,
    flow: &mut Flow,
) -> Option<(Interface, String)> {
    let spans = Spans::of(&table);
    let at_path = table.span_of("path");
    let path: Option<String> = table.required("path");
    table.accept_synonym("event_name", "name");
    let at_id = if table.has("id") {
        table.span_of("id")
    } else {
        at_path
    };
    let has_id = table.has("id");
    let id: Option<PartName> = table.parsed("id");
    let last = path.as_deref().and_then(|path| path.rsplit('/').next());
    let from_path = last.and_then(|last| last.parse().ok());
    if !has_id && path.is_some() && from_path.is_none() {
        let message = "its last segment is not a valid id; add `id`".to_owned();
        table.report_at(at_path, "path", message);
    }
    let inputs = inputs::read(&mut table, "fields", type_word);
    let mut interface = read_common(&mut table, reading, flow, id.or(from_path))?;
    let path = path?;
    let alias = if path.starts_with('/') {
        path.clone()
    } else {
        format!("/{path}")
    };
    if !interface.endpoint.aliases.contains(&alias) {
        interface.endpoint.aliases.push(alias.clone());
    }
    let notice = notice(&interface, &alias, inputs.len());
    if !inputs.is_empty() {
        let name = interface.id.clone();
        if flow.invocations.contains_key(&name) {
            let message = format!("the invocation `{name}` is already declared");
            table.report_at(at_id, "id", message);
        }
        flow.invocations.insert(name.clone(), Invocation { inputs });
        interface.invocation = Some(name);
    }
    let id_key = if has_id { "id" } else { "path" };
    let moved = spans
        .with("aliases", (at_path, "path"))
        .with("id", (at_id, id_key));
    reading.add(&mut table, &moved, &interface, flow);
    Some((interface, notice))
}

fn notice(interface: &Interface, alias: &str, fields: usize) -> String {
    let id = &interface.id;
    let event = interface.endpoint.event_name.as_ref();
    let event = event.map_or_else(String::new, |name| format!(" with the event name `{name}`"));
    let fields = match fields {
        0 => String::new(),
        1 => format!("; its field is the input of the invocation `{id}`"),
        many => format!("; its {many} fields are the inputs of the invocation `{id}`"),
    };
    format!(
        "the event at `{alias}` is read as the interface `{id}`{event}{fields}; `{alias}` becomes its alias \
         when it is live"
    )
}

fn type_word(older: &str) -> Option<&'static str> {
    Some(match older {
        "bool" => "boolean",
        "datetime" => "timestamp",
        "double" | "float" => "number",
        "int" => "integer",
        "list" => "array",
        "map" => "object",
        "string" => "text",
        _ => return None,
    })
}
