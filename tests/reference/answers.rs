//! answers.md: every status, body and reason.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::explain::Advice;
use portcullis::gate::{Reason, Refusal};
use portcullis::proxy::{retry_after_seconds, status_and_body};
use portcullis::telemetry::Verdict;

use crate::page::{Page, table};

/// The reasons of deliveries that the gate does not refuse.
const NOT_REFUSED: [Verdict; 3] = [Verdict::Admitted, Verdict::Challenge, Verdict::Ignored];

/// Status, body, `Retry-After` and outcome of a reason.
fn answer(reason: Reason) -> (u16, String, Option<u16>, &'static str) {
    let refusal = match reason {
        Reason::BodyTooLarge => Refusal::too_large(50 * 1024 * 1024),
        reason => reason.into(),
    };
    let (status, body) = status_and_body(&refusal);
    let body = String::from_utf8(body.to_vec()).unwrap();
    let retry_after = retry_after_seconds(reason, status);
    let outcome = Verdict::NotDelivered(reason).outcome();
    (
        status.as_u16(),
        body.replace("[]", "[…]"),
        retry_after,
        outcome,
    )
}

#[test]
fn every_status_and_body_is_the_one_that_the_gate_sends() {
    let mut reasons: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for reason in Reason::all() {
        reasons
            .entry(answer(reason))
            .or_default()
            .insert(reason.word());
    }
    let rows: Vec<Vec<String>> = reasons
        .into_iter()
        .map(|((status, body, retry_after, outcome), reasons)| {
            let body = if body.is_empty() {
                "empty".to_owned()
            } else {
                format!("`{body}`")
            };
            let reasons: Vec<&str> = reasons.into_iter().collect();
            vec![
                status.to_string(),
                body,
                retry_after.map_or_else(String::new, |seconds| seconds.to_string()),
                outcome.to_owned(),
                format!("`{}`", reasons.join("`, `")),
            ]
        })
        .collect();
    let titles = ["Status", "Body", "`Retry-After`", "Outcome", "Reasons"];
    Page::open("answers.md").is_generated(&[("statuses", table(&titles, &rows))]);
}

#[test]
fn every_reason_has_one_row_with_its_status_and_no_other_word_has_one() {
    let mut known: Vec<&str> = Reason::all()
        .map(Reason::word)
        .chain(NOT_REFUSED.map(Verdict::reason))
        .collect();
    known.sort_unstable();
    known.dedup(); // `not_configured` has two bodies.
    // The list of reasons is complete: `explain` knows all of them, and is held to the words of the enum.
    let advised: Vec<&str> = Advice::all().iter().map(|advice| advice.word).collect();
    assert_eq!(known, advised);

    let rows = Page::open("answers.md").rows("Reason");
    let mut listed: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    listed.sort_unstable();
    assert_eq!(listed, known);
    for reason in Reason::all() {
        let cell = format!("`{}`", reason.word());
        let row = rows.iter().find(|row| row[0] == cell).unwrap();
        assert_eq!(row[1], answer(reason).0.to_string(), "{cell}");
        assert!(!row[2].is_empty(), "{cell}");
    }
}
