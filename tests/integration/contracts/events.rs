//! Events: what an endpoint has not subscribed to is acknowledged and goes no further.

use super::*;

fn event(gate: &Gate, name: &str) -> Request {
    json(gate, "{}").header("X-GitHub-Event", name)
}

#[test]
fn an_event_that_nobody_subscribed_to_is_202_and_never_forwarded() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"events = ["pull_request", "check_*"]"#).start();
    for name in ["push", "pull_request_review", "PULL_REQUEST", "check"] {
        let answer = send(gate.http(), &event(&gate, name));
        assert_eq!(
            (answer.status, answer.text()),
            (202, r#"{"status":"ignored"}"#),
            "{name}"
        );
        assert_eq!(answer.reason(), "ignored");
        assert_eq!(answer.header("Content-Type"), "application/json");
    }
    // One that does not say what it is about.
    assert_eq!(send(gate.http(), &json(&gate, "{}")).reason(), "ignored");
    assert_eq!(send(gate.http(), &event(&gate, "")).reason(), "ignored");
    backend.was_not_contacted();
    for name in ["pull_request", "check_run", "check_"] {
        assert_eq!(
            send(gate.http(), &event(&gate, name)).reason(),
            "admitted",
            "{name}"
        );
    }
    assert_eq!(backend.received().len(), 3);
    let log = gate.log(9);

    assert_eq!(
        (log[0]["outcome"].as_str(), log[0]["reason"].as_str()),
        (Some("ignored"), Some("ignored"))
    );
    assert!(
        gate.metrics()
            .contains(r#"outcome="ignored",reason="ignored""#)
    );
}

#[test]
fn a_forged_event_is_not_acknowledged() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"events = ["pull_request"]"#).start();
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature("another", b"{}"))
        .header("X-GitHub-Event", "push")
        .body("{}");
    assert_eq!(send(gate.http(), &forged).status, 401);
    backend.was_not_contacted();
}

#[test]
fn what_was_ignored_is_not_remembered_and_needs_to_keep_to_no_contract() {
    let backend = Backend::accepting();
    let lines = "events = [\"pull_request\"]\n[endpoints.contract]\ninputs = [{ name = \"a\", type = \"text\", required = true }]";
    let gate = gate(&backend, lines).start();
    let ignored = event(&gate, "push").header("X-GitHub-Delivery", "1");
    assert_eq!(send(gate.http(), &ignored).reason(), "ignored");
    assert_eq!(send(gate.http(), &ignored).reason(), "ignored");
    let taken = event(&gate, "pull_request").header("X-GitHub-Delivery", "1");
    assert_eq!(send(gate.http(), &taken).reason(), "payload_invalid");
    assert_eq!(
        send(gate.http(), &taken).reason(),
        "payload_invalid",
        "it was released"
    );
    backend.was_not_contacted();
}

#[test]
fn an_event_that_nobody_can_make_out_is_passed_on_rather_than_lost() {
    let backend = Backend::accepting();
    let gate = gate(&backend, r#"events = ["pull_request"]"#).start();
    let twice = event(&gate, "push").header("X-GitHub-Event", "pull_request");
    let long = event(&gate, &"e".repeat(257));
    for request in [twice, long] {
        assert_eq!(send(gate.http(), &request).reason(), "admitted");
    }

    // In the body: a name that stands twice, is no text, or lies in more than is looked through.
    let jira = Gate::before(&backend)
        .apply(&of_preset("jira", r#"events = ["jira:issue_updated"]"#))
        .start();
    let signed = |body: &str| {
        let signature = github_signature(&jira.secret(ID), body.as_bytes());
        let answer = send(
            jira.http(),
            &Request::post(PATH)
                .header("X-Hub-Signature", &signature)
                .body(body),
        );
        answer.reason().to_owned()
    };
    let padding = "a".repeat(1024 * 1024 + 1);
    for (body, reason) in [
        (r#"{"webhookEvent":"jira:issue_updated"}"#, "admitted"),
        (r#"{"webhookEvent":"jira:issue_deleted"}"#, "ignored"),
        (r#"{"webhookEvent":null}"#, "ignored"),
        (r#"{}"#, "ignored"),
        (
            r#"{"webhookEvent":"a","webhookEvent":"jira:issue_updated"}"#,
            "admitted",
        ),
        (r#"{"webhookEvent":["jira:issue_updated"]}"#, "admitted"),
        (
            &format!(r#"{{"webhookEvent":"jira:issue_updated","a":"{padding}"}}"#),
            "admitted",
        ),
    ] {
        assert_eq!(signed(body), reason, "{}", &body[..body.len().min(80)]);
    }
}

#[test]
fn a_name_with_a_space_is_a_name() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .apply(&of_preset(
            "gitlab-token",
            r#"events = ["Push Hook", "Tag*"]"#,
        ))
        .start();
    let secret = gate.secret(ID);
    for (name, reason) in [
        ("Push Hook", "admitted"),
        ("Tag Push Hook", "admitted"),
        ("Push", "ignored"),
        ("Issue Hook", "ignored"),
    ] {
        let request = Request::post(PATH)
            .header("X-Gitlab-Token", &secret)
            .header("X-Gitlab-Event", name)
            .body("{}");
        assert_eq!(send(gate.http(), &request).reason(), reason, "{name}");
    }
}

#[test]
fn who_sends_batches_cannot_be_subscribed_to_by_event() {
    let gate = Gate::before(&Backend::accepting());
    for preset in ["sendgrid", "hubspot-v3", "adyen-payments"] {
        let text = of_preset(preset, r#"events = ["bounce"]"#);
        let path = gate.file("endpoints.toml", text);
        let output = gate
            .run(&["apply", "-f", path.to_str().unwrap()])
            .failed_with(3);
        assert!(output.contains("deliveries are batches"), "{output}");
    }
    let text = of_preset("gitlab", r#"events = [" Push Hook", "Tag\tHook"]"#);
    let path = gate.file("endpoints.toml", text);
    let output = gate
        .run(&["apply", "-f", path.to_str().unwrap()])
        .failed_with(3);
    assert_eq!(
        output.matches("is not the name of an event").count(),
        2,
        "{output}"
    );
}

fn of_preset(preset: &str, lines: &str) -> String {
    let auth = format!("{{ mode = \"provider\", preset = \"{preset}\" }}");
    declaration(lines).replace("{ mode = \"hmac\" }", &auth)
}
