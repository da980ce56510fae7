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
