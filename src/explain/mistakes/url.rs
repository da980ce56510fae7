//! Other URLs that the sender may have signed, for schemes that sign the URL.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use http::{HeaderName, HeaderValue, header};

use super::Try;
use crate::explain::attempt::Attempt;
use crate::explain::wording::redact_url;

/// Tries URLs that differ from the judged one: first in one part, then in several.
pub(super) fn variants(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let Some(judged) = base.url.as_deref().filter(|_| base.scheme.covers_url()) else {
        return ControlFlow::Continue(());
    };
    let Some(parts) = Parts::of(judged) else {
        return ControlFlow::Continue(());
    };
    let alternatives = Alternatives::of(base, &parts);
    let mut tried = BTreeSet::from([judged.to_owned()]);
    for (changed, other) in alternatives.all(&parts) {
        let url = other.to_url();
        if tried.len() > MAX_URLS {
            break;
        }
        if tried.insert(url.clone()) {
            let detail = format!("its {changed} differs: {} was signed", redact_url(&url));
            try_it(&detail, base.with_url(&url))?;
        }
    }
    ControlFlow::Continue(())
}

/// The parts of a URL.
#[derive(Clone)]
struct Parts {
    scheme: String,
    host: String,
    /// The port with its colon, or empty.
    port: String,
    path: String,
    query: Option<String>,
}

impl Parts {
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end)?;
        let (host, port) = host_and_port(authority);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Some(Self {
            scheme: scheme.to_owned(),
            host,
            port,
            path: path.to_owned(),
            query,
        })
    }

    fn to_url(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        let Self {
            scheme,
            host,
            port,
            path,
            ..
        } = self;
        format!("{scheme}://{host}{port}{path}{}", query.unwrap_or_default())
    }
}

/// Splits off the port with its colon. The colons of an IPv6 address are inside brackets.
fn host_and_port(authority: &str) -> (String, String) {
    let colon = authority.rfind(':');
    let colon = colon.filter(|at| authority.rfind(']').is_none_or(|bracket| bracket < *at));
    let (host, port) = authority
        .split_at_checked(colon.unwrap_or(authority.len()))
        .unwrap_or((authority, ""));
    (host.to_owned(), port.to_owned())
}

/// The alternatives for each part.
struct Alternatives {
    schemes: Vec<String>,
    hosts: Vec<String>,
    ports: Vec<String>,
    slashes: Vec<String>,
    prefixes: Vec<String>,
    queries: Vec<Option<String>>,
    /// Usual URLs that nothing in the delivery points to. They are not combined with other changes.
    guesses: Vec<(Vec<&'static str>, Parts)>,
}

impl Alternatives {
    fn of(base: &Attempt, judged: &Parts) -> Self {
        let delivery = &base.context.delivery;
        let header = |name: HeaderName| -> Option<String> {
            let value = base.headers.get(name).map(HeaderValue::to_str)?.ok()?;
            Some(
                value
                    .split(',')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            )
        };
        let forwarded = |name: &'static str| header(HeaderName::from_static(name));
        let captured = delivery.seen_url.as_deref().and_then(Parts::of);
        let original_targets: Vec<String> = ORIGINAL_TARGETS
            .into_iter()
            .filter_map(forwarded)
            .filter(|target| target.starts_with('/'))
            .collect();
        let original_targets: Vec<(&str, Option<&str>)> = original_targets
            .iter()
            .map(|target| match target.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (target.as_str(), None),
            })
            .collect();
        let authorities = [
            header(header::HOST),
            forwarded("x-forwarded-host"),
            forwarded("x-original-host"),
        ];
        let known_authorities: Vec<(String, String)> = authorities
            .iter()
            .flatten()
            .map(|it| host_and_port(it))
            .chain(captured.iter().map(|it| (it.host.clone(), it.port.clone())))
            .collect();
        let other_scheme = if judged.scheme == "http" {
            "https"
        } else {
            "http"
        };
        let without_www = judged.host.strip_prefix("www.").map(str::to_owned);
        let www = without_www.unwrap_or_else(|| format!("www.{}", judged.host));
        let mut ports = vec![String::new(), ":443".to_owned(), ":80".to_owned()];
        ports.extend(forwarded("x-forwarded-port").map(|port| format!(":{port}")));
        ports.extend(known_authorities.iter().map(|(_, port)| port.clone()));
        let slash = match judged.path.strip_suffix('/') {
            Some(without) => without.to_owned(),
            None => format!("{}/", judged.path),
        };
        let mut prefixes = prefixes(
            &judged.path,
            &delivery.path,
            forwarded("x-forwarded-prefix"),
            captured.as_ref(),
        );
        prefixes.extend(original_targets.iter().map(|(path, _)| (*path).to_owned()));
        let mut queries = queries(judged.query.as_deref());
        let original_queries = original_targets.iter().filter_map(|(_, query)| *query);
        queries.extend(original_queries.map(|query| Some(query.to_owned())));
        Self {
            guesses: guesses(judged, other_scheme),
            schemes: vec![other_scheme.to_owned()],
            hosts: known_authorities
                .into_iter()
                .map(|(host, _)| host)
                .chain([www])
                .collect(),
            ports,
            slashes: vec![slash],
            prefixes,
            queries,
        }
    }

    /// Every alternative URL with the names of the changed parts, those with fewer changes first.
    fn all<'o>(&'o self, judged: &'o Parts) -> impl Iterator<Item = (String, Parts)> + 'o {
        let with_place = |host: Option<&String>, scheme: Option<&String>, port: Option<&String>| {
            let mut other = judged.clone();
            let mut changed = Vec::new();
            if let Some(scheme) = scheme {
                other.scheme.clone_from(scheme);
                changed.push("scheme");
            }
            if let Some(host) = host {
                other.host.clone_from(host);
                changed.push("host");
            }
            if let Some(port) = port {
                other.port.clone_from(port);
                changed.push("port");
            }
            (changed, other)
        };
        let options = |list: &'o [String]| {
            std::iter::once(None)
                .chain(list.iter().map(Some))
                .collect::<Vec<_>>()
        };
        let mut urls = Vec::new();
        for scheme in options(&self.schemes) {
            for host in options(&self.hosts) {
                for port in options(&self.ports) {
                    let (changed, place) = with_place(host, scheme, port);
                    urls.extend(self.targets(&changed, &place));
                }
            }
        }
        urls.extend(self.guesses.iter().cloned());
        urls.sort_by_key(|(changed, _)| changed.len());
        urls.into_iter()
            .filter(|(changed, _)| !changed.is_empty())
            .map(|(changed, other)| (changed.join(" and "), other))
    }

    /// The same scheme, host and port with every path and query.
    fn targets(&self, changed: &[&'static str], place: &Parts) -> Vec<(Vec<&'static str>, Parts)> {
        let mut urls = vec![(changed.to_vec(), place.clone())];
        let mut add = |what: &'static str, change: &dyn Fn(&mut Parts)| {
            let mut other = place.clone();
            change(&mut other);
            urls.push(([changed, &[what]].concat(), other));
        };
        for path in &self.slashes {
            add("slash at the end", &|other| other.path.clone_from(path));
        }
        for path in &self.prefixes {
            add("path", &|other| other.path.clone_from(path));
        }
        for query in &self.queries {
            add("query", &|other| other.query.clone_from(query));
        }
        urls
    }
}

/// The usual ports of development servers and proxies, the usual prefixes of gateways, and doubled slashes.
fn guesses(judged: &Parts, other_scheme: &str) -> Vec<(Vec<&'static str>, Parts)> {
    let mut guesses = Vec::new();
    for port in USUAL_PORTS {
        let other = Parts {
            port: port.to_owned(),
            ..judged.clone()
        };
        let with_scheme = Parts {
            scheme: other_scheme.to_owned(),
            ..other.clone()
        };
        guesses.push((vec!["port"], other));
        guesses.push((vec!["scheme", "port"], with_scheme));
    }
    let with_path = |path: String| Parts {
        path,
        ..judged.clone()
    };
    for prefix in USUAL_PREFIXES {
        let path = format!("{prefix}{}", judged.path);
        guesses.push((vec!["path"], with_path(path)));
    }
    let slashes = judged.path.match_indices('/').take(MAX_SLASHES);
    for (at, _) in slashes {
        let mut path = judged.path.clone();
        path.insert(at, '/');
        guesses.push((vec!["number of slashes"], with_path(path)));
    }
    guesses
}

/// Paths with a prefix that a proxy may have added or removed.
fn prefixes(
    judged: &str,
    sent_path: &str,
    prefix: Option<String>,
    captured: Option<&Parts>,
) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    paths.extend((sent_path != judged).then(|| sent_path.to_owned()));
    paths.extend(captured.map(|captured| captured.path.clone()));
    paths.extend(prefix.map(|prefix| format!("{}{judged}", prefix.trim_end_matches('/'))));
    let mut rest = judged;
    for _ in 0..MAX_SEGMENTS_CUT {
        let Some(at) = rest.get(1..).and_then(|text| text.find('/')) else {
            break;
        };
        rest = rest.get(at + 1..).unwrap_or_default();
        paths.push(rest.to_owned());
    }
    paths
}

/// No query, and other encodings of the same query.
fn queries(judged: Option<&str>) -> Vec<Option<String>> {
    let Some(query) = judged else {
        return vec![Some(String::new())];
    };
    let mut queries = vec![None];
    let decoded = super::form::percent_decoded(query.as_bytes());
    queries.extend(String::from_utf8(decoded).ok().map(Some));
    queries.push(Some(query.replace('+', "%20")));
    queries.push(Some(query.replace("%20", "+")));
    let mut pairs: Vec<&str> = query.split('&').collect();
    queries.extend(pairs.split_last().map(|(_, rest)| Some(rest.join("&"))));
    pairs.sort_unstable();
    queries.push(Some(pairs.join("&")));
    queries
}

/// Headers in which proxies keep the target that they have rewritten.
const ORIGINAL_TARGETS: [&str; 4] = [
    "x-original-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-rewrite-url",
];
const USUAL_PORTS: [&str; 5] = [":8443", ":8080", ":8000", ":3000", ":5000"];
const USUAL_PREFIXES: [&str; 14] = [
    "/prod",
    "/production",
    "/stage",
    "/staging",
    "/dev",
    "/test",
    "/default",
    "/api",
    "/api/v1",
    "/v1",
    "/v2",
    "/hooks",
    "/webhooks",
    "/proxy",
];
/// The most slashes of a path that are doubled.
const MAX_SLASHES: usize = 8;
/// The most URLs to try for one body.
const MAX_URLS: usize = 450;
/// The most path segments that a proxy is assumed to remove.
const MAX_SEGMENTS_CUT: usize = 3;
