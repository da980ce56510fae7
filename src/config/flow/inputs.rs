//! The inputs of an invocation.

use super::UniqueNames;
use crate::config::payload;
use crate::config::table::Table;
use crate::payload::Input;

/// Reads the inputs at `key`; empty if it is missing. `type_word` translates the type names of an older form.
pub(super) fn read(
    table: &mut Table<'_, '_>,
    key: &'static str,
    type_word: impl Fn(&str) -> Option<&'static str>,
) -> Vec<Input> {
    let mut names = UniqueNames::default();
    let inputs = table.tables(
        key,
        |_| None,
        |mut table| {
            let span = table.span_of("name");
            table.canonicalize("type", &type_word);
            let input = payload::input(&mut table)?;
            if !(1..=MAX_NAME_LEN).contains(&input.name.len()) {
                let message = format!("expected a name of 1 to {MAX_NAME_LEN} bytes");
                table.report_at(span, "name", message);
            }
            if let Err(message) = names.insert(&input.name) {
                table.report_at(span, "name", message);
            }
            Some(input)
        },
    );
    inputs.unwrap_or_default().into_iter().flatten().collect()
}

const MAX_NAME_LEN: usize = 128;
