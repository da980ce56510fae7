//! Taking of a JSON body what a plan looks at, in one pass.

use std::borrow::Cow;

use super::json::{Broken, Fault, Kind, Reader, Wholeness};
use super::plan::Plan;
use super::tree::{Member, Tree};
use super::violation::{Path, Violations};

/// What came of it.
pub(super) struct Taken<'b> {
    pub(super) tree: Tree<'b>,
    /// The names that stand twice where a contract looks.
    pub(super) twice: Violations,
}

/// Takes what `plan` looks at of `body`.
pub(super) fn take<'b>(body: &'b [u8], plan: &Plan) -> Result<Taken<'b>, Broken> {
    let mut taking = Taking {
        reader: Reader::new(body)?,
        values: 0,
        twice: Violations::default(),
    };
    let tree = taking.value(plan, &Path::Root)?;
    taking.reader.end()?;
    Ok(Taken {
        tree,
        twice: taking.twice,
    })
}

struct Taking<'b> {
    reader: Reader<'b>,
    values: usize,
    twice: Violations,
}

impl<'b> Taking<'b> {
    /// It goes no deeper than the reader does.
    fn value(&mut self, plan: &Plan, path: &Path<'_>) -> Result<Tree<'b>, Broken> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.reader.broken(Fault::Values));
        }
        Ok(match self.reader.peek()? {
            Kind::Text => match self.reader.string()? {
                (Cow::Owned(text), Wholeness::Marred) => Tree::Marred(text),
                (text, _) => Tree::Text(text),
            },
            Kind::Number => self.number()?,
            Kind::Boolean => Tree::Boolean(self.reader.boolean()?),
            Kind::Null => {
                self.reader.null()?;
                Tree::Null
            }
            Kind::Array => {
                if let Some(element) = plan.element() {
                    return self.array(element, path);
                }
                if plan.is_counted() {
                    return self.count();
                }
                self.reader.skip()?;
                Tree::Array(Vec::new())
            }
            Kind::Object if plan.has_members() => self.object(plan, path)?,
            Kind::Object => {
                self.reader.skip()?;
                Tree::Object(Vec::new())
            }
        })
    }

    /// Whoever compares numbers compares digits, with each of many perhaps.
    fn number(&mut self) -> Result<Tree<'b>, Broken> {
        let begin = self.reader.broken(Fault::Number);
        let text = self.reader.number()?;
        if text.len() > MAX_NUMBER_BYTES {
            return Err(begin);
        }
        Ok(Tree::Number(text))
    }

    fn count(&mut self) -> Result<Tree<'b>, Broken> {
        let mut many = 0;
        self.reader.open()?;
        while self.reader.element(many == 0)? {
            self.reader.skip()?;
            many += 1;
        }
        Ok(Tree::Counted(many))
    }

    fn array(&mut self, plan: &Plan, path: &Path<'_>) -> Result<Tree<'b>, Broken> {
        let mut elements = Vec::new();
        self.reader.open()?;
        while self.reader.element(elements.is_empty())? {
            let path = Path::Element(path, elements.len());
            elements.push(self.value(plan, &path)?);
        }
        Ok(Tree::Array(elements))
    }

    fn object(&mut self, plan: &Plan, path: &Path<'_>) -> Result<Tree<'b>, Broken> {
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
        // In the order of names, so that each is found quickly, and none stands twice unseen. The order is
        // kept among those of one name.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.mark_twice(&mut members, plan, path);
        Ok(Tree::Object(members))
    }

    fn mark_twice(&mut self, members: &mut Vec<Member<'b>>, plan: &Plan, path: &Path<'_>) {
        let is_twice = |pair: &[Member<'b>]| matches!(pair, [one, other] if one.0 == other.0);
        if !members.windows(2).any(is_twice) {
            return;
        }
        let twice = &mut self.twice;
        members.dedup_by(|again, first| {
            let is_same = again.0 == first.0;
            if is_same && !matches!(first.1, Tree::Twice) {
                first.1 = Tree::Twice;
                if plan.member(&first.0).is_some_and(Plan::is_by_contract) {
                    let name: &Cow<'_, str> = &first.0;
                    twice.add(&Path::Member(path, name), "stands twice in its object");
                }
            }
            is_same
        });
    }
}

/// So many values are looked at: with what each takes, a few megabytes on the thread that judges.
const MAX_VALUES: usize = 100_000;
pub(super) const MAX_NUMBER_BYTES: usize = 1000;
