//! An input, as it is looked for, and what the text of a field is to it.

use std::borrow::Cow;

use super::field::Content;
use super::json::Reader;
use super::plan::Plan;
use super::take::{MAX_NUMBER_BYTES, take};
use super::tree::Tree;
use super::{Input, InputType};

/// An input, as it is looked for.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    pub(super) name: Box<str>,
    /// The first that is there counts.
    pub(super) spellings: Vec<Box<str>>,
    pub(super) kind: InputType,
    items: InputType,
    /// What is looked at of a field that is JSON.
    plan: Plan,
}

impl Sought {
    pub(super) fn of(input: &Input) -> Self {
        Self {
            name: input.name.clone(),
            spellings: input.spellings(),
            kind: input.kind,
            items: input.items.unwrap_or(InputType::Text),
            plan: Plan::of_schema(&input.schema()),
        }
    }

    /// An array: one field that is JSON, or each field an element.
    pub(super) fn list<'f>(
        &self,
        first: &'f str,
        more: impl ExactSizeIterator<Item = &'f Content<'f>>,
    ) -> Tree<'f> {
        if more.len() == 0
            && let Ok(taken) = take(first.as_bytes(), &self.plan)
            && taken.tree.is_array()
        {
            return taken.tree;
        }
        let mut elements = vec![self.items.read(first).unwrap_or_default()];
        for content in more {
            elements.push(match content {
                Content::Text(text) => self.items.read(text).unwrap_or_default(),
                _ => Tree::Null,
            });
        }
        Tree::Array(elements)
    }
}

impl InputType {
    /// The value that the text of a field stands for; `None` if a form says so that there is none.
    pub(super) fn read(self, text: &str) -> Option<Tree<'_>> {
        let as_text = || Tree::Text(Cow::Borrowed(text));
        if text.is_empty() && self != Self::Text {
            return None;
        }
        Some(match self {
            Self::Boolean => match text {
                "true" | "on" | "1" => Tree::Boolean(true),
                "false" | "off" | "0" => Tree::Boolean(false),
                _ => as_text(),
            },
            Self::Integer | Self::Number if text.len() > MAX_NUMBER_BYTES => as_text(),
            Self::Integer | Self::Number => {
                let number = Reader::new(text.as_bytes()).and_then(|mut reader| {
                    reader.number()?;
                    reader.end()
                });
                match number {
                    Ok(()) => Tree::Number(text.trim_end()),
                    Err(_) => as_text(),
                }
            }
            // Only that it is one is asked.
            Self::Array | Self::Object => match take(text.as_bytes(), &Plan::default()) {
                Ok(taken) => taken.tree,
                Err(_) => as_text(),
            },
            Self::Date | Self::Email | Self::File | Self::Text | Self::Timestamp | Self::Url => {
                as_text()
            }
        })
    }
}
