//! The diagnosis: the steps of the gate, then the cause behind the step that refuses.

use std::sync::Arc;

use http::Method;

use super::attempt::{Attempt, Context};
use super::diagnosis::{Cause, Diagnosis, Outcome, Step, StepReport};
use super::judge::{JudgeError, has_proof_value, judge, signed_at};
use super::mistakes::SenderMistake;
use super::question::{PathTarget, Question};
use super::search::{Goal, SearchResult, search};
use super::suspicions::{self, Case};
use super::wording::{describe_age, describe_defect, describe_expected_proof, redact_url, visible};
use crate::auth::{
    AccountRule, Claim, Defect, KeyAge, PartialRequest, ProofError, Scheme, SecretError, Verified,
};
use crate::directory::Wording;
use crate::gate::{Reason, judge_method};

/// Explains a delivery: runs the steps of the gate and searches for the cause of a refusal.
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
            url: redacted_url(question),
            signed_at: None,
            age_seconds: None,
            tried: 0,
            tried_all: true,
        },
    };
    report.check_path(question);
    report.check_method(question);
    report.check_proof(question);
    report.diagnosis.admitted = report.diagnosis.refused_by.is_none();
    report.diagnosis
}

/// The URL that the delivery is judged by, if the scheme signs the URL.
fn redacted_url(question: &Question) -> Option<String> {
    let signs_url = question.scheme.as_ref().is_some_and(|it| it.covers_url());
    let url = question.delivery.url.as_deref().filter(|_| signs_url);
    url.map(redact_url)
}

/// Builds a diagnosis step by step.
struct Report {
    diagnosis: Diagnosis,
}

impl Report {
    fn check_path(&mut self, question: &Question) {
        let path = &question.delivery.path;
        match &question.leads {
            PathTarget::NotAsked => self.skip(Step::Path, "not checked: no endpoint was given"),
            PathTarget::Here(id) => self.pass(Step::Path, format!("{path} leads to {id}")),
            PathTarget::Elsewhere(id) => {
                let reason = Reason::NotConfigured(Wording::Webhook);
                let says = format!("{path} leads to another endpoint, {id}");
                self.refuse(Step::Path, reason, says.clone());
                let operator = format!("judge it for that endpoint: --endpoint {id}");
                self.suspect("path", says, None, Some(operator));
            }
            PathTarget::Nowhere(right) => {
                let meant = question.delivery.meant_path.as_ref();
                let reason = Reason::NotConfigured(Wording::Webhook);
                let says = format!("{path} leads to no endpoint that accepts deliveries");
                self.refuse(Step::Path, reason, says.clone());
                let says = match meant {
                    Some(meant) => format!("{says}; did you mean {meant}?"),
                    None => says,
                };
                let sender = right.as_ref().map(|right| format!("send to {right}"));
                let operator = "check the id, the workspace in the path, and whether the endpoint \
                                is enabled: `portcullis endpoint show`";
                self.suspect("path", says, sender, Some(operator.to_owned()));
            }
        }
    }

    fn check_method(&mut self, question: &Question) {
        let method = &question.delivery.method;
        let scheme = question.scheme.as_deref();
        match judge_method(method, scheme, &question.methods) {
            Ok(()) => self.pass(Step::Method, method.as_str()),
            Err(reason) => {
                let says = match reason {
                    Reason::MethodNotSigned => {
                        let signed = scheme.map_or(&[][..], Scheme::methods).iter();
                        let signed: Vec<&str> = signed.map(Method::as_str).collect();
                        format!("{method}, but only {} can be signed", signed.join(" or "))
                    }
                    _ => format!("{method}, which the endpoint does not accept"),
                };
                self.refuse(Step::Method, reason, says.clone());
                let first = question.methods.first().unwrap_or(&Method::POST);
                let sender = format!("send it as {first}; a redirect may turn a POST into a GET");
                self.suspect(
                    "method",
                    format!("the method is {says}"),
                    Some(sender),
                    None,
                );
            }
        }
    }

    fn check_size(&mut self, question: &Question) {
        let len = question.delivery.body.len() as u64;
        match question.limit_bytes {
            Some(limit) if len > limit => {
                let says = format!("{len} bytes; the limit is {limit}");
                self.refuse(Step::Size, Reason::BodyTooLarge, says.clone());
                let operator =
                    "raise the limit: `endpoint update … --max-body`, `bodies.max`".to_owned();
                self.suspect("body-too-large", says, None, Some(operator));
            }
            _ => self.pass(Step::Size, format!("{len} bytes")),
        }
    }

    fn check_proof(&mut self, question: &Question) {
        let Some(scheme) = question.scheme.clone() else {
            if question.is_open {
                self.pass(Step::Header, "the endpoint requires no proof");
                return self.check_size(question);
            }
            let says = "the endpoint has no `auth`, or one without a proof".to_owned();
            self.refuse(Step::Header, Reason::AuthMissing, says.clone());
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
        let verdict = question.secrets.as_ref().map(|secrets| {
            judge(
                &scheme,
                secrets,
                &question.delivery.head(),
                &question.delivery.body,
                now,
            )
        });
        let (Some(verdict), Some(secrets)) = (verdict, &question.secrets) else {
            let says = "no secret is bound to the endpoint".to_owned();
            self.refuse(Step::Signature, Reason::SecretUnbound, says.clone());
            let operator = "`portcullis secret set` binds one".to_owned();
            self.suspect("secret-unbound", says, None, Some(operator));
            return;
        };
        let failure = match &verdict {
            Ok(_) => None,
            Err(failed) => Some(*failed),
        };
        let defect = failure.and_then(|failed| defect(question, &scheme, failed));
        self.add_proof_steps(
            question,
            &scheme,
            verdict.as_ref().ok(),
            failure,
            defect.as_ref(),
        );
        let Some(failed) = failure else { return };
        // The signature is valid, so there is no mistake to search for.
        if failed == JudgeError::Proof(ProofError::AccountMismatch) {
            return;
        }
        let goal = match failed {
            JudgeError::Proof(ProofError::TimestampStale | ProofError::TimestampFuture) => {
                Goal::InTime
            }
            JudgeError::Proof(ProofError::BodyDigestMismatch) => Goal::BodyDigest,
            _ => Goal::Signature,
        };
        let base = Attempt {
            scheme: Arc::clone(&scheme),
            secret: Arc::clone(&secrets.current.value),
            headers: Arc::new(question.delivery.headers.clone()),
            body: question.delivery.body.clone(),
            url: question.delivery.url.as_deref().map(Into::into),
            context: Arc::new(Context {
                ended: secrets
                    .ended
                    .iter()
                    .map(|version| (version.number, Arc::clone(&version.value)))
                    .collect(),
                delivery: question.delivery.clone(),
            }),
        };
        let is_certain = defect.as_ref().is_some_and(Defect::is_certain);
        // A required header is also missing if the sender follows another scheme.
        let may_be_other = failed == JudgeError::Proof(ProofError::HeaderUnexpected)
            && !Claim::is_signed(&scheme, &question.delivery.head());
        if !is_certain || may_be_other {
            let result = search(&base, now, goal);
            self.diagnosis.tried = result.tried;
            self.diagnosis.tried_all = result.tried_all;
            if self.add_explanation(&result) {
                return;
            }
        }
        let case = Case {
            question,
            base: &base,
            failed,
            defect: defect.as_ref(),
            age_seconds: age,
        };
        self.diagnosis.causes.extend(suspicions::all(&case));
    }

    /// Adds the steps of a proof, as far as the verification got.
    fn add_proof_steps(
        &mut self,
        question: &Question,
        scheme: &Scheme,
        verified: Option<&Verified>,
        failed: Option<JudgeError>,
        defect: Option<&Defect>,
    ) {
        let refusal = failed.map(|failed| match failed {
            JudgeError::Secret(_) => (Step::Signature, Reason::SecretUnbound),
            JudgeError::Proof(error) => (step_of_error(error), Reason::Proof(error)),
        });
        let expected = describe_expected_proof(scheme);
        match refusal {
            Some((Step::Header, reason)) => {
                let says = match (defect, reason) {
                    (Some(defect), _) => describe_defect(defect),
                    (None, Reason::Proof(ProofError::SignatureMalformed)) => {
                        format!("the value is malformed; expected: {expected}")
                    }
                    _ if has_proof_value(scheme, &question.delivery) => {
                        format!("the value has another form; expected: {expected}")
                    }
                    _ => format!("missing; expected: {expected}"),
                };
                self.refuse(Step::Header, reason, says);
            }
            _ => self.pass(Step::Header, expected),
        }
        self.check_size(question);
        let refused_at = |step| refusal.is_some_and(|(refused, _)| refused == step);
        if refused_at(Step::Header) {
            self.skip(Step::Signature, "not checked: there is no proof");
        } else if let (true, Some((_, reason))) = (refused_at(Step::Signature), refusal) {
            let defect = defect.map(describe_defect);
            let says = match failed {
                Some(JudgeError::Secret(error)) => describe_unusable_secret(error),
                _ if defect.is_some() => defect.as_deref().unwrap_or_default(),
                Some(JudgeError::Proof(ProofError::BodyDigestMismatch)) => {
                    "the digest that was sent does not match the body"
                }
                _ if scheme.covers_body() && !question.delivery.has_body => {
                    "the capture has no body, so the signature cannot be checked"
                }
                _ if scheme.algorithm().is_public_key() => {
                    "it does not match this public key and this body"
                }
                _ if scheme.covers_url() => "it does not match this URL, this body and this secret",
                _ if scheme.covers_body() => "it does not match this body and this secret",
                _ => "it does not match the endpoint's secret",
            };
            self.refuse(Step::Signature, reason, says);
        } else {
            let by = verified.and_then(Verified::generation);
            let says = match by {
                Some(KeyAge::Previous) => "valid, with the previous secret",
                _ => "valid",
            };
            self.pass(Step::Signature, says);
            if let (Some(KeyAge::Previous), Some(secrets)) = (by, &question.secrets)
                && let Some((_, until)) = &secrets.previous
            {
                let text =
                    format!("the previous secret proved it; that secret expires at {until:.0}");
                self.diagnosis.notes.push(text);
            }
        }
        self.add_time_step(scheme, refusal);
        self.add_account_step(question, scheme, refusal, defect);
    }

    fn add_time_step(&mut self, scheme: &Scheme, refusal: Option<(Step, Reason)>) {
        let Some(rule) = scheme.timestamp() else {
            return;
        };
        let window = rule.window.map_or_else(String::new, |(past, future)| {
            format!("; allowed: {past:#} in the past, {future:#} in the future")
        });
        let age = self
            .diagnosis
            .age_seconds
            .map_or_else(String::new, |age| describe_age(age, "the judged time"));
        match refusal {
            Some((Step::Timestamp, reason)) => {
                self.refuse(Step::Timestamp, reason, format!("{age}{window}"));
            }
            // The account is checked after the time.
            None | Some((Step::Account, _)) => {
                self.pass(Step::Timestamp, format!("{age}{window}"));
            }
            Some(_) => self.skip(Step::Timestamp, &age),
        }
    }

    /// Adds the account step, if the endpoint names accounts.
    fn add_account_step(
        &mut self,
        question: &Question,
        scheme: &Scheme,
        refusal: Option<(Step, Reason)>,
        defect: Option<&Defect>,
    ) {
        let Some(rule) = scheme.account().filter(|_| scheme.binds_account()) else {
            return;
        };
        let mut says = describe_accounts(question, scheme, rule);
        if let (Some((Step::Account, _)), Some(defect)) = (refusal, defect) {
            says = format!("{says}; {}", describe_defect(defect));
        }
        match refusal {
            Some((Step::Account, reason)) => {
                self.refuse(Step::Account, reason, says.clone());
                let places: Vec<String> = rule.places().iter().map(ToString::to_string).collect();
                let operator = format!(
                    "send it to the endpoint of that account, or allow the account: `endpoint update … --setting \
                     account=…` (read from {})",
                    places.join(", ")
                );
                self.suspect("other-account", says, None, Some(operator));
            }
            Some(_) => self.skip(Step::Account, "not checked: the delivery is not proven"),
            None => self.pass(Step::Account, says),
        }
    }

    fn pass(&mut self, step: Step, says: impl Into<String>) {
        self.add(step, Outcome::Passed, None, says.into());
    }

    fn skip(&mut self, step: Step, says: &str) {
        self.add(step, Outcome::NotReached, None, says.to_owned());
    }

    fn refuse(&mut self, step: Step, reason: Reason, says: impl Into<String>) {
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

    /// Adds the explanation that the search found as a cause. Returns whether there is one.
    fn add_explanation(&mut self, result: &SearchResult) -> bool {
        if result.mistakes.is_empty() {
            return false;
        }
        let all = |part: fn(&SenderMistake) -> Option<&'static str>| {
            let texts: Vec<&str> = result
                .mistakes
                .iter()
                .filter_map(|(it, _)| part(it))
                .collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        };
        let says = result.mistakes.iter();
        let says: Vec<String> = says
            .map(|(mistake, detail)| format!("{}: {detail}", mistake.says))
            .collect();
        let cause = Cause {
            names: result
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

/// The value that made the proof fail, if the capture shows it.
fn defect(question: &Question, scheme: &Scheme, failed: JudgeError) -> Option<Defect> {
    let JudgeError::Proof(error) = failed else {
        return None;
    };
    let delivery = &question.delivery;
    let received = PartialRequest {
        head: delivery.head(),
        body: delivery.has_body.then_some(&*delivery.body),
    };
    Defect::find(scheme, error, received)
}

/// The accounts of the delivery and of the endpoint, in a sentence.
fn describe_accounts(question: &Question, scheme: &Scheme, rule: &AccountRule) -> String {
    let delivery = &question.delivery;
    let named = scheme.named_accounts(PartialRequest {
        head: delivery.head(),
        body: Some(&delivery.body),
    });
    let shown = |accounts: &[String]| {
        let accounts = accounts.iter();
        let accounts = accounts.map(|name| name.chars().map(visible).collect());
        accounts.collect::<Vec<String>>().join(", ")
    };
    let endpoint_accounts = rule.accounts().iter().map(ToString::to_string);
    let endpoint_accounts = shown(&endpoint_accounts.collect::<Vec<_>>());
    let delivered = if named.names.is_empty() {
        "this delivery names no account".to_owned()
    } else {
        format!("this delivery is for account {}", shown(&named.names))
    };
    let unclear = if named.is_unclear {
        ", and a part of it names no account, or several"
    } else {
        ""
    };
    format!("{delivered}{unclear}; the endpoint is for {endpoint_accounts}")
}

const fn step_of_error(error: ProofError) -> Step {
    match error {
        ProofError::HeaderUnexpected
        | ProofError::SignatureMissing
        | ProofError::SignatureMalformed
        | ProofError::TokenMissing => Step::Header,
        ProofError::AccountMismatch => Step::Account,
        ProofError::TimestampFuture | ProofError::TimestampStale => Step::Timestamp,
        ProofError::BodyDigestMismatch
        | ProofError::SignatureMismatch
        | ProofError::TokenMismatch => Step::Signature,
    }
}

const fn describe_unusable_secret(error: SecretError) -> &'static str {
    match error {
        SecretError::PrivateKey => {
            "the endpoint's secret is a private key, and the scheme needs a secret of the provider"
        }
        SecretError::PublicKey => {
            "the endpoint's secret is a public key, and the scheme needs a shared secret"
        }
        SecretError::OtherKind { .. } => {
            "the endpoint's secret was bound as another kind of key: set a new one"
        }
        SecretError::Empty => "the endpoint's secret is empty",
        SecretError::Undecodable => "the endpoint's secret is not in the encoding of the scheme",
    }
}
