//! What can stand behind a key, each with what is said if something else stands there.

use std::fmt::Display;
use std::str::FromStr;

use toml_span::Span;
use toml_span::value::ValueInner;

use super::table::Table;

impl Table<'_, '_> {
    /// A string that stands for a `T`.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let (text, span) = self.string(key)?;
        text.parse()
            .map_err(|error: T::Err| self.wrong_at(span, key, error.to_string()))
            .ok()
    }

    /// Like [`parsed`](Self::parsed), for what has to be there.
    pub(super) fn required<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        if !self.has(key) {
            let span = self.span();
            self.wrong_at(span, key, "is missing".to_owned());
        }
        self.parsed(key)
    }

    /// Strings that stand for one `T` each; `None` if it is not there or if one of them is wrong.
    pub(super) fn list<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let mut value = self.take(key)?;
        let items = match value.take() {
            ValueInner::Array(items) => items,
            other => {
                let message = format!("expected a list of strings, found {}", other.type_str());
                self.wrong_at(value.span, key, message);
                return None;
            }
        };
        let many = items.len();
        let mut list = Vec::with_capacity(many);
        for mut item in items {
            match item.take() {
                ValueInner::String(text) => match text.parse() {
                    Ok(parsed) => list.push(parsed),
                    Err(error) => self.wrong_at(item.span, key, format!("{error}")),
                },
                other => {
                    let message = format!("expected a string, found {}", other.type_str());
                    self.wrong_at(item.span, key, message);
                }
            }
        }
        (list.len() == many).then_some(list)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Boolean(flag) => Some(flag),
            other => {
                let message = format!("expected true or false, found {}", other.type_str());
                self.wrong_at(value.span, key, message);
                None
            }
        }
    }

    /// A whole number between `min` and `max`.
    pub(super) fn number(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let mut value = self.take(key)?;
        let message = match value.take() {
            ValueInner::Integer(number) => match u64::try_from(number) {
                Ok(number) if (min..=max).contains(&number) => return Some(number),
                _ => format!("expected a number from {min} to {max}, found {number}"),
            },
            other => format!("expected a number, found {}", other.type_str()),
        };
        self.wrong_at(value.span, key, message);
        None
    }

    /// A string with a unit, which people are apt to write as a bare number.
    pub(super) fn with_unit<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<T> {
        let mut value = self.take(key)?;
        let message = match value.take() {
            ValueInner::String(text) => match text.parse::<T>() {
                Ok(parsed) => return Some(parsed),
                Err(error) => error.to_string(),
            },
            other => format!(
                "expected a string with its unit, such as \"{example}\", found {}",
                other.type_str()
            ),
        };
        self.wrong_at(value.span, key, message);
        None
    }

    fn string(&mut self, key: &'static str) -> Option<(String, Span)> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::String(text) => Some((text.into(), value.span)),
            other => {
                let message = format!("expected a string, found {}", other.type_str());
                self.wrong_at(value.span, key, message);
                None
            }
        }
    }
}
