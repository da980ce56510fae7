//! Alive means working: logs that cannot be written, tasks that panic or hang, disks that are full. Each of them is
//! followed by a revocation, because that is what goes unnoticed first.

mod disk;
mod logs;
#[cfg(debug_assertions)] // Release builds have no way to inject a fault into a task.
mod tasks;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::*;

/// The answer to a delivery that is signed with `secret`.
fn signed(gate: &Gate, secret: &str) -> Answer {
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
        .body("{}");
    send(gate.http(), &request)
}

fn readiness(gate: &Gate) -> (u16, serde_json::Value) {
    let answer = send(gate.admin(), &admin_get("/readyz"));
    (answer.status, serde_json::from_str(answer.text()).unwrap())
}

/// Waits until every part of the gate is well.
#[track_caller]
fn wait_until_well(gate: &Gate) {
    eventually("every part is ok", || {
        let (status, report) = readiness(gate);
        let parts = report["parts"].as_object().unwrap();
        status == 200 && parts.values().all(|part| part == "ok")
    });
}

/// Rotates the secret, and waits until the old one is refused and the new one admitted. Gives the new one.
#[track_caller]
fn revoke(gate: &Gate, old: &str) -> String {
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let new = gate.secret(ID);
    eventually("the old secret is refused", || {
        signed(gate, old).status == 401
    });
    eventually("the new secret is admitted", || {
        signed(gate, &new).status == 202
    });
    new
}

/// Takes the store away from a gate that runs and gives it back, so that there is something to log.
fn outage(gate: &Gate) {
    let store = gate.folder().join("portcullis.db");
    let away = gate.folder().join("away.db");
    std::fs::rename(&store, &away).unwrap();
    eventually("the outage is noticed", || {
        gate.metric("portcullis_store_up") == 0
    });
    std::fs::rename(&away, &store).unwrap();
    eventually("the outage is over", || {
        gate.metric("portcullis_store_up") == 1
    });
}

/// Lets no file of the gate become larger than `bytes`, as a full disk would; `None` makes room again.
fn limit_files(gate: &Gate, bytes: Option<u64>) {
    let gate = Pid::from_raw(i32::try_from(gate.process_id()).unwrap());
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(gate, Resource::Fsize, limit).unwrap();
}
