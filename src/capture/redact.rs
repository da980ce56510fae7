//! Removes credentials from captures.

use crate::auth::{Covers, Scheme, Source, TokenKind};

/// The places of a head that hold credentials, and the exceptions.
pub(super) struct Redaction {
    /// Places of a secret or of a proof that is valid for any body.
    secret: Vec<String>,
    /// Places of a signature over the body and of the event id. `explain` needs them, and they are useless without the
    /// secret.
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
        // A proof that does not cover the body is valid for any body, so it is a credential. A token with an envelope
        // may be one too. `Authorization` is always treated as a credential.
        let is_bound = scheme.covers() > Covers::Head && !scheme.has_envelope();
        if is_bound {
            let kept = proofs.chain(scheme.id().into_iter().flat_map(places));
            redaction.kept = kept.filter(|place| place != AUTHORIZATION).collect();
        } else {
            redaction.secret = proofs.collect();
        }
        redaction
    }

    /// Whether the value of a header may be a credential. The name is in lower case.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        self.hides("header", name, HEADER_WORDS)
    }

    /// The query without values that may be credentials. Their names are added to `hidden`.
    pub(super) fn query(&self, query: &str, hidden: &mut Vec<String>) -> String {
        let pairs = query.split('&').map(|pair| {
            let name = form_urlencoded::parse(pair.as_bytes()).next();
            let name = name.map_or_else(String::new, |(name, _)| name.into_owned());
            let raw_name = pair.split('=').next().unwrap_or_default();
            let has_token = TokenKind::is_any_in(pair.as_bytes());
            if !has_token && !self.hides("query", &name, QUERY_WORDS) {
                return pair.to_owned();
            }
            hidden.push(format!(
                "query:{}",
                raw_name.chars().take(MAX_NAME_SHOWN).collect::<String>()
            ));
            format!("{raw_name}={REDACTED}")
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    fn hides(&self, kind: &str, name: &str, words: &[&str]) -> bool {
        let place = format!("{kind}:{name}");
        let is_place = |secret: &String| match secret.strip_suffix('*') {
            Some(numbered) => place.starts_with(&numbered.replacen("headers:", "header:", 1)),
            None => *secret == place,
        };
        if self.secret.iter().any(is_place) {
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

/// The length to which a parameter name is cut.
const MAX_NAME_SHOWN: usize = 64;

/// The replacement of a removed value.
pub(super) const REDACTED: &str = "redacted";

/// Parts of header names that mark a credential. A false match only costs a value in a capture.
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
