//! EDN: what `clojure-reader` has parsed, as a tree. Keywords, symbols and strings are all strings; vectors,
//! lists and sets are lists.

use std::borrow::Cow;

use clojure_reader::error::{Code, Error};
use clojure_reader::parse::{self, Node, NodeKind, SourceReader};
use toml_span::Span;
use toml_span::value::{self, ValueInner};

use super::edn_depth::too_deep;
use super::{Fault, TWICE, Tree, below};

pub(super) fn read(text: &str) -> Result<Tree<'_>, Fault> {
    if let Some(offset) = too_deep(text, MAX_DEPTH) {
        let message = format!("is nested deeper than {MAX_DEPTH} levels");
        return Err(Fault::at(offset, message));
    }
    let mut reader = SourceReader::new(text);
    let node = parse::parse(&mut reader).map_err(|error| fault(&error))?;
    if is_nothing(&node, text) {
        return Err(Fault::at(0, "is empty"));
    }
    let more = parse::parse(&mut reader).map_err(|error| fault(&error))?;
    if !is_nothing(&more, text) {
        let message = "a document is one map; there is something behind its end";
        return Err(Fault::at(more.span().0.ptr, message));
    }
    let mut tree = Tree::of(value::Value::new(ValueInner::Boolean(false)));
    let span = span_of(&node);
    let root = converted(node, "", &mut tree);
    tree.root = tree.or_stand_in(root, span);
    Ok(tree)
}

/// The parser gives `nil` where there is nothing more.
fn is_nothing(node: &Node<'_>, text: &str) -> bool {
    let span = node.span();
    node.kind == NodeKind::Nil && text.get(span.0.ptr..span.1.ptr) != Some("nil")
}

fn converted<'t>(node: Node<'t>, path: &str, tree: &mut Tree<'t>) -> Option<value::Value<'t>> {
    let span = span_of(&node);
    let inner = match node.kind {
        NodeKind::Key(name) | NodeKind::Symbol(name) => ValueInner::String(name.into()),
        NodeKind::Str(raw) => ValueInner::String(unescaped(raw)),
        NodeKind::Char(c) => ValueInner::String(c.to_string().into()),
        NodeKind::Int(number) => ValueInner::Integer(number),
        NodeKind::Double(number) => ValueInner::Float(number.into_inner()),
        NodeKind::Bool(flag) => ValueInner::Boolean(flag),
        NodeKind::Vector(items, _) | NodeKind::List(items, _) | NodeKind::Set(items, _) => {
            let items = items.into_iter().enumerate();
            let item = |(position, item)| converted(item, &format!("{path}[{position}]"), tree);
            ValueInner::Array(items.filter_map(item).collect())
        }
        NodeKind::Map(entries, _) => ValueInner::Table(table(entries, path, tree)),
        NodeKind::Tagged(tag, ..) => {
            let message = format!("a document has no tagged values, such as `#{tag}`");
            return tree.wrong(span, path, message);
        }
        NodeKind::Nil => return tree.wrong(span, path, "`nil` is no value; leave the key out"),
        // Fractions, and what a later version of the parser may know.
        _ => return tree.wrong(span, path, "is no value that a document has"),
    };
    Some(value::Value::with_span(inner, span))
}

fn table<'t>(
    entries: Vec<(Node<'t>, Node<'t>)>,
    path: &str,
    tree: &mut Tree<'t>,
) -> value::Table<'t> {
    let mut table = value::Table::new();
    for (key, entry) in entries {
        let span = span_of(&key);
        let name = match key.kind {
            NodeKind::Key(name) | NodeKind::Symbol(name) => name.into(),
            NodeKind::Str(raw) => unescaped(raw),
            _ => {
                let message = "a key is a keyword, a symbol or a string";
                tree.wrong::<()>(span, path, message);
                continue;
            }
        };
        let path = below(path, &name);
        let place = span_of(&entry);
        let entry = converted(entry, &path, tree);
        let entry = tree.or_stand_in(entry, place);
        if table.insert(value::Key { name, span }, entry).is_some() {
            tree.wrong::<()>(span, &path, TWICE);
        }
    }
    table
}

/// The text of a string whose escapes the parser has found to be right.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        text.extend(match c {
            '\\' => chars.next().map(|escaped| match escaped {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            other => Some(other),
        });
    }
    text.into()
}

fn span_of(node: &Node<'_>) -> Span {
    let span = node.span();
    Span::new(span.0.ptr, span.1.ptr)
}

fn fault(error: &Error) -> Fault {
    let message = match &error.code {
        Code::InvalidChar => "is no character, such as `\\a` or `\\newline`".to_owned(),
        Code::InvalidEscape => {
            "there is no such escape; a string has `\\t`, `\\r`, `\\n`, `\\\\` and `\\\"`"
                .to_owned()
        }
        Code::InvalidKeyword => "a keyword is a name behind a `:`".to_owned(),
        Code::InvalidNumber | Code::InvalidRadix(_) => "is no number".to_owned(),
        Code::InvalidTag => "is no tag".to_owned(),
        Code::UnexpectedEOF => "something is not closed, or a key has no value".to_owned(),
        Code::UnmatchedDelimiter(c) => format!("nothing was opened that `{c}` closes"),
        other => format!("is not EDN: {other:?}"),
    };
    Fault::at(error.ptr.unwrap_or_default(), message)
}

/// As deep as a document in TOML or JSON may be.
const MAX_DEPTH: usize = 128;
