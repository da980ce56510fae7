//! conf/portcullis.toml, which shows people every key: nothing is missing in it, nothing is made up, and
//! every default is the true one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use portcullis::config::{Config, Mistakes};
use portcullis::store::EngineSettings;

use crate::support::*;

/// What stands before a default, and before an example of a key without one. Prose has a space there.
const DEFAULT: &str = "#";
const EXAMPLE: &str = "##";
const FILE: &str = include_str!("../../../conf/portcullis.toml");

/// The file with the lines behind `marks` in force.
fn with(marks: &[&str]) -> String {
    let in_force = |line: &str| {
        let bare = line.trim_start_matches('#');
        let mark = &line[..line.len() - bare.len()];
        let is_prose = bare.is_empty() || bare.starts_with(' ');
        if marks.contains(&mark) && !is_prose {
            bare.to_owned()
        } else {
            line.to_owned()
        }
    };
    FILE.lines().map(in_force).collect::<Vec<_>>().join("\n")
}

fn read(text: &str) -> Result<Config, Mistakes> {
    Config::parse(Path::new("conf/portcullis.toml"), text)
}

/// Everything that a configuration says.
fn describe(config: &Config) -> Vec<String> {
    let routes = config.routes.routes();
    let mut lines = vec![
        format!("{:?}", config.server),
        format!("{:?}", config.public),
        format!("{:?}", config.admin),
        format!("{:?}", config.console),
        format!("{:?}", config.gate),
        format!("{:?}", config.ledger),
        format!("{:?}", config.body_budget_bytes),
        format!("{:?}", config.names),
        format!("{:?}", config.store),
        format!("{:?}", config.key_services),
        format!("{:?}", config.keys),
        format!("{:?}", config.directory),
        format!("{:?}", config.deliveries),
        format!("{:?}", config.upstream_paths),
        format!("{:?}", config.log),
    ];
    lines.extend(routes.iter().map(|route| format!("{route:?}")));
    lines.extend(config.upstreams.iter().map(|upstream| {
        format!(
            "{} {:?} tls {} {:?} {:?} {:?}",
            upstream.name,
            upstream.addresses,
            upstream.tls.is_some(),
            upstream.timeouts,
            upstream.idle_timeout,
            upstream.host
        )
    }));
    lines
}

#[test]
fn the_example_and_the_smallest_one_say_the_same() {
    let smallest = read(include_str!("../../../conf/minimal.toml")).unwrap();
    assert_eq!(describe(&read(FILE).unwrap()), describe(&smallest));

    let gate = Gate::configured(FILE);
    let checked = gate.run(&["check", "--running"]).succeeded();
    assert!(checked.contains("portcullis.toml: ok; "), "{checked}");
    assert_eq!(gate.files(), ["portcullis.toml"]);
}

#[test]
fn every_default_in_the_example_is_the_true_one() {
    let defaults = with(&[DEFAULT]);
    assert_ne!(defaults, FILE);
    assert_eq!(
        describe(&read(&defaults).unwrap()),
        describe(&read(FILE).unwrap())
    );
}

#[test]
fn every_key_of_the_example_is_known_and_every_value_is_right() {
    let gate = Gate::configured("");
    let authority = Authority::new();
    let portal = authority.sign("portal.example.com");
    let own = authority.sign("gate.internal");
    let password = gate.file("portcullis-db.password", "hunter-2\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (name, content) in [
        ("portal.pem", portal.certificate.as_str()),
        ("portal-key.pem", &portal.key),
        ("console.pem", &portal.certificate),
        ("console-key.pem", &portal.key),
        ("authorities.pem", authority.certificate()),
        ("orders-ca.pem", authority.certificate()),
        ("gate.pem", &own.certificate),
        ("gate-key.pem", &own.key),
    ] {
        gate.file(name, content);
    }
    gate.file("redis-ca.pem", authority.certificate());
    let password = gate.file("redis-password", "secret\n");
    std::fs::set_permissions(password, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A store is in a file or in a database; the example shows both.
    let text = with(&[DEFAULT, EXAMPLE]).replace("path = \"portcullis.db\"\n", "");
    let config = Config::parse(&gate.config(), &text);
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let orders = config.upstreams.iter().find(|it| &*it.name == "orders");
    let tls = orders.unwrap().tls.as_ref().unwrap();
    assert_eq!(tls.server_name, "orders.internal");
    assert!(tls.ca.is_some() && tls.client.is_some());
    assert!(matches!(config.store.engine, EngineSettings::Postgres(_)));
    // What the example says is what holds without it.
    let (redis, prefix) = config.ledger.redis.unwrap();
    assert_eq!(redis.to_string(), "rediss://gate@redis.internal:6380/0");
    assert_eq!(prefix, Default::default());
    let bare = "[ledger]\nurl = \"redis://localhost\"\n";
    let bare = read(&format!(
        "{}\n{bare}",
        include_str!("../../../conf/minimal.toml")
    ))
    .unwrap();
    let (bare, _) = bare.ledger.redis.unwrap();
    assert_eq!(redis.connect_timeout, bare.connect_timeout);
    assert_eq!(redis.response_timeout, bare.response_timeout);
}

#[test]
fn every_key_that_is_known_is_in_the_example() {
    let whole = with(&[DEFAULT, EXAMPLE]);
    let mut shown = keys_by_table(&whole);
    for (table, known) in known_keys(&whole) {
        let shown = shown.remove(&table).unwrap_or_default();
        assert_eq!(shown, known, "the keys of `{table}`");
    }
    assert!(shown.is_empty(), "nothing was said about {shown:?}");
}

/// The keys of every table of `text`, tables in tables among them; of an array, all together.
fn keys_by_table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']).to_owned();
            let (outer, name) = table.rsplit_once('.').unwrap_or(("", &table));
            // The names of upstreams are their owners'.
            if outer != "upstreams" {
                let outer = tables.entry(outer.to_owned()).or_default();
                outer.insert(name.to_owned());
            } else {
                tables
                    .entry(String::new())
                    .or_default()
                    .insert(outer.into());
            }
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            tables.entry(table.clone()).or_default().insert(key.into());
        }
    }
    // Every upstream has the same keys.
    let (upstreams, mut tables): (BTreeMap<_, _>, BTreeMap<_, _>) = tables
        .into_iter()
        .partition(|(table, _)| table.starts_with("upstreams."));
    tables.insert(
        UPSTREAM.to_owned(),
        upstreams.into_values().flatten().collect(),
    );
    tables
}

/// The keys of every table of `text` that the program knows: what it says where one is unknown.
fn known_keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut probed = format!("{PROBE} = 1\n");
    for line in text.lines() {
        probed.push_str(line);
        probed.push('\n');
        if line.starts_with('[') {
            probed.push_str(&format!("{PROBE} = 1\n"));
        }
    }
    let mistakes = read(&probed).err().expect("unknown keys");
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mistake in mistakes.0 {
        let Some(table) = mistake.key.strip_suffix(PROBE) else {
            // The files of the examples are not there.
            assert!(!mistake.message.contains("unknown key"), "{mistake}");
            continue;
        };
        let table = table.trim_end_matches('.');
        let table = if table.starts_with("upstreams.") {
            UPSTREAM
        } else {
            table.split('[').next().unwrap()
        };
        let known = mistake.message.split('`').skip(1).step_by(2);
        let known = known.filter(|word| *word != PROBE).map(str::to_owned);
        tables.entry(table.to_owned()).or_default().extend(known);
    }
    tables
}

const PROBE: &str = "probe";
const UPSTREAM: &str = "upstreams.*";
