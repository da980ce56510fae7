//! The fields of a form that the rules of an endpoint read.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::percent_decode;

/// A field of a form, URL-encoded or multipart.
pub(super) struct Field<'b> {
    pub(super) name: Cow<'b, str>,
    pub(super) content: Content<'b>,
}

/// The content of a field.
pub(super) enum Content<'b> {
    File,
    /// Not UTF-8.
    NotText,
    Text(Cow<'b, str>),
    /// Longer than the limit of a field.
    TooLong,
    /// A raw message that cannot be read as text. It is only known to be present.
    Opaque,
}

impl<'b> Content<'b> {
    pub(super) const NOT_TEXT: &'static str = "is not UTF-8";
    pub(super) const TOO_LONG: &'static str = "is longer than 1048576 bytes";

    pub(super) fn from_bytes(bytes: Cow<'b, [u8]>) -> Self {
        if bytes.len() > MAX_FIELD_BYTES {
            return Self::TooLong;
        }
        let text = match bytes {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        text.map_or(Self::NotText, Self::Text)
    }

    /// The content of a raw MIME field, which may be long and need not be UTF-8.
    pub(super) fn from_raw(bytes: &'b [u8]) -> Self {
        match Self::from_bytes(Cow::Borrowed(bytes)) {
            text @ Self::Text(_) => text,
            _ => Self::Opaque,
        }
    }

    /// Decodes a value of a form. A value that must be too long is not decoded.
    fn from_encoded(text: &'b [u8]) -> Self {
        if text.len() > MAX_ENCODED_PER_BYTE * MAX_FIELD_BYTES {
            return Self::TooLong;
        }
        Self::from_bytes(decode(text))
    }
}

/// Whether a field of this name is read; `None` stands for all names.
pub(super) fn is_wanted(names: Option<&BTreeSet<Box<str>>>, name: &str) -> bool {
    names.is_none_or(|names| names.contains(name))
}

/// The fields of an `application/x-www-form-urlencoded` body (WHATWG URL §5) that are read, or what is wrong with
/// the body.
pub(super) fn parse_form<'b>(
    body: &'b [u8],
    names: Option<&BTreeSet<Box<str>>>,
) -> Result<Vec<Field<'b>>, &'static str> {
    if memchr::memchr_iter(b'&', body).take(MAX_FIELDS).count() == MAX_FIELDS {
        return Err("the form has more than 1000 fields");
    }
    let pairs = body.split(|byte| *byte == b'&');
    let mut fields = Vec::new();
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = match memchr::memchr(b'=', pair).map(|equals| pair.split_at(equals)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        let Content::Text(name) = Content::from_encoded(name) else {
            return Err("the form has a field name that is too long or not UTF-8");
        };
        if is_wanted(names, &name) {
            let content = Content::from_encoded(value);
            fields.push(Field { name, content });
        }
    }
    Ok(fields)
}

/// The encoded JSON in a form whose only field is `payload`. GitHub and Slack send such forms.
pub(super) fn json_in_form(body: &[u8]) -> Option<&[u8]> {
    let value = body.strip_prefix(b"payload=")?;
    let is_blank = |byte: &u8| matches!(byte, b'+' | b' ' | b'\t' | b'\r' | b'\n');
    let start = value.iter().position(|byte| !is_blank(byte))?;
    let begin = value.get(start..)?;
    let openings = [&b"{"[..], b"[", b"%7B", b"%7b", b"%5B", b"%5b"];
    let is_json = openings.iter().any(|opening| begin.starts_with(opening));
    (is_json && memchr::memchr(b'&', value).is_none()).then_some(value)
}

/// The name of the form field that may hold the whole payload as JSON.
pub(super) const JSON_FIELD: &str = "payload";

/// Decodes a value of a form. The result is at most as long as `text`.
pub(super) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'+', b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    for (number, words) in text.split(|byte| *byte == b'+').enumerate() {
        if number > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(words));
    }
    Cow::Owned(decoded)
}

const MAX_FIELDS: usize = 1000;
const MAX_FIELD_BYTES: usize = 1024 * 1024;
/// The longest encoding of one byte: `%41`.
const MAX_ENCODED_PER_BYTE: usize = 3;
