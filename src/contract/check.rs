//! A payload against its contract.

use std::borrow::Cow;
use std::collections::HashSet;

use super::field::{Content, Field};
use super::sought::Sought;
use super::tree::{Member, Tree};
use super::violation::{Path, Violations};
use super::wording::describe;
use super::{Contract, InputType};

/// The inputs that were found.
#[derive(Default)]
struct Found<'b, 's> {
    members: Vec<Member<'b>>,
    /// The spelling of an input, where it is another one than its name.
    spelt: Vec<(&'s str, &'s str)>,
    violations: Violations,
    /// Inputs of which it was said what is wrong.
    told: Vec<&'s str>,
    /// Names of fields of which nobody knows more than that they are there.
    unread: Vec<Box<str>>,
}

impl Contract {
    /// Everything that is wrong with what was taken of a JSON body.
    pub(super) fn check_tree(&self, tree: Tree<'_>) -> Violations {
        let Some(sought) = &self.sought else {
            return self.validate(&tree, Found::default());
        };
        let Tree::Object(mut members) = tree else {
            return Violations::of_body("must be an object");
        };
        let mut found = Found::default();
        for input in sought {
            for spelling in &input.spellings {
                let place = members.binary_search_by(|(name, _)| (**name).cmp(spelling));
                let Some((_, value)) = place.ok().and_then(|place| members.get_mut(place)) else {
                    continue;
                };
                // What is null is as good as not there.
                if !matches!(value, Tree::Null) {
                    found.put(input, spelling, std::mem::take(value));
                    break;
                }
            }
        }
        let tree = Tree::Object(std::mem::take(&mut found.members));
        self.validate(&tree, found)
    }

    /// Everything that is wrong with the fields of a form.
    pub(super) fn check_fields(&self, fields: &[Field<'_>]) -> Violations {
        let mut found = Found::default();
        let Some(sought) = &self.sought else {
            let mut known = HashSet::new();
            for field in fields {
                let is_new = known.insert(&*field.name);
                found.put_plain(field, is_new);
            }
            found.violations.mask(|path| self.shown(&Tree::Null, path));
            found.members.sort_by(|(one, _), (other, _)| one.cmp(other));
            let tree = Tree::Object(std::mem::take(&mut found.members));
            return self.validate(&tree, found);
        };
        for input in sought {
            let spelling = input.spellings.iter().find_map(|spelling| {
                let mut fields = fields.iter().filter(|field| *field.name == **spelling);
                let first = fields.next()?;
                Some((spelling, first, fields.collect::<Vec<_>>()))
            });
            if let Some((spelling, first, more)) = spelling {
                found.put_fields(input, spelling, first, &more);
            }
        }
        let tree = Tree::Object(std::mem::take(&mut found.members));
        self.validate(&tree, found)
    }

    fn validate<'t>(&self, tree: &'t Tree<'t>, found: Found<'_, '_>) -> Violations {
        if self.validator.is_valid(tree) {
            return found.violations;
        }
        // The validator makes all errors before it gives the first one, each with its path.
        let all = tree.weigh(BYTES_PER_ERROR);
        let are_all = all.saturating_mul(self.extent.errors_per_value()) <= MAX_ERROR_BYTES;
        let errors = if are_all {
            self.validator.iter_errors(tree).collect()
        } else if self.extent.is_shared() {
            Vec::new()
        } else {
            Vec::from_iter(self.validator.validate(tree).err())
        };
        let mut violations = found.violations;
        let mut is_excused = false;
        for error in errors {
            let (path, message) = describe(&error);
            let first = path.split('/').nth(1).unwrap_or_default();
            let name = first.replace("~1", "/").replace("~0", "~");
            if found.unread.iter().any(|unread| **unread == *name) {
                is_excused = are_all;
                continue;
            }
            if found.told.contains(&first) {
                continue;
            }
            let path = self.shown(tree, &path);
            let first = path.split('/').nth(1).unwrap_or_default();
            let spelt = found.spelt.iter().find(|(name, _)| *name == first);
            let path = match (spelt, path.get(first.len() + 1..)) {
                (Some((_, spelling)), Some(behind)) => format!("/{spelling}{behind}"),
                _ => path,
            };
            violations.put(path, message);
            if violations.is_full() {
                break;
            }
        }
        // What is not valid is never let through for want of words.
        if violations.is_empty() && !is_excused {
            violations.put(String::new(), TOO_MUCH.to_owned());
        }
        violations
    }

    /// A path into `tree`, as the sender is told it. Names that the contract does not have are the sender's,
    /// and may say anything.
    pub(super) fn shown(&self, tree: &Tree<'_>, path: &str) -> String {
        let mut shown = String::new();
        let mut value = Some(tree);
        for segment in path.split('/').skip(1) {
            let name = segment.replace("~1", "/").replace("~0", "~");
            let is_position = value.is_some_and(Tree::is_array);
            let is_told = is_position || self.names.contains(&*name);
            shown.push('/');
            shown.push_str(if is_told { segment } else { "*" });
            value = value.and_then(|value| value.at(&name));
        }
        shown
    }
}

impl<'b, 's> Found<'b, 's> {
    fn put(&mut self, input: &'s Sought, spelling: &'s str, value: Tree<'b>) {
        if *spelling != *input.name {
            self.spelt.push((&input.name, spelling));
        }
        let name = Cow::Owned(input.name.to_string());
        self.members.push((name, value));
    }

    fn put_fields<'f: 'b>(
        &mut self,
        input: &'s Sought,
        spelling: &'s str,
        first: &'f Field<'_>,
        more: &[&'f Field<'_>],
    ) {
        let is_list = input.kind == InputType::Array;
        let wrong = match &first.content {
            _ if !more.is_empty() && !is_list => Some("stands twice in the form"),
            Content::File if input.kind != InputType::File => Some("must be a field, not a file"),
            Content::Text(_) | Content::Unread if input.kind == InputType::File => {
                Some("must be a file")
            }
            Content::TooLong => Some(Content::TOO_LONG),
            Content::NotText => Some(Content::NOT_TEXT),
            Content::File | Content::Text(_) | Content::Unread => None,
        };
        if let Some(wrong) = wrong {
            let path = Path::Member(&Path::Root, spelling);
            self.violations.add(&path, wrong);
            self.told.push(&input.name);
            return;
        }
        let value = match &first.content {
            Content::Text(text) if is_list => {
                Some(input.list(text, more.iter().map(|field| &field.content)))
            }
            Content::Text(text) => input.kind.read(text),
            Content::Unread => {
                self.unread.push(input.name.clone());
                Some(Tree::File)
            }
            _ => Some(Tree::File),
        };
        if let Some(value) = value {
            self.put(input, spelling, value);
        }
    }

    /// A field of a form that a schema looks at.
    fn put_plain<'f: 'b>(&mut self, field: &'f Field<'_>, is_new: bool) {
        let wrong = match &field.content {
            _ if !is_new => "stands twice in the form",
            Content::NotText => Content::NOT_TEXT,
            Content::TooLong => Content::TOO_LONG,
            Content::File | Content::Unread => {
                if matches!(field.content, Content::Unread) {
                    self.unread.push(field.name.as_ref().into());
                }
                let name = Cow::Borrowed(&*field.name);
                return self.members.push((name, Tree::File));
            }
            Content::Text(text) => {
                let name = Cow::Borrowed(&*field.name);
                let value = Tree::Text(Cow::Borrowed(text));
                return self.members.push((name, value));
            }
        };
        let path = Path::Member(&Path::Root, &field.name);
        self.violations.add(&path, wrong);
    }
}

/// What an error takes besides its path.
const BYTES_PER_ERROR: usize = 256;
/// All errors together.
const MAX_ERROR_BYTES: usize = 16 * 1024 * 1024;
const TOO_MUCH: &str = "breaks the contract, and is too large to say where";
