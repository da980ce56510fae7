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

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fields of a form as text, or what is wrong with it.
    fn form(body: &[u8], wanted: Option<&[&str]>) -> Result<Vec<(String, String)>, &'static str> {
        let wanted = wanted.map(|names| names.iter().map(|name| Box::from(*name)).collect());
        let fields = parse_form(body, wanted.as_ref())?;
        let text = |content: Content<'_>| match content {
            Content::Text(text) => text.into_owned(),
            Content::NotText => "(not text)".to_owned(),
            Content::TooLong => "(too long)".to_owned(),
            Content::File | Content::Opaque => unreachable!("a form has no files"),
        };
        let fields = fields.into_iter();
        Ok(fields
            .map(|field| (field.name.into_owned(), text(field.content)))
            .collect())
    }

    #[test]
    fn a_form_is_read_as_the_url_standard_reads_it() {
        let cases: [(&[u8], Option<&[&str]>, &[(&str, &str)]); 13] = [
            (b"", None, &[]),
            (b"&&", None, &[]),
            (b"a", None, &[("a", "")]),
            (b"a=", None, &[("a", "")]),
            (b"=b", None, &[("", "b")]),
            (b"a=b=c", None, &[("a", "b=c")]),
            (b"a=1&a=2", None, &[("a", "1"), ("a", "2")]),
            (b"a+b=c+d%2Be", None, &[("a b", "c d+e")]),
            (b"%61=%C3%BC", None, &[("a", "\u{fc}")]),
            (
                b"a=%4&b=%zz&c=%",
                None,
                &[("a", "%4"), ("b", "%zz"), ("c", "%")],
            ),
            (b"a=%ff", None, &[("a", "(not text)")]),
            (b"a=1&b=2&%62=3", Some(&["b"]), &[("b", "2"), ("b", "3")]),
            (b"a=1&B=2", Some(&["b"]), &[]),
        ];
        for (body, wanted, expected) in cases {
            let fields = form(body, wanted).unwrap();
            let fields: Vec<_> = fields
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            assert_eq!(fields, expected, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn the_fields_of_a_form_are_bounded() {
        let largest = format!("a={}", "b".repeat(MAX_FIELD_BYTES));
        assert_eq!(
            form(largest.as_bytes(), None).unwrap()[0].1.len(),
            MAX_FIELD_BYTES
        );
        let too_long = form(format!("{largest}b").as_bytes(), None).unwrap();
        assert_eq!(too_long[0].1, "(too long)");
        let thousand = vec!["a"; MAX_FIELDS].join("&");
        assert_eq!(form(thousand.as_bytes(), None).unwrap().len(), MAX_FIELDS);
        let error = form(format!("{thousand}&a").as_bytes(), None).unwrap_err();
        assert_eq!(error, "the form has more than 1000 fields");
        let error = form(b"%ff=a", None).unwrap_err();
        assert_eq!(
            error,
            "the form has a field name that is too long or not UTF-8"
        );
    }

    #[test]
    fn only_a_form_with_one_payload_field_can_hold_json() {
        for (body, json) in [
            ("payload={\"a\":1}", Some("{\"a\":1}")),
            ("payload=%7B%7D", Some("%7B%7D")),
            ("payload=%7b%7d", Some("%7b%7d")),
            ("payload=+%5B%5D", Some("+%5B%5D")),
            ("payload=[1]", Some("[1]")),
            ("payload=%5b1%5d", Some("%5b1%5d")),
            ("payload=", None),
            ("payload=+", None),
            ("payload=text", None),
            ("payload=%22text%22", None),
            ("payload={}&a=1", None),
            ("a=1&payload={}", None),
            ("Payload={}", None),
            ("payload%3D={}", None),
            ("", None),
        ] {
            let found = json_in_form(body.as_bytes());
            assert_eq!(found, json.map(str::as_bytes), "{body}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_the_encoding_of_another_library_and_never_grows(text in any::<String>()) {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let decoded = decode(encoded.as_bytes());
            prop_assert_eq!(&*decoded, text.as_bytes());
            prop_assert!(decode(text.as_bytes()).len() <= text.len());
        }
    }
}
