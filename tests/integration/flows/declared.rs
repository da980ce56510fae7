//! What a document declares: the same in every notation.

use std::path::Path;

use portcullis::config::{Config, Declaration, FlowConfig, FlowContext, Mistakes, Notation};
use portcullis::directory::{Definition, DraftAuth};
use portcullis::flow::FlowTarget;

use super::*;

pub(super) fn read(notation: Notation, text: &str) -> Result<FlowConfig, Mistakes> {
    let config = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";
    let config = Config::parse(Path::new("portcullis.toml"), config).unwrap();
    let upstreams = config.upstream_names();
    let known = FlowContext {
        name: "orders".parse().ok(),
        organisation: "acme".parse().ok(),
        workspace: "shop".parse().ok(),
        upstream: None,
        default_upstream: Some("default".to_owned()),
        targets: vec![FlowTarget::Draft, FlowTarget::Live],
    };
    let document = Declaration::open(Path::new("orders"), text, notation)?;
    assert!(document.is_flow());
    document.flow(&known, &config.validation_context(&upstreams))
}

fn definitions(declared: &FlowConfig, target: &FlowTarget) -> Vec<Definition> {
    let owner = (&declared.organisation, &declared.workspace);
    let made = declared.flow.definitions(&declared.name, owner, target);
    made.unwrap()
}

const ORDERS_TOML: &str = r#"
[[requires]]
slot = "webhook-signing-secret"
type = "secret"
label = "Webhook Signing Secret"

[[invocations.order-updated.inputs]]
name = "order-id"
type = "text"
label = "Order ID"
required = true

[[interfaces.webhook]]
id = "order-webhook"
invocation = "order-updated"
enabled = true
event_name = "orders.updated"
description = "Receive order update webhooks."
auth = { mode = "hmac-sha256", header = "Stripe-Signature", secret_ref = "webhook-signing-secret" }
"#;
const ORDERS_JSON: &str = r#"{
  "requires": [{"slot": "webhook-signing-secret", "type": "secret", "label": "Webhook Signing Secret"}],
  "invocations": {"order-updated": {"inputs": [
    {"name": "order-id", "type": "text", "label": "Order ID", "required": true}]}},
  "interfaces": {"webhook": [{
    "id": "order-webhook", "invocation": "order-updated", "enabled": true, "event-name": "orders.updated",
    "description": "Receive order update webhooks.",
    "auth": {"type": "hmac-sha256", "header": "Stripe-Signature", "secret-ref": "webhook-signing-secret"}}]}
}"#;
const GITHUB_TOML: &str = r#"
requires = [{ slot = "github-webhook-secret", type = "secret", label = "GitHub Webhook Secret" }]
invocations.pr-opened.inputs = [{ name = "number", type = "number", required = true }]

[[interfaces.webhook]]
id = "pull-requests"
invocation = "pr-opened"
event-name = "pull_request"

[interfaces.webhook.auth]
type = "signature"
algorithm = "hmac-sha256"
signature_header = "X-Hub-Signature-256"
signed_message = "payload"
signature_format = "hex"
signature_prefix = "sha256="
secret_ref = "github-webhook-secret"
"#;
const GITHUB_JSON: &str = r#"{
  "requires": [{"slot": "github-webhook-secret", "type": "secret", "label": "GitHub Webhook Secret"}],
  "invocations": {"pr-opened": {"inputs": [{"name": "number", "type": "number", "required": true}]}},
  "interfaces": {"webhook": [{"id": "pull-requests", "invocation": "pr-opened", "event_name": "pull_request",
    "auth": {"mode": "signature", "algo": "hmac-sha256", "signature-header": "X-Hub-Signature-256",
             "signed-message": "payload", "signature-format": "hex", "signature-prefix": "sha256=",
             "secret-ref": "github-webhook-secret"}}]}
}"#;

#[test]
fn a_document_means_the_same_in_every_notation() {
    for (edn, toml, json) in [
        (ORDERS, ORDERS_TOML, ORDERS_JSON),
        (GITHUB, GITHUB_TOML, GITHUB_JSON),
    ] {
        let [edn, toml, json] = [
            (Notation::Edn, edn),
            (Notation::Toml, toml),
            (Notation::Json, json),
        ]
        .map(|(notation, text)| read(notation, text).unwrap_or_else(|wrong| panic!("{wrong}")));
        assert_eq!(edn.flow, toml.flow);
        assert_eq!(edn.flow, json.flow);
        for target in [FlowTarget::Draft, FlowTarget::Live] {
            assert_eq!(definitions(&edn, &target), definitions(&toml, &target));
            assert_eq!(definitions(&edn, &target), definitions(&json, &target));
        }
    }
}

#[test]
fn an_endpoint_of_a_flow_says_what_its_interface_says_and_whose_it_is() {
    let declared = read(Notation::Edn, ORDERS).unwrap();
    let installation = FlowTarget::Installation("tenant-7".parse().unwrap());
    for (target, id, secret) in [
        (
            FlowTarget::Draft,
            "flows/orders/draft/order-webhook",
            "flows/orders/draft",
        ),
        (
            FlowTarget::Live,
            "flows/orders/live/order-webhook",
            "flows/orders/live",
        ),
        (
            installation,
            "installations/tenant-7/orders/order-webhook",
            "installations/tenant-7/orders",
        ),
    ] {
        let made = definitions(&declared, &target);
        let [endpoint] = made.as_slice() else {
            panic!("{made:?}")
        };
        assert_eq!(endpoint.id.as_str(), id);
        assert_eq!(endpoint.organisation.as_str(), "acme");
        assert_eq!(endpoint.workspace.as_str(), "shop");
        assert_eq!(endpoint.upstream, "default");
        assert_eq!(endpoint.flow.as_ref().unwrap().as_str(), "orders");
        assert_eq!(
            endpoint.event_name.as_ref().unwrap().as_str(),
            "orders.updated"
        );
        assert_eq!(
            endpoint.description.as_deref(),
            Some("Receive order update webhooks.")
        );
        let judged_by = endpoint.secret().unwrap();
        assert_eq!(
            judged_by.to_string(),
            format!("{secret}#webhook-signing-secret")
        );
        let inputs = &endpoint.contract.as_ref().unwrap().inputs;
        assert_eq!(&*inputs[0].name, "order-id");
        assert!(inputs[0].required && endpoint.enabled);
        assert_eq!(
            endpoint.generated_secret(),
            None,
            "slots are bound by somebody"
        );
    }
}

#[test]
fn the_ways_of_proof_are_taken_as_flow_authors_write_them() {
    for (auth, algorithm) in [
        ("{:type :bearer :secret-ref :s}", "token"),
        ("{:mode :api-key :header \"X-Key\" :secret-ref :s}", "token"),
        (
            "{:type :provider :preset :github :secret-ref :s}",
            "hmac-sha256",
        ),
        ("{:type :hmac :secret_ref \"s\"}", "hmac-sha256"),
        (
            "{:type :signature :algo :ed25519 :signature-header \"X-S\" :secret-ref :s}",
            "ed25519",
        ),
        (
            "{:type :signature :algo :ECDSA_P256 :signature-header \"X-S\" :signature-format :base64 :secret-ref :s}",
            "ecdsa-p256-sha256",
        ),
        (
            "{:type :signature :algo :ecdsa-p256-sha256-fixed :signature-header \"X-S\" :secret-ref :s}",
            "ecdsa-p256-sha256-fixed",
        ),
        (
            "{:type :signature :algo :hmac-sha1 :signature-header \"X-S\" :signature-separator \\, :secret-ref :s}",
            "hmac-sha1",
        ),
        (
            "{:type :signature :algorithm :hmac_sha512 :signature-header \"X-S\" :signed-message \"{ts}.{body}\" \
             :timestamp-header \"X-T\" :timestamp-tolerance \"10m\" :secret-ref :s}",
            "hmac-sha512",
        ),
    ] {
        let text = format!(
            "{{:requires [{{:slot :s :type :secret}}] :interfaces {{:webhook [{{:id :hook :auth {auth}}}]}}}}"
        );
        let declared = read(Notation::Edn, &text).unwrap_or_else(|wrong| panic!("{auth}: {wrong}"));
        let made = definitions(&declared, &FlowTarget::Live);
        let scheme = made[0].auth.as_ref().unwrap().compiled().unwrap().unwrap();
        assert_eq!(scheme.algorithm().name(), algorithm, "{auth}");
        assert_eq!(made[0].secret().unwrap().to_string(), "flows/orders/live#s");
    }
}

#[test]
fn an_interface_can_say_what_any_endpoint_can() {
    let text = r#"{:upstream "default" ; a comment
      #_ {:discarded true}
      :interfaces {:webhook [{:id :hook :enabled false :methods #{"POST" "PUT"} :draft-auth both
        :limits {:max-body "1 MiB"} :replay {:duplicates "reject"} :labels {:team-name "x"}
        :aliases ["/hooks/orders"] :path "/in/{endpoint}" :forward-credentials true
        :capture {:last 3 :for "1h"}}]}}"#;
    let declared = read(Notation::Edn, text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let live = definitions(&declared, &FlowTarget::Live).remove(0);
    assert_eq!(live.methods.len(), 2);
    assert_eq!(live.limits.max_body_bytes, Some(1 << 20));
    assert_eq!(
        live.labels["team-name"], "x",
        "a name of the author's own stays as it is"
    );
    assert_eq!(live.draft_auth, None, "it is about the draft");
    assert_eq!(live.aliases, ["/hooks/orders"]);
    assert_eq!(live.capture.unwrap().last, 3);
    assert!(!live.enabled && live.forward_credentials && live.auth.is_none());
    // A path leads to one endpoint, and the senders who know it are meant for what is live.
    let draft = definitions(&declared, &FlowTarget::Draft).remove(0);
    assert_eq!(draft.aliases, [""; 0]);
    assert_eq!(draft.draft_auth, Some(DraftAuth::Both));
}

#[test]
fn single_endpoints_are_declared_in_every_notation_too() {
    let gate = Gate::before(&Backend::refusing());
    let toml = "[[endpoints]]\nid = \"workflows/a\"\norganisation = \"o\"\nworkspace = \"w\"\n\
                event_name = \"e\"\nauth = { mode = \"hmac\" }\n";
    let edn = r#"{:endpoints [{:id "workflows/a" :organisation "o" :workspace "w" :event-name :e :auth {:mode :hmac}}]}"#;
    let json = r#"{"endpoints": [{"id": "workflows/a", "organisation": "o", "workspace": "w", "event_name": "e",
                   "auth": {"mode": "hmac"}}]}"#;
    apply(&gate, "endpoints.toml", toml, &[]).succeeded();
    for (file, text) in [("endpoints.edn", edn), ("endpoints.json", json)] {
        let output = apply(&gate, file, text, &[]).succeeded();
        assert_eq!(output, "= workflows/a: unchanged");
    }
    let output = apply(&gate, "endpoints.edn", edn, &["--target", "live"]).failed_with(2);
    assert!(output.contains("single endpoints"), "{output}");
}
