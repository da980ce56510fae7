//! Sign-in, sessions, operator tokens, and the guards against other sites.

use serde_json::{Value, json};

use super::client::{Client, endpoint, gate, json as body_of, login_link, origin, problem, token};
use crate::support::*;

const ME: &str = "/admin/v1/me";

#[test]
fn a_login_link_signs_in_once_and_a_stolen_cookie_is_worthless_after_sign_out() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let link = login_link(&gate, &["operator@acme"]);
    let answer = Client::sign_in(&gate, &link);
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("portcullis="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert_eq!(problem(&Client::sign_in(&gate, &link)).0, 401);

    let browser = Client::signed_in(&gate, &["operator@acme"]);
    let me = body_of(&browser.get(ME));
    assert_eq!(me["subject"], "ana");
    assert_eq!(me["kind"], "session");
    assert_eq!(me["grants"], json!(["operator@acme"]));
    assert!(me["csrf"].is_string() && me["signed_in_at"].is_string());

    let stolen = browser.clone();
    let answer = browser.change("DELETE", "/admin/v1/session", &json!({}));
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").ends_with("; Max-Age=0"));
    assert_eq!(
        problem(&stolen.get(ME)),
        (401, "unauthenticated".to_owned())
    );
}

#[test]
fn a_revoked_token_and_other_schemes_sign_nobody_in() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let text = token(&gate, &["viewer"]);
    let client = Client::with_token(&gate, &text);
    let me = body_of(&client.get(ME));
    assert_eq!(me["kind"], "token");
    assert_eq!(me["csrf"], serde_json::Value::Null);
    let id = text.split('_').nth(1).unwrap();
    gate.run(&["operator", "token", "revoke", id]).succeeded();
    assert_eq!(client.get(ME).status, 401);
    for authorization in [
        "Basic YTpi",
        "Bearer",
        "Bearer pop_1_2",
        "pop_1",
        "Bearer  ",
    ] {
        let request = Client::stranger(&gate)
            .request("GET", ME)
            .header("Authorization", authorization);
        let answer = Client::stranger(&gate).send(&request);
        assert_eq!(answer.status, 401, "{authorization}");
    }
}

#[test]
fn a_change_by_a_session_needs_the_origin_the_token_and_json() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let browser = Client::signed_in(&gate, &["operator@acme"]);
    let path = format!("{}:disable?dry_run=true", endpoint(ID));
    assert_eq!(browser.change("POST", &path, &json!({})).status, 200);
    for (name, value) in [
        ("Origin", None),
        ("Origin", Some("https://evil.example.com")),
        ("Origin", Some("null")),
        ("Sec-Fetch-Site", Some("cross-site")),
        ("Sec-Fetch-Site", Some("same-site")),
        ("Sec-Fetch-Site", Some("none")),
        ("X-Portcullis-Csrf", None),
        ("X-Portcullis-Csrf", Some("0000")),
    ] {
        let answer = browser
            .changing(name, value)
            .change("POST", &path, &json!({}));
        assert_eq!(
            problem(&answer),
            (403, "cross_site".to_owned()),
            "{name} {value:?}"
        );
    }
    // Browsers that do not send the header are still checked by the others.
    let older = browser.changing("Sec-Fetch-Site", None);
    assert_eq!(older.change("POST", &path, &json!({})).status, 200);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let request = browser.request("POST", &path).header("Content-Type", kind);
        let answer = browser.send(&request.body("{}"));
        assert_eq!(problem(&answer), (415, "content_type".to_owned()), "{kind}");
    }
    let sign_in = Request::post("/admin/v1/session")
        .host("localhost")
        .header("Content-Type", "application/json")
        .header("Origin", "https://evil.example.com")
        .body("{\"link\": \"x\"}");
    assert_eq!(send(gate.console(), &sign_in).status, 403);
}

#[test]
fn only_hosts_of_the_console_are_answered() {
    let backend = Backend::accepting();
    let gate = gate(&backend)
        .with("console", r#"url = "https://console.example.com""#)
        .start();
    let client = Client::with_roles(&gate, &["viewer"]);
    for (host, status) in [
        ("console.example.com", 200),
        ("localhost", 200),
        ("127.0.0.1", 200),
        ("portal.example.com", 421),
        ("evil.example.com", 421),
        ("console.example.com.evil.example", 421),
    ] {
        let request = client.request("GET", ME);
        let bytes = String::from_utf8(request.bytes()).unwrap();
        let bytes = bytes.replace("Host: localhost", &format!("Host: {host}"));
        let answer = Connection::to(gate.console())
            .write(bytes.as_bytes())
            .answer();
        assert_eq!(answer.status, status, "{host}");
        // The browsers reach this console over TLS.
        assert!(
            answer
                .header("strict-transport-security")
                .starts_with("max-age=")
        );
    }
}

#[test]
fn the_console_is_served_over_tls() {
    let backend = Backend::accepting();
    let authority = Authority::new();
    let identity = authority.sign("portal.example.com");
    let gate = gate(&backend).with(
        "console",
        "certificate = \"console.pem\"\nprivate_key = \"console-key.pem\"",
    );
    gate.file("console.pem", identity.certificate);
    gate.file("console-key.pem", identity.key);
    let gate = gate.start();
    let text = token(&gate, &["viewer"]);
    let request = Request::new("GET", ME)
        .host("localhost")
        .header("Authorization", &format!("Bearer {text}"));
    let answer = Connection::over_tls(gate.console_tls(), authority.certificate())
        .write(&request.bytes())
        .answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer
            .header("strict-transport-security")
            .starts_with("max-age=")
    );
}

#[test]
fn the_console_needs_tls_beyond_loopback_and_both_files() {
    for (lines, expected) in [
        (
            "listen = \"0.0.0.0:0\"",
            "needs `certificate` and `private_key`",
        ),
        ("url = \"http://localhost\"", "is missing"),
        (
            "listen = \"127.0.0.1:0\"\ncertificate = \"a.pem\"",
            "must be given together",
        ),
        (
            "listen = \"127.0.0.1:0\"\nurl = \"http://localhost/console\"",
            "expected only a scheme and a host",
        ),
    ] {
        let gate = Gate::before(&Backend::accepting()).with("console", lines);
        let said = gate.run(&["check"]).failed_with(3);
        assert!(said.contains("console."), "{said}");
        assert!(said.contains(expected), "{lines}: {said}");
    }
}

#[test]
fn the_console_the_admin_listener_and_deliveries_do_not_mix() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("hmac").start();
    for path in ["/healthz", "/metrics", PATH] {
        let answer = Client::stranger(&gate).get(path);
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(send(gate.admin(), &admin_get(ME)).status, 404);
    assert_eq!(send(gate.http(), &Request::new("GET", ME)).status, 404);
    // Without the section there is no console.
    let without = Gate::before(&backend).start();
    assert!(!without.everything_written().contains("console at"));
    backend.was_not_contacted();
}

#[test]
fn denials_and_failed_sign_ins_are_in_the_audit_log() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let viewer = Client::with_roles(&gate, &["viewer@acme"]);
    let path = format!("{}/secret:reveal", endpoint(ID));
    assert_eq!(viewer.change("POST", &path, &json!({})).status, 403);
    assert_eq!(Client::sign_in(&gate, &"0".repeat(64)).status, 401);
    let auditor = Client::with_roles(&gate, &["viewer"]);
    assert_eq!(Client::with_token(&gate, "pop_unknown").get(ME).status, 401);
    for (action, detail) in [
        ("denied", "revealSecret: forbidden"),
        ("sign_in_refused", "link"),
        ("sign_in_refused", "the operator token is unknown"),
    ] {
        let line = found(action, || {
            let answer = auditor.get(&format!("/admin/v1/audit?action={action}"));
            let lines = body_of(&answer)["items"].as_array().unwrap().clone();
            let is_it = |line: &Value| line["detail"].as_str().unwrap().contains(detail);
            lines.into_iter().find(is_it)
        });
        let origin = line["actor"]["origin"].as_str().unwrap();
        assert!(origin.ends_with("@127.0.0.1"), "{line}");
    }
}

#[test]
fn the_page_is_served_for_every_path_of_it_and_nothing_else_is() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let client = Client::stranger(&gate);
    for path in [
        "/",
        "/sign-in",
        "/endpoints/workflows%2Fa",
        "/flows",
        "/operations",
        "/audit",
        "/tokens",
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(answer.text().starts_with("<!doctype html>"));
    }
    let page = client.get("/");
    let request = client
        .request("GET", "/")
        .header("If-None-Match", page.header("etag"));
    let answer = Connection::to(gate.console())
        .write(&request.bytes())
        .answer_without_body();
    assert_eq!(answer.status, 304);
    for path in [
        "/assets/missing.js",
        "/assets/../Cargo.toml",
        "/assets/",
        "/endpointsx",
        "/admin",
    ] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    let answer = client.change("POST", "/", &json!({}));
    assert_eq!(problem(&answer), (405, "method_not_allowed".to_owned()));
    assert_eq!(origin(&gate), format!("http://{}", gate.console()));
}
