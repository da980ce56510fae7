//! What operators do to flows that deliveries go to: nothing that is taken now is turned away by the way.

use super::*;

const NEXT_SLOT: &str = "next-secret";

/// The document after its slot was called otherwise.
fn renamed() -> String {
    orders_with_open_draft().replace(SLOT, NEXT_SLOT)
}

#[test]
fn a_release_that_needs_an_empty_slot_is_refused_and_the_slot_can_be_bound_before_it() {
    let gate = Gate::before(&Backend::accepting()).start();
    apply_orders(&gate, &[]);
    // Before anything is live.
    bind(&gate, "flows/orders/live", "the first");
    gate.run(&["flow", "release", "orders"]).succeeded();
    in_force(|| status(&gate, LIVE, "the first") == 202);

    apply(&gate, "orders.edn", &renamed(), &[]).succeeded();
    let output = gate.run(&["flow", "release", "orders"]).failed_with(1);
    assert!(
        output.contains(
            "flows/orders/live#next-secret: the change requires the secret, which is not bound"
        ) && output.contains("portcullis secret bind flows/orders/live next-secret"),
        "{output}"
    );
    assert_eq!(status(&gate, LIVE, "the first"), 202);

    let words = ["secret", "bind", "flows/orders/live", NEXT_SLOT];
    gate.run_with_input(&words, b"the next").succeeded();
    gate.run(&["flow", "release", "orders"]).succeeded();
    in_force(|| status(&gate, LIVE, "the next") == 202);
    // The way back needs a slot that is bound, too.
    gate.run(&["flow", "rollback", "--yes", "orders"])
        .succeeded();
    in_force(|| status(&gate, LIVE, "the first") == 202);
}

#[test]
fn who_wants_deliveries_to_be_turned_away_can_say_so() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &["--target", "live"]);
    apply(&gate, "orders.edn", &renamed(), &["--target", "live"]).failed_with(1);
    let output = apply(
        &gate,
        "orders.edn",
        &renamed(),
        &["--target", "live", "--unbound"],
    );
    let output = output.succeeded();
    assert!(output.contains("#next-secret is not bound"), "{output}");
}

#[test]
fn what_is_bound_for_a_release_that_never_came_ends_with_the_flow() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &[]);
    bind(&gate, "flows/orders/live", "early");
    let output = gate.run(&["flow", "delete", "--yes", "orders"]).succeeded();
    assert!(
        output.contains("flows/orders/live#webhook-signing-secret retired"),
        "{output}"
    );
    let secret = "flows/orders/live#webhook-signing-secret";
    gate.run(&["secret", "reveal", secret]).failed_with(4);
}

#[test]
fn what_an_operator_stops_stays_stopped_through_releases_until_it_is_let_go_on() {
    let gate = Gate::before(&Backend::accepting()).start();
    apply_orders(&gate, &["--target", "live"]);
    bind(&gate, "flows/orders/live", "the secret");
    in_force(|| status(&gate, LIVE, "the secret") == 202);
    let id = "flows/orders/live/order-webhook";
    gate.run(&["endpoint", "disable", "--yes", id]).succeeded();
    in_force(|| status(&gate, LIVE, "the secret") == 404);
    let text = orders_with_open_draft().replace("orders.updated", "orders.changed");
    apply(&gate, "orders.edn", &text, &["--target", "live"]).succeeded();
    gate.run(&["flow", "rollback", "--yes", "orders"])
        .succeeded();
    let shown = gate.run(&["endpoint", "show", id]).succeeded();
    assert!(shown.contains("suspended by an operator"), "{shown}");
    assert_eq!(status(&gate, LIVE, "the secret"), 404);
    gate.run(&["endpoint", "enable", id]).succeeded();
    in_force(|| status(&gate, LIVE, "the secret") == 202);
}

#[test]
fn what_a_flow_itself_has_switched_off_is_not_switched_on_beside_it() {
    let gate = Gate::before(&Backend::refusing());
    let text = ORDERS.replace(":enabled true", ":enabled false");
    let options = [&OWNER[..], &["--target", "live"]].concat();
    apply(&gate, "orders.edn", &text, &options).succeeded();
    let id = "flows/orders/live/order-webhook";
    let output = gate.run(&["endpoint", "enable", id]).failed_with(1);
    assert!(output.contains("enabled = false"), "{output}");
}

#[test]
fn a_slot_that_has_held_a_public_key_takes_no_shared_secret() {
    let gate = Gate::before(&Backend::refusing());
    let document = |id: &str, auth: &str| {
        format!(
            "{{:requires [{{:slot :key :type :secret}}]
              :interfaces {{:webhook [{{:id :{id} :auth {{{auth} :secret-ref :key}}}}]}}}}"
        )
    };
    let published = ":type :signature :algo :ed25519 :signature-header \"X-Signature\"";
    let shared = ":type :hmac-sha256 :header \"X-Signature\"";
    let live = [&OWNER[..], &["--target", "live"]].concat();
    apply(&gate, "keys.edn", &document("hook", published), &live).succeeded();
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let words = ["secret", "bind", "flows/keys/live", "key"];
    gate.run_with_input(&words, key.as_bytes()).succeeded();
    // Another interface, so that nothing of the old endpoint is left.
    let next = apply(
        &gate,
        "keys.edn",
        &document("other", shared),
        &["--target", "live"],
    );
    let output = next.failed_with(1);
    assert!(
        output.contains("`flows/keys/live#key` is the public key of `flows/keys/live/hook`"),
        "{output}"
    );
    // Nor after it was gone for a version.
    let none = "{:interfaces {:webhook [{:id :none}]}}";
    apply(&gate, "keys.edn", none, &["--target", "live"]).succeeded();
    let output = apply(
        &gate,
        "keys.edn",
        &document("other", shared),
        &["--target", "live"],
    )
    .failed_with(1);
    assert!(
        output.contains("an earlier version used it as the public key of"),
        "{output}"
    );
}

#[test]
fn a_flow_that_is_in_force_is_deleted_only_whole_and_on_purpose() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &["--target", "live"]);
    let output = gate
        .run(&["flow", "delete", "--yes", "orders"])
        .failed_with(2);
    assert!(
        output.contains("draft, live") && output.contains("--all"),
        "{output}"
    );
    gate.run(&["flow", "show", "orders"]).succeeded();
    gate.run(&["flow", "delete", "--yes", "orders", "--all"])
        .succeeded();
    gate.run(&["flow", "show", "orders"]).failed_with(4);
}
