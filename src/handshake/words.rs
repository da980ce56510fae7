//! How the words of a declaration are read, and what is said of one that is wrong.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use toml_span::de_helpers::TableHelper;
use toml_span::value::{Key, Value, ValueInner};
use toml_span::{Error, ErrorKind, Span, Spanned};

use super::rule::Expected;

/// The members of the table at `key`, in the order in which they stand there.
pub(super) fn members(
    table: &mut TableHelper<'_>,
    key: &'static str,
) -> Vec<(Spanned<String>, Spanned<Expected>)> {
    let Some((_, mut value)) = table.take(key) else {
        return Vec::new();
    };
    let ValueInner::Table(entries) = value.take() else {
        table.errors.push(custom("expected a table", value.span));
        return Vec::new();
    };
    let mut entries: Vec<(Key<'_>, Value<'_>)> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    let mut members = Vec::new();
    for (key, mut value) in entries {
        let expected = match value.take() {
            ValueInner::String(text) => Expected::Text(text.into()),
            ValueInner::Integer(number) => Expected::Number(number),
            _ => {
                let error = custom("expected a text or a whole number", value.span);
                table.errors.push(error);
                continue;
            }
        };
        members.push((
            Spanned::with_span(key.name.into_owned(), key.span),
            Spanned::with_span(expected, value.span),
        ));
    }
    members
}

pub(super) fn parsed<T: FromStr<Err: Display>>(
    errors: &mut Vec<Error>,
    text: Option<Spanned<String>>,
) -> Option<T> {
    let text = text?;
    text.value
        .parse()
        .map_err(|error: T::Err| errors.push(custom(error.to_string(), text.span)))
        .ok()
}

pub(super) fn custom(text: impl Into<Cow<'static, str>>, span: Span) -> Error {
    (ErrorKind::Custom(text.into()), span).into()
}
