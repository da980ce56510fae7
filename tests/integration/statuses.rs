//! Every row of the contract's table that this version can reach: status, body, reason, and that the
//! backend was not contacted.

use crate::support::*;

#[track_caller]
fn refused(answer: &Answer, status: u16, body: &str, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.head);
    assert_eq!(answer.text(), body);
    assert_eq!(answer.reason(), reason);
    assert!(!answer.header("X-Request-Id").is_empty());
}

#[test]
fn a_workflow_that_is_not_there_is_404_in_the_words_of_workflows() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    let answer = send(
        gate.http(),
        &Request::post("/webhooks/ai/workflows/nope").body("{}"),
    );
    refused(
        &answer,
        404,
        r#"{"error":"Workflow webhook not configured"}"#,
        "not_configured",
    );
    backend.was_not_contacted();
}

#[test]
fn anything_else_that_is_not_there_is_404_in_other_words() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    for path in [
        "/",
        "/nowhere",
        "/api/flows/orders/interfaces/live/hook",
        "/api/flows/orders/interfaces/draft/hook",
        "/api/flows/orders/installations/i1/interfaces/hook",
        "/api/workspaces/main/flows/orders/interfaces/live/hook",
    ] {
        let answer = send(gate.http(), &Request::post(path).body("{}"));
        refused(
            &answer,
            404,
            r#"{"error":"Webhook not configured"}"#,
            "not_configured",
        );
    }
    backend.was_not_contacted();
}

#[test]
fn a_disabled_endpoint_is_as_good_as_none() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    let gate = gate.start();
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    refused(
        &answer,
        404,
        r#"{"error":"Workflow webhook not configured"}"#,
        "not_configured",
    );
    backend.was_not_contacted();
}

#[test]
fn a_failed_signature_is_401_whatever_is_wrong_with_it() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let secret = gate.secret(ID);
    let good = github_signature(&secret, b"{}");
    let hex = good.strip_prefix("sha256=").unwrap();
    let cases = [
        (
            github_signature("another secret", b"{}"),
            "signature_mismatch",
        ),
        (github_signature(&secret, b""), "signature_mismatch"),
        (github_signature(&secret, b"{}\n"), "signature_mismatch"),
        (github_signature("", b"{}"), "signature_mismatch"),
        (
            github_signature(&format!("{secret}\n"), b"{}"),
            "signature_mismatch",
        ),
        (hex.to_owned(), "signature_malformed"),
        (format!("SHA256={hex}"), "signature_malformed"),
        (format!("sha256={good}"), "signature_malformed"),
        (format!("sha1={hex}"), "signature_malformed"),
        (format!("sha256={}", &hex[1..]), "signature_malformed"),
        (format!("sha256={hex}0"), "signature_malformed"),
        (format!("sha256={}", &hex[..40]), "signature_malformed"),
        (format!("sha256={}g", &hex[1..]), "signature_malformed"),
        (format!("sha256= {hex}"), "signature_malformed"),
        ("sha256=".to_owned(), "signature_malformed"),
        (String::new(), "signature_malformed"),
        (format!("{good}, {good}"), "signature_malformed"),
    ];
    for (signature, reason) in cases {
        let request = Request::post(PATH)
            .header("X-Hub-Signature-256", &signature)
            .body("{}");
        let answer = send(gate.http(), &request);
        refused(&answer, 401, r#"{"error":"Unauthorized"}"#, reason);
    }
    backend.was_not_contacted();
}

#[test]
fn a_signature_that_is_missing_or_ambiguous_is_401() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let good = github_signature(&gate.secret(ID), b"{}");
    let bad = github_signature("another secret", b"{}");

    let answer = send(gate.http(), &Request::post(PATH).body("{}"));
    refused(
        &answer,
        401,
        r#"{"error":"Unauthorized"}"#,
        "signature_missing",
    );

    for (first, second) in [(&good, &bad), (&bad, &good)] {
        let request = Request::post(PATH)
            .header("X-Hub-Signature-256", first)
            .header("X-Hub-Signature-256", second)
            .body("{}");
        let answer = send(gate.http(), &request);
        refused(
            &answer,
            401,
            r#"{"error":"Unauthorized"}"#,
            "signature_malformed",
        );
    }
    backend.was_not_contacted();

    // The same one twice is not ambiguous.
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &good)
        .header("x-hub-signature-256", &good)
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
}

#[test]
fn a_signature_in_upper_case_hex_is_the_same_signature() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let good = github_signature(&gate.secret(ID), b"{}");
    let upper = format!("sha256={}", good["sha256=".len()..].to_uppercase());
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &upper)
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
}

#[test]
fn another_endpoints_secret_proves_nothing_here() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with("workflows/other", &["--mode", "hmac"])
        .start();
    let request = Request::post(PATH)
        .header(
            "X-Hub-Signature-256",
            &github_signature(&gate.secret("workflows/other"), b"{}"),
        )
        .body("{}");
    refused(
        &send(gate.http(), &request),
        401,
        r#"{"error":"Unauthorized"}"#,
        "signature_mismatch",
    );
    backend.was_not_contacted();
}

#[test]
fn a_signed_mode_takes_nothing_but_post() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let signature = github_signature(&gate.secret(ID), b"{}");
    for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"] {
        let request = Request::new(method, PATH)
            .header("X-Hub-Signature-256", &signature)
            .body("{}");
        let answer = Connection::to(gate.http())
            .write(&request.bytes())
            .answer_without_body();
        assert_eq!(answer.status, 401, "{method}");
        assert_eq!(answer.reason(), "method_not_signed");
    }
    backend.was_not_contacted();
}

#[test]
fn a_method_that_an_unsigned_mode_does_not_take_is_405_with_those_that_it_does() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(
            ID,
            &["--mode", "bearer", "--method", "POST", "--method", "PUT"],
        )
        .start();
    let request = Request::new("DELETE", PATH)
        .header("Authorization", &format!("Bearer {}", gate.secret(ID)))
        .body("{}");
    let answer = send(gate.http(), &request);
    refused(
        &answer,
        405,
        r#"{"error":"Method not allowed"}"#,
        "method_not_allowed",
    );
    assert_eq!(answer.header("Allow"), "POST, PUT");
    backend.was_not_contacted();
}

#[test]
fn a_failed_token_is_401_in_every_mode_of_tokens() {
    for (mode, header, scheme) in [
        ("secret", "Authorization", "Bearer "),
        ("bearer", "Authorization", "Bearer "),
        ("api-key", "X-Api-Key", ""),
    ] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).endpoint(mode).start();
        let token = gate.secret(ID);
        let (first, rest) = token.split_at(1);
        for wrong in [
            "guess".to_owned(),
            format!("{token}x"),
            format!("{token}%00"),
            rest.to_owned(),
            first.to_owned(),
            token.to_uppercase(),
        ] {
            let request = Request::post(PATH)
                .header(header, &format!("{scheme}{wrong}"))
                .body("{}");
            let answer = send(gate.http(), &request);
            refused(
                &answer,
                401,
                r#"{"error":"Unauthorized"}"#,
                "token_mismatch",
            );
        }
        for nothing in ["", " "] {
            let request = Request::post(PATH)
                .header(header, &format!("{scheme}{nothing}"))
                .body("{}");
            let answer = send(gate.http(), &request);
            refused(&answer, 401, r#"{"error":"Unauthorized"}"#, "token_missing");
        }
        let answer = send(gate.http(), &Request::post(PATH).body("{}"));
        refused(&answer, 401, r#"{"error":"Unauthorized"}"#, "token_missing");
        backend.was_not_contacted();

        let request = Request::post(PATH)
            .header(header, &format!("{scheme}{token}"))
            .body("{}");
        assert_eq!(send(gate.http(), &request).status, 202, "{mode}");
    }
}

#[test]
fn the_mode_secret_takes_its_token_from_the_query_too_and_never_two_that_differ() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("secret").start();
    let token = gate.secret(ID);
    let with = |query: &str, bearer: Option<&str>| {
        let request = Request::post(&format!("{PATH}?{query}"));
        let request = match bearer {
            Some(bearer) => request.header("Authorization", &format!("Bearer {bearer}")),
            None => request,
        };
        send(gate.http(), &request.body("{}"))
    };
    let good = format!("token={token}");
    for (query, bearer, reason) in [
        ("token=guess", None, "token_mismatch"),
        ("token=", None, "token_missing"),
        ("Token=x", None, "token_missing"),
        ("token=guess", Some(token.as_str()), "token_mismatch"),
        (good.as_str(), Some("guess"), "token_mismatch"),
        (&format!("{good}&token=guess"), None, "token_mismatch"),
        (&format!("token=guess&{good}"), None, "token_mismatch"),
        (&format!("token={token}%00"), None, "token_mismatch"),
    ] {
        refused(
            &with(query, bearer),
            401,
            r#"{"error":"Unauthorized"}"#,
            reason,
        );
    }
    backend.was_not_contacted();
    assert_eq!(with(&good, None).status, 202);
    assert_eq!(with(&format!("a=1&{good}&b=2"), None).status, 202);
    assert_eq!(with(&good, Some(&token)).status, 202);
    // The token's bytes may be percent-encoded, as any form value's may.
    let (first, rest) = token.split_at(1);
    let encoded = format!("token=%{:02X}{rest}", first.as_bytes()[0]);
    assert_eq!(with(&encoded, None).status, 202);
}

#[test]
fn a_bearer_token_in_the_query_is_none() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("bearer").start();
    let request = Request::post(&format!("{PATH}?token={}", gate.secret(ID))).body("{}");
    refused(
        &send(gate.http(), &request),
        401,
        r#"{"error":"Unauthorized"}"#,
        "token_missing",
    );
    backend.was_not_contacted();
}

#[test]
fn an_endpoint_that_says_nothing_about_proofs_lets_nobody_in() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .apply(
            r#"
            [[endpoints]]
            id = "workflows/pr-bot"
            organisation = "acme"
            workspace = "main"
            "#,
        )
        .start();
    refused(
        &send(gate.http(), &Request::post(PATH).body("{}")),
        401,
        r#"{"error":"Unauthorized"}"#,
        "auth_missing",
    );
    backend.was_not_contacted();
}

#[test]
fn a_secret_that_is_not_bound_lets_nobody_in() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    // What was lost with a backup: the endpoint is there, its secret is not.
    sqlite(&gate, "DELETE FROM secret_versions");
    let gate = gate.start();
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature("", b"{}"))
        .body("{}");
    refused(
        &send(gate.http(), &request),
        401,
        r#"{"error":"Unauthorized"}"#,
        "secret_unbound",
    );
    backend.was_not_contacted();
}

#[test]
fn the_mode_none_lets_everybody_in_only_where_the_server_says_so() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .endpoint("none")
        .start();
    assert_eq!(
        send(gate.http(), &Request::post(PATH).body("{}")).status,
        202
    );
    assert_eq!(backend.only().header("X-Portal-Auth-Mode"), "none");

    // The endpoint stays when the server changes its mind.
    let backend = Backend::accepting();
    let mut gate = gate.with_only("auth", "").with_only(
        "upstreams.default",
        &format!("addresses = [\"{}\"]", backend.address()),
    );
    gate.kill();
    gate.restart();
    refused(
        &send(gate.http(), &Request::post(PATH).body("{}")),
        401,
        r#"{"error":"Unauthorized"}"#,
        "auth_missing",
    );
    backend.was_not_contacted();
}

#[test]
fn a_body_over_its_cap_is_413_with_the_limit() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "max = \"64 KiB\"")
        .endpoint("hmac")
        .start();
    let limit = 64 * 1024;
    let body = noise(limit + 1);
    let too_large = r#"{"error":"Payload too large","limit_bytes":65536}"#;

    refused(
        &send(gate.http(), &genuine(&gate, &body)),
        413,
        too_large,
        "body_too_large",
    );
    let signature = github_signature(&gate.secret(ID), &body);
    let chunked = Request::post(PATH)
        .header("X-Hub-Signature-256", &signature)
        .chunked(&body, 1000);
    refused(
        &send(gate.http(), &chunked),
        413,
        too_large,
        "body_too_large",
    );
    backend.was_not_contacted();

    for len in [limit - 1, limit] {
        assert_eq!(send(gate.http(), &genuine(&gate, &body[..len])).status, 202);
    }
}

#[test]
fn an_announced_body_over_its_cap_is_refused_before_it_is_sent() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut connection = Connection::to(gate.http());
    connection.write(
        &Request::post(PATH)
            .header("X-Hub-Signature-256", &github_signature("any", b""))
            .header("Content-Length", "52428801")
            .framed()
            .head(),
    );
    let answer = connection.answer();
    refused(
        &answer,
        413,
        r#"{"error":"Payload too large","limit_bytes":52428800}"#,
        "body_too_large",
    );
    backend.was_not_contacted();
}

#[test]
fn multipart_under_a_signed_mode_has_a_cap_of_its_own() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with(
            "bodies",
            "max = \"64 KiB\"\nmax_multipart_signed = \"8 KiB\"",
        )
        .endpoint("hmac")
        .endpoint_with("workflows/tokens", &["--mode", "bearer"])
        .start();
    let body = noise(8 * 1024 + 1);
    for content_types in [
        &["multipart/form-data; boundary=x"][..],
        &["Multipart/Mixed"],
        // A backend may look at either of two.
        &["text/plain", "multipart/form-data; boundary=x"],
    ] {
        let mut request = genuine(&gate, &body);
        for content_type in content_types {
            request = request.header("Content-Type", content_type);
        }
        refused(
            &send(gate.http(), &request),
            413,
            r#"{"error":"Payload too large","limit_bytes":8192}"#,
            "body_too_large",
        );
    }
    backend.was_not_contacted();

    let other_type = genuine(&gate, &body).header("Content-Type", "application/json");
    assert_eq!(send(gate.http(), &other_type).status, 202);
    let unsigned = Request::post("/webhooks/ai/workflows/tokens")
        .header(
            "Authorization",
            &format!("Bearer {}", gate.secret("workflows/tokens")),
        )
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body(&body);
    assert_eq!(send(gate.http(), &unsigned).status, 202);
}

#[test]
fn an_endpoint_may_have_limits_of_its_own() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .apply(
            r#"
            [[endpoints]]
            id = "workflows/pr-bot"
            organisation = "acme"
            workspace = "main"
            auth = { mode = "hmac" }
            limits = { max_body = "1 KiB" }

            [[endpoints]]
            id = "workflows/hasty"
            organisation = "acme"
            workspace = "main"
            auth = { mode = "none" }
            limits = { body_timeout = "300ms" }
            "#,
        )
        .start();
    refused(
        &send(gate.http(), &genuine(&gate, &noise(1025))),
        413,
        r#"{"error":"Payload too large","limit_bytes":1024}"#,
        "body_too_large",
    );
    let mut connection = Connection::to(gate.http());
    let hasty = Request::post("/webhooks/ai/workflows/hasty").body("{}");
    connection.write(&hasty.head());
    refused(
        &connection.answer(),
        408,
        r#"{"error":"Request timeout"}"#,
        "body_timeout",
    );
    backend.was_not_contacted();
}

#[test]
fn a_body_slower_than_its_deadline_is_408() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "timeout = \"600ms\"")
        .endpoint("hmac")
        .start();
    let mut connection = Connection::to(gate.http());
    let request = genuine(&gate, &noise(100));
    connection.write(&request.head());
    // tests/integration/deadlines.rs shows that a byte now and then does not move the deadline.
    connection.write(&noise(8));
    refused(
        &connection.answer(),
        408,
        r#"{"error":"Request timeout"}"#,
        "body_timeout",
    );
    assert!(connection.is_closed());
    backend.was_not_contacted();
}

#[test]
fn a_store_that_cannot_answer_is_503_and_never_401() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}");
    // The name is known to exist, but its definition cannot be read.
    sqlite(&gate, "UPDATE endpoints SET definition = '{'");
    let answer = send(gate.http(), &request);
    refused(
        &answer,
        503,
        r#"{"error":"Temporarily unavailable"}"#,
        "store_unavailable",
    );
    assert_eq!(answer.header("Retry-After"), "5");
    backend.was_not_contacted();
}

#[test]
fn a_secret_that_cannot_be_decrypted_is_503_and_never_401() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with("workflows/other", &["--mode", "hmac"]);
    let secret = gate.secret(ID);
    // A ciphertext that was copied to another row does not decrypt there.
    sqlite(
        &gate,
        "UPDATE secret_versions SET ciphertext = (SELECT ciphertext FROM secret_versions \
         WHERE scope = 'workflows/other') WHERE scope = 'workflows/pr-bot'",
    );
    let gate = gate.start();
    let request = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature(&secret, b"{}"))
        .body("{}");
    let answer = send(gate.http(), &request);
    refused(
        &answer,
        503,
        r#"{"error":"Temporarily unavailable"}"#,
        "secret_undecryptable",
    );
    assert_eq!(answer.header("Retry-After"), "5");
    backend.was_not_contacted();
}

#[test]
fn no_memory_left_for_bodies_is_503() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "max = \"2 MiB\"\nbudget = \"5 MiB\"")
        .endpoint("hmac")
        .start();
    let body = noise(2 * 1024 * 1024);
    let request = genuine(&gate, &body).bytes();
    // A body that is all there but for a byte. Another one that grows is there twice for a moment.
    let mut stalled = Connection::to(gate.http());
    stalled.write(&request[..request.len() - 1]);
    gate.wait_for_at_least("portcullis_body_budget_used_bytes", body.len() as u64 - 1);
    let answer = send(gate.http(), &genuine(&gate, &body));
    refused(
        &answer,
        503,
        r#"{"error":"Temporarily unavailable"}"#,
        "overloaded",
    );
    assert_eq!(answer.header("Retry-After"), "5");
    backend.was_not_contacted();

    // A part of the memory is kept for small bodies, and what is given up can be used again.
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    drop(stalled);
    gate.wait_for_metric("portcullis_body_budget_used_bytes", 0);
    assert_eq!(send(gate.http(), &genuine(&gate, &body)).status, 202);
}

#[test]
fn a_backend_that_cannot_be_reached_is_502() {
    let backend = Backend::refusing();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    refused(
        &send(gate.http(), &genuine(&gate, b"{}")),
        502,
        r#"{"error":"Bad gateway"}"#,
        "upstream_unreachable",
    );
}

#[test]
fn a_backend_that_does_not_answer_in_time_is_504() {
    let backend = Backend::mute();
    let gate = Gate::before(&backend)
        .with("upstreams.default", "read_timeout = \"300ms\"")
        .endpoint("hmac")
        .start();
    refused(
        &send(gate.http(), &genuine(&gate, b"{}")),
        504,
        r#"{"error":"Gateway timeout"}"#,
        "upstream_timeout",
    );
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn an_admitted_delivery_gets_the_backends_answer_byte_for_byte() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let answer = send(gate.http(), &genuine(&gate, b"{}"));
    assert_eq!(answer.status, 202);
    assert_eq!(answer.text(), r#"{"executionId":"exec_1"}"#);
    assert_eq!(answer.header("X-Engine"), "sample");
    assert_eq!(answer.header("Content-Type"), "application/json");
    assert_eq!(answer.reason(), "admitted");
    assert_eq!(
        answer.header("X-Request-Id"),
        backend.only().header("X-Request-Id")
    );
}

#[test]
fn the_headers_of_the_gate_can_be_switched_off() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("headers", "reason = false\nrequest_id = false")
        .endpoint("hmac")
        .start();
    for answer in [
        send(gate.http(), &Request::post(PATH).body("{}")),
        send(gate.http(), &genuine(&gate, b"{}")),
    ] {
        assert_eq!(answer.try_header("Portcullis-Reason"), None);
        assert_eq!(answer.try_header("X-Request-Id"), None);
    }
    // The backend gets the id in any case.
    assert!(!backend.only().header("X-Request-Id").is_empty());
}
