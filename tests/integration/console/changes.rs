//! Changes of endpoints: preconditions, dry runs, repeated requests, declarations.

use serde_json::{Value, json};

use super::client::{Client, endpoint, gate, json as body_of, problem};
use crate::support::*;

fn operator(gate: &Gate) -> Client {
    Client::with_roles(gate, &["operator@acme"])
}

#[test]
fn a_change_needs_the_tag_of_what_was_read() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = operator(&gate);
    let path = endpoint(ID);
    let patch = json!({ "limits": { "max_body_bytes": 1000 } });
    let answer = client.change("PATCH", &path, &patch);
    assert_eq!(problem(&answer), (428, "if_match_required".to_owned()));
    let tag = client.get(&path).header("etag").to_owned();
    let changed = client.change_with("PATCH", &path, &patch, &[("If-Match", &tag)]);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let body = body_of(&changed);
    assert_eq!(body["changed"], true);
    assert_eq!(body["steps"][0]["changed"], json!(["limits"]));
    let limits = &body["endpoint"]["definition"]["limits"];
    assert_eq!(*limits, json!({ "max_body_bytes": 1000 }));
    assert_ne!(changed.header("etag"), tag);
    // A second person has read the same state.
    for (method, body) in [("PATCH", &patch), ("DELETE", &json!({}))] {
        let answer = client.change_with(method, &path, body, &[("If-Match", &tag)]);
        assert_eq!(problem(&answer), (412, "changed".to_owned()), "{method}");
    }
    // A rotation changes what a change depends on, too.
    let tag = changed.header("etag").to_owned();
    gate.run(&["secret", "rotate", ID, "--yes"]).succeeded();
    let answer = client.change_with("PATCH", &path, &patch, &[("If-Match", &tag)]);
    assert_eq!(answer.status, 412);
    let tag = client.get(&path).header("etag").to_owned();
    let deleted = client.change_with("DELETE", &path, &json!({}), &[("If-Match", &tag)]);
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(client.get(&path).status, 404);
}

#[test]
fn a_dry_run_shows_the_impact_and_changes_nothing() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = operator(&gate);
    let path = endpoint(ID);
    let before = client.get(&path);
    let tag = before.header("etag").to_owned();
    let disable = client.change("POST", &format!("{path}:disable?dry_run=true"), &json!({}));
    let body = body_of(&disable);
    assert_eq!(body["changed"], true);
    assert_eq!(body["impact"]["senders"][0]["refusal"], "not_configured");
    let patch = json!({ "auth": { "mode": "hmac" } });
    let dry = client.change_with(
        "PATCH",
        &format!("{path}?dry_run=true"),
        &patch,
        &[("If-Match", &tag)],
    );
    let body = body_of(&dry);
    assert_eq!(
        body["impact"]["senders"][0]["refusal"], "other_proof",
        "{body}"
    );
    let delete = client.change_with(
        "DELETE",
        &format!("{path}?dry_run=true"),
        &json!({}),
        &[("If-Match", &tag)],
    );
    assert_eq!(
        body_of(&delete)["impact"]["secrets"][0]["versions"][0]["version"],
        1
    );
    assert_eq!(client.get(&path).header("etag"), tag);
}

#[test]
fn enabling_and_disabling_take_effect_at_the_gate() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("hmac").start();
    let client = operator(&gate);
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    let path = endpoint(ID);
    assert_eq!(
        client
            .change("POST", &format!("{path}:disable"), &json!({}))
            .status,
        200
    );
    in_force(|| send(gate.http(), &genuine(&gate, b"{}")).status == 404);
    let answer = client.change("POST", &format!("{path}:enable"), &json!({}));
    assert_eq!(body_of(&answer)["endpoint"]["enabled"], true);
    in_force(|| send(gate.http(), &genuine(&gate, b"{}")).status != 404);
    let audit = body_of(&client.get(&format!("{path}/audit")));
    let mut lines = audit["items"].as_array().unwrap().iter();
    let line = lines
        .find(|line| line["action"] == "endpoint_updated")
        .unwrap();
    assert_eq!(line["actor"]["name"], "a test");
    assert_eq!(line["actor"]["origin"], "api@127.0.0.1");
}

#[test]
fn a_repeated_request_gets_the_first_answer_and_is_done_once() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = operator(&gate);
    let new = json!({ "id": "workflows/new", "organisation": "acme", "workspace": "main" });
    let key = [("Idempotency-Key", "first")];
    let path = "/admin/v1/endpoints";
    let first = client.change_with("POST", path, &new, &key);
    assert_eq!(first.status, 201, "{}", first.text());
    let second = client.change_with("POST", path, &new, &key);
    assert_eq!((second.status, second.text()), (201, first.text()));
    assert_eq!(second.header("idempotency-replayed"), "true");
    let without = client.change("POST", path, &new);
    assert_eq!(problem(&without), (409, "endpoint_exists".to_owned()));
    let other = json!({ "id": "workflows/other", "organisation": "acme", "workspace": "main" });
    let answer = client.change_with("POST", path, &other, &key);
    assert_eq!(problem(&answer), (422, "idempotency_key_reused".to_owned()));
    // A key belongs to one principal.
    let somebody = operator(&gate);
    assert_eq!(somebody.change_with("POST", path, &other, &key).status, 201);

    // A rotation is done once, and its answer is repeated.
    let rotate = format!("{}/secret:rotate", endpoint(ID));
    let body = json!({ "overlap": "none", "based_on": 1 });
    let key = [("Idempotency-Key", "second")];
    for _ in 0..2 {
        let answer = client.change_with("POST", &rotate, &body, &key);
        assert_eq!(body_of(&answer)["version"], 2, "{}", answer.text());
    }
    // A refused request leaves its key free.
    let key = [("Idempotency-Key", "third")];
    let stale = client.change_with("POST", &rotate, &body, &key);
    assert_eq!(problem(&stale), (412, "version_changed".to_owned()));
    let fresh = json!({ "overlap": "none", "based_on": 2 });
    assert_eq!(
        client.change_with("POST", &rotate, &fresh, &key).status,
        200
    );

    // An answer with a secret is never kept.
    let token = json!({ "organisation": "acme", "workspace": "main", "lifetime": "1h" });
    let key = [("Idempotency-Key", "fourth")];
    let issued = client.change_with("POST", "/admin/v1/tokens", &token, &key);
    assert_eq!(issued.status, 201, "{}", issued.text());
    let repeated = client.change_with("POST", "/admin/v1/tokens", &token, &key);
    assert_eq!(problem(&repeated), (409, "already_done".to_owned()));
    let answer = client.change_with("POST", path, &new, &[("Idempotency-Key", "a b")]);
    assert_eq!(
        problem(&answer),
        (400, "idempotency_key_invalid".to_owned())
    );
}

#[test]
fn nobody_reaches_a_foreign_secret_through_an_own_endpoint() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let words = [
        "endpoint",
        "create",
        "workflows/foreign",
        "--organisation",
        "globex",
    ];
    gate.run(&[&words[..], &["--workspace", "ops", "--mode", "secret"]].concat())
        .succeeded();
    let client = operator(&gate);
    let auth = json!({ "mode": "secret", "secret": "workflows/foreign#webhook" });
    let tag = client.get(&endpoint(ID)).header("etag").to_owned();
    let patched = client.change_with(
        "PATCH",
        &endpoint(ID),
        &json!({ "auth": auth }),
        &[("If-Match", &tag)],
    );
    assert_eq!(problem(&patched), (403, "secret_shared".to_owned()));
    let mut new = json!({ "id": "workflows/thief", "organisation": "acme", "workspace": "main" });
    new["auth"] = auth.clone();
    let created = client.change("POST", "/admin/v1/endpoints", &new);
    assert_eq!(problem(&created), (403, "secret_shared".to_owned()));
    let declared = json!({ "endpoints": [new] });
    let applied = client.change("POST", "/admin/v1/apply", &declared);
    assert_eq!(
        problem(&applied),
        (403, "secret_shared".to_owned()),
        "{}",
        applied.text()
    );
    assert_eq!(client.get(&endpoint("workflows/thief")).status, 404);
}

#[test]
fn declarations_are_applied_within_the_own_organisations_only() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = operator(&gate);
    let declared = |id: &str, organisation: &str| {
        let auth = json!({ "mode": "hmac" });
        json!({ "endpoints": [
            { "id": id, "organisation": organisation, "workspace": "main", "auth": auth }
        ] })
    };
    let own = declared("workflows/applied", "acme");
    let dry = client.change("POST", "/admin/v1/apply?dry_run=true", &own);
    assert_eq!(
        body_of(&dry)["steps"][0]["action"],
        "create",
        "{}",
        dry.text()
    );
    assert_eq!(client.get(&endpoint("workflows/applied")).status, 404);
    let applied = client.change("POST", "/admin/v1/apply", &own);
    assert_eq!(body_of(&applied)["changed"], true, "{}", applied.text());
    let again = client.change("POST", "/admin/v1/apply", &own);
    assert_eq!(body_of(&again)["changed"], false);
    let foreign = declared("workflows/stolen", "globex");
    assert_eq!(
        client.change("POST", "/admin/v1/apply", &foreign).status,
        403
    );
    // A declaration must not take an endpoint over from another organisation.
    let stranger = Client::with_roles(&gate, &["operator@globex"]);
    let taken = declared(ID, "globex");
    assert_eq!(
        stranger.change("POST", "/admin/v1/apply", &taken).status,
        403
    );
    let wrong = json!({ "endpoints": [{ "id": "workflows/x", "probe": 1 }] });
    let answer = client.change("POST", "/admin/v1/apply", &wrong);
    assert_eq!(problem(&answer), (422, "body_invalid".to_owned()));
    let flow: Value = json!({ "flow": "orders", "interfaces": {} });
    assert_eq!(client.change("POST", "/admin/v1/apply", &flow).status, 422);
}
