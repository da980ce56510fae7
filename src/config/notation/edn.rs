//! Reads EDN with `clojure-reader` into the common tree. Keywords, symbols and strings become strings; vectors, lists
//! and sets become lists.

use std::borrow::Cow;

use clojure_reader::error::{Code, Error};
use clojure_reader::parse::{self, Node, NodeKind, SourceReader};
use toml_span::Span;
use toml_span::value::{self, ValueInner};

use super::edn_depth::too_deep;
use super::{DUPLICATE, SyntaxError, Tree, child_key};

pub(super) fn read(text: &str) -> Result<Tree<'_>, SyntaxError> {
    if let Some(offset) = too_deep(text, MAX_DEPTH) {
        let message = format!("is nested deeper than {MAX_DEPTH} levels");
        return Err(SyntaxError::at(offset, message));
    }
    let mut reader = SourceReader::new(text);
    let node = parse::parse(&mut reader).map_err(|error| syntax_error(&error))?;
    if is_nothing(&node, text) {
        return Err(SyntaxError::at(0, "is empty"));
    }
    let more = parse::parse(&mut reader).map_err(|error| syntax_error(&error))?;
    if !is_nothing(&more, text) {
        let message = "a document is one map; remove the text after its end";
        return Err(SyntaxError::at(more.span().0.ptr, message));
    }
    let mut tree = Tree::of(value::Value::new(ValueInner::Boolean(false)));
    let span = span_of(&node);
    let root = convert(node, "", &mut tree);
    tree.root = tree.or_placeholder(root, span);
    Ok(tree)
}

/// Whether the input ended: the parser returns `nil` there.
fn is_nothing(node: &Node<'_>, text: &str) -> bool {
    let span = node.span();
    node.kind == NodeKind::Nil && text.get(span.0.ptr..span.1.ptr) != Some("nil")
}

fn convert<'t>(node: Node<'t>, path: &str, tree: &mut Tree<'t>) -> Option<value::Value<'t>> {
    let span = span_of(&node);
    let inner = match node.kind {
        NodeKind::Key(name) | NodeKind::Symbol(name) => ValueInner::String(name.into()),
        NodeKind::Str(raw) => ValueInner::String(unescape(raw)),
        NodeKind::Char(c) => ValueInner::String(c.to_string().into()),
        NodeKind::Int(number) => ValueInner::Integer(number),
        NodeKind::Double(number) => ValueInner::Float(number.into_inner()),
        NodeKind::Bool(flag) => ValueInner::Boolean(flag),
        NodeKind::Vector(items, _) | NodeKind::List(items, _) | NodeKind::Set(items, _) => {
            let items = items.into_iter().enumerate();
            let item = |(position, item)| convert(item, &format!("{path}[{position}]"), tree);
            ValueInner::Array(items.filter_map(item).collect())
        }
        NodeKind::Map(entries, _) => ValueInner::Table(table(entries, path, tree)),
        NodeKind::Tagged(tag, ..) => {
            let message = format!("tagged values such as `#{tag}` are not supported");
            return tree.report(span, path, message);
        }
        NodeKind::Nil => return tree.report(span, path, "`nil` is not a value; leave the key out"),
        // Fractions, and kinds of a later parser version.
        _ => return tree.report(span, path, "this kind of value is not supported"),
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
            NodeKind::Str(raw) => unescape(raw),
            _ => {
                let message = "a key must be a keyword, a symbol or a string";
                tree.report::<()>(span, path, message);
                continue;
            }
        };
        let path = child_key(path, &name);
        let place = span_of(&entry);
        let entry = convert(entry, &path, tree);
        let entry = tree.or_placeholder(entry, place);
        if table.insert(value::Key { name, span }, entry).is_some() {
            tree.report::<()>(span, &path, DUPLICATE);
        }
    }
    table
}

/// Resolves the escapes of a string. The parser has validated them.
fn unescape(raw: &str) -> Cow<'_, str> {
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

fn syntax_error(error: &Error) -> SyntaxError {
    let message = match &error.code {
        Code::InvalidChar => "is not a character such as `\\a` or `\\newline`".to_owned(),
        Code::InvalidEscape => {
            "unknown escape; a string allows `\\t`, `\\r`, `\\n`, `\\\\` and `\\\"`".to_owned()
        }
        Code::InvalidKeyword => "a keyword is a `:` and a name".to_owned(),
        Code::InvalidNumber | Code::InvalidRadix(_) => "is not a number".to_owned(),
        Code::InvalidTag => "is not a tag".to_owned(),
        Code::UnexpectedEOF => {
            "a bracket or a string is not closed, or a key has no value".to_owned()
        }
        Code::UnmatchedDelimiter(c) => format!("`{c}` has no opening bracket"),
        other => format!("is not EDN: {other:?}"),
    };
    SyntaxError::at(error.ptr.unwrap_or_default(), message)
}

/// The nesting limit of the TOML and JSON parsers too.
const MAX_DEPTH: usize = 128;
