//! Readers for keywords and parsed texts in a declaration, and the errors they report.

use std::fmt::Display;
use std::str::FromStr;

use toml_span::de_helpers::TableHelper;
use toml_span::{Error, ErrorKind, Span};

/// Reads a keyword from a fixed list, if the key is present.
pub(super) fn keyword<T>(
    table: &mut TableHelper<'_>,
    key: &'static str,
    from_name: impl Fn(&str) -> Option<T>,
    expected: &'static [&'static str],
) -> Option<T> {
    let name = table.optional_s::<String>(key)?;
    let found = from_name(&name.value);
    if found.is_none() {
        let error = unexpected(expected, name.value, name.span);
        table.errors.push(error);
    }
    found
}

/// Parses a text and adds its error to `errors`, with the position of the text.
pub(crate) fn parse_text<T>(
    errors: &mut Vec<Error>,
    text: Option<toml_span::Spanned<String>>,
) -> Option<T>
where
    T: FromStr<Err: Display>,
{
    let text = text?;
    text.value
        .parse()
        .map_err(|error: T::Err| errors.push(error_at(error.to_string(), text.span)))
        .ok()
}

fn unexpected(expected: &'static [&'static str], value: String, span: Span) -> Error {
    let value = Some(value);
    (ErrorKind::UnexpectedValue { expected, value }, span).into()
}

/// An error about the text at `span`.
pub(crate) fn error_at(text: impl Into<std::borrow::Cow<'static, str>>, span: Span) -> Error {
    (ErrorKind::Custom(text.into()), span).into()
}

pub(super) const ALGORITHMS: &[&str] = &[
    "basic",
    "ecdsa-p256-sha256",
    "ecdsa-p256-sha256-fixed",
    "ed25519",
    "hmac-sha1",
    "hmac-sha256",
    "hmac-sha512",
    "rsa-pkcs1-sha1",
    "rsa-pkcs1-sha256",
    "sha256",
    "token",
];
pub(super) const COVERS: &[&str] = &["body", "fields", "head"];
pub(super) const ENCODINGS: &[&str] = &["base64", "base64url", "hex"];
pub(super) const KEY_ENCODINGS: &[&str] =
    &["base64", "base64-or-utf8", "hex", "nfkd", "sha1", "utf8"];
pub(super) const UNITS: &[&str] = &["http-date", "ms", "rfc3339", "s"];
