//! The older form of a declaration: events with paths and fields.

use portcullis::config::Notation;
use portcullis::flow::FlowTarget;

use super::declared::read;
use super::*;

const EDN: &str = r#"{:requires [{:slot :key :type :secret}]
 :events [{:path "/events/orders/updated" :name "orders.updated"
           :fields [{:name "orderId" :type "string" :required true} {:name :count :type :int}]
           :auth {:mode :hmac :secret-ref :key}}
          {:path "events/ping" :id :pings}]}"#;
const TOML: &str = r#"
requires = [{ slot = "key", type = "secret" }]

[[events]]
path = "/events/orders/updated"
name = "orders.updated"
fields = [{ name = "orderId", type = "text", required = true }, { name = "count", type = "integer" }]
auth = { mode = "hmac", secret_ref = "key" }

[[events]]
path = "events/ping"
id = "pings"
"#;

#[test]
fn events_become_interfaces_and_their_paths_aliases() {
    let edn = read(Notation::Edn, EDN).unwrap_or_else(|wrong| panic!("{wrong}"));
    let toml = read(Notation::Toml, TOML).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(edn.flow, toml.flow);
    let owner = (&edn.organisation, &edn.workspace);
    let live = edn
        .flow
        .definitions(&edn.name, owner, &FlowTarget::Live)
        .unwrap();
    assert_eq!(live[0].id.as_str(), "flows/orders/live/updated");
    assert_eq!(live[0].aliases, ["/events/orders/updated"]);
    assert_eq!(
        live[0].event_name.as_ref().unwrap().as_str(),
        "orders.updated"
    );
    assert_eq!(live[0].contract.as_ref().unwrap().inputs.len(), 2);
    assert_eq!(live[1].id.as_str(), "flows/orders/live/pings");
    assert_eq!(live[1].aliases, ["/events/ping"]);
    assert_eq!(live[1].contract, None);
    assert_eq!(
        edn.notices,
        [
            "the event at `/events/orders/updated` is read as the interface `updated` with the event name \
             `orders.updated`; its 2 fields are the inputs of the invocation `updated`; \
             `/events/orders/updated` becomes its alias when it is live",
            "the event at `/events/ping` is read as the interface `pings`; `/events/ping` becomes its alias \
             when it is live",
        ]
    );
}

#[test]
fn senders_of_events_go_on_with_the_url_that_they_know() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    let options: Vec<&str> = OWNER.iter().chain(&["--target", "live"]).copied().collect();
    let ran = apply(&gate, "orders.edn", EDN, &options);
    assert!(
        ran.stderr
            .contains("note: the event at `/events/orders/updated`"),
        "{ran:?}"
    );
    ran.succeeded();
    gate.run_with_input(&["secret", "bind", "flows/orders/live", "key"], b"the key")
        .succeeded();
    let body = br#"{"orderId": "o-1"}"#;
    let delivered = |path: &str| {
        let request = Request::post(path)
            .header("X-Hub-Signature-256", &github_signature("the key", body))
            .body(body);
        send(gate.http(), &request).status
    };
    in_force(|| delivered("/events/orders/updated") == 202);
    let received = backend.only();
    assert_eq!(received.header("X-Portal-Event-Name"), "orders.updated");
    assert_eq!(
        received.header("X-Portal-Endpoint-Id"),
        "flows/orders/live/updated"
    );
}

#[test]
fn mistakes_of_events_are_told_where_they_stand() {
    for (text, key, message) in [
        ("{:events [{:name :x}]}", "events[0].path", "is missing"),
        (
            "{:events [{:path \"/a/\"}]}",
            "events[0].path",
            "its last segment is not a valid id",
        ),
        (
            "{:events [{:path \"/api/flows/f/interfaces/live/x\"}]}",
            "events[0].path",
            "a route has that path",
        ),
        (
            "{:events [{:path \"/a/x\"} {:path \"/b/x\"}]}",
            "events[1].path",
            "`x` is declared twice",
        ),
        (
            "{:events [{:path \"/a/x\" :fields [{:name :n :type :strin}]}]}",
            "events[0].fields[0].type",
            "unknown type: use",
        ),
        (
            "{:events [] :interfaces {:webhook []}}",
            "events",
            "older form",
        ),
    ] {
        let wrong = read(Notation::Edn, text).unwrap_err();
        let found = wrong
            .0
            .iter()
            .find(|it| it.key == key && it.message.contains(message));
        assert!(found.is_some(), "{text}: {wrong}");
    }
}
