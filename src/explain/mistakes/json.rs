//! JSON that was parsed and serialised again, or that is truncated.

use std::ops::ControlFlow;

use super::Try;
use crate::explain::attempt::Attempt;
use crate::explain::json_text::{JsonText, Spacing, Strings, Style};

pub(super) fn rewritten(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let Some(text) = JsonText::read(&base.body) else {
        return ControlFlow::Continue(());
    };
    // The simplest explanation first.
    for (sorted, keys) in [(false, ""), (true, ", with its keys sorted")] {
        for (strings, escapes) in STRINGS {
            for (spacing, spaces) in SPACINGS {
                let style = Style {
                    spacing,
                    strings,
                    sorted,
                };
                let again = text.write(style);
                // White space around the body is another mistake.
                if again.as_bytes() != base.body.trim_ascii() {
                    let detail = format!("it was signed {spaces}{escapes}{keys}");
                    try_it(&detail, base.with_body(again))?;
                }
            }
        }
    }
    ControlFlow::Continue(())
}

/// Adds the closing characters that are missing at the end of the body.
pub(super) fn closed(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let body = base.body.trim_ascii_end();
    let mut open = Vec::new();
    let (mut in_text, mut escaped) = (false, false);
    for byte in body {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{') => open.push(b'}'),
            (false, b'[') => open.push(b']'),
            (false, b'}' | b']') if open.pop() != Some(*byte) => return ControlFlow::Continue(()),
            _ => {}
        }
    }
    let missing = open.len() + usize::from(in_text);
    if !body.starts_with(b"{") && !body.starts_with(b"[") || missing == 0 || missing > MAX_CLOSERS {
        return ControlFlow::Continue(());
    }
    let mut completed = base.body.to_vec();
    completed.extend(in_text.then_some(b'"'));
    completed.extend(open.iter().rev());
    try_it(
        "the closing characters of its JSON are missing",
        base.with_body(completed),
    )
}

const SPACINGS: [(Spacing, &str); 5] = [
    (Spacing::None, "minified"),
    (
        Spacing::Python,
        "with spaces after `,` and `:`, as Python writes",
    ),
    (Spacing::Lines(2), "indented by 2 spaces"),
    (Spacing::Lines(4), "indented by 4 spaces"),
    (Spacing::Tabs, "indented by tabs"),
];

const STRINGS: [(Strings, &str); 6] = [
    (Strings::Same, ""),
    (Strings::Plain, ", without needless escapes"),
    (
        Strings::Ascii,
        ", with escapes for all non-ASCII characters",
    ),
    (
        Strings::AsciiSlash,
        ", with `/` and all non-ASCII characters escaped, as PHP writes",
    ),
    (Strings::Slash, ", with `/` escaped"),
    (
        Strings::Html,
        ", with `<`, `>` and `&` escaped, as Go writes",
    ),
];

/// With more missing characters, the body is not merely truncated.
const MAX_CLOSERS: usize = 16;
