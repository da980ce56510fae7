//! Reads JSON into the common tree: `serde_json` validates it, and `jsonc-parser` supplies the spans.

use jsonc_parser::ast::{Object, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toml_span::Span;
use toml_span::value::{self, ValueInner};

use super::{DUPLICATE, SyntaxError, Tree, child_key};

pub(super) fn read(text: &str) -> Result<Tree<'_>, SyntaxError> {
    // `serde_json` is strict and limits the nesting to 128 levels.
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| syntax_error(&error, text))?;
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict)
        .map_err(|error| SyntaxError::at(error.range().start, error.kind().to_string()))?;
    let root = parsed.value.ok_or_else(|| SyntaxError::at(0, "is empty"))?;
    let mut tree = Tree::of(value::Value::new(ValueInner::Boolean(false)));
    let span = span_of(&root);
    let root = convert(root, "", &mut tree);
    tree.root = tree.or_placeholder(root, span);
    Ok(tree)
}

fn convert<'t>(ast: Ast<'t>, path: &str, tree: &mut Tree<'t>) -> Option<value::Value<'t>> {
    let span = span_of(&ast);
    let inner = match ast {
        Ast::StringLit(text) => ValueInner::String(text.value),
        Ast::BooleanLit(flag) => ValueInner::Boolean(flag.value),
        Ast::NumberLit(number) => match (number.value.parse(), number.value.parse()) {
            (Ok(whole), _) => ValueInner::Integer(whole),
            (_, Ok(float)) => ValueInner::Float(float),
            _ => return tree.report(span, path, "is not a number"),
        },
        Ast::Array(array) => {
            let items = array.elements.into_iter().enumerate();
            let item = |(position, item)| convert(item, &format!("{path}[{position}]"), tree);
            ValueInner::Array(items.filter_map(item).collect())
        }
        Ast::Object(object) => ValueInner::Table(table(object, path, tree)),
        Ast::NullKeyword(_) => {
            return tree.report(span, path, "`null` is not a value; leave the key out");
        }
    };
    Some(value::Value::with_span(inner, span))
}

fn table<'t>(object: Object<'t>, path: &str, tree: &mut Tree<'t>) -> value::Table<'t> {
    let mut table = value::Table::new();
    for property in object.properties {
        let span = span_of(&property.name);
        let name = property.name.into_string();
        let path = child_key(path, &name);
        let place = span_of(&property.value);
        let entry = convert(property.value, &path, tree);
        let entry = tree.or_placeholder(entry, place);
        let key = value::Key {
            name: name.into(),
            span,
        };
        if table.insert(key, entry).is_some() {
            tree.report::<()>(span, &path, DUPLICATE);
        }
    }
    table
}

fn span_of(ast: &impl Ranged) -> Span {
    let range = ast.range();
    Span::new(range.start, range.end)
}

/// Converts the line and column of `serde_json`, both from 1, to an offset.
fn syntax_error(error: &serde_json::Error, text: &str) -> SyntaxError {
    let lines = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    let column = error.column().saturating_sub(1);
    let offset = text.floor_char_boundary(before.saturating_add(column).min(text.len()));
    let message = error.to_string();
    // The mistake has the place already.
    let message = message.split(" at line ").next().unwrap_or_default();
    SyntaxError::at(offset, message)
}
