//! The file of `portcullis apply`: what is read fits into its surroundings, survives being stored, and
//! can be used as it is; what is not is told, at a place that exists.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis::auth::Mode;
use portcullis::config::{Config, Mistakes, read_endpoints};
use portcullis::directory::{Definition, ValidationContext};

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";
    Config::parse(Path::new("portcullis.toml"), text)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
});

static UPSTREAMS: LazyLock<Vec<String>> = LazyLock::new(|| CONFIG.upstream_names());

fuzz_target!(|text: &str| {
    let context = CONFIG.validation_context(&UPSTREAMS);
    let path = Path::new("endpoints.toml");
    match read_endpoints(path, text, Some("default"), &context) {
        Ok(definitions) => {
            for definition in &definitions {
                check_definition(definition, &context);
            }
        }
        Err(mistakes) => check_mistakes(&mistakes, text),
    }
});

fn check_definition(definition: &Definition, context: &ValidationContext<'_>) {
    let mistakes = definition.mistakes(context);
    assert!(mistakes.is_empty(), "accepted with {mistakes:?}");

    let stored = serde_json::to_string(definition).expect("it can be stored");
    let again: Definition = serde_json::from_str(&stored).expect("it can be loaded");
    assert_eq!(again, *definition, "another one came back");

    // Otherwise every delivery to it would be answered as if the store were broken.
    if let Some(auth) = &definition.auth {
        assert_ne!(auth.mode, Mode::None, "everybody was let in");
        assert!(
            auth.secret_of(&definition.id).is_some(),
            "no secret to ask for"
        );
    }

    // What people are told to send to must lead there.
    if let Some(url) = context.routes.path_of(&definition.id) {
        let found = context.routes.resolve(&url).map(|found| found.id);
        assert_eq!(found.as_ref(), Some(&definition.id), "{url}");
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
