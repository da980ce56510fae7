//! The steps of the gate, one by one, and what each says.

use http::Method;

use super::diagnosis::Step;
use super::judge::Failed;
use super::question::{Leads, Question};
use super::report::Report;
use super::wording::{expectation, said_age, said_defect};
use crate::auth::{
    AccountRule, Defect, Generation, ProofError, Reading, Received, Scheme, UnusableSecret,
    Verified,
};
use crate::directory::Wording;
use crate::gate::{Reason, judge_method};

impl Report {
    pub(super) fn path(&mut self, question: &Question) {
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
                let meant = question.delivery.meant_path.as_ref();
                let reason = Reason::NotConfigured(Wording::Webhook);
                let says = format!("{path} leads to no endpoint that takes deliveries");
                self.refused(Step::Path, reason, says.clone());
                let says = match meant {
                    Some(meant) => format!("{says}; did you mean {meant}?"),
                    None => says,
                };
                let sender = right.as_ref().map(|right| format!("send to {right}"));
                let operator = "look at the id, at the workspace in the path, and whether the endpoint \
                                is enabled: `portcullis endpoint show`";
                self.suspect("path", says, sender, Some(operator.to_owned()));
            }
        }
    }

    pub(super) fn method(&mut self, question: &Question) {
        let method = &question.delivery.method;
        let scheme = question.scheme.as_deref();
        match judge_method(method, scheme, &question.methods) {
            Ok(()) => self.passed(Step::Method, method.as_str()),
            Err(reason) => {
                let says = match reason {
                    Reason::MethodNotSigned => {
                        let signed = scheme.map_or(&[][..], Scheme::methods).iter();
                        let signed: Vec<&str> = signed.map(Method::as_str).collect();
                        format!("{method}, and only a {} can be signed", signed.join(" or "))
                    }
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

    pub(super) fn size(&mut self, question: &Question) {
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

    /// The steps of a proof, as far as the verification got.
    pub(super) fn proof_steps(
        &mut self,
        question: &Question,
        scheme: &Scheme,
        verified: Option<&Verified>,
        failed: Option<Failed>,
        defect: Option<&Defect>,
    ) {
        let refusal = failed.map(|failed| match failed {
            Failed::Secret(_) => (Step::Signature, Reason::SecretUnbound),
            Failed::Proof(error) => (step_of(error), Reason::Proof(error)),
        });
        let expected = expectation(scheme);
        match refusal {
            Some((Step::Header, reason)) => {
                let says = match (defect, reason) {
                    (Some(defect), _) => said_defect(defect),
                    (None, Reason::Proof(ProofError::SignatureMalformed)) => {
                        format!("there is something, but not as expected: {expected}")
                    }
                    _ if is_offered(scheme, question) => {
                        format!("what is there is not as expected: {expected}")
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
            let defect = defect.map(said_defect);
            let says = match failed {
                Some(Failed::Secret(error)) => unusable(error),
                _ if defect.is_some() => defect.as_deref().unwrap_or_default(),
                Some(Failed::Proof(ProofError::BodyDigestMismatch)) => {
                    "the digest that was sent is not that of the body"
                }
                _ if scheme.covers_body() && !question.delivery.has_body => {
                    "the capture has no body, so nobody can say whether the signature is right"
                }
                _ if scheme.algorithm().is_public_key() => {
                    "this public key did not make it for this body"
                }
                _ if scheme.covers_url() => {
                    "it is not the one of this URL, this body and this secret"
                }
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
        self.time(scheme, refusal);
        self.account(question, scheme, refusal, defect);
    }

    fn time(&mut self, scheme: &Scheme, refusal: Option<(Step, Reason)>) {
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
            // Whose delivery it is comes after the time.
            None | Some((Step::Account, _)) => {
                self.passed(Step::Timestamp, format!("{age}{window}"));
            }
            Some(_) => self.not_reached(Step::Timestamp, &age),
        }
    }
}

impl Report {
    /// Whose delivery it is, if the endpoint minds.
    fn account(
        &mut self,
        question: &Question,
        scheme: &Scheme,
        refusal: Option<(Step, Reason)>,
        defect: Option<&Defect>,
    ) {
        let Some(rule) = scheme.account().filter(|_| scheme.binds_account()) else {
            return;
        };
        let mut says = accounts(question, scheme, rule);
        if let (Some((Step::Account, _)), Some(defect)) = (refusal, defect) {
            says = format!("{says}; {}", said_defect(defect));
        }
        match refusal {
            Some((Step::Account, reason)) => {
                self.refused(Step::Account, reason, says.clone());
                let places: Vec<String> = rule.places().iter().map(ToString::to_string).collect();
                let operator = format!(
                    "deliver it to the endpoint of that account; or if it is this one's: `endpoint update … --setting \
                     account=…` (it is named at {})",
                    places.join(", ")
                );
                self.suspect("other-account", says, None, Some(operator));
            }
            Some(_) => self.not_reached(Step::Account, "nothing is proven, so nobody looked"),
            None => self.passed(Step::Account, says),
        }
    }
}

/// Whose delivery it is, and whose the endpoint is.
fn accounts(question: &Question, scheme: &Scheme, rule: &AccountRule) -> String {
    let delivery = &question.delivery;
    let named = scheme.named_accounts(Received {
        head: delivery.head(),
        body: Some(&delivery.body),
    });
    let shown = |accounts: &[String]| {
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let accounts = accounts.iter().map(|it| it.chars().map(plain).collect());
        accounts.collect::<Vec<String>>().join(", ")
    };
    let own = rule.accounts().iter().map(ToString::to_string);
    let own = shown(&own.collect::<Vec<_>>());
    let of = if named.names.is_empty() {
        "this delivery names no account".to_owned()
    } else {
        format!("this delivery is of account {}", shown(&named.names))
    };
    let unclear = if named.is_unclear {
        ", and a part of it names none, or in more than one way"
    } else {
        ""
    };
    format!("{of}{unclear}; the endpoint is for {own}")
}

/// Whether there is something at the place of a proof, in whatever form.
pub(super) fn is_offered(scheme: &Scheme, question: &Question) -> bool {
    let delivery = &question.delivery;
    let received = Received {
        head: delivery.head(),
        body: delivery.has_body.then_some(&*delivery.body),
    };
    let mut rules = scheme.signatures().iter();
    rules.any(|rule| rule.from.read(&received) != Reading::Absent)
}

const fn step_of(error: ProofError) -> Step {
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

const fn unusable(error: UnusableSecret) -> &'static str {
    match error {
        UnusableSecret::PublicKey => {
            "the endpoint's secret is a public key, and the scheme's is not"
        }
        UnusableSecret::OtherKind { .. } => {
            "the endpoint's secret was bound as a key of another kind: set another one"
        }
        UnusableSecret::Empty => "the endpoint's secret is empty",
        UnusableSecret::Undecodable => "the endpoint's secret is not in the encoding of the scheme",
    }
}
