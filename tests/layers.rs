//! Imports run one way, held to the code: who may import whom, who may name which crate, who may read
//! the time. And tests are held to waiting for what they wait for.
//!
//! What is read are tokens, so comments and strings do not count, and bodies of macros do.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

#[path = "layers/rules.rs"]
mod rules;
#[path = "layers/source.rs"]
mod source;
#[path = "layers/waits.rs"]
mod waits;

use std::collections::BTreeSet;

use self::rules::{LAYERS, below, violations};
use self::source::{Source, crate_sources, texts_of};
use self::waits::{EXCEPTIONS, Rule};

#[test]
fn every_module_imports_only_what_stands_below_it() {
    let found: Vec<String> = crate_sources().iter().flat_map(violations).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_its_row_in_the_table() {
    let modules: BTreeSet<String> = crate_sources()
        .into_iter()
        .filter_map(|source| source.module.into_iter().next())
        .collect();
    let rows: BTreeSet<String> = LAYERS.iter().map(|(row, _)| (*row).to_owned()).collect();
    assert_eq!(modules, rows);
}

#[test]
fn what_stands_below_a_module_has_its_row_above_so_there_is_no_circle() {
    for (position, (module, _)) in LAYERS.iter().enumerate() {
        for imported in below(module) {
            let earlier = LAYERS[..position].iter().any(|(row, _)| *row == imported);
            assert!(earlier, "`{imported}` has no row above `{module}`");
        }
    }
}

#[test]
fn an_import_against_the_rule_is_reported_with_its_place_and_the_reason() {
    let found = planted(
        "src/gate/planted.rs",
        "//! Story.\n\nuse crate::proxy::Forwarder;\n",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    let (place, why) = found[0].split_once(": ").unwrap();
    assert_eq!(place, "src/gate/planted.rs:3");
    assert!(why.starts_with("`gate` imports `crate::proxy`"), "{why}");
    assert!(
        why.ends_with("only clock, sync, audit, auth, payload, challenge, secrets, tokens, directory, ledger, outbound"),
        "{why}"
    );
}

#[test]
fn an_import_is_found_however_it_is_written() {
    for line in [
        "use crate::{auth::Verified, proxy as glue};",
        "use crate::{auth::{Key, KeyRing}, directory::Endpoint, proxy::{self}};",
        "use super::super::proxy;",
        "use super::super::{clock, proxy::Upstream};",
        "mod inner { use super::super::super::proxy::Upstream; }",
        "fn f() -> Option<crate::proxy::Upstream> { None }",
        "fn f() { g(&mut crate /* here */ :: proxy::bind) }",
        "fn f() { info!(at = ?crate::proxy::bind()); }",
        "macro_rules! m { () => { $crate::proxy::bind } }",
        "use crate::*;",
        "use crate::{self as everything};",
        "use crate as everything;",
        "use super::super as everything;",
        "use super::super::*;",
    ] {
        let found = planted("src/gate/planted.rs", line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
    }
}

#[test]
fn comments_strings_and_the_own_module_are_no_imports() {
    let text = r##"
        //! `use crate::proxy::Forwarder;`
        /* use crate::proxy; /* nested */ use crate::cli; */
        /// See [`crate::proxy::Forwarder`].
        pub(crate) const A: &str = "crate::proxy::Forwarder // pingora_core";
        const B: &str = r#"use crate::"proxy";"#;
        const C: char = '"'; // use crate::proxy;
        use super::body::Body as Bytes;
        use crate::gate::Reason;
        pub(in crate::gate) fn f<'a>(proxy: &'a str, clock: impl Fn() -> u8) {}
    "##;
    assert_eq!(planted("src/gate/planted.rs", text), [""; 0]);
}

#[test]
fn crates_are_named_by_their_owners_only() {
    for (path, line, allowed) in [
        (
            "src/proxy/planted.rs",
            "use pingora_core::protocols::Stream;",
            true,
        ),
        (
            "src/admin/planted.rs",
            "use pingora_core::protocols::Stream;",
            false,
        ),
        (
            "src/app.rs",
            "fn f(e: Box<::pingora_error::Error>) {}",
            false,
        ),
        ("src/store/planted.rs", "use sqlx::Sqlite;", true),
        (
            "src/directory/planted.rs",
            "async fn f() { sqlx::query(\"\"); }",
            false,
        ),
    ] {
        assert_eq!(planted(path, line).is_empty(), allowed, "{path}: {line}");
    }
}

#[test]
fn only_the_control_plane_and_the_stores_name_what_changes_a_store() {
    for line in [
        "use crate::directory::EndpointChange;",
        "use crate::flow::{FlowChange, FlowState};",
        "use crate::flow::{Draft, Flow};",
        "use crate::flow::{NewMove as Move};",
        "fn f(version: crate::flow::NewVersion) {}",
        "use crate::secrets::{NewSecretVersion, SecretRef};",
        "use crate::secrets::CiphertextReplacement;",
        "fn f(entry: &crate::audit::AuditEntry) {}",
        "use crate::secrets::Vault;",
        "async fn f() { custody.vault().rotate(secret).await }",
        "fn f() { crate::tokens::Issuer::new(store, clock) }",
        "use crate::tokens::NewToken;",
        "async fn f() { store.change_flow(change).await }",
    ] {
        let found = planted("src/cli/planted.rs", line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains("only `control` decides"), "{found:?}");
        assert_eq!(planted("src/control/planted.rs", line), [""; 0], "{line}");
    }
    for line in [
        "fn f() -> FlowTarget { FlowTarget::Installation(id) }",
        "fn f() -> Target { Target::Draft }",
        "use crate::control::{Control, EndpointPlan};",
        "use crate::flow::{FlowTarget, PartName};",
    ] {
        assert_eq!(planted("src/cli/planted.rs", line), [""; 0], "{line}");
    }
}

#[test]
fn the_time_is_read_by_the_clock_only() {
    for line in [
        "fn f() { let now = Instant::now(); }",
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { jiff::Timestamp::now(); }",
        "const F: fn() -> Instant = Instant::now;",
    ] {
        assert_eq!(planted("src/auth/planted.rs", line).len(), 1, "{line}");
        assert_eq!(planted("src/proxy/planted.rs", line).len(), 1, "{line}");
        assert_eq!(planted("src/clock.rs", line).len(), 0, "{line}");
    }
}

#[test]
fn what_is_pure_touches_nothing_outside() {
    for line in [
        "use std::fs::File;",
        "use std::{fmt, io::Read};",
        "fn f() { tracing::info!(1); }",
        "use tokio::net::TcpStream;",
        "fn f() { log::info!(1); }",
        "async fn f() {}",
        "fn f() { g().await }",
    ] {
        let found = planted("src/auth/planted.rs", line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert_eq!(planted("src/cli/planted.rs", line).len(), 0, "{line}");
    }
}

#[test]
fn no_test_depends_on_how_fast_the_machine_is() {
    let texts = texts_of("tests");
    let found = texts.iter().flat_map(|(path, text)| {
        waits::violations(path, text)
            .into_iter()
            .map(move |it| (path, it))
    });
    let (excepted, found): (Vec<_>, Vec<_>) = found.partition(|(path, (rule, _))| {
        let mut exceptions = EXCEPTIONS.iter();
        exceptions.any(|(known, of, _)| known == path && of == rule)
    });
    let found: Vec<String> = found.into_iter().map(|(_, (_, what))| what).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    for (path, of, why) in EXCEPTIONS {
        let is_needed = excepted
            .iter()
            .any(|(known, (rule, _))| *known == path && *rule == of);
        assert!(is_needed, "{path} needs no exception any more: {why}");
    }
}

#[test]
fn a_test_that_depends_on_the_speed_of_the_machine_is_reported() {
    for (line, rule) in [
        ("std::thread::sleep(SECOND);", Rule::Sleep),
        ("tokio::time::sleep(SECOND).await;", Rule::Sleep),
        ("let_pass(SECOND);", Rule::Pause),
        ("assert!(since.elapsed() < SECOND);", Rule::Bound),
        ("assert!(since.elapsed().as_millis() < 1000);", Rule::Bound),
        ("assert!(since.elapsed() <= SECOND);", Rule::Bound),
        ("assert!(took < Duration::from_secs(3));", Rule::Bound),
        (
            "assert!(took <= std::time::Duration::from_secs(3));",
            Rule::Bound,
        ),
        ("let until = Instant::now() + SECOND;", Rule::Deadline),
    ] {
        let text = format!("async fn f() {{ {line} }}");
        let found = waits::violations("tests/integration/planted.rs", &text);
        let rules: Vec<Rule> = found.iter().map(|(rule, _)| *rule).collect();
        assert_eq!(rules, [rule], "{line}: {found:?}");
    }
    for line in [
        "assert!(since.elapsed() >= SECOND);",
        "assert!(lasted >= Duration::from_secs(3));",
        "let f: Option<Duration> = None;",
        "let text = \"thread::sleep(SECOND)\"; // thread::sleep(SECOND)",
        "eventually(\"it is so\", || true);",
    ] {
        let text = format!("fn f() {{ {line}\n}}");
        let found = waits::violations("tests/integration/planted.rs", &text);
        assert_eq!(found, [], "{line}");
    }
}

fn planted(path: &str, text: &str) -> Vec<String> {
    violations(&Source::read(path, text))
}

#[test]
fn background_work_is_started_by_the_supervisor_only() {
    for line in [
        "fn f() { tokio::spawn(g()); }",
        "fn f() { tokio::task::spawn_blocking(g); }",
        "fn f() { std::thread::spawn(g); }",
        "fn f() { tracker.spawn(g()); }",
        "fn f() { Builder::new().spawn(g); }",
        "use tokio::spawn;",
    ] {
        let found = planted("src/proxy/planted.rs", line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains("supervise"), "{found:?}");
        assert_eq!(planted("src/task/mod.rs", line).len(), 0, "{line}");
    }
}

#[test]
fn nothing_writes_to_the_standard_streams_but_the_two_places_that_cannot_panic() {
    for line in [
        "fn f() { println!(); }",
        "fn f() { eprintln!(\"{x}\"); }",
        "fn f() { print!(); }",
        "fn f() { dbg!(x); }",
        "fn f() { std::io::stdout().lock(); }",
        "fn f() { log(std::io::stderr); }",
        "fn f() { anstream::stdout(); }",
    ] {
        let found = planted("src/cli/planted.rs", line);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
    }
    let line = "fn f() { let print = 1; shown.print(); std::io::stdout().lock(); }";
    assert_eq!(planted("src/cli/output.rs", line).len(), 0);
}

#[test]
fn faults_can_be_injected_into_debug_builds_only() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/task");
    let text = std::fs::read_to_string(root.join("mod.rs")).unwrap();
    for (position, _) in text
        .match_indices("fault::")
        .chain(text.match_indices("mod fault"))
    {
        let before = &text[..position];
        let guard = before.rfind("#[cfg(debug_assertions)]").unwrap();
        // Nothing ends between the condition and what it is about.
        assert!(!before[guard..].contains("\n}"), "{}", &before[guard..]);
    }
    for source in crate_sources() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&source.path);
        let knows = std::fs::read_to_string(path)
            .unwrap()
            .contains("PORTCULLIS_TEST_FAULTS");
        assert_eq!(knows, source.path == "src/task/fault.rs", "{}", source.path);
    }
}

#[test]
fn no_test_searches_for_so_few_digits_that_a_random_id_can_hold_them() {
    let found: Vec<String> = texts_of("tests")
        .iter()
        .flat_map(|(path, text)| {
            short_searches(text).map(move |digits| format!("{path}: `{digits}`"))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    let planted = "head.contains(\"666\"); head.contains(\": 666\"); head.matches(\"beef\"); x.contains(\"123456\")";
    assert_eq!(short_searches(planted).collect::<Vec<_>>(), ["666", "beef"]);
}

/// The texts of one to five hexadecimal digits that `text` searches for.
fn short_searches(text: &str) -> impl Iterator<Item = &str> {
    let calls = ["contains(\"", "matches(\""];
    let starts = calls
        .into_iter()
        .flat_map(move |call| text.split(call).skip(1));
    starts.filter_map(|rest| {
        let (digits, _) = rest.split_once('"')?;
        let is_short = (1..=5).contains(&digits.len());
        (is_short && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
    })
}
