//! The headers of a part: which field it is.

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
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = behind.get(2..).unwrap_or_default();
        many += 1;
        if many > most {
            return Err(WrongHead::TooMany);
        }
        let (name, value) = field(line).ok_or(WrongHead::Malformed)?;
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

/// A line: no line is folded, and no control character is in it.
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
        .any(|(name, _)| matches!(&**name, b"filename" | b"filename*"));
    let mut names = parameters.into_iter().filter(|(name, _)| name == b"name");
    let (Some((_, name)), None) = (names.next(), names.next()) else {
        return None;
    };
    Some(PartHead {
        name: String::from_utf8(name)
            .ok()
            .filter(|name| name.len() <= MAX_NAME_LEN)?,
        is_file,
    })
}

/// Parameters, each behind a `;`, their names in lower case; `None` if they are not well-formed.
pub(super) fn parameters(text: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_ascii();
    while let Some(behind) = rest.strip_prefix(b";") {
        rest = behind.trim_ascii_start();
        if rest.is_empty() || rest.starts_with(b";") {
            continue; // RFC 9110 §5.6.6 allows for empty ones.
        }
        let equals = memchr::memchr(b'=', rest)?;
        let (name, value) = rest.split_at_checked(equals)?;
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        let value = value.get(1..)?;
        let (value, behind) = if let Some(quoted) = value.strip_prefix(b"\"") {
            unquoted(quoted)?
        } else {
            // More than tokens: nobody quotes the `=` and `/` of a boundary.
            let is_end = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b';' | b'"');
            let end = value.iter().position(is_end);
            let (token, behind) = value.split_at_checked(end.unwrap_or(value.len()))?;
            if token.is_empty() {
                return None;
            }
            (token.to_vec(), behind)
        };
        parameters.push((name.to_ascii_lowercase(), value));
        rest = behind.trim_ascii_start();
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
