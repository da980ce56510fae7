//! What a capture must not hold: everything that lets somebody in.

use crate::auth::{Covers, Scheme, Source, WorkspaceToken};

/// What a scheme says about the places of a head.
pub(super) struct Redaction {
    /// Where the secret itself is sent.
    secret: Vec<String>,
    /// Where a signature and what it covers are: useless to whoever has no secret, needed to explain.
    kept: Vec<String>,
}

impl Redaction {
    pub(super) fn of(scheme: Option<&Scheme>) -> Self {
        let mut redaction = Self {
            secret: Vec::new(),
            kept: Vec::new(),
        };
        let Some(scheme) = scheme else {
            return redaction;
        };
        let proofs = scheme
            .signatures()
            .iter()
            .flat_map(|rule| places(&rule.from));
        // What does not cover the body proves any body: it lets in whoever has it. So may a token that
        // says itself what it covers, and whatever else somebody puts where credentials belong.
        let is_bound = scheme.covers() > Covers::Head && !scheme.has_envelope();
        if is_bound {
            let kept = proofs.chain(scheme.id().into_iter().flat_map(places));
            redaction.kept = kept.filter(|place| place != AUTHORIZATION).collect();
        } else {
            redaction.secret = proofs.collect();
        }
        redaction
    }

    /// Whether the value of a header is a credential. The name is in lower case.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        self.hides("header", name, HEADER_WORDS)
    }

    /// The query without the values that are credentials; their names are added to `hidden`.
    pub(super) fn query(&self, query: &str, hidden: &mut Vec<String>) -> String {
        let pairs = query.split('&').map(|pair| {
            let name = form_urlencoded::parse(pair.as_bytes()).next();
            let name = name.map_or_else(String::new, |(name, _)| name.into_owned());
            let written = pair.split('=').next().unwrap_or_default();
            let has_token = pair.contains(WorkspaceToken::PREFIX);
            if !has_token && !self.hides("query", &name, QUERY_WORDS) {
                return pair.to_owned();
            }
            hidden.push(format!(
                "query:{}",
                written.chars().take(MAX_NAMED).collect::<String>()
            ));
            format!("{written}={REDACTED}")
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    fn hides(&self, kind: &str, name: &str, words: &[&str]) -> bool {
        let place = format!("{kind}:{name}");
        let is_it = |secret: &String| match secret.strip_suffix('*') {
            Some(numbered) => place.starts_with(&numbered.replacen("headers:", "header:", 1)),
            None => *secret == place,
        };
        if self.secret.iter().any(is_it) {
            return true;
        }
        let name = name.to_ascii_lowercase();
        !self.kept.contains(&place) && words.iter().any(|word| name.contains(word))
    }
}

fn places(source: &Source) -> Vec<String> {
    source.to_string().split('|').map(str::to_owned).collect()
}

const AUTHORIZATION: &str = "header:authorization";

/// So much of a name is told.
const MAX_NAMED: usize = 64;

/// What stands in place of a credential.
pub(super) const REDACTED: &str = "redacted";

/// What names of headers with credentials have in them. One too many is a line less in a capture.
const HEADER_WORDS: &[&str] = &[
    "assertion",
    "auth",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "pass",
    "referer",
    "secret",
    "session",
    "token",
];
const QUERY_WORDS: &[&str] = &[
    "assertion",
    "auth",
    "bearer",
    "code",
    "credential",
    "jwt",
    "key",
    "pass",
    "secret",
    "session",
    "token",
];
