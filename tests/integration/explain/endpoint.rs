//! Deliveries that are judged by an endpoint of the store: its path, its method, its secrets.

use super::*;

fn explained(gate: &Gate, capture: &[u8], more: &[&str]) -> Value {
    let file = gate.file("capture", capture);
    let mut words = vec!["explain", file.to_str().unwrap(), "--json"];
    words.extend(more);
    let ran = gate.run(&words);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

fn delivery(path: &str, secret: &str, body: &str) -> Vec<u8> {
    let sign = github_signature(secret, body.as_bytes());
    format!("POST {path} HTTP/1.1\r\nX-Hub-Signature-256: {sign}\r\n\r\n{body}").into_bytes()
}

fn steps(diagnosis: &Value) -> Vec<(&str, &str)> {
    let steps = diagnosis["steps"].as_array().unwrap().iter();
    steps
        .map(|it| {
            (
                it["step"].as_str().unwrap(),
                it["outcome"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_path_of_a_capture_finds_the_endpoint_and_its_secret_is_audited() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let secret = gate.secret(ID);
    let diagnosis = explained(&gate, &delivery(PATH, &secret, "{}"), &[]);
    assert_eq!(diagnosis["admitted"], true, "{diagnosis:#}");
    assert_eq!(diagnosis["judged_by"], format!("endpoint {ID}"));
    assert_eq!(
        steps(&diagnosis),
        [
            ("path", "passed"),
            ("method", "passed"),
            ("header", "passed"),
            ("size", "passed"),
            ("signature", "passed")
        ]
    );
    let audit = gate.run(&["audit", "list", "--limit", "1"]).succeeded();
    assert!(audit.contains("secret_revealed"), "{audit}");
}

#[test]
fn a_secret_that_was_replaced_is_named_with_its_version_and_one_in_its_overlap_is_admitted() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let old = gate.secret(ID);
    let capture = delivery(PATH, &old, "{}");
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let diagnosis = explained(&gate, &capture, &[]);
    assert_eq!(diagnosis["admitted"], true, "{diagnosis:#}");
    assert!(
        diagnosis["notes"].to_string().contains("previous secret"),
        "{diagnosis:#}"
    );

    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let diagnosis = explained(&gate, &capture, &[]);
    assert_eq!(diagnosis["reason"], "signature_mismatch");
    assert_eq!(names(&diagnosis), ["secret-ended"]);
    assert!(
        diagnosis["causes"][0]["says"]
            .as_str()
            .unwrap()
            .contains("version 1")
    );
    assert!(!diagnosis.to_string().contains(&old));
}

#[test]
fn a_wrong_path_is_refused_with_the_right_one_and_the_proof_is_judged_all_the_same() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint("hmac")
        .endpoint_with("workflows/other", &["--mode", "hmac"]);
    let secret = gate.secret(ID);
    let capture = delivery("/webhooks/ai/workflows/pr-bot/", &secret, "{}");
    let diagnosis = explained(&gate, &capture, &["--endpoint", ID]);
    assert_eq!(diagnosis["reason"], "not_configured");
    assert_eq!(diagnosis["refused_by"], "path");
    assert!(
        diagnosis["causes"][0]["sender"]
            .as_str()
            .unwrap()
            .ends_with(PATH),
        "{diagnosis:#}"
    );
    assert!(steps(&diagnosis).contains(&("signature", "passed")));

    let capture = delivery("/webhooks/ai/workflows/other", &secret, "{}");
    let diagnosis = explained(&gate, &capture, &["--endpoint", ID]);
    assert_eq!(diagnosis["reason"], "not_configured");
    assert!(
        diagnosis["causes"][0]["operator"]
            .as_str()
            .unwrap()
            .contains("workflows/other")
    );
    // Two things are wrong: both are told.
    let diagnosis = explained(
        &gate,
        &delivery("/nowhere", "wrong", "{}"),
        &["--endpoint", ID],
    );
    assert_eq!(
        diagnosis["causes"].as_array().unwrap().len(),
        2,
        "{diagnosis:#}"
    );
}

#[test]
fn what_is_wrong_with_the_endpoint_itself_is_told() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let secret = gate.secret(ID);
    let capture = delivery(PATH, &secret, "{}");
    gate.run(&["endpoint", "update", ID, "--max-body", "1B"])
        .succeeded();
    let diagnosis = explained(&gate, &capture, &[]);
    assert_eq!(
        (&diagnosis["reason"], names(&diagnosis)),
        (&"body_too_large".into(), vec!["body-too-large"])
    );

    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    let file = gate.file("capture", &capture);
    let file = file.to_str().unwrap();
    gate.run(&["explain", file]).failed_with(4);
    let diagnosis = explained(&gate, &capture, &["--endpoint", ID]);
    assert_eq!(diagnosis["reason"], "not_configured");
    gate.run(&["explain", file, "--endpoint", "workflows/nope"])
        .failed_with(4);
}

#[test]
fn an_endpoint_without_a_proof_is_explained_as_the_server_treats_it() {
    let gate = Gate::before(&Backend::refusing())
        .with("auth", "allow_unauthenticated = true")
        .endpoint("none");
    let capture = format!("POST {PATH} HTTP/1.1\r\n\r\n{{}}");
    let diagnosis = explained(&gate, capture.as_bytes(), &[]);
    assert_eq!(diagnosis["admitted"], true, "{diagnosis:#}");
    let gate = gate.with_only("auth", "allow_unauthenticated = false");
    let diagnosis = explained(&gate, capture.as_bytes(), &[]);
    assert_eq!(diagnosis["reason"], "auth_missing", "{diagnosis:#}");
    assert_eq!(names(&diagnosis), ["auth-missing"]);
}

#[test]
fn explain_says_what_the_gate_says_of_the_same_deliveries() {
    let gate = Gate::before(&Backend::accepting()).endpoint("hmac").start();
    let secret = gate.secret(ID);
    let right = github_signature(&secret, b"{}");
    for (headers, body) in [
        (vec![("X-Hub-Signature-256", right.as_str())], "{}"),
        (vec![("X-Hub-Signature-256", right.as_str())], "{ }"),
        (vec![("X-Hub-Signature-256", "sha256=zz")], "{}"),
        (
            vec![
                ("X-Hub-Signature-256", right.as_str()),
                ("X-Hub-Signature-256", "sha256=00"),
            ],
            "{}",
        ),
        (vec![], "{}"),
    ] {
        for method in ["POST", "PUT"] {
            let mut request = Request::new(method, PATH);
            let mut capture = format!("{method} {PATH} HTTP/1.1\r\n");
            for (name, value) in &headers {
                request = request.header(name, value);
                capture += &format!("{name}: {value}\r\n");
            }
            let answer = send(gate.http(), &request.body(body.as_bytes()));
            let reason = answer.header("Portcullis-Reason").to_owned();
            let diagnosis = explained(&gate, format!("{capture}\r\n{body}").as_bytes(), &[]);
            assert_eq!(
                diagnosis["reason"],
                reason.as_str(),
                "{method} {headers:?} {body}: {diagnosis:#}"
            );
        }
    }
}
