//! Documents that are wrong: every mistake at once, with its line and its key, and nothing is applied.

use std::path::PathBuf;

use portcullis::config::{Declaration, Mistake, Notation};
use proptest::prelude::*;

use super::declared::read;
use super::*;

/// Line, key and a part of the message of each.
type ExpectedMistakes = [(usize, &'static str, &'static str)];

#[track_caller]
fn has_mistakes(notation: Notation, text: &str, expected: &ExpectedMistakes) {
    let wrong = read(notation, text).unwrap_err();
    let text = format!("{wrong}");
    assert_eq!(wrong.0.len(), expected.len(), "{text}");
    for (mistake, (line, key, message)) in wrong.0.iter().zip(expected) {
        let Mistake { path, at, .. } = mistake;
        assert_eq!(path, &PathBuf::from("orders"));
        assert_eq!(at.unwrap().0, *line, "{mistake}\n{text}");
        assert_eq!(mistake.key, *key, "{mistake}\n{text}");
        assert!(mistake.message.contains(message), "{message}: {mistake}");
    }
}

const WRONG_EDN: &str = r#"{:upstream "nope"
 :colour :red
 :requires [{:slot :a :type :certificate}
            {:slot :a :type :secret}
            {:slot "not a name" :type :secret :label nil}
            {:type :secret}]
 :invocations {:ok {:inputs [{:name :x :type :txt}
                             {:name :y :type :text :requird true}
                             {:name :y :type :date}
                             {:type :date}]}
               :twice {} :twice {}}
 :interfaces {:form []
              :webhook [{:id :one :invocation :missing :auth {:type :hmac}}
                        {:id :one :auth {:header "X-Sig" :secret-ref :a}}
                        {:id :two :auth {:type :bearer :mode :bearer :secret-ref :zzz}}
                        {:id :three :auth {:type :hmack :secret-ref :a}}
                        {:id :four :auth {:type :signature :algo :md5 :signature-header "X-S" :secret-ref :a}}
                        {:id :five :auth {:type :none}}
                        {:id :six :event-name "two words" :auth {:type :bearer :secret-ref :a :secret_ref :a}}
                        {:id :seven :methods ["BREW"] :limits {:max-body 5} :target :live}
                        {:id #inst "2026" :aliases [1/2]}
                        {3 4}]}}
"#;

#[test]
fn every_mistake_of_a_document_is_told_with_its_line_and_key() {
    has_mistakes(
        Notation::Edn,
        WRONG_EDN,
        &[
            (
                1,
                "upstream",
                "upstream `nope` is not configured; expected one of `default`",
            ),
            (2, "colour", "unknown key"),
            (3, "requires[0].type", "unknown slot type: use `secret`"),
            (4, "requires[1].slot", "`a` is declared twice"),
            (5, "requires[2].slot", "`not a name` is not a valid name"),
            (5, "requires[2].label", "`nil` is not a value"),
            (6, "requires[3].slot", "is missing"),
            (
                7,
                "invocations.ok.inputs[0].type",
                "unknown type: use `text`",
            ),
            (
                8,
                "invocations.ok.inputs[1].requird",
                "unknown key; expected one of `name`, `type`",
            ),
            (9, "invocations.ok.inputs[2].name", "`y` is declared twice"),
            (10, "invocations.ok.inputs[3].name", "is missing"),
            (11, "invocations.twice", "is declared twice"),
            (
                12,
                "interfaces.form",
                "unknown key; expected one of `webhook`",
            ),
            (
                13,
                "interfaces.webhook[one].invocation",
                "invocation `missing` is not declared; declared: `ok`, `twice`",
            ),
            (
                13,
                "interfaces.webhook[one].auth.secret-ref",
                "is missing: mode `",
            ),
            (14, "interfaces.webhook[one].id", "`one` is declared twice"),
            (14, "interfaces.webhook[one].auth.mode", "is missing"),
            (15, "interfaces.webhook[two].auth.type", "are synonyms"),
            (
                15,
                "interfaces.webhook[two].auth.secret-ref",
                "`zzz` is not a slot of this flow",
            ),
            (
                16,
                "interfaces.webhook[three].auth.type",
                "the modes are `secret`",
            ),
            (
                17,
                "interfaces.webhook[four].auth.algo",
                "`md5` is not one of `ecdsa-p256-sha256`",
            ),
            (
                18,
                "interfaces.webhook[five].auth",
                "`allow_unauthenticated = true`",
            ),
            (
                19,
                "interfaces.webhook[six].event-name",
                "`two words` is not a valid name",
            ),
            (
                19,
                "interfaces.webhook[six].auth.secret-ref",
                "is declared twice, with `-` and with `_`",
            ),
            (
                20,
                "interfaces.webhook[seven].methods",
                "`BREW` is not a supported method",
            ),
            (
                20,
                "interfaces.webhook[seven].limits.max-body",
                "such as \"5 MiB\", found integer",
            ),
            (20, "interfaces.webhook[seven].target", "unknown key"),
            (
                21,
                "interfaces.webhook[8].id",
                "tagged values such as `#inst` are not supported",
            ),
            (
                21,
                "interfaces.webhook[8].aliases[0]",
                "this kind of value is not supported",
            ),
            (22, "interfaces.webhook[9].id", "is missing"),
            (
                22,
                "interfaces.webhook[9]",
                "a key must be a keyword, a symbol or a string",
            ),
        ],
    );
}

#[test]
fn a_document_that_is_cut_off_or_nested_without_end_is_told_where() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let tags = format!("{} x", "#a ".repeat(100_000));
    let discards = format!("{}{}", "#_ ".repeat(100_000), "x ".repeat(100_001));
    let unclosed = format!("({deep}");
    for (notation, text) in [
        (Notation::Edn, deep.as_str()),
        (Notation::Edn, &tags),
        (Notation::Edn, &discards),
        (Notation::Edn, &unclosed),
        (Notation::Edn, &format!("a\\{deep}")),
        (Notation::Json, &deep),
        (Notation::Toml, &format!("requires = {deep}")),
        (Notation::Edn, "{:requires ["),
        (Notation::Edn, "{:requires}"),
        (Notation::Edn, "{:requires []]"),
        (Notation::Edn, "{:requires \"\\q\"}"),
        (Notation::Edn, "{:requires []} {:more 1}"),
        (Notation::Edn, "{:requires []} nil"),
        (Notation::Edn, "; nothing"),
        (Notation::Edn, ""),
        (Notation::Json, "{\"requires\": [],}"),
        (Notation::Json, "{\"requires\": [] // a comment\n}"),
        (Notation::Json, "{'requires': []}"),
        (Notation::Json, "{\"requires\": []} {}"),
        (Notation::Json, "{\"requires\": \"a\nb\"}"),
        (Notation::Json, ""),
    ] {
        let path = std::path::Path::new("orders");
        let opened = Declaration::open(path, text, notation);
        let wrong = opened
            .err()
            .unwrap_or_else(|| panic!("{notation}: {:.40}", text));
        assert_eq!(wrong.0.len(), 1, "{wrong}");
        assert!(wrong.0[0].at.is_some(), "{wrong}");
    }
}

#[test]
fn one_wrong_thing_and_nothing_at_all_is_applied() {
    let gate = Gate::before(&Backend::refusing());
    let before = json(&gate, &["audit", "list"]);
    for text in [
        WRONG_EDN.to_owned(),
        ORDERS.replace(":secret-ref :webhook-signing-secret", ":secret-ref :other"),
        ORDERS.replace(":type :hmac-sha256 ", ""),
        ORDERS.replace(":enabled true", ":enabld true"),
        ORDERS.replace(":event-name \"orders.updated\"", ":event-name \"a b\""),
    ] {
        for options in [&[][..], &["--dry-run"], &["--target", "live"]] {
            let options: Vec<&str> = OWNER.iter().chain(options).copied().collect();
            let output = apply(&gate, "orders.edn", &text, &options).failed_with(3);
            assert!(output.contains("orders.edn:"), "{output}");
        }
    }
    assert_eq!(json(&gate, &["audit", "list"]), before);
    assert_eq!(json(&gate, &["endpoint", "list"]), Value::Array(vec![]));
    gate.run(&["flow", "show", "orders"]).failed_with(4);
}

#[test]
fn a_mistake_of_auth_is_told_at_its_own_key() {
    let auth = |auth: &str| {
        format!(
            "{{:requires [{{:slot :s :type :secret}}]\n:interfaces {{:webhook [{{:id :hook\n:auth {auth}}}]}}}}"
        )
    };
    let at = |key: &str| format!("interfaces.webhook[hook].{key}");
    for (text, key, message) in [
        (
            "{:secret-ref :s}",
            "auth.mode",
            "`type`, or `mode`, must be one of `secret`",
        ),
        ("{:type :hmac}", "auth.secret-ref", "is missing: mode `"),
        (
            "{:type :hmac :secret-ref :t}",
            "auth.secret-ref",
            "`t` is not a slot of this flow: `requires` declares `s`",
        ),
        (
            "{:type :hmack :secret-ref :s}",
            "auth.type",
            "the modes are",
        ),
        (
            "{:type :hmac :mode :hmac :secret-ref :s}",
            "auth.type",
            "are synonyms",
        ),
        (
            "{:type :hmac :secret-ref :s :secrt 1}",
            "auth.secrt",
            "unknown key",
        ),
        ("{:type :none}", "auth", "allow_unauthenticated"),
        (
            "{:type :hmac-sha256 :secret-ref :s}",
            "auth",
            "needs the `header`",
        ),
        (
            "{:type :bearer :header \"X\" :secret-ref :s}",
            "auth.header",
            "has its own header",
        ),
        (
            "{:type :signature :algo :md5 :signature-header \"X\" :secret-ref :s}",
            "auth.algo",
            "`md5` is not one of",
        ),
        (
            "{:type :provider :preset :nope :secret-ref :s}",
            "auth.preset",
            "no preset `nope`",
        ),
        (":none", "auth", "expected a table"),
    ] {
        let wrong = read(Notation::Edn, &auth(text)).unwrap_err();
        assert_eq!(wrong.0.len(), 1, "{text}: {wrong}");
        let mistake = &wrong.0[0];
        assert_eq!(mistake.at.unwrap().0, 3, "{text}: {mistake}");
        assert_eq!(mistake.key, at(key), "{text}: {mistake}");
        assert!(mistake.message.contains(message), "{text}: {mistake}");
    }
}

#[test]
fn the_same_mistakes_are_told_in_toml_and_json() {
    let toml = "[[requires]]\nslot = \"s\"\ntype = \"secret\"\n[[interfaces.webhook]]\nid = \"hook\"\n\
                auth = { secret-ref = \"t\", colour = 1 }\n";
    let json = "{\"requires\": [{\"slot\": \"s\", \"type\": \"secret\"}],\n\"interfaces\": {\"webhook\": [\n\
                {\"id\": \"hook\", \"id\": \"hook\", \"auth\":\n{\"secret-ref\": \"t\", \"colour\": null}}]}}";
    has_mistakes(
        Notation::Toml,
        toml,
        &[
            (6, "interfaces.webhook[hook].auth.mode", "is missing"),
            (
                6,
                "interfaces.webhook[hook].auth.secret-ref",
                "`t` is not a slot",
            ),
            (6, "interfaces.webhook[hook].auth.colour", "unknown key"),
        ],
    );
    has_mistakes(
        Notation::Json,
        json,
        &[
            (3, "interfaces.webhook[0].id", "is declared twice"),
            (4, "interfaces.webhook[hook].auth.mode", "is missing"),
            (
                4,
                "interfaces.webhook[hook].auth.secret-ref",
                "`t` is not a slot",
            ),
            (4, "interfaces.webhook[hook].auth.colour", "unknown key"),
            (
                4,
                "interfaces.webhook[0].auth.colour",
                "`null` is not a value",
            ),
        ],
    );
}

#[test]
fn a_name_has_to_come_from_somewhere_and_from_one_place() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply(&gate, "My Orders.edn", ORDERS, &OWNER).failed_with(3);
    assert!(output.contains("flow: is missing"), "{output}");
    let named = ORDERS.replace("{:requires", "{:flow :orders :requires");
    let other: Vec<&str> = OWNER.iter().chain(&["--flow", "other"]).copied().collect();
    let output = apply(&gate, "My Orders.edn", &named, &other).failed_with(3);
    assert!(
        output.contains("is `orders` here, but `other` on the command line"),
        "{output}"
    );
    apply(&gate, "My Orders.edn", &named, &OWNER).succeeded();
    let moved = ORDERS.replace("{:requires", "{:organisation :emca :requires");
    let output = apply(&gate, "orders.edn", &moved, &[]).failed_with(3);
    assert!(
        output.contains("organisation: is `emca` here, but the flow belongs to `acme`"),
        "{output}"
    );
    let output = apply(&gate, "orders.edn", ORDERS, &["--workspace", "x"]).failed_with(1);
    assert!(
        output.contains("belongs to `shop`, and its owner cannot change"),
        "{output}"
    );

    let words = ["apply", "-f", "-", "--notation", "edn", "--flow", "orders"];
    let output = gate.run_with_input(&words, ORDERS.as_bytes()).succeeded();
    assert!(
        output.starts_with("= flows/orders/draft/order-webhook: unchanged"),
        "{output}"
    );
    let output = gate
        .run_with_input(&words[..3], ORDERS.as_bytes())
        .failed_with(2);
    assert!(output.contains("--notation"), "{output}");
}

proptest! {
    /// Documents that somebody has cut, doubled and spliced: read, or refused at a place that exists.
    #[test]
    fn a_document_that_was_garbled_is_read_or_refused_at_a_place(
        which in 0..4_usize,
        splices in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, "[\\[\\](){}#_:;\"\\\\, a-z0-9/\n]{0,6}"), 0..8),
    ) {
        let (notation, text) = [
            (Notation::Edn, ORDERS),
            (Notation::Edn, GITHUB),
            (Notation::Edn, WRONG_EDN),
            (Notation::Json, "{\"requires\": [{\"slot\": \"s\", \"type\": \"secret\"}], \"interfaces\": {\"webhook\": \
              [{\"id\": \"a\", \"auth\": {\"type\": \"hmac\", \"secret-ref\": \"s\"}}]}}"),
        ][which];
        let mut chars: Vec<char> = text.chars().collect();
        for (at, cut, put) in splices {
            let from = at.index(chars.len() + 1);
            let to = (from + cut).min(chars.len());
            chars.splice(from..to, put.chars());
        }
        let text: String = chars.into_iter().collect();
        let Ok(document) = Declaration::open(std::path::Path::new("orders"), &text, notation) else {
            return Ok(());
        };
        if !document.is_flow() {
            return Ok(());
        }
        if let Err(wrong) = read(notation, &text) {
            prop_assert!(!wrong.0.is_empty());
            let lines = text.split('\n').count();
            for mistake in &wrong.0 {
                let (line, column) = mistake.at.unwrap();
                prop_assert!((1..=lines).contains(&line) && column > 0, "{}", mistake);
            }
        }
    }
}
