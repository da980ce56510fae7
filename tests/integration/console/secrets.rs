//! Secrets: reveal, rotate, set, retire, and who hears what.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use super::client::{Client, endpoint, gate, json as body_of, problem};
use crate::support::*;

#[test]
fn a_reveal_shows_the_value_after_its_audit_line_and_is_limited() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = Client::signed_in(&gate, &["revealer@acme"]);
    let path = format!("{}/secret:reveal", endpoint(ID));
    let secret = gate.secret(ID);
    for _ in 0..10 {
        let answer = client.change("POST", &path, &json!({}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(body_of(&answer), json!({ "version": 1, "value": secret }));
    }
    let answer = client.change("POST", &path, &json!({}));
    assert_eq!(problem(&answer), (429, "too_many_requests".to_owned()));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=301).contains(&wait), "{wait}");
    let audit = client.get(&format!("{}/audit?limit=200", endpoint(ID)));
    let lines = body_of(&audit)["items"].as_array().unwrap().clone();
    let reveals = lines.iter().filter(|line| {
        line["action"] == "secret_revealed" && line["actor"]["origin"] == "console@127.0.0.1"
    });
    assert_eq!(reveals.count(), 10);
    // Another person has a limit of their own, and an operator sees nothing.
    let other = Client::with_roles(&gate, &["revealer@acme"]);
    assert_eq!(other.change("POST", &path, &json!({})).status, 200);
    let operator = Client::with_roles(&gate, &["operator@acme", "admin@acme"]);
    assert_eq!(operator.change("POST", &path, &json!({})).status, 403);
    assert!(!gate.everything_written().contains(&secret));
}

#[test]
fn of_two_people_who_rotate_at_once_one_hears_that_it_changed() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let clients = [(); 2].map(|()| Client::with_roles(&gate, &["operator@acme"]));
    let path = format!("{}/secret:rotate", endpoint(ID));
    let body = json!({ "overlap": "1h", "based_on": 1 });
    let barrier = Barrier::new(2);
    let mut statuses = thread::scope(|scope| {
        let threads = clients.each_ref().map(|client| {
            scope.spawn(|| {
                barrier.wait();
                client.change("POST", &path, &body).status
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let shown = body_of(&clients[0].get(&format!("{}/secret", endpoint(ID))));
    let versions = shown["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2, "{shown}");
    assert_eq!(shown["state"], "overlap");
    assert_eq!(versions[1]["state"], "previous");
    assert_eq!(shown["users"], json!([ID]));
}

#[test]
fn a_secret_is_set_with_an_overlap_and_the_old_version_is_retired() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("hmac").start();
    let client = Client::with_roles(&gate, &["operator@acme"]);
    let path = endpoint(ID);
    let value = "a-value-that-nobody-guesses-0123456789";
    let body = json!({ "value": value, "overlap": "24h", "based_on": 1 });
    let answer = client.change("POST", &format!("{path}/secret:set"), &body);
    assert_eq!(body_of(&answer)["version"], 2, "{}", answer.text());
    assert!(body_of(&answer)["ends_at"].is_string());
    assert!(!answer.text().contains(value));
    let stale = client.change("POST", &format!("{path}/secret:set"), &body);
    assert_eq!(problem(&stale), (412, "version_changed".to_owned()));
    let blind = json!({ "value": value, "based_on": null });
    let answer = client.change("POST", &format!("{path}/secret:set"), &blind);
    assert_eq!(answer.status, 412);
    let signature = github_signature(value, b"{}");
    let delivery = Request::post(PATH)
        .header("X-Hub-Signature-256", &signature)
        .body("{}");
    in_force(|| send(gate.http(), &delivery).status == 202);
    let impact = client.get(&format!("{path}/secret/impact?change=retire"));
    let impact = body_of(&impact);
    assert_eq!(
        impact["secrets"][0]["versions"][0]["version"], 1,
        "{impact}"
    );
    let retired = client.change("POST", &format!("{path}/secret:retire"), &json!({}));
    assert_eq!(body_of(&retired), json!({ "retired": 1 }));
    let again = client.change("POST", &format!("{path}/secret:retire"), &json!({}));
    assert_eq!(problem(&again), (409, "nothing_to_retire".to_owned()));
    let rotate = client.get(&format!("{path}/secret/impact?change=rotate&overlap=1h"));
    assert_eq!(body_of(&rotate)["senders"][0]["refusal"], "old_secret");
    for query in ["", "?change=explode", "?change=rotate&overlap=soon"] {
        let answer = client.get(&format!("{path}/secret/impact{query}"));
        assert!(matches!(answer.status, 400 | 422), "{query}");
    }
    assert!(!gate.everything_written().contains(value));
}

#[test]
fn a_body_that_is_refused_never_comes_back() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let client = Client::with_roles(&gate, &["operator@acme"]);
    let path = format!("{}/secret:set", endpoint(ID));
    let secret = "s3cret-in-the-wrong-place";
    for body in [
        json!({ "vlaue": secret }),
        json!({ secret: 1 }),
        json!({ "value": [secret] }),
        json!({ "value": secret, "overlap": secret }),
        json!({ "value": format!("{secret}{}", "x".repeat(5000)) }),
        json!(secret),
    ] {
        let answer = client.change("POST", &path, &body);
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
    assert!(!gate.everything_written().contains(secret));
}

#[test]
fn a_secret_that_a_foreign_endpoint_shares_is_not_changed() {
    let backend = Backend::accepting();
    let gate = gate(&backend).endpoint("secret").start();
    let shared = format!("{ID}#webhook");
    let words = [
        "endpoint",
        "create",
        "workflows/foreign",
        "--organisation",
        "globex",
    ];
    let more = [
        "--workspace",
        "ops",
        "--mode",
        "secret",
        "--secret",
        &shared,
    ];
    gate.run(&[&words[..], &more].concat()).succeeded();
    let client = Client::with_roles(&gate, &["operator@acme"]);
    let path = endpoint(ID);
    let rotate = json!({ "overlap": "none", "based_on": 1 });
    let set = json!({ "value": "another-value-0123456789", "based_on": 1 });
    for (verb, body) in [("rotate", &rotate), ("set", &set), ("retire", &json!({}))] {
        let answer = client.change("POST", &format!("{path}/secret:{verb}"), body);
        assert_eq!(
            problem(&answer),
            (403, "secret_shared".to_owned()),
            "{verb}"
        );
    }
    for read in ["secret", "secret/impact?change=rotate"] {
        let answer = client.get(&format!("{path}/{read}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains("foreign"), "{}", answer.text());
    }
}

#[test]
fn operator_tokens_never_allow_more_than_their_creator_may() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let admin = Client::with_roles(&gate, &["admin@acme"]);
    let path = "/admin/v1/operator-tokens";
    let create = |client: &Client, grants: &[&str]| {
        let body = json!({ "label": "ci", "grants": grants, "lifetime": "1h" });
        client.change("POST", path, &body)
    };
    for (grants, status) in [
        (&["viewer@acme"][..], 201),
        (&["operator@acme/shop", "admin@acme"], 201),
        (&["revealer@acme"], 403),
        (&["viewer"], 403),
        (&["viewer@globex"], 403),
        (&["viewer@acme", "viewer@globex"], 403),
        (&["root"], 422),
    ] {
        let answer = create(&admin, grants);
        assert_eq!(answer.status, status, "{grants:?}: {}", answer.text());
    }
    let issued = body_of(&create(&admin, &["viewer@acme"]));
    let script = Client::with_token(&gate, issued["token"].as_str().unwrap());
    assert_eq!(script.get("/admin/v1/me").status, 200);
    let listed = admin.get(path);
    assert!(!listed.text().contains(issued["token"].as_str().unwrap()));
    let ids = body_of(&listed)["items"].as_array().unwrap().len();
    assert_eq!(ids, 4, "{}", listed.text());
    let revoke = format!("{path}/{}", issued["id"].as_str().unwrap());
    let foreign = Client::with_roles(&gate, &["admin@globex"]);
    assert_eq!(foreign.change("DELETE", &revoke, &json!({})).status, 404);
    assert_eq!(admin.change("DELETE", &revoke, &json!({})).status, 200);
    assert_eq!(script.get("/admin/v1/me").status, 401);
}

#[test]
fn workspace_tokens_are_shown_once_and_revoked_by_their_owner() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let client = Client::with_roles(&gate, &["operator@acme"]);
    let path = "/admin/v1/tokens";
    let body =
        json!({ "organisation": "acme", "workspace": "main", "label": "ci", "lifetime": "90d" });
    let issued = body_of(&client.change("POST", path, &body));
    let text = issued["token"].as_str().unwrap();
    assert!(text.starts_with("pwt_"), "{issued}");
    let listed = client.get(path);
    assert_eq!(body_of(&listed)["items"][0]["label"], "ci");
    assert!(!listed.text().contains(text));
    let foreign = Client::with_roles(&gate, &["operator@globex"]);
    assert_eq!(body_of(&foreign.get(path))["items"], json!([]));
    assert_eq!(foreign.change("POST", path, &body).status, 403);
    let revoke = format!("{path}/{}", issued["id"].as_str().unwrap());
    assert_eq!(foreign.change("DELETE", &revoke, &json!({})).status, 404);
    let viewer = Client::with_roles(&gate, &["viewer@acme"]);
    assert_eq!(viewer.change("DELETE", &revoke, &json!({})).status, 403);
    let answer = client.change("DELETE", &revoke, &json!({}));
    assert_eq!(body_of(&answer), json!({ "revoked": true }));
}
