//! The diagnosis: the steps of the gate, then what is behind the one that refuses.

use std::sync::Arc;

use http::Method;
use jiff::SignedDuration;

use super::attempt::{Attempt, Known};
use super::diagnosis::{Cause, Diagnosis, Outcome, Step, StepReport};
use super::judge::{Failed, judge, signed_at};
use super::question::{Leads, Question};
use super::search::{Found, Goal, search};
use super::suspicions;
use crate::auth::{Generation, ProofError, Scheme, UnusableSecret, Verified};
use crate::directory::Wording;
use crate::gate::{Reason, judge_method};

/// Answers.
pub fn diagnose(question: &Question) -> Diagnosis {
    let mut report = Report {
        diagnosis: Diagnosis {
            admitted: false,
            reason: "admitted",
            refused_by: None,
            steps: Vec::new(),
            causes: Vec::new(),
            notes: question.delivery.remarks.clone(),
            judged_at: question.at,
            signed_at: None,
            age_seconds: None,
            tried: 0,
            tried_all: true,
        },
    };
    report.path(question);
    report.method(question);
    report.proof(question);
    report.diagnosis.admitted = report.diagnosis.refused_by.is_none();
    report.diagnosis
}

struct Report {
    diagnosis: Diagnosis,
}

impl Report {
    fn passed(&mut self, step: Step, says: impl Into<String>) {
        self.add(step, Outcome::Passed, None, says.into());
    }

    fn not_reached(&mut self, step: Step, says: &str) {
        self.add(step, Outcome::NotReached, None, says.to_owned());
    }

    fn refused(&mut self, step: Step, reason: Reason, says: impl Into<String>) {
        if self.diagnosis.refused_by.is_none() {
            self.diagnosis.refused_by = Some(step);
            self.diagnosis.reason = reason.word();
        }
        self.add(step, Outcome::Refused, Some(reason.word()), says.into());
    }

    fn add(&mut self, step: Step, outcome: Outcome, reason: Option<&'static str>, says: String) {
        self.diagnosis.steps.push(StepReport {
            step,
            outcome,
            reason,
            says,
        });
    }

    fn suspect(
        &mut self,
        name: &'static str,
        says: String,
        sender: Option<String>,
        operator: Option<String>,
    ) {
        self.diagnosis.causes.push(Cause {
            names: vec![name],
            proven: false,
            says,
            sender,
            operator,
        });
    }

    fn path(&mut self, question: &Question) {
        let path = &question.delivery.path;
        match &question.leads {
            Leads::NotAsked => self.not_reached(Step::Path, "nobody asked: there is no endpoint"),
            Leads::Here(id) => self.passed(Step::Path, format!("{path} leads to {id}")),
            Leads::Elsewhere(id) => {
                let reason = Reason::NotConfigured(Wording::Webhook);
                let says = format!("{path} leads to another endpoint, {id}");
                self.refused(Step::Path, reason, says.clone());
                let operator = format!("judge it by that one: --endpoint {id}");
                self.suspect("path", says, None, Some(operator));
            }
            Leads::Nowhere(right) => {
                let reason = Reason::NotConfigured(Wording::Webhook);
                let says = format!("{path} leads to no endpoint that takes deliveries");
                self.refused(Step::Path, reason, says.clone());
                let sender = right.as_ref().map(|right| format!("send to {right}"));
                let operator = "look at the id, at the workspace in the path, and whether the endpoint \
                                is enabled: `portcullis endpoint show`";
                self.suspect("path", says, sender, Some(operator.to_owned()));
            }
        }
    }

    fn method(&mut self, question: &Question) {
        let method = &question.delivery.method;
        let scheme = question.scheme.as_deref();
        match judge_method(method, scheme, &question.methods) {
            Ok(()) => self.passed(Step::Method, method.as_str()),
            Err(reason) => {
                let says = match reason {
                    Reason::MethodNotSigned => format!("{method}, and only a POST can be signed"),
                    _ => format!("{method}, which the endpoint does not take"),
                };
                self.refused(Step::Method, reason, says.clone());
                let first = question.methods.first().unwrap_or(&Method::POST);
                let sender =
                    format!("send it as {first}; a redirect on the way turns a POST into a GET");
                self.suspect(
                    "method",
                    format!("the method is {says}"),
                    Some(sender),
                    None,
                );
            }
        }
    }

    fn size(&mut self, question: &Question) {
        let len = question.delivery.body.len() as u64;
        match question.limit_bytes {
            Some(limit) if len > limit => {
                let says = format!("{len} bytes, and {limit} are taken");
                self.refused(Step::Size, Reason::BodyTooLarge, says.clone());
                let operator =
                    "a larger limit: `endpoint update … --max-body`, `bodies.max`".to_owned();
                self.suspect("body-too-large", says, None, Some(operator));
            }
            _ => self.passed(Step::Size, format!("{len} bytes")),
        }
    }

    fn proof(&mut self, question: &Question) {
        let Some(scheme) = question.scheme.clone() else {
            if question.is_open {
                self.passed(Step::Header, "no proof is asked for: everybody gets in");
                return self.size(question);
            }
            let says = "the endpoint has no `auth`, or one that asks for no proof".to_owned();
            self.refused(Step::Header, Reason::AuthMissing, says.clone());
            let operator = "choose a mode: `endpoint update … --mode hmac`".to_owned();
            self.suspect("auth-missing", says, None, Some(operator));
            return;
        };
        let now = question.at;
        self.diagnosis.signed_at = signed_at(&scheme, &question.delivery.head());
        let age = self
            .diagnosis
            .signed_at
            .map(|signed| now.as_second() - signed.as_second());
        self.diagnosis.age_seconds = age;
        let judged = question.secrets.as_ref().map(|secrets| {
            judge(
                &scheme,
                secrets,
                &question.delivery.head(),
                &question.delivery.body,
                now,
            )
        });
        let (Some(judged), Some(secrets)) = (judged, &question.secrets) else {
            let says = "no secret is bound to the endpoint".to_owned();
            self.refused(Step::Signature, Reason::SecretUnbound, says.clone());
            let operator = "`portcullis secret set` binds one".to_owned();
            self.suspect("secret-unbound", says, None, Some(operator));
            return;
        };
        let proof = match &judged {
            Ok(_) => None,
            Err(failed) => Some(*failed),
        };
        self.proof_steps(question, &scheme, judged.as_ref().ok(), proof);
        let Some(failed) = proof else { return };
        let goal = match failed {
            Failed::Proof(ProofError::TimestampStale | ProofError::TimestampFuture) => Goal::InTime,
            _ => Goal::Signature,
        };
        let base = Attempt {
            scheme: Arc::clone(&scheme),
            secret: Arc::clone(&secrets.current.value),
            headers: Arc::new(question.delivery.headers.clone()),
            body: question.delivery.body.clone(),
            known: Arc::new(Known {
                ended: secrets
                    .ended
                    .iter()
                    .map(|version| (version.number, Arc::clone(&version.value)))
                    .collect(),
                delivery: question.delivery.clone(),
            }),
        };
        let found = search(&base, now, goal);
        self.diagnosis.tried = found.tried;
        self.diagnosis.tried_all = found.tried_all;
        let explained = self.explained(&found);
        if !explained {
            let suspicions = suspicions::all(question, &base, failed, self.diagnosis.age_seconds);
            self.diagnosis.causes.extend(suspicions);
        }
    }

    /// The steps of a proof, as far as the verification got.
    fn proof_steps(
        &mut self,
        question: &Question,
        scheme: &Scheme,
        verified: Option<&Verified>,
        failed: Option<Failed>,
    ) {
        let refusal = failed.map(|failed| match failed {
            Failed::Secret(_) => (Step::Signature, Reason::SecretUnbound),
            Failed::Proof(error) => (step_of(error), Reason::Proof(error)),
        });
        let expected = suspicions::expectation(scheme);
        match refusal {
            Some((Step::Header, reason)) => {
                let says = match reason {
                    Reason::Proof(ProofError::SignatureMalformed) => {
                        format!("there is something, but not as expected: {expected}")
                    }
                    _ => format!("nothing is there; expected: {expected}"),
                };
                self.refused(Step::Header, reason, says);
            }
            _ => self.passed(Step::Header, expected),
        }
        self.size(question);
        let stands = |step| refusal.is_some_and(|(refused, _)| refused == step);
        if stands(Step::Header) {
            self.not_reached(Step::Signature, "there is nothing to compare");
        } else if let (true, Some((_, reason))) = (stands(Step::Signature), refusal) {
            let says = match failed {
                Some(Failed::Secret(error)) => unusable(error),
                _ if scheme.covers_body() => "it is not the one of this body and this secret",
                _ => "it is not the endpoint's",
            };
            self.refused(Step::Signature, reason, says);
        } else {
            let by = verified.and_then(Verified::generation);
            let says = match by {
                Some(Generation::Previous) => "right, by the previous secret",
                _ => "right",
            };
            self.passed(Step::Signature, says);
            if let (Some(Generation::Previous), Some(secrets)) = (by, &question.secrets)
                && let Some((_, until)) = &secrets.previous
            {
                let text =
                    format!("the previous secret proved it; it stops to count at {until:.0}");
                self.diagnosis.notes.push(text);
            }
        }
        let Some(rule) = scheme.timestamp() else {
            return;
        };
        let window = rule.window.map_or_else(String::new, |(past, future)| {
            format!("; {past:#} in the past and {future:#} in the future are taken")
        });
        let age = self
            .diagnosis
            .age_seconds
            .map_or_else(String::new, said_age);
        match refusal {
            Some((Step::Timestamp, reason)) => {
                self.refused(Step::Timestamp, reason, format!("{age}{window}"));
            }
            Some(_) => self.not_reached(Step::Timestamp, &age),
            None => self.passed(Step::Timestamp, format!("{age}{window}")),
        }
    }

    /// Whether the search found an explanation, which becomes a cause.
    fn explained(&mut self, found: &Found) -> bool {
        if found.mistakes.is_empty() {
            return false;
        }
        let all = |part: fn(&super::mistakes::Mistake) -> Option<&'static str>| {
            let texts: Vec<&str> = found
                .mistakes
                .iter()
                .filter_map(|(it, _)| part(it))
                .collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        };
        let says = found.mistakes.iter();
        let says: Vec<String> = says
            .map(|(mistake, detail)| format!("{}: {detail}", mistake.says))
            .collect();
        let cause = Cause {
            names: found
                .mistakes
                .iter()
                .map(|(mistake, _)| mistake.name)
                .collect(),
            proven: true,
            says: says.join("; and "),
            sender: all(|mistake| mistake.sender),
            operator: all(|mistake| mistake.operator),
        };
        self.diagnosis.causes.push(cause);
        true
    }
}

const fn step_of(error: ProofError) -> Step {
    match error {
        ProofError::HeaderUnexpected
        | ProofError::SignatureMissing
        | ProofError::SignatureMalformed
        | ProofError::TokenMissing => Step::Header,
        ProofError::TimestampFuture | ProofError::TimestampStale => Step::Timestamp,
        ProofError::BodyDigestMismatch
        | ProofError::SignatureMismatch
        | ProofError::TokenMismatch => Step::Signature,
    }
}

const fn unusable(error: UnusableSecret) -> &'static str {
    match error {
        UnusableSecret::Empty => "the endpoint's secret is empty",
        UnusableSecret::Undecodable => "the endpoint's secret is not in the encoding of the scheme",
    }
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
