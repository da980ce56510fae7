//! The headers of a part: which field it is.

use std::borrow::Cow;

/// A part, by its headers.
pub(super) struct PartHead {
    pub(super) name: String,
    pub(super) is_file: bool,
}

/// What is wrong with the headers of a part.
pub(super) enum WrongHead {
    Malformed,
    TooMany,
}

/// Reads the headers in `block`, with the line end of the last one.
pub(super) fn read(block: &[u8], most: usize) -> Result<PartHead, WrongHead> {
    let mut rest = block;
    let mut head = None;
    let mut many = 0;
    while let Some((line, behind)) = logical_line(rest) {
        rest = behind;
        many += 1;
        if many > most {
            return Err(WrongHead::TooMany);
        }
        let (name, value) = field(&line).ok_or(WrongHead::Malformed)?;
        if name.eq_ignore_ascii_case(b"content-disposition") {
            let is_first = head.is_none();
            head = disposition(value).filter(|_| is_first);
            if head.is_none() {
                return Err(WrongHead::Malformed);
            }
        }
    }
    match head {
        Some(head) if rest.is_empty() => Ok(head),
        _ => Err(WrongHead::Malformed),
    }
}

/// The first line with those that continue it (RFC 5322 §2.2.3), and what is behind them.
fn logical_line(block: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let end = memchr::memmem::find(block, b"\r\n")?;
    let (line, behind) = block.split_at_checked(end)?;
    let mut line = Cow::Borrowed(line);
    let mut rest = behind.get(2..).unwrap_or_default();
    while let [b' ' | b'\t', ..] = rest {
        let end = memchr::memmem::find(rest, b"\r\n")?;
        let (more, behind) = rest.split_at_checked(end)?;
        line.to_mut().extend_from_slice(more);
        rest = behind.get(2..).unwrap_or_default();
    }
    Some((line, rest))
}

/// A line, which has no control character in it.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_right = !name.is_empty()
        && name.iter().all(|byte| is_token(*byte))
        && value
            .iter()
            .all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    is_right.then(|| (name, value.get(1..).unwrap_or_default()))
}

/// RFC 7578 §4.2: `form-data`, with a name.
fn disposition(value: &[u8]) -> Option<PartHead> {
    let semicolon = memchr::memchr(b';', value)?;
    let (kind, behind) = value.split_at_checked(semicolon)?;
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let parameters = parameters(behind)?;
    let is_file = parameters
        .iter()
        .any(|it| matches!(&*it.name, b"filename" | b"filename*"));
    // Names of files are sent in many ways, and nobody reads them.
    let mut named = parameters.into_iter().filter(|it| it.name == b"name");
    let (Some(only), None) = (named.next(), named.next()) else {
        return None;
    };
    let name = only.strict()?;
    Some(PartHead {
        name: String::from_utf8(name)
            .ok()
            .filter(|name| name.len() <= MAX_NAME_LEN)?,
        is_file,
    })
}

/// A parameter of a header.
pub(super) struct Parameter {
    /// In lower case.
    pub(super) name: Vec<u8>,
    value: Vec<u8>,
    is_well_formed: bool,
}

impl Parameter {
    /// Its value, if it is well-formed.
    pub(super) fn strict(self) -> Option<Vec<u8>> {
        self.is_well_formed.then_some(self.value)
    }

    pub(super) fn is_well_formed(&self) -> bool {
        self.is_well_formed
    }
}

/// Parameters, each behind a `;`. `None` if it cannot be told where one ends.
pub(super) fn parameters(text: &[u8]) -> Option<Vec<Parameter>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_ascii();
    while let Some(behind) = rest.strip_prefix(b";") {
        rest = behind.trim_ascii_start();
        if rest.is_empty() || rest.starts_with(b";") {
            continue; // RFC 9110 §5.6.6 allows for empty ones.
        }
        let name_end = memchr::memchr2(b'=', b';', rest).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(name_end)?;
        let mut is_well_formed = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
        let mut value = Vec::new();
        rest = behind;
        match behind {
            [b'=', b'"', quoted @ ..] => (value, rest) = unquoted(quoted)?,
            [b'=', plain @ ..] => {
                // More than tokens: nobody quotes the `=` and `/` of a boundary.
                let is_end = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b';' | b'"');
                let end = plain.iter().position(is_end).unwrap_or(plain.len());
                let (token, behind) = plain.split_at_checked(end)?;
                value.extend_from_slice(token);
                rest = behind;
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

/// What stands before the closing quotation mark, and what behind it.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, text.get(place + 1..).unwrap_or_default())),
            // Names of files on Windows are sent with a `\` that stands for itself.
            b'\\' if matches!(text.get(place + 1), Some(b'"' | b'\\')) => {
                value.extend(bytes.next().map(|(_, escaped)| *escaped));
            }
            byte => value.push(*byte),
        }
    }
    None
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Names are kept, and there may be many.
const MAX_NAME_LEN: usize = 1024;
