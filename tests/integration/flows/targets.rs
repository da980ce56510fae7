//! Draft, live and installations side by side: each admits what is signed with its own secret.

use super::*;

#[test]
fn each_target_is_judged_by_its_own_secret() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    apply_orders(&gate, &[]);
    gate.run(&["flow", "release", "orders"]).succeeded();
    gate.run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    let places = [
        (DRAFT, "flows/orders/draft", "the draft's", "draft"),
        (LIVE, "flows/orders/live", "that of live", "live"),
        (
            INSTALLED,
            "installations/acme/orders",
            "the installation's",
            "installation",
        ),
    ];
    // Nothing is bound: nobody gets in.
    for (path, ..) in places {
        in_force(|| {
            let answer = send(gate.http(), &order(path, "any"));
            (answer.status, answer.reason()) == (401, "secret_unbound")
        });
    }
    for (_, scope, secret, _) in places {
        bind(&gate, scope, secret);
    }
    for (path, _, own, target) in places {
        in_force(|| status(&gate, path, own) == 202);
        let received = backend.received().pop().unwrap();
        assert_eq!(received.header("X-Portal-Target"), target);
        assert_eq!(received.header("X-Portal-Org-Id"), "acme");
        assert_eq!(received.header("X-Portal-Event-Name"), "orders.updated");
        for (_, _, other, _) in places {
            let right = if other == own { 202 } else { 401 };
            assert_eq!(status(&gate, path, other), right, "{other} at {target}");
        }
    }
}

#[test]
fn binding_another_value_rotates_with_an_overlap() {
    let gate = Gate::before(&Backend::accepting()).start();
    apply_orders(&gate, &["--target", "live"]);
    let output = bind(&gate, "flows/orders/live", "the first\n");
    assert_eq!(
        output,
        "flows/orders/live#webhook-signing-secret: bound, version 1"
    );
    in_force(|| status(&gate, LIVE, "the first") == 202);
    let words = [
        "secret",
        "bind",
        "flows/orders/live",
        SLOT,
        "--overlap",
        "1h",
    ];
    let output = gate.run_with_input(&words, b"the second").succeeded();
    assert!(
        output.contains("version 2; the old value stays valid for 1h"),
        "{output}"
    );
    in_force(|| status(&gate, LIVE, "the second") == 202);
    assert_eq!(status(&gate, LIVE, "the first"), 202);
    let output = gate
        .run(&["secret", "bind", "flows/orders/live", SLOT, "--generate"])
        .succeeded();
    assert!(output.contains("secret reveal"), "{output}");
    in_force(|| status(&gate, LIVE, "the second") == 401);
    let generated = gate.secret("flows/orders/live#webhook-signing-secret");
    assert!(!output.contains(&generated));
    assert_eq!(status(&gate, LIVE, &generated), 202);
}

#[test]
fn what_is_no_slot_of_a_target_cannot_be_bound() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &[]);
    let bind = |scope: &str, slot: &str| {
        let ran = gate.run_with_input(&["secret", "bind", scope, slot], b"x");
        (ran.code, ran.stderr)
    };
    let (code, output) = bind("flows/orders/draft", "nope");
    assert_eq!(code, Some(4));
    assert!(
        output.contains("its slots are `webhook-signing-secret`"),
        "{output}"
    );
    for (scope, code, message) in [
        (
            "installations/acme/orders",
            4,
            "the flow `orders` is not at this target",
        ),
        ("flows/other/draft", 4, "flow `other` does not exist"),
        ("workflows/pr-bot", 2, "is not a target of a flow"),
        (
            "flows/orders/draft/order-webhook",
            2,
            "is not a target of a flow",
        ),
    ] {
        let (ended, output) = bind(scope, SLOT);
        assert_eq!(ended, Some(code), "{scope}: {output}");
        assert!(output.contains(message), "{scope}: {output}");
    }
    assert_eq!(
        gate.run_with_input(&["secret", "bind", "flows/orders/draft", SLOT], b"")
            .code,
        Some(1),
        "an empty secret proves nothing"
    );
}

#[test]
fn a_public_key_cannot_be_made_up() {
    let gate = Gate::before(&Backend::refusing());
    let text = ORDERS.replace(
        ":type :hmac-sha256 :header \"Stripe-Signature\"",
        ":type :signature :algo :ed25519 :signature-header \"X-S\"",
    );
    apply(&gate, "orders.edn", &text, &OWNER).succeeded();
    let output = gate
        .run(&["secret", "bind", "flows/orders/draft", SLOT, "--generate"])
        .failed_with(1);
    assert!(
        output.contains("only the sender issues the secret"),
        "{output}"
    );
}

#[test]
fn what_is_shown_says_where_the_flow_is_and_what_is_bound() {
    let gate =
        Gate::before(&Backend::refusing()).with("public", "url = \"https://portal.example.com\"");
    apply_orders(&gate, &["--target", "live"]);
    bind(&gate, "flows/orders/live", "x");
    let shown = gate
        .run(&["endpoint", "show", "flows/orders/live/order-webhook"])
        .succeeded();
    for line in [
        "url           https://portal.example.com/api/flows/orders/interfaces/live/order-webhook",
        "target        live",
        "flow          orders",
        "description   Receive order update webhooks.",
        "input         order-id (text, required) \"Order ID\"",
        "secret        flows/orders/live#webhook-signing-secret (bound since 2",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let shown = json(&gate, &["flow", "show", "orders"]);
    assert_eq!(shown["targets"][0]["target"], "draft");
    assert_eq!(shown["targets"][0]["slots"][0]["bound_since"], Value::Null);
    assert_eq!(shown["targets"][1]["version"], 1);
    let slot = &shown["targets"][1]["slots"][0];
    assert_eq!(slot["label"], "Webhook Signing Secret");
    slot["bound_since"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let interface = &shown["targets"][1]["interfaces"][0];
    assert_eq!(interface["inputs"][0]["name"], "order-id");
    assert_eq!(shown["unreleased"], false);
    let text = gate.run(&["flow", "show", "orders"]).succeeded();
    assert!(
        text.contains("not bound") && text.contains("live: version 1"),
        "{text}"
    );
}

#[test]
fn an_interface_without_auth_exists_and_refuses_everybody() {
    let backend = Backend::refusing();
    let gate = Gate::before(&backend).start();
    let text = "{:interfaces {:webhook [{:id :order-webhook :draft-auth :interface}]}}";
    apply(&gate, "orders.edn", text, &OWNER).succeeded();
    in_force(|| {
        let answer = send(gate.http(), &order(DRAFT, "any"));
        (answer.status, answer.reason()) == (401, "auth_missing")
    });
    backend.was_not_contacted();
}
