//! What a flow is called with.

use super::Names;
use crate::config::table::Table;
use crate::contract::{Input, InputType};

/// The inputs that stand as tables at `key`; none if it is not there. `type_word` gives the word of today for
/// an older one.
pub(super) fn read(
    table: &mut Table<'_, '_>,
    key: &'static str,
    type_word: impl Fn(&str) -> Option<&'static str>,
) -> Vec<Input> {
    let mut names = Names::default();
    let inputs = table.tables(
        key,
        |_| None,
        |mut table| {
            let span = table.span_of("name");
            table.respell("type", &type_word);
            let input = input(&mut table)?;
            if let Err(message) = names.take(&input.name) {
                table.wrong_at(span, "name", message);
            }
            Some(input)
        },
    );
    inputs.unwrap_or_default().into_iter().flatten().collect()
}

fn input(table: &mut Table<'_, '_>) -> Option<Input> {
    let span = table.span_of("name");
    let name: Option<String> = table.required("name");
    let kind: Option<InputType> = table.required("type");
    let label = table.parsed("label");
    let description = table.parsed("description");
    let required = table.flag("required").unwrap_or(false);
    let options = table.list("options").unwrap_or_default();
    let name = name?;
    if !(1..=MAX_NAME_LEN).contains(&name.len()) {
        let message = format!("expected a name of up to {MAX_NAME_LEN} bytes");
        table.wrong_at(span, "name", message);
    }
    let mut input = Input::new(name, kind?);
    input.label = label;
    input.description = description;
    input.required = required;
    input.options = options;
    Some(input)
}

const MAX_NAME_LEN: usize = 128;
