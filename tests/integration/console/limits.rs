//! Limits, slow clients, and a store that is away.

use serde_json::json;

use super::client::{Client, endpoint, gate, json as body_of, problem};
use crate::support::*;

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = Client::with_roles(&gate, &["operator@acme"]);
    let path = format!("{}/secret:set", endpoint(ID));
    let large = "x".repeat(2 * 1024 * 1024);
    let answer = client.change("POST", &path, &json!({ "value": large }));
    assert_eq!(problem(&answer), (413, "body_too_large".to_owned()));
    let request = client
        .request("POST", &path)
        .header("Content-Type", "application/json")
        .chunked(large.as_bytes(), 64 * 1024);
    assert_eq!(
        problem(&client.send(&request)),
        (413, "body_too_large".to_owned())
    );
    // Only the length is announced.
    let request = client
        .request("POST", "/admin/v1/apply")
        .header("Content-Type", "application/json")
        .header("Content-Length", "104857600")
        .framed();
    assert_eq!(client.send(&request).status, 413);
    // A declaration may be larger than other bodies, and is refused for its content.
    let answer = client.change("POST", "/admin/v1/apply", &json!({ "endpoints": large }));
    assert_eq!(answer.status, 422);
}

#[test]
fn slow_and_idle_connections_end_and_others_are_served_meanwhile() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let client = Client::with_roles(&gate, &["viewer"]);
    let mut slow: Vec<Connection> = (0..20)
        .map(|_| {
            let mut connection = Connection::to(gate.console());
            connection.write(b"GET /admin/v1/me HTTP/1.1\r\nHost: local");
            connection
        })
        .collect();
    assert_eq!(client.get("/admin/v1/me").status, 200);
    for connection in &mut slow {
        assert!(connection.is_closed());
    }
    let mut body = Connection::to(gate.console());
    let request = client
        .request("POST", "/admin/v1/apply")
        .header("Content-Type", "application/json")
        .header("Content-Length", "100")
        .framed();
    let answer = body.write(&request.bytes()).write(b"{").answer();
    assert_eq!(problem(&answer), (408, "body_timeout".to_owned()));
}

#[test]
fn connections_beyond_the_limit_are_closed_and_later_ones_are_served() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let client = Client::with_roles(&gate, &["viewer"]);
    let mut open: Vec<Connection> = Vec::new();
    let request = String::from_utf8(client.request("GET", "/admin/v1/me").bytes()).unwrap();
    let request = request.replace("Connection: close\r\n", "");
    eventually("a connection beyond the limit is closed", || {
        let mut connection = Connection::to(gate.console());
        connection.write(request.as_bytes());
        let answered = connection.try_answer().is_some();
        open.push(connection);
        !answered
    });
    assert!(open.len() > 50, "{}", open.len());
    drop(open);
    eventually("a later connection is served", || {
        let mut connection = Connection::to(gate.console());
        connection.write(&client.request("GET", "/admin/v1/me").bytes());
        connection
            .try_answer()
            .is_some_and(|answer| answer.status == 200)
    });
}

#[test]
fn a_thousand_wrong_sign_ins_pause_and_stay_few_in_the_audit_log() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let mut statuses = Vec::new();
    for number in 0..1000 {
        let answer = Client::sign_in(&gate, &format!("{number:064x}"));
        statuses.push(answer.status);
    }
    let refused = statuses.iter().filter(|status| **status == 401).count();
    let paused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(refused + paused, 1000);
    assert!((1..=20).contains(&refused), "{refused}");
    let auditor = Client::with_roles(&gate, &["viewer"]);
    let lines = auditor.get("/admin/v1/audit?action=sign_in_refused&limit=200");
    let lines = body_of(&lines)["items"].as_array().unwrap().len();
    assert!((1..=20).contains(&lines), "{lines}");
}

#[test]
fn deliveries_go_on_while_every_connection_of_the_console_is_taken() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("hmac").start();
    let mut silent: Vec<Connection> = (0..100).map(|_| Connection::to(gate.console())).collect();
    // The next connection is closed at once.
    eventually("the console has no connection left", || {
        Connection::to(gate.console()).is_closed()
    });
    for number in 0..20 {
        let body = format!("{{\"n\":{number}}}");
        let answer = send(gate.http(), &genuine(&gate, body.as_bytes()));
        assert_eq!(answer.status, 202, "{number}");
    }
    assert_eq!(backend.received().len(), 20);
    // They end at their deadline.
    assert!(silent.iter_mut().all(Connection::is_closed));
    assert_eq!(Client::stranger(&gate).get("/admin/v1/me").status, 401);
}

#[test]
fn without_its_store_the_console_says_so_and_deliveries_go_on() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("hmac").start();
    let client = Client::with_roles(&gate, &["operator@acme"]);
    assert_eq!(client.get(&endpoint(ID)).status, 200);
    assert_eq!(send(gate.http(), &genuine(&gate, b"{\"n\":1}")).status, 202);
    let signed = genuine(&gate, b"{\"n\":2}");
    sqlite(&gate, "ALTER TABLE secret_versions RENAME TO hidden");
    for path in [endpoint(ID), "/admin/v1/endpoints".to_owned()] {
        let answer = client.get(&path);
        assert_eq!(
            problem(&answer),
            (503, "store_unavailable".to_owned()),
            "{path}"
        );
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert_eq!(send(gate.http(), &signed).status, 202);
    sqlite(&gate, "ALTER TABLE hidden RENAME TO secret_versions");
    assert_eq!(client.get(&endpoint(ID)).status, 200);
}

#[test]
fn the_console_ends_with_the_gate() {
    let backend = Backend::accepting();
    let mut gate = gate(&backend).start();
    let client = Client::with_roles(&gate, &["viewer"]);
    assert_eq!(client.get("/admin/v1/me").status, 200);
    let address = gate.console();
    let mut idle = Connection::to(address);
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    assert!(idle.is_closed());
    assert!(Connection::try_to(address).is_none());
}
