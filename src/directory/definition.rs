//! An endpoint as people write it down, and everything that can be wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EndpointId, Name, PathTemplate, RouteTable, Target};
use crate::auth::Mode;
use crate::secrets::SecretRef;

/// The declared form of an endpoint: what a file or a command says, and what the store keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its id.
    pub id: EndpointId,
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The run-time that it belongs to.
    pub target: Target,
    /// The name of the upstream that gets its deliveries.
    pub upstream: String,
    /// The path at the upstream, if it is not the one that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathTemplate>,
    /// How senders prove themselves. Without it every delivery is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthDefinition>,
    /// The methods that it takes; `POST` if nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Literal paths that lead to it beside its route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The name of the event that its deliveries stand for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<Name>,
    /// Anything that its owner wants to remember.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its own limits, where they differ from the server's.
    #[serde(default, skip_serializing_if = "LimitsDefinition::is_default")]
    pub limits: LimitsDefinition,
    /// Whether the backend gets the token that proved a delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward_credentials: bool,
    /// Whether it takes deliveries.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Definition {
    /// Everything that is wrong with it in its surroundings.
    pub fn mistakes(&self, surroundings: &Surroundings<'_>) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut wrong = |key, message| mistakes.push(Mistake { key, message });
        if !surroundings
            .upstreams
            .iter()
            .any(|known| known == &self.upstream)
        {
            let known = surroundings.upstreams.join("`, `");
            wrong(
                "upstream",
                format!(
                    "no upstream `{}` is configured; there is `{known}`",
                    self.upstream
                ),
            );
        }
        let by_id = Target::of(&self.id);
        if self.target != by_id {
            wrong(
                "target",
                format!(
                    "`{}` is of the target `{by_id}`, not `{}`",
                    self.id, self.target
                ),
            );
        }
        self.auth_mistakes(surroundings, &mut wrong);
        for alias in &self.aliases {
            if let Some(why) = alias_mistake(alias, surroundings.routes) {
                wrong("aliases", format!("`{alias}`: {why}"));
            }
        }
        if surroundings.routes.path_of(&self.id).is_none() && self.aliases.is_empty() {
            wrong(
                "id",
                format!("no route leads to `{}`, and it has no alias", self.id),
            );
        }
        let unknown = self
            .path
            .iter()
            .flat_map(PathTemplate::parameters)
            .find(|name| {
                !matches!(*name, "endpoint" | "path")
                    && surroundings.routes.parameter(&self.id, name).is_none()
            });
        if let Some(name) = unknown {
            wrong(
                "path",
                format!("no route gives `{}` a `{{{name}}}`", self.id),
            );
        }
        for method in &self.methods {
            if !METHODS.contains(&method.as_str()) {
                let known = METHODS.join("`, `");
                wrong("methods", format!("`{method}` is none of `{known}`"));
            }
        }
        if self.limits.max_body_bytes == Some(0) || self.limits.max_multipart_bytes == Some(0) {
            wrong(
                "limits",
                "a limit of no bytes would refuse every body".to_owned(),
            );
        }
        mistakes
    }

    fn auth_mistakes(
        &self,
        surroundings: &Surroundings<'_>,
        wrong: &mut impl FnMut(&'static str, String),
    ) {
        let Some(auth) = &self.auth else { return };
        if auth.mode == Mode::None && !surroundings.allow_unauthenticated {
            wrong(
                "auth",
                "mode `none` lets everybody in; the server's configuration must say \
                 `allow_unauthenticated = true` first"
                    .to_owned(),
            );
        }
        if auth.mode == Mode::None && auth.secret.is_some() {
            wrong("auth", "mode `none` has no secret".to_owned());
        }
        if let Some(header) = &auth.header {
            if !auth.mode.takes_header() {
                wrong(
                    "auth",
                    format!(
                        "mode `{}` has its own header; only `api-key` takes one",
                        auth.mode
                    ),
                );
            } else if header.parse::<http::HeaderName>().is_err() {
                wrong("auth", format!("`{header}` is no name of a header"));
            }
        }
        let signed = auth
            .mode
            .scheme(None)
            .is_some_and(|scheme| scheme.covers_body());
        if signed && self.methods.iter().any(|method| method != "POST") {
            wrong(
                "methods",
                format!(
                    "mode `{}` proves a body, so it takes `POST` only",
                    auth.mode
                ),
            );
        }
    }
}

/// How senders prove themselves, as it is written down.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthDefinition {
    /// The mode.
    pub mode: Mode,
    /// The header of the token, for modes that let it be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The secret; the slot `webhook` of the endpoint itself if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
}

impl AuthDefinition {
    /// The secret that deliveries to `endpoint` are judged by, if the mode has one.
    pub fn secret_of(&self, endpoint: &EndpointId) -> Option<SecretRef> {
        if self.mode == Mode::None {
            return None;
        }
        self.secret
            .clone()
            .or_else(|| SecretRef::new(endpoint.as_str(), DEFAULT_SLOT).ok())
    }
}

/// Limits of one endpoint.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsDefinition {
    /// The largest body, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// The largest `multipart/*` body under a signed mode, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_multipart_bytes: Option<u64>,
    /// How long a body may take to arrive, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_timeout_ms: Option<u64>,
}

impl LimitsDefinition {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a definition has to fit into.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The names of the upstreams.
    pub upstreams: &'a [String],
    /// The routes.
    pub routes: &'a RouteTable,
    /// Whether endpoints may ask for no proof.
    pub allow_unauthenticated: bool,
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

fn alias_mistake(alias: &str, routes: &RouteTable) -> Option<&'static str> {
    let plain = alias.strip_prefix('/').is_some_and(|path| {
        path.len() <= MAX_ALIAS_LEN && path.split('/').all(super::name::is_segment)
    });
    if !plain {
        Some("an alias is a path of plain names, such as `/hooks/orders`")
    } else if routes.resolve(alias).is_some() {
        Some("a route has that path already")
    } else {
        None
    }
}

const fn yes() -> bool {
    true
}

const DEFAULT_SLOT: &str = "webhook";
const MAX_ALIAS_LEN: usize = 512;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
