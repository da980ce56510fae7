//! The fields of a form, as far as somebody looks at them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::percent_decode;

/// A field of a form.
pub(super) struct Field<'b> {
    pub(super) name: Cow<'b, str>,
    pub(super) content: Content<'b>,
}

/// What is in it.
pub(super) enum Content<'b> {
    File,
    /// No UTF-8.
    NotText,
    Text(Cow<'b, str>),
    /// More than is looked at.
    TooLong,
    /// A message of its own, of which no more is known than that it is there.
    Unread,
}

impl<'b> Content<'b> {
    pub(super) const NOT_TEXT: &'static str = "is not UTF-8";
    pub(super) const TOO_LONG: &'static str = "is longer than 1048576 bytes";

    pub(super) fn of(bytes: Cow<'b, [u8]>) -> Self {
        if bytes.len() > MAX_FIELD_BYTES {
            return Self::TooLong;
        }
        let text = match bytes {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        text.map_or(Self::NotText, Self::Text)
    }

    /// A raw MIME message may be long, and need not be UTF-8.
    pub(super) fn of_raw(bytes: &'b [u8]) -> Self {
        match Self::of(Cow::Borrowed(bytes)) {
            text @ Self::Text(_) => text,
            _ => Self::Unread,
        }
    }

    /// The text that stands for itself in a form. What is surely too long is not decoded.
    fn of_encoded(text: &'b [u8]) -> Self {
        if text.len() > ENCODED_BYTES * MAX_FIELD_BYTES {
            return Self::TooLong;
        }
        Self::of(decoded(text))
    }
}

/// Whether a field of this name is looked at; all are where no names are given.
pub(super) fn is_wanted(names: Option<&BTreeSet<Box<str>>>, name: &str) -> bool {
    names.is_none_or(|names| names.contains(name))
}

/// The fields of an `application/x-www-form-urlencoded` body (WHATWG URL §5) that are looked at, or what
/// is wrong with it.
pub(super) fn of_form<'b>(
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
        let Content::Text(name) = Content::of_encoded(name) else {
            return Err("the form has a name that is not UTF-8, or too long");
        };
        if is_wanted(names, &name) {
            let content = Content::of_encoded(value);
            fields.push(Field { name, content });
        }
    }
    Ok(fields)
}

/// Whether a form is nothing but JSON: GitHub and Slack send it as the only field, `payload`, if they are asked
/// for forms. Gives it as it is encoded.
pub(super) fn json_in_form(body: &[u8]) -> Option<&[u8]> {
    let value = body.strip_prefix(b"payload=")?;
    let blank = |byte: &u8| matches!(byte, b'+' | b' ' | b'\t' | b'\r' | b'\n');
    let begins = value.iter().position(|byte| !blank(byte))?;
    let begin = value.get(begins..)?;
    let opens = [&b"{"[..], b"[", b"%7B", b"%7b", b"%5B", b"%5b"];
    let is_json = opens.iter().any(|open| begin.starts_with(open));
    (is_json && memchr::memchr(b'&', value).is_none()).then_some(value)
}

/// The name of that field.
pub(super) const JSON_FIELD: &str = "payload";

/// A value as it was before it was put into a form: one copy, no longer than it is there.
pub(super) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'+', b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    for (number, words) in text.split(|byte| *byte == b'+').enumerate() {
        if number > 0 {
            plain.push(b' ');
        }
        plain.extend(percent_decode(words));
    }
    Cow::Owned(plain)
}

const MAX_FIELDS: usize = 1000;
const MAX_FIELD_BYTES: usize = 1024 * 1024;
/// Of what a byte becomes at most.
const ENCODED_BYTES: usize = 3;
