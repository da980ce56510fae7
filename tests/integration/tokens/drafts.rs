//! Who may deliver to a draft, and what everybody else hears.

use super::*;

#[test]
fn a_draft_is_for_whoever_has_a_token_of_its_workspace_and_for_nobody_else() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        // Without `auth`: a draft does without.
        .apply(&format!(
            "[[endpoints]]\nid = \"{DRAFT}\"\norganisation = \"acme\"\nworkspace = \"main\"\n"
        ))
        .start();
    let token = gate.token("main");
    let short = &token[..token.len() - 1];
    let mistyped = format!("{short}{}", if token.ends_with('0') { '1' } else { '0' });
    let (upper, forged) = (token.to_uppercase(), forged(&token));
    let bearer = |token: &str| vec![format!("Bearer {token}")];
    for (values, reason) in [
        (vec![], "token_missing"),
        (vec!["Basic dTpw".to_owned()], "token_missing"),
        (vec!["Bearer".to_owned()], "token_missing"),
        (vec!["Bearer   ".to_owned()], "token_missing"),
        (vec![token.clone()], "token_missing"),
        (bearer("secret"), "token_mismatch"),
        (bearer(short), "token_mismatch"),
        (bearer(&mistyped), "token_mismatch"),
        (bearer(&upper), "token_mismatch"),
        (bearer(&format!("{token} ,{token}")), "token_mismatch"),
        (bearer(&forged), "token_mismatch"),
        (bearer(&invented(1)), "token_mismatch"),
        ([bearer(&token), bearer(&forged)].concat(), "token_mismatch"),
    ] {
        let mut request = Request::post(DRAFT_PATH);
        for value in &values {
            request = request.header("Authorization", value);
        }
        let answer = is_refused(&gate, &request.body("{}"), 401, reason);
        assert_eq!(answer.text(), r#"{"error":"Unauthorized"}"#);
    }
    // Nowhere else than in the header.
    let elsewhere = Request::post(&format!("{DRAFT_PATH}?token={token}")).body("{}");
    is_refused(&gate, &elsewhere, 401, "token_missing");
    backend.was_not_contacted();

    for (path, scheme) in [
        (DRAFT_PATH.to_owned(), "Bearer"),
        (format!("{DRAFT_PATH}?a=b"), "bearer"),
        (
            "/api/workspaces/main/flows/orders/interfaces/draft/new".to_owned(),
            "BEARER ",
        ),
    ] {
        let request = Request::post(&path)
            .header("Authorization", &format!("{scheme} {token}"))
            .body("{}");
        assert_eq!(send(gate.http(), &request).status, 202, "{path}");
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("X-Portal-Auth-Mode"), "workspace");
        assert_eq!(received.header("X-Portal-Workspace-Id"), "main");
        assert!(received.headers("Authorization").is_empty());
        assert!(received.headers("X-Portal-Secret-Version").is_empty());
    }
    let log = gate.log(17).pop().unwrap();
    assert_eq!(
        (&log["mode"], &log["target"]),
        (&"workspace".into(), &serde_json::Value::Null)
    );
    let admitted = r#"portcullis_deliveries_total{mode="workspace",outcome="admitted",reason="admitted",route="draft"}"#;
    assert_eq!(gate.metric(admitted), 2);
}

#[test]
fn it_is_decided_by_the_head_before_a_byte_of_the_body_is_read() {
    let backend = Backend::accepting();
    let gate = with_interface(Gate::before(&backend), &["--mode", "hmac"]).start();
    let other = gate.token("elsewhere");
    for (token, status) in [(None, 401), (Some(invented(1)), 401), (Some(other), 404)] {
        let mut request = Request::post(DRAFT_PATH)
            .header("Content-Length", "1000000")
            .header("Expect", "100-continue")
            .framed();
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        let mut connection = Connection::to(gate.http());
        // Nobody is asked to go on: the first answer is the last.
        let answer = connection.write(&request.head()).answer();
        assert_eq!(answer.status, status);
    }
    backend.was_not_contacted();
}

#[test]
fn a_token_of_another_workspace_gets_the_very_answer_of_a_path_that_leads_nowhere() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("headers", "request_id = false")
        .endpoint_with(DRAFT, &["--mode", "bearer", "--method", "PUT"])
        // Its refusals have no body, because its provider wants that; but not this one.
        .endpoint_with(
            "flows/orders/draft/xero",
            &["--mode", "provider", "--preset", "xero"],
        )
        .endpoint_with("flows/orders/draft/off", &["--mode", "hmac"])
        .endpoint_with("flows/orders/draft/alias", &["--alias", "/hooks/orders"])
        .start();
    gate.run(&["endpoint", "disable", "--yes", "flows/orders/draft/off"])
        .succeeded();
    let own = gate.token("main");
    let words = [
        "token",
        "create",
        "--workspace",
        "main",
        "--organisation",
        "evil",
    ];
    let of_namesake = gate.run(&words).succeeded();
    let of_other = gate.token("other");
    let at = |path: &str, token: &str| {
        let answer = send(gate.http(), &with_token(path, token));
        // Two answers of different seconds differ in their date.
        let lines = answer.head.split_inclusive('\n');
        let head: String = lines.filter(|line| !line.starts_with("Date: ")).collect();
        (head, answer.body)
    };
    let shape = "/api/flows/orders/interfaces/draft";
    let nowhere = at(&format!("{shape}/nothing"), &own);
    assert!(nowhere.0.starts_with("HTTP/1.1 404 "), "{}", nowhere.0);
    assert_eq!(nowhere.1, br#"{"error":"Webhook not configured"}"#);
    in_force(|| at(&format!("{shape}/off"), &own) == nowhere);
    for token in [&of_other, &of_namesake] {
        for path in [
            format!("{shape}/new"),
            format!("{shape}/xero"),
            format!("{shape}/off"),
            "/api/workspaces/main/flows/orders/interfaces/draft/new".to_owned(),
        ] {
            assert_eq!(at(&path, token), nowhere, "{path}");
        }
        // Where no route leads, the text is that of no route.
        let (head, body) = at("/hooks/orders", token);
        assert_eq!((head, body), at("/hooks/nothing", token));
    }
    backend.was_not_contacted();
    // Whoever operates it sees why, and nothing is counted for the endpoint.
    let log = gate.log(12);
    let line = log.iter().find(|line| {
        let cause = line["cause"].as_str().unwrap_or_default();
        cause.contains("another workspace") && cause.contains(id_of(&of_other))
    });
    assert_eq!(line.unwrap()["route"], "none");
}

#[test]
fn both_asks_for_the_token_and_for_the_proof_of_the_interface() {
    let backend = Backend::accepting();
    let options = ["--mode", "hmac", "--draft-auth", "both"];
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &options)
        .start();
    let (token, secret) = (gate.token("main"), gate.secret(DRAFT));
    let signed = |request: Request, secret: &str| {
        request.header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
    };
    is_refused(
        &gate,
        &with_token(DRAFT_PATH, &token),
        401,
        "signature_missing",
    );
    let wrong = signed(with_token(DRAFT_PATH, &token), "another");
    is_refused(&gate, &wrong, 401, "signature_mismatch");
    let wrong = signed(with_token(DRAFT_PATH, &invented(1)), &secret);
    is_refused(&gate, &wrong, 401, "token_mismatch");
    let bare = signed(Request::post(DRAFT_PATH).body("{}"), &secret);
    is_refused(&gate, &bare, 401, "signature_at_draft");
    backend.was_not_contacted();

    let right = signed(with_token(DRAFT_PATH, &token), &secret);
    assert_eq!(send(gate.http(), &right).status, 202);
    let received = backend.only();
    assert_eq!(received.header("X-Portal-Auth-Mode"), "hmac");
    assert_eq!(received.header("X-Portal-Secret-Version"), "1");
    assert!(received.headers("Authorization").is_empty());
    assert_eq!(received.headers("X-Hub-Signature-256").len(), 1);
}

#[test]
fn both_needs_an_auth_that_leaves_authorization_to_the_token() {
    let backend = Backend::refusing();
    let gate = Gate::before(&backend).with("auth", "draft_auth = \"both\"");
    for mode in ["secret", "bearer"] {
        let words = [
            "endpoint",
            "create",
            DRAFT,
            "--mode",
            mode,
            "--organisation",
            "acme",
        ];
        let output = gate.run(&[&words[..], &["--workspace", "main"]].concat());
        let output = output.failed_with(3);
        assert!(
            output.contains("draft_auth") && output.contains("`Authorization`"),
            "{output}"
        );
    }
    let words = [
        "endpoint",
        "create",
        LIVE,
        "--draft-auth",
        "both",
        "--organisation",
        "acme",
    ];
    let output = gate.run(&[&words[..], &["--workspace", "main"]].concat());
    assert!(output.failed_with(3).contains("is not a draft"));
    let gate = gate.endpoint_with(DRAFT, &["--mode", "api-key"]);
    let gate = gate.endpoint_with(LIVE, &["--mode", "bearer"]);
    let shown = gate.run(&["endpoint", "show", DRAFT]).succeeded();
    assert!(
        shown.contains("token of the workspace main and the proof of `auth`"),
        "{shown}"
    );
}

#[test]
fn what_is_signed_for_the_live_endpoint_is_told_so_at_the_draft() {
    let backend = Backend::accepting();
    let gate = with_interface(Gate::before(&backend), &["--mode", "hmac"]).start();
    let live = github_signature(&gate.secret(LIVE), b"{}");
    let signed = |path: &str| {
        Request::post(path)
            .header("X-Hub-Signature-256", &live)
            .body("{}")
    };
    is_refused(&gate, &signed(DRAFT_PATH), 401, "signature_at_draft");
    // As a live endpoint, and yet it says more than that the signature is wrong.
    gate.run(&["endpoint", "update", DRAFT, "--draft-auth", "interface"])
        .succeeded();
    in_force(|| {
        let answer = send(gate.http(), &Request::post(DRAFT_PATH).body("{}"));
        answer.reason() == "signature_missing"
    });
    is_refused(&gate, &signed(DRAFT_PATH), 401, "signature_at_draft");
    let nobodys = Request::post(DRAFT_PATH)
        .header("X-Hub-Signature-256", &github_signature("nobody's", b"{}"))
        .body("{}");
    is_refused(&gate, &nobodys, 401, "signature_mismatch");
    // Too large to be looked at twice.
    let large = vec![b'x'; (1 << 20) + 1];
    let signature = github_signature(&gate.secret(LIVE), &large);
    let large = Request::post(DRAFT_PATH)
        .header("X-Hub-Signature-256", &signature)
        .body(&large);
    is_refused(&gate, &large, 401, "signature_mismatch");
    backend.was_not_contacted();
    // At the live endpoint nothing is asked of the draft.
    let draft = github_signature(&gate.secret(DRAFT), b"{}");
    let at_live = Request::post(LIVE_PATH)
        .header("X-Hub-Signature-256", &draft)
        .body("{}");
    is_refused(&gate, &at_live, 401, "signature_mismatch");
    assert_eq!(send(gate.http(), &signed(LIVE_PATH)).status, 202);
    let own = Request::post(DRAFT_PATH)
        .header("X-Hub-Signature-256", &draft)
        .body("{}");
    assert_eq!(send(gate.http(), &own).status, 202);
    assert_eq!(backend.received()[1].header("X-Portal-Auth-Mode"), "hmac");
}

#[test]
fn the_server_says_what_drafts_ask_that_say_nothing_themselves() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("auth", "draft_auth = \"interface\"")
        .endpoint_with(DRAFT, &["--mode", "bearer"])
        .endpoint_with(
            "flows/orders/draft/own",
            &["--mode", "bearer", "--draft-auth", "workspace"],
        )
        .start();
    let secret = gate.secret(DRAFT);
    assert_eq!(
        send(gate.http(), &with_token(DRAFT_PATH, &secret)).status,
        202
    );
    let own = "/api/flows/orders/interfaces/draft/own";
    let secret = gate.secret("flows/orders/draft/own");
    is_refused(&gate, &with_token(own, &secret), 401, "token_mismatch");
    assert_eq!(
        send(gate.http(), &with_token(own, &gate.token("main"))).status,
        202
    );
}

#[test]
fn what_is_said_of_a_live_signature_is_said_of_no_other_workspaces_endpoint() {
    let backend = Backend::accepting();
    let options = ["--mode", "hmac", "--draft-auth", "both"];
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &options)
        .apply(&format!(
            "[[endpoints]]\nid = \"{LIVE}\"\norganisation = \"acme\"\nworkspace = \"other\"\n\
             auth = {{ mode = \"hmac\" }}\n"
        ))
        .start();
    let theirs = github_signature(&gate.secret(LIVE), b"{}");
    let request =
        with_token(DRAFT_PATH, &gate.token("main")).header("X-Hub-Signature-256", &theirs);
    is_refused(&gate, &request, 401, "signature_mismatch");
}
