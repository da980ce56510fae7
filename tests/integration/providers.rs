//! Endpoints that are proven as a provider signs, by the name of its preset.

use crate::support::*;

fn gate(preset: &str, backend: &Backend) -> Gate {
    let options = ["--mode", "provider", "--preset", preset];
    Gate::before(backend).endpoint_with(ID, &options)
}

#[test]
fn a_providers_delivery_is_admitted_and_a_tampered_one_is_not() {
    // https://developers.notion.com/reference/webhooks has no secret in common with this one: the form
    // is the provider's, the key is ours.
    let backend = Backend::accepting();
    let gate = gate("notion", &backend);
    let secret = "secret_from_the_provider";
    gate.run_with_input(&["secret", "set", ID], secret.as_bytes())
        .succeeded();
    let gate = gate.start();
    let signature = github_signature(secret, b"{}");
    let request = |body: &str| {
        Request::post(PATH)
            .header("X-Notion-Signature", &signature)
            .body(body)
    };
    assert_eq!(send(gate.http(), &request("{}")).status, 202);
    let refused = send(gate.http(), &request("{ }"));
    assert_eq!(
        (refused.status, refused.reason()),
        (401, "signature_mismatch")
    );
    let received = backend.only();
    assert_eq!(received.header("X-Portal-Auth-Mode"), "provider");
    assert_eq!(received.header("X-Notion-Signature"), signature);
}

#[test]
fn a_signed_digest_and_a_token_in_the_body_are_compared_with_the_whole_body() {
    let (secret, backend) = ("secret_from_the_provider", Backend::accepting());
    let netlify = gate("netlify", &backend);
    netlify
        .run_with_input(&["secret", "set", ID], secret.as_bytes())
        .succeeded();
    let netlify = netlify.start();
    let proof = netlify
        .run_with_input(&["sign", ID, "--headers-only", "--body", "-"], b"{}")
        .succeeded();
    let (name, token) = proof.trim_end().split_once(": ").unwrap();
    let judged = |body: &str| {
        let answer = send(
            netlify.http(),
            &Request::post(PATH).header(name, token).body(body),
        );
        (answer.status, answer.reason().to_owned())
    };
    assert_eq!(judged("{}").0, 202);
    assert_eq!(judged("{ }"), (401, "body_digest_mismatch".into()));
    assert_eq!(backend.received().len(), 1);

    let graph = gate("ms-graph", &backend);
    graph
        .run_with_input(&["secret", "set", ID], secret.as_bytes())
        .succeeded();
    let graph = graph.start();
    let judged = |states: [&str; 2]| {
        let items = states.map(|state| format!(r#"{{"clientState":"{state}"}}"#));
        let body = format!(r#"{{"value":[{}]}}"#, items.join(","));
        let answer = send(graph.http(), &Request::post(PATH).body(&body));
        (answer.status, answer.reason().to_owned())
    };
    assert_eq!(judged([secret, secret]).0, 202);
    assert_eq!(judged([secret, "guess"]), (401, "token_mismatch".into()));
    let nothing = send(graph.http(), &Request::post(PATH).body("{}"));
    assert_eq!(
        (nothing.status, nothing.reason().to_owned()),
        (401, "token_missing".into())
    );
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn sign_makes_what_every_provider_would_send() {
    let listed = Gate::before(&Backend::refusing()).run(&["presets", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.succeeded()).unwrap();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    let backend = Backend::accepting();
    let gate = names.iter().fold(Gate::before(&backend), |gate, name| {
        let options = ["--mode", "provider", "--preset", name];
        let setting: &[&str] = match *name {
            "jira-connect" => &[
                "--public-url",
                "https://app.example/base/hook",
                "--setting",
                "base_url=https://app.example/base",
            ],
            "paypal-pinned" => &["--setting", "webhook_id=WH-1"],
            _ => &[],
        };
        gate.endpoint_with(&format!("workflows/{name}"), &[&options, setting].concat())
    });
    let mut unsigned = Vec::new();
    let gate = gate.start();
    for name in &names {
        let id = format!("workflows/{name}");
        // Both as it is and in any encoding of a key.
        gate.run_with_input(&["secret", "set", &id], b"00112233445566778899aabbccddeeff")
            .succeeded();
        let now = jiff::Timestamp::now().as_millisecond();
        let body = match *name {
            "gitea-form" => "payload=%7B%7D".to_owned(),
            "linear" => format!(r#"{{"webhookTimestamp":{now}}}"#),
            _ => "{}".to_owned(),
        };
        let signed = gate.run_with_input(
            &["sign", &id, "--headers-only", "--body", "-"],
            body.as_bytes(),
        );
        if signed.code == Some(1) {
            unsigned.push(*name);
            continue;
        }
        let proof = signed.succeeded();
        let path = format!("/webhooks/ai/workflows/{name}");
        let mut request = Request::post(&path);
        for line in proof.lines() {
            let (header, value) = line.split_once(": ").unwrap();
            request = request.header(header, value);
        }
        let answer = send(gate.http(), &request.body(&body));
        assert_eq!(answer.status, 202, "{name}: {proof} {}", answer.reason());
    }
    // The signature is in the body, or only the provider has the key.
    let cannot = [
        "adyen-payments",
        "braintree",
        "discord",
        "mailgun",
        "mailgun-form",
        "ms-graph",
        "paypal-pinned",
        "plaid",
        "rfc9421-ecdsa",
        "rfc9421-ed25519",
        "rfc9421-rsa",
        "sendgrid",
        "standard-webhooks-v1a",
        "telnyx",
        "wix",
    ];
    assert_eq!(unsigned, cannot);
    assert_eq!(backend.received().len(), names.len() - cannot.len());
}

#[test]
fn a_preset_is_shown_as_it_stands_in_the_source() {
    let gate = Gate::before(&Backend::refusing());
    let told = gate.run(&["presets", "show", "pagerduty"]).succeeded();
    assert_eq!(
        told,
        include_str!("../../src/auth/presets/providers/pagerduty.toml").trim_end()
    );
    gate.run(&["presets", "show", "nope"]).failed_with(4);
    let told = gate.run(&["presets", "list"]).succeeded();
    assert!(
        told.contains("pagerduty") && told.contains(" presets"),
        "{told}"
    );
}

#[test]
fn a_preset_that_cannot_be_is_refused_with_the_way_to_find_one() {
    let gate = Gate::before(&Backend::refusing());
    let owner = ["--organisation", "acme", "--workspace", "main"];
    let create = |options: &[&str]| {
        let words = [&["endpoint", "create", ID][..], &owner, options].concat();
        gate.run(&words).failed_with(3)
    };
    for options in [
        &["--mode", "provider"][..],
        &["--mode", "provider", "--preset", "nope"],
        &["--mode", "provider", "--preset", "bearer"],
    ] {
        let told = create(options);
        assert!(told.contains("presets list"), "{options:?}: {told}");
    }
    let told = create(&["--mode", "hmac", "--preset", "notion"]);
    assert!(told.contains("takes no preset"), "{told}");
    let told = create(&[
        "--mode", "provider", "--preset", "notion", "--method", "PUT",
    ]);
    assert!(told.contains("`POST` only"), "{told}");
}

#[test]
fn a_secret_in_the_wrong_encoding_admits_nobody_and_the_log_says_why() {
    let gate = gate("adyen-platform", &Backend::refusing());
    gate.run_with_input(&["secret", "set", ID], b"this is no hex")
        .succeeded();
    let gate = gate.start();
    let request = Request::post(PATH)
        .header(
            "HmacSignature",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )
        .body("{}");
    let answer = send(gate.http(), &request);
    assert_eq!((answer.status, answer.reason()), (401, "secret_unbound"));
    let cause = gate.log(1)[0]["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("encoding"), "{cause}");
}

#[test]
fn a_declaration_names_a_preset_too_and_another_mode_drops_it() {
    let gate = Gate::before(&Backend::refusing()).apply(
        "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n\
         auth = { mode = \"provider\", preset = \"circleci\" }\n",
    );
    let auth = || {
        let shown = gate.run(&["endpoint", "show", ID, "--json"]).succeeded();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["auth"].clone()
    };
    assert_eq!(
        auth(),
        serde_json::json!({"mode": "provider", "preset": "circleci"})
    );
    gate.run(&["endpoint", "update", ID, "--mode", "hmac"])
        .succeeded();
    assert_eq!(auth(), serde_json::json!({"mode": "hmac"}));
}

#[test]
fn a_genuine_delivery_that_is_too_old_is_refused_for_that() {
    let backend = Backend::accepting();
    let gate = gate("slack", &backend);
    gate.run_with_input(&["secret", "set", ID], b"8f742231b10e8888abcd99yyyzzz85a5")
        .succeeded();
    let gate = gate.start();
    // https://docs.slack.dev/authentication/verifying-requests-from-slack/
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=\
        G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&\
        text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
        96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let request = Request::post(PATH)
        .header("X-Slack-Request-Timestamp", "1531420618")
        .header(
            "X-Slack-Signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        )
        .body(body);
    let answer = send(gate.http(), &request);
    assert_eq!((answer.status, answer.reason()), (401, "timestamp_stale"));
    backend.was_not_contacted();
}
