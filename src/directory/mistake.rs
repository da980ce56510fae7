//! Everything that can be wrong with an endpoint that people wrote down.

use std::collections::BTreeMap;

use super::{AuthDefinition, Definition, DraftAuth, PathTemplate, RouteTable, Target};
use crate::handshake::Handshake;

/// What a definition has to fit into.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The names of the upstreams.
    pub upstreams: &'a [String],
    /// The routes.
    pub routes: &'a RouteTable,
    /// The paths that upstreams ask for, by their names.
    pub upstream_paths: &'a BTreeMap<String, PathTemplate>,
    /// Whether endpoints may ask for no proof.
    pub allow_unauthenticated: bool,
    /// Who may deliver to drafts that say nothing about it.
    pub draft_auth: DraftAuth,
    /// The largest body that there can be memory for.
    pub largest_body_bytes: u64,
}

/// Something wrong with a definition.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Mistake {
    /// The key that it is about.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Definition {
    /// Everything that is wrong with it in its surroundings.
    pub fn mistakes(&self, surroundings: &Surroundings<'_>) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut wrong = |key, message| mistakes.push(Mistake { key, message });
        self.wrong_names(surroundings, &mut wrong);
        self.wrong_auth(surroundings, &mut wrong);
        self.wrong_draft_auth(surroundings, &mut wrong);
        self.wrong_handshake(&mut wrong);
        self.wrong_path(surroundings, &mut wrong);
        self.wrong_replay(&mut wrong);
        self.wrong_payload(&mut wrong);
        for method in &self.methods {
            if !METHODS.contains(&method.as_str()) {
                let known = METHODS.join("`, `");
                wrong("methods", format!("`{method}` is none of `{known}`"));
            }
        }
        if let Some(capture) = self.capture
            && !(LAST.contains(&capture.last) && FOR_SECONDS.contains(&capture.for_seconds))
        {
            let message = "`last` is from 1 to 100, `for` from one second to 7 days";
            wrong("capture", message.to_owned());
        }
        let limits = [self.limits.max_body_bytes, self.limits.max_multipart_bytes];
        let largest = surroundings.largest_body_bytes;
        if limits
            .iter()
            .flatten()
            .any(|limit| *limit == 0 || *limit > largest)
        {
            let message =
                format!("a limit is from 1 to {largest} bytes, what `bodies.budget` has room for");
            wrong("limits", message);
        }
        mistakes
    }

    /// What it is called, and what it points to.
    fn wrong_names(
        &self,
        surroundings: &Surroundings<'_>,
        wrong: &mut impl FnMut(&'static str, String),
    ) {
        let Self { id, upstream, .. } = self;
        if !surroundings.upstreams.contains(upstream) {
            let known = surroundings.upstreams.join("`, `");
            let message = format!("no upstream `{upstream}` is configured; there is `{known}`");
            wrong("upstream", message);
        }
        let by_id = Target::of(id);
        if self.target != by_id {
            let message = format!("`{id}` is of the target `{by_id}`, not `{}`", self.target);
            wrong("target", message);
        }
        for alias in &self.aliases {
            if let Some(why) = alias_mistake(alias, surroundings.routes) {
                wrong("aliases", format!("`{alias}`: {why}"));
            }
        }
        if surroundings.routes.path_of(id).is_none() && self.aliases.is_empty() {
            let message = format!("no route leads to `{id}`, and it has no alias");
            wrong("id", message);
        }
    }

    fn wrong_handshake(&self, wrong: &mut impl FnMut(&'static str, String)) {
        let Some(name) = &self.handshake else { return };
        let Some(handshake) = Handshake::named(name) else {
            let known = Handshake::all().iter().map(|handshake| handshake.name);
            let known = known.collect::<Vec<_>>().join("`, `");
            return wrong("handshake", format!("`{name}` is none of `{known}`"));
        };
        // A preset that there is not was reported as what it is.
        let scheme = self
            .auth
            .as_ref()
            .map_or(Ok(None), AuthDefinition::compiled);
        if let Ok(scheme) = scheme
            && let Err(why) = handshake.fits(scheme.as_ref())
        {
            wrong("handshake", format!("`{name}`: {why}"));
        }
        if self.verify_token().is_some() && self.verify_token() == self.secret() {
            let message = format!(
                "the verify token of `{name}` is sent to the endpoint in the open; what deliveries \
                 are proven with has to be another secret"
            );
            wrong("handshake", message);
        }
    }

    /// The path at the upstream.
    fn wrong_path(
        &self,
        surroundings: &Surroundings<'_>,
        wrong: &mut impl FnMut(&'static str, String),
    ) {
        let id = &self.id;
        let is_known = |name: &str| {
            matches!(name, "endpoint" | "path") || surroundings.routes.parameter(id, name).is_some()
        };
        let of_upstream = || surroundings.upstream_paths.get(&self.upstream);
        let path = self.path.as_ref().or_else(of_upstream);
        let mut names = path.into_iter().flat_map(PathTemplate::parameters);
        if let Some(name) = names.find(|name| !is_known(name)) {
            let whose = match self.path {
                Some(_) => String::new(),
                None => format!(", which the path of the upstream `{}` needs", self.upstream),
            };
            let message = format!("no route gives `{id}` a `{{{name}}}`{whose}");
            wrong("path", message);
        }
    }
}

fn alias_mistake(alias: &str, routes: &RouteTable) -> Option<&'static str> {
    let plain = alias.strip_prefix('/').is_some_and(|path| {
        alias.len() <= MAX_ALIAS_LEN && path.split('/').all(super::name::is_segment)
    });
    if !plain {
        Some("an alias is a path of plain names, such as `/hooks/orders`")
    } else if routes.resolve(alias).is_some() {
        Some("a route has that path already")
    } else {
        None
    }
}

/// In bytes, with the slash that it begins with.
pub(super) const MAX_ALIAS_LEN: usize = 512;
const LAST: std::ops::RangeInclusive<u16> = 1..=100;
const FOR_SECONDS: std::ops::RangeInclusive<u32> = 1..=7 * 86_400;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
