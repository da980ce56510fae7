//! The headers of a part, which name its field.

use std::borrow::Cow;

use crate::http_syntax::is_token;

/// The field that the headers of a part describe.
pub(super) struct PartHead {
    pub(super) name: String,
    pub(super) is_file: bool,
}

/// Why the headers of a part are refused.
pub(super) enum HeaderError {
    Malformed,
    TooMany,
}

/// Reads the headers in `block`, which ends with the line end of the last one.
pub(super) fn read(block: &[u8], max: usize) -> Result<PartHead, HeaderError> {
    let mut rest = block;
    let mut head = None;
    let mut count = 0;
    while let Some((line, rest_after)) = logical_line(rest) {
        rest = rest_after;
        count += 1;
        if count > max {
            return Err(HeaderError::TooMany);
        }
        let (name, value) = field(&line).ok_or(HeaderError::Malformed)?;
        if name.eq_ignore_ascii_case(b"content-disposition") {
            let is_first = head.is_none();
            head = disposition(value).filter(|_| is_first);
            if head.is_none() {
                return Err(HeaderError::Malformed);
            }
        }
    }
    match head {
        Some(head) if rest.is_empty() => Ok(head),
        _ => Err(HeaderError::Malformed),
    }
}

/// Splits off the first header line with its continuation lines (RFC 5322 §2.2.3).
fn logical_line(block: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let end = memchr::memmem::find(block, b"\r\n")?;
    let (line, after) = block.split_at_checked(end)?;
    let mut line = Cow::Borrowed(line);
    let mut rest = after.get(2..).unwrap_or_default();
    while let [b' ' | b'\t', ..] = rest {
        let end = memchr::memmem::find(rest, b"\r\n")?;
        let (more, after) = rest.split_at_checked(end)?;
        line.to_mut().extend_from_slice(more);
        rest = after.get(2..).unwrap_or_default();
    }
    Some((line, rest))
}

/// Splits a header line at its colon; `None` if it is malformed.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_valid = !name.is_empty()
        && name.iter().all(|byte| is_token(*byte))
        && value
            .iter()
            .all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    is_valid.then(|| (name, value.get(1..).unwrap_or_default()))
}

/// `Content-Disposition: form-data` with a name (RFC 7578 §4.2).
fn disposition(value: &[u8]) -> Option<PartHead> {
    let semicolon = memchr::memchr(b';', value)?;
    let (kind, rest_after) = value.split_at_checked(semicolon)?;
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let parameters = parameters(rest_after)?;
    let is_file = parameters
        .iter()
        .any(|parameter| matches!(&*parameter.name, b"filename" | b"filename*"));
    // Clients encode file names in many ways, and the gate does not read them.
    let mut named = parameters
        .into_iter()
        .filter(|parameter| parameter.name == b"name");
    let (Some(only), None) = (named.next(), named.next()) else {
        return None;
    };
    let name = only.well_formed_value()?;
    Some(PartHead {
        name: String::from_utf8(name)
            .ok()
            .filter(|name| name.len() <= MAX_NAME_LEN)?,
        is_file,
    })
}

/// A parameter of a header, such as `name="a"`.
pub(super) struct Parameter {
    /// The name in lower case.
    pub(super) name: Vec<u8>,
    value: Vec<u8>,
    is_well_formed: bool,
}

impl Parameter {
    /// The value; `None` if the parameter is malformed.
    pub(super) fn well_formed_value(self) -> Option<Vec<u8>> {
        self.is_well_formed.then_some(self.value)
    }

    pub(super) fn is_well_formed(&self) -> bool {
        self.is_well_formed
    }
}

/// Reads parameters, each after a `;`. `None` if the end of one is unclear.
pub(super) fn parameters(text: &[u8]) -> Option<Vec<Parameter>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_ascii();
    while let Some(rest_after) = rest.strip_prefix(b";") {
        rest = rest_after.trim_ascii_start();
        if rest.is_empty() || rest.starts_with(b";") {
            continue; // RFC 9110 §5.6.6 allows empty parameters.
        }
        let name_end = memchr::memchr2(b'=', b';', rest).unwrap_or(rest.len());
        let (name, rest_after) = rest.split_at_checked(name_end)?;
        let mut is_well_formed = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
        let mut value = Vec::new();
        rest = rest_after;
        match rest_after {
            [b'=', b'"', quoted @ ..] => (value, rest) = unquoted(quoted)?,
            [b'=', plain @ ..] => {
                // More than a token: clients do not quote the `=` and `/` of a boundary.
                let is_end = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b';' | b'"');
                let end = plain.iter().position(is_end).unwrap_or(plain.len());
                let (token, rest_after) = plain.split_at_checked(end)?;
                value.extend_from_slice(token);
                rest = rest_after;
                is_well_formed &= !token.is_empty();
            }
            _ => is_well_formed = false,
        }
        rest = rest.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b";") {
            is_well_formed = false;
            let next = memchr::memchr(b';', rest).unwrap_or(rest.len());
            rest = rest.get(next..).unwrap_or_default();
        }
        parameters.push(Parameter {
            name: name.trim_ascii().to_ascii_lowercase(),
            value,
            is_well_formed,
        });
    }
    rest.is_empty().then_some(parameters)
}

/// Splits at the closing quotation mark, and removes escapes.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, text.get(at + 1..).unwrap_or_default())),
            // Browsers on Windows send file paths with a literal `\`.
            b'\\' if matches!(text.get(at + 1), Some(b'"' | b'\\')) => {
                value.extend(bytes.next().map(|(_, escaped)| *escaped));
            }
            byte => value.push(*byte),
        }
    }
    None
}

/// Names are kept in memory, for each of many parts.
const MAX_NAME_LEN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 3;

    /// The name of the field and whether it is a file, or the error in a word.
    fn field_of(block: &str) -> Result<(String, bool), &'static str> {
        match read(block.as_bytes(), MAX) {
            Ok(head) => Ok((head.name, head.is_file)),
            Err(HeaderError::Malformed) => Err("malformed"),
            Err(HeaderError::TooMany) => Err("too many"),
        }
    }

    #[test]
    fn a_part_names_its_field_in_one_content_disposition() {
        for (block, name, is_file) in [
            ("Content-Disposition: form-data; name=a\r\n", "a", false),
            (
                "content-disposition:Form-Data;NAME=\"a b\"\r\n",
                "a b",
                false,
            ),
            ("Content-Disposition: form-data; name=\"\"\r\n", "", false),
            (
                "Content-Disposition: form-data; name=\"a\\\"b\\\\c\\d\"\r\n",
                "a\"b\\c\\d",
                false,
            ),
            ("Content-Disposition: form-data; name=\"ü\"\r\n", "ü", false),
            (
                "Content-Disposition: form-data; name=a; filename=b\r\n",
                "a",
                true,
            ),
            (
                "Content-Disposition: form-data; name=a; filename*=UTF-8''b\r\n",
                "a",
                true,
            ),
            // Clients write file names in many ways.
            (
                "Content-Disposition: form-data; filename=b c; name=a\r\n",
                "a",
                true,
            ),
            (
                "Content-Disposition: form-data;\r\n\tname=a\r\n",
                "a",
                false,
            ),
            (
                "Content-Type: text/plain\r\nContent-Disposition: form-data; name=a\r\n",
                "a",
                false,
            ),
        ] {
            assert_eq!(field_of(block), Ok((name.to_owned(), is_file)), "{block:?}");
        }
    }

    #[test]
    fn a_part_that_two_parsers_could_name_differently_is_refused() {
        let long = "n".repeat(MAX_NAME_LEN + 1);
        let too_long = format!("Content-Disposition: form-data; name={long}\r\n");
        let four = "A: b\r\nA: b\r\nA: b\r\nContent-Disposition: form-data; name=a\r\n";
        for (block, error) in [
            ("", "malformed"),
            ("Content-Type: text/plain\r\n", "malformed"),
            ("Content-Disposition: form-data\r\n", "malformed"),
            ("Content-Disposition: form-data; name\r\n", "malformed"),
            ("Content-Disposition: form-data; name=\r\n", "malformed"),
            ("Content-Disposition: form-data; name=a b\r\n", "malformed"),
            ("Content-Disposition: form-data; name=\"a\r\n", "malformed"),
            (
                "Content-Disposition: form-data; name=\"a\"b\r\n",
                "malformed",
            ),
            (
                "Content-Disposition: form-data; name=a; name=b\r\n",
                "malformed",
            ),
            (
                "Content-Disposition: form-data; name=a; Name=a\r\n",
                "malformed",
            ),
            ("Content-Disposition: attachment; name=a\r\n", "malformed"),
            ("Content-Disposition : form-data; name=a\r\n", "malformed"),
            (" Content-Disposition: form-data; name=a\r\n", "malformed"),
            ("Content-Disposition: form-data; name=a", "malformed"),
            (
                "Content-Disposition: form-data; name=a\r\nrest",
                "malformed",
            ),
            (
                "Content-Disposition: form-data; name=a\r\nB\r\n",
                "malformed",
            ),
            (
                "Content-Disposition: form-data; name=a\r\nB: \0\r\n",
                "malformed",
            ),
            (
                "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=a\r\n",
                "malformed",
            ),
            (too_long.as_str(), "malformed"),
            (four, "too many"),
        ] {
            assert_eq!(field_of(block), Err(error), "{block:?}");
        }
    }
}
