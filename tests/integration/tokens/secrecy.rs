//! A token is a credential: it is written down nowhere and passed on to nobody.

use super::*;

#[test]
fn a_token_is_in_no_log_no_capture_no_audit_no_store_and_reaches_no_backend() {
    let backend = Backend::accepting();
    let options = [
        "--mode",
        "hmac",
        "--draft-auth",
        "both",
        "--capture",
        "10/1h",
    ];
    let gate = Gate::before(&backend)
        .with("log", "level = \"trace\"")
        .endpoint_with(DRAFT, &options)
        .endpoint_with("flows/orders/draft/open", &["--mode", "hmac"])
        .start();
    let token = gate.token("main");
    let secret_part = &token[21..];
    // Refused, and kept for `explain`; with the token where people put it by mistake, too.
    let wrong = with_token(&format!("{DRAFT_PATH}?a={token}"), &token)
        .header("X-Hub-Signature-256", &github_signature("another", b"{}"))
        .header("X-Mistake", &format!("Bearer {token}"));
    is_refused(&gate, &wrong, 401, "signature_mismatch");
    let open = "/api/flows/orders/interfaces/draft/open";
    assert_eq!(send(gate.http(), &with_token(open, &token)).status, 202);
    let received = backend.only();
    assert!(!received.head.contains(secret_part), "{}", received.head);

    let captured = found("the delivery is captured", || {
        let output = gate.run(&["capture", "list", DRAFT, "--json"]).succeeded();
        let listed: Vec<serde_json::Value> = serde_json::from_str(&output).unwrap();
        Some(listed.first()?["id"].as_str().unwrap().to_owned())
    });
    let captured = gate.run(&["capture", "show", &captured]).succeeded();
    assert!(captured.contains("authorization: redacted"), "{captured}");
    assert!(captured.contains("x-mistake: redacted"), "{captured}");
    let texts = [
        captured,
        gate.everything_written(),
        gate.metrics(),
        gate.run(&["audit", "export"]).succeeded(),
        gate.run(&["token", "list", "--json"]).succeeded(),
        gate.run(&["endpoint", "show", DRAFT, "--json"]).succeeded(),
    ];
    for texts in texts {
        assert!(!texts.contains(secret_part), "{texts}");
    }
    for file in gate.files() {
        let bytes = std::fs::read(gate.folder().join(&file)).unwrap();
        let digits = secret_part.as_bytes();
        let raw = hex::decode(&secret_part[..64]).unwrap();
        for needle in [digits, &raw[..]] {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{file}");
        }
    }
}

#[test]
fn the_owner_of_an_endpoint_may_ask_for_its_own_secret_and_never_for_the_token() {
    let backend = Backend::accepting();
    let options = ["--mode", "api-key", "--forward-credentials", "true"];
    let both = "flows/orders/draft/both";
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &options)
        .endpoint_with(both, &[&options[..], &["--draft-auth", "both"]].concat())
        .start();
    let token = gate.token("main");
    for (path, secret) in [
        (DRAFT_PATH, "of nobody".to_owned()),
        ("/api/flows/orders/interfaces/draft/both", gate.secret(both)),
    ] {
        let request = with_token(path, &token).header("X-Api-Key", &secret);
        assert_eq!(send(gate.http(), &request).status, 202, "{path}");
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("X-Api-Key"), secret);
        assert!(!received.head.contains(&token), "{}", received.head);
    }
}

#[test]
fn a_secret_that_a_draft_did_not_ask_for_stays_outside_all_the_same() {
    let backend = Backend::accepting();
    let keyed = "flows/orders/draft/keyed";
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &["--mode", "secret"])
        .endpoint_with(keyed, &["--mode", "api-key"])
        .start();
    let (token, secret, key) = (gate.token("main"), gate.secret(DRAFT), gate.secret(keyed));
    let in_query = with_token(&format!("{DRAFT_PATH}?a=1&token={secret}"), &token);
    assert_eq!(send(gate.http(), &in_query).status, 202);
    let path = "/api/flows/orders/interfaces/draft/keyed";
    let in_header = with_token(path, &token).header("X-Api-Key", &key);
    assert_eq!(send(gate.http(), &in_header).status, 202);
    for (received, secret) in backend.received().iter().zip([secret, key]) {
        assert!(!received.head.contains(&secret), "{}", received.head);
    }
    assert!(backend.received()[0].request_line().contains("?a=1 "));
}
