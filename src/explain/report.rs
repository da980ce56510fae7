//! A diagnosis while it is made: what each step says, and what is behind the one that refuses.

use super::diagnosis::{Cause, Diagnosis, Outcome, Step, StepReport};
use super::mistakes::Mistake;
use super::search::Found;
use crate::gate::Reason;

/// What is known so far.
pub(super) struct Report {
    pub(super) diagnosis: Diagnosis,
}

impl Report {
    pub(super) fn passed(&mut self, step: Step, says: impl Into<String>) {
        self.add(step, Outcome::Passed, None, says.into());
    }

    pub(super) fn not_reached(&mut self, step: Step, says: &str) {
        self.add(step, Outcome::NotReached, None, says.to_owned());
    }

    pub(super) fn refused(&mut self, step: Step, reason: Reason, says: impl Into<String>) {
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

    pub(super) fn suspect(
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

    /// Whether the search found an explanation, which becomes a cause.
    pub(super) fn explained(&mut self, found: &Found) -> bool {
        if found.mistakes.is_empty() {
            return false;
        }
        let all = |part: fn(&Mistake) -> Option<&'static str>| {
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
