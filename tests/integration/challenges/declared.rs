//! How people ask for a handshake, and what they are told if it cannot be.

use super::*;

const OWNER: [&str; 4] = ["--organisation", "acme", "--workspace", "main"];

fn create(gate: &Gate, id: &str, options: &[&str]) -> CommandOutput {
    gate.run(&[&["endpoint", "create", id], &OWNER[..], options].concat())
}

#[test]
fn an_endpoint_asks_for_a_handshake_on_the_command_line() {
    let gate = Gate::before(&Backend::refusing());
    let shown = create(&gate, ID, &["--mode", "hmac", "--handshake", "meta"]).succeeded();
    assert!(shown.contains("handshake     meta"), "{shown}");
    let output = gate.run(&["endpoint", "update", ID, "--handshake", "dropbox", "--json"]);
    let output: serde_json::Value = serde_json::from_str(&output.succeeded()).unwrap();
    assert_eq!(output["changed"], serde_json::json!(["handshake"]));
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(shown.contains("handshake     dropbox") && !shown.contains("verify token"));
    gate.run(&["endpoint", "update", ID, "--clear", "handshake"])
        .succeeded();
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(!shown.contains("handshake"), "{shown}");
}

#[test]
fn a_declaration_asks_for_one_too_and_its_verify_token_is_made_with_it() {
    let gate = Gate::before(&Backend::refusing());
    let file = gate.file(
        "endpoints.toml",
        "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n\
         auth = { mode = \"hmac\" }\nhandshake = \"meta\"\n",
    );
    let apply = ["apply", "-f", file.to_str().unwrap()];
    let output = gate.run(&apply).succeeded();
    assert_eq!(
        output,
        "+ workflows/pr-bot: create, secret workflows/pr-bot#webhook created, \
         verify token workflows/pr-bot#handshake created"
    );
    assert_eq!(
        gate.run(&apply).succeeded(),
        "= workflows/pr-bot: unchanged"
    );
    let shown = gate.run(&["endpoint", "show", ID, "--json"]).succeeded();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["handshake"], "meta");
    assert_eq!(shown["verify_token"], "workflows/pr-bot#handshake");
    assert_eq!(shown["verify_token_bound"], true);
    let token = gate.secret("workflows/pr-bot#handshake");
    assert_eq!(token.len(), 64);
    assert!(!shown.to_string().contains(&token));
    // It ends with the endpoint.
    let output = gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    assert!(
        output.contains("workflows/pr-bot#handshake retired"),
        "{output}"
    );
}

#[test]
fn a_handshake_that_cannot_be_is_a_mistake_with_its_key_and_place() {
    let gate = Gate::before(&Backend::refusing());
    let wrong = |auth: &str, handshake: &str, expected: &[&str]| {
        let text = format!(
            "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n\
             {auth}\nhandshake = \"{handshake}\"\n"
        );
        let file = gate.file("endpoints.toml", text);
        let output = gate
            .run(&["apply", "-f", file.to_str().unwrap()])
            .failed_with(3);
        assert!(
            output.contains("endpoints.toml:6:14: endpoints[workflows/pr-bot].handshake: "),
            "{output}"
        );
        for part in expected {
            assert!(output.contains(part), "{part} is not in {output}");
        }
    };
    let hmac = "auth = { mode = \"hmac\" }";
    let secret = "auth = { mode = \"secret\" }";
    wrong(
        hmac,
        "nope",
        &[
            "`nope` is not a known challenge: use `asana`, `aws-sns`",
            "`zoom`",
        ],
    );
    wrong(hmac, "Slack", &["is not a known challenge"]);
    wrong(hmac, "aws-sns", &["choose that provider's preset"]);
    for signed in ["slack", "zoom", "twitch", "discord", "asana"] {
        wrong(secret, signed, &[signed, "must be signed"]);
        wrong("", signed, &["must be signed"]);
    }
    for signs in ["x", "linkedin"] {
        wrong(secret, signs, &["HMAC-SHA256"]);
        let sha1 = "auth = { mode = \"provider\", preset = \"github-sha1\" }";
        wrong(sha1, signs, &["HMAC-SHA256"]);
    }
    let in_the_open = "auth = { mode = \"hmac\", secret = \"workflows/pr-bot#handshake\" }";
    wrong(in_the_open, "meta", &["verify token", "in plain text"]);

    let output = create(&gate, ID, &["--mode", "secret", "--handshake", "slack"]).failed_with(3);
    assert!(
        output.contains("workflows/pr-bot: handshake: `slack`"),
        "{output}"
    );
    let output = create(&gate, ID, &["--handshake", "nope"]).failed_with(3);
    assert!(
        output.contains("`nope` is not a known challenge"),
        "{output}"
    );
}

#[test]
fn echoes_go_with_every_mode() {
    for name in [
        "dropbox",
        "nylas",
        "okta",
        "microsoft-graph",
        "monday",
        "meta",
        "strava",
    ] {
        for mode in ["secret", "hmac", "bearer", "api-key"] {
            let gate = Gate::before(&Backend::refusing());
            create(&gate, ID, &["--mode", mode, "--handshake", name]).succeeded();
        }
    }
}

#[test]
fn a_secret_with_which_strangers_texts_are_signed_is_not_shared_with_who_does_not_know_it() {
    let gate = Gate::before(&Backend::refusing());
    let shared = ["--mode", "hmac", "--secret", "workflows/app#webhook"];
    let with = |handshake| [&shared[..], &["--handshake", handshake]].concat();
    create(&gate, "workflows/one", &with("x")).succeeded();
    create(&gate, "workflows/two", &with("x")).succeeded();
    for options in [shared.to_vec(), with("dropbox"), with("linkedin")] {
        let output = create(&gate, "workflows/three", &options).failed_with(1);
        assert!(
            output.contains("signs text of unauthenticated senders"),
            "{output}"
        );
    }
    let output = gate.run(&[
        "endpoint",
        "update",
        "workflows/two",
        "--clear",
        "handshake",
    ]);
    assert!(output.failed_with(1).contains("workflows/one"));

    // In one file both may change, and they may not differ.
    let file = |first: &str, second: &str| {
        let one = |id: &str, handshake: &str| {
            format!(
                "[[endpoints]]\nid = \"workflows/{id}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
                 auth = {{ mode = \"hmac\", secret = \"workflows/app#webhook\" }}\n{handshake}\n"
            )
        };
        gate.file("endpoints.toml", one("one", first) + &one("two", second))
    };
    let path = file("handshake = \"x\"", "");
    gate.run(&["apply", "-f", path.to_str().unwrap()])
        .failed_with(1);
    let path = file("", "");
    gate.run(&["apply", "-f", path.to_str().unwrap()])
        .succeeded();
    let path = file("handshake = \"zoom\"", "handshake = \"zoom\"");
    gate.run(&["apply", "-f", path.to_str().unwrap()])
        .succeeded();
}

#[test]
fn a_verify_token_is_nobodys_secret() {
    let gate = Gate::before(&Backend::refusing());
    create(&gate, ID, &["--mode", "hmac", "--handshake", "meta"]).succeeded();
    let options = ["--mode", "hmac", "--secret", "workflows/pr-bot#handshake"];
    let output = create(&gate, "workflows/other", &options).failed_with(1);
    assert!(output.contains("in a URL"), "{output}");
    let gate = Gate::before(&Backend::refusing());
    create(&gate, "workflows/other", &options).succeeded();
    let output = create(&gate, ID, &["--mode", "hmac", "--handshake", "meta"]).failed_with(1);
    assert!(output.contains("in a URL"), "{output}");
}

#[test]
fn the_handshakes_are_listed_and_shown_as_they_stand_in_the_source() {
    let gate = Gate::before(&Backend::refusing());
    let listed = gate.run(&["handshakes", "list", "--json"]).succeeded();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    for name in [
        "asana",
        "discord",
        "dropbox",
        "linkedin",
        "meta",
        "microsoft-graph",
        "monday",
        "nylas",
        "okta",
        "slack",
        "strava",
        "twitch",
        "x",
        "zoom",
    ] {
        assert!(names.contains(&name), "{name}");
        let output = gate.run(&["handshakes", "show", name]).succeeded();
        let path = format!(
            "{}/src/challenge/presets/{name}.toml",
            env!("CARGO_MANIFEST_DIR")
        );
        assert_eq!(output, std::fs::read_to_string(path).unwrap().trim_end());
    }
    gate.run(&["handshakes", "show", "nope"]).failed_with(4);
    assert!(
        gate.run(&["handshakes", "list"])
            .succeeded()
            .contains("Slack")
    );
}
