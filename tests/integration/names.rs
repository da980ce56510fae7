//! Names and paths: there is one way to write an endpoint's name, and every other way is another name.

use crate::support::*;

#[track_caller]
fn status_of(gate: &Gate, path: &str) -> u16 {
    let signature = github_signature(&gate.secret(ID), b"{}");
    let request = Request::post(path)
        .header("X-Hub-Signature-256", &signature)
        .body("{}");
    send(gate.http(), &request).status
}

#[test]
fn no_other_spelling_of_a_path_is_the_same_path() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    for path in [
        "/webhooks/ai/workflows/pr-bot/",
        "/webhooks/ai/workflows//pr-bot",
        "//webhooks/ai/workflows/pr-bot",
        "/webhooks/ai/workflows/./pr-bot",
        "/webhooks/ai/workflows/x/../pr-bot",
        "/webhooks/ai/x/../workflows/pr-bot",
        "/webhooks/ai/workflows/pr%2dbot",
        "/webhooks/ai/workflows/%70r-bot",
        "/webhooks/ai/workflows%2Fpr-bot",
        "/webhooks/ai/workflows/%2e%2e/workflows/pr-bot",
        "/webhooks/ai/workflows/pr-bot%00",
        "/webhooks/ai/workflows/pr-bot%20",
        "/webhooks/ai/workflows/pr-bot;x=y",
        "/webhooks/ai/workflows/pr-bot.json",
        "/webhooks/ai/workflows/PR-BOT",
        "/Webhooks/ai/workflows/pr-bot",
        "/webhooks/ai/workflows/pr-bot\\",
        "/webhooks\\ai\\workflows\\pr-bot",
        "/webhooks/ai/workflows/%c0%afpr-bot",
        "/webhooks/ai/workflows/..%2fpr-bot",
        "/webhooks/ai/workflows/pr-bot//",
        "/webhooks/ai/workflows/.",
        "/webhooks/ai/workflows/..",
        "/webhooks/ai/workflows/",
        "/webhooks/ai/workflows",
    ] {
        assert_eq!(status_of(&gate, path), 404, "{path}");
    }
    backend.was_not_contacted();
    assert_eq!(status_of(&gate, PATH), 202);
    assert_eq!(status_of(&gate, &format!("{PATH}?a=b")), 202);
}

#[test]
fn every_route_leads_to_its_endpoint_and_names_its_target() {
    let backend = Backend::accepting();
    let live = "flows/orders/live/hook";
    let draft = "flows/orders/draft/hook";
    let installed = "installations/i-42/orders/hook";
    let mut gate = Gate::before(&backend);
    for id in [live, draft, installed] {
        gate = gate.endpoint_with(id, &["--mode", "bearer"]);
    }
    let gate = gate.start();
    for (id, target, path) in [
        (live, "live", "/api/flows/orders/interfaces/live/hook"),
        (draft, "draft", "/api/flows/orders/interfaces/draft/hook"),
        (
            installed,
            "installation",
            "/api/flows/orders/installations/i-42/interfaces/hook",
        ),
        (
            live,
            "live",
            "/api/workspaces/main/flows/orders/interfaces/live/hook",
        ),
        (
            draft,
            "draft",
            "/api/workspaces/main/flows/orders/interfaces/draft/hook",
        ),
        (
            installed,
            "installation",
            "/api/workspaces/main/flows/orders/installations/i-42/interfaces/hook",
        ),
    ] {
        // A draft is for its workspace.
        let token = if target == "draft" {
            gate.token("main")
        } else {
            gate.secret(id)
        };
        let request = Request::post(path)
            .header("Authorization", &format!("Bearer {token}"))
            .body("{}");
        assert_eq!(send(gate.http(), &request).status, 202, "{path}");
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("X-Portal-Endpoint-Id"), id);
        assert_eq!(received.header("X-Portal-Target"), target);
        let installations = received.headers("X-Portal-Installation-Id");
        if target == "installation" {
            assert_eq!(installations, ["i-42"]);
        } else {
            assert!(installations.is_empty());
        }
        assert_eq!(received.request_line(), format!("POST {path} HTTP/1.1"));
    }
}

#[test]
fn another_workspace_finds_nothing_even_with_the_right_secret() {
    let backend = Backend::accepting();
    let id = "flows/orders/live/hook";
    let gate = Gate::before(&backend)
        .endpoint_with(id, &["--mode", "bearer"])
        .start();
    let request = Request::post("/api/workspaces/other/flows/orders/interfaces/live/hook")
        .header("Authorization", &format!("Bearer {}", gate.secret(id)))
        .body("{}");
    let answer = send(gate.http(), &request);
    assert_eq!(answer.status, 404);
    assert_eq!(answer.text(), r#"{"error":"Webhook not configured"}"#);
    backend.was_not_contacted();
}

#[test]
fn an_alias_leads_to_its_endpoint_and_only_while_it_has_it() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &["--mode", "hmac", "--alias", "/hooks/orders.created"])
        .start();
    assert_eq!(status_of(&gate, "/hooks/orders.created"), 202);
    assert_eq!(backend.only().header("X-Portal-Endpoint-Id"), ID);
    for path in [
        "/hooks/orders.created/",
        "/hooks/Orders.created",
        "/hooks",
        "/hooks/orders",
    ] {
        assert_eq!(status_of(&gate, path), 404, "{path}");
    }
    assert_eq!(gate.log(1)[0]["route"], "alias");

    gate.run(&["endpoint", "update", ID, "--alias", "/hooks/new"])
        .succeeded();
    in_force(|| status_of(&gate, "/hooks/orders.created") == 404);
    in_force(|| status_of(&gate, "/hooks/new") == 202);
}

#[test]
fn the_routes_can_be_replaced() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with(
            "[routes]",
            "name = \"hooks\"\npattern = \"/hooks/{team}/{name}\"\nendpoint = \"teams/{team}/{name}\"",
        )
        .endpoint_with("teams/payments/stripe", &["--mode", "hmac"])
        .start();
    let signature = github_signature(&gate.secret("teams/payments/stripe"), b"{}");
    let deliver = |path: &str| {
        let request = Request::post(path)
            .header("X-Hub-Signature-256", &signature)
            .body("{}");
        send(gate.http(), &request).status
    };
    assert_eq!(deliver("/hooks/payments/stripe"), 202);
    assert_eq!(gate.log(1)[0]["route"], "hooks");
    assert_eq!(deliver("/webhooks/ai/workflows/pr-bot"), 404);
}

#[test]
fn the_path_at_the_backend_can_be_rewritten() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("upstreams.default", "path = \"/engine{path}\"")
        .endpoint("hmac")
        .endpoint_with(
            "flows/orders/live/hook",
            &["--mode", "bearer", "--path", "/internal/{flow}/{interface}"],
        )
        .start();
    assert_eq!(status_of(&gate, &format!("{PATH}?a=1&b=%20")), 202);
    let request = Request::post("/api/flows/orders/interfaces/live/hook?x=y")
        .header(
            "Authorization",
            &format!("Bearer {}", gate.secret("flows/orders/live/hook")),
        )
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    let lines: Vec<String> = backend
        .received()
        .iter()
        .map(|received| received.request_line().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            format!("POST /engine{PATH}?a=1&b=%20 HTTP/1.1"),
            "POST /internal/orders/hook?x=y HTTP/1.1".to_owned(),
        ]
    );
}
