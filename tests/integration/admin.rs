//! The admin listener: health, readiness, metrics, for the machine's own people only.

use crate::support::*;

#[test]
fn health_and_readiness_are_told_apart() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(send(gate.admin(), &admin_get(path)).status, 200, "{path}");
    }
    // The store goes away under it: alive, and ready for what it knows; it says what is wrong.
    sqlite(&gate, "DROP TABLE changes");
    assert_eq!(send(gate.admin(), &admin_get("/healthz")).status, 200);
    let answer = send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(answer.status, 200);
    let report: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(report["ready"], true);
    assert_ne!(report["parts"]["store"], "ok", "{report}");
}

#[test]
fn the_admin_listener_answers_to_its_own_names_only() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("admin", "allowed_hosts = [\"gate.internal\"]")
        .start();
    let port = gate.admin().port();
    let ask = |host: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Connection::to(gate.admin())
            .write(request.as_bytes())
            .answer()
            .status
    };
    for own in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "gate.internal".to_owned(),
        format!("gate.internal:{port}"),
        format!("[::1]:{port}"),
    ] {
        assert_eq!(ask(&own), 200, "{own}");
    }
    // A page whose name was made to point here (DNS rebinding).
    for foreign in [
        "evil.example.com",
        "localhost.evil.example.com",
        "",
        "127.0.0.1.evil",
    ] {
        assert_eq!(ask(foreign), 421, "{foreign}");
    }
}

#[test]
fn deliveries_and_admin_do_not_mix() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = send(gate.http(), &Request::new("GET", path));
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.reason(), "not_configured");
    }
    let answer = send(gate.admin(), &genuine(&gate, b"{}").host("localhost"));
    assert_eq!(answer.status, 404);
    backend.was_not_contacted();
}

#[test]
fn anything_but_reading_is_refused() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = send(gate.admin(), &Request::post(path).host("localhost"));
        assert_eq!(answer.status, 405, "{path}");
    }
}
