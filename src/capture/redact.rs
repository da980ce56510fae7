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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Mode, Preset};

    fn of_preset(name: &str) -> Redaction {
        Redaction::of(Some(&Preset::named(name).unwrap().scheme))
    }

    fn of_mode(mode: Mode) -> Redaction {
        Redaction::of(mode.plain_scheme(None).unwrap().as_ref())
    }

    #[test]
    fn a_header_is_hidden_if_its_value_may_be_a_credential() {
        let none = || of_mode(Mode::None);
        for (redaction, name, is_hidden) in [
            (none(), "authorization", true),
            (none(), "proxy-authorization", true),
            (none(), "cookie", true),
            (none(), "referer", true),
            (none(), "x-api-key", true),
            (none(), "x-amz-security-token", true),
            (none(), "x-hub-signature-256", false),
            (none(), "content-type", false),
            (none(), "user-agent", false),
            // A signature over the body is useless without the secret, and `explain` needs it.
            (of_preset("github"), "x-hub-signature-256", false),
            (of_preset("github"), "x-github-delivery", false),
            (of_preset("github"), "x-gitlab-token", true),
            (of_preset("stripe"), "stripe-signature", false),
            // A token is valid for any body, whatever the name of its header.
            (of_preset("gitlab-token"), "x-gitlab-token", true),
            (of_mode(Mode::Secret), "authorization", true),
            // A signature over the URL alone is valid for any body.
            (of_preset("plivo-v2"), "x-plivo-signature-v2", true),
            // A signed token may be accepted elsewhere.
            (of_preset("monday"), "authorization", true),
            (of_preset("plaid"), "plaid-verification", true),
        ] {
            assert_eq!(redaction.hides_header(name), is_hidden, "{name}");
        }
    }

    #[test]
    fn a_query_keeps_its_order_and_its_harmless_values() {
        for (redaction, query, expected, hidden) in [
            (of_mode(Mode::None), "", "", &[][..]),
            (of_mode(Mode::None), "a=1&b", "a=1&b", &[]),
            (
                of_mode(Mode::None),
                "a=1&code=x&b=%20",
                "a=1&code=redacted&b=%20",
                &["query:code"],
            ),
            (
                of_mode(Mode::None),
                "%74oken=x&API-Key=y",
                "%74oken=redacted&API-Key=redacted",
                &["query:%74oken", "query:API-Key"],
            ),
            (
                of_mode(Mode::Secret),
                "token=x&token=y",
                "token=redacted&token=redacted",
                &["query:token", "query:token"],
            ),
        ] {
            let mut found = Vec::new();
            assert_eq!(redaction.query(query, &mut found), expected, "{query}");
            assert_eq!(found, hidden, "{query}");
        }
        let mut hidden = Vec::new();
        for query in ["a=pwt_x", "a=pop_x"] {
            assert_eq!(of_mode(Mode::None).query(query, &mut hidden), "a=redacted");
        }
        hidden.truncate(1);
        let query = format!("{}secret=x", "a".repeat(100));
        of_mode(Mode::None).query(&query, &mut hidden);
        assert_eq!(hidden[1], format!("query:{}", "a".repeat(MAX_NAME_SHOWN)));
    }
}
