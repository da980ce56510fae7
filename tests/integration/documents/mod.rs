//! The documents, followed: every walk of a page runs against the real program, and prints what the page says.

mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portcullis::auth::SchemeWords;
use portcullis::challenge::Challenge;
use portcullis::config::Config;
use serde_json::Value;

use self::walk::{Walk, blocks};
use crate::support::*;

/// The pages whose walks are run below, each by the test of its name.
const WALKS: [&str; 18] = [
    "README.md",
    "docs/guide/challenges.md",
    "docs/guide/contracts.md",
    "docs/guide/custom-signature.md",
    "docs/guide/drafts.md",
    "docs/guide/first-endpoint.md",
    "docs/guide/flows.md",
    "docs/guide/github.md",
    "docs/guide/replays.md",
    "docs/guide/rotation.md",
    "docs/guide/slack.md",
    "docs/guide/stripe.md",
    "docs/guide/troubleshooting.md",
    "docs/guide/twilio.md",
    "docs/operate/backup.md",
    "docs/operate/configuration.md",
    "docs/operate/install.md",
    "docs/operate/upgrade.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Follows a page in front of a backend, and gives the access log of its gate.
///
/// Whatever the page delivers: the backend gets what the gate has admitted, and nothing else.
#[track_caller]
fn follow(name: &str, backend: &Backend) -> Vec<Value> {
    assert!(WALKS.contains(&name), "{name}");
    let mut walk = Walk::before(backend);
    let commands = walk.follow(&page(name));
    // The README may do without a walk.
    assert!(commands > 0 || name == "README.md", "{name} has no walk");
    let log = walk.end();
    let admitted = log.iter().filter(|line| line["outcome"] == "admitted");
    assert_eq!(backend.received().len(), admitted.count(), "{log:#?}");
    log
}

fn reasons(log: &[Value]) -> BTreeSet<&str> {
    log.iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect()
}

fn fields(line: &Value) -> BTreeSet<&String> {
    line.as_object().unwrap().keys().collect()
}

#[test]
fn the_readme_can_be_followed() {
    follow("README.md", &Backend::accepting());
}

#[test]
fn a_first_endpoint_admits_its_delivery_and_no_other() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/first-endpoint.md", &backend);
    let ping = backend.only();
    assert_eq!(ping.header("X-GitHub-Event"), "ping");
    assert_eq!(ping.header("X-Portal-Org-Id"), "acme");
    let known = ["admitted", "not_configured", "signature_mismatch"];
    assert_eq!(reasons(&log), known.into());
}

#[test]
fn github_can_be_followed_and_its_log_line_has_the_fields_of_the_page() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/github.md", &backend);
    assert_eq!(backend.only().header("X-Portal-Auth-Mode"), "provider");
    let page = page("docs/guide/github.md");
    let blocks = blocks(&page);
    let (_, example) = blocks.iter().find(|(info, _)| *info == "text log").unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    assert_eq!(fields(&example), fields(&log[0]));
}

#[test]
fn the_configuration_of_the_github_page_is_right() {
    let gate = Gate::configured("");
    let identity = Authority::new().sign("portal.example.com");
    gate.file("portal.pem", identity.certificate);
    gate.file("portal-key.pem", identity.key);
    let page = page("docs/guide/github.md");
    let blocks = blocks(&page);
    let public = blocks.iter().find(|it| it.0 == "toml portcullis.toml");
    let text = include_str!("../../../conf/minimal.toml").to_owned() + "\n" + &public.unwrap().1;
    let config = Config::parse(&gate.config(), &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(config.public.url, "https://portal.example.com");
    assert!(config.public.http.is_none());
}

#[test]
fn stripe_delivers_once_whatever_is_repeated() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/stripe.md", &backend);
    assert_eq!(backend.only().header("X-Portal-Delivery-Id"), "evt_1");
    let known = [
        "admitted",
        "duplicate",
        "signature_mismatch",
        "timestamp_stale",
    ];
    assert_eq!(reasons(&log), known.into());
}

#[test]
fn slack_is_answered_and_delivers_for_one_workspace() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/slack.md", &backend);
    assert_eq!(backend.only().header("X-Portal-Delivery-Id"), "Ev1");
    let known = ["account_mismatch", "admitted", "handshake"];
    assert_eq!(reasons(&log), known.into());
}

#[test]
fn twilio_delivers_to_the_url_that_it_signed() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/twilio.md", &backend);
    assert_eq!(
        backend.only().header("X-Portal-Endpoint-Id"),
        "workflows/sms"
    );
    let known = ["admitted", "signature_mismatch", "signature_missing"];
    assert_eq!(reasons(&log), known.into());
}

#[test]
fn a_signature_of_ones_own_is_verified_from_any_client() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/custom-signature.md", &backend);
    let received = backend.received();
    let ids: Vec<&str> = received
        .iter()
        .map(|it| it.header("X-Portal-Delivery-Id"))
        .collect();
    assert_eq!(ids, ["t-1", "t-2"]);
    let known = ["admitted", "signature_mismatch", "timestamp_stale"];
    assert_eq!(reasons(&log), known.into());
}

#[test]
fn a_draft_takes_deliveries_until_the_token_is_revoked() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/drafts.md", &backend);
    let received = backend.received();
    let first = received.first().unwrap();
    assert_eq!(first.header("X-Portal-Auth-Mode"), "workspace");
    assert!(first.headers("Authorization").is_empty());
    assert_eq!(log.last().unwrap()["reason"], "token_mismatch");
}

#[test]
fn a_provider_challenge_is_answered_without_the_backend() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/challenges.md", &backend);
    assert_eq!(reasons(&log), ["handshake"].into());
}

#[test]
fn a_rotation_ends_the_old_secret_and_not_before() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/rotation.md", &backend);
    let proven: BTreeSet<&str> = log
        .iter()
        .filter_map(|line| line["secret"].as_str())
        .collect();
    assert_eq!(proven, ["current", "previous"].into());
    assert_eq!(reasons(&log), ["admitted", "signature_mismatch"].into());
}

#[test]
fn repeated_deliveries_have_the_results_of_the_page() {
    let log = follow("docs/guide/replays.md", &Backend::accepting());
    assert_eq!(reasons(&log), ["admitted", "duplicate", "replay"].into());
}

#[test]
fn a_contract_lets_what_the_backend_can_use_through() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/contracts.md", &backend);
    assert_eq!(backend.only().header("X-Portal-Concurrency-Key"), "in_1");
    let known = ["admitted", "ignored", "payload_invalid"];
    assert_eq!(reasons(&log), known.into());
}

#[test]
fn a_flow_goes_from_an_empty_folder_to_an_installation() {
    let backend = Backend::accepting();
    follow("docs/guide/flows.md", &backend);
    let mut targets: Vec<String> = backend
        .received()
        .iter()
        .map(|it| it.header("X-Portal-Target").to_owned())
        .collect();
    // A delivery right after a change is repeated until the change is in force.
    targets.dedup();
    assert_eq!(targets, ["draft", "live", "installation"]);
}

#[test]
fn a_refused_delivery_can_be_explained() {
    let backend = Backend::accepting();
    let log = follow("docs/guide/troubleshooting.md", &backend);
    let received = backend.received();
    let of = |event: &str| {
        received
            .iter()
            .any(|it| it.headers("X-GitHub-Event") == [event])
    };
    assert!(of("ping") && of("pull_request"), "{received:#?}");
    assert_eq!(reasons(&log), ["admitted", "signature_mismatch"].into());
}

#[test]
fn a_wrong_configuration_is_reported_as_the_page_shows() {
    follow("docs/operate/configuration.md", &Backend::refusing());
}

#[test]
fn an_installed_gate_starts() {
    follow("docs/operate/install.md", &Backend::refusing());
}

#[test]
fn a_backup_is_restored() {
    follow("docs/operate/backup.md", &Backend::refusing());
}

#[test]
fn a_schema_is_brought_up_to_date() {
    follow("docs/operate/upgrade.md", &Backend::refusing());
}

/// The words in backticks in the first column of the tables of a page.
fn listed(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split(" | ").next().unwrap());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_tables_of_scheme_keys_and_of_challenges_are_complete() {
    let keys = listed(&page("docs/guide/custom-signature.md"));
    assert_eq!(keys, SchemeWords::keys().map(str::to_owned).collect());
    let challenges = listed(&page("docs/guide/challenges.md"));
    let known = Challenge::all().iter().map(|it| it.name.to_string());
    assert_eq!(challenges, known.collect());
}

#[test]
fn every_page_with_a_walk_is_followed_and_every_recipe_exists() {
    let makefile = include_str!("../../../Makefile");
    for path in pages() {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let text = page(name);
        for (info, block) in blocks(&text) {
            assert!(
                !info.starts_with("sh walk") || WALKS.contains(&name),
                "{name}"
            );
            for recipe in block.lines().filter_map(|line| line.strip_prefix("make ")) {
                let recipe = recipe.split(' ').next().unwrap();
                assert!(
                    makefile.contains(&format!("\n{recipe}: ")),
                    "{name}: make {recipe}"
                );
            }
        }
    }
}

/// The documents at the root, and every page of the book.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().join("docs")];
    let mut pages = Vec::new();
    let of = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let is_page = |path: &PathBuf| path.extension().is_some_and(|it| it == "md");
    pages.extend(of(root()).into_iter().filter(is_page));
    while let Some(folder) = folders.pop() {
        for path in of(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if is_page(&path) {
                pages.push(path);
            }
        }
    }
    pages
}
