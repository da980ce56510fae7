//! Suspicions: likely causes that the capture shows and no attempt could prove.

mod body;
mod defect;
mod head;

use super::attempt::Attempt;
use super::diagnosis::Cause;
use super::judge::JudgeError;
use super::question::{JudgedAt, Question};
use super::wording::{describe_age, redact_url};
use crate::auth::{Defect, ProofError, SecretError};

/// All suspicions that apply, the most likely first. There is at least one.
pub(super) fn all(case: &Case<'_>) -> Vec<Cause> {
    // A certain defect leaves nothing to suspect.
    if let Some(defect) = case.defect.filter(|defect| defect.is_certain()) {
        return vec![defect::describe(defect, case)];
    }
    let mut causes: Vec<Cause> = SUSPICIONS.iter().filter_map(|it| it(case)).collect();
    if causes.is_empty() {
        causes.push(case.last_resort());
    }
    causes
}

/// A refused delivery that the search could not explain.
pub(super) struct Case<'q> {
    pub(super) question: &'q Question,
    pub(super) base: &'q Attempt,
    pub(super) failed: JudgeError,
    /// The value that made the proof fail.
    pub(super) defect: Option<&'q Defect>,
    pub(super) age_seconds: Option<i64>,
}

const SUSPICIONS: &[fn(&Case<'_>) -> Option<Cause>] = &[
    wrong_time,
    unusable_secret,
    body::not_captured,
    body::cut_off,
    body::decompressed,
    body::empty,
    body::other_digest,
    defect::cause_of_defect,
    head::header_missing,
    head::header_malformed,
    body::characters_lost,
    other_url,
];

fn wrong_time(case: &Case<'_>) -> Option<Cause> {
    let stale = match case.failed {
        JudgeError::Proof(ProofError::TimestampStale) => true,
        JudgeError::Proof(ProofError::TimestampFuture) => false,
        _ => return None,
    };
    let Some(age) = case.age_seconds else {
        let says = if stale {
            "the signature is valid but expired"
        } else {
            "the signature is valid but from the future"
        };
        return Some(cause(
            "clock-skew",
            says.to_owned(),
            Some("synchronise the clock (NTP), and sign again for every delivery attempt"),
            Some("for an older capture: judge it at its own time with --at"),
        ));
    };
    if stale && case.question.judged_at == JudgedAt::Now {
        return Some(cause(
            "judged-late",
            format!(
                "the signature is valid, but the delivery was {}",
                describe_age(age, "now")
            ),
            Some(
                "if it was refused at that time: synchronise the clock, or send right after signing",
            ),
            Some("for an older capture: judge it at its own time with --at"),
        ));
    }
    let hours = (age.saturating_abs() + 120) / 1800;
    let near_zone = (age.saturating_abs() - hours * 1800).abs() <= 120 && hours > 0 && hours <= 28;
    let hint = if near_zone {
        "; this is a multiple of half an hour: a local time was used as UTC"
    } else {
        ""
    };
    let direction = if stale { "behind" } else { "ahead" };
    Some(cause(
        "clock-skew",
        format!(
            "the signature is valid, but the sender's clock is {} s {direction}, or the delivery was \
             delayed: it was {}{hint}",
            age.saturating_abs(),
            describe_age(age, "the judged time")
        ),
        Some("synchronise the clock (NTP), sign in UTC, and sign again for every delivery attempt"),
        Some("check the clock of this machine too"),
    ))
}

/// The usual cause if the URL is signed: the sender uses a URL that no attempt guessed.
fn other_url(case: &Case<'_>) -> Option<Cause> {
    let url = case.base.url.as_deref()?;
    let applies =
        is_mismatch(case) && case.base.scheme.covers_url() && case.question.delivery.has_body;
    applies.then(|| {
        cause(
            "other-url",
            format!(
                "the URL is signed, and the delivery was judged by {}: the sender may use another URL that \
                 no usual mistake explains, or another secret",
                redact_url(url)
            ),
            Some("compare the URL that is registered at the sender with this one, character by character"),
            Some("judge it by another URL with --url, or set the URL with `endpoint update … --public-url`"),
        )
    })
}

fn unusable_secret(case: &Case<'_>) -> Option<Cause> {
    let JudgeError::Secret(error) = case.failed else {
        return None;
    };
    let says = match error {
        SecretError::Empty => "the secret is empty",
        SecretError::OtherKind { .. } => {
            "the secret was bound as a key of another kind (`portcullis secret status`)"
        }
        SecretError::PrivateKey => {
            "the secret is a private key, and the scheme needs a secret of the provider"
        }
        SecretError::PublicKey => {
            "the secret is a public key, and the scheme needs a shared secret"
        }
        SecretError::Undecodable => "the secret is not in the encoding that the scheme expects",
    };
    let operator = Some("set the secret as the provider shows it: `portcullis secret set`");
    Some(cause("secret-unusable", says.to_owned(), None, operator))
}

impl Case<'_> {
    fn last_resort(&self) -> Cause {
        if self.base.scheme.algorithm().is_public_key() && is_mismatch(self) {
            return cause(
                "other-public-key",
                "the signature is well-formed but does not match this public key: the key belongs to another \
                 application, account or environment, or another body was signed"
                    .to_owned(),
                None,
                Some("copy the public key again from the page of the sending application"),
            );
        }
        let (says, sender) = if self.base.scheme.covers_body() {
            (
                "the secrets differ, or another body was signed; no usual mistake \
                 explains the signature",
                "compare the secret character by character, and the SHA-256 of the signed body \
                 with that of the received body",
            )
        } else {
            (
                "the token is not the endpoint's secret",
                "send the endpoint's secret",
            )
        };
        cause(
            "other-secret",
            says.to_owned(),
            Some(sender),
            Some("`portcullis secret reveal` shows the secret of the endpoint"),
        )
    }
}

fn is_mismatch(case: &Case<'_>) -> bool {
    case.failed == JudgeError::Proof(ProofError::SignatureMismatch)
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
