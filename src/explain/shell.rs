//! Splits a shell command into words.
//!
//! The crate `shlex` follows POSIX. Browsers and Bash also use `$'…'` (ANSI-C quoting, Bash manual §3.1.2.4), which is
//! converted to plain quotes first.

use shlex::bytes::Shlex;

/// Splits the first command in `text`; `None` if a quote is not closed.
pub(super) fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let plain = without_ansi_c(text)?;
    let mut split = Shlex::new(&plain);
    let words: Vec<Vec<u8>> = split.by_ref().collect();
    (!split.had_error).then_some(words)
}

fn without_ansi_c(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut inside = None;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (inside, byte) {
            (None, b'$') if rest.first() == Some(&b'\'') => {
                rest = ansi_c(rest.get(1..)?, &mut plain)?;
                continue;
            }
            (None, b'\'' | b'"') => inside = Some(byte),
            (Some(quote), _) if byte == quote => inside = None,
            (None | Some(b'"'), b'\\') => {
                let (&escaped, after) = rest.split_first()?;
                rest = after;
                // A backslash at the end of a line joins lines before words are split (POSIX §2.2.1), also with
                // Windows line ends.
                match (escaped, rest.first()) {
                    (b'\n', _) => {}
                    (b'\r', Some(b'\n')) => rest = rest.get(1..).unwrap_or_default(),
                    _ => plain.extend([byte, escaped]),
                }
                continue;
            }
            _ => {}
        }
        plain.push(byte);
    }
    Some(plain)
}

/// Converts the text up to the closing quote to a plain quoted word. Returns the rest.
fn ansi_c<'t>(text: &'t [u8], plain: &mut Vec<u8>) -> Option<&'t [u8]> {
    let mut rest = text;
    let mut bytes = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'\'' => break,
            b'\\' => rest = escape(rest, &mut bytes)?,
            _ => bytes.push(byte),
        }
    }
    plain.push(b'\'');
    for byte in bytes {
        match byte {
            b'\'' => plain.extend_from_slice(b"'\\''"),
            _ => plain.push(byte),
        }
    }
    plain.push(b'\'');
    Some(rest)
}

fn escape<'t>(text: &'t [u8], into: &mut Vec<u8>) -> Option<&'t [u8]> {
    let (&kind, rest) = text.split_first()?;
    let number = |rest: &'t [u8], max_digits: usize, radix: u32| {
        let digits = rest.iter().take(max_digits);
        let len = digits
            .take_while(|byte| char::from(**byte).is_digit(radix))
            .count();
        let (digits, rest) = rest.split_at_checked(len)?;
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
        Some((number, rest))
    };
    let one = match kind {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        b'e' | b'E' => 27,
        b'f' => 12,
        b'v' => 11,
        b'u' | b'U' => {
            let max_digits = if kind == b'u' { 4 } else { 8 };
            let (unit, mut rest) = number(rest, max_digits, 16)?;
            // Chrome writes a surrogate pair, like JavaScript.
            let low = rest
                .strip_prefix(b"\\u")
                .filter(|_| (0xd800..0xdc00).contains(&unit));
            let low = low.and_then(|rest| number(rest, 4, 16));
            let mut code = unit;
            if let Some((low, after)) = low.filter(|(low, _)| (0xdc00..0xe000).contains(low)) {
                code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                rest = after;
            }
            let character = char::from_u32(code)?;
            into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        b'x' => {
            let (byte, rest) = number(rest, 2, 16)?;
            into.push(u8::try_from(byte).ok()?);
            return Some(rest);
        }
        b'0'..=b'7' => {
            let (byte, rest) = number(text, 3, 8)?;
            into.push(u8::try_from(byte & 0xff).ok()?);
            return Some(rest);
        }
        other => other,
    };
    into.push(one);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_splits_it() {
        for (text, expected) in [
            ("", Some(&[][..])),
            ("curl  -X\tPOST\n", Some(&["curl", "-X", "POST"])),
            ("a 'b c' \"d e\" f\\ g", Some(&["a", "b c", "d e", "f g"])),
            ("''  \"\"", Some(&["", ""])),
            ("a'b'\"c\"d", Some(&["abcd"])),
            (
                "'a\\nb' \"a\\nb\" \"\\\"\"",
                Some(&["a\\nb", "a\\nb", "\""]),
            ),
            // A joined line, also with Windows line ends.
            ("a \\\n b", Some(&["a", "b"])),
            ("a \\\r\n b", Some(&["a", "b"])),
            ("a\\\nb \"c\\\nd\"", Some(&["ab", "cd"])),
            // ANSI-C quoting.
            ("$'a\\n\\t\\\\\\'b'", Some(&["a\n\t\\'b"])),
            (
                "$'\\x41\\101\\u00fc\\U0001F600'",
                Some(&["AA\u{fc}\u{1f600}"]),
            ),
            ("$'\\ud83d\\ude00'", Some(&["\u{1f600}"])),
            ("$'\\q'", Some(&["q"])),
            ("x$'a b'y", Some(&["xa by"])),
            // No ANSI-C quoting inside other quotes.
            ("'$' \"$'a'\"", Some(&["$", "$'a'"])),
            ("'a", None),
            ("\"a", None),
            ("$'a", None),
            ("$'a\\'", None),
            ("$'\\ud83d'", None),
            ("$'\\x'", None),
            ("a\\", None),
        ] {
            let words = words(text.as_bytes());
            let words: Option<Vec<String>> = words.map(|words| {
                let words = words.into_iter();
                words.map(|word| String::from_utf8(word).unwrap()).collect()
            });
            let found = words.as_ref().map(|it| it.iter().map(String::as_str));
            let found: Option<Vec<&str>> = found.map(Iterator::collect);
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }
}
