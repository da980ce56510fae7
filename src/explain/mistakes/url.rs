//! URLs that are not the one that was signed, where a scheme signs the URL.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use http::{HeaderName, HeaderValue, header};

use super::Try;
use crate::explain::attempt::Attempt;
use crate::explain::wording::shown_url;

/// Tries what differs between the URL that the sender was told and the one that the gate knows: first one part
/// of it, then several.
pub(super) fn variants(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let Some(judged) = base.url.as_deref().filter(|_| base.scheme.covers_url()) else {
        return ControlFlow::Continue(());
    };
    let Some(parts) = Parts::of(judged) else {
        return ControlFlow::Continue(());
    };
    let others = Others::of(base, &parts);
    let mut tried = BTreeSet::from([judged.to_owned()]);
    for (changed, other) in others.all(&parts) {
        let url = other.written();
        if tried.len() > MAX_URLS {
            break;
        }
        if tried.insert(url.clone()) {
            let detail = format!("its {changed} differs: {} was signed", shown_url(&url));
            try_it(&detail, base.with_url(&url))?;
        }
    }
    ControlFlow::Continue(())
}

/// A URL, taken apart.
#[derive(Clone)]
struct Parts {
    scheme: String,
    host: String,
    /// With its colon, or empty.
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

    fn written(&self) -> String {
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

/// The port with its colon; the colons of an IPv6 address stand in brackets.
fn host_and_port(authority: &str) -> (String, String) {
    let colon = authority.rfind(':');
    let colon = colon.filter(|at| authority.rfind(']').is_none_or(|bracket| bracket < *at));
    let (host, port) = authority
        .split_at_checked(colon.unwrap_or(authority.len()))
        .unwrap_or((authority, ""));
    (host.to_owned(), port.to_owned())
}

/// What each part may have been.
struct Others {
    schemes: Vec<String>,
    hosts: Vec<String>,
    ports: Vec<String>,
    slashes: Vec<String>,
    prefixes: Vec<String>,
    queries: Vec<Option<String>>,
}

impl Others {
    fn of(base: &Attempt, judged: &Parts) -> Self {
        let delivery = &base.known.delivery;
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
        let seen = delivery.seen_url.as_deref().and_then(Parts::of);
        let authorities = [
            header(header::HOST),
            forwarded("x-forwarded-host"),
            forwarded("x-original-host"),
        ];
        let known: Vec<(String, String)> = authorities
            .iter()
            .flatten()
            .map(|it| host_and_port(it))
            .chain(seen.iter().map(|it| (it.host.clone(), it.port.clone())))
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
        ports.extend(known.iter().map(|(_, port)| port.clone()));
        let slash = match judged.path.strip_suffix('/') {
            Some(without) => without.to_owned(),
            None => format!("{}/", judged.path),
        };
        Self {
            schemes: vec![other_scheme.to_owned()],
            hosts: known
                .into_iter()
                .map(|(host, _)| host)
                .chain([www])
                .collect(),
            ports,
            slashes: vec![slash],
            prefixes: prefixes(
                &judged.path,
                &delivery.path,
                forwarded("x-forwarded-prefix"),
                seen.as_ref(),
            ),
            queries: queries(judged.query.as_deref()),
        }
    }

    /// Every URL, with what it differs in: one part first, then several.
    fn all<'o>(&'o self, judged: &'o Parts) -> impl Iterator<Item = (String, Parts)> + 'o {
        let of_place = |host: Option<&String>, scheme: Option<&String>, port: Option<&String>| {
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
        let mut found = Vec::new();
        for scheme in options(&self.schemes) {
            for host in options(&self.hosts) {
                for port in options(&self.ports) {
                    let (changed, place) = of_place(host, scheme, port);
                    found.extend(self.targets(&changed, &place));
                }
            }
        }
        found.sort_by_key(|(changed, _)| changed.len());
        found
            .into_iter()
            .filter(|(changed, _)| !changed.is_empty())
            .map(|(changed, other)| (changed.join(" and "), other))
    }

    /// The same place with every path and query.
    fn targets(&self, changed: &[&'static str], place: &Parts) -> Vec<(Vec<&'static str>, Parts)> {
        let mut found = vec![(changed.to_vec(), place.clone())];
        let mut add = |what: &'static str, change: &dyn Fn(&mut Parts)| {
            let mut other = place.clone();
            change(&mut other);
            found.push(([changed, &[what]].concat(), other));
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
        found
    }
}

/// Paths with more in front, or less: what a proxy takes away or puts there.
fn prefixes(judged: &str, sent: &str, prefix: Option<String>, seen: Option<&Parts>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    paths.extend((sent != judged).then(|| sent.to_owned()));
    paths.extend(seen.map(|seen| seen.path.clone()));
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

/// No query at all, and other ways to write the same one.
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

/// So many URLs are tried for one body.
const MAX_URLS: usize = 400;
/// No proxy cuts more off a path.
const MAX_SEGMENTS_CUT: usize = 3;
