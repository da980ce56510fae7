//! Every operation of the OpenAPI document, for every role, on own, foreign and missing objects.

use serde_json::{Value, json};

use super::client::{Client, endpoint, gate, json as body_of};
use crate::flows::ORDERS;
use crate::support::*;

/// Where an object is, for a person with roles in acme.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Own,
    Foreign,
    Missing,
}

const ROLES: [&str; 4] = ["viewer", "operator", "revealer", "admin"];
const PLACES: [Place; 3] = [Place::Own, Place::Foreign, Place::Missing];
fn allows(role: &str, permission: &str) -> bool {
    match permission {
        "read" => true,
        "change" => matches!(role, "operator" | "admin"),
        "reveal" => role == "revealer",
        "administer" => role == "admin",
        other => panic!("{other}"),
    }
}

fn documented(gate: &Gate) -> Value {
    let client = Client::with_roles(gate, &["viewer@acme"]);
    let answer = client.get("/admin/v1/openapi.json");
    assert_eq!(answer.status, 200);
    body_of(&answer)
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    assert!(all.len() > 35, "{}", all.len());
    all
}

/// A gate with one endpoint of acme, one of globex, and their secrets.
fn prepared(backend: &Backend) -> (Gate, Vec<String>) {
    let gate = gate(backend)
        .endpoint_with("workflows/own", &["--mode", "secret"])
        .start();
    let words = [
        "endpoint",
        "create",
        "workflows/foreign",
        "--organisation",
        "globex",
    ];
    gate.run(&[&words[..], &["--workspace", "ops", "--mode", "secret"]].concat())
        .succeeded();
    let secrets = ["workflows/own", "workflows/foreign"].map(|id| gate.secret(id));
    (gate, secrets.into())
}

/// A dry run where there is one, and a body that the operation refuses otherwise: nothing is changed.
fn harmless(path: &str, operation: &Value) -> (String, Value) {
    let parameters = operation["parameters"].as_array();
    let has_dry_run = parameters
        .into_iter()
        .flatten()
        .any(|parameter| parameter["name"] == "dry_run");
    let query = if has_dry_run { "?dry_run=true" } else { "" };
    (format!("{path}{query}"), json!({}))
}

#[test]
fn each_role_gets_exactly_what_the_document_says() {
    let backend = Backend::accepting();
    let (gate, secrets) = prepared(&backend);
    let document = documented(&gate);
    let stranger = Client::stranger(&gate);
    for (method, path, operation) in operations(&document) {
        let (access, _) = access_of(&operation);
        let id = operation["operationId"].as_str().unwrap();
        // A stranger learns nothing.
        if access != "public" {
            let (target, body) = harmless(&fill(&path, Place::Own), &operation);
            let answer = request(&stranger, &method, &target, &body);
            assert_eq!(answer.status, 401, "{id}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    for role in ROLES {
        let client = Client::with_roles(&gate, &[&format!("{role}@acme")]);
        for (method, path, operation) in operations(&document) {
            let (access, permission) = access_of(&operation);
            let id = operation["operationId"].as_str().unwrap();
            if access == "public" {
                continue;
            }
            for place in PLACES {
                let (target, body) = harmless(&fill(&path, place), &operation);
                let answer = request(&client, &method, &target, &body);
                let says = answer.text();
                let case = format!("{id} as {role} on {place:?}: {} {says}", answer.status);
                let is_addressed = path.contains("{id}");
                if is_addressed && place != Place::Own {
                    assert_eq!(answer.status, 404, "{case}");
                } else if access == "everywhere" || !allows(role, permission) {
                    let is_object = path.contains("{name}") || path.contains("{token}");
                    if !(is_object && answer.status == 404) {
                        assert_eq!(answer.status, 403, "{case}");
                    }
                } else {
                    assert!(!matches!(answer.status, 401 | 403 | 405), "{case}");
                    assert!(answer.status < 500, "{case}");
                }
                // Only a reveal shows a secret.
                if id != "revealSecret" {
                    for secret in &secrets {
                        assert!(!says.contains(secret.as_str()), "{case}");
                    }
                }
            }
        }
    }
    backend.was_not_contacted();
}

#[test]
fn a_foreign_object_answers_as_a_missing_one_byte_by_byte() {
    let backend = Backend::accepting();
    let (gate, _) = prepared(&backend);
    let document = documented(&gate);
    let client = Client::with_roles(&gate, &["admin@acme", "revealer@acme"]);
    for (method, path, operation) in operations(&document) {
        if !path.contains("{id}") {
            continue;
        }
        let [foreign, missing] = [Place::Foreign, Place::Missing].map(|place| {
            let (target, body) = harmless(&fill(&path, place), &operation);
            let answer = request(&client, &method, &target, &body);
            let id = answer.header("x-request-id").to_owned();
            let date = answer.try_header("date").unwrap_or_default().to_owned();
            let text = format!("{}\n{}", answer.head, answer.text());
            text.replace(&id, "ID")
                .replace(&date, "DATE")
                .to_lowercase()
        });
        assert_eq!(foreign, missing, "{method} {path}");
    }
}

#[test]
fn flows_are_foreign_to_other_organisations() {
    let backend = Backend::accepting();
    let gate = gate(&backend).start();
    let file = gate.file("orders.edn", ORDERS);
    let words = ["apply", "-f", file.to_str().unwrap(), "--organisation"];
    gate.run(&[&words[..], &["acme", "--workspace", "main"]].concat())
        .succeeded();
    let own = Client::with_roles(&gate, &["operator@acme"]);
    let answer = own.get("/admin/v1/flows/orders");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(body_of(&answer)["targets"][0]["target"], "draft");
    let foreign = Client::with_roles(&gate, &["admin@globex"]);
    assert_eq!(foreign.get("/admin/v1/flows/orders").status, 404);
    assert_eq!(body_of(&foreign.get("/admin/v1/flows"))["items"], json!([]));
    for verb in ["release", "promote", "rollback"] {
        let path = format!("/admin/v1/flows/orders:{verb}");
        let answer = foreign.change("POST", &path, &json!({ "target": "live" }));
        assert_eq!(answer.status, 404, "{verb}");
    }
    let viewer = Client::with_roles(&gate, &["viewer@acme"]);
    let answer = viewer.change("POST", "/admin/v1/flows/orders:release", &json!({}));
    assert_eq!(answer.status, 403);
}

/// Who may use an operation, and the permission.
fn access_of(operation: &Value) -> (&str, &str) {
    let text = operation["x-portcullis-access"].as_str().unwrap();
    text.split_once(':').unwrap_or((text, "read"))
}

fn request(client: &Client, method: &str, path: &str, body: &Value) -> Answer {
    match method {
        "GET" => client.get(path),
        _ => client.change(method, path, body),
    }
}

fn fill(path: &str, place: Place) -> String {
    let id = match place {
        Place::Own => "workflows/own",
        Place::Foreign => "workflows/foreign",
        Place::Missing => "workflows/missing",
    };
    let own = endpoint(id);
    path.replace("/admin/v1/endpoints/{id}", &own)
        .replace("{name}", "missing")
        .replace("{token}", "0123456789abcdef")
        .replace("{preset}", "github")
}
