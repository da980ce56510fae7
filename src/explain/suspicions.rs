//! What is likely where nothing could be proven: each from what the capture shows.

use http::header::CONTENT_ENCODING;

use super::attempt::Attempt;
use super::diagnose::said_age;
use super::diagnosis::Cause;
use super::judge::Failed;
use super::mistakes::headers_of;
use super::question::{JudgedAt, Question};
use crate::auth::{
    Preset, ProofError, Scheme, SignatureRule, TimestampSource, TimestampUnit, UnusableSecret,
};

/// All that apply, the most likely first. There is at least one.
pub(super) fn all(
    question: &Question,
    base: &Attempt,
    failed: Failed,
    age_seconds: Option<i64>,
) -> Vec<Cause> {
    let case = Case {
        question,
        base,
        failed,
        age_seconds,
    };
    let mut causes: Vec<Cause> = SUSPICIONS.iter().filter_map(|it| it(&case)).collect();
    if causes.is_empty() {
        causes.push(case.last_resort());
    }
    causes
}

struct Case<'q> {
    question: &'q Question,
    base: &'q Attempt,
    failed: Failed,
    age_seconds: Option<i64>,
}

const SUSPICIONS: &[fn(&Case<'_>) -> Option<Cause>] = &[
    wrong_time,
    secret_in_another_form,
    body_not_captured,
    body_cut_off,
    body_unpacked,
    body_empty,
    time_in_another_form,
    header_missing,
    header_malformed,
    characters_lost,
];

fn wrong_time(case: &Case<'_>) -> Option<Cause> {
    let stale = match case.failed {
        Failed::Proof(ProofError::TimestampStale) => true,
        Failed::Proof(ProofError::TimestampFuture) => false,
        _ => return None,
    };
    let age = case.age_seconds?;
    let said = said_age(age);
    if stale && case.question.judged_at == JudgedAt::Now {
        return Some(cause(
            "judged-late",
            format!("the signature is right, and the delivery was {said} the present"),
            Some(
                "if it was refused when it was sent: set the clock, or send at once after signing",
            ),
            Some("if it was captured back then: judge it at its own time, with --at"),
        ));
    }
    let hours = (age.saturating_abs() + 120) / 1800;
    let near_zone = (age.saturating_abs() - hours * 1800).abs() <= 120 && hours > 0 && hours <= 28;
    let (name, how) = if near_zone {
        (
            "clock-skew",
            "; a whole number of (half) hours: a local time was taken for UTC",
        )
    } else {
        ("clock-skew", "")
    };
    let direction = if stale { "behind" } else { "ahead" };
    Some(cause(
        name,
        format!(
            "the signature is right, but the sender's clock is {} s {direction}, or the delivery was kept \
             back: {said} it was judged{how}",
            age.saturating_abs()
        ),
        Some("set the clock (NTP), sign in UTC, and sign anew for every attempt to deliver"),
        Some("check the clock of this machine too"),
    ))
}

fn secret_in_another_form(case: &Case<'_>) -> Option<Cause> {
    let Failed::Secret(error) = case.failed else {
        return None;
    };
    let says = match error {
        UnusableSecret::Empty => "the secret is empty",
        UnusableSecret::Undecodable => "the secret is not in the encoding that the scheme expects",
    };
    let operator = Some("set the secret as the provider shows it: `portcullis secret set`");
    Some(cause("secret-unusable", says.to_owned(), None, operator))
}

fn body_not_captured(case: &Case<'_>) -> Option<Cause> {
    let relevant = !case.question.delivery.has_body && is_mismatch(case);
    relevant.then(|| {
        let says =
            "the capture has no body, or not all of it: a signature over it cannot be judged";
        let operator = Some("capture the delivery with its exact bytes");
        cause("body-not-captured", says.to_owned(), None, operator)
    })
}

fn body_cut_off(case: &Case<'_>) -> Option<Cause> {
    let delivery = &case.question.delivery;
    let announced = delivery.announced_len()?;
    let there = delivery.body.len() as u64;
    (is_mismatch(case) && announced > there).then(|| {
        cause(
            "body-truncated",
            format!("content-length says {announced} bytes, and {there} are there"),
            Some("send the whole body; count its bytes and not its characters"),
            Some("if the capture was saved by hand, it may be cut off: capture the exact bytes"),
        )
    })
}

fn body_unpacked(case: &Case<'_>) -> Option<Cause> {
    let encoding = case.base.headers.get(CONTENT_ENCODING)?.to_str().ok()?;
    let packed = case.base.body.starts_with(&[0x1f, 0x8b]);
    (is_mismatch(case) && !encoding.eq_ignore_ascii_case("identity") && !packed).then(|| {
        cause(
            "body-decompressed",
            "content-encoding says that the body is compressed, and it is not: it was unpacked on the \
             way, and the sender signed the packed bytes"
                .to_owned(),
            None,
            Some("nothing in front of the gate may unpack bodies"),
        )
    })
}

fn body_empty(case: &Case<'_>) -> Option<Cause> {
    (is_mismatch(case) && case.base.body.is_empty() && case.question.delivery.has_body).then(|| {
        cause(
            "body-empty",
            "the body is empty".to_owned(),
            Some("send what was signed"),
            Some("if the capture lost it, capture the exact bytes"),
        )
    })
}

fn time_in_another_form(case: &Case<'_>) -> Option<Cause> {
    let scheme = &case.base.scheme;
    let rule = scheme.timestamp()?;
    let TimestampSource::Source(source) = &rule.from else {
        return None;
    };
    let name = headers_of(source)
        .into_iter()
        .find(|name| case.base.headers.contains_key(name));
    let Some(name) = name else {
        let missing = case.failed == Failed::Proof(ProofError::SignatureMissing);
        return missing.then(|| {
            let says = format!("the time of the signature is missing: {source}");
            let sender = Some("send the time that was signed, in this header");
            cause("timestamp-missing", says, sender, None)
        });
    };
    let value = case.base.headers.get(&name)?.to_str().ok()?;
    let wanted = match rule.unit {
        TimestampUnit::Milliseconds => "milliseconds since 1970, digits only",
        TimestampUnit::Rfc3339 => "RFC 3339",
        _ => "seconds since 1970, digits only",
    };
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let malformed = case.failed == Failed::Proof(ProofError::SignatureMalformed);
    let wrong = malformed && digits == (rule.unit == TimestampUnit::Rfc3339);
    wrong.then(|| {
        let shown: String = value.chars().take(40).collect();
        let says = format!("{name} says `{shown}`, and the scheme expects {wanted}");
        let sender = Some("send the time in the documented unit, and sign it as it is sent");
        cause("timestamp-form", says, sender, None)
    })
}

fn header_missing(case: &Case<'_>) -> Option<Cause> {
    let missing = [ProofError::SignatureMissing, ProofError::TokenMissing];
    if !missing.map(Failed::Proof).contains(&case.failed) {
        return None;
    }
    let others: Vec<&str> = Preset::all()
        .iter()
        .filter(|preset| case.has_header_of(&preset.scheme))
        .map(|preset| preset.name)
        .take(MAX_PRESETS_NAMED)
        .collect();
    let expected = expectation(&case.base.scheme);
    if others.is_empty() {
        return Some(cause(
            "header-missing",
            format!("there is no proof; expected: {expected}"),
            Some(
                "fill in the secret where the webhook is configured, so that deliveries are signed",
            ),
            Some("look whether something in front of the gate takes headers away"),
        ));
    }
    Some(cause(
        "other-provider",
        format!(
            "the headers are those of {}, but the secret does not verify them; expected: {expected}",
            others.join(", ")
        ),
        None,
        Some("give the endpoint the sender's preset, and its secret"),
    ))
}

fn header_malformed(case: &Case<'_>) -> Option<Cause> {
    if case.failed != Failed::Proof(ProofError::SignatureMalformed) {
        return None;
    }
    let twice = |rule: &SignatureRule| {
        let mut names = headers_of(&rule.from).into_iter();
        names.any(|name| {
            let mut values = case.base.headers.get_all(name).iter();
            let first = values.next();
            values.any(|other| Some(other) != first)
        })
    };
    if case.base.scheme.signatures().iter().any(twice) {
        let says = "the header of the signature is there twice, with different values".to_owned();
        let sender = Some("send it once");
        return Some(cause("header-twice", says, sender, None));
    }
    Some(cause(
        "header-malformed",
        format!(
            "the signature has another form than expected: {}",
            expectation(&case.base.scheme)
        ),
        Some("write the header as documented: its word, its encoding, its whole length"),
        Some("if the capture was copied from a page, it may be shortened"),
    ))
}

fn characters_lost(case: &Case<'_>) -> Option<Cause> {
    let lost = memchr::memmem::find(&case.base.body, "\u{fffd}".as_bytes());
    (is_mismatch(case) && lost.is_some()).then(|| {
        cause(
            "characters-lost",
            "the body has U+FFFD in it: it was decoded as text on the way, and bytes were lost"
                .to_owned(),
            Some("treat the body as bytes"),
            Some("capture the exact bytes, not what a page shows"),
        )
    })
}

impl Case<'_> {
    fn has_header_of(&self, scheme: &Scheme) -> bool {
        let rules = scheme.signatures().iter();
        rules.flat_map(|rule| headers_of(&rule.from)).any(|name| {
            // It carries proofs of all kinds.
            name != http::header::AUTHORIZATION && self.base.headers.contains_key(name)
        })
    }

    fn last_resort(&self) -> Cause {
        let (says, sender) = if self.base.scheme.covers_body() {
            (
                "the secrets differ, or the body is not the one that was signed; none of the usual \
                 mistakes makes it verify",
                "compare the secret, character by character, and the SHA-256 of the body that was signed \
                 with that of the one that arrived",
            )
        } else {
            ("the token is another one", "send the endpoint's secret")
        };
        cause(
            "other-secret",
            says.to_owned(),
            Some(sender),
            Some("`portcullis secret reveal` shows the secret of the endpoint"),
        )
    }
}

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

fn is_mismatch(case: &Case<'_>) -> bool {
    case.failed == Failed::Proof(ProofError::SignatureMismatch)
}

fn cause(name: &'static str, says: String, sender: Option<&str>, operator: Option<&str>) -> Cause {
    Cause {
        names: vec![name],
        proven: false,
        says,
        sender: sender.map(str::to_owned),
        operator: operator.map(str::to_owned),
    }
}

const MAX_PRESETS_NAMED: usize = 3;
