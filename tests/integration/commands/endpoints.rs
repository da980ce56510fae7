//! `endpoint`: create, change, delete, and what is refused.

use super::*;

fn create(gate: &Gate, id: &str, options: &[&str]) -> CommandOutput {
    let mut words = vec![
        "endpoint",
        "create",
        id,
        "--organisation",
        "acme",
        "--workspace",
        "main",
    ];
    words.extend(options);
    gate.run(&words)
}

#[test]
fn a_new_endpoint_asks_for_its_own_secret_and_says_where_senders_go() {
    let gate =
        Gate::before(&Backend::refusing()).with("public", "url = \"https://portal.example.com\"");
    let output = create(&gate, ID, &[]).succeeded();
    assert!(
        output.contains(&format!("https://portal.example.com{PATH}")),
        "{output}"
    );
    assert!(
        output.contains("workflows/pr-bot#webhook (bound since 2"),
        "{output}"
    );
    let secret = gate.secret(ID);
    // 256 bits.
    assert_eq!(secret.len(), 64);
    assert!(!output.contains(&secret));

    create(&gate, "workflows/other", &[]).succeeded();
    assert_ne!(gate.secret("workflows/other"), secret);
}

#[test]
fn every_kind_of_endpoint_has_its_public_url() {
    let gate = Gate::before(&Backend::refusing()).with("public", "url = \"https://p.example\"");
    for (id, target, path) in [
        ("workflows/w", "live", "/webhooks/ai/workflows/w"),
        (
            "flows/orders/draft/hook",
            "draft",
            "/api/flows/orders/interfaces/draft/hook",
        ),
        (
            "flows/orders/live/hook",
            "live",
            "/api/flows/orders/interfaces/live/hook",
        ),
        (
            "installations/i1/orders/hook",
            "installation",
            "/api/flows/orders/installations/i1/interfaces/hook",
        ),
    ] {
        create(&gate, id, &[]).succeeded();
        let shown = json(&gate, &["endpoint", "show", id]);
        assert_eq!(shown["url"], format!("https://p.example{path}"));
        assert_eq!(shown["target"], target);
    }
    create(&gate, "legacy/orders", &["--alias", "/hooks/orders"]).succeeded();
    let shown = json(&gate, &["endpoint", "show", "legacy/orders"]);
    assert_eq!(shown["url"], "https://p.example/hooks/orders");
}

#[test]
fn what_is_wrong_with_an_endpoint_is_told_all_at_once_and_nothing_is_kept() {
    let gate = Gate::before(&Backend::refusing());
    for (id, options, complaints) in [
        (
            ID,
            &["--upstream", "nope"][..],
            &["upstream: no upstream `nope` is configured: use `default`"][..],
        ),
        (
            ID,
            &["--mode", "none"],
            &[
                "auth: mode `none` accepts every delivery without a proof",
                "allow_unauthenticated = true",
            ],
        ),
        (
            ID,
            &["--mode", "hmac", "--header", "X-Key"],
            &["auth.header: mode `hmac` has its own header"],
        ),
        (
            ID,
            &["--mode", "api-key", "--header", "X Key"],
            &["auth.header: `X Key` is not a header name"],
        ),
        (
            ID,
            &["--mode", "hmac", "--method", "PUT"],
            &["methods: mode `hmac` signs a body"],
        ),
        (
            ID,
            &["--method", "post"],
            &["methods: `post` is not a supported method"],
        ),
        (
            ID,
            &["--alias", "hooks"],
            &["aliases: `hooks`: an alias must be a path"],
        ),
        (ID, &["--alias", "/a/../b"], &["aliases: `/a/../b`"]),
        (ID, &["--alias", PATH], &["a route has that path already"]),
        (ID, &["--path", "/x/{nope}"], &["path: no route of"]),
        (
            "unknown/shape",
            &[],
            &["id: no route leads to `unknown/shape`"],
        ),
        (
            "unknown/shape",
            &[
                "--upstream",
                "nope",
                "--mode",
                "none",
                "--method",
                "BREW",
                "--alias",
                "x",
            ],
            &["upstream: ", "auth: ", "methods: `BREW`", "aliases: `x`"],
        ),
    ] {
        let output = create(&gate, id, options).failed_with(3);
        assert!(output.contains(id), "{output}");
        for complaint in complaints {
            assert!(
                output.contains(complaint),
                "{complaint} is not in\n{output}"
            );
        }
    }
    assert_eq!(json(&gate, &["endpoint", "list"]), serde_json::json!([]));
    assert_eq!(audited(&gate), []);
}

#[test]
fn words_that_cannot_be_are_wrong_on_the_command_line() {
    let gate = Gate::before(&Backend::refusing());
    for id in [
        "", "/", "a//b", "a/", "../x", "a/.b", "a b", "a/%2e", "a#b", "ä",
    ] {
        create(&gate, id, &[]).failed_with(2);
    }
    for options in [
        &["--mode", "basic"][..],
        &["--organisation", "other"],
        &["--max-body", "much"],
        &["--path", "no-slash"],
        &["--secret", "no-slot", "--mode", "hmac"],
        &["--forward-credentials", "perhaps"],
        &["--label", "=x"],
    ] {
        create(&gate, ID, options).failed_with(2);
    }
    let no_owner = ["endpoint", "create", ID];
    assert!(
        gate.run(&no_owner)
            .failed_with(2)
            .contains("--organisation")
    );
    for owner in ["", "a b", "a\nb", "ä"] {
        let words = [
            &no_owner[..],
            &["--workspace", "main", "--organisation", owner],
        ]
        .concat();
        gate.run(&words).failed_with(2);
    }
}

#[test]
fn an_endpoint_is_created_once() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let secret = gate.secret(ID);
    let output = create(&gate, ID, &["--mode", "bearer"]).failed_with(1);
    assert!(
        output.contains("endpoint `workflows/pr-bot` already exists"),
        "{output}"
    );
    assert_eq!(
        json(&gate, &["endpoint", "show", ID])["auth"]["mode"],
        "hmac"
    );
    assert_eq!(gate.secret(ID), secret);
}

#[test]
fn an_alias_that_another_endpoint_has_is_refused_and_nothing_is_kept() {
    let gate = Gate::before(&Backend::refusing()).endpoint_with(ID, &["--alias", "/hooks/orders"]);
    let before = audited(&gate);
    let output = create(&gate, "workflows/other", &["--alias", "/hooks/orders"]);
    assert_ne!(output.code, Some(0));
    assert!(output.stderr.contains("/hooks/orders"), "{output:?}");
    gate.run(&["endpoint", "show", "workflows/other"])
        .failed_with(4);
    assert_eq!(audited(&gate), before, "not even a secret");
}

#[test]
fn update_changes_what_is_given_and_leaves_the_rest() {
    let gate = Gate::before(&Backend::refusing())
        .with("upstreams.other", "addresses = [\"127.0.0.1:1\"]")
        .endpoint_with(
            ID,
            &[
                "--mode",
                "api-key",
                "--header",
                "X-Key",
                "--secret",
                "shared#token",
                "--label",
                "team=pay",
                "--alias",
                "/hooks/a",
                "--upstream",
                "default",
            ],
        );
    let show = || json(&gate, &["endpoint", "show", ID]);
    let mut expected = show();
    let steps = [
        (
            &["--label", "env=prod"][..],
            "/labels/env",
            serde_json::json!("prod"),
        ),
        (
            &["--upstream", "other"],
            "/upstream",
            serde_json::json!("other"),
        ),
        (
            &["--event-name", "ping"],
            "/event_name",
            serde_json::json!("ping"),
        ),
        (
            &["--max-body", "1MiB"],
            "/limits/max_body_bytes",
            serde_json::json!(1_048_576),
        ),
    ];
    for (options, pointer, value) in steps {
        let words = [&["endpoint", "update", ID][..], options].concat();
        let output = gate.run(&words).succeeded();
        let key = pointer.split('/').nth(1).unwrap();
        assert_eq!(output.trim_end(), format!("~ {ID}: update ({key})"));
        let shown = show();
        assert_eq!(shown.pointer(pointer), Some(&value));
        let parent = pointer.split('/').nth(1).unwrap().to_owned();
        expected[&parent] = shown[&parent].clone();
        assert_eq!(shown, expected);
    }
    let output = gate
        .run(&["endpoint", "update", ID, "--upstream", "other"])
        .succeeded();
    assert_eq!(output.trim_end(), format!("= {ID}: unchanged"));
    assert_eq!(
        audited(&gate).len(),
        2 + 4,
        "what changes nothing is no change"
    );
}

#[test]
fn another_mode_keeps_the_secret_that_was_chosen() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with(ID, &["--mode", "bearer", "--secret", "shared#token"]);
    gate.run(&["endpoint", "update", ID, "--mode", "hmac"])
        .succeeded();
    let shown = json(&gate, &["endpoint", "show", ID]);
    assert_eq!(shown["auth"]["mode"], "hmac");
    assert_eq!(shown["secret"], "shared#token");
}

#[test]
fn a_header_that_another_mode_has_no_use_for_is_dropped() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with(ID, &["--mode", "api-key", "--header", "X-Shop-Key"]);
    let auth = || json(&gate, &["endpoint", "show", ID])["auth"].clone();
    assert_eq!(auth()["header"], "X-Shop-Key");
    gate.run(&["endpoint", "update", ID, "--mode", "hmac"])
        .succeeded();
    assert_eq!(auth(), serde_json::json!({"mode": "hmac"}));
}

#[test]
fn what_was_given_for_a_field_can_be_taken_back() {
    let gate = Gate::before(&Backend::refusing()).endpoint_with(ID, &[]);
    let bare = json(&gate, &["endpoint", "show", ID]);
    gate.run(&[
        "endpoint",
        "update",
        ID,
        "--label",
        "a=b",
        "--alias",
        "/hooks/a",
        "--method",
        "PUT",
        "--path",
        "/in",
        "--event-name",
        "ping",
        "--max-body",
        "1MiB",
    ])
    .succeeded();
    assert_ne!(json(&gate, &["endpoint", "show", ID]), bare);
    let fields = ["label", "alias", "method", "path", "event-name", "max-body"];
    for field in fields {
        let output = json(&gate, &["endpoint", "update", ID, "--clear", field]);
        assert_eq!(output["action"], "update", "{field}");
    }
    assert_eq!(json(&gate, &["endpoint", "show", ID]), bare);
    // To take the old ones back and to give new ones is one step.
    gate.run(&["endpoint", "update", ID, "--label", "a=b"])
        .succeeded();
    gate.run(&[
        "endpoint", "update", ID, "--clear", "label", "--label", "c=d",
    ])
    .succeeded();
    let labels = json(&gate, &["endpoint", "show", ID])["labels"].clone();
    assert_eq!(labels, serde_json::json!({"c": "d"}));
}

#[test]
fn every_change_can_be_told_to_a_script() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    for (words, action) in [
        (&["disable", "--yes"][..], "update"),
        (&["disable"], "unchanged"),
        (&["enable"], "update"),
        (&["delete", "--yes"], "delete"),
    ] {
        let words = [&["endpoint"][..], words, &[ID]].concat();
        let output = json(&gate, &words);
        assert_eq!(output["endpoint"], ID);
        assert_eq!(output["action"], action, "{words:?}");
    }
}

#[test]
fn an_update_that_is_wrong_changes_nothing() {
    let gate = Gate::before(&Backend::refusing()).endpoint("bearer");
    let before = (json(&gate, &["endpoint", "show", ID]), audited(&gate));
    for options in [
        &["--mode", "none"][..],
        &["--upstream", "nope", "--label", "a=b"],
        &["--mode", "hmac", "--method", "GET"],
        &["--alias", "nonsense"],
    ] {
        let words = [&["endpoint", "update", ID][..], options].concat();
        gate.run(&words).failed_with(3);
    }
    assert_eq!(
        (json(&gate, &["endpoint", "show", ID]), audited(&gate)),
        before
    );
}

#[test]
fn disable_enable_and_delete_do_what_they_say() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let enabled = || json(&gate, &["endpoint", "show", ID])["enabled"].clone();
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    assert_eq!(enabled(), false);
    assert!(
        gate.run(&["endpoint", "list"])
            .succeeded()
            .contains("disabled")
    );
    gate.run(&["endpoint", "enable", ID]).succeeded();
    assert_eq!(enabled(), true);
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    assert_eq!(json(&gate, &["endpoint", "list"]), serde_json::json!([]));
    gate.run(&["endpoint", "delete", "--yes", ID])
        .failed_with(4);
    // Its name, and its aliases, are free again.
    create(&gate, ID, &["--alias", "/hooks/a"]).succeeded();
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    create(&gate, "workflows/heir", &["--alias", "/hooks/a"]).succeeded();
}

#[test]
fn a_new_owner_of_an_id_does_not_inherit_the_secret() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let old = gate.secret(ID);
    let output = gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    assert_eq!(
        output,
        format!("- {ID}: delete, secret {ID}#webhook retired")
    );
    gate.run(&["secret", "reveal", &format!("{ID}#webhook")])
        .failed_with(4);
    create(&gate, ID, &["--mode", "hmac"]).succeeded();
    assert_ne!(gate.secret(ID), old);
}

#[test]
fn a_secret_that_another_endpoint_is_judged_by_outlives_its_owner() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint("hmac")
        .endpoint_with(
            "workflows/other",
            &["--mode", "hmac", "--secret", &format!("{ID}#webhook")],
        );
    let secret = gate.secret(ID);
    let output = gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    assert_eq!(output, format!("- {ID}: delete"));
    assert_eq!(gate.secret("workflows/other"), secret);
}

#[test]
fn no_way_leads_to_the_secret_of_a_former_owner() {
    let own = format!("{ID}#webhook");
    // It was not in use when the endpoint went.
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let old = gate.secret(ID);
    let elsewhere = ["--mode", "hmac", "--secret", &format!("{ID}#other")];
    gate.run(&[&["endpoint", "update", ID][..], &elsewhere].concat())
        .succeeded();
    let output = gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    assert!(
        output.contains("#webhook retired") && output.contains("#other retired"),
        "{output}"
    );
    create(&gate, ID, &["--mode", "hmac"]).succeeded();
    assert_ne!(gate.secret(ID), old);

    // Another endpoint goes on using it.
    let sharing = ["--mode", "hmac", "--secret", &own];
    create(&gate, "workflows/other", &sharing).succeeded();
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    let output = create(&gate, ID, &["--mode", "hmac"]).failed_with(1);
    assert!(
        output.contains("`workflows/other`") && output.contains(&own),
        "{output}"
    );
    // To share it is possible, if it is said.
    create(&gate, ID, &sharing).succeeded();
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    // It ends with the last that uses it.
    let output = gate
        .run(&["endpoint", "delete", "--yes", "workflows/other"])
        .succeeded();
    assert!(output.contains("#webhook retired"), "{output}");
    create(&gate, ID, &["--mode", "hmac"]).succeeded();
}

#[test]
fn a_limit_that_there_can_be_no_memory_for_is_refused() {
    let gate = Gate::before(&Backend::refusing())
        .with("bodies", "max = \"1 MiB\"\nbudget = \"64 MiB\"")
        .endpoint("hmac");
    // Seven eighths of it are for large bodies, which are there twice while they grow.
    gate.run(&["endpoint", "update", ID, "--max-body", "28MiB"])
        .succeeded();
    for size in ["29MiB", "18446744073709551615B"] {
        let output = gate
            .run(&["endpoint", "update", ID, "--max-body", size])
            .failed_with(3);
        assert!(
            output.contains("which `bodies.budget` has room for"),
            "{output}"
        );
    }
}

#[test]
fn a_path_that_cannot_be_rewritten_as_the_upstream_asks_is_a_mistake() {
    let gate = Gate::before(&Backend::refusing())
        .with("upstreams.default", "path = \"/internal/{workflow}\"")
        .endpoint("hmac");
    let output = create(&gate, "flows/a/live/b", &[]);
    let output = output.failed_with(3);
    assert!(
        output.contains("{workflow}") && output.contains("`default`"),
        "{output}"
    );
    create(&gate, "flows/a/live/b", &["--path", "/in/{flow}"]).succeeded();
}
