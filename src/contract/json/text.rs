//! The text that a string with escapes stands for (RFC 8259 §7).

/// Whether a text is what was meant. An escape may be half of a character (RFC 8259 §8.2), of which nobody
/// knows what it is to be: the half is read as U+FFFD.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::contract) enum Wholeness {
    Marred,
    Whole,
}

/// The text of a string whose escapes are known to be well-formed.
pub(super) fn unescaped(raw: &str) -> (String, Wholeness) {
    let mut text = String::with_capacity(raw.len());
    let mut wholeness = Wholeness::Whole;
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut behind = escape.chars();
        let code = behind.next().unwrap_or_default();
        rest = behind.as_str();
        text.push(match code {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (character, behind) = character(rest);
                rest = behind;
                character.unwrap_or_else(|| {
                    wholeness = Wholeness::Marred;
                    char::REPLACEMENT_CHARACTER
                })
            }
            itself => itself,
        });
    }
    text.push_str(rest);
    (text, wholeness)
}

/// The character of one escape, or of two; `None` for half of one.
fn character(text: &str) -> (Option<char>, &str) {
    let Some((unit, behind)) = code_unit(text) else {
        return (None, "");
    };
    let low = behind.strip_prefix("\\u").and_then(code_unit);
    match (char::from_u32(u32::from(unit)), low) {
        (None, Some((low, after))) => match char::decode_utf16([unit, low]).next() {
            Some(Ok(character)) => (Some(character), after),
            _ => (None, behind),
        },
        (character, _) => (character, behind),
    }
}

fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, behind))
}
