//! Texts that steps and causes share.

use jiff::SignedDuration;

use crate::auth::{Defect, MAX_PARSED_BODY_BYTES, Scheme, TimestampUnit};

/// The proof that a scheme expects, in words.
pub(super) fn describe_expected_proof(scheme: &Scheme) -> String {
    let rules = scheme.signatures().iter().map(|rule| {
        let prefix = rule.tagged.as_ref().map(ToString::to_string);
        let proof = match scheme.algorithm().signature_len() {
            Some(len) if len.start() == len.end() => {
                format!("<{} bytes in {}>", len.end(), rule.encoding.name())
            }
            Some(_) => format!("<a signature in {}>", rule.encoding.name()),
            None => "<token>".to_owned(),
        };
        format!("{} `{}{proof}`", rule.from, prefix.unwrap_or_default())
    });
    rules.collect::<Vec<_>>().join(", or ")
}

/// The value that made a proof fail, in a sentence.
#[expect(clippy::too_many_lines, reason = "a table: one row for each defect")]
pub(super) fn describe_defect(defect: &Defect) -> String {
    match defect {
        Defect::Algorithm => "it names an algorithm other than the scheme's".to_owned(),
        Defect::BodyEdge => {
            "the body begins or ends with a character that the adjacent signed value may contain: \
                             the end of the value is unclear"
                .to_owned()
        }
        Defect::BodyNotText => {
            "the body is not text (UTF-8 without NUL), and a plain digest covers only text"
                .to_owned()
        }
        Defect::Border {
            value,
            text: Some(text),
        } => format!(
            "{} contains `{}`, the separator between signed values",
            printable(value),
            printable(text)
        ),
        Defect::Border { value, text: None } => format!(
            "{} is written so that its end in the signed message is unclear",
            printable(value)
        ),
        Defect::CertificateUrl => {
            "SigningCertURL is not the URL of an Amazon SNS certificate in the topic's region"
                .to_owned()
        }
        Defect::Charset => {
            "Content-Type names a charset other than UTF-8: the backend would read other characters \
                            than were signed"
                .to_owned()
        }
        Defect::Claim {
            name,
            is_missing: true,
        } => format!("the token lacks the claim `{}`", printable(name)),
        Defect::Claim { name, .. } => format!(
            "the claim `{}` of the token has another value than this endpoint expects",
            printable(name)
        ),
        Defect::ClaimNotTime(name) => format!(
            "the claim `{}` of the token is not a time in seconds since 1970",
            printable(name)
        ),
        Defect::Component(name) => format!("the signature does not cover `{}`", printable(name)),
        Defect::ContentEncoding => {
            "the body has a Content-Encoding: the gate reads signed values from the body \
                                    and does not decompress it"
                .to_owned()
        }
        Defect::Contradiction(source) => {
            format!("the places of {} have different values", printable(source))
        }
        Defect::FoldedName { name, place } => format!(
            "`{}` is sent in addition to the signed {}: some backends confuse the two",
            printable(name),
            printable(place)
        ),
        Defect::ProofTooLong(place) => {
            format!(
                "{} is longer than 8 KiB, the limit of the gate",
                printable(place)
            )
        }
        Defect::FormMalformed => "the body is not an unambiguous form".to_owned(),
        Defect::HeaderList {
            place,
            name: Some(name),
        } => format!(
            "{} lists `{}`, but each name must be in lower case and appear once",
            printable(place),
            printable(name)
        ),
        Defect::HeaderList { place, name: None } => format!(
            "{} must have exactly one list of at most 100 signed headers",
            printable(place)
        ),
        Defect::HeaderValue { name, expected } => format!(
            "the header {} is not `{}`, which the scheme expects",
            printable(name),
            printable(expected)
        ),
        Defect::JsonMalformed => {
            "the body is not JSON, and signed values are read from it".to_owned()
        }
        Defect::Missing(source) => format!("a signed value is missing: {}", printable(source)),
        Defect::NoUrl => "the URL is signed, and no URL was given".to_owned(),
        Defect::NotForm => {
            "Content-Type does not declare a form, and signed values are read from a form"
                .to_owned()
        }
        Defect::NotJson => {
            "Content-Type names another format than JSON, or two types, and signed values are read from JSON"
                .to_owned()
        }
        Defect::NotScalar(place) => format!("{} is neither a string nor a number", printable(place)),
        Defect::QueryMalformed => "the query is ambiguous".to_owned(),
        Defect::Repeated(place) => {
            format!(
                "{} is repeated with different values",
                printable(place)
            )
        }
        Defect::ShadowedByQuery(name) => format!(
            "the query has the parameter `{}`: some backends read it instead of the signed value of the body",
            printable(name)
        ),
        Defect::Tag(tag) => format!(
            "the signature header does not contain `{}` exactly once",
            printable(tag)
        ),
        Defect::TagUnexpected(expected) => format!(
            "the signature does not have the tag `{}`, which the scheme expects",
            printable(expected)
        ),
        Defect::Timestamp { text, expected } => {
            let unit = match expected {
                TimestampUnit::HttpDate => "an HTTP date",
                TimestampUnit::Milliseconds => "milliseconds since 1970, digits only",
                TimestampUnit::Rfc3339 => "RFC 3339",
                TimestampUnit::Seconds => "seconds since 1970, digits only",
            };
            format!(
                "the signed time is `{}`, and the scheme expects {unit}",
                printable(text)
            )
        }
        Defect::TooLargeToRead => {
            format!(
                "the body is larger than {MAX_PARSED_BODY_BYTES} bytes, or has more names than the gate reads: \
                 no values are read from it"
            )
        }
        Defect::TooManyParameters => "the query has more parameters than the gate reads".to_owned(),
        Defect::Topic => "the message is from another topic than the endpoint's".to_owned(),
        Defect::WrongType(place) => format!(
            "a value on the path {} is not the array or object that the scheme reads",
            printable(place)
        ),
    }
}

/// A text from a sender, cut and without control characters, so that it is safe on a terminal.
fn printable(text: &str) -> String {
    text.chars().take(MAX_VALUE_SHOWN).map(visible).collect()
}

/// Replaces control characters, which a terminal would interpret.
pub(super) fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

/// Enough to recognise a name or a time.
const MAX_VALUE_SHOWN: usize = 80;

/// A URL for output, without parameter values that may be credentials and without control characters.
pub(super) fn redact_url(url: &str) -> String {
    let url: String = url.chars().take(MAX_URL_SHOWN).map(visible).collect();
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
    CREDENTIALS.iter().any(|prefix| name.contains(prefix))
}

/// Parts of parameter names that mark a credential.
const CREDENTIALS: &[&str] = &[
    "auth", "code", "cred", "jwt", "key", "pass", "pwd", "secret", "session", "sig", "token",
];
const MAX_URL_SHOWN: usize = 2000;

/// The age of a signature relative to `reference`, such as `now`.
pub(super) fn describe_age(seconds: i64, reference: &str) -> String {
    let size = SignedDuration::from_secs(seconds.saturating_abs());
    let unit = |name, count: i64| format!("{count} {name}");
    let rounded = match size.as_secs() {
        0 => return "signed in the same second".to_owned(),
        short @ 1..120 => unit("s", short),
        short @ 120..7200 => unit("min", short / 60),
        long @ 7200..172_800 => unit("h", long / 3600),
        long => unit("days", long / 86_400),
    };
    let exact = size.as_secs();
    if seconds > 0 {
        format!("signed {rounded} ({exact} s) before {reference}")
    } else {
        format!("signed {rounded} ({exact} s) after {reference}")
    }
}
