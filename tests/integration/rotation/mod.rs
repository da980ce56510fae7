//! Changes from outside take effect in a gate that goes on running.
//!
//! That they do so within a second is tested in virtual time, in `in_time`.

mod clocks;
mod custody;
mod flood;
mod gate_in_time;
mod in_time;
mod silence;
mod under_way;
mod uses;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::*;

/// The status of a delivery that is signed with `secret`.
fn signed_with(gate: &Gate, secret: &str) -> u16 {
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
        .body("{}");
    send(gate.http(), &request).status
}

/// The status of a delivery to a path, without a proof.
fn unproven(gate: &Gate, path: &str) -> u16 {
    send(gate.http(), &Request::post(path).body("{}")).status
}

/// The status of a delivery to a path, with a bearer token.
fn with_token(gate: &Gate, path: &str, token: &str) -> u16 {
    let request = Request::post(path).header("Authorization", &format!("Bearer {token}"));
    send(gate.http(), &request.body("{}")).status
}

#[test]
fn a_rotated_secret_is_in_force_and_the_old_one_is_not() {
    // As often as it looks by default, and as seldom as it may.
    for follow_every in ["200ms", "400ms"] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend)
            .with("directory", &format!("follow_every = \"{follow_every}\""))
            .endpoint("hmac")
            .start();
        let process = gate.process_id();
        let mut old = gate.secret(ID);
        assert_eq!(signed_with(&gate, &old), 202);
        for _ in 0..3 {
            gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
            in_force(|| signed_with(&gate, &old) == 401);
            let new = gate.secret(ID);
            assert_eq!(signed_with(&gate, &new), 202);
            assert_eq!(signed_with(&gate, &old), 401);
            old = new;
        }
        assert_eq!(gate.process_id(), process);
    }
}

#[test]
fn no_delivery_that_is_under_way_brings_an_old_secret_back() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    // Deliveries go on all the time, and many of them after the gate has followed the rotation.
    let followed = AtomicBool::new(false);
    let hammer = || {
        let mut afterwards = 0;
        while afterwards < 300 {
            let is_after = followed.load(Ordering::SeqCst);
            let status = signed_with(&gate, &old);
            if is_after {
                assert_eq!(status, 401, "the old secret is back");
                afterwards += 1;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(hammer);
        }
        backend.wait_for(30);
        gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
        gate.catch_up();
        followed.store(true, Ordering::SeqCst);
    });
    assert_eq!(signed_with(&gate, &old), 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn during_an_overlap_both_are_admitted_and_the_log_tells_them_apart() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let new = gate.secret(ID);
    in_force(|| signed_with(&gate, &new) == 202);
    for (secret, generation, version) in [(&old, "previous", "1"), (&new, "current", "2")] {
        let so_far = gate.log(1).len();
        assert_eq!(signed_with(&gate, secret), 202);
        let line = gate.log(so_far + 1).pop().unwrap();
        assert_eq!(line["secret"], generation);
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("X-Portal-Secret-Version"), version);
    }
    assert_eq!(signed_with(&gate, "neither"), 401);
}

#[test]
fn an_overlap_ends_when_it_was_said_to() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    let before = Instant::now();
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "2s"])
        .succeeded();
    // Nobody has to tell the gate: no change is written when the overlap ends.
    eventually("the overlap has ended", || signed_with(&gate, &old) == 401);
    assert!(before.elapsed() >= Duration::from_secs(2), "too early");
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn a_rotation_without_an_overlap_ends_the_overlap_before_it() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let first = gate.secret(ID);
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let second = gate.secret(ID);
    in_force(|| signed_with(&gate, &second) == 202);
    assert_eq!(signed_with(&gate, &first), 202);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &first) == 401 && signed_with(&gate, &second) == 401);
    assert_eq!(signed_with(&gate, &gate.secret(ID)), 202);
}

#[test]
fn two_rotations_with_overlaps_leave_two_values_and_not_three() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let first = gate.secret(ID);
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let second = gate.secret(ID);
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let third = gate.secret(ID);
    in_force(|| signed_with(&gate, &third) == 202);
    assert_eq!(signed_with(&gate, &second), 202);
    assert_eq!(signed_with(&gate, &first), 401);
}

#[test]
fn a_secret_that_was_set_is_in_force() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let old = gate.secret(ID);
    assert_eq!(signed_with(&gate, &old), 202);
    gate.run_with_input(&["secret", "set", ID], b"issued by GitHub\n")
        .succeeded();
    in_force(|| signed_with(&gate, "issued by GitHub") == 202);
    assert_eq!(signed_with(&gate, &old), 401);
    assert_eq!(signed_with(&gate, "issued by GitHub\n"), 401);
}

#[test]
fn an_endpoint_is_there_changed_and_gone() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    let alias = "/hooks/orders";
    assert_eq!([unproven(&gate, PATH), unproven(&gate, alias)], [404, 404]);

    let gate = gate.endpoint_with(ID, &["--mode", "bearer", "--alias", alias]);
    in_force(|| [unproven(&gate, PATH), unproven(&gate, alias)] == [401, 401]);
    let token = gate.secret(ID);
    assert_eq!(
        [
            with_token(&gate, PATH, &token),
            with_token(&gate, alias, &token)
        ],
        [202, 202]
    );

    gate.run(&[
        "endpoint",
        "update",
        ID,
        "--mode",
        "hmac",
        "--alias",
        "/hooks/other",
    ])
    .succeeded();
    // A token was sent in the open: it does not sign.
    in_force(|| signed_with(&gate, &token) == 401 && unproven(&gate, alias) == 404);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let secret = gate.secret(ID);
    in_force(|| signed_with(&gate, &secret) == 202);
    in_force(|| unproven(&gate, "/hooks/other") == 401);
    assert_eq!(with_token(&gate, PATH, &token), 401);

    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &secret) == 404 && unproven(&gate, "/hooks/other") == 404);
    gate.run(&["endpoint", "enable", ID]).succeeded();
    in_force(|| signed_with(&gate, &secret) == 202);

    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    in_force(|| signed_with(&gate, &secret) == 404);
    let so_far = backend.received().len();
    assert_eq!(signed_with(&gate, &secret), 404);
    assert_eq!(backend.received().len(), so_far);
}

#[test]
fn a_declaration_is_in_force_all_of_it() {
    const COUNT: usize = 50;
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    let declaration: String = (0..COUNT)
        .map(|number| {
            format!(
                "[[endpoints]]\nid = \"workflows/w{number}\"\norganisation = \"o\"\n\
                 workspace = \"w\"\nauth = {{ mode = \"bearer\" }}\n"
            )
        })
        .collect();
    let path = |number: usize| format!("/webhooks/ai/workflows/w{number}");
    assert_eq!(unproven(&gate, &path(COUNT - 1)), 404);
    let gate = gate.apply(&declaration);
    in_force(|| (0..COUNT).all(|number| unproven(&gate, &path(number)) == 401));
    // The last one was not known to be missing longer than the first.
    let token = gate.secret(&format!("workflows/w{}", COUNT - 1));
    assert_eq!(with_token(&gate, &path(COUNT - 1), &token), 202);
}

#[test]
fn every_process_over_the_same_store_follows() {
    let backend = Backend::accepting();
    let first = Gate::before(&backend).endpoint("hmac").start();
    let folder = first.folder().display();
    let second = Gate::before(&backend)
        .with("store", &format!("path = \"{folder}/portcullis.db\""))
        .with(
            "secrets",
            &format!("key_file = \"{folder}/portcullis.key\""),
        )
        .start();
    let old = first.secret(ID);
    let both = |secret: &str| [signed_with(&first, secret), signed_with(&second, secret)];
    assert_eq!(both(&old), [202, 202]);
    // The one that changes it is neither of them.
    second.run(&["secret", "rotate", "--yes", ID]).succeeded();
    in_force(|| both(&old) == [401, 401]);
    assert_eq!(both(&first.secret(ID)), [202, 202]);
}
