//! Every row of the contract's table that this version can reach: status, body, reason, and that the
//! backend was not contacted.

use crate::support::*;

/// The status and the body of an answer that the gate itself gives.
type GateAnswer = (u16, &'static str);

const UNAUTHORIZED: GateAnswer = (401, r#"{"error":"Unauthorized"}"#);
const NO_WORKFLOW: GateAnswer = (404, r#"{"error":"Workflow webhook not configured"}"#);
const NO_WEBHOOK: GateAnswer = (404, r#"{"error":"Webhook not configured"}"#);
const METHOD_NOT_ALLOWED: GateAnswer = (405, r#"{"error":"Method not allowed"}"#);
const TIMED_OUT: GateAnswer = (408, r#"{"error":"Request timeout"}"#);
const BAD_GATEWAY: GateAnswer = (502, r#"{"error":"Bad gateway"}"#);
const UNAVAILABLE: GateAnswer = (503, r#"{"error":"Temporarily unavailable"}"#);
const GATEWAY_TIMED_OUT: GateAnswer = (504, r#"{"error":"Gateway timeout"}"#);

/// Checks an answer of the gate. `case` names the row of a table.
#[track_caller]
fn refused(answer: &Answer, (status, body): GateAnswer, reason: &str, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.head);
    assert_eq!(answer.text(), body, "{case}");
    assert_eq!(answer.reason(), reason, "{case}");
    assert!(!answer.header("X-Request-Id").is_empty(), "{case}");
}

#[test]
fn a_path_without_an_endpoint_is_404_in_the_words_of_its_route() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac");
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    let gate = gate.start();
    let signature = github_signature(&gate.secret(ID), b"{}");
    for (path, expected) in [
        ("/webhooks/ai/workflows/nope", NO_WORKFLOW),
        // The endpoint is disabled.
        (PATH, NO_WORKFLOW),
        ("/", NO_WEBHOOK),
        ("/nowhere", NO_WEBHOOK),
        ("/api/flows/orders/interfaces/live/hook", NO_WEBHOOK),
        ("/api/flows/orders/interfaces/draft/hook", NO_WEBHOOK),
        (
            "/api/flows/orders/installations/i1/interfaces/hook",
            NO_WEBHOOK,
        ),
        (
            "/api/workspaces/main/flows/orders/interfaces/live/hook",
            NO_WEBHOOK,
        ),
    ] {
        let request = Request::post(path).header("X-Hub-Signature-256", &signature);
        let answer = send(gate.http(), &request.body("{}"));
        refused(&answer, expected, "not_configured", path);
    }
    backend.was_not_contacted();
}

#[test]
fn a_failed_signature_is_401_whatever_is_wrong_with_it() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let secret = gate.secret(ID);
    let good = github_signature(&secret, b"{}");
    let hex = good.strip_prefix("sha256=").unwrap();
    let other = github_signature("another secret", b"{}");
    let judge = |signatures: &[String]| {
        let request = signatures.iter().fold(Request::post(PATH), |request, it| {
            request.header("X-Hub-Signature-256", it)
        });
        send(gate.http(), &request.body("{}"))
    };
    for (signatures, reason) in [
        (vec![other.clone()], "signature_mismatch"),
        (vec![github_signature(&secret, b"")], "signature_mismatch"),
        (
            vec![github_signature(&secret, b"{}\n")],
            "signature_mismatch",
        ),
        (vec![github_signature("", b"{}")], "signature_mismatch"),
        (
            vec![github_signature(&format!("{secret}\n"), b"{}")],
            "signature_mismatch",
        ),
        (vec![hex.to_owned()], "signature_malformed"),
        (vec![format!("SHA256={hex}")], "signature_malformed"),
        (vec![format!("sha256={good}")], "signature_malformed"),
        (vec![format!("sha1={hex}")], "signature_malformed"),
        (vec![format!("sha256={}", &hex[1..])], "signature_malformed"),
        (vec![format!("sha256={hex}0")], "signature_malformed"),
        (
            vec![format!("sha256={}", &hex[..40])],
            "signature_malformed",
        ),
        (
            vec![format!("sha256={}g", &hex[1..])],
            "signature_malformed",
        ),
        (vec![format!("sha256= {hex}")], "signature_malformed"),
        (vec!["sha256=".to_owned()], "signature_malformed"),
        (vec![String::new()], "signature_malformed"),
        (vec![format!("{good}, {good}")], "signature_malformed"),
        (vec![], "signature_missing"),
        // Two that differ are ambiguous.
        (vec![good.clone(), other.clone()], "signature_malformed"),
        (vec![other.clone(), good.clone()], "signature_malformed"),
    ] {
        let case = format!("{signatures:?}");
        refused(&judge(&signatures), UNAUTHORIZED, reason, &case);
    }
    backend.was_not_contacted();
    for signatures in [
        vec![good.clone()],
        vec![format!("sha256={}", hex.to_uppercase())],
        // The same one twice is not ambiguous.
        vec![good.clone(), good.clone()],
    ] {
        assert_eq!(judge(&signatures).status, 202, "{signatures:?}");
    }
}

#[test]
fn another_endpoints_secret_proves_nothing_here() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with("workflows/other", &["--mode", "hmac"])
        .start();
    let signature = github_signature(&gate.secret("workflows/other"), b"{}");
    let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
    let answer = send(gate.http(), &request.body("{}"));
    refused(&answer, UNAUTHORIZED, "signature_mismatch", "other secret");
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
    let options = ["--mode", "bearer", "--method", "POST", "--method", "PUT"];
    let gate = Gate::before(&backend).endpoint_with(ID, &options).start();
    let request = Request::new("DELETE", PATH)
        .header("Authorization", &format!("Bearer {}", gate.secret(ID)))
        .body("{}");
    let answer = send(gate.http(), &request);
    refused(&answer, METHOD_NOT_ALLOWED, "method_not_allowed", "DELETE");
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
        let judge = |token: Option<&str>| {
            let request = Request::post(PATH);
            let request = match token {
                Some(token) => request.header(header, &format!("{scheme}{token}")),
                None => request,
            };
            send(gate.http(), &request.body("{}"))
        };
        for (value, reason) in [
            (Some("guess"), "token_mismatch"),
            (Some(&*format!("{token}x")), "token_mismatch"),
            (Some(&*format!("{token}%00")), "token_mismatch"),
            (Some(rest), "token_mismatch"),
            (Some(first), "token_mismatch"),
            (Some(&*token.to_uppercase()), "token_mismatch"),
            (Some(""), "token_missing"),
            (Some(" "), "token_missing"),
            (None, "token_missing"),
        ] {
            let case = format!("{mode} {value:?}");
            refused(&judge(value), UNAUTHORIZED, reason, &case);
        }
        backend.was_not_contacted();
        assert_eq!(judge(Some(&token)).status, 202, "{mode}");
    }
}

#[test]
fn only_the_mode_secret_takes_its_token_from_the_query_and_never_two_that_differ() {
    let backend = Backend::accepting();
    let bearer = "workflows/bearer";
    let gate = Gate::before(&backend)
        .endpoint("secret")
        .endpoint_with(bearer, &["--mode", "bearer"])
        .start();
    let token = gate.secret(ID);
    let good = format!("token={token}");
    let judge = |path: &str, query: &str, bearer: Option<&str>| {
        let request = Request::post(&format!("{path}?{query}"));
        let request = match bearer {
            Some(bearer) => request.header("Authorization", &format!("Bearer {bearer}")),
            None => request,
        };
        send(gate.http(), &request.body("{}"))
    };
    for (query, bearer, reason) in [
        ("token=guess", None, "token_mismatch"),
        ("token=", None, "token_missing"),
        ("Token=x", None, "token_missing"),
        ("token=guess", Some(&*token), "token_mismatch"),
        (&*good, Some("guess"), "token_mismatch"),
        (&*format!("{good}&token=guess"), None, "token_mismatch"),
        (&*format!("token=guess&{good}"), None, "token_mismatch"),
        (&*format!("token={token}%00"), None, "token_mismatch"),
    ] {
        let case = format!("{query} {bearer:?}");
        refused(&judge(PATH, query, bearer), UNAUTHORIZED, reason, &case);
    }
    let query = format!("token={}", gate.secret(bearer));
    let answer = judge("/webhooks/ai/workflows/bearer", &query, None);
    refused(&answer, UNAUTHORIZED, "token_missing", "mode bearer");
    backend.was_not_contacted();
    // The token's bytes may be percent-encoded, as any form value's may.
    let (first, rest) = token.split_at(1);
    let encoded = format!("token=%{:02X}{rest}", first.as_bytes()[0]);
    for (query, bearer) in [
        (&*good, None),
        (&*format!("a=1&{good}&b=2"), None),
        (&*good, Some(&*token)),
        (&*encoded, None),
    ] {
        assert_eq!(judge(PATH, query, bearer).status, 202, "{query} {bearer:?}");
    }
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
    let answer = send(gate.http(), &Request::post(PATH).body("{}"));
    refused(&answer, UNAUTHORIZED, "auth_missing", "no auth");
    backend.was_not_contacted();
}

#[test]
fn the_mode_none_lets_everybody_in_only_where_the_server_says_so() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .endpoint("none")
        .start();
    let request = Request::post(PATH).body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    assert_eq!(backend.only().header("X-Portal-Auth-Mode"), "none");

    // The endpoint stays when the server changes its mind.
    let backend = Backend::accepting();
    let addresses = format!("addresses = [\"{}\"]", backend.address());
    let mut gate = gate
        .with_only("auth", "")
        .with_only("upstreams.default", &addresses);
    gate.kill();
    gate.restart();
    let answer = send(gate.http(), &request);
    refused(&answer, UNAUTHORIZED, "auth_missing", "not allowed");
    backend.was_not_contacted();
}

#[test]
fn a_body_over_its_limit_is_413_with_the_limit() {
    let backend = Backend::accepting();
    let bodies = "max = \"64 KiB\"\nmax_multipart_signed = \"8 KiB\"";
    let gate = Gate::before(&backend)
        .with("bodies", bodies)
        .endpoint("hmac")
        .endpoint_with("workflows/tokens", &["--mode", "bearer"])
        .endpoint_with("workflows/small", &["--mode", "hmac", "--max-body", "1KiB"])
        .start();
    let (secret, small) = (gate.secret(ID), gate.secret("workflows/small"));
    let token = format!("Bearer {}", gate.secret("workflows/tokens"));
    let (max, multipart) = (64 * 1024, 8 * 1024);
    let body = noise(max + 1);
    let signed = |path: &str, secret: &str, len: usize| {
        let signature = github_signature(secret, &body[..len]);
        Request::post(path).header("X-Hub-Signature-256", &signature)
    };
    let whole = |len: usize| signed(PATH, &secret, len).body(&body[..len]);
    let typed = |types: &[&str]| {
        types.iter().fold(whole(multipart + 1), |request, it| {
            request.header("Content-Type", it)
        })
    };
    let own = |len: usize| {
        let path = "/webhooks/ai/workflows/small";
        signed(path, &small, len).body(&body[..len])
    };
    let form = "multipart/form-data; boundary=x";
    for (case, request, limit) in [
        ("announced", whole(max + 1), max),
        (
            "chunked",
            signed(PATH, &secret, max + 1).chunked(&body, 1000),
            max,
        ),
        ("own limit", own(1025), 1024),
        ("form", typed(&[form]), multipart),
        ("mixed", typed(&["Multipart/Mixed"]), multipart),
        // A backend may look at either of two.
        ("two types", typed(&["text/plain", form]), multipart),
    ] {
        let answer = send(gate.http(), &request);
        let text = format!(r#"{{"error":"Payload too large","limit_bytes":{limit}}}"#);
        assert_eq!((answer.status, answer.text()), (413, &*text), "{case}");
        assert_eq!(answer.reason(), "body_too_large", "{case}");
    }
    backend.was_not_contacted();
    // An unsigned mode has no limit for forms.
    let unsigned = Request::post("/webhooks/ai/workflows/tokens")
        .header("Authorization", &token)
        .header("Content-Type", form)
        .body(&body[..=multipart]);
    for (case, request) in [
        ("one byte less", whole(max - 1)),
        ("at the limit", whole(max)),
        ("own limit", own(1024)),
        ("other type", typed(&["application/json"])),
        ("unsigned form", unsigned),
    ] {
        assert_eq!(send(gate.http(), &request).status, 202, "{case}");
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
    let too_large = r#"{"error":"Payload too large","limit_bytes":52428800}"#;
    let answer = connection.answer();
    refused(&answer, (413, too_large), "body_too_large", "announced");
    backend.was_not_contacted();
}

#[test]
fn a_body_slower_than_its_deadline_is_408() {
    let backend = Backend::accepting();
    let hasty = "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
                 auth = { mode = \"hmac\" }\nlimits = { body_timeout = \"300ms\" }\n";
    for (case, gate) in [
        (
            "server",
            Gate::before(&backend)
                .with("bodies", "timeout = \"600ms\"")
                .endpoint("hmac"),
        ),
        ("own limit", Gate::before(&backend).apply(hasty)),
    ] {
        let gate = gate.start();
        let mut connection = Connection::to(gate.http());
        connection.write(&genuine(&gate, &noise(100)).head());
        // tests/integration/deadlines.rs shows that a byte now and then does not move the deadline.
        connection.write(&noise(8));
        refused(&connection.answer(), TIMED_OUT, "body_timeout", case);
        assert!(connection.is_closed(), "{case}");
    }
    backend.was_not_contacted();
}

#[test]
fn a_fault_of_the_store_is_503_and_only_a_secret_that_is_not_there_is_401() {
    // A ciphertext that was copied to another row does not decrypt there.
    let copied = "UPDATE secret_versions SET ciphertext = (SELECT ciphertext FROM secret_versions \
                  WHERE scope = 'workflows/other') WHERE scope = 'workflows/pr-bot'";
    for (sql, expected, reason) in [
        // The name is known to exist, but its definition cannot be read.
        (
            "UPDATE endpoints SET definition = '{'",
            UNAVAILABLE,
            "store_unavailable",
        ),
        (copied, UNAVAILABLE, "secret_undecryptable"),
        // What was lost with a backup: the endpoint is there, its secret is not.
        (
            "DELETE FROM secret_versions",
            UNAUTHORIZED,
            "secret_unbound",
        ),
    ] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend)
            .endpoint("hmac")
            .endpoint_with("workflows/other", &["--mode", "hmac"]);
        let secret = gate.secret(ID);
        let gate = gate.start();
        sqlite(&gate, sql);
        for secret in [&*secret, ""] {
            let signature = github_signature(secret, b"{}");
            let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
            let answer = send(gate.http(), &request.body("{}"));
            refused(&answer, expected, reason, sql);
            let retry_after = (expected == UNAVAILABLE).then_some("5");
            assert_eq!(answer.try_header("Retry-After"), retry_after, "{sql}");
        }
        backend.was_not_contacted();
    }
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
    refused(&answer, UNAVAILABLE, "overloaded", "no memory");
    assert_eq!(answer.header("Retry-After"), "5");
    backend.was_not_contacted();

    // A part of the memory is kept for small bodies, and what is given up can be used again.
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    drop(stalled);
    gate.wait_for_metric("portcullis_body_budget_used_bytes", 0);
    assert_eq!(send(gate.http(), &genuine(&gate, &body)).status, 202);
}

#[test]
fn a_backend_that_cannot_be_reached_is_502_and_one_that_does_not_answer_in_time_is_504() {
    for (backend, received, expected, reason) in [
        (Backend::refusing(), 0, BAD_GATEWAY, "upstream_unreachable"),
        (Backend::mute(), 1, GATEWAY_TIMED_OUT, "upstream_timeout"),
    ] {
        let gate = Gate::before(&backend)
            .with("upstreams.default", "read_timeout = \"300ms\"")
            .endpoint("hmac")
            .start();
        let answer = send(gate.http(), &genuine(&gate, b"{}"));
        refused(&answer, expected, reason, reason);
        assert_eq!(backend.received().len(), received, "{reason}");
    }
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
