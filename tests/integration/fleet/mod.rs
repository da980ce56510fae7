//! A whole fleet: three gates on PostgreSQL, Redis and a key service, all of them real processes.
//!
//! Every line of the table in docs/operate/fleet.md is made here: each engine is killed or paused under load, what
//! senders and operators see is written down, and has to be what the document says.

mod engines;
mod nodes;
mod together;

use self::nodes::{CLOSED, COLD, Fleet, LOCAL, Load, github, outcome_of};
use crate::support::*;

/// Waits until what is seen while something fails is a line of the document.
///
/// Each engine is noticed by itself, and on a busy machine a healthy one may be found too slow for a moment.
#[track_caller]
fn is_seen(fleet: &Fleet, node: usize, what: &str) {
    let document = include_str!("../../../docs/operate/fleet.md");
    let documented: Vec<&str> = document
        .lines()
        .filter(|line| line.starts_with(&format!("| {what} |")))
        .collect();
    eventually(
        &format!("docs/operate/fleet.md is right: {documented:?}"),
        || {
            let line = seen(fleet, node, what);
            let is_documented = documented == [line.as_str()];
            if !is_documented {
                println!("not yet as documented: {line}");
            }
            is_documented
        },
    );
}

/// What is seen while something fails, as a line of the table.
fn seen(fleet: &Fleet, node: usize, what: &str) -> String {
    let (status, ill) = fleet.readiness(node);
    let ill = match ill.as_slice() {
        [] => "nothing".to_owned(),
        parts => format!("`{}`", parts.join("`, `")),
    };
    let cells = [CLOSED, LOCAL, COLD].map(|id| fleet.deliver(node, id));
    let [closed, local, cold] = cells.map(|cell| format!("`{cell}`"));
    format!("| {what} | {closed} | {local} | {cold} | {status} | {ill} |")
}

/// Nothing forged was admitted, and everything that was admitted is at the backend.
#[track_caller]
fn is_honest(fleet: &Fleet, load: &Load) {
    assert_eq!(load.forged_and_admitted, Vec::<String>::new());
    assert!(
        load.admitted.len() > 20,
        "there was hardly any load: {load:?}"
    );
    let arrived: std::collections::BTreeSet<String> = fleet.arrived().into_iter().collect();
    let lost: Vec<&String> = load
        .admitted
        .iter()
        .filter(|name| !arrived.contains(*name))
        .collect();
    assert!(lost.is_empty(), "admitted and lost: {lost:?}");
    // What was refused was not passed on behind anybody's back.
    let passed: Vec<_> = load
        .refused
        .iter()
        .filter(|(name, _)| arrived.contains(name))
        .collect();
    assert!(passed.is_empty(), "refused and passed on: {passed:?}");
    // A fault of ours is never the sender's.
    let blamed = load.refused.iter().find(|(name, output)| {
        let number: u64 = name.trim_start_matches("d-").parse().unwrap();
        !output.starts_with("503 ") && number % 4 != 3
    });
    assert_eq!(blamed, None, "genuine deliveries are told that it passes");
}
