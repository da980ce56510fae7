//! How steps and causes put what both of them say.

use jiff::SignedDuration;

use crate::auth::Scheme;

/// The proof that a scheme expects, for people.
pub(super) fn expectation(scheme: &Scheme) -> String {
    let rules = scheme.signatures().iter().map(|rule| {
        let word = rule.tagged.as_ref().map(ToString::to_string);
        let proof = match scheme.algorithm().signature_len() {
            Some(len) if len.start() == len.end() => {
                format!("<{} bytes in {}>", len.end(), rule.encoding.name())
            }
            Some(_) => format!("<a signature in {}>", rule.encoding.name()),
            None => "<token>".to_owned(),
        };
        format!("{} `{}{proof}`", rule.from, word.unwrap_or_default())
    });
    rules.collect::<Vec<_>>().join(", or ")
}

/// A URL for people and scripts, without the values of parameters that may be credentials, and without what
/// would reach a terminal as commands.
pub(super) fn shown_url(url: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let url: String = url.chars().take(MAX_URL_SHOWN).map(plain).collect();
    let (place, query) = match url.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (&*url, None),
    };
    let place = match (place.find("://"), place.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let (before, after) = (place.get(..scheme + 3), place.get(at..));
            format!(
                "{}…{}",
                before.unwrap_or_default(),
                after.unwrap_or_default()
            )
        }
        _ => place.to_owned(),
    };
    let Some(query) = query else { return place };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() && may_be_credential(name) => {
            format!("{name}=…")
        }
        _ => pair.to_owned(),
    });
    format!("{place}?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn may_be_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CREDENTIALS.iter().any(|word| name.contains(word))
}

/// What names of parameters with a credential have in them.
const CREDENTIALS: &[&str] = &[
    "auth", "code", "cred", "jwt", "key", "pass", "pwd", "secret", "session", "sig", "token",
];
const MAX_URL_SHOWN: usize = 2000;

/// An age, for people.
pub(super) fn said_age(seconds: i64) -> String {
    let size = SignedDuration::from_secs(seconds.saturating_abs());
    let unit = |name, count: i64| format!("{count} {name}");
    let said = match size.as_secs() {
        0 => return "signed in the same second".to_owned(),
        short @ 1..120 => unit("s", short),
        short @ 120..7200 => unit("min", short / 60),
        long @ 7200..172_800 => unit("h", long / 3600),
        long => unit("days", long / 86_400),
    };
    let exact = size.as_secs();
    if seconds > 0 {
        format!("signed {said} ({exact} s) before")
    } else {
        format!("signed {said} ({exact} s) after")
    }
}
