//! What is left of a delivery: one line of the access log, and numbers.

use crate::support::*;

#[test]
fn an_admitted_delivery_leaves_one_line_that_says_everything() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let answer = send(gate.http(), &genuine(&gate, b"{\"seven\":7}"));
    let lines = gate.log(1);
    let line = &lines[0];
    assert_eq!(lines.len(), 1);
    assert_eq!(line["request_id"], answer.header("X-Request-Id"));
    assert_eq!(line["endpoint"], ID);
    assert_eq!(line["organisation"], "acme");
    assert_eq!(line["route"], "workflows");
    assert_eq!(line["mode"], "hmac");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["path"], PATH);
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(line["outcome"], "admitted");
    assert_eq!(line["reason"], "admitted");
    assert_eq!(line["status"], 202);
    assert_eq!(line["upstream"], "default");
    assert_eq!(line["body_bytes"], 11);
    for time in ["receive_us", "verify_us", "backend_us", "total_us"] {
        assert!(line[time].is_u64(), "{time} in {line}");
    }
    let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    assert!(time.duration_until(jiff::Timestamp::now()).as_secs() < 60);
}

#[test]
fn a_refused_delivery_leaves_one_line_that_says_why() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    // A record is written when the answer has gone, so the next delivery waits for it.
    send(gate.http(), &Request::post(PATH).body("{}"));
    gate.log(1);
    send(gate.http(), &Request::post("/webhooks/ai/workflows/nope"));
    gate.log(2);
    Connection::to(gate.http())
        .write(b"nonsense\r\n\r\n")
        .answer();
    let lines = gate.log(3);
    let reasons: Vec<&str> = lines
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["signature_missing", "not_configured", "bad_request"]
    );
    let statuses: Vec<u64> = lines
        .iter()
        .map(|line| line["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [401, 404, 400]);
    assert_eq!(lines[0]["endpoint"], ID);
    assert_eq!(lines[1]["endpoint"], serde_json::Value::Null);
    for line in lines {
        assert_eq!(line["outcome"], "refused");
    }
}

#[test]
fn nothing_that_a_sender_writes_can_break_a_line() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "trusted_proxies = [\"127.0.0.0/8\"]")
        .endpoint("hmac")
        .start();
    let long = format!("/webhooks/ai/workflows/{}", "x".repeat(8_000));
    for path in [
        "/webhooks/ai/workflows/\"},{\"reason\":\"admitted\"",
        "/%0a%22admitted",
        &long,
    ] {
        let request = Request::post(path)
            .header("X-Request-Id", "\"quoted\\")
            .header("X-Forwarded-For", "\"}, evil");
        send(gate.http(), &request);
    }
    let lines = gate.log(3);
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!(line["reason"], "not_configured");
        assert!(line.to_string().len() < 2000, "{line}");
    }
}

#[test]
fn the_access_log_can_be_switched_off() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("log", "access = false")
        .endpoint("hmac")
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    gate.wait_for_metric(
        r#"portcullis_deliveries_total{mode="hmac",outcome="admitted",reason="admitted",route="workflows"}"#,
        1,
    );
    assert!(gate.log(0).is_empty());
}

#[test]
fn every_delivery_is_counted_by_route_mode_outcome_and_reason() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with("workflows/token", &["--mode", "secret"])
        .start();
    for _ in 0..3 {
        send(gate.http(), &genuine(&gate, b"{}"));
    }
    send(gate.http(), &Request::post(PATH).body("{}"));
    send(gate.http(), &Request::post("/webhooks/ai/workflows/token"));
    send(gate.http(), &Request::post("/nowhere"));
    gate.log(6);
    let count = |mode: &str, outcome: &str, reason: &str, route: &str| {
        gate.metric(&format!(
            "portcullis_deliveries_total{{mode=\"{mode}\",outcome=\"{outcome}\",reason=\"{reason}\",route=\"{route}\"}}"
        ))
    };
    assert_eq!(count("hmac", "admitted", "admitted", "workflows"), 3);
    assert_eq!(
        count("hmac", "refused", "signature_missing", "workflows"),
        1
    );
    assert_eq!(count("secret", "refused", "token_missing", "workflows"), 1);
    assert_eq!(count("unknown", "refused", "not_configured", "none"), 1);
    for (name, times) in [
        ("receive", 3),
        ("verify", 3),
        ("backend", 3),
        ("delivery", 6),
    ] {
        assert_eq!(
            gate.metric(&format!("portcullis_{name}_seconds_count")),
            times,
            "{name}"
        );
    }
    assert_eq!(gate.metric("portcullis_body_bytes_sum"), 6);
    assert_eq!(
        gate.metric(r#"portcullis_backend_responses_total{class="2xx",upstream="default"}"#),
        3
    );
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("portcullis_build_info{{version=\"{version}\"}}");
    assert_eq!(gate.metric(&build), 1);
}

#[test]
fn three_hundred_strange_requests_make_no_more_than_a_handful_of_series() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    send(gate.http(), &genuine(&gate, b"{}"));
    gate.log(1);
    let before = series(&gate);
    for number in 0..300 {
        let method = ["POST", "GET", "BREW", "PUT"][number % 4];
        let path = format!("/webhooks/ai/workflows/x{number}?token={number}");
        let request = Request::new(method, &path)
            .header("User-Agent", &format!("agent-{number}"))
            .header("X-Hub-Signature-256", &format!("sha256={number:064x}"));
        send(gate.http(), &request);
    }
    gate.log(301);
    let after = series(&gate);
    assert!(after <= before + 5, "{before} series became {after}");
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    send(gate.http(), &genuine(&gate, b"{}"));
    gate.log(1);
    let answer = send(gate.admin(), &admin_get("/metrics"));
    assert!(
        answer
            .header("Content-Type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let own = name.starts_with("portcullis_") || name.starts_with("process_");
        assert!(own, "{line}");
    }
    // Every family says what it is and what kind.
    let families = text
        .lines()
        .filter(|line| line.starts_with("# TYPE"))
        .count();
    let helps = text
        .lines()
        .filter(|line| line.starts_with("# HELP"))
        .count();
    assert_eq!(families, helps);
    assert!(families > 15);
}

fn series(gate: &Gate) -> usize {
    gate.metrics()
        .lines()
        .filter(|line| line.starts_with("portcullis_") && !line.contains("_bucket{"))
        .count()
}

#[test]
fn the_length_of_a_body_is_told_of_a_forged_one_too() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let forged = Request::post(PATH)
        .header("X-Hub-Signature-256", &github_signature("another", b"{}"))
        .body("12345");
    send(gate.http(), &forged);
    let line = gate.log(1).pop().unwrap();
    assert_eq!(line["reason"], "signature_mismatch");
    assert_eq!(line["body_bytes"], 5);
    assert!(line["receive_us"].is_u64() && line["verify_us"].is_u64());
}
