//! The configuration file: whatever it holds, it is read and can be served, or its mistakes are told,
//! each at a place that exists.
#![no_main]

use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use portcullis::config::{Config, Mistakes};

fuzz_target!(|text: &str| {
    let path = Path::new("portcullis.toml");
    match Config::parse(path, text) {
        Ok(config) => check_config(&config),
        Err(mistakes) => check_mistakes(&mistakes, path, text),
    }
});

/// What the rest of the product relies on without asking again.
fn check_config(config: &Config) {
    let public = &config.public;
    assert!(
        public.http.is_some() || public.https.is_some(),
        "a server that listens nowhere"
    );
    let has_scheme = public.url.starts_with("http://") || public.url.starts_with("https://");
    assert!(has_scheme && !public.url.ends_with('/'), "{}", public.url);
    assert!(config.gate.max_body_bytes > 0);
    assert!(
        config.body_budget_bytes / 2 >= config.gate.max_body_bytes,
        "a body that never fits"
    );
    assert!(
        config.directory.follow_every <= Duration::from_millis(400),
        "a change is not in force within a second"
    );
    assert!(!config.upstreams.is_empty(), "nowhere to go");
    for upstream in &config.upstreams {
        assert!(
            !upstream.addresses.is_empty(),
            "{}: no address",
            upstream.name
        );
        assert!(
            !upstream.timeouts.total.is_zero(),
            "{}: no time",
            upstream.name
        );
    }
}

fn check_mistakes(mistakes: &Mistakes, path: &Path, text: &str) {
    assert!(!mistakes.0.is_empty(), "refused without a mistake");
    for mistake in &mistakes.0 {
        assert_eq!(mistake.path, path);
        assert!(!mistake.message.is_empty());
        let (line, column) = mistake.at.expect("a place");
        let Some(found) = text.split('\n').nth(line - 1) else {
            panic!("{mistake}: there is no line {line}");
        };
        let width = found.chars().count();
        assert!(
            (1..=width + 1).contains(&column),
            "{mistake}: line {line} has {width} columns"
        );
    }
}
