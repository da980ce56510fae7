//! TLS toward the backend.

use crate::support::*;

/// A gate that speaks TLS to `backend` and trusts `authority`.
fn gate_over_tls(backend: &Backend, authority: &Authority, more: &str) -> Gate {
    let gate = Gate::before(backend);
    gate.file("ca.pem", authority.certificate());
    gate.with(
        "upstreams.default",
        &format!("tls = true\nca = \"ca.pem\"\n{more}"),
    )
    .endpoint("hmac")
}

const NAME: &str = "server_name = \"engine.internal\"";

#[test]
fn a_backend_with_a_certificate_of_its_own_authority_is_spoken_to() {
    let authority = Authority::new();
    let backend = Backend::over_tls(&authority.sign("engine.internal"), None);
    let gate = gate_over_tls(&backend, &authority, NAME).start();
    let body = noise(300_000);
    for _ in 0..3 {
        assert_eq!(send(gate.http(), &genuine(&gate, &body)).status, 202);
        // The sender has its response a moment before the connection is back in the pool.
        gate.wait_until_idle();
    }
    let received = backend.received();
    assert_eq!(received.len(), 3);
    for request in received {
        assert_eq!(request.body_sha256, sha256(&body));
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_backend_with_another_name_gets_nothing() {
    let authority = Authority::new();
    let backend = Backend::over_tls(&authority.sign("other.internal"), None);
    let gate = gate_over_tls(&backend, &authority, NAME).start();
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!(
        (answer.status, answer.reason()),
        (502, "upstream_unreachable")
    );
    assert!(backend.received().is_empty());
}

#[test]
fn a_backend_of_another_authority_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let backend = Backend::over_tls(&other.sign("engine.internal"), None);
    let gate = gate_over_tls(&backend, &authority, NAME).start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    assert!(backend.received().is_empty());
}

#[test]
fn without_a_name_the_address_itself_is_what_the_certificate_must_have() {
    let authority = Authority::new();
    let named = Backend::over_tls(&authority.sign("engine.internal"), None);
    let gate = gate_over_tls(&named, &authority, "").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    assert!(named.received().is_empty());

    let by_address = Backend::over_tls(&authority.sign("127.0.0.1"), None);
    let gate = gate_over_tls(&by_address, &authority, "").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
}

#[test]
fn a_backend_that_asks_for_a_certificate_gets_ours() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let backend = Backend::over_tls(&authority.sign("engine.internal"), Some(&clients));
    let ours = clients.sign("gate.internal");
    let files = "client_certificate = \"client.pem\"\nclient_key = \"client-key.pem\"";
    let gate = Gate::before(&backend);
    gate.file("client.pem", &ours.certificate);
    gate.file("client-key.pem", &ours.key);
    gate.file("ca.pem", authority.certificate());
    let with = format!("tls = true\nca = \"ca.pem\"\n{NAME}\n{files}");
    let gate = gate
        .with("upstreams.default", &with)
        .endpoint("hmac")
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    assert_eq!(backend.received().len(), 1);

    let gate = gate_over_tls(&backend, &authority, NAME).start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn plain_words_to_a_backend_that_wants_tls_deliver_nothing() {
    let authority = Authority::new();
    let backend = Backend::over_tls(&authority.sign("engine.internal"), None);
    let gate = Gate::before(&backend).endpoint("hmac").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    let plain = Backend::accepting();
    // It waits for the rest of what it takes for a request.
    let gate = gate_over_tls(&plain, &authority, NAME)
        .with("upstreams.default", "connect_timeout = \"1s\"")
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    assert!(plain.received().is_empty());
}

#[test]
fn a_connection_of_one_upstream_is_never_used_for_another() {
    let (authority, other) = (Authority::new(), Authority::new());
    let backend = Backend::over_tls(&authority.sign("engine.internal"), None);
    let gate = gate_over_tls(&backend, &authority, NAME);
    gate.file("other.pem", other.certificate());
    let address = backend.address();
    let gate = gate
        .with(
            "upstreams.strict",
            &format!("addresses = [\"{address}\"]\ntls = true\nca = \"other.pem\"\n{NAME}"),
        )
        .endpoint_with(
            "workflows/strict",
            &["--mode", "secret", "--upstream", "strict"],
        )
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    let token = gate.secret("workflows/strict");
    let strict = Request::post("/webhooks/ai/workflows/strict")
        .header("Authorization", &format!("Bearer {token}"));
    // The same address and name; but its own authority has not signed this certificate.
    assert_eq!(send(gate.http(), &strict).status, 502);
    assert_eq!(backend.received().len(), 1);
}
