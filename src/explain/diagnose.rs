//! The diagnosis: the steps of the gate, then what is behind the one that refuses.

use std::sync::Arc;

use super::attempt::{Attempt, Known};
use super::diagnosis::{Diagnosis, Step};
use super::judge::{Failed, judge, signed_at};
use super::question::Question;
use super::report::Report;
use super::search::{Goal, search};
use super::suspicions::{self, Case};
use super::wording::shown_url;
use crate::auth::{Claim, Defect, ProofError, Received, Scheme};
use crate::gate::Reason;

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
            url: judged_url(question),
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

/// The URL that the delivery is judged by, if the scheme signs one.
fn judged_url(question: &Question) -> Option<String> {
    let signs_url = question.scheme.as_ref().is_some_and(|it| it.covers_url());
    let url = question.delivery.url.as_deref().filter(|_| signs_url);
    url.map(shown_url)
}

impl Report {
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
        let defect = proof.and_then(|failed| defect(question, &scheme, failed));
        self.proof_steps(
            question,
            &scheme,
            judged.as_ref().ok(),
            proof,
            defect.as_ref(),
        );
        let Some(failed) = proof else { return };
        // The signature is right: there is nothing to search for.
        if failed == Failed::Proof(ProofError::AccountMismatch) {
            return;
        }
        let goal = match failed {
            Failed::Proof(ProofError::TimestampStale | ProofError::TimestampFuture) => Goal::InTime,
            Failed::Proof(ProofError::BodyDigestMismatch) => Goal::BodyDigest,
            _ => Goal::Signature,
        };
        let base = Attempt {
            scheme: Arc::clone(&scheme),
            secret: Arc::clone(&secrets.current.value),
            headers: Arc::new(question.delivery.headers.clone()),
            body: question.delivery.body.clone(),
            url: question.delivery.url.as_deref().map(Into::into),
            known: Arc::new(Known {
                ended: secrets
                    .ended
                    .iter()
                    .map(|version| (version.number, Arc::clone(&version.value)))
                    .collect(),
                delivery: question.delivery.clone(),
            }),
        };
        let is_known = defect.as_ref().is_some_and(Defect::is_certain);
        // A header that the scheme requires is missing, too, where the sender follows another scheme.
        let may_be_other = failed == Failed::Proof(ProofError::HeaderUnexpected)
            && !Claim::is_signed(&scheme, &question.delivery.head());
        if !is_known || may_be_other {
            let found = search(&base, now, goal);
            self.diagnosis.tried = found.tried;
            self.diagnosis.tried_all = found.tried_all;
            if self.explained(&found) {
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
}

/// The value of the delivery that made its proof fail, as far as the capture shows it.
fn defect(question: &Question, scheme: &Scheme, failed: Failed) -> Option<Defect> {
    let Failed::Proof(error) = failed else {
        return None;
    };
    let delivery = &question.delivery;
    let received = Received {
        head: delivery.head(),
        body: delivery.has_body.then_some(&*delivery.body),
    };
    scheme.defect(error, received)
}
