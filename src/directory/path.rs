//! The path at the backend: kept, or rewritten by a template.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A template such as `/internal/{workflow}` or `/v2{path}`.
///
/// `{path}` is the path of the request, `{endpoint}` the endpoint id, and every other name a parameter of the route.
/// Values need no escaping, because a routed path has only unreserved characters.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct PathTemplate {
    parts: Vec<Part>,
}

impl PathTemplate {
    /// Writes the path; `None` if a parameter has no value.
    pub fn expand<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut path = String::with_capacity(64);
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Parameter(name) => path.push_str(value(name)?),
            }
        }
        Some(path)
    }

    /// Fills in the parameters that `value` knows. The others stay.
    #[must_use]
    pub fn bind<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Self {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) => Part::Literal(text.clone()),
            Part::Parameter(name) => value(name).map_or_else(
                || Part::Parameter(name.clone()),
                |v| Part::Literal(v.into()),
            ),
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// The names in braces.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Parameter(name) => Some(&**name),
        })
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Parameter(name) => write!(f, "{{{name}}}"),
        })
    }
}

impl FromStr for PathTemplate {
    type Err = ParsePathTemplateError;

    fn from_str(text: &str) -> Result<Self, ParsePathTemplateError> {
        let invalid = |why| ParsePathTemplateError {
            text: text.to_owned(),
            why,
        };
        if !text.starts_with('/') && !text.starts_with("{path}") {
            return Err(invalid("it must begin with `/` or `{path}`"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, after) = rest.split_once('{').unwrap_or((rest, ""));
            if !literal.bytes().all(is_path_byte) {
                return Err(invalid(
                    "it has a character that a path cannot have (RFC 3986 §3.3)",
                ));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            if literal.len() == rest.len() {
                break;
            }
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| invalid("a `{` is not closed"))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(invalid("a parameter must be a name in braces"));
            }
            parts.push(Part::Parameter(name.into()));
            rest = after;
        }
        Ok(Self { parts })
    }
}

impl TryFrom<String> for PathTemplate {
    type Error = ParsePathTemplateError;

    fn try_from(text: String) -> Result<Self, ParsePathTemplateError> {
        text.parse()
    }
}

impl From<PathTemplate> for String {
    fn from(template: PathTemplate) -> Self {
        template.to_string()
    }
}

/// Text that is not a valid path template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a path template: {why}")]
pub struct ParsePathTemplateError {
    text: String,
    why: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Literal(Box<str>),
    Parameter(Box<str>),
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'%'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: &str = "it must begin with `/` or `{path}`";
    const CHARACTER: &str = "it has a character that a path cannot have (RFC 3986 §3.3)";
    const UNCLOSED: &str = "a `{` is not closed";
    const NAME: &str = "a parameter must be a name in braces";

    #[test]
    fn a_template_has_path_characters_and_parameters_in_braces() {
        let cases: [(&str, Result<&[&str], &str>); 20] = [
            ("/", Ok(&[])),
            ("/a-._~!$&'()*+,;=:@%zz/b", Ok(&[])),
            ("/internal/{workflow}", Ok(&["workflow"])),
            ("{path}", Ok(&["path"])),
            ("/v2{path}", Ok(&["path"])),
            ("/{a}{b_2}/c/{a}", Ok(&["a", "b_2", "a"])),
            ("", Err(START)),
            ("internal", Err(START)),
            ("{endpoint}/x", Err(START)),
            ("/a b", Err(CHARACTER)),
            ("/a?b", Err(CHARACTER)),
            ("/a#b", Err(CHARACTER)),
            ("/a}b", Err(CHARACTER)),
            ("/a\\b", Err(CHARACTER)),
            ("/{a}ü", Err(CHARACTER)),
            ("/{", Err(UNCLOSED)),
            ("/{a}/{b", Err(UNCLOSED)),
            ("/{}", Err(NAME)),
            ("/{a-b}", Err(NAME)),
            ("/{{a}}", Err(NAME)),
        ];
        for (text, expected) in cases {
            let template = text.parse::<PathTemplate>();
            let parameters = template.as_ref().map(|it| it.parameters().collect());
            let parameters: Result<Vec<_>, _> = parameters.map_err(|error| error.why);
            assert_eq!(parameters, expected.map(<[&str]>::to_vec), "{text}");
        }
    }

    #[test]
    fn known_parameters_are_bound_and_a_path_needs_all_of_them() {
        let value = |name: &str| match name {
            "path" => Some("/hooks/a"),
            "workflow" => Some("pr-bot"),
            _ => None,
        };
        for (template, bound, expanded) in [
            ("/static", "/static", Some("/static")),
            ("{path}", "/hooks/a", Some("/hooks/a")),
            ("/v2{path}/", "/v2/hooks/a/", Some("/v2/hooks/a/")),
            (
                "/{workflow}{workflow}",
                "/pr-botpr-bot",
                Some("/pr-botpr-bot"),
            ),
            ("/{workflow}/{other}", "/pr-bot/{other}", None),
            ("/{Workflow}", "/{Workflow}", None),
        ] {
            let parsed: PathTemplate = template.parse().unwrap();
            assert_eq!(parsed.bind(value).to_string(), bound, "{template}");
            assert_eq!(parsed.expand(value).as_deref(), expanded, "{template}");
        }
    }

    proptest! {
        #[test]
        fn a_template_is_written_as_it_was_read(
            text in r"(/|\{path\})([a-z%:@/]|\{[a-z_]{1,4}\}){0,20}",
        ) {
            let template: PathTemplate = text.parse().unwrap();
            prop_assert_eq!(template.to_string(), text);
        }
    }
}
