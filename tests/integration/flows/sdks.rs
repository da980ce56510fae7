//! The two documents, applied as they stand and delivered to by what the providers' own SDKs sign.

use serde_json::json;

use super::*;
use crate::senders::Runtime;

/// Lets an SDK sign `text` and send it, as it is and touched, and gives each case's status and reason.
fn sent(
    gate: &Gate,
    (runtime, sdk): (Runtime, &str),
    path: &str,
    text: &str,
    cases: &[&str],
) -> Vec<(String, u64, String)> {
    let job = json!({
        "gate": format!("http://{}", gate.http()),
        "public_url": "https://portal.example.com",
        "path": path,
        "secret": "a-secret-of-the-provider's",
        "other_secret": "another-secret-of-theirs",
        "text": text,
        "cases": cases,
    });
    let mut command = runtime.command();
    command.arg(sdk);
    let output = CommandOutput::of(command, job.to_string().as_bytes()).succeeded();
    let output: Value = serde_json::from_str(&output).unwrap();
    let answers = output["answers"].as_array().unwrap().iter();
    answers
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap().to_owned();
            (text("case"), it["status"].as_u64().unwrap(), text("reason"))
        })
        .collect()
}

#[track_caller]
fn is_admitted_only_as_signed(
    (file, document): (&str, &str),
    sdk: (Runtime, &str),
    slot: &str,
    interface: &str,
    text: &str,
) {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    let options: Vec<&str> = OWNER.iter().chain(&["--target", "live"]).copied().collect();
    apply(&gate, file, document, &options).succeeded();
    let flow = file.strip_suffix(".edn").unwrap();
    let scope = format!("flows/{flow}/live");
    gate.run_with_input(
        &["secret", "bind", &scope, slot],
        b"a-secret-of-the-provider's",
    )
    .succeeded();
    let path = format!("/api/flows/{flow}/interfaces/live/{interface}");
    in_force(|| {
        let answer = send(gate.http(), &Request::post(&path).body("{}"));
        answer.reason() == "signature_missing"
    });
    let cases = [
        "genuine",
        "body changed",
        "wrong secret",
        "signature left out",
    ];
    let right = [
        (202, "admitted"),
        (401, "signature_mismatch"),
        (401, "signature_mismatch"),
        (401, "signature_missing"),
    ];
    let results = sent(&gate, sdk, &path, text, &cases);
    for ((case, status, reason), right) in results.iter().zip(right) {
        assert_eq!((*status, reason.as_str()), right, "{case}");
    }
    assert_eq!(results.len(), cases.len());
    assert_eq!(backend.only().body_sha256, sha256(text.as_bytes()));
}

#[test]
fn stripe_delivers_to_the_flow_of_orders() {
    let text = "{\"order-id\": \"o-1\",  \"amount\": 1000}\n";
    for runtime in [Runtime::Python, Runtime::Node] {
        is_admitted_only_as_signed(
            ("orders.edn", ORDERS),
            (runtime, "stripe"),
            SLOT,
            "order-webhook",
            text,
        );
    }
}

#[test]
fn github_delivers_to_the_flow_of_pull_requests() {
    let text = "{\"action\": \"opened\",  \"number\": 1000}\n";
    is_admitted_only_as_signed(
        ("pr-bot.edn", GITHUB),
        (Runtime::Node, "github"),
        "github-webhook-secret",
        "pull-requests",
        text,
    );
}
