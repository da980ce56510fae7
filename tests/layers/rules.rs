//! The rules, each a table, and what breaks them.

use crate::source::{Named, Source};

/// Who may import whom: a module, and those below it. No module is there for one that stands above it.
///
/// ```text
/// auth ← handshake, secrets ← tokens ← directory ← ledger, outbound ← gate ← capture, telemetry ← proxy, admin ← app ← cli ← main
/// ```
///
/// `store` stands beside the line: it implements the traits of `secrets`, `directory`, `flow` and `capture`, so nothing on
/// the way of a delivery needs to know it; `admin` asks it whether it answers. `config` makes domain
/// types, so it may know those who own them; only the two that start a process know `config`. `explain` is
/// asked by people and passed by no delivery: only `cli` knows it.
pub(crate) const LAYERS: [(&str, &str); 24] = [
    ("clock", ""),
    ("sync", ""),
    ("redis", "clock"),
    ("audit", ""),
    ("auth", ""),
    ("contract", ""),
    ("handshake", "auth"),
    ("secrets", "clock audit auth"),
    ("tokens", "clock audit auth secrets"),
    (
        "directory",
        "clock audit auth contract handshake secrets tokens",
    ),
    (
        "flow",
        "clock audit auth contract handshake secrets tokens directory",
    ),
    ("ledger", "clock sync redis"),
    ("outbound", "clock auth"),
    (
        "gate",
        "clock sync audit auth contract handshake secrets tokens directory ledger outbound",
    ),
    ("capture", "clock auth contract secrets directory gate"),
    (
        "store",
        "clock audit auth contract handshake secrets tokens directory flow gate capture",
    ),
    (
        "telemetry",
        "clock audit auth contract handshake secrets tokens directory ledger outbound gate",
    ),
    (
        "proxy",
        "clock audit auth contract handshake secrets tokens directory ledger outbound gate capture telemetry",
    ),
    (
        "admin",
        "clock audit auth contract handshake secrets tokens directory ledger outbound gate capture telemetry store",
    ),
    ("explain", "auth secrets directory gate capture proxy"),
    (
        "config",
        "clock redis audit auth contract handshake secrets tokens directory flow ledger outbound gate telemetry proxy admin store",
    ),
    (
        "app",
        "clock redis audit auth contract handshake secrets tokens directory ledger outbound gate capture telemetry proxy admin store config",
    ),
    (
        "cli",
        "clock redis audit auth contract handshake secrets tokens directory flow ledger outbound gate capture telemetry proxy admin store explain config app",
    ),
    ("main", "cli"),
];

/// The modules that stand below `module`; none for the root of the library.
pub(crate) fn below(module: &str) -> impl Iterator<Item = &'static str> {
    let row = LAYERS.iter().find(|(row, _)| *row == module);
    row.map_or("", |(_, below)| below).split_whitespace()
}

/// Crates that one module keeps from the others, so that they can be exchanged in one place.
const OWNED_CRATES: [(&str, &str, &str); 4] = [
    (
        "aws_",
        "secrets",
        "who keeps the keys is the business of one module",
    ),
    (
        "pingora_",
        "proxy",
        "how deliveries are carried is the business of one module",
    ),
    (
        "redis_rs",
        "redis",
        "how Redis is spoken to is the business of one module",
    ),
    (
        "sqlx",
        "store",
        "where things are kept is the business of one module",
    ),
];

/// Types whose `now` reads a clock.
const CLOCKS: [&str; 4] = ["Instant", "SystemTime", "Timestamp", "Zoned"];

/// The modules whose answers depend on their arguments alone, and what they must not name.
const PURE: [&str; 3] = ["auth", "contract", "handshake"];
const IMPURE: [&[&str]; 18] = [
    &["async"],
    &["await"],
    &["dbg"],
    &["eprint"],
    &["eprintln"],
    &["getrandom"],
    &["log"],
    &["print"],
    &["println"],
    &["prometheus"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "io"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["tokio"],
    &["tracing"],
];

/// Everything in `source` that a rule forbids, each as `file:line: what and why not`.
pub(crate) fn violations(source: &Source) -> Vec<String> {
    let module = source.module.first().map_or("lib", String::as_str);
    let imports = source.imports().filter_map(|import| {
        let why = import_fault(module, &import.module)?;
        Some((import.line, why))
    });
    let names = source.names.iter().filter_map(|named| {
        let why = name_fault(module, named)?;
        Some((named.line, why))
    });
    let mut found: Vec<(usize, String)> = imports.chain(names).collect();
    found.sort();
    found
        .into_iter()
        .map(|(line, why)| format!("{}:{line}: {why}", source.path))
        .collect()
}

fn import_fault(module: &str, imported: &str) -> Option<String> {
    if module == imported || below(module).any(|allowed| allowed == imported) {
        return None;
    }
    let below: Vec<&str> = below(module).collect();
    let allowed = if below.is_empty() {
        "nothing of the crate".to_owned()
    } else {
        format!("only {}", below.join(", "))
    };
    Some(format!(
        "`{module}` imports `crate::{imported}`, which does not stand below it; it may import {allowed}"
    ))
}

fn name_fault(module: &str, named: &Named) -> Option<String> {
    let path = named.path.join("::");
    let first = named.path.first().map_or("", String::as_str);
    for (owned, owner, why) in OWNED_CRATES {
        let is_owned = first == owned || (owned.ends_with('_') && first.starts_with(owned));
        if is_owned && module != owner {
            return Some(format!(
                "`{module}` names `{path}`, but only `{owner}` may: {why}"
            ));
        }
    }
    let reads_clock = named
        .path
        .windows(2)
        .any(|pair| CLOCKS.contains(&&*pair[0]) && pair[1] == "now");
    if reads_clock && module != "clock" {
        return Some(format!(
            "`{module}` calls `{path}`, but only `clock` reads the time: take it as an argument, or \
             hold a `Clock`"
        ));
    }
    let impure = IMPURE.iter().any(|outside| {
        named
            .path
            .iter()
            .map(String::as_str)
            .take(outside.len())
            .eq(outside.iter().copied())
    });
    if impure && PURE.contains(&module) {
        return Some(format!(
            "`{module}` names `{path}`, but is pure: what it says depends on its arguments alone"
        ));
    }
    None
}
