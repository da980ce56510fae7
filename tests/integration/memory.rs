//! Memory: what all senders together can make the gate hold, and that it comes back.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::*;

const MIB: u64 = 1024 * 1024;

fn forged(size: usize) -> Vec<u8> {
    let body = noise(size);
    let signature = github_signature("another secret", &body);
    let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
    request.body(body).bytes()
}

/// Sends as much of a request as the gate takes before its last byte, or before it refuses.
fn stalled(gate: &Gate, request: &[u8]) -> Connection {
    let mut connection = Connection::to(gate.http());
    connection.write(&request[..request.len() - 1]);
    connection
}

/// Waits until the process holds at most that much.
fn wait_for_memory(gate: &Gate, most: u64) {
    eventually(&format!("at most {} MiB are held", most / MIB), || {
        gate.resident_bytes() <= most
    });
}

#[test]
fn forged_uploads_that_stall_stay_inside_the_budget_and_leave_room_for_good_ones() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "budget = \"256 MiB\"")
        .endpoint("hmac")
        .start();
    let idle = gate.resident_bytes();
    let request = forged(49 * 1024 * 1024);
    let stalled: Vec<Connection> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| stalled(&gate, &request)))
            .collect();
        let senders = senders.into_iter().map(|sender| sender.join().unwrap());
        senders.collect()
    });
    assert!(gate.metric("portcullis_bodies_in_flight") >= 2);
    assert!(gate.metric("portcullis_body_budget_used_bytes") <= 256 * MIB);
    // Pieces that a growing body has left behind go back to the system within a second or so.
    wait_for_memory(&gate, 256 * MIB + 64 * MIB);
    for _ in 0..50 {
        assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    }

    drop(stalled);
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
    gate.wait_for_metric("portcullis_body_budget_used_bytes", 0);
    wait_for_memory(&gate, idle + 64 * MIB);
    let large = noise(50 * 1024 * 1024);
    assert_eq!(send(gate.http(), &genuine(&gate, &large)).status, 202);
}

#[test]
fn uploads_that_break_off_reach_no_backend_and_give_everything_back() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for size in [2, 1000, 70_000, 3_000_000] {
        let request = forged(size);
        for _ in 0..10 {
            drop(stalled(&gate, &request));
        }
    }
    gate.wait_for_metric("portcullis_bodies_in_flight", 0);
    assert_eq!(gate.metric("portcullis_body_budget_used_bytes"), 0);
    backend.was_not_contacted();
}

#[test]
fn a_flood_of_forged_deliveries_does_not_grow_memory() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let over = AtomicBool::new(false);
    let request = forged(64 * 1024);
    let flood = |rounds: usize| {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let mut connection = Connection::to(gate.http());
                        if connection.write(&request).answer().status != 401 {
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
    };
    flood(50);
    let before = gate.resident_bytes();
    flood(200);
    assert!(!over.load(Ordering::Relaxed), "an answer that is no 401");
    wait_for_memory(&gate, before + 16 * MIB);
    backend.was_not_contacted();
}

#[test]
fn the_largest_body_that_the_configuration_allows_finds_room_on_an_idle_gate() {
    let gate = |budget: &str| {
        Gate::before(&Backend::accepting())
            .with("bodies", &format!("max = \"7 MiB\"\nbudget = \"{budget}\""))
            .endpoint("hmac")
    };
    // 16/7 of the largest body, and not a byte less.
    let gate = gate("16 MiB").start();
    let body = noise(7 * 1024 * 1024);
    let chunked = Request::post(PATH)
        .header(
            "X-Hub-Signature-256",
            &github_signature(&gate.secret(ID), &body),
        )
        .chunked(&body, 70_001);
    for request in [genuine(&gate, &body), chunked] {
        assert_eq!(send(gate.http(), &request).status, 202);
    }
    let too_small = Gate::configured(
        "[upstreams.a]\naddresses = [\"h:1\"]\n[bodies]\nmax = \"7 MiB\"\nbudget = \"16777213B\"\n",
    );
    let told = too_small.run(&["check", "--running"]).failed_with(3);
    assert!(told.contains("16/7"), "{told}");
}
