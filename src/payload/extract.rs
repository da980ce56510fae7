//! Extracts the parts of a JSON body that a plan needs, in one pass.

use std::borrow::Cow;

use super::json::{JsonError, JsonErrorKind, Reader, Surrogates, ValueKind};
use super::plan::Plan;
use super::tree::{Member, Tree};
use super::violation::{Path, Violations};

/// The extracted parts of a body.
pub(super) struct Extraction<'b> {
    pub(super) tree: Tree<'b>,
    /// A violation for each repeated name that the contract reads.
    pub(super) repeated: Violations,
}

/// Extracts the parts of `body` that `plan` needs. All of `body` must be valid JSON.
pub(super) fn extract<'b>(body: &'b [u8], plan: &Plan) -> Result<Extraction<'b>, JsonError> {
    let mut extractor = Extractor {
        reader: Reader::new(body)?,
        values: 0,
        repeated: Violations::default(),
    };
    let tree = extractor.value(plan, &Path::Root)?;
    extractor.reader.end()?;
    Ok(Extraction {
        tree,
        repeated: extractor.repeated,
    })
}

struct Extractor<'b> {
    reader: Reader<'b>,
    values: usize,
    repeated: Violations,
}

impl<'b> Extractor<'b> {
    /// Recurses at most to the depth limit of the reader.
    fn value(&mut self, plan: &Plan, path: &Path<'_>) -> Result<Tree<'b>, JsonError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.reader.error(JsonErrorKind::Values));
        }
        Ok(match self.reader.peek()? {
            ValueKind::Text => match self.reader.string()? {
                (Cow::Owned(text), Surrogates::Lone) => Tree::LossyText(text),
                (text, _) => Tree::Text(text),
            },
            ValueKind::Number => self.number()?,
            ValueKind::Boolean => Tree::Boolean(self.reader.boolean()?),
            ValueKind::Null => {
                self.reader.null()?;
                Tree::Null
            }
            ValueKind::Array => {
                if let Some(element) = plan.element() {
                    return self.array(element, path);
                }
                if plan.has_length_rule() {
                    return self.array_length();
                }
                self.reader.skip()?;
                Tree::Array(Vec::new())
            }
            ValueKind::Object if plan.has_members() => self.object(plan, path)?,
            ValueKind::Object => {
                self.reader.skip()?;
                Tree::Object(Vec::new())
            }
        })
    }

    /// Bounds the length: numbers are compared digit by digit, perhaps with many others.
    fn number(&mut self) -> Result<Tree<'b>, JsonError> {
        let begin = self.reader.error(JsonErrorKind::Number);
        let text = self.reader.number()?;
        if text.len() > MAX_NUMBER_BYTES {
            return Err(begin);
        }
        Ok(Tree::Number(text))
    }

    fn array_length(&mut self) -> Result<Tree<'b>, JsonError> {
        let mut len = 0;
        self.reader.open()?;
        while self.reader.element(len == 0)? {
            self.reader.skip()?;
            len += 1;
        }
        Ok(Tree::Length(len))
    }

    fn array(&mut self, plan: &Plan, path: &Path<'_>) -> Result<Tree<'b>, JsonError> {
        let mut elements = Vec::new();
        self.reader.open()?;
        while self.reader.element(elements.is_empty())? {
            let path = Path::Element(path, elements.len());
            elements.push(self.value(plan, &path)?);
        }
        Ok(Tree::Array(elements))
    }

    fn object(&mut self, plan: &Plan, path: &Path<'_>) -> Result<Tree<'b>, JsonError> {
        let mut members: Vec<Member<'b>> = Vec::new();
        let mut is_first = true;
        self.reader.open()?;
        while let Some(name) = self.reader.member(is_first)? {
            is_first = false;
            match plan.member(&name) {
                None => self.reader.skip()?,
                Some(plan) => {
                    let value = self.value(plan, &Path::Member(path, &name))?;
                    members.push((name, value));
                }
            }
        }
        // Sorted by name, for binary search and to find repeated names. The sort is stable.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.mark_repeated(&mut members, plan, path);
        Ok(Tree::Object(members))
    }

    fn mark_repeated(&mut self, members: &mut Vec<Member<'b>>, plan: &Plan, path: &Path<'_>) {
        let is_repeated = |pair: &[Member<'b>]| matches!(pair, [one, other] if one.0 == other.0);
        if !members.windows(2).any(is_repeated) {
            return;
        }
        let repeated = &mut self.repeated;
        members.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            if is_same && !matches!(first.1, Tree::Repeated) {
                first.1 = Tree::Repeated;
                if plan.member(&first.0).is_some_and(Plan::is_by_contract) {
                    let name: &Cow<'_, str> = &first.0;
                    repeated.add(&Path::Member(path, name), "is repeated in its object");
                }
            }
            is_same
        });
    }
}

/// The most values that are extracted. They take a few megabytes.
const MAX_VALUES: usize = 100_000;
pub(super) const MAX_NUMBER_BYTES: usize = 1000;
