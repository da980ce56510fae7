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

/// The JSON of a form that is nothing but that: GitHub and Slack send it as the only field, `payload`, if they are
/// asked for forms.
pub(super) fn json_of_form(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let value = body.strip_prefix(b"payload=")?;
    let is_only = memchr::memchr(b'&', value).is_none();
    let json = is_only.then(|| decoded(value))?;
    let begins_as_json = matches!(json.trim_ascii_start().first(), Some(b'{' | b'['));
    begins_as_json.then_some(json)
}

/// The name of that field.
pub(super) const JSON_FIELD: &str = "payload";

fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

const MAX_FIELDS: usize = 1000;
const MAX_FIELD_BYTES: usize = 1024 * 1024;
/// Of what a byte becomes at most.
const ENCODED_BYTES: usize = 3;
