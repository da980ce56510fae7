//! Releases, promotions and ways back.

use super::*;

fn event(gate: &Gate, id: &str) -> String {
    let shown = json(gate, &["endpoint", "show", id]);
    shown["event_name"].as_str().unwrap_or("none").to_owned()
}

/// Applies the document with another name of its event.
fn apply_event(gate: &Gate, event: &str, options: &[&str]) -> String {
    let text = orders_with_open_draft().replace("orders.updated", event);
    apply(gate, "orders.edn", &text, options).succeeded()
}

const DRAFT_ID: &str = "flows/orders/draft/order-webhook";
const LIVE_ID: &str = "flows/orders/live/order-webhook";
const INSTALLED_ID: &str = "installations/acme/orders/order-webhook";

#[test]
fn the_draft_follows_and_the_others_stay_until_they_are_moved() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply_orders(&gate, &[]);
    assert!(
        output.starts_with("+ flows/orders/draft/order-webhook: create\n"),
        "{output}"
    );
    gate.run(&["endpoint", "show", LIVE_ID]).failed_with(4);

    let output = gate
        .run(&["flow", "release", "orders", "--note", "the first"])
        .succeeded();
    assert!(
        output
            .starts_with("+ flows/orders/live/order-webhook: create\norders: live is at version 1"),
        "{output}"
    );
    let output = gate.run(&["flow", "release", "orders"]).succeeded();
    assert_eq!(
        output,
        "orders: nothing to release, because the draft equals version 1, which is live"
    );
    gate.run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();

    let output = apply_event(&gate, "second", &[]);
    assert!(
        output.starts_with("~ flows/orders/draft/order-webhook: update (event_name)"),
        "{output}"
    );
    assert_eq!(
        [DRAFT_ID, LIVE_ID, INSTALLED_ID].map(|id| event(&gate, id)),
        ["second", "orders.updated", "orders.updated"]
    );
    gate.run(&["flow", "release", "orders"]).succeeded();
    assert_eq!(
        [LIVE_ID, INSTALLED_ID].map(|id| event(&gate, id)),
        ["second", "orders.updated"]
    );

    let output = gate
        .run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    assert!(
        output.contains("installation acme is at version 2, version 1 before"),
        "{output}"
    );
    let output = gate
        .run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    assert_eq!(output, "orders: installation acme is already at version 2");
    gate.run(&[
        "flow",
        "rollback",
        "--yes",
        "orders",
        "--installation",
        "acme",
    ])
    .succeeded();
    assert_eq!(
        [LIVE_ID, INSTALLED_ID].map(|id| event(&gate, id)),
        ["second", "orders.updated"]
    );
    gate.run(&["flow", "promote", "orders", "--live", "--version", "1"])
        .succeeded();
    assert_eq!(event(&gate, LIVE_ID), "orders.updated");
    // As with a rollout: a way back from the way back.
    gate.run(&["flow", "rollback", "--yes", "orders"])
        .succeeded();
    assert_eq!(event(&gate, LIVE_ID), "second");
    gate.run(&["flow", "rollback", "--yes", "orders", "--to", "1"])
        .succeeded();
    assert_eq!(event(&gate, LIVE_ID), "orders.updated");

    let history = json(&gate, &["flow", "history", "orders"]);
    let versions = history["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[1]["note"], "the first");
    assert_eq!(
        versions[1]["in_force"],
        serde_json::json!(["live", "installation acme"])
    );
    let moves: Vec<(&str, &str, Option<u64>, u64)> = history["moves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap();
            (
                text("target"),
                text("action"),
                it["from"].as_u64(),
                it["to"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        moves,
        [
            ("live", "rollback", Some(2), 1),
            ("live", "rollback", Some(1), 2),
            ("live", "promote", Some(2), 1),
            ("installation acme", "rollback", Some(2), 1),
            ("installation acme", "promote", Some(1), 2),
            ("live", "release", Some(1), 2),
            ("installation acme", "promote", None, 1),
            ("live", "release", None, 1),
        ]
    );
    let text = gate.run(&["flow", "history", "orders"]).succeeded();
    assert!(
        text.contains("the first") && text.contains("live, installation acme"),
        "{text}"
    );
    let listed = json(&gate, &["flow", "list"]);
    assert_eq!(
        (
            &listed[0]["flow"],
            &listed[0]["live"],
            &listed[0]["installations"]
        ),
        (&"orders".into(), &1.into(), &1.into())
    );
}

#[test]
fn a_document_can_be_applied_and_released_in_one_step() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply_orders(&gate, &["--target", "live"]);
    assert!(output.contains("+ flows/orders/draft/order-webhook: create\n+ flows/orders/live/order-webhook: create\norders: live is at version 1"), "{output}");
    let before = json(&gate, &["audit", "list"]);
    let output = apply_event(&gate, "orders.updated", &["--target", "live"]);
    assert!(
        output.contains("= flows/orders/live/order-webhook: unchanged"),
        "{output}"
    );
    assert_eq!(
        json(&gate, &["audit", "list"]),
        before,
        "what changes nothing leaves no line"
    );

    apply_event(&gate, "second", &["--installation", "acme"]);
    assert_eq!(
        [DRAFT_ID, LIVE_ID, INSTALLED_ID].map(|id| event(&gate, id)),
        ["second", "orders.updated", "second"]
    );
    // The same declaration is the same version.
    let output = gate.run(&["flow", "release", "orders"]).succeeded();
    assert!(
        output.contains("live is at version 2, version 1 before"),
        "{output}"
    );
}

#[test]
fn a_dry_run_of_any_step_changes_nothing() {
    let gate = Gate::before(&Backend::refusing());
    let state = |gate: &Gate| {
        (
            json(gate, &["audit", "list"]),
            json(gate, &["flow", "list"]),
        )
    };
    let before = state(&gate);
    let output = apply_orders(&gate, &["--target", "live", "--dry-run"]);
    assert!(
        output.contains("+ flows/orders/live/order-webhook: create")
            && output.contains("orders: live would be at version 1, no version before")
            && output.contains("nothing was changed"),
        "{output}"
    );
    assert_eq!(state(&gate), before);
    apply_orders(&gate, &["--target", "live"]);
    apply_event(&gate, "second", &[]);
    let before = state(&gate);
    for words in [
        &["flow", "release", "orders"][..],
        &["flow", "promote", "orders", "--installation", "acme"],
        &["flow", "delete", "orders", "--all"],
    ] {
        let words: Vec<&str> = words.iter().chain(&["--dry-run"]).copied().collect();
        let output = gate.run(&words).succeeded();
        assert!(output.contains("orders: "), "{output}");
        assert!(output.contains(" would be "), "{output}");
        assert!(output.contains("nothing was changed"), "{output}");
        assert_eq!(state(&gate), before, "{words:?}");
    }
}

#[test]
fn a_move_that_there_is_not_is_refused_and_says_why() {
    let gate = Gate::before(&Backend::refusing());
    gate.run(&["flow", "release", "orders"]).failed_with(4);
    apply_orders(&gate, &[]);
    for (words, code, message) in [
        (&["rollback", "orders"][..], 4, "live: no version is active"),
        (
            &["promote", "orders", "--installation", "acme"],
            1,
            "no version is live yet",
        ),
        (
            &["promote", "orders", "--live", "--version", "1"],
            4,
            "version 1 does not exist; nothing is released",
        ),
        (&["promote", "orders"], 2, "--installation"),
        (
            &["delete", "orders", "--installation", "acme"],
            4,
            "installation acme: no version is active",
        ),
    ] {
        let words: Vec<&str> = ["flow"].iter().chain(words).copied().collect();
        let output = gate.run(&words).failed_with(code);
        assert!(output.contains(message), "{words:?}: {output}");
    }
    gate.run(&["flow", "release", "orders"]).succeeded();
    let output = gate
        .run(&["flow", "rollback", "--yes", "orders"])
        .failed_with(1);
    assert!(
        output.contains("no version was active before version 1"),
        "{output}"
    );
    let output = gate
        .run(&["flow", "rollback", "--yes", "orders", "--to", "7"])
        .failed_with(4);
    assert!(
        output.contains("version 7 does not exist; the newest is 1"),
        "{output}"
    );
}

#[test]
fn a_secret_survives_the_interfaces_that_come_and_go() {
    let gate = Gate::before(&Backend::accepting()).start();
    apply_orders(&gate, &["--target", "live"]);
    bind(&gate, "flows/orders/live", "the secret");
    in_force(|| status(&gate, LIVE, "the secret") == 202);

    let without = "{:requires [] :interfaces {:webhook []}}";
    let output = apply(&gate, "orders.edn", without, &["--target", "live"]).succeeded();
    assert!(
        output.contains("- flows/orders/live/order-webhook: delete") && !output.contains("retired"),
        "{output}"
    );
    in_force(|| status(&gate, LIVE, "the secret") == 404);

    gate.run(&["flow", "rollback", "--yes", "orders"])
        .succeeded();
    in_force(|| status(&gate, LIVE, "the secret") == 202);
}

#[test]
fn secrets_end_when_the_flow_is_taken_from_their_target() {
    let gate = Gate::before(&Backend::accepting()).start();
    apply_orders(&gate, &["--target", "live"]);
    gate.run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    for scope in [
        "flows/orders/draft",
        "flows/orders/live",
        "installations/acme/orders",
    ] {
        bind(&gate, scope, "the secret");
    }
    in_force(|| status(&gate, INSTALLED, "the secret") == 202);
    let output = gate
        .run(&[
            "flow",
            "delete",
            "--yes",
            "orders",
            "--installation",
            "acme",
        ])
        .succeeded();
    assert!(
        output.contains("installations/acme/orders#webhook-signing-secret retired"),
        "{output}"
    );
    in_force(|| status(&gate, INSTALLED, "the secret") == 404);
    assert_eq!(status(&gate, LIVE, "the secret"), 202);
    // Whoever comes next does not inherit it.
    gate.run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    in_force(|| status(&gate, INSTALLED, "the secret") == 401);

    let output = gate
        .run(&["flow", "delete", "--yes", "orders", "--all"])
        .succeeded();
    for scope in ["flows/orders/draft", "flows/orders/live"] {
        assert!(
            output.contains(&format!("{scope}#webhook-signing-secret retired")),
            "{output}"
        );
    }
    in_force(|| {
        status(&gate, LIVE, "the secret") == 404 && status(&gate, DRAFT, "the secret") == 404
    });
    gate.run(&["flow", "show", "orders"]).failed_with(4);
    assert_eq!(json(&gate, &["endpoint", "list"]), Value::Array(vec![]));
    gate.run(&["audit", "verify"]).succeeded();
}

#[test]
fn endpoints_of_a_flow_are_changed_by_the_flow_alone() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &[]);
    for words in [
        &["endpoint", "update", DRAFT_ID, "--event-name", "x"][..],
        &["endpoint", "delete", "--yes", DRAFT_ID],
    ] {
        let output = gate.run(words).failed_with(1);
        assert!(output.contains("belongs to the flow `orders`"), "{output}");
    }
    let taken = format!(
        "[[endpoints]]\nid = \"{DRAFT_ID}\"\norganisation = \"acme\"\nworkspace = \"shop\"\n"
    );
    let output = apply(&gate, "endpoints.toml", &taken, &[]).failed_with(1);
    assert!(output.contains("belongs to the flow `orders`"), "{output}");

    // Nor does a flow take over what is somebody else's.
    let gate = gate.endpoint_with(LIVE_ID, &["--mode", "hmac"]);
    let before = json(&gate, &["audit", "list"]);
    let output = gate.run(&["flow", "release", "orders"]).failed_with(1);
    assert!(
        output.contains(&format!(
            "`{LIVE_ID}`: already exists and does not belong to the flow `orders`"
        )),
        "{output}"
    );
    assert_eq!(json(&gate, &["audit", "list"]), before);
    assert_eq!(
        json(&gate, &["flow", "history", "orders"])["versions"],
        Value::Array(vec![])
    );
}

#[test]
fn what_is_done_to_a_flow_is_audited() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &[]);
    gate.run(&["flow", "release", "orders"]).succeeded();
    bind(&gate, "flows/orders/live", "x");
    gate.run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    gate.run(&["flow", "delete", "--yes", "orders", "--all"])
        .succeeded();
    let listed = json(&gate, &["audit", "list"]);
    let lines: Vec<(&str, &str, &str)> = listed
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|line| {
            ["action", "subject", "detail"]
                .map(|key| line[key].as_str().unwrap())
                .into()
        })
        .collect();
    for line in [
        ("flow_applied", "flows/orders/draft", ""),
        ("flow_released", "flows/orders/live", "version 1"),
        (
            "secret_set",
            "flows/orders/live#webhook-signing-secret",
            "version 1",
        ),
        ("flow_promoted", "installations/acme/orders", "version 1"),
        ("flow_deleted", "flows/orders", ""),
        ("endpoint_created", "flows/orders/live/order-webhook", ""),
    ] {
        assert!(lines.contains(&line), "{line:?} is not in {lines:#?}");
    }
}
