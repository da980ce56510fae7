//! What a flow is called with.

use super::Names;
use crate::config::payload;
use crate::config::table::Table;
use crate::contract::Input;

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
            let input = payload::input(&mut table)?;
            if !(1..=MAX_NAME_LEN).contains(&input.name.len()) {
                let message = format!("expected a name of up to {MAX_NAME_LEN} bytes");
                table.wrong_at(span, "name", message);
            }
            if let Err(message) = names.take(&input.name) {
                table.wrong_at(span, "name", message);
            }
            Some(input)
        },
    );
    inputs.unwrap_or_default().into_iter().flatten().collect()
}

const MAX_NAME_LEN: usize = 128;
