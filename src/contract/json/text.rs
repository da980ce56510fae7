//! The text that a string with escapes stands for (RFC 8259 §7).

/// The text of a string whose escapes are known to be whole; `None` if one is half of a character.
pub(super) fn unescaped(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (code, behind) = escape.split_at_checked(1)?;
        rest = behind;
        text.push(match code {
            "b" => '\u{8}',
            "f" => '\u{c}',
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "u" => {
                let (unit, behind) = code_unit(rest)?;
                rest = behind;
                if (0xd800..0xdc00).contains(&unit) {
                    let (low, behind) = code_unit(rest.strip_prefix("\\u")?)?;
                    rest = behind;
                    char::decode_utf16([unit, low]).next()?.ok()?
                } else {
                    char::from_u32(u32::from(unit))?
                }
            }
            itself => itself.chars().next()?,
        });
    }
    text.push_str(rest);
    Some(text)
}

fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, behind))
}
