//! Contracts: what keeps to them goes on byte for byte, and what does not is told why.

use super::*;

const INPUTS: &str = r#"
[endpoints.contract]
inputs = [
  { name = "order-id", type = "text", label = "Order ID", required = true },
  { name = "total", type = "number" },
]"#;

#[test]
fn a_payload_that_breaks_the_contract_is_422_with_everything_that_is_wrong() {
    let backend = Backend::accepting();
    let gate = gate(&backend, INPUTS).start();
    let answer = send(
        gate.http(),
        &json(&gate, r#"{"orderId":7,"total":"4111111111111111"}"#),
    );
    // To the letter: providers' pages and scripts compare it.
    assert_eq!(
        answer.text(),
        r#"{"error":"Invalid payload","details":[{"path":"/orderId","message":"must be a string"},{"path":"/total","message":"must be a number"}]}"#
    );
    is_invalid(
        &answer,
        &[
            ("/orderId", "must be a string"),
            ("/total", "must be a number"),
        ],
    );
    is_invalid(
        &send(gate.http(), &json(&gate, "{}")),
        &[("/order-id", "is required")],
    );
    is_invalid(
        &send(gate.http(), &json(&gate, "{\n \"order-id\" 1}")),
        &[("", "the JSON is malformed at line 2, column 13")],
    );
    is_invalid(
        &send(gate.http(), &delivery(&gate, "text/plain", "x")),
        &[(
            "",
            "Content-Type must be application/json, */*+json, text/plain with JSON, application/x-www-form-urlencoded or multipart/form-data",
        )],
    );
    backend.was_not_contacted();
    let log = gate.log(4);
    assert_eq!(log[0]["reason"], "payload_invalid");
    assert_eq!(log[0]["outcome"], "refused");
    assert_eq!(log[0]["cause"], "2 violations: /orderId /total");
    assert!(!gate.everything_written().contains("4111111111111111"));
}

#[test]
fn a_payload_that_keeps_to_it_arrives_as_it_was_sent() {
    let backend = Backend::accepting();
    let gate = gate(&backend, INPUTS).start();
    let parts = "--b\r\nContent-Disposition: form-data; name=\"order-id\"\r\n\r\n7\r\n--b--\r\n";
    for (content_type, body) in [
        ("application/json", " {\"orderId\" : \"7\",\n\"x\":[{}]} "),
        ("application/x-www-form-urlencoded", "order_id=7&total=1.50"),
        ("multipart/form-data; boundary=b", parts),
    ] {
        assert_eq!(
            send(gate.http(), &delivery(&gate, content_type, body)).status,
            202,
            "{content_type}"
        );
        assert_eq!(
            backend.received().last().unwrap().body_sha256,
            sha256(body.as_bytes())
        );
    }
}

#[test]
fn nothing_is_said_of_a_contract_before_the_proof() {
    let backend = Backend::accepting();
    let gate = gate(&backend, INPUTS).start();
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature("another", b"{}"))
        .header("Content-Type", "application/json")
        .body("{}");
    let answer = send(gate.http(), &forged);
    assert_eq!(
        (answer.status, answer.text()),
        (401, r#"{"error":"Unauthorized"}"#)
    );
    backend.was_not_contacted();
}

#[test]
fn a_schema_may_stand_in_a_file_of_its_own_and_a_new_version_counts() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend);
    let schema = r#"{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}"#;
    gate.file("order.json", schema);
    let gate = gate
        .apply(&declaration(
            "[endpoints.contract]\nschema_file = \"order.json\"",
        ))
        .start();
    is_invalid(
        &send(gate.http(), &json(&gate, r#"{"a":"x"}"#)),
        &[("/a", "must be an integer")],
    );
    let inline =
        declaration("[endpoints.contract]\nschema = { type = \"object\", required = [\"b\"] }");
    let path = gate.file("endpoints.toml", &inline);
    gate.run(&["apply", "-f", path.to_str().unwrap()])
        .succeeded();
    gate.catch_up();
    is_invalid(
        &send(gate.http(), &json(&gate, r#"{"a":1}"#)),
        &[("/b", "is required")],
    );
}

#[test]
fn everything_that_is_wrong_with_a_declaration_is_said_at_once_and_nothing_is_applied() {
    let gate = Gate::before(&Backend::accepting());
    gate.file("broken.json", "{\"type\": ");
    let text = declaration(
        r#"events = ["a*b", "ok"]
key_field = [""]
key_missing = "maybe"
concurrency = { per_key = 0, wait = 5 }
limits = { raw_mime_fields = ["a b"] }
[endpoints.contract]
inputs = [
  { name = "a", type = "texts" },
  { name = "b", type = "text", pattern = "(", min = 1 },
  { type = "text" },
]
schema_file = "broken.json"
colour = "red""#,
    );
    let path = gate.file("endpoints.toml", &text);
    let output = gate
        .run(&["apply", "-f", path.to_str().unwrap()])
        .failed_with(3);
    for expected in [
        "`a*b` is not the name of an event",
        "a path has 1 to 16 names",
        "expected `none` or `reject`",
        "expected a number from 1 to 1000, found 0",
        "expected a string with its unit",
        "`raw_mime_fields` takes at most 100 names",
        "unknown type: use `text`",
        "`broken.json`: EOF while parsing",
        "unknown key; expected one of `inputs`",
        "is missing",
    ] {
        assert!(output.contains(expected), "{expected}\n{output}");
    }
    let places = output
        .lines()
        .filter(|line| line.contains("endpoints.toml:"))
        .count();
    assert!(places >= 10, "{output}");
    assert!(!gate.run(&["endpoint", "list"]).succeeded().contains(ID));
}

#[test]
fn the_shape_of_a_contract_is_judged_at_apply() {
    let gate = Gate::before(&Backend::accepting());
    for (lines, expected) in [
        (
            "[endpoints.contract]",
            "a contract needs either `inputs` or a `schema`",
        ),
        (
            "[endpoints.contract]\nschema = { type = \"txt\" }",
            "the schema is invalid",
        ),
        (
            "[endpoints.contract]\nschema = { \"$ref\" = \"https://example.com/a\" }",
            "the schema is invalid",
        ),
        (
            "key_missing = \"reject\"",
            "`key_missing` needs a `key_field`",
        ),
        (
            "concurrency = { per_key = 1 }",
            "`concurrency` needs a `key_field`",
        ),
        (
            "key_field = \"a\"\nconcurrency = { per_key = 1, wait = \"2m\" }",
            "`wait` at most \"60s\"",
        ),
    ] {
        let path = gate.file("endpoints.toml", declaration(lines));
        let output = gate
            .run(&["apply", "-f", path.to_str().unwrap()])
            .failed_with(3);
        assert!(output.contains(expected), "{lines}\n{output}");
    }
    // A flow's schema has to be read back from within its document.
    for (levels, code) in [(64, 0), (65, 3), (120, 3)] {
        let schema = format!(
            "{}{{}}{}",
            "{\"not\":".repeat(levels - 1),
            "}".repeat(levels - 1)
        );
        gate.file("deep.json", schema);
        let lines = "[endpoints.contract]\nschema_file = \"deep.json\"";
        let path = gate.file("endpoints.toml", declaration(lines));
        let ran = gate.run(&["apply", "--dry-run", "-f", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(code), "{levels}: {ran:?}");
        let is_told = ran
            .stderr
            .contains("the schema is nested deeper than 64 levels");
        assert_eq!(is_told, code != 0, "{levels}: {ran:?}");
    }
    let unnamed = declaration("events = [\"push\"]").replace("\"hmac\"", "\"bearer\"");
    let path = gate.file("endpoints.toml", unnamed);
    let output = gate
        .run(&["apply", "-f", path.to_str().unwrap()])
        .failed_with(3);
    assert!(
        output.contains("does not say where deliveries name their event"),
        "{output}"
    );
}
