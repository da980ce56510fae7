//! Refused deliveries that are kept: for whom, how many, how long, and what is never in them.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::*;

/// What `capture list` says, once there are so many.
#[track_caller]
fn listed(gate: &Gate, id: &str, count: usize) -> Vec<Value> {
    found(&format!("{count} captures of {id}"), || {
        let output = gate.run(&["capture", "list", id, "--json"]).succeeded();
        let listed: Vec<Value> = serde_json::from_str(&output).unwrap();
        (listed.len() == count).then_some(listed)
    })
}

fn shown(gate: &Gate, one: &Value) -> String {
    let ran = gate.run(&["capture", "show", one["id"].as_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

fn explained(gate: &Gate, one: &Value) -> Value {
    let id = one["id"].as_str().unwrap();
    let ran = gate.run(&["explain", "--capture", id, "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

fn gate(backend: &Backend, capture: &[&str]) -> Gate {
    let options = [&["--mode", "hmac"][..], capture].concat();
    Gate::before(backend).endpoint_with(ID, &options).start()
}

#[test]
fn a_refused_delivery_is_kept_as_it_was_and_its_cause_is_found() {
    let backend = Backend::accepting();
    let gate = gate(&backend, &["--capture", "10/1h"]);
    let secret = gate.secret(ID);
    let body = "{\"a\": 1}\r\n\u{fffd}ö";
    let sign = github_signature(&format!("{secret}\n"), body.as_bytes());
    let answer = send(
        gate.http(),
        &Request::post(&format!("{PATH}?b=c&token=hush-hush&%74oken=hush-too"))
            .header("X-Hub-Signature-256", &sign)
            .header("X-GitHub-Event", "ping")
            .header("Authorization", "Bearer hush-hush-1")
            .header("Cookie", "session=hush-hush-2")
            .header("X-Api-Key", "hush-hush-3")
            .header("Portcullis-Captured-At", "2001-01-01T00:00:00Z")
            .body(body.as_bytes()),
    );
    assert_eq!(answer.status, 401);
    // What is admitted is nobody's business.
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);

    let one = &listed(&gate, ID, 1)[0];
    assert_eq!(one["id"], answer.header("X-Request-Id"));
    assert_eq!(one["reason"], "signature_mismatch");
    let http = shown(&gate, one);
    assert!(
        http.starts_with(&format!(
            "POST {PATH}?b=c&token=redacted&%74oken=redacted HTTP/1.1\r\n"
        )),
        "{http}"
    );
    assert!(http.ends_with(&format!("\r\n\r\n{body}")), "{http}");
    for line in [
        format!("x-hub-signature-256: {sign}\r\n"),
        "x-github-event: ping\r\n".to_owned(),
        "authorization: redacted\r\n".to_owned(),
        "cookie: redacted\r\n".to_owned(),
        "x-api-key: redacted\r\n".to_owned(),
    ] {
        assert!(http.contains(&line), "{line}\n{http}");
    }
    assert!(
        !http.contains("hush") && !http.contains("2001-01-01"),
        "{http}"
    );

    let diagnosis = explained(&gate, one);
    assert_eq!(
        diagnosis["causes"][0]["names"][0], "secret-newline",
        "{diagnosis:#}"
    );
    // As times: one of them may be written with fewer digits.
    let time =
        |text: &serde_json::Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (judged, kept) = (time(&diagnosis["judged_at"]), time(&one["at"]));
    assert_eq!(judged.as_millisecond(), kept.as_millisecond());
    let notes = diagnosis["notes"].to_string();
    assert!(
        notes.contains("authorization") && notes.contains("query:token"),
        "{notes}"
    );

    // What show prints is what explain takes.
    let file = gate.file(
        "kept",
        gate.run(&["capture", "show", one["id"].as_str().unwrap()])
            .stdout,
    );
    let ran = gate.run(&["explain", file.to_str().unwrap()]);
    assert!(ran.stdout.contains("[secret-newline]"), "{ran:?}");
}

#[test]
fn nothing_is_kept_unless_the_endpoint_asks_for_it_and_its_captures_go_with_it() {
    let backend = Backend::accepting();
    let gate =
        gate(&backend, &[]).endpoint_with("workflows/other", &["--mode", "hmac", "--capture", "3"]);
    gate.catch_up();
    let refused = |id: &str| {
        let path = format!("/webhooks/ai/{id}");
        assert_eq!(
            send(gate.http(), &Request::post(&path).body(b"{}")).status,
            401
        );
    };
    // Captures are kept in the order of their deliveries: with the second, the first would be there.
    refused(ID);
    gate.log(1);
    refused("workflows/other");
    listed(&gate, "workflows/other", 1);
    listed(&gate, ID, 0);
    let show = gate
        .run(&["endpoint", "show", "workflows/other"])
        .succeeded();
    assert!(show.contains("capture       the last 3 for 1h"), "{show}");

    gate.run(&[
        "endpoint",
        "update",
        "workflows/other",
        "--clear",
        "capture",
    ])
    .succeeded();
    gate.run(&["endpoint", "delete", "--yes", "workflows/other"])
        .succeeded();
    gate.run(&["capture", "list", "workflows/other"])
        .failed_with(4);
    gate.run(&["capture", "show", "nothing"]).failed_with(4);
    gate.run(&["explain", "--capture", "nothing"])
        .failed_with(4);
    // Whoever takes the name finds nothing under it.
    let gate = gate.endpoint_with("workflows/other", &["--mode", "hmac"]);
    listed(&gate, "workflows/other", 0);
}

#[test]
fn a_head_that_decides_is_kept_without_a_body_and_a_long_body_cut_off() {
    let backend = Backend::refusing();
    let gate = gate(&backend, &["--capture", "10/1h"]);
    send(gate.http(), &Request::post(PATH).body(b"{}"));
    let one = &listed(&gate, ID, 1)[0];
    assert!(shown(&gate, one).contains("Portcullis-Captured-Body: none\r\n"));
    let diagnosis = explained(&gate, one);
    assert_eq!(diagnosis["reason"], "signature_missing");
    assert!(
        diagnosis["notes"]
            .to_string()
            .contains("before its body was read"),
        "{diagnosis:#}"
    );

    let body = vec![b'x'; 100_000];
    let sign = github_signature("other", &body);
    send(
        gate.http(),
        &Request::post(PATH)
            .header("X-Hub-Signature-256", &sign)
            .body(&body),
    );
    let one = &listed(&gate, ID, 2)[0];
    let http = shown(&gate, one);
    assert!(http.contains("Portcullis-Captured-Body: truncated\r\n"));
    assert!(http.ends_with(&"x".repeat(65536)) && !http.ends_with(&"x".repeat(65537)));
    let diagnosis = explained(&gate, one);
    assert_eq!(
        diagnosis["causes"][0]["names"][0], "body-not-captured",
        "{diagnosis:#}"
    );
}

#[test]
fn a_token_is_never_kept_however_it_was_sent() {
    let backend = Backend::refusing();
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &["--capture", "10"])
        .endpoint_with(
            "workflows/key",
            &["--mode", "api-key", "--header", "X-Shop", "--capture", "10"],
        )
        .start();
    let almost = format!("{}x", gate.secret(ID));
    let bearer = format!("Bearer {almost}");
    // Somebody sends an operator token to the wrong place.
    let create = ["operator", "token", "create", "--label", "ci", "--role"];
    let operator = gate.run(&[&create[..], &["viewer"]].concat()).succeeded();
    send(
        gate.http(),
        &Request::post(&format!("{PATH}?token={almost}&a={operator}"))
            .header("Authorization", &bearer)
            .header("X-Mistake", &operator)
            .body(b"{}"),
    );
    send(
        gate.http(),
        &Request::post("/webhooks/ai/workflows/key")
            .header("X-Shop", &almost)
            .body(b"{}"),
    );
    let kept = [listed(&gate, ID, 1), listed(&gate, "workflows/key", 1)].concat();
    for one in &kept {
        assert_eq!(one["reason"], "token_mismatch");
        let http = shown(&gate, one);
        assert!(
            !http.contains(&almost) && http.contains("redacted"),
            "{http}"
        );
        assert!(!http.contains(&operator), "{http}");
    }
    let files =
        ["portcullis.db", "portcullis.db-wal"].map(|name| std::fs::read(gate.folder().join(name)));
    for file in files.into_iter().flatten() {
        let found = file.windows(almost.len()).any(|it| it == almost.as_bytes());
        assert!(!found, "the token is in the store");
    }
}

#[test]
fn a_signed_token_that_lets_in_by_itself_is_not_kept_either() {
    let backend = Backend::refusing();
    let provider = |preset| ["--mode", "provider", "--preset", preset, "--capture", "10"];
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &provider("monday"))
        .endpoint_with("workflows/teams", &provider("ms-teams"))
        .endpoint_with("workflows/graph", &provider("ms-graph"));
    for id in [ID, "workflows/teams"] {
        let secret = b"q7Yc0VwZkT3uJmXo5rHs8LdEaGfB1iNp";
        gate.run_with_input(&["secret", "set", id], secret)
            .succeeded();
    }
    let gate = gate.start();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.hush-hush";
    send(
        gate.http(),
        &Request::post(&format!("{PATH}?jwt=hush-too"))
            .header("Authorization", jwt)
            .header("Cf-Access-Jwt-Assertion", "hush-three")
            .body("{}"),
    );
    send(
        gate.http(),
        &Request::post("/webhooks/ai/workflows/teams")
            .header("Authorization", "Basic hush-four")
            .body("{}"),
    );
    send(
        gate.http(),
        &Request::post("/webhooks/ai/workflows/graph")
            .body(r#"{"value":[{"clientState":"hush-five"}]}"#),
    );
    for id in [ID, "workflows/teams", "workflows/graph"] {
        let kept = listed(&gate, id, 1);
        let http = shown(&gate, &kept[0]);
        assert!(!http.contains("hush"), "{id}: {http}");
    }
}

#[test]
fn only_the_last_few_are_kept_and_not_for_long_however_many_forgeries_come() {
    let backend = Backend::accepting();
    let gate = gate(&backend, &["--capture", "3/1h"]);
    let sign = github_signature("forged", b"{}");
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", &sign)
        .body(b"{}");
    for _ in 0..500 {
        assert_eq!(send(gate.http(), &forged).status, 401);
    }
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    listed(&gate, ID, 3);

    // A lifetime that is long enough to be seen on this machine, and then over.
    let mut seconds = 5;
    let endpoint = "workflows/short";
    let gate = gate.endpoint_with(endpoint, &["--mode", "hmac"]);
    let forged = Request::post(&format!("/webhooks/ai/{endpoint}"))
        .header("X-Hub-Signature-256", &sign)
        .body(b"{}");
    found("captures are seen before they end", || {
        let rule = format!("3/{seconds}s");
        gate.run(&["endpoint", "update", endpoint, "--capture", &rule])
            .succeeded();
        gate.catch_up();
        let until = Instant::now() + Duration::from_secs(seconds);
        seconds *= 2;
        assert_eq!(send(gate.http(), &forged).status, 401);
        let list = ["capture", "list", endpoint, "--json"];
        while Instant::now() < until {
            if gate.run(&list).succeeded() != "[]" {
                return Some(());
            }
        }
        None
    });
    listed(&gate, endpoint, 0);

    for (option, message) in [
        ("0/1h", "from 1 to 100"),
        ("101/1h", "from 1 to 100"),
        ("3/169h", "7 days"),
        ("3/0s", "7 days"),
    ] {
        let diagnosis = gate
            .run(&["endpoint", "update", ID, "--capture", option])
            .failed_with(3);
        assert!(diagnosis.contains(message), "{option}: {diagnosis}");
    }
    for option in ["x", "3/", "3/5", "-1/1h", "3/-1h"] {
        gate.run(&["endpoint", "update", ID, &format!("--capture={option}")])
            .failed_with(2);
    }
}

#[test]
fn a_declaration_says_it_too() {
    let gate = Gate::before(&Backend::refusing()).apply(
        "[[endpoints]]\nid = \"workflows/a\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         auth = { mode = \"hmac\" }\ncapture = { last = 5, for = \"30m\" }\n",
    );
    let show = gate.run(&["endpoint", "show", "workflows/a"]).succeeded();
    assert!(show.contains("capture       the last 5 for 30m"), "{show}");
    let wrong = gate.file(
        "wrong.toml",
        "[[endpoints]]\nid = \"workflows/a\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         capture = { last = 5, for = \"30 days\", first = 1 }\n",
    );
    let output = gate
        .run(&["apply", "-f", wrong.to_str().unwrap()])
        .failed_with(3);
    assert!(
        output.contains("capture") && output.contains("first"),
        "{output}"
    );
}
