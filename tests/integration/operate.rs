//! The pages for operators beside the program: its metrics, the fields of its log, alerts, and configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use portcullis::auth::ProofError;
use portcullis::config::Config;
use portcullis::proxy::UpstreamFault;

use crate::support::*;

const LOGS: &str = include_str!("../../docs/operate/logs.md");
const METRICS: &str = include_str!("../../docs/operate/metrics.md");
/// Every page that shows a configuration.
const CONFIGURED: [(&str, &str); 8] = [
    ("backup", include_str!("../../docs/operate/backup.md")),
    ("balancers", include_str!("../../docs/operate/balancers.md")),
    (
        "configuration",
        include_str!("../../docs/operate/configuration.md"),
    ),
    ("fleet", include_str!("../../docs/operate/fleet.md")),
    ("kms", include_str!("../../docs/operate/kms.md")),
    (
        "postgresql",
        include_str!("../../docs/operate/postgresql.md"),
    ),
    ("redis", include_str!("../../docs/operate/redis.md")),
    ("tls", include_str!("../../docs/operate/tls.md")),
];

/// A metric, as the page and the program describe it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
}

/// The text of `page` from a heading to the next one of its level or above.
#[track_caller]
fn section<'t>(page: &'t str, heading: &str) -> &'t str {
    let (_, text) = page
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"));
    let level = heading.split(' ').next().unwrap().len();
    let ends = (1..=level).filter_map(|level| text.find(&format!("\n{} ", "#".repeat(level))));
    &text[..ends.min().unwrap_or(text.len())]
}

/// The cells of the rows of all tables in `text`.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'))
        .map(|line| line.split('|').map(str::trim).collect())
}

fn words(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The metrics in the tables of `text`.
fn listed(text: &str) -> BTreeMap<String, Metric> {
    let mut listed = BTreeMap::new();
    for row in rows(text) {
        let Some(name) = words(row[0]).pop_first() else {
            continue;
        };
        if ["portcullis_", "process_"]
            .iter()
            .any(|it| name.starts_with(it))
        {
            let (kind, labels) = (row[1].to_owned(), words(row[2]));
            let twice = listed.insert(name.clone(), Metric { kind, labels });
            assert!(twice.is_none(), "{name} is listed twice");
        }
    }
    listed
}

/// What a gate shows at `/metrics`, and every value of every label.
fn shown(text: &str) -> (BTreeMap<String, Metric>, BTreeMap<String, BTreeSet<String>>) {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|it| it.split_once(' '))
        {
            let kind = kind.to_owned();
            let labels = BTreeSet::new();
            metrics.insert(name.to_owned(), Metric { kind, labels });
        }
        let Some((name, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let metric = metrics.get_mut(name.strip_suffix("_bucket").unwrap_or(name));
        let metric = metric.unwrap_or_else(|| panic!("{line}"));
        for label in labels.split_once('}').unwrap().0.split(',') {
            let (label, value) = label.split_once('=').unwrap();
            if label != "le" {
                metric.labels.insert(label.to_owned());
                let value = value.trim_matches('"').to_owned();
                values.entry(label.to_owned()).or_default().insert(value);
            }
        }
    }
    (metrics, values)
}

/// A gate that has admitted a delivery, so that every metric has a value.
fn busy(gate: Gate) -> Gate {
    let gate = gate.endpoint("hmac").start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    // The record of a delivery may come a moment after its answer.
    gate.wait_for_at_least("portcullis_delivery_seconds_count", 1);
    gate
}

#[test]
fn the_page_lists_exactly_the_metrics_that_a_gate_has() {
    let backend = Backend::accepting();
    let redis = RedisServer::start();
    let ledger = format!("url = \"{}\"", redis.url());
    let gate = busy(Gate::before(&backend).with("ledger", &ledger));
    let (metrics, values) = shown(&gate.metrics());
    assert_eq!(listed(section(METRICS, "## Metrics")), metrics);

    // Where the values of a label are a closed list, the page has all of them.
    for (label, values) in values {
        let place = match label.as_str() {
            "mode" | "reason" | "route" | "upstream" | "version" => continue,
            "task" => section(METRICS, "### Tasks"),
            _ => section(METRICS, "## Metrics"),
        };
        let known = words(place);
        let missing: Vec<_> = values.difference(&known).collect();
        assert!(missing.is_empty(), "{label}: {missing:?}");
    }
}

#[test]
fn without_redis_a_gate_has_the_other_metrics_of_the_page() {
    let gate = busy(Gate::before(&Backend::accepting()));
    let (metrics, _) = shown(&gate.metrics());
    let mut without = listed(section(METRICS, "## Metrics"));
    for name in listed(section(METRICS, "### With Redis")).keys() {
        without.remove(name);
    }
    assert_eq!(without, metrics);
}

#[test]
fn the_page_lists_exactly_the_fields_of_the_access_log() {
    let (backend, gone) = (Backend::accepting(), Backend::refusing());
    let nowhere = format!("addresses = [\"{}\"]", gone.address());
    let gate = Gate::before(&backend)
        .with("upstreams.gone", &nowhere)
        .with("bodies", "max = \"1 KiB\"")
        .endpoint("hmac")
        .endpoint_with("workflows/gone", &["--mode", "hmac", "--upstream", "gone"])
        .start();
    let signed = |id: &str, body: &[u8]| {
        let signature = github_signature(&gate.secret(id), body);
        let request = Request::post(&format!("/webhooks/ai/{id}"));
        request.header("X-Hub-Signature-256", &signature).body(body)
    };
    // One that is admitted, one that the backend does not get, and one with a cause.
    for (request, status) in [
        (signed(ID, b"{}"), 202),
        (signed("workflows/gone", b"{}"), 502),
        (signed(ID, &[b' '; 2048]), 413),
    ] {
        assert_eq!(send(gate.http(), &request).status, status);
    }
    let lines = gate.log(3);
    let fields = |line: &serde_json::Value| -> BTreeSet<String> {
        line.as_object().unwrap().keys().cloned().collect()
    };
    let written: BTreeSet<String> = lines.iter().flat_map(fields).collect();
    let table = section(LOGS, "## The access log");
    let (table, faults) = table.split_once("| `upstream_fault` | meaning |").unwrap();
    let first_words = |text| {
        rows(text)
            .flat_map(|row| words(row[0]))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(first_words(table), written);
    let known = UpstreamFault::ALL.map(|fault| fault.word().to_owned());
    assert_eq!(first_words(faults), BTreeSet::from(known));

    let admitted = lines.iter().find(|line| line["outcome"] == "admitted");
    let example = table.split_once("```text log\n").unwrap().1;
    let example = example.split("```").next().unwrap();
    let example: serde_json::Value = serde_json::from_str(example).unwrap();
    assert_eq!(fields(&example), fields(admitted.unwrap()));
}

/// The words of a PromQL expression: names, and the texts in quotes.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut is_quoted = false;
    for character in expression.chars() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                tokens.push(String::new());
            }
            it if is_quoted || it.is_ascii_alphanumeric() || it == '_' => {
                tokens.last_mut().unwrap().push(it);
            }
            it => tokens.extend([it.to_string(), String::new()]),
        }
    }
    tokens.retain(|token| !token.trim().is_empty());
    tokens
}

#[test]
fn every_alert_asks_for_metrics_labels_and_reasons_that_there_are() {
    let metrics = listed(section(METRICS, "## Metrics"));
    let closed = words(section(METRICS, "## Metrics"));
    let source = include_str!("../../src/gate/reason.rs");
    let reasons: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .chain(ProofError::ALL.map(ProofError::word))
        .collect();

    let (_, rules) = METRICS.split_once("```yaml alerts.yml\n").unwrap();
    let rules = rules.split("```").next().unwrap();
    let mut checked = BTreeSet::new();
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let (_, expression) = rule.split_once("expr:").unwrap();
        let (expression, _) = expression.split_once("labels: { severity:").unwrap();
        let tokens = tokens(expression);
        for (place, token) in tokens.iter().enumerate() {
            if !token.starts_with("portcullis_") {
                continue;
            }
            let metric = metrics.get(token);
            let metric = metric.unwrap_or_else(|| panic!("{name}: there is no {token}"));
            checked.insert(token.clone());
            let selector = tokens[place + 1..].iter().map(String::as_str);
            let mut selector = selector.take_while(|it| *it != "}");
            if selector.next() != Some("{") {
                continue;
            }
            let selector: Vec<&str> = selector.filter(|it| !matches!(*it, "=" | "~")).collect();
            for pair in selector.split(|it| *it == ",") {
                let [label, values] = pair else {
                    panic!("{name}: {pair:?}");
                };
                assert!(
                    metric.labels.contains(*label),
                    "{name}: {token} has no {label}"
                );
                for value in values.split('|') {
                    let is_known = match *label {
                        "reason" => reasons.contains(value),
                        _ => closed.contains(value),
                    };
                    assert!(is_known, "{name}: there is no {label} {value}");
                }
            }
        }
    }
    // What fails by itself, and needs a person, has an alert.
    for metric in [
        "portcullis_deliveries_total",
        "portcullis_key_service_failures_total",
        "portcullis_key_service_up",
        "portcullis_ledger_forgotten_total",
        "portcullis_log_lines_lost_total",
        "portcullis_panics_total",
        "portcullis_proofs_total",
        "portcullis_redis_up",
        "portcullis_store_up",
        "portcullis_store_writable",
        "portcullis_task_up",
    ] {
        assert!(checked.contains(metric), "no alert asks for {metric}");
    }
}

#[test]
fn every_configuration_of_the_pages_is_right() {
    let gate = Gate::configured("");
    let authority = Authority::new();
    for (certificate, key) in [
        ("portal.pem", "portal-key.pem"),
        ("gate.pem", "gate-key.pem"),
    ] {
        let identity = authority.sign("portal.example.com");
        gate.file(certificate, identity.certificate);
        gate.file(key, identity.key);
    }
    for ca in ["orders-ca.pem", "redis-ca.pem"] {
        gate.file(ca, authority.certificate());
    }
    for password in ["db-password", "redis-password"] {
        let path = gate.file(password, "a password\n");
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let mut read = 0;
    for (page, text) in CONFIGURED {
        for block in text.split("\n```toml ").skip(1) {
            let (file, block) = block.split_once('\n').unwrap();
            if file == "wrong.toml" {
                continue;
            }
            let mut text = block.split("\n```").next().unwrap().to_owned();
            if !text.contains("[upstreams.") {
                text = text + "\n" + include_str!("../../conf/minimal.toml");
            }
            let config = Config::parse(&gate.config(), &text);
            config.unwrap_or_else(|wrong| panic!("{page}.md, {file}: {wrong}"));
            read += 1;
        }
    }
    assert!(read >= 9, "{read} configurations");
}

/// The commands of the program in the blocks of a page that no walk runs.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let blocks = page.split("\n```sh\n").skip(1);
    blocks
        .flat_map(|block| block.split("\n```").next().unwrap().lines())
        .filter_map(|line| line.strip_prefix("portcullis "))
        .map(|line| line.split(' ').collect())
        .collect()
}

/// The lines of a section of the configuration that a page shows.
#[track_caller]
fn configured<'t>(page: &'t str, section: &str) -> Vec<&'t str> {
    let (_, block) = page.split_once("\n```toml portcullis.toml\n").unwrap();
    let block = block.split("\n```").next().unwrap();
    let (_, lines) = block.split_once(&format!("[{section}]\n")).unwrap();
    lines
        .lines()
        .take_while(|line| !line.starts_with('['))
        .collect()
}

#[test]
fn the_page_about_postgresql_moves_a_store_into_a_database() {
    let page = include_str!("../../docs/operate/postgresql.md");
    let database = Postgres::start();
    let gate = Gate::before(&Backend::accepting())
        .without("store")
        .endpoint("hmac");
    let password = gate.file("db-password", DATABASE_PASSWORD);
    std::fs::set_permissions(password, PermissionsExt::from_mode(0o600)).unwrap();
    let store: Vec<String> = configured(page, "store")
        .into_iter()
        .map(|line| match line.starts_with("url = ") {
            true => format!("url = \"{}\"", database.url()),
            false => line.to_owned(),
        })
        .collect();
    let gate = gate.with_only("store", &store.join("\n"));
    let file = gate.folder().join("portcullis.db");
    let mut printed = String::new();
    for mut words in commands(page) {
        for word in &mut words {
            if *word == "portcullis.db" {
                *word = file.to_str().unwrap();
            }
        }
        printed += &gate.run(&words).succeeded();
    }
    assert!(printed.contains("copied from"), "{printed}");
    assert_eq!(database.number("SELECT count(*) FROM endpoints"), 1);
    // The same key opens what was copied.
    assert_eq!(gate.secret(ID).trim_end().len(), 64);
}

#[test]
fn the_page_about_kms_moves_the_secrets_to_kms_and_makes_a_key() {
    let page = include_str!("../../docs/operate/kms.md");
    let moto = Moto::start();
    moto.alias("alias/portcullis", &moto.key());
    let gate = Gate::before(&Backend::accepting()).endpoint("hmac");
    let secret = gate.secret(ID);
    let place = format!("endpoint = \"http://{}\"", moto.address());
    let gate = gate
        .with("secrets", &configured(page, "secrets").join("\n"))
        .with("secrets.aws", &configured(page, "secrets.aws").join("\n"))
        .with("secrets.aws", &place)
        .environment("AWS_EC2_METADATA_DISABLED", "true")
        .environment("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .environment("AWS_SECRET_ACCESS_KEY", "a-secret-key");
    assert_eq!(commands(page).len(), 2);
    for words in commands(page) {
        gate.run(&words).succeeded();
    }
    let status = gate.run(&["secret", "status", ID]).succeeded();
    assert!(status.contains(" aws "), "{status}");
    assert_eq!(gate.secret(ID), secret);

    let (_, line) = page.split_once("\n```sh\n(umask").unwrap();
    let line = format!("(umask{}", line.split("\n```").next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("sh")
        .args(["-e", "-c", &line])
        .current_dir(folder.path())
        .status();
    assert!(made.unwrap().success());
    let mut init = portcullis();
    init.arg("init").arg(folder.path());
    let printed = CommandOutput::of(init, b"").succeeded();
    assert!(
        printed
            .lines()
            .any(|line| line.starts_with("kept ") && line.contains("the key")),
        "{printed}"
    );
}
