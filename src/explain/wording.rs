//! How steps and causes put what both of them say.

use jiff::SignedDuration;

use crate::auth::{Defect, MAX_PARSED_BODY_BYTES, Scheme, TimestampUnit};

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

/// The value that made a proof fail, in a sentence.
#[expect(clippy::too_many_lines, reason = "a table: one row for each defect")]
pub(super) fn said_defect(defect: &Defect) -> String {
    match defect {
        Defect::Algorithm => "it names another algorithm than the scheme's".to_owned(),
        Defect::BodyEdge => {
            "the body begins or ends with a character that the signed value beside it could hold, \
                             too: nobody can tell where the value ends"
                .to_owned()
        }
        Defect::BodyNotText => {
            "the body is no text (UTF-8 without NUL), and a plain digest covers text only"
                .to_owned()
        }
        Defect::Border {
            value,
            text: Some(text),
        } => format!(
            "{} holds `{}`, which separates it from another value in what is signed",
            plain(value),
            plain(text)
        ),
        Defect::Border { value, text: None } => format!(
            "{} is written so that nobody can tell where it ends in what is signed",
            plain(value)
        ),
        Defect::CertificateUrl => {
            "SigningCertURL does not lead to a certificate of Amazon SNS in the topic's region"
                .to_owned()
        }
        Defect::Charset => {
            "Content-Type names another charset than UTF-8: a backend would read other characters \
                            than those that were signed"
                .to_owned()
        }
        Defect::Claim {
            name,
            is_missing: true,
        } => format!("the token lacks the claim `{}`", plain(name)),
        Defect::Claim { name, .. } => format!(
            "the claim `{}` of the token is not what this endpoint expects",
            plain(name)
        ),
        Defect::Component(name) => format!("the signature does not cover `{}`", plain(name)),
        Defect::ContentEncoding => {
            "the body has a Content-Encoding: the gate reads signed values from bodies as \
                                    they are sent, and unpacks none"
                .to_owned()
        }
        Defect::Contradiction(source) => {
            format!("the places of {} hold different values", plain(source))
        }
        Defect::FoldedName { name, place } => format!(
            "there is `{}` beside the signed {}: some backends take one for the other",
            plain(name),
            plain(place)
        ),
        Defect::ProofTooLong(place) => {
            format!(
                "{} is longer than 8 KiB, the most that the gate parses",
                plain(place)
            )
        }
        Defect::FormMalformed => "the body cannot be read as a form in one way only".to_owned(),
        Defect::HeaderValue { name, expected } => format!(
            "the header {} does not say `{}`, which the scheme expects",
            plain(name),
            plain(expected)
        ),
        Defect::JsonMalformed => {
            "the body is no JSON, and signed values are read from it".to_owned()
        }
        Defect::Missing(source) => format!("a signed value is missing: {}", plain(source)),
        Defect::NoUrl => "the URL is signed, and none was given".to_owned(),
        Defect::NotForm => {
            "Content-Type does not say that the body is a form, and signed values are read from one"
                .to_owned()
        }
        Defect::NotScalar(place) => format!("{} is no text and no number", plain(place)),
        Defect::Repeated(place) => {
            format!(
                "{} is there more than once, with different values",
                plain(place)
            )
        }
        Defect::ShadowedByQuery(name) => format!(
            "the query has the parameter `{}`: some backends take it for a signed value of the body",
            plain(name)
        ),
        Defect::Tag(tag) => format!(
            "`{}` does not stand exactly once beside the signature",
            plain(tag)
        ),
        Defect::Timestamp { text, expected } => {
            let wanted = match expected {
                TimestampUnit::HttpDate => "a date of HTTP",
                TimestampUnit::Milliseconds => "milliseconds since 1970, digits only",
                TimestampUnit::Rfc3339 => "RFC 3339",
                TimestampUnit::Seconds => "seconds since 1970, digits only",
            };
            format!(
                "the time of the signature is `{}`, and the scheme expects {wanted}",
                plain(text)
            )
        }
        Defect::TooLargeToRead => {
            format!(
                "the body is larger than {MAX_PARSED_BODY_BYTES} bytes: no values are read from it"
            )
        }
        Defect::TooManyParameters => "the query has more parameters than the gate reads".to_owned(),
        Defect::Topic => "the message is of another topic than the endpoint's".to_owned(),
    }
}

/// What a sender wrote, without what would reach a terminal as commands.
fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(MAX_VALUE_SHOWN).map(visible).collect()
}

/// Enough to recognise a name or a time by.
const MAX_VALUE_SHOWN: usize = 80;

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
