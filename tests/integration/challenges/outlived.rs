//! What was signed for a stranger proves nothing later either, when the handshake that signed it is gone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const OTHER: &str = "workflows/other";
const OTHER_PATH: &str = "/webhooks/ai/workflows/other";
const SLOT: &str = "workflows/pr-bot#webhook";
const UUID: &str = "890e4665-4dfe-4ab1-b689-ed553bceeed0";

/// The code that the endpoint signs for anybody who asks, over a text that is a body as well.
fn stolen(gate: &Gate, handshake: &str) -> (String, Vec<u8>) {
    let member = |answer: &Answer, name: &str| {
        assert_eq!(answer.status, 200, "{}", answer.head);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        body[name].as_str().unwrap().to_owned()
    };
    match handshake {
        "x" => {
            let answer = send(gate.http(), &get("crc_token=12345"));
            let code = member(&answer, "response_token");
            let code = STANDARD.decode(code.strip_prefix("sha256=").unwrap());
            ("12345".to_owned(), code.unwrap())
        }
        "linkedin" => {
            let answer = send(gate.http(), &get(&format!("challengeCode={UUID}")));
            let code = hex::decode(member(&answer, "challengeResponse"));
            (UUID.to_owned(), code.unwrap())
        }
        _ => {
            let asks =
                "{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"12345\"}}";
            let answer = send(gate.http(), &signed(asks));
            let code = hex::decode(member(&answer, "encryptedToken"));
            ("12345".to_owned(), code.unwrap())
        }
    }
}

fn with_code(path: &str, body: &str, code: &[u8]) -> Request {
    Request::post(path)
        .header(
            "X-Hub-Signature-256",
            &format!("sha256={}", hex::encode(code)),
        )
        .header("Content-Type", "application/json")
        .body(body)
}

#[test]
fn what_was_signed_for_a_stranger_is_no_delivery_once_the_handshake_is_gone() {
    for name in ["x", "linkedin", "zoom"] {
        let backend = Backend::accepting();
        let mut gate = gate(name, HMAC, &backend);
        let (body, code) = stolen(&gate, name);
        assert_eq!(code, mac(SECRET, body.as_bytes()));
        gate.run(&["endpoint", "update", ID, "--clear", "handshake"])
            .succeeded();
        in_force(|| send(gate.http(), &get("crc_token=12345")).status == 401);
        let theft = with_code(PATH, &body, &code);
        is_refused(&gate, &theft, 401, "signature_mismatch");
        // Nor at a gate that knows nothing but what is stored.
        gate.restart();
        is_refused(&gate, &theft, 401, "signature_mismatch");
        // Nor at another endpoint with the secret, however it is spelt there.
        let shared = ["--mode", "hmac", "--secret", SLOT];
        let gate = gate.endpoint_with(OTHER, &shared);
        let theft = with_code(OTHER_PATH, &body, &code);
        in_force(|| send(gate.http(), &theft).status == 401);
        is_refused(&gate, &theft, 401, "signature_mismatch");
        backend.was_not_contacted();
        // What nobody could have asked for is a delivery as ever.
        assert_eq!(
            send(gate.http(), &signed("{\"a\":1}")).status,
            202,
            "{name}"
        );

        // A new value has signed for nobody.
        gate.run(&["secret", "rotate", "--yes", SLOT, "--overlap", "1h"])
            .succeeded();
        let new = gate.secret(ID);
        in_force(|| send(gate.http(), &signed_with(&new, &body)).status == 202);
        is_refused(&gate, &theft, 401, "signature_mismatch");
        gate.run(&["secret", "retire", SLOT]).succeeded();
        in_force(|| send(gate.http(), &signed("{\"a\":2}")).status == 401);
    }
}

#[test]
fn a_value_that_is_set_while_the_handshake_is_there_is_remembered_too() {
    let backend = Backend::accepting();
    let gate = gate("x", HMAC, &backend);
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let new = gate.secret(ID);
    in_force(|| {
        let answer = send(gate.http(), &get("crc_token=12345"));
        let text = answer.text().to_owned();
        let code = STANDARD.encode(mac(&new, b"12345"));
        text.contains(&code)
    });
    gate.run(&["endpoint", "update", ID, "--clear", "handshake"])
        .succeeded();
    in_force(|| send(gate.http(), &get("crc_token=12345")).status == 401);
    let theft = with_code(PATH, "12345", &mac(&new, b"12345"));
    is_refused(&gate, &theft, 401, "signature_mismatch");
    let status = gate.run(&["secret", "status", ID, "--json"]).succeeded();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        status["versions"][0]["signs_challenges_of"],
        serde_json::json!(["x"])
    );
    backend.was_not_contacted();
}

#[test]
fn a_value_that_is_set_again_has_still_signed_for_strangers() {
    let backend = Backend::accepting();
    let mut gate = gate("x", HMAC, &backend);
    let (body, code) = stolen(&gate, "x");
    gate.run(&["endpoint", "update", ID, "--clear", "handshake"])
        .succeeded();
    let theft = with_code(PATH, &body, &code);
    let signs = |gate: &Gate, secret: &str| {
        gate.run_with_input(&["secret", "set", ID], secret.as_bytes())
            .succeeded();
        gate.catch_up();
        let status = gate.run(&["secret", "status", ID, "--json"]).succeeded();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["versions"][0]["signs_challenges_of"].clone()
    };
    assert_eq!(signs(&gate, SECRET), serde_json::json!(["x"]));
    is_refused(&gate, &theft, 401, "signature_mismatch");
    gate.restart();
    is_refused(&gate, &theft, 401, "signature_mismatch");
    assert_eq!(send(gate.http(), &signed("{\"a\":1}")).status, 202);
    // Another value has signed for nobody, and any body of it is a delivery.
    let other = "another-secret-of-the-provider";
    assert_eq!(signs(&gate, other), serde_json::Value::Null);
    assert_eq!(send(gate.http(), &signed_with(other, &body)).status, 202);
    is_refused(&gate, &theft, 401, "signature_mismatch");
    // It is remembered over other values, and over a time without any.
    gate.run(&["secret", "retire", "--yes", ID, "--current"])
        .succeeded();
    assert_eq!(signs(&gate, SECRET), serde_json::json!(["x"]));
    is_refused(&gate, &theft, 401, "signature_mismatch");
}

#[test]
fn a_scheme_that_signs_something_else_than_the_body_takes_no_secret_that_signed_for_strangers() {
    let backend = Backend::accepting();
    let gate = gate("x", HMAC, &backend);
    // What Mailgun signs is a time and a token: a text that X may ask for, and that covers nothing of the event.
    let now = jiff::Timestamp::now().as_second();
    let message = format!("{now}abcdef");
    let answer = send(gate.http(), &get(&format!("crc_token={message}")));
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let code = answer["response_token"].as_str().unwrap();
    let code = STANDARD.decode(code.strip_prefix("sha256=").unwrap());
    let forged = serde_json::json!({
        "signature": { "timestamp": now.to_string(), "token": "abcdef", "signature": hex::encode(code.unwrap()) },
        "event-data": { "event": "forged" },
    });
    gate.run(&["endpoint", "update", ID, "--clear", "handshake"])
        .succeeded();
    let mailgun = ["--mode", "provider", "--preset", "mailgun"];
    gate.run(&[&["endpoint", "update", ID][..], &mailgun].concat())
        .succeeded();
    let request = Request::post(PATH)
        .header("Content-Type", "application/json")
        .body(forged.to_string());
    in_force(|| send(gate.http(), &request).reason() == "signature_mismatch");
    backend.was_not_contacted();
}
