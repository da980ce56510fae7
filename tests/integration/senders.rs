//! The providers' own SDKs as senders: what they sign is admitted, byte for byte, and nothing that
//! became of it on the way.
//!
//! Each test starts a gate and lets a process of the SDK's language (tests/sdk) sign and send, first
//! the genuine delivery, then the ones that somebody has touched. `make sdks` prints what came out.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use portcullis::auth::{Claim, Head, KeyRing, NumberedKey, Preset, Scheme, verify_whole};
use ring::hmac;
use serde::Deserialize;
use serde_json::json;

use crate::support::*;

use self::Runtime::{Node, Python};
use self::Signs::{Digest, Time, Timestamp, Url};

/// Standard Webhooks and Svix take base64 only, Adyen hexadecimal digits only.
const WHSEC: [&str; 2] = [
    "whsec_q7Yc0VwZkT3uJmXo5rHs8LdEaGfB1iNp",
    "whsec_Xw2bPzK9hUe4TqLdRj7VyMs5GcNa0fIo",
];
const HEX: [&str; 2] = [
    "5B0E7C92D4A1836FE2490B7DC58A16F3709D2CB84E61A5F03D8BC7129E54A06B",
    "009E9E92268087AAD241638D3325201AFE8AAE6F3DCD369B6D32E87129FFAB10",
];
const TEXT: [&str; 2] = ["a-secret-of-the-provider's", "another-secret-of-theirs"];

macro_rules! senders {
    ($($test:ident: $runtime:ident $name:literal as $preset:literal with $secrets:ident $signs:expr;)+) => {
        $(#[test]
        fn $test() {
            Sender {
                runtime: $runtime,
                name: $name,
                preset: $preset,
                secrets: $secrets,
                signs: &$signs,
            }
            .is_admitted_only_as_it_signed();
        })+
    };
}

senders! {
    adyen_payments: Python "adyen-payments" as "adyen-payments" with HEX [];
    adyen_platform: Python "adyen-platform" as "adyen-platform" with HEX [];
    box_v2: Python "box" as "box" with TEXT [Time];
    braintree: Python "braintree" as "braintree" with TEXT [];
    coinbase_commerce: Python "coinbase-commerce" as "coinbase-commerce" with TEXT [];
    hubspot_v1: Python "hubspot-v1" as "hubspot-v1" with TEXT [];
    hubspot_v2: Python "hubspot-v2" as "hubspot-v2" with TEXT [Url];
    hubspot_v3: Python "hubspot-v3" as "hubspot-v3" with TEXT [Url, Time];
    octokit_webhooks_methods: Node "github" as "github" with TEXT [];
    notion: Node "notion" as "notion" with TEXT [];
    paddle: Python "paddle" as "paddle" with TEXT [Time];
    sanity: Node "sanity" as "sanity" with TEXT [Timestamp];
    shopify: Node "shopify" as "shopify" with TEXT [];
    slack: Python "slack" as "slack" with TEXT [Time];
    slack_with_a_form: Python "slack-form" as "slack" with TEXT [Time];
    standardwebhooks_of_node: Node "standardwebhooks" as "standard-webhooks" with WHSEC [Time];
    standardwebhooks_of_python: Python "standardwebhooks" as "standard-webhooks" with WHSEC [Time];
    stripe_of_node: Node "stripe" as "stripe" with TEXT [Time];
    stripe_of_python: Python "stripe" as "stripe" with TEXT [Time];
    svix_of_node: Node "svix" as "svix" with WHSEC [Time];
    svix_of_python: Python "svix" as "svix" with WHSEC [Time];
    twilio_of_node_with_a_form: Node "twilio-form" as "twilio" with TEXT [Url];
    twilio_of_node_with_json: Node "twilio-json" as "twilio" with TEXT [Url, Digest];
    twilio_of_python_with_a_form: Python "twilio-form" as "twilio" with TEXT [Url];
    twilio_of_python_with_a_shared_key: Python "twilio-sha256" as "twilio-sha256" with TEXT [Url];
    twilio_of_python_with_json: Python "twilio-json" as "twilio" with TEXT [Url, Digest];
    workos: Node "workos" as "workos" with TEXT [Time];
}

/// An SDK, and what it sends to.
struct Sender {
    runtime: Runtime,
    /// What the scripts in tests/sdk call it.
    name: &'static str,
    preset: &'static str,
    /// The endpoint's, and one that is not.
    secrets: [&'static str; 2],
    signs: &'static [Signs],
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Runtime {
    Python,
    Node,
}

/// What a signature covers beside the body.
#[derive(Clone, Copy, PartialEq)]
enum Signs {
    /// The time, and the preset has a window for it.
    Time,
    /// The time, and the provider knows no window.
    Timestamp,
    /// The URL with its query.
    Url,
    /// The body only through a digest in the query.
    Digest,
}

/// What a sender says at its end.
#[derive(Deserialize)]
struct SenderReport {
    sdk: String,
    version: String,
    answers: Vec<CaseAnswer>,
}

#[derive(Deserialize)]
struct CaseAnswer {
    case: String,
    status: u16,
    reason: String,
    /// What was sent, in base64.
    body: String,
}

impl Sender {
    fn is_admitted_only_as_it_signed(&self) {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend)
            .with("public", &format!("url = \"{PUBLIC_URL}\""))
            .endpoint_with(ID, &["--mode", "provider", "--preset", self.preset]);
        gate.run_with_input(&["secret", "set", ID], self.secrets[0].as_bytes())
            .succeeded();
        let gate = gate.start();

        let expected = self.expected();
        let report = self.send(&gate, &expected);
        self.show(&report);
        let answers: Vec<_> = report
            .answers
            .iter()
            .map(|it| (it.case.as_str(), it.status, it.reason.as_str()))
            .collect();
        assert_eq!(answers, expected);

        let genuine = BASE64_STANDARD.decode(&report.answers[0].body).unwrap();
        let received = backend.only();
        assert_eq!(received.body_len, genuine.len());
        assert_eq!(received.body_sha256, sha256(&genuine));
        assert_eq!(backend.connections(), 1);
    }

    /// Each case, and what has to come of it.
    fn expected(&self) -> Vec<(&'static str, u16, &'static str)> {
        let mut expected = vec![
            ("genuine", 202, "admitted"),
            ("body changed", 401, "signature_mismatch"),
            ("wrong secret", 401, "signature_mismatch"),
            ("signature cut", 401, "signature_malformed"),
            ("signature left out", 401, "signature_missing"),
        ];
        for signs in self.signs {
            match signs {
                Time => expected.extend([
                    ("time rewritten", 401, "signature_mismatch"),
                    ("an hour old", 401, "timestamp_stale"),
                    ("an hour ahead", 401, "timestamp_future"),
                ]),
                Timestamp => expected.push(("time rewritten", 401, "signature_mismatch")),
                Url => expected.push(("query changed", 401, "signature_mismatch")),
                Digest => expected[1].2 = "body_digest_mismatch",
            }
        }
        expected
    }

    /// Lets the SDK sign and send every case.
    fn send(&self, gate: &Gate, cases: &[(&str, u16, &str)]) -> SenderReport {
        let cases: Vec<&str> = cases.iter().map(|(case, ..)| *case).collect();
        let job = json!({
            "gate": format!("http://{}", gate.http()),
            "public_url": PUBLIC_URL,
            "path": PATH,
            "secret": self.secrets[0],
            "other_secret": self.secrets[1],
            "cases": cases,
        });
        let mut command = self.runtime.command();
        command.arg(self.name);
        let report = CommandOutput::of(command, job.to_string().as_bytes()).succeeded();
        serde_json::from_str(&report).unwrap()
    }

    /// A row of the table for people.
    fn show(&self, report: &SenderReport) {
        for it in &report.answers {
            println!(
                "| {:<25} {:<8} {:<7} {:<17} {:<18} {} {}",
                report.sdk,
                report.version,
                format!("{:?}", self.runtime),
                self.name,
                it.case,
                it.status,
                it.reason
            );
        }
    }
}

impl Runtime {
    /// What runs a sender, made by scripts/prepare of the versions in tests/sdk.
    pub(crate) fn command(self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (made_of, now, program) = match self {
            Python => (
                "python-is",
                include_str!("../sdk/requirements.txt"),
                "python/bin/python",
            ),
            Node => (
                "node-is",
                concat!(
                    include_str!("../sdk/package-lock.json"),
                    include_str!("../sdk/node-requirements.txt")
                ),
                "node/node",
            ),
        };
        let sdks = root.join("target/sdk");
        let made_of = std::fs::read_to_string(sdks.join(made_of)).unwrap_or_default();
        assert!(
            made_of == now,
            "the SDKs for {self:?} are not in {}, or not the ones that tests/sdk names: \
             run `scripts/prepare test` (`make test` does)",
            sdks.display()
        );
        let mut command = Command::new(sdks.join(program));
        match self {
            Python => command.arg(root.join("tests/sdk/sender.py")),
            // A module finds packages beside itself only, and this one must not lie where they are: as
            // an argument it is taken for one in the folder that it runs in.
            Node => command
                .current_dir(sdks.join("node"))
                .args(["--input-type=module", "--eval"])
                .arg(include_str!("../sdk/sender.mjs")),
        };
        command
    }
}

/// Twilio signs one spelling of a URL and sends another one. Its libraries know which pairs occur.
#[test]
fn every_pair_of_spellings_that_twilios_sdks_accept_is_accepted_and_no_other() {
    let queries = spellings();
    let urls = queries
        .iter()
        .map(|query| format!("{PUBLIC_URL}{PATH}?{query}"));
    let mut urls: Vec<String> = urls.collect();
    let with_port = urls.iter().map(|url| url.replace(".com/", ".com:443/"));
    let with_port: Vec<String> = with_port.step_by(3).collect();
    urls.extend(with_port);
    urls.push(format!("{PUBLIC_URL}{PATH}"));
    let pairs: Vec<(&str, &str)> = urls
        .iter()
        .flat_map(|signed| urls.iter().map(|sent| (signed.as_str(), sent.as_str())))
        .collect();
    let job = json!({ "secret": TEXT[0], "pairs": pairs }).to_string();
    let accepted_by = |runtime: Runtime| -> Vec<bool> {
        let mut command = runtime.command();
        command.arg("twilio-spellings");
        serde_json::from_str(&CommandOutput::of(command, job.as_bytes()).succeeded()).unwrap()
    };
    let (node, python) = (accepted_by(Node), accepted_by(Python));
    let scheme = Arc::new(Preset::named("twilio").unwrap().scheme.clone());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TEXT[0].as_bytes());
    let mut many = 0;
    for (at, (signed, sent)) in pairs.iter().enumerate() {
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let accepted = is_accepted(&scheme, sent, &signature);
        // What is not percent-encoded UTF-8 is something else to every reader, and is signed as it is sent.
        let lost = (sent.contains("%ff") && !signed.contains("%ff"))
            || (sent.contains("%zz") && !signed.contains("%zz"));
        let expected = (node[at] || python[at]) && !lost;
        assert_eq!(accepted, expected, "signed {signed}\n  sent {sent}");
        many += usize::from(accepted && signed != sent);
    }
    assert!(many > 100, "{many}");
}

/// Whether a `GET` of `sent` is proven by a signature of Twilio's.
fn is_accepted(scheme: &Arc<Scheme>, sent: &str, signature: &str) -> bool {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-twilio-signature", signature.parse().unwrap());
    let head = Head {
        method: &http::Method::GET,
        headers: &headers,
        query: sent.split_once('?').map(|(_, query)| query),
        url: Some(sent),
    };
    let key = NumberedKey {
        key: Arc::new(scheme.key().prepare(TEXT[0].as_bytes()).unwrap()),
        version: 1,
    };
    let keys = Arc::new(KeyRing {
        current: key,
        previous: None,
    });
    let claim = Claim::read(scheme, &head).unwrap();
    let now = jiff::Timestamp::now();
    verify_whole(scheme, claim, keys, &head, b"", now).is_ok()
}

/// Queries that stand for the same parameters, and for others.
fn spellings() -> Vec<String> {
    let mut queries: Vec<String> = "!'()*~+ @/,;:$-._=?"
        .chars()
        .flat_map(|character| {
            let byte = u32::from(character);
            let plain = (character != ' ').then(|| format!("x=a{character}b"));
            let encoded = [format!("x=a%{byte:02X}b"), format!("x=a%{byte:02x}b")];
            plain.into_iter().chain(encoded)
        })
        .collect();
    let others = [
        "",
        "a",
        "a=",
        "&&a=",
        "=a",
        "a=1&b=2",
        "b=2&a=1",
        "a=1&b=2&a=3",
        "a=1&a=3&b=2",
        "a=1&a=1",
        "2=x&1=y",
        "1=y&2=x",
        "01=x&1=y",
        "x=%ff",
        "x=%EF%BF%BD",
        "x=%C3%A9",
        "x=%c3%a9",
        "x=b=c",
        "x=b%3Dc",
        "x=%zz",
        "x=%25zz",
        "x=%41",
        "x=A",
        "x%27=1",
        "x'=1",
        "x=a%26b=1",
        "x=a&b=1",
        "Body=It%27s+(really)%20fine%21&To=%2B15551234",
        "Body=It's%20(really)%20fine!&To=%2B15551234",
    ];
    queries.extend(others.map(str::to_owned));
    queries
}

/// As the outside sees the gate. Some providers sign it.
const PUBLIC_URL: &str = "https://portal.example.com";
