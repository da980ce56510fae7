//! Endpoints that stood at the ids of a flow before there was one, and become parts of it.

use super::*;

const LIVE_ID: &str = "flows/orders/live/order-webhook";

/// A gate with such an endpoint, that deliveries go to.
fn standing(workspace: &str) -> Gate {
    let options = ["--mode", "provider", "--preset", "stripe"];
    let owner = ["--organisation", "acme", "--workspace", workspace];
    let words = [&["endpoint", "create", LIVE_ID], &owner[..], &options].concat();
    let gate = Gate::before(&Backend::accepting());
    gate.run(&words).succeeded();
    let secret = format!("{LIVE_ID}#webhook");
    gate.run_with_input(&["secret", "set", &secret], b"as ever")
        .succeeded();
    gate.start()
}

#[test]
fn an_endpoint_becomes_a_part_of_the_flow_at_its_id_and_no_delivery_is_turned_away() {
    let gate = standing("shop");
    assert_eq!(status(&gate, LIVE, "as ever"), 202);
    apply_orders(&gate, &[]);
    let output = gate.run(&["flow", "release", "orders"]).failed_with(1);
    assert!(
        output.contains("let the flow take it over (`--adopt`)"),
        "{output}"
    );

    let adopt = ["flow", "release", "orders", "--adopt"];
    let output = gate.run(&adopt).failed_with(1);
    assert!(
        output.contains("flows/orders/live#webhook-signing-secret: the change requires the secret, which is not bound"),
        "{output}"
    );
    assert_eq!(status(&gate, LIVE, "as ever"), 202);

    bind(&gate, "flows/orders/live", "as ever");
    let followed = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut afterwards = 0;
            while afterwards < 30 {
                let is_after = followed.load(std::sync::atomic::Ordering::SeqCst);
                assert_eq!(status(&gate, LIVE, "as ever"), 202);
                afterwards += usize::from(is_after);
            }
        });
        let output = gate.run(&adopt).succeeded();
        assert!(
            output.starts_with(&format!("~ {LIVE_ID}: update (")) && output.contains("flow"),
            "{output}"
        );
        gate.catch_up();
        followed.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let shown = json(&gate, &["endpoint", "show", LIVE_ID]);
    assert_eq!(shown["event_name"], "orders.updated");
    let output = gate
        .run(&["endpoint", "delete", "--yes", LIVE_ID])
        .failed_with(1);
    assert!(output.contains("belongs to the flow `orders`"), "{output}");
    gate.run(&["audit", "verify"]).succeeded();
}

#[test]
fn an_endpoint_is_adopted_by_the_first_apply_of_a_flow_too() {
    let gate = standing("shop");
    let live = [&OWNER[..], &["--target", "live", "--adopt"]].concat();
    let text = orders_with_open_draft();
    let output = apply(&gate, "orders.edn", &text, &live).failed_with(1);
    assert!(
        output.contains("the change requires the secret, which is not bound"),
        "{output}"
    );
    let unbound = [&live[..], &["--unbound"]].concat();
    apply(&gate, "orders.edn", &text, &unbound).succeeded();
    in_force(|| {
        let answer = send(gate.http(), &order(LIVE, "as ever"));
        answer.reason() == "secret_unbound"
    });
}

#[test]
fn an_endpoint_of_another_owner_stays_what_it_is() {
    let gate = standing("other");
    apply_orders(&gate, &[]);
    bind(&gate, "flows/orders/live", "as ever");
    let output = gate
        .run(&["flow", "release", "orders", "--adopt"])
        .failed_with(1);
    assert!(
        output.contains("it belongs to acme/other, and the flow belongs to acme/shop"),
        "{output}"
    );
    assert_eq!(status(&gate, LIVE, "as ever"), 202);
}

#[test]
fn what_was_disabled_stays_so_and_senders_go_on_finding_what_they_go_by() {
    let gate = standing("shop");
    apply_orders(&gate, &[]);
    bind(&gate, "flows/orders/live", "as ever");
    let alias = ["endpoint", "update", LIVE_ID, "--alias", "/events/orders"];
    gate.run(&alias).succeeded();
    let adopt = ["flow", "release", "orders", "--adopt"];
    let output = gate.run(&adopt).failed_with(1);
    assert!(
        output.contains("its alias `/events/orders` would stop working"),
        "{output}"
    );

    let bare = orders_with_open_draft();
    let (before, after) = bare.split_once(":auth {").unwrap();
    let bare = format!("{before}{}", after.split_once('}').unwrap().1);
    apply(&gate, "orders.edn", &bare, &[]).succeeded();
    let output = gate.run(&adopt).failed_with(1);
    assert!(
        output.contains("the flow declares no `auth` for it"),
        "{output}"
    );

    gate.run(&["endpoint", "update", LIVE_ID, "--clear", "alias"])
        .succeeded();
    gate.run(&["endpoint", "disable", "--yes", LIVE_ID])
        .succeeded();
    in_force(|| status(&gate, LIVE, "as ever") == 404);
    apply_orders(&gate, &[]);
    gate.run(&adopt).succeeded();
    gate.catch_up();
    assert_eq!(status(&gate, LIVE, "as ever"), 404);
    gate.run(&["endpoint", "enable", LIVE_ID]).succeeded();
    in_force(|| status(&gate, LIVE, "as ever") == 202);
}

#[test]
fn a_public_key_in_a_slot_of_the_flow_stays_one() {
    let gate = Gate::before(&Backend::accepting());
    let secret = format!("flows/orders/live#{SLOT}-old");
    let owner = ["--organisation", "acme", "--workspace", "shop"];
    let keyed = [
        "--mode", "provider", "--preset", "discord", "--secret", &secret,
    ];
    gate.run(&[&["endpoint", "create", LIVE_ID], &owner[..], &keyed].concat())
        .succeeded();
    apply_orders(&gate, &[]);
    bind(&gate, "flows/orders/live", "as ever");
    let adopt = ["flow", "release", "orders", "--adopt"];
    let output = gate.run(&adopt).failed_with(1);
    assert!(
        output.contains(&format!("{secret} is a public key in a slot of the flow")),
        "{output}"
    );
}

#[test]
fn who_may_deliver_to_a_draft_stays_as_it_was_said() {
    let id = "flows/orders/draft/order-webhook";
    let gate = Gate::before(&Backend::refusing());
    let owner = ["--organisation", "acme", "--workspace", "shop"];
    let open = ["--mode", "hmac", "--draft-auth", "interface"];
    gate.run(&[&["endpoint", "create", id], &owner[..], &open].concat())
        .succeeded();
    let adopt = [&OWNER[..], &["--adopt", "--unbound"]].concat();
    let output = apply(&gate, "orders.edn", ORDERS, &adopt).failed_with(1);
    // The error has the file and the line of the interface.
    assert!(
        output.contains(&format!("orders.edn:4:30: `{id}`: ")),
        "{output}"
    );
    assert!(
        output.contains("its `draft_auth` differs from the flow's"),
        "{output}"
    );
    apply(&gate, "orders.edn", &orders_with_open_draft(), &adopt).succeeded();
}

#[test]
fn what_is_about_flows_has_no_meaning_for_single_endpoints() {
    let gate = Gate::before(&Backend::refusing());
    for option in ["--adopt", "--unbound"] {
        let output = apply(&gate, "endpoints.toml", "endpoints = []", &[option]).failed_with(2);
        assert!(output.contains("declares single endpoints"), "{output}");
    }
}
