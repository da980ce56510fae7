//! Payload contracts, keys, events and parts of bodies, through a gate.

mod events;
mod hostile;
mod keys;
mod memory;
mod parts;
mod payloads;
pub(crate) mod turns;

use crate::support::*;

/// A gate whose endpoint has these lines in its declaration.
pub(crate) fn gate(backend: &Backend, lines: &str) -> Gate {
    Gate::before(backend).apply(&declaration(lines))
}

fn declaration(lines: &str) -> String {
    format!(
        "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         auth = {{ mode = \"hmac\" }}\n{lines}\n"
    )
}

/// A genuine delivery of a body of this type.
fn delivery(gate: &Gate, content_type: &str, body: impl AsRef<[u8]>) -> Request {
    genuine(gate, body.as_ref()).header("Content-Type", content_type)
}

pub(crate) fn json(gate: &Gate, body: &str) -> Request {
    delivery(gate, "application/json", body)
}

/// The answer that lists these violations, each a path and a message.
#[track_caller]
fn is_invalid(answer: &Answer, details: &[(&str, &str)]) {
    assert_eq!(answer.status, 422, "{}\n{}", answer.head, answer.text());
    assert_eq!(answer.reason(), "payload_invalid");
    assert_eq!(answer.header("Content-Type"), "application/json");
    let details: Vec<String> = details
        .iter()
        .map(|(path, message)| {
            let (path, message) = (serde_json::json!(path), serde_json::json!(message));
            format!("{{\"message\":{message},\"path\":{path}}}")
        })
        .collect();
    let expected = format!(
        "{{\"error\":\"Invalid payload\",\"details\":[{}]}}",
        details.join(",")
    );
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        body,
        serde_json::from_str::<serde_json::Value>(&expected).unwrap()
    );
}
