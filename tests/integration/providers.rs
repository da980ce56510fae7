//! Endpoints that are proven as a provider signs, by the name of its preset.

use portcullis::auth::Preset;

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
            "aws-sns" | "aws-sns-sha1" => &[
                "--setting",
                "topic_arn=arn:aws:sns:us-east-1:123456789012:a",
            ],
            _ => &[],
        };
        gate.endpoint_with(&format!("workflows/{name}"), &[&options, setting].concat())
    });
    let mut unsigned = Vec::new();
    let gate = gate.start();
    for name in &names {
        let id = format!("workflows/{name}");
        // Both as it is and in any encoding of a key.
        let secret: &[u8] = match *name {
            "postmark" => b"user:00112233445566778899aabbccddeeff",
            "adyen-payments" | "adyen-platform" => {
                b"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
            }
            _ => b"00112233445566778899aabbccddeeff",
        };
        if !name.starts_with("aws-sns") {
            let set = gate.run_with_input(&["secret", "set", &id], secret);
            // It is no public key, and nothing else will do there.
            let preset = portcullis::auth::Preset::named(name).unwrap();
            if preset.scheme.algorithm().is_public_key() {
                let output = set.failed_with(1);
                assert!(output.contains("cannot use it"), "{name}: {output}");
            } else {
                set.succeeded();
            }
        }
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
        if name.starts_with("twilio") || ["gitea-form", "plivo-v3"].contains(name) {
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
        }
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
        "aws-sns",
        "aws-sns-sha1",
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
fn a_provider_with_a_public_key_gets_no_secret_until_its_key_is_set() {
    let backend = Backend::accepting();
    let gate = gate("sendgrid", &backend);
    gate.run(&["secret", "reveal", ID]).failed_with(4);
    // https://github.com/sendgrid/sendgrid-python/blob/main/test/unit/test_eventwebhook.py
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3\
               GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    gate.run_with_input(&["secret", "set", ID], key.as_bytes())
        .succeeded();
    let gate = gate.start();
    let request = Request::post(PATH)
        .header(
            "X-Twilio-Email-Event-Webhook-Signature",
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        )
        .header("X-Twilio-Email-Event-Webhook-Timestamp", "1600112502")
        .body(
            "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\
             \"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\
             \"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\
             \"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\
             \"timestamp\":1600112492}]\r\n",
        );
    // Genuine, and from 2020.
    let answer = send(gate.http(), &request);
    assert_eq!((answer.status, answer.reason()), (401, "timestamp_stale"));
    backend.was_not_contacted();
}

#[test]
fn a_public_key_does_not_become_a_shared_secret() {
    let gate = gate("discord", &Backend::refusing());
    gate.run_with_input(&["secret", "set", ID], "ab".repeat(32).as_bytes())
        .succeeded();
    let update = |options: &[&str]| {
        let words = [&["endpoint", "update", ID], options].concat();
        gate.run(&words)
    };
    let output = update(&["--mode", "hmac"]).failed_with(1);
    assert!(output.contains("which everybody has"), "{output}");
    update(&["--mode", "provider", "--preset", "telnyx"]).succeeded();
    update(&["--mode", "hmac", "--secret", "workflows/pr-bot#shared"]).succeeded();
}

#[test]
fn a_refusal_has_no_body_where_the_sender_needs_that() {
    let gate = gate("xero", &Backend::refusing());
    gate.run_with_input(&["secret", "set", ID], b"nR0bLWjH5XtGv2YqKeD8sZ")
        .succeeded();
    let gate = gate.start();
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let request = Request::post(PATH).header("x-xero-signature", zeros);
    let answer = send(gate.http(), &request.body("{}"));
    assert_eq!((answer.status, answer.text()), (401, ""));
    assert_eq!(answer.reason(), "signature_mismatch");
}

#[test]
fn the_public_url_is_the_portals_own_unless_the_endpoint_says_another() {
    let backend = Backend::accepting();
    let gate = gate("square", &backend).with("public", "url = \"https://portal.example.com\"");
    gate.run_with_input(&["secret", "set", ID, "--force"], b"asdf1234")
        .succeeded();
    let gate = gate.start();
    let signed = |url: &str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"asdf1234");
        let code = ring::hmac::sign(&key, format!("{url}{{}}").as_bytes());
        let code = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, code);
        Request::post(&format!("{PATH}?from=a+b"))
            .header("x-square-hmacsha256-signature", &code)
            .body("{}")
    };
    let own = signed(&format!("https://portal.example.com{PATH}?from=a+b"));
    let other = signed("https://old.example.com/square?from=a+b");
    assert_eq!(send(gate.http(), &own).status, 202);
    assert_eq!(send(gate.http(), &other).status, 401);
    gate.run(&[
        "endpoint",
        "update",
        ID,
        "--public-url",
        "https://old.example.com/square",
    ])
    .succeeded();
    gate.catch_up();
    assert_eq!(send(gate.http(), &other).status, 202);
    assert_eq!(send(gate.http(), &own).status, 401);
    gate.run(&["endpoint", "update", ID, "--public-url", "old.example.com"])
        .failed_with(3);
}

#[test]
fn a_scheme_in_an_endpoints_own_words_is_judged_by_them() {
    let backend = Backend::accepting();
    // In both spellings: flows write `signature-header`.
    let gate = Gate::before(&backend)
        .apply(
            "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n\
             [endpoints.auth]\nmode = \"signature\"\nalgorithm = \"hmac-sha256\"\n\
             signature-header = \"X-Signature\"\nsigned_message = \"payload\"\n\
             signature-format = \"hex\"\nsignature-prefix = \"sha256=\"\n",
        )
        .start();
    let secret = gate.secret(ID);
    let signature = github_signature(&secret, b"{}");
    let request = |body: &str| {
        let request = Request::post(PATH).header("X-Signature", &signature);
        send(gate.http(), &request.body(body))
    };
    assert_eq!(request("{}").status, 202);
    assert_eq!(request("{ }").reason(), "signature_mismatch");
    assert_eq!(backend.only().header("X-Portal-Auth-Mode"), "signature");
}

#[test]
fn a_header_that_is_known_for_its_form_is_read_in_it() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(
            ID,
            &["--mode", "hmac-sha256", "--header", "Stripe-Signature"],
        )
        .start();
    let secret = gate.secret(ID);
    let at = jiff::Timestamp::now().as_second();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let signed = |at: i64| {
        let code = ring::hmac::sign(&key, format!("{at}.{{}}").as_bytes());
        let value = format!("t={at},v0=00,v1={}", hex::encode(code));
        let request = Request::post(PATH).header("Stripe-Signature", &value);
        send(gate.http(), &request.body("{}"))
    };
    assert_eq!(signed(at).status, 202);
    assert_eq!(signed(at - 400).reason(), "timestamp_stale");
}

#[test]
fn every_mistake_in_an_endpoints_words_is_told_with_its_place() {
    let gate = Gate::before(&Backend::refusing());
    let file = gate.file(
        "endpoints.toml",
        "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n\
         [endpoints.auth]\nmode = \"signature\"\nalgorithm = \"md5\"\n\
         signature-header = \"X Y\"\nsigned_message = \"{when}\"\ncolour = \"red\"\n",
    );
    let output = gate
        .run(&["apply", "-f", file.to_str().unwrap()])
        .failed_with(3);
    for (place, word) in [
        (":7:", "hmac-sha256"),
        (":8:", "X Y"),
        (":9:", "{ts}"),
        (":10:", "colour"),
    ] {
        let found = output
            .lines()
            .any(|line| line.contains(place) && line.contains(word));
        assert!(found, "{place} {word} is not in\n{output}");
    }
}

#[test]
fn a_preset_is_shown_as_it_stands_in_the_source_with_what_follows_from_it() {
    let gate = Gate::before(&Backend::refusing());
    let output = gate.run(&["presets", "show", "pagerduty"]).succeeded();
    let source = include_str!("../../src/auth/presets/providers/pagerduty.toml");
    assert!(
        output.ends_with(&format!("\n\n{}", source.trim_end())),
        "{output}"
    );
    gate.run(&["presets", "show", "nope"]).failed_with(4);
    let output = gate.run(&["presets", "list"]).succeeded();
    assert!(
        output.contains("pagerduty") && output.contains(" presets"),
        "{output}"
    );
}

#[test]
fn every_preset_shows_its_window_retries_recipient_and_coverage() {
    let gate = Gate::before(&Backend::refusing());
    for preset in Preset::all() {
        let output = gate.run(&["presets", "show", preset.name]).succeeded();
        for fact in ["covers", "window", "retries", "duplicates", "recipient"] {
            let mut lines = output.lines().take_while(|line| !line.is_empty());
            let line = lines.find_map(|line| line.strip_prefix(fact));
            let value = line.unwrap_or_default().trim();
            assert!(
                !value.is_empty(),
                "{} shows no {fact}: {output}",
                preset.name
            );
        }
    }
    for (name, line) in [
        ("stripe", "window      5m"),
        ("mux", "recipient   key"),
        ("mailgun", "window      9h (5m ahead)"),
        ("github", "window      none: no time is signed"),
        ("github", "duplicates  forward by default"),
        ("monday", "window      until the expiry in the token"),
        ("square", "recipient   key, url"),
        (
            "adyen-payments",
            "covers      fields; JSON values are signed as text: 1 and \"1\" have the same signature, and so do an \
             absent value, null and \"\" where the value is optional",
        ),
        (
            "twilio",
            "covers      fields; the signature does not cover the ends of the query and of the form fields, the order \
             of the fields, or repetitions",
        ),
        ("paypal-pinned", "recipient   setting webhook_id"),
        ("rfc9421-ed25519", "recipient   url"),
        (
            "plaid",
            "recipient   NOT BOUND; no account: item_id names a login at a bank, not the Plaid account that the \
             webhook is for.",
        ),
        (
            "sentry",
            "recipient   app key; bind with account, named at json:/installation/uuid \
             (https://docs.sentry.io/integrations/integration-platform/webhooks/installation/)",
        ),
    ] {
        let output = gate.run(&["presets", "show", name]).succeeded();
        assert!(output.lines().any(|it| it == line), "{name}: {output}");
    }
    let listed = gate.run(&["presets", "list"]).succeeded();
    let plaid = listed.lines().find(|line| line.starts_with("plaid "));
    assert!(plaid.unwrap().contains("NOT BOUND"), "{listed}");
    let listed = gate.run(&["presets", "list", "--json"]).succeeded();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    for row in listed.as_array().unwrap() {
        for key in ["window", "retries", "duplicates", "recipient", "covers"] {
            assert!(row[key].as_str().is_some_and(|it| !it.is_empty()), "{row}");
        }
    }
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
        let output = create(options);
        assert!(output.contains("presets list"), "{options:?}: {output}");
    }
    let output = create(&["--mode", "hmac", "--preset", "notion"]);
    assert!(output.contains("takes no preset"), "{output}");
    let output = create(&[
        "--mode", "provider", "--preset", "notion", "--method", "PUT",
    ]);
    assert!(output.contains("only `POST` can be used"), "{output}");
}

#[test]
fn a_secret_in_the_wrong_encoding_admits_nobody_and_the_log_says_why() {
    // Where it was right once, and the endpoint has changed.
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    gate.run_with_input(&["secret", "set", ID], b"this is no hex")
        .succeeded();
    let adyen = ["--mode", "provider", "--preset", "adyen-platform"];
    gate.run(&[&["endpoint", "update", ID], &adyen[..]].concat())
        .succeeded();
    for value in ["this is no hex", "x1q"] {
        for force in [&[][..], &["--force"]] {
            let words = [&["secret", "set", ID], force].concat();
            let output = gate.run_with_input(&words, value.as_bytes()).failed_with(1);
            assert!(output.contains("not in the encoding"), "{output}");
        }
    }
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
    gate.run_with_input(
        &["secret", "set", ID, "--force"],
        b"8f742231b10e8888abcd99yyyzzz85a5",
    )
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

#[test]
fn what_was_signed_once_is_not_admitted_with_other_values() {
    let backend = Backend::accepting();
    let gate = gate("svix", &backend);
    let square = "workflows/square";
    let gate = gate.endpoint_with(square, &["--mode", "provider", "--preset", "square"]);
    let form = "workflows/form";
    let gate = gate.endpoint_with(form, &["--mode", "provider", "--preset", "gitea-form"]);
    let gate = gate.with("public", "url = \"https://portal.example.com\"");
    gate.run_with_input(
        &["secret", "set", ID],
        b"whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
    )
    .succeeded();
    for id in [square, form] {
        gate.run_with_input(&["secret", "set", id], b"a secret of the provider")
            .succeeded();
    }
    let gate = gate.start();
    let judge = |request: &Request| {
        let answer = send(gate.http(), request);
        (answer.status, answer.reason().to_owned())
    };
    let malformed = (401, "signature_malformed".to_owned());

    // An hour ago this was delivered; now its time is part of the id.
    let now = jiff::Timestamp::now().as_second();
    let old = now - 3600;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secretsecretsecretsecret");
    let code = ring::hmac::sign(&key, format!("msg_1.{old}.{now}.{{}}").as_bytes());
    let code = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, code);
    let moved = Request::post(PATH)
        .header("svix-id", &format!("msg_1.{old}"))
        .header("svix-timestamp", &now.to_string())
        .header("svix-signature", &format!("v1,{code}"))
        .body("{}");
    assert_eq!(judge(&moved), malformed);

    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a secret of the provider");
    let path = "/webhooks/ai/workflows/square";
    let signed = format!("https://portal.example.com{path}?a=b&c={{}}");
    let code = ring::hmac::sign(&key, signed.as_bytes());
    let code = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, code);
    let cut = |query: &str, body: &str| {
        Request::post(&format!("{path}{query}"))
            .header("x-square-hmacsha256-signature", &code)
            .body(body)
    };
    assert_eq!(judge(&cut("?a=b", "&c={}")), malformed);
    assert_eq!(judge(&cut("?a=b&c={", "}")), malformed);
    assert_eq!(judge(&cut("?a=b&c=", "{}")).0, 202);

    let code = hex::encode(ring::hmac::sign(&key, b"{}"));
    let sent = |body: &str| {
        Request::post("/webhooks/ai/workflows/form")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("X-Gitea-Signature", &code)
            .body(body)
    };
    for more in ["payload[]=x", "Payload=x", "+payload=x", "payload%00=x"] {
        assert_eq!(
            judge(&sent(&format!("payload=%7B%7D&{more}"))),
            malformed,
            "{more}"
        );
    }
    assert_eq!(judge(&sent("payload=%7B%7D&other=x")).0, 202);
    assert_eq!(backend.received().len(), 2);
}

/// A delivery of the Slack workspace `team`, as every installation of the app has it signed.
fn of_team(path: &str, team: &str, event: &str) -> Request {
    let body = format!(r#"{{"type":"event_callback","team_id":"{team}","event_id":"{event}"}}"#);
    slack_signed(path, &body)
}

fn slack_signed(path: &str, body: &str) -> Request {
    let at = jiff::Timestamp::now().as_second();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, APP_SECRET);
    let code = ring::hmac::sign(&key, format!("v0:{at}:{body}").as_bytes());
    Request::post(path)
        .header("Content-Type", "application/json")
        .header("X-Slack-Request-Timestamp", &at.to_string())
        .header("X-Slack-Signature", &format!("v0={}", hex::encode(code)))
        .body(body)
}

#[test]
fn a_delivery_of_another_tenant_is_refused_where_an_endpoint_names_its_account() {
    let backend = Backend::accepting();
    let slack = [
        "--mode",
        "provider",
        "--preset",
        "slack",
        "--handshake",
        "slack",
    ];
    let (a, b) = ("workflows/tenant-a", "workflows/tenant-b");
    let gate = Gate::before(&backend)
        .endpoint_with(a, &slack)
        .endpoint_with(b, &slack);
    for id in [a, b] {
        gate.run_with_input(&["secret", "set", id], APP_SECRET)
            .succeeded();
    }
    let gate = gate.start();
    let path = "/webhooks/ai/workflows/tenant-b";
    let judged = |request: &Request| {
        let answer = send(gate.http(), request);
        (answer.status, answer.reason().to_owned())
    };
    // One key for all: without an account nothing tells the tenants apart.
    assert_eq!(judged(&of_team(path, "TAAA", "Ev1")).0, 202);

    gate.run(&["endpoint", "update", b, "--setting", "account=TBBB"])
        .succeeded();
    gate.catch_up();
    let refused = (401, "account_mismatch".to_owned());
    assert_eq!(judged(&of_team(path, "TAAA", "Ev2")), refused);
    assert_eq!(
        judged(&slack_signed(path, r#"{"type":"event_callback"}"#)),
        refused
    );
    assert_eq!(judged(&of_team(path, "TBBB", "Ev3")).0, 202);
    assert_eq!(backend.received().len(), 2);
    // The handshake is about the app and names no team.
    let asks = r#"{"type":"url_verification","challenge":"c-1"}"#;
    assert_eq!(send(gate.http(), &slack_signed(path, asks)).text(), "c-1");
    let shown = gate.run(&["endpoint", "show", b]).succeeded();
    assert!(
        shown.contains("account       TBBB (json:/team_id"),
        "{shown}"
    );
    gate.run(&[
        "endpoint",
        "test",
        b,
        "--url",
        &format!("http://{}{path}", gate.http()),
    ])
    .succeeded();

    let body = r#"{"team_id":"TAAA"}"#;
    let at = jiff::Timestamp::now().as_second();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, APP_SECRET);
    let code = hex::encode(ring::hmac::sign(&key, format!("v0:{at}:{body}").as_bytes()));
    let capture = format!(
        "POST {path} HTTP/1.1\r\nX-Slack-Request-Timestamp: {at}\r\nX-Slack-Signature: v0={code}\r\n\r\n{body}"
    );
    let file = gate.file("capture", capture);
    let output = gate.run(&["explain", file.to_str().unwrap()]).stdout;
    let says = "this delivery is for account TAAA; the endpoint is for TBBB";
    assert!(output.contains(says), "{output}");

    gate.run(&["endpoint", "update", b, "--clear", "account"])
        .succeeded();
    gate.catch_up();
    assert_eq!(judged(&of_team(path, "TAAA", "Ev4")).0, 202);
}

const APP_SECRET: &[u8] = b"c2b1e0d94a7f4f6f8e3d5b7a90c1d2e3";
