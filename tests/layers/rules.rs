//! The rules, each a table, and what breaks them.

use crate::source::{Named, Source};

/// Who may import whom: a module, and those below it. No module is there for one that stands above it.
///
/// ```text
/// auth ← challenge, secrets ← tokens ← directory ← ledger, outbound ← gate ← capture, deliveries, telemetry ← proxy, admin ← app ← cli ← main
/// ```
///
/// `store` stands beside the line: it implements the traits of `secrets`, `directory`, `flow`, `capture` and
/// `deliveries`, so nothing on the way of a delivery needs to know it; `admin` asks it whether it answers. `config` makes domain
/// types, so it may know those who own them; only the two that start a process know `config`. `explain` is
/// asked by people and passed by no delivery: only `cli` knows it. `control` stands on the traits of the stores and
/// below `cli`, which prints what it answers.
pub(crate) const LAYERS: [(&str, &str); 33] = [
    ("clock", ""),
    ("sync", ""),
    ("private_file", ""),
    ("tls", "private_file"),
    ("task", "clock"),
    ("redis", "clock task tls"),
    ("audit", ""),
    ("http_syntax", ""),
    ("json_pointer", ""),
    ("auth", "json_pointer"),
    ("payload", "http_syntax json_pointer"),
    ("challenge", "json_pointer auth"),
    ("secrets", "clock private_file task audit auth"),
    ("tokens", "clock task audit auth secrets"),
    (
        "directory",
        "clock task audit auth payload challenge secrets tokens",
    ),
    ("operators", "clock audit auth secrets tokens directory"),
    (
        "flow",
        "clock audit auth payload challenge secrets tokens directory",
    ),
    ("ledger", "clock sync task redis"),
    ("outbound", "clock tls auth"),
    (
        "gate",
        "clock sync audit auth payload challenge secrets tokens directory ledger outbound",
    ),
    ("capture", "clock task auth payload secrets directory gate"),
    ("deliveries", "clock task secrets directory"),
    (
        "store",
        "clock private_file task audit auth payload challenge secrets tokens directory operators flow gate capture deliveries",
    ),
    (
        "control",
        "clock audit auth payload challenge secrets tokens directory operators flow capture deliveries store",
    ),
    (
        "telemetry",
        "clock task audit auth payload challenge secrets tokens directory ledger outbound gate deliveries",
    ),
    (
        "proxy",
        "clock task tls audit http_syntax auth payload challenge secrets tokens directory ledger outbound gate capture telemetry",
    ),
    (
        "admin",
        "clock task audit auth payload challenge secrets tokens directory ledger outbound gate capture telemetry store",
    ),
    (
        "console",
        "clock task audit auth secrets tokens directory operators flow deliveries control store",
    ),
    ("explain", "auth secrets directory gate capture proxy"),
    (
        "config",
        "clock private_file tls redis audit auth payload challenge secrets tokens directory flow ledger outbound gate deliveries telemetry proxy admin store",
    ),
    (
        "app",
        "clock task tls redis audit auth payload challenge secrets tokens directory operators flow ledger outbound gate capture deliveries telemetry proxy admin store control console config",
    ),
    (
        "cli",
        "clock task tls redis audit auth payload challenge secrets tokens directory operators flow ledger outbound gate capture deliveries control telemetry proxy admin store explain config app",
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

/// What changes a store, each with the modules that may name it: those that store it, and `control`, which holds the
/// rules. The others ask `control`. A name that is also an enum variant has its module before it.
const CHANGES: [(&str, &str); 17] = [
    (
        "AuditEntry",
        "audit secrets tokens directory operators flow store control",
    ),
    ("LoginLink::new", "operators store control"),
    ("OperatorStore", "operators store control"),
    ("operators::Session", "operators store control"),
    ("RandomSecret", "tokens operators control"),
    ("EndpointChange", "directory flow store control"),
    ("FlowChange", "flow store control"),
    ("NewMove", "flow store control"),
    ("NewVersion", "flow store control"),
    ("flow::Draft", "flow store control"),
    (
        "secrets::NewSecretVersion",
        "secrets directory flow store control",
    ),
    ("CiphertextReplacement", "secrets store control"),
    ("Vault", "secrets app control"),
    ("vault", "secrets app control"),
    ("Issuer", "tokens control"),
    ("NewToken", "tokens control"),
    ("change_flow", "flow store control"),
];

/// Types whose `now` reads a clock.
const CLOCKS: [&str; 4] = ["Instant", "SystemTime", "Timestamp", "Zoned"];

/// The modules whose answers depend on their arguments alone, and what they must not name.
const PURE: [&str; 3] = ["auth", "payload", "challenge"];
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
    let places = source.names.iter().filter_map(|named| {
        let why = place_fault(&source.path, named)?;
        Some((named.line, why))
    });
    let mut found: Vec<(usize, String)> = imports.chain(names).chain(places).collect();
    found.sort();
    found
        .into_iter()
        .map(|(line, why)| format!("{}:{line}: {why}", source.path))
        .collect()
}

/// Files that start something by themselves, and why it needs no supervisor. Everything else that runs beside
/// deliveries is started by `Tasks::supervise`.
const SPAWNS: [(&str, &str); 18] = [
    ("src/task/mod.rs", "the supervisor itself"),
    ("src/telemetry/lines.rs", "the threads that write the logs"),
    (
        "src/gate/payload.rs",
        "one payload, awaited by its delivery",
    ),
    (
        "src/redis/connect.rs",
        "one connection; the reconnect task notices its end",
    ),
    ("src/ledger/traits.rs", "the rest of one settlement"),
    ("src/ledger/fleet.rs", "the rest of one settlement"),
    (
        "src/secrets/cache/flight.rs",
        "one load, contained; its end is noticed however it comes",
    ),
    ("src/secrets/vault.rs", "a command, which waits for it"),
    ("src/admin/key_service.rs", "one check, contained"),
    (
        "src/app/mod.rs",
        "the parent of the listeners; readiness watches it",
    ),
    ("src/gate/budget_shares.rs", "greedy senders of a test"),
    (
        "src/app/console.rs",
        "the thread of the console, in a supervised task that waits for it",
    ),
    (
        "src/console/listener.rs",
        "one connection of the console, in a set that ends with the listener",
    ),
    (
        "src/console/service.rs",
        "one request of the console, contained and awaited",
    ),
    ("src/proxy/h2.rs", "one stream of a connection"),
    ("src/cli/client/mod.rs", "a command"),
    ("src/cli/demo/engine.rs", "a command"),
    ("src/cli/demo/sender.rs", "a command"),
];
const SPAWN_WORDS: [&str; 4] = ["spawn", "spawn_blocking", "spawn_local", "spawn_on"];

/// Files that write to the standard streams. The macros of the standard library panic if that fails.
const OUTPUTS: [&str; 2] = ["src/cli/output.rs", "src/telemetry/lines.rs"];
const OUTPUT_MACROS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];
const OUTPUT_STREAMS: [&str; 2] = ["stderr", "stdout"];

fn place_fault(path: &str, named: &Named) -> Option<String> {
    let word = named.path.last().map_or("", String::as_str);
    if SPAWN_WORDS.contains(&word) && !SPAWNS.iter().any(|(file, _)| *file == path) {
        return Some(format!(
            "`{word}` starts something that nobody restarts: use `Tasks::supervise`, or add the file to `SPAWNS` \
             with the reason"
        ));
    }
    let first = named.path.first().map_or("", String::as_str);
    let is_stream = OUTPUT_STREAMS.contains(&word) && named.path.len() > 1;
    if is_stream && !OUTPUTS.contains(&path) {
        return Some(format!(
            "`{word}` is written by `LineWriter` and `cli::output` only: they lose lines rather than panic or wait"
        ));
    }
    if named.path.len() == 1 && OUTPUT_MACROS.contains(&first) && named.is_macro {
        return Some(format!(
            "`{first}!` panics when the stream is gone: use `cli::output`, or log it"
        ));
    }
    None
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
    for (change, allowed) in CHANGES {
        let segments: Vec<&str> = change.split("::").collect();
        let is_named = named.path.windows(segments.len()).any(|found| {
            found
                .iter()
                .map(String::as_str)
                .eq(segments.iter().copied())
        });
        if is_named && !allowed.split_whitespace().any(|it| it == module) {
            return Some(format!(
                "`{module}` names `{path}`, but only `control` decides what is changed in a store: add an entry there"
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
