//! A 502 says why: the log has the cause in a word and the address, and `endpoint test` looks for itself.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::support::*;

const NAME: &str = "server_name = \"engine.internal\"";

/// Sends one delivery, and gives what the log and `endpoint test` say of the backend.
fn diagnose(gate: Gate) -> (String, String, String) {
    let gate = gate.start();
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!(
        (answer.status, answer.text()),
        (502, r#"{"error":"Bad gateway"}"#)
    );
    assert_eq!(answer.reason(), "upstream_unreachable");
    let line = gate.log(1).pop().unwrap();
    let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let url = format!("http://{}{PATH}", gate.http());
    let tested = gate.run(&["endpoint", "test", ID, "--url", &url]);
    assert_eq!(tested.code, Some(1), "{tested:?}");
    (
        word("upstream_fault"),
        word("upstream_address"),
        tested.stdout,
    )
}

/// What the backend is called, and that its address is told in both places.
#[track_caller]
fn is_called(fault: &str, gate: Gate, address: &str) {
    let (word, at, tested) = diagnose(gate);
    assert_eq!(word, fault);
    assert!(at.contains(address), "{at}");
    assert!(tested.contains(address), "{tested}");
    assert!(tested.contains(&format!("[{fault}]")), "{tested}");
}

fn over_tls(backend: &Backend, authority: &str) -> Gate {
    let gate = Gate::before(backend);
    gate.file("ca.pem", authority);
    let lines = format!("tls = true\nca = \"ca.pem\"\n{NAME}");
    gate.with("upstreams.default", &lines).endpoint("hmac")
}

#[test]
fn a_refused_connection_is_called_that_with_its_address() {
    let backend = Backend::refusing();
    let address = backend.address().to_string();
    is_called("refused", Gate::before(&backend).endpoint("hmac"), &address);
}

#[test]
fn a_name_without_an_address_is_called_that() {
    let backend = Backend::refusing();
    let gate = Gate::before(&backend)
        .with("upstreams.nowhere", "addresses = [\"engine.invalid:8443\"]")
        .endpoint_with(ID, &["--mode", "hmac", "--upstream", "nowhere"]);
    is_called("dns", gate, "engine.invalid:8443");
}

#[test]
fn a_certificate_is_refused_for_its_name_its_authority_or_its_age() {
    let (authority, other) = (Authority::new(), Authority::new());
    let named = Backend::over_tls(&authority.sign("other.internal"), None);
    let address = named.address().to_string();
    is_called(
        "tls_name",
        over_tls(&named, authority.certificate()),
        &address,
    );

    let foreign = Backend::over_tls(&other.sign("engine.internal"), None);
    let address = foreign.address().to_string();
    is_called(
        "tls_authority",
        over_tls(&foreign, authority.certificate()),
        &address,
    );

    let (identity, authority) = expired("engine.internal");
    let old = Backend::over_tls(&identity, None);
    let address = old.address().to_string();
    is_called("tls_expired", over_tls(&old, &authority), &address);
}

#[test]
fn a_backend_that_hangs_up_or_answers_nonsense_is_called_that() {
    let hangs_up = Backend::raw(|stream| {
        // It takes the delivery first.
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let _ = std::io::Read::read(&mut &stream, &mut [0; 4096]);
    });
    let gate = Gate::before(&hangs_up).endpoint("hmac").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    let line = gate.log(1).pop().unwrap();
    assert_eq!(line["upstream_fault"], "reset");
    assert_eq!(line["upstream_address"], hangs_up.address().to_string());
    names_faults_after_the_connection(&gate);

    let nonsense =
        Backend::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}");
    let gate = Gate::before(&nonsense).endpoint("hmac").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 502);
    let line = gate.log(1).pop().unwrap();
    assert_eq!(line["upstream_fault"], "protocol");
    names_faults_after_the_connection(&gate);
}

/// `endpoint test` reaches the backend itself, so it names the faults that are left, and where the gate says which.
#[track_caller]
fn names_faults_after_the_connection(gate: &Gate) {
    let url = format!("http://{}{PATH}", gate.http());
    let tested = gate.run(&["endpoint", "test", ID, "--url", &url]);
    assert_eq!(tested.code, Some(1), "{tested:?}");
    for word in ["[reset]", "[protocol]", "`upstream_fault`"] {
        assert!(tested.stdout.contains(word), "{}", tested.stdout);
    }
    let question = "is the backend running?";
    assert!(!tested.stdout.contains(question), "{}", tested.stdout);
}

#[test]
fn missing_upstream_is_found_at_the_head_and_claims_nothing() {
    let backend = Backend::accepting();
    let section = "upstreams.engine";
    let lines = format!("addresses = [\"{}\"]", backend.address());
    let gate = Gate::before(&backend)
        .with(section, &lines)
        .endpoint_with(ID, &["--mode", "hmac", "--upstream", "engine"])
        .without(section)
        .start();
    let genuine = genuine(&gate, b"{}");
    let unsigned = Request::post(PATH).body("{}");
    // The second copy of the genuine delivery is not in flight, and no proof is asked for.
    for request in [&genuine, &genuine, &unsigned] {
        let answer = send(gate.http(), request);
        assert_eq!(
            (answer.status, answer.text()),
            (502, r#"{"error":"Bad gateway"}"#)
        );
        assert_eq!(answer.reason(), "upstream_unreachable");
    }
    for line in gate.log(3) {
        assert_eq!(line["outcome"], "failed");
        assert_eq!(line["upstream"], "engine");
        assert_eq!(line["upstream_fault"], "unknown_upstream");
        assert_eq!(line["upstream_address"], "engine");
        assert_eq!(line["cause"], "the configuration has no upstream `engine`");
    }
    backend.was_not_contacted();
}

#[test]
fn a_delivery_that_came_through_names_no_fault() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    let line = gate.log(1).pop().unwrap();
    assert!(line.get("upstream_fault").is_none(), "{line}");
    assert!(line.get("upstream_address").is_none(), "{line}");
}

/// A certificate that has expired, and the authority that signed it.
fn expired(name: &str) -> (Identity, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let identity = Identity {
        certificate: params.signed_by(&key, &issuer).unwrap().pem(),
        key: key.serialize_pem(),
    };
    (identity, authority)
}
