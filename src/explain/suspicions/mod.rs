//! What is likely where nothing could be proven: each from what the capture shows.

mod body;
mod defect;
mod head;

use super::attempt::Attempt;
use super::diagnosis::Cause;
use super::judge::Failed;
use super::question::{JudgedAt, Question};
use super::wording::{said_age, shown_url};
use crate::auth::{Defect, ProofError, UnusableSecret};

/// All that apply, the most likely first. There is at least one.
pub(super) fn all(case: &Case<'_>) -> Vec<Cause> {
    // What is known leaves nothing to suspect.
    if let Some(defect) = case.defect.filter(|defect| defect.is_certain()) {
        return vec![defect::cause_of(defect, case)];
    }
    let mut causes: Vec<Cause> = SUSPICIONS.iter().filter_map(|it| it(case)).collect();
    if causes.is_empty() {
        causes.push(case.last_resort());
    }
    causes
}

/// A delivery that is refused, and what the search left unexplained.
pub(super) struct Case<'q> {
    pub(super) question: &'q Question,
    pub(super) base: &'q Attempt,
    pub(super) failed: Failed,
    /// The value that made the proof fail.
    pub(super) defect: Option<&'q Defect>,
    pub(super) age_seconds: Option<i64>,
}

const SUSPICIONS: &[fn(&Case<'_>) -> Option<Cause>] = &[
    wrong_time,
    secret_in_another_form,
    body::not_captured,
    body::cut_off,
    body::unpacked,
    body::empty,
    body::other_digest,
    defect::known,
    head::header_missing,
    head::header_malformed,
    body::characters_lost,
    other_url,
];

fn wrong_time(case: &Case<'_>) -> Option<Cause> {
    let stale = match case.failed {
        Failed::Proof(ProofError::TimestampStale) => true,
        Failed::Proof(ProofError::TimestampFuture) => false,
        _ => return None,
    };
    let Some(age) = case.age_seconds else {
        let says = if stale {
            "the signature is right, and its time is over"
        } else {
            "the signature is right, and its time has not begun"
        };
        return Some(cause(
            "clock-skew",
            says.to_owned(),
            Some("set the clock (NTP), and sign anew for every attempt to deliver"),
            Some("if it was captured back then: judge it at its own time, with --at"),
        ));
    };
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

/// The usual reason where the URL is signed: no URL that could be guessed verifies, and there are others.
fn other_url(case: &Case<'_>) -> Option<Cause> {
    let url = case.base.url.as_deref()?;
    let relevant =
        is_mismatch(case) && case.base.scheme.covers_url() && case.question.delivery.has_body;
    relevant.then(|| {
        cause(
            "other-url",
            format!(
                "the URL is signed, and the delivery was judged by {}: the sender may have been told another \
                 one, which none of the usual mistakes leads to; or the secrets differ",
                shown_url(url)
            ),
            Some("compare the URL that is registered at the sender with this one, character by character"),
            Some("judge it by another one, with --url; set it with `endpoint update … --public-url`"),
        )
    })
}

fn secret_in_another_form(case: &Case<'_>) -> Option<Cause> {
    let Failed::Secret(error) = case.failed else {
        return None;
    };
    let says = match error {
        UnusableSecret::Empty => "the secret is empty",
        UnusableSecret::OtherKind { .. } => {
            "the secret was bound as a key of another kind (`portcullis secret status`)"
        }
        UnusableSecret::PublicKey => {
            "the secret is a public key, and the scheme needs a shared one"
        }
        UnusableSecret::Undecodable => "the secret is not in the encoding that the scheme expects",
    };
    let operator = Some("set the secret as the provider shows it: `portcullis secret set`");
    Some(cause("secret-unusable", says.to_owned(), None, operator))
}

impl Case<'_> {
    fn last_resort(&self) -> Cause {
        if self.base.scheme.algorithm().is_public_key() && is_mismatch(self) {
            return cause(
                "other-public-key",
                "the signature is whole, and this public key did not make it: the key is that of another \
                 application, account or environment, or the body is not the one that was signed"
                    .to_owned(),
                None,
                Some("copy the public key again, from the page of the application that sends"),
            );
        }
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
