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
