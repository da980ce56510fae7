//! A flow's document in any notation: what is read fits into its surroundings, survives being stored, and means the
//! same as the endpoints that come of it; what is not is told, at a place that exists.
//!
//! The first byte says the notation: `e`, `j` or `t`.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis::config::{Config, Declaration, FlowConfig, FlowContext, Mistakes, Notation};
use portcullis::directory::{Definition, ValidationContext};
use portcullis::flow::{Flow, FlowTarget};

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";
    Config::parse(Path::new("portcullis.toml"), text)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
});

static UPSTREAMS: LazyLock<Vec<String>> = LazyLock::new(|| CONFIG.upstream_names());

fuzz_target!(|input: &str| {
    let notation = match input.chars().next() {
        Some('e') => Notation::Edn,
        Some('j') => Notation::Json,
        Some('t') => Notation::Toml,
        _ => return,
    };
    let text = &input[1..];
    let context = CONFIG.validation_context(&UPSTREAMS);
    let known = FlowContext {
        name: "orders".parse().ok(),
        organisation: "acme".parse().ok(),
        workspace: "shop".parse().ok(),
        upstream: None,
        default_upstream: Some("default".to_owned()),
        targets: vec![FlowTarget::Draft, FlowTarget::Live],
    };
    let read =
        Declaration::open(Path::new("orders"), text, notation).and_then(|document| match document
            .is_flow()
        {
            true => document.flow(&known, &context).map(Some),
            false => document.endpoints(Some("default"), &context).map(|_| None),
        });
    match read {
        Ok(Some(declared)) => check_flow(&declared, &context),
        Ok(None) => {}
        Err(mistakes) => check_mistakes(&mistakes, text),
    }
});

fn check_flow(declared: &FlowConfig, context: &ValidationContext<'_>) {
    let stored = serde_json::to_string(&declared.flow).expect("it can be stored");
    let again: Flow = serde_json::from_str(&stored).expect("it can be loaded");
    assert_eq!(again, declared.flow, "another one came back");

    let owner = (&declared.organisation, &declared.workspace);
    for target in [FlowTarget::Draft, FlowTarget::Live] {
        let scope = target.scope(&declared.name);
        assert_eq!(
            FlowTarget::of_scope(&scope),
            Ok((declared.name.clone(), target.clone()))
        );
        let definitions = declared.flow.definitions(&declared.name, owner, &target);
        for definition in definitions.expect("names that make ids") {
            check_definition(&definition, declared, &scope, context);
        }
    }
}

fn check_definition(
    definition: &Definition,
    declared: &FlowConfig,
    scope: &str,
    context: &ValidationContext<'_>,
) {
    let mistakes = definition.mistakes(context);
    assert!(mistakes.is_empty(), "accepted with {mistakes:?}");
    let id = definition.id.as_str();
    assert_eq!(id.rsplit_once('/').map(|(scope, _)| scope), Some(scope));
    assert!(definition.flow.is_some() && definition.generated_secret().is_none());
    // It is judged by a slot of its target, or by nothing that was made up.
    if let Some(secret) = definition.secret() {
        assert_eq!(secret.scope(), scope);
        assert!(declared.flow.slot(secret.slot()).is_some(), "{secret}");
    }
}

fn check_mistakes(mistakes: &Mistakes, text: &str) {
    assert!(!mistakes.0.is_empty(), "refused without a mistake");
    let lines = text.split('\n').count();
    for mistake in &mistakes.0 {
        let (line, column) = mistake.at.expect("a place");
        assert!(
            (1..=lines).contains(&line),
            "{mistake}: there are {lines} lines"
        );
        assert!(column > 0, "{mistake}");
    }
}
