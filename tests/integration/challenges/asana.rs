//! Asana sends the secret itself, unsigned, when a webhook is made: whoever comes first would own the
//! endpoint. So nobody may, unless the operator expects it, and only once.

use std::thread;
use std::time::Duration;

use super::*;

/// <https://developers.asana.com/docs/webhooks-guide>
const BROUGHT: &str = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";

fn shakes(secret: &str) -> Request {
    Request::post(PATH)
        .header("X-Hook-Secret", secret)
        .body("{}")
}

fn fresh(backend: &Backend) -> Gate {
    Gate::before(backend).endpoint_with(ID, &["--mode", "hmac", "--handshake", "asana"])
}

fn audited(gate: &Gate) -> Vec<String> {
    let lines = gate.run(&["audit", "list", "--json"]).succeeded();
    let lines: serde_json::Value = serde_json::from_str(&lines).unwrap();
    let lines = lines.as_array().unwrap().iter();
    lines
        .map(|line| {
            format!("{} {} {}", line["actor"], line["action"], line["subject"]).replace('"', "")
        })
        .collect()
}

#[test]
fn asana_brings_the_secret_while_it_is_expected() {
    let backend = Backend::accepting();
    let gate = fresh(&backend);
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(
        shown.contains("workflows/pr-bot#webhook (not bound"),
        "{shown}"
    );
    let output = gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    assert!(
        output.contains("expects the asana handshake until"),
        "{output}"
    );
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(
        shown.contains("handshake     asana (may set the secret until"),
        "{shown}"
    );

    let gate = gate.start();
    let answer = send(gate.http(), &shakes(BROUGHT));
    assert_eq!((answer.status, answer.reason()), (200, "handshake"));
    assert_eq!(answer.header("x-hook-secret"), BROUGHT);
    assert!(answer.body.is_empty());
    backend.was_not_contacted();

    // The first events come at once.
    let heartbeat = signed_with(BROUGHT, r#"{"events":[]}"#);
    assert_eq!(send(gate.http(), &heartbeat).status, 202);
    let forged = signed_with("guessed", r#"{"events":[]}"#);
    is_refused(&gate, &forged, 401, "signature_mismatch");

    assert_eq!(gate.secret(ID), BROUGHT);
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(
        shown.contains("handshake     asana (set the secret at "),
        "{shown}"
    );
    let audited = audited(&gate);
    let bound = "asana secret_bound workflows/pr-bot#webhook".to_owned();
    assert!(audited.contains(&bound), "{audited:#?}");
    assert!(!gate.everything_written().contains(BROUGHT));
}

#[test]
fn nobody_brings_a_secret_that_is_not_expected() {
    let backend = Backend::accepting();
    let gate = fresh(&backend).start();
    is_refused(&gate, &shakes(BROUGHT), 401, "secret_unbound");
    let cause = gate.log(1)[0]["cause"].as_str().unwrap().to_owned();
    assert!(
        cause.contains("portcullis endpoint expect-handshake workflows/pr-bot"),
        "{cause}"
    );

    // A window that is over, and one that was closed.
    gate.run(&["endpoint", "expect-handshake", ID, "--for", "1s"])
        .succeeded();
    gate.catch_up();
    let_pass(Duration::from_secs(1));
    is_refused(&gate, &shakes(BROUGHT), 401, "secret_unbound");
    gate.run(&["endpoint", "expect-handshake", ID, "--for", "1h"])
        .succeeded();
    gate.run(&["endpoint", "expect-handshake", ID, "--for", "0s"])
        .succeeded();
    gate.catch_up();
    is_refused(&gate, &shakes(BROUGHT), 401, "secret_unbound");

    // What could be no secret of Asana's, two of them, and another method, in an open one.
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    gate.catch_up();
    let two = shakes(BROUGHT).header("X-Hook-Secret", "another-one-of-16");
    for asks in [
        shakes("too-short"),
        shakes("has spaces in it, and commas"),
        shakes(""),
        two,
    ] {
        is_refused(&gate, &asks, 401, "signature_missing");
    }
    let asks = Request::new("PUT", PATH).header("X-Hook-Secret", BROUGHT);
    is_refused(&gate, &asks, 401, "method_not_signed");
    backend.was_not_contacted();
    gate.run(&["secret", "reveal", ID]).failed_with(4);
}

#[test]
fn a_bound_secret_is_never_replaced_by_a_handshake() {
    let backend = Backend::accepting();
    let gate = fresh(&backend);
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    let gate = gate.start();
    assert_eq!(send(gate.http(), &shakes(BROUGHT)).status, 200);
    is_refused(&gate, &shakes(&"a".repeat(64)), 401, "signature_missing");
    is_refused(&gate, &shakes(BROUGHT), 401, "signature_missing");
    let output = gate
        .run(&["endpoint", "expect-handshake", ID])
        .failed_with(1);
    assert!(output.contains("never replaces a bound secret"), "{output}");
    assert_eq!(gate.secret(ID), BROUGHT);

    // Nor one that was set by hand in an open window.
    let gate = fresh(&backend);
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    gate.run_with_input(&["secret", "set", ID], SECRET.as_bytes())
        .succeeded();
    let gate = gate.start();
    is_refused(&gate, &shakes(BROUGHT), 401, "signature_missing");
    assert_eq!(gate.secret(ID), SECRET);
    backend.was_not_contacted();
}

#[test]
fn of_many_who_come_at_once_one_is_answered_and_his_secret_is_the_one() {
    let backend = Backend::accepting();
    let gate = fresh(&backend);
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    let gate = gate.start();
    let secrets: Vec<String> = (0..24).map(|n| format!("{n:064}")).collect();
    let address = gate.http();
    let answered: Vec<String> = thread::scope(|scope| {
        let senders: Vec<_> = secrets
            .iter()
            .map(|secret| {
                scope.spawn(move || {
                    let answer = send(address, &shakes(secret));
                    assert!(matches!(answer.status, 200 | 401), "{}", answer.status);
                    (answer.status == 200).then(|| secret.clone())
                })
            })
            .collect();
        senders
            .into_iter()
            .filter_map(|it| it.join().unwrap())
            .collect()
    });
    assert_eq!(answered, [gate.secret(ID)]);
    backend.was_not_contacted();
}

#[test]
fn a_window_does_not_outlive_the_handshake_or_the_endpoint() {
    let gate = fresh(&Backend::refusing());
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    let window = || {
        let shown = gate.run(&["endpoint", "show", ID, "--json"]).succeeded();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown.get("handshake_expected_until").is_some()
    };
    assert!(window());
    // What a file declares says nothing about it.
    let gate_again = "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
        auth = { mode = \"hmac\" }\nhandshake = \"asana\"\n";
    let file = gate.file("endpoints.toml", gate_again);
    let output = gate
        .run(&["apply", "-f", file.to_str().unwrap()])
        .succeeded();
    assert_eq!(output, "= workflows/pr-bot: unchanged");
    assert!(window());
    gate.run(&["endpoint", "update", ID, "--clear", "handshake"])
        .succeeded();
    assert!(!window());
    gate.run(&["endpoint", "update", ID, "--handshake", "asana"])
        .succeeded();
    assert!(!window());
}

#[test]
fn whoever_gets_the_id_next_does_not_get_a_secret_that_came_after_the_end() {
    let backend = Backend::accepting();
    // The gate learns so late that it still knows the endpoint when it is gone.
    let gate = fresh(&backend).with("directory", "follow_every = \"400ms\"");
    gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
    let gate = gate.start();
    for _ in 0..5 {
        is_refused(&gate, &shakes("too-short"), 401, "signature_missing");
        gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
        let late = send(gate.http(), &shakes(BROUGHT));
        assert!(matches!(late.status, 401 | 404), "{}", late.status);
        let options = [
            "--organisation",
            "acme",
            "--workspace",
            "main",
            "--mode",
            "hmac",
        ];
        gate.run(
            &[
                &["endpoint", "create", ID][..],
                &options,
                &["--handshake", "asana"],
            ]
            .concat(),
        )
        .succeeded();
        // The window was its predecessor's, whatever the gate still believes.
        let late = send(gate.http(), &shakes(BROUGHT));
        assert!(matches!(late.status, 401 | 404), "{}", late.status);
        gate.run(&["secret", "reveal", ID]).failed_with(4);
        gate.run(&["endpoint", "expect-handshake", ID]).succeeded();
        gate.catch_up();
    }
    backend.was_not_contacted();
}

#[test]
fn a_window_is_opened_only_where_a_handshake_brings_a_secret() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let expect =
        |options: &[&str]| gate.run(&[&["endpoint", "expect-handshake"], options].concat());
    let output = expect(&[ID]).failed_with(1);
    assert!(
        output.contains("no handshake that sets a secret"),
        "{output}"
    );
    expect(&["workflows/nobody"]).failed_with(4);
    for time in ["25h", "-1s", "10", "soon"] {
        expect(&[ID, &format!("--for={time}")]).failed_with(2);
    }
}
