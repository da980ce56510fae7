//! Formats a diagnosis as text and as JSON.

use serde::Serialize;

use crate::cli::output::{ALARM, GOOD};
use crate::explain::{Diagnosis, JudgedAt, Outcome};

/// The JSON output.
#[derive(Serialize)]
pub(super) struct ExplanationView<'d> {
    /// The endpoint or the preset that judged.
    pub(super) judged_by: &'d str,
    #[serde(flatten)]
    pub(super) diagnosis: &'d Diagnosis,
}

pub(super) fn text(by: &str, judged_at: JudgedAt, diagnosis: &Diagnosis) -> String {
    let verdict = if diagnosis.admitted {
        format!("{GOOD}admitted{GOOD:#}")
    } else {
        format!("{ALARM}refused{ALARM:#}")
    };
    let when = match judged_at {
        JudgedAt::Captured => ", when it was captured",
        JudgedAt::Now => ", now",
        _ => "",
    };
    let mut lines = vec![
        line("verdict", &format!("{verdict} ({})", diagnosis.reason)),
        line("judged by", by),
        line("judged at", &format!("{:.0}{when}", diagnosis.judged_at)),
    ];
    lines.extend(diagnosis.url.as_ref().map(|url| line("judged URL", url)));
    lines.push(String::new());
    for report in &diagnosis.steps {
        let outcome = match report.outcome {
            Outcome::Passed => format!("{GOOD}ok{GOOD:#}       "),
            Outcome::Refused => format!("{ALARM}REFUSED{ALARM:#}  "),
            _ => "-        ".to_owned(),
        };
        lines.push(line(
            report.step.word(),
            &format!("{outcome}{}", report.says),
        ));
    }
    for (number, cause) in diagnosis.causes.iter().enumerate() {
        let title = match (number, cause.proven) {
            (0, true) => "cause",
            (0, false) => "most likely",
            _ => "or",
        };
        lines.push(String::new());
        lines.push(line(
            title,
            &format!("{} [{}]", cause.says, cause.names.join(" + ")),
        ));
        if cause.proven {
            lines.push(line("", "proven: the delivery verifies without this fault"));
        }
        let sides = [("sender", &cause.sender), ("operator", &cause.operator)];
        lines.extend(
            sides
                .into_iter()
                .filter_map(|(side, says)| Some(line(side, says.as_deref()?))),
        );
    }
    if !diagnosis.notes.is_empty() {
        lines.push(String::new());
        lines.extend(diagnosis.notes.iter().map(|note| line("note", note)));
    }
    if !diagnosis.tried_all {
        let tried = format!(
            "the body is large, so only {} variants were tried",
            diagnosis.tried
        );
        lines.push(line("note", &tried));
    }
    lines.join("\n")
}

fn line(title: &str, says: &str) -> String {
    format!("{title:<13}{says}")
}
