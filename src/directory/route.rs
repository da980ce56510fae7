//! Routes: path patterns of the portal and the endpoint ids that they name.

use std::sync::Arc;

use super::name::is_segment;
use super::{EndpointId, PathTemplate};

/// All routes, compiled.
#[derive(Debug)]
pub struct RouteTable {
    router: matchit::Router<Arc<Route>>,
    routes: Vec<Arc<Route>>,
}

impl RouteTable {
    /// Compiles the definitions. Returns every invalid one with its position.
    pub fn compile(definitions: &[RouteDefinition]) -> Result<Self, Vec<(usize, RouteError)>> {
        let mut table = Self {
            router: matchit::Router::new(),
            routes: Vec::with_capacity(definitions.len()),
        };
        let mut mistakes = Vec::new();
        for (position, definition) in definitions.iter().enumerate() {
            if let Err(mistake) = table.add(definition) {
                mistakes.push((position, mistake));
            }
        }
        if mistakes.is_empty() {
            Ok(table)
        } else {
            Err(mistakes)
        }
    }

    /// The endpoint that `path` names, if a pattern matches.
    ///
    /// The path is compared as it was sent. `%2e`, `//`, a trailing slash or another case never name an endpoint.
    pub fn resolve<'p>(&self, path: &'p str) -> Option<RouteMatch<'p>> {
        let found = self.router.at(path).ok()?;
        if !found.params.iter().all(|(_, value)| is_segment(value)) {
            return None;
        }
        let id = found.value.endpoint.expand(|name| found.params.get(name))?;
        let mut values = found.params.iter();
        Some(RouteMatch {
            route: Arc::clone(found.value),
            id: id.strip_prefix('/')?.parse().ok()?,
            workspace: values.find(|(name, _)| *name == WORKSPACE).map(|(_, v)| v),
        })
    }

    /// Every route, in the order of the definitions.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The path of the public URL of an endpoint: the first route that leads to it.
    pub fn path_of(&self, id: &EndpointId) -> Option<String> {
        let (route, values) = self.leading_to(id)?;
        route.pattern.expand(|name| value_of(&values, name))
    }

    /// The value of a parameter in an endpoint id: `pr-bot` for `{workflow}`.
    pub fn parameter<'i>(&self, id: &'i EndpointId, name: &str) -> Option<&'i str> {
        self.leading_to(id)
            .and_then(|(_, values)| value_of(&values, name))
    }

    /// True if some endpoint id has a value for this parameter.
    pub fn has_parameter(&self, name: &str) -> bool {
        let mut ids = self.routes.iter().map(|route| &route.endpoint);
        ids.any(|id| id.parameters().any(|known| known == name))
    }

    fn add(&mut self, definition: &RouteDefinition) -> Result<(), RouteError> {
        let route = Arc::new(Route::compile(definition)?);
        self.router
            .insert(definition.pattern.clone(), Arc::clone(&route))
            .map_err(|error| RouteError(error.to_string()))?;
        self.routes.push(route);
        Ok(())
    }

    fn leading_to<'i>(&self, id: &'i EndpointId) -> Option<(&Route, Vec<(String, &'i str)>)> {
        self.routes
            .iter()
            .filter(|route| route.pattern.parameters().all(|name| name != WORKSPACE))
            .find_map(|route| Some((&**route, route.values_in(id)?)))
    }
}

/// A route as it is declared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteDefinition {
    /// The name in metrics and logs.
    pub name: String,
    /// The path. Each parameter in braces stands for one segment.
    pub pattern: String,
    /// The endpoint id, with parameters of the pattern.
    pub endpoint: String,
    /// The response text for a path without an endpoint.
    pub wording: Wording,
}

/// A compiled route.
#[derive(Debug)]
pub struct Route {
    name: Box<str>,
    pattern: PathTemplate,
    endpoint: PathTemplate,
    wording: Wording,
}

impl Route {
    /// The name in metrics and logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path pattern.
    pub fn pattern(&self) -> &PathTemplate {
        &self.pattern
    }

    /// The response text for a path without an endpoint.
    pub fn wording(&self) -> Wording {
        self.wording
    }

    fn compile(definition: &RouteDefinition) -> Result<Self, RouteError> {
        let invalid = |error: &dyn std::fmt::Display| RouteError(error.to_string());
        let pattern: PathTemplate = definition.pattern.parse().map_err(|e| invalid(&e))?;
        // The parser expects a leading slash, which an id does not have.
        let endpoint: PathTemplate = format!("/{}", definition.endpoint)
            .parse()
            .map_err(|e| invalid(&e))?;
        let whole_segments = |template: &PathTemplate| {
            let text = template.to_string();
            text.split('/').all(|segment| {
                !segment.contains('{')
                    || (segment.starts_with('{') && segment.find('}') == Some(segment.len() - 1))
            })
        };
        if !whole_segments(&pattern) || !whole_segments(&endpoint) {
            return Err(RouteError("a parameter must be a whole segment".to_owned()));
        }
        if let Some(unknown) = endpoint
            .parameters()
            .find(|name| pattern.parameters().all(|known| known != *name))
        {
            return Err(RouteError(format!(
                "the endpoint uses `{{{unknown}}}`, which is not in the pattern"
            )));
        }
        Ok(Self {
            name: definition.name.as_str().into(),
            pattern,
            endpoint,
            wording: definition.wording,
        })
    }

    /// The values of the parameters with which this route leads to `id`.
    fn values_in<'i>(&self, id: &'i EndpointId) -> Option<Vec<(String, &'i str)>> {
        let template = self.endpoint.to_string();
        let mut shape = template.strip_prefix('/')?.split('/');
        let mut parts = id.as_str().split('/');
        let mut values = Vec::new();
        loop {
            match (shape.next(), parts.next()) {
                (None, None) => return Some(values),
                (Some(shape), Some(part)) => {
                    let name = shape.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
                    match name {
                        Some(name) => values.push((name.to_owned(), part)),
                        None if shape == part => {}
                        None => return None,
                    }
                }
                _ => return None,
            }
        }
    }
}

/// A path that a route matched.
#[derive(Debug)]
pub struct RouteMatch<'p> {
    /// The route.
    pub route: Arc<Route>,
    /// The endpoint id that the path names. The endpoint may not exist.
    pub id: EndpointId,
    /// The workspace in the path, which must own the endpoint.
    pub workspace: Option<&'p str>,
}

/// The response text for a path without an endpoint. Each is part of the public interface.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Wording {
    /// `Webhook not configured`
    #[default]
    Webhook,
    /// `Workflow webhook not configured`
    Workflow,
}

/// A route that cannot be compiled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct RouteError(String);

fn value_of<'i>(values: &[(String, &'i str)], name: &str) -> Option<&'i str> {
    values
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| *value)
}

const WORKSPACE: &str = "workspace";

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(pattern: &str, endpoint: &str) -> RouteDefinition {
        RouteDefinition {
            name: pattern.to_owned(),
            pattern: pattern.to_owned(),
            endpoint: endpoint.to_owned(),
            wording: Wording::Webhook,
        }
    }

    fn table() -> RouteTable {
        RouteTable::compile(&[
            definition("/w/{workspace}/hooks/{hook}", "hooks/{hook}"),
            definition("/hooks/{hook}", "hooks/{hook}"),
            definition("/flows/{flow}/{interface}", "flows/{flow}/live/{interface}"),
            definition("/fixed", "fixed/one"),
        ])
        .unwrap()
    }

    #[test]
    fn a_path_names_an_endpoint_in_exactly_one_spelling() {
        let table = table();
        for (path, id, workspace) in [
            ("/hooks/pr-bot", Some("hooks/pr-bot"), None),
            ("/hooks/PR.bot_~", Some("hooks/PR.bot_~"), None),
            ("/flows/f/i", Some("flows/f/live/i"), None),
            ("/fixed", Some("fixed/one"), None),
            ("/w/acme/hooks/a", Some("hooks/a"), Some("acme")),
            ("/", None, None),
            ("", None, None),
            ("/hooks", None, None),
            ("/hooks/", None, None),
            ("/hooks/a/", None, None),
            ("/hooks//a", None, None),
            ("//hooks/a", None, None),
            ("/Hooks/a", None, None),
            ("/hooks/a/b", None, None),
            ("/hooks/a%2eb", None, None),
            ("/hooks/..", None, None),
            ("/hooks/.a", None, None),
            ("/hooks/a?b", None, None),
            ("/hooks/a;b", None, None),
            ("/hooks/ü", None, None),
            ("/fixed/", None, None),
            ("/w/a%20b/hooks/a", None, None),
        ] {
            let found = table.resolve(path);
            let found_id = found.as_ref().map(|found| found.id.as_str());
            assert_eq!(found_id, id, "{path}");
            assert_eq!(found.and_then(|found| found.workspace), workspace, "{path}");
        }
        let longest = format!("/hooks/{}", "a".repeat(128));
        assert!(table.resolve(&longest).is_some());
        assert!(table.resolve(&format!("{longest}a")).is_none());
    }

    #[test]
    fn a_public_path_is_the_first_route_without_a_workspace_that_leads_to_the_endpoint() {
        let table = table();
        for (id, path) in [
            ("hooks/pr-bot", Some("/hooks/pr-bot")),
            ("flows/f/live/i", Some("/flows/f/i")),
            ("flows/f/draft/i", None),
            ("fixed/one", Some("/fixed")),
            ("fixed/two", None),
            ("hooks", None),
            ("hooks/a/b", None),
        ] {
            let parsed: EndpointId = id.parse().unwrap();
            assert_eq!(table.path_of(&parsed).as_deref(), path, "{id}");
            if let Some(path) = path {
                assert_eq!(table.resolve(path).unwrap().id, parsed, "{id}");
            }
        }
        let interface = "flows/f/live/i".parse().unwrap();
        assert_eq!(table.parameter(&interface, "flow"), Some("f"));
        assert_eq!(table.parameter(&interface, "interface"), Some("i"));
        assert_eq!(table.parameter(&interface, "hook"), None);
        assert!(table.has_parameter("hook"));
        assert!(!table.has_parameter("workspace"));
    }

    #[test]
    fn every_route_that_cannot_be_compiled_is_reported_with_its_position() {
        let whole = "a parameter must be a whole segment";
        let cases = [
            ("/hooks/{hook}", "hooks/{hook}", None),
            ("hooks", "hooks", Some("it must begin with `/` or `{path}`")),
            ("/a/{x", "a", Some("a `{` is not closed")),
            ("/b/x{hook}", "b/{hook}", Some(whole)),
            ("/c/{hook}{more}", "c/{hook}", Some(whole)),
            ("/d/{hook}", "d/x-{hook}", Some(whole)),
            (
                "/e/{hook}",
                "e/{flow}",
                Some("the endpoint uses `{flow}`, which is not in the pattern"),
            ),
            ("/hooks/{other}", "f/{other}", Some("conflict")),
        ];
        let definitions = cases.map(|(pattern, endpoint, _)| definition(pattern, endpoint));
        let mistakes = RouteTable::compile(&definitions).unwrap_err();
        for (position, (pattern, _, message)) in cases.iter().enumerate() {
            let found = mistakes.iter().find(|(at, _)| *at == position);
            let found = found.map(|(_, error)| error.to_string());
            assert_eq!(found.is_some(), message.is_some(), "{pattern}: {found:?}");
            let (found, message) = (found.unwrap_or_default(), message.unwrap_or_default());
            assert!(found.contains(message), "{pattern}: {found}");
        }
    }
}
