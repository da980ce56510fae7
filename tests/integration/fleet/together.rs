//! What holds for the gates of a fleet together.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::replays::flight::Door;

/// How long a delivery may take at the gate that is killed; its claim ends after it.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(25);

#[test]
fn a_rotation_is_in_force_at_every_gate() {
    let fleet = Fleet::start();
    let node = |at: usize| fleet.nodes[at].http();
    let old = fleet.nodes[0].secret(LOCAL);
    for round in 0..3 {
        let overlap: &[&str] = if round == 1 {
            &["--overlap", "1h"]
        } else {
            &[]
        };
        let words = [&["secret", "rotate", "--yes", LOCAL], overlap].concat();
        fleet.nodes[0].run(&words).succeeded();
        let new = fleet.nodes[0].secret(LOCAL);
        let mut number = round * 1000;
        in_force(|| {
            number += 1;
            (0..3).all(|at| {
                let (_, request) = github(LOCAL, &new, &format!("r-{number}-{at}"));
                send(node(at), &request).status == 202
            })
        });
        for at in 0..3 {
            let (_, request) = github(LOCAL, &old, &format!("o-{number}-{at}"));
            assert_eq!(
                outcome_of(&settled(node(at), &request)),
                "401 signature_mismatch"
            );
        }
    }
}

#[test]
fn of_a_thousand_copies_at_once_over_all_gates_one_reaches_the_backend() {
    let door = Door::default();
    let closed = door.clone();
    let backend = Backend::scripted(move |request, stream| {
        let Some(request) = request else { return false };
        if request.headers("x-github-delivery") == ["the-one"] {
            closed.pass();
        }
        stream.write_all(ACCEPTED).is_ok()
    });
    let fleet = Fleet::with(backend, None);
    fleet.admits_at_every_gate();
    let (_, copy) = github(LOCAL, &fleet.nodes[0].secret(LOCAL), "the-one");
    let (copy, start) = (copy.bytes(), Arc::new(Barrier::new(50)));
    let senders = (0..50).map(|sender| {
        let (copy, start, address) = (copy.clone(), start.clone(), fleet.nodes[sender % 3].http());
        thread::spawn(move || {
            let mut connection = Connection::to(address);
            start.wait();
            let answers = (0..20).map(|_| outcome_of(&connection.write(&copy).answer()));
            answers.collect::<Vec<String>>()
        })
    });
    let senders: Vec<_> = senders.collect();
    // Some come while it is with the backend, and others afterwards.
    eventually("others have come meanwhile", || {
        let series = r#"portcullis_ledger_claims_total{result="in_flight"}"#;
        let counts = fleet.nodes.iter().map(|node| node.metric(series));
        counts.sum::<u64>() >= 200
    });
    door.open();
    let answers: Vec<String> = senders
        .into_iter()
        .flat_map(|it| it.join().unwrap())
        .collect();
    let count = |outcome: &str| answers.iter().filter(|it| *it == outcome).count();
    assert_eq!(count("202 admitted"), 1);
    let known = count("409 in_flight") + count("200 duplicate") + count("409 replay");
    assert_eq!(known, 999, "{answers:?}");
    let arrived = fleet.arrived();
    assert_eq!(arrived.iter().filter(|it| *it == "the-one").count(), 1);
}

#[test]
fn a_gate_that_is_killed_takes_nothing_with_it_and_leaves_no_claim_behind() {
    let has_come = AtomicBool::new(false);
    let backend = Backend::scripted(move |request, stream| {
        let Some(request) = request else { return false };
        let is_the_one = request.headers("x-github-delivery") == ["the-one"];
        if is_the_one && !has_come.swap(true, Ordering::SeqCst) {
            hang(); // The gate dies first.
        }
        stream.write_all(ACCEPTED).is_ok()
    });
    let mut fleet = Fleet::with(backend, Some(TOTAL_TIMEOUT));
    fleet.admits_at_every_gate();
    let (_, one) = github(LOCAL, &fleet.nodes[0].secret(LOCAL), "the-one");
    let ((), load) = fleet.under_load(|fleet| {
        let mut sender = Connection::to(fleet.nodes[2].http());
        let sent = Instant::now();
        sender.write(&one.bytes());
        eventually("it is with the backend", || {
            fleet.arrived().contains(&"the-one".to_owned())
        });
        fleet.nodes[2].kill();
        // Nobody said what became of it: the others wait for the end of the claim, and then let it in.
        let answer = outcome_of(&send(fleet.nodes[1].http(), &one));
        if sent.elapsed() < TOTAL_TIMEOUT {
            assert_eq!(answer, "409 in_flight");
        }
        is_seen(fleet, 0, "one gate is killed; at the others");
    });
    is_honest(&fleet, &load);
    eventually("the claim ends by itself", || {
        outcome_of(&send(fleet.nodes[1].http(), &one)) == "200 duplicate"
    });
    let arrivals = fleet.arrived().into_iter().filter(|id| id == "the-one");
    assert_eq!(arrivals.count(), 2);
    assert_eq!(
        outcome_of(&send(fleet.nodes[0].http(), &one)),
        "200 duplicate"
    );
    // It comes back with nothing of its own.
    fleet.nodes[2].restart();
    eventually("it admits again", || {
        fleet.deliver(2, CLOSED) == "202 admitted"
    });
}

#[test]
fn two_engines_fail_at_once_and_nothing_forged_gets_in() {
    let mut fleet = Fleet::start();
    let ((), load) = fleet.under_load(|fleet| {
        fleet.postgres.pause();
        fleet.redis.pause();
        fleet.kms.set(Fault::Hang);
        eventually("the gates have noticed", || {
            fleet.deliver(1, COLD);
            [0, 2]
                .iter()
                .all(|node| fleet.readiness(*node).1.len() >= 4)
        });
        is_seen(fleet, 0, "all three hang");
        fleet.postgres.resume();
        fleet.redis.resume();
        fleet.kms.set(Fault::None);
        eventually("all is well", || fleet.is_whole());
    });
    is_honest(&fleet, &load);
}

#[test]
fn the_script_that_shows_a_fleet_to_people_runs_to_its_end() {
    let root = env!("CARGO_MANIFEST_DIR");
    let ran = std::process::Command::new("scripts/fleet")
        .arg("--exit")
        .current_dir(root)
        .env("PORTCULLIS", portcullis().get_program())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{shown}\n{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    for part in [
        "202  admitted",
        "409  replay",
        "version 2",
        "lines, chain intact",
        "portcullis_redis_up 1",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}
