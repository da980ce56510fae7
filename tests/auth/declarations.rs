//! The language in which schemes are written down.

use portcullis::auth::{Algorithm, Mode, Preset, Scheme, SchemeError};
use portcullis::directory::AuthDefinition;
use toml_span::{DeserError, Deserialize, Error, ErrorKind};

use crate::delivery;

#[test]
fn every_file_of_a_provider_is_a_preset_and_says_what_it_rests_on() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/auth/presets/providers");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let known: Vec<&str> = Preset::all().iter().map(|preset| preset.name).collect();
    assert_eq!(known, names);
    for preset in Preset::all() {
        let text = std::fs::read_to_string(format!("{folder}/{}.toml", preset.name)).unwrap();
        assert_eq!(preset.declaration, text);
        assert!(preset.source.starts_with("https://"), "{}", preset.source);
        assert!(!preset.title.is_empty());
    }
}

#[test]
fn every_mode_is_found_by_its_word() {
    for mode in Mode::ALL {
        assert_eq!(mode.word().parse(), Ok(mode));
    }
    for word in ["", "None", "hmac ", "hmac-sha512"] {
        assert!(word.parse::<Mode>().is_err(), "{word:?}");
    }
    assert_eq!(
        AuthDefinition::of(Mode::Hmac).compiled(),
        Ok(Some(delivery::preset("github")))
    );
    assert_eq!(AuthDefinition::of(Mode::None).compiled(), Ok(None));
}

#[test]
fn a_preset_that_is_not_there_is_never_taken_for_no_proof() {
    let chosen = |preset: Option<&str>| AuthDefinition {
        preset: preset.map(Into::into),
        ..AuthDefinition::of(Mode::Provider)
    };
    for name in [None, Some(""), Some("nope"), Some("GitHub"), Some("bearer")] {
        let compiled = chosen(name).compiled();
        assert_eq!(compiled, Err(SchemeError::UnknownPreset), "{name:?}");
    }
    let notion = chosen(Some("notion")).compiled();
    assert_eq!(notion, Ok(Some(delivery::preset("notion"))));
}

#[test]
fn a_header_can_be_replaced_where_the_mode_says_so_and_nowhere_else() {
    for mode in Mode::ALL
        .into_iter()
        .filter(|mode| *mode != Mode::Signature)
    {
        let with = |header: Option<&str>| AuthDefinition {
            preset: mode.takes_preset().then(|| "github".to_owned()),
            header: header.map(Into::into),
            ..AuthDefinition::of(mode)
        };
        let replaced = with(Some("X-Other")).compiled() != with(Some("X-Another")).compiled();
        assert_eq!(replaced, mode.takes_header(), "{mode}");
    }
}

#[test]
fn an_algorithm_is_found_by_its_name_only() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        assert_eq!(Algorithm::from_name(&algorithm.name().to_uppercase()), None);
    }
}

#[test]
fn an_unknown_key_is_a_mistake_that_names_it() {
    let rule = |more: &str| {
        format!("algorithm = \"token\"\nsignatures = [{{ from = \"query:t\" }}, {more}]")
    };
    for (text, key) in [
        (format!("{LEAST}\ntolerance = 300"), "tolerance"),
        (format!("{LEAST}\nAlgorithm = \"token\""), "Algorithm"),
        (rule("{ from = \"query:u\", enc = \"hex\" }"), "enc"),
        (rule("{ from = \"query:u\", From = \"query:v\" }"), "From"),
    ] {
        let named: Vec<String> = errors(&text)
            .into_iter()
            .filter_map(|error| match error.kind {
                ErrorKind::UnexpectedKeys { keys, .. } => Some(keys),
                _ => None,
            })
            .flatten()
            .map(|(key, span)| {
                assert_eq!(&text[span.start..span.end], key, "the place of the key");
                key
            })
            .collect();
        assert_eq!(named, [key], "{text}");
    }
}

#[test]
fn every_mistake_is_named() {
    for (text, word) in [
        ("signatures = [{ from = \"query:t\" }]", "algorithm"),
        ("algorithm = \"token\"", "signatures"),
        (
            "algorithm = \"token\"\nsignatures = []",
            "at least one signature",
        ),
        (
            "algorithm = \"md5\"\nsignatures = [{ from = \"query:t\" }]",
            "md5",
        ),
        ("algorithm = \"token\"\nsignatures = [{ }]", "from"),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"cookie:t\" }]",
            "header:NAME",
        ),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"query:\" }]",
            "query:NAME",
        ),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"header:a b\" }]",
            "header:NAME",
        ),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"query:t\", tag = \"v1\" }]",
            "needs a `separator`",
        ),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"query:t\" }]\nsigned = \"{secret}{body}\"",
            "requires the algorithm `sha256`",
        ),
        (
            "algorithm = \"sha256\"\nsignatures = [{ from = \"query:t\" }]",
            "`sha256` requires `{secret}`",
        ),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"json:x\" }]",
            "json:/POINTER",
        ),
        (
            "algorithm = \"token\"\nsignatures = [{ from = \"query:t\", encoding = \"base32\" }]",
            "base32",
        ),
        (
            &format!("{LEAST}\nsigned = \"fixed\""),
            "must cover the body",
        ),
        (&format!("{LEAST}\nsigned = \"{{ts}}.{{body}}\""), "{ts}"),
        (&format!("{LEAST}\nsigned = \"{{body}}{{body}}\""), "once"),
        (&format!("{LEAST}\nsigned = \"{{body}}}}\""), "token at `}`"),
        (&format!("{LEAST}\nid = \"X-Id\""), "header:NAME"),
        (&format!("{LEAST}\nevent = \"X-Event\""), "header:NAME"),
        ("algorithm = ", "expected"),
    ] {
        let mistakes = mistakes(text);
        assert!(mistakes.contains(word), "{text}\n{mistakes}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "algorithm = \"md5\"\nsigned = \"fixed\"\nid = \"X-Id\"\ncolour = \"red\"\nsignatures = [{ from = \"query:t\" }]";
    let mistakes = mistakes(text);
    for word in ["md5", "cover the body", "header:NAME", "colour"] {
        assert!(mistakes.contains(word), "{word} is not in\n{mistakes}");
    }
}

/// The scheme that `text` declares.
pub(crate) fn declared(text: &str) -> Scheme {
    read(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// What is wrong with `text`, in words, each with the value that was found.
pub(crate) fn mistakes(text: &str) -> String {
    let errors = errors(text).into_iter();
    let texts: Vec<String> = errors
        .map(|error| format!("{error} {:?}", error.kind))
        .collect();
    texts.join("\n")
}

fn errors(text: &str) -> Vec<Error> {
    match read(text) {
        Ok(scheme) => panic!("{text}\n{scheme:?}"),
        Err(error) => error.errors,
    }
}

fn read(text: &str) -> Result<Scheme, DeserError> {
    Scheme::deserialize(&mut toml_span::parse(text)?)
}

const LEAST: &str = "algorithm = \"hmac-sha256\"\nsignatures = [{ from = \"header:X-Signature\" }]";
