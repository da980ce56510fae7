//! Flows: declared in one document, in force as a draft, live and in installations, each with its own secrets.

mod adopted;
mod declared;
mod document;
pub(crate) mod engines;
mod legacy;
mod load;
mod mistakes;
mod moves;
mod operators;
mod sdks;
mod targets;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::support::*;

/// The two documents of this world, as their authors wrote them.
pub(crate) const ORDERS: &str = r#"
{:requires [{:slot :webhook-signing-secret :type :secret :label "Webhook Signing Secret"}]
 :invocations {:order-updated {:inputs [{:name :order-id :type :text :label "Order ID" :required true}]}}
 :interfaces {:webhook [{:id :order-webhook :invocation :order-updated :enabled true :event-name "orders.updated"
                         :description "Receive order update webhooks."
                         :auth {:type :hmac-sha256 :header "Stripe-Signature" :secret-ref :webhook-signing-secret}}]}}
"#;
pub(crate) const GITHUB: &str = r#"
{:requires [{:slot :github-webhook-secret :type :secret :label "GitHub Webhook Secret"}]
 :invocations {:pr-opened {:inputs [{:name :number :type :number :required true}]}}
 :interfaces {:webhook [{:id :pull-requests :invocation :pr-opened :enabled true :event-name "pull_request"
                         :auth {:type :signature :algo :hmac-sha256 :signature-header "X-Hub-Signature-256"
                                :signed-message :payload :signature-format :hex :signature-prefix "sha256="
                                :secret-ref :github-webhook-secret}}]}}
"#;

const OWNER: [&str; 4] = ["--organisation", "acme", "--workspace", "shop"];
const SLOT: &str = "webhook-signing-secret";

/// The same, with a draft that takes deliveries as the others do.
fn orders_with_open_draft() -> String {
    ORDERS.replace(":enabled true", ":enabled true :draft-auth :interface")
}

fn apply(gate: &Gate, file: &str, text: &str, options: &[&str]) -> CommandOutput {
    let path = gate.file(file, text);
    let mut words = vec!["apply", "-f", path.to_str().unwrap()];
    words.extend(options);
    gate.run(&words)
}

/// Applies `orders.edn` for the first time.
fn apply_orders(gate: &Gate, options: &[&str]) -> String {
    let options: Vec<&str> = OWNER.iter().chain(options).copied().collect();
    apply(gate, "orders.edn", &orders_with_open_draft(), &options).succeeded()
}

fn bind(gate: &Gate, scope: &str, value: &str) -> String {
    gate.run_with_input(&["secret", "bind", scope, SLOT], value.as_bytes())
        .succeeded()
}

fn json(gate: &Gate, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().chain(&["--json"]).copied().collect();
    serde_json::from_str(&gate.run(&words).succeeded()).unwrap()
}

/// Stripe's signature of `body`, computed apart from the code under test.
fn stripe_signature(secret: &str, body: &[u8]) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{now}.").as_bytes());
    mac.update(body);
    format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// A delivery that nobody has sent before.
fn order(path: &str, secret: &str) -> Request {
    let body = format!(r#"{{"order-id": "{}"}}"#, uuid::Uuid::now_v7());
    let signature = stripe_signature(secret, body.as_bytes());
    Request::post(path)
        .header("Stripe-Signature", &signature)
        .body(body)
}

fn status(gate: &Gate, path: &str, secret: &str) -> u16 {
    send(gate.http(), &order(path, secret)).status
}

const DRAFT: &str = "/api/flows/orders/interfaces/draft/order-webhook";
const LIVE: &str = "/api/flows/orders/interfaces/live/order-webhook";
const INSTALLED: &str = "/api/flows/orders/installations/acme/interfaces/order-webhook";
