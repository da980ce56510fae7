//! Lists: pages, filters, and what others own.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::client::{Client, gate, json as body_of, problem};
use crate::support::*;

/// The ids of every page of a list.
fn all(client: &Client, path: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer = client.get(&format!("{path}{joint}limit={limit}{cursor}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = body_of(&answer);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// Endpoints of three organisations, applied from one file.
fn declared(organisations: &[&str], count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let organisation = organisations[number % organisations.len()];
        let workspace = if number % 2 == 0 { "main" } else { "shop" };
        write!(
            text,
            "[[endpoints]]\nid = \"workflows/e{number:04}\"\norganisation = \"{organisation}\"\n\
             workspace = \"{workspace}\"\nauth = {{ mode = \"secret\" }}\n"
        )
        .unwrap();
    }
    text
}

#[test]
fn pages_hold_every_endpoint_once_and_only_those_of_the_own_grants() {
    let backend = Backend::accepting();
    let gate = gate(&backend)
        .apply(&declared(&["acme", "globex", "initech"], 60))
        .start();
    let everything = Client::with_roles(&gate, &["viewer"]);
    for limit in [1, 7, 60, 200] {
        let ids = all(&everything, "/admin/v1/endpoints", limit);
        assert_eq!(ids.len(), 60, "{limit}");
        assert!(ids.is_sorted(), "{ids:?}");
    }
    let acme = Client::with_roles(&gate, &["viewer@acme"]);
    let ids = all(&acme, "/admin/v1/endpoints", 6);
    assert_eq!(ids.len(), 20);
    assert!(
        ids.iter()
            .all(|id| id["workflows/e".len()..].parse::<usize>().unwrap() % 3 == 0)
    );
    let mixed = Client::with_roles(&gate, &["viewer@acme/main", "operator@globex"]);
    assert_eq!(all(&mixed, "/admin/v1/endpoints", 4).len(), 10 + 20);
    assert_eq!(
        all(&mixed, "/admin/v1/endpoints?organisation=acme", 4).len(),
        10
    );
    assert_eq!(
        all(&mixed, "/admin/v1/endpoints?workspace=shop", 4).len(),
        10
    );
    assert_eq!(
        all(&mixed, "/admin/v1/endpoints?organisation=initech", 4).len(),
        0
    );
    assert_eq!(all(&mixed, "/admin/v1/endpoints?target=draft", 4).len(), 0);
    assert_eq!(all(&mixed, "/admin/v1/endpoints?target=live", 4).len(), 30);
}

#[test]
fn endpoints_are_found_by_text_url_and_state() {
    let backend = Backend::accepting();
    let alias = ["--mode", "secret", "--alias", "/hooks/Legacy_100"];
    let gate = gate(&backend)
        .with("auth", "allow_unauthenticated = true")
        .endpoint_with("workflows/pay", &["--mode", "secret"])
        .endpoint_with("workflows/open", &["--mode", "none"])
        .endpoint_with("workflows/old", &alias)
        .endpoint_with(
            "workflows/stripe",
            &["--mode", "provider", "--preset", "stripe"],
        )
        .start();
    gate.run(&["endpoint", "disable", "workflows/old", "--yes"])
        .succeeded();
    gate.run(&[
        "secret",
        "rotate",
        "workflows/pay",
        "--overlap",
        "1h",
        "--yes",
    ])
    .succeeded();
    let client = Client::with_roles(&gate, &["viewer@acme"]);
    let list = |query: &str| all(&client, &format!("/admin/v1/endpoints?{query}"), 2);
    for (query, expected) in [
        ("q=PAY", &["workflows/pay"][..]),
        (
            "q=workflows%2F",
            &[
                "workflows/old",
                "workflows/open",
                "workflows/pay",
                "workflows/stripe",
            ],
        ),
        ("q=%2Fwebhooks%2Fai%2Fworkflows%2Fpay", &["workflows/pay"]),
        ("q=legacy", &["workflows/old"]),
        ("q=%25", &[]),
        ("q=%5F", &["workflows/old"]),
        ("q=nothing", &[]),
        ("state=unauthenticated", &["workflows/open"]),
        ("state=disabled", &["workflows/old"]),
        ("state=overlap", &["workflows/pay"]),
        ("state=unbound", &["workflows/stripe"]),
    ] {
        assert_eq!(list(query), expected, "{query}");
    }
    let open = client.get("/admin/v1/endpoints?state=unauthenticated");
    let open = &body_of(&open)["items"][0];
    assert_eq!(open["unauthenticated"], true);
    assert_eq!(open["secret"]["state"], "not_needed");
    let unbound = client.get("/admin/v1/endpoints?state=unbound");
    let unbound = &body_of(&unbound)["items"][0];
    assert_eq!(unbound["secret"]["state"], "needs_provider_secret");
    assert_eq!(unbound["may"], json!([]));
    let health = body_of(&client.get("/admin/v1/health"));
    let attention = health["attention"].as_array().unwrap();
    let of = |id: &str| {
        attention
            .iter()
            .find(|it| it["endpoint"] == id)
            .map(|it| &it["what"])
    };
    assert_eq!(
        of("workflows/stripe"),
        Some(&Value::from("needs_provider_secret"))
    );
    assert_eq!(of("workflows/pay"), Some(&Value::from("overlap")));
    let parts = health["parts"].as_array().unwrap();
    for name in ["changes", "key_service", "store", "tasks"] {
        let part = parts.iter().find(|part| part["name"] == name).unwrap();
        assert_eq!(part["state"], "ok", "{part}");
    }
}

#[test]
fn a_page_examines_a_bounded_number_of_endpoints() {
    // The rows are made by a statement of SQLite.
    if std::env::var_os("PORTCULLIS_TEST_STORE").is_some() {
        return;
    }
    let backend = Backend::accepting();
    let gate = gate(&backend)
        .endpoint_with("workflows/zz", &["--mode", "secret"])
        .start();
    sqlite(
        &gate,
        "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 12000) \
         INSERT INTO endpoints (id, organisation, workspace, definition, secret, created_ms, updated_ms, generation) \
         SELECT printf('workflows/bulk-%06d', n), 'globex', workspace, \
         json_set(definition, '$.id', printf('workflows/bulk-%06d', n), '$.organisation', 'globex'), \
         NULL, created_ms, updated_ms, n FROM endpoints, counted WHERE id = 'workflows/zz'",
    );
    // A search examines 5000 endpoints a page, and goes on where it ended.
    let everywhere = Client::with_roles(&gate, &["viewer"]);
    let mut pages = 0;
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/admin/v1/endpoints?q=zz&limit=50{cursor}");
        let page = body_of(&everywhere.get(&path));
        pages += 1;
        found.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((pages, found.len()), (3, 1));
    // The endpoints of an organisation are found directly.
    let acme = Client::with_roles(&gate, &["viewer@acme"]);
    let page = body_of(&acme.get("/admin/v1/endpoints"));
    assert_eq!(page["items"][0]["id"], "workflows/zz");
    assert_eq!(page["next"], Value::Null);
    let ids = all(&everywhere, "/admin/v1/endpoints", 200);
    assert_eq!(ids.len(), 12_001);
}

#[test]
fn wrong_parameters_are_refused() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let client = Client::with_roles(&gate, &["viewer"]);
    for query in [
        "limit=0",
        "limit=201",
        "limit=many",
        "cursor=x",
        "cursor=YXVkaXQ6MQ",
        "state=angry",
        "target=moon",
        "unknown=1",
        "limit=1&limit=2",
    ] {
        let answer = client.get(&format!("/admin/v1/endpoints?{query}"));
        assert_eq!(
            problem(&answer),
            (400, "parameter_invalid".to_owned()),
            "{query}"
        );
    }
}

#[test]
fn deliveries_and_their_counts_are_listed() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("hmac").start();
    let client = Client::with_roles(&gate, &["viewer@acme"]);
    assert_eq!(send(gate.http(), &genuine(&gate, b"{\"a\":1}")).status, 202);
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", "sha256=00")
        .body("{}");
    assert_eq!(send(gate.http(), &forged).status, 401);
    let path = format!("{}/deliveries", super::client::endpoint(ID));
    let items = found("both deliveries are recorded", || {
        let page = body_of(&client.get(&path));
        let items = page["items"].as_array().unwrap().clone();
        (items.len() == 2).then_some(items)
    });
    assert_eq!(items[0]["outcome"], "refused");
    assert_eq!(items[1]["outcome"], "admitted");
    assert_eq!(items[1]["body_bytes"], 7);
    assert!(items[1]["timings"]["total_ms"].as_f64().unwrap() > 0.0);
    let refused = body_of(&client.get(&format!("{path}?outcome=refused")));
    assert_eq!(refused["items"].as_array().unwrap().len(), 1);
    let reason = items[0]["reason"].as_str().unwrap();
    let by_reason = body_of(&client.get(&format!("{path}?reason={reason}")));
    assert_eq!(by_reason["items"].as_array().unwrap().len(), 1);
    let first = body_of(&client.get(&format!("{path}?limit=1")));
    let next = first["next"].as_str().unwrap();
    let second = body_of(&client.get(&format!("{path}?limit=1&cursor={next}")));
    assert_eq!(second["items"][0]["number"], items[1]["number"]);
    assert_eq!(second["next"], Value::Null);
    let endpoint = found("the counts are written", || {
        let endpoint = body_of(&client.get(&super::client::endpoint(ID)));
        (endpoint["last_day"]["refused"] == 1).then_some(endpoint)
    });
    assert_eq!(endpoint["last_day"]["admitted"], 1);
    assert_eq!(endpoint["last_day"]["hours"].as_array().unwrap().len(), 24);
    let refusing = body_of(&client.get("/admin/v1/endpoints?state=refusing"));
    assert_eq!(refusing["items"][0]["id"], ID);
}

#[test]
fn presets_are_listed_as_the_command_line_shows_them() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let client = Client::with_roles(&gate, &["viewer@acme"]);
    let printed = gate.run(&["presets", "list", "--json"]).succeeded();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(body_of(&client.get("/admin/v1/presets"))["items"], printed);
    let github = body_of(&client.get("/admin/v1/presets/github"));
    assert_eq!(github["name"], "github");
    assert_eq!(client.get("/admin/v1/presets/missing").status, 404);
}
