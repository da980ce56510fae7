//! Finds an input in a payload under any of its spellings.

use super::extract::extract;
use super::field::Content;
use super::plan::Plan;
use super::tree::Tree;
use super::{Input, InputType};

/// One compiled input.
#[derive(Clone, Debug)]
pub(super) struct InputMatcher {
    pub(super) name: Box<str>,
    /// The first spelling in the payload counts.
    pub(super) spellings: Vec<Box<str>>,
    pub(super) kind: InputType,
    items: InputType,
    /// The parts to extract from a form field that contains JSON.
    plan: Plan,
}

impl InputMatcher {
    pub(super) fn of(input: &Input) -> Self {
        Self {
            name: input.name.clone(),
            spellings: input.spellings(),
            kind: input.kind,
            items: input.items.unwrap_or(InputType::Text),
            plan: Plan::of_schema(&input.schema()),
        }
    }

    /// An array from a form: one field with a JSON array, or one field for each element.
    pub(super) fn list<'f>(
        &self,
        first: &'f str,
        others: impl ExactSizeIterator<Item = &'f Content<'f>>,
    ) -> Tree<'f> {
        if others.len() == 0
            && let Ok(extraction) = extract(first.as_bytes(), &self.plan)
            && extraction.tree.is_array()
        {
            return extraction.tree;
        }
        let mut elements = vec![self.items.parse(first).unwrap_or_default()];
        for content in others {
            elements.push(match content {
                Content::Text(text) => self.items.parse(text).unwrap_or_default(),
                _ => Tree::Null,
            });
        }
        Tree::Array(elements)
    }
}
