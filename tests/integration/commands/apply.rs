//! `apply`: the store holds what a file declares, all of it or nothing.

use super::*;

const TWO: &str = r#"
[[endpoints]]
id = "workflows/pr-bot"
organisation = "acme"
workspace = "main"
auth = { mode = "hmac" }
aliases = ["/hooks/pr"]
labels = { team = "build" }

[[endpoints]]
id = "flows/orders/live/hook"
organisation = "acme"
workspace = "shop"
auth = { mode = "api-key", header = "X-Shop-Key", secret = "flows/orders#shop" }
methods = ["POST", "PUT"]
limits = { max_body = "1 MiB", body_timeout = "5s" }
"#;

fn apply(gate: &Gate, declaration: &str, options: &[&str]) -> CommandOutput {
    let path = gate.file("endpoints.toml", declaration);
    let mut words = vec!["apply", "-f", path.to_str().unwrap()];
    words.extend(options);
    gate.run(&words)
}

/// Everything that a command could have changed.
fn state(gate: &Gate) -> (Value, Vec<(String, String)>) {
    (json(gate, &["endpoint", "list"]), audited(gate))
}

#[test]
fn a_declaration_is_applied_once_and_changes_nothing_the_second_time() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply(&gate, TWO, &[]).succeeded();
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "+ workflows/pr-bot: create, secret workflows/pr-bot#webhook created",
            "+ flows/orders/live/hook: create, secret flows/orders#shop created",
        ]
    );
    let (after, secret) = (state(&gate), gate.secret(ID));
    let output = apply(&gate, TWO, &[]).succeeded();
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "= workflows/pr-bot: unchanged",
            "= flows/orders/live/hook: unchanged"
        ]
    );
    assert_eq!(gate.secret(ID), secret);
    // The two lines more are those of `reveal`.
    let mut now = state(&gate);
    assert_eq!(now.1.split_off(after.1.len()).len(), 2);
    assert_eq!(now, after);
}

#[test]
fn what_changed_is_told_by_key_and_what_is_not_declared_is_left_alone() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with("workflows/mine", &[])
        .apply(TWO);
    let changed = TWO
        .replace("team = \"build\"", "team = \"release\"")
        .replace("aliases = [\"/hooks/pr\"]\n", "");
    let output = apply(&gate, &changed, &[]).succeeded();
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "~ workflows/pr-bot: update (aliases, labels)",
            "= flows/orders/live/hook: unchanged"
        ]
    );
    let shown = json(&gate, &["endpoint", "show", ID]);
    assert_eq!(shown["aliases"], Value::Null);
    assert_eq!(shown["labels"]["team"], "release");
    gate.run(&["endpoint", "show", "workflows/mine"])
        .succeeded();
}

#[test]
fn aliases_can_be_swapped_in_one_step() {
    let declare = |a: &str, b: &str| {
        [("workflows/a", a), ("workflows/b", b)].map(|(id, alias)| {
            format!("[[endpoints]]\nid = \"{id}\"\norganisation = \"o\"\nworkspace = \"w\"\naliases = [\"{alias}\"]\n")
        }).concat()
    };
    let gate = Gate::before(&Backend::refusing()).apply(&declare("/one", "/two"));
    apply(&gate, &declare("/two", "/one"), &[]).succeeded();
    let alias = |id: &str| json(&gate, &["endpoint", "show", id])["aliases"][0].clone();
    assert_eq!(
        (alias("workflows/a"), alias("workflows/b")),
        ("/two".into(), "/one".into())
    );
}

#[test]
fn a_dry_run_changes_nothing_and_says_so() {
    let gate = Gate::before(&Backend::refusing());
    let before = state(&gate);
    let output = apply(&gate, TWO, &["--dry-run"]).succeeded();
    assert!(output.contains("+ workflows/pr-bot: create"), "{output}");
    assert!(
        output.contains("+ flows/orders/live/hook: create"),
        "{output}"
    );
    assert!(output.contains("nothing was changed"), "{output}");
    assert_eq!(state(&gate), before);

    let gate = gate.apply(TWO);
    let before = state(&gate);
    let changed = TWO.replace("hmac", "secret");
    let output = apply(&gate, &changed, &["--dry-run"]).succeeded();
    assert!(
        output.contains("~ workflows/pr-bot: update (auth)"),
        "{output}"
    );
    assert_eq!(state(&gate), before);
    assert_eq!(
        json(&gate, &["endpoint", "show", ID])["auth"]["mode"],
        "hmac"
    );
}

#[test]
fn a_dry_run_foresees_the_secrets_too() {
    let gate = Gate::before(&Backend::refusing());
    let secrets = ["workflows/pr-bot#webhook", "flows/orders#shop"];
    let output = apply(&gate, TWO, &["--dry-run"]).succeeded();
    assert!(secrets.iter().all(|it| output.contains(it)), "{output}");

    let gate = gate.apply(TWO);
    let output = apply(&gate, TWO, &["--dry-run"]).succeeded();
    assert!(!secrets.iter().any(|it| output.contains(it)), "{output}");
    // Nothing would change in the endpoints, but secrets would be made.
    sqlite(&gate, "DELETE FROM secret_versions");
    let output = apply(&gate, TWO, &["--dry-run"]).succeeded();
    assert!(secrets.iter().all(|it| output.contains(it)), "{output}");
}

#[test]
fn a_secret_that_two_endpoints_share_is_created_once() {
    let one = |id: &str| {
        format!(
            "[[endpoints]]\nid = \"workflows/{id}\"\norganisation = \"o\"\nworkspace = \"w\"\n\
             auth = {{ mode = \"hmac\", secret = \"shared#token\" }}\n"
        )
    };
    let gate = Gate::before(&Backend::refusing());
    let output = apply(&gate, &(one("a") + &one("b")), &[]).succeeded();
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "+ workflows/a: create, secret shared#token created",
            "+ workflows/b: create"
        ]
    );
    assert_eq!(gate.secret("workflows/a"), gate.secret("workflows/b"));
}

#[test]
fn a_mistake_anywhere_and_nothing_at_all_is_applied() {
    let gate = Gate::before(&Backend::refusing());
    let before = state(&gate);
    for mistake in [
        "[[endpoints]]\nid = \"workflows/third\"\n",
        "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"o\"\nworkspace = \"w\"\n",
        "[[endpoint]]\n",
        "[[endpoints]]\nid = \"workflows/third\"\norganisation = \"o\"\nworkspace = \"w\"\nauth = { mode = \"none\" }\n",
        "[[endpoints]]\nid = \"workflows/third\"\norganisation = \"o\"\nworkspace = \"w\"\naliases = [\"/hooks/pr\"]\n",
        "syntax",
    ] {
        for options in [&[][..], &["--dry-run"]] {
            let ran = apply(&gate, &format!("{TWO}{mistake}"), options);
            assert_eq!(ran.stdout, "", "{mistake}");
            let output = ran.failed_with(3);
            assert!(output.contains("endpoints.toml:"), "{output}");
        }
        assert_eq!(state(&gate), before, "{mistake}");
    }
}

#[test]
fn an_alias_that_somebody_else_has_and_nothing_at_all_is_applied() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with("workflows/owner", &["--alias", "/hooks/pr"]);
    let before = state(&gate);
    for options in [&[][..], &["--dry-run"]] {
        let ran = apply(&gate, TWO, options);
        assert_ne!(ran.code, Some(0), "{options:?}: {ran:?}");
        assert!(ran.stderr.contains("/hooks/pr"), "{ran:?}");
        assert_eq!(state(&gate), before, "{options:?}: not even a secret");
    }
}

/// Line, key, and a part of what is told, of every mistake in [`WRONG`].
const MISTAKES: [(usize, &str, &str); 11] = [
    (5, "auth.mode", "is missing"),
    (9, "organisation", "`ac me` is not a valid name"),
    (11, "auth.mode", "the modes are `secret`"),
    (11, "auth.secrt", "unknown key"),
    (12, "colour", "unknown key"),
    (15, "workspace", "is missing"),
    (18, "limits.max_body", "such as \"5 MiB\", found integer"),
    (25, "auth", "`allow_unauthenticated = true`"),
    (
        26,
        "upstream",
        "no upstream `nope` is configured: use `default`",
    ),
    (27, "methods", "`BREW` is not a supported method"),
    (29, "endpoint", "unknown key"),
];
const WRONG: &str = r#"[[endpoints]]
id = "workflows/a"
organisation = "acme"
workspace = "main"
auth = { header = "X-Key" }

[[endpoints]]
id = "workflows/b"
organisation = "ac me"
workspace = "main"
auth = { mode = "hmack", secrt = "x#y" }
colour = "red"

# A comment.
[[endpoints]]
id = "workflows/c"
organisation = "acme"
limits = { max_body = 5 }
auth = { mode = "hmac" }

[[endpoints]]
id = "workflows/d"
organisation = "acme"
workspace = "main"
auth = { mode = "none" }
upstream = "nope"
methods = ["BREW"]

[[endpoint]]
id = "workflows/e"
"#;

#[test]
fn every_mistake_of_a_declaration_comes_at_once_with_line_and_key() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply(&gate, WRONG, &[]).failed_with(3);
    let output: Vec<&str> = output.lines().collect();
    assert_eq!(output.len(), MISTAKES.len(), "{output:#?}");
    for (output, (line, key, message)) in output.iter().zip(MISTAKES) {
        assert!(
            output.contains(&format!("endpoints.toml:{line}:")),
            "{line}: {output}"
        );
        let matches =
            output.contains(&format!(".{key}: ")) || output.contains(&format!(" {key}: "));
        assert!(matches && output.contains(message), "{key}: {output}");
    }
    assert_eq!(state(&gate).1, []);
}

#[test]
fn a_mistake_of_an_endpoint_names_the_endpoint() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply(&gate, WRONG, &[]).failed_with(3);
    for (line, id) in [
        (5, "workflows/a"),
        (11, "workflows/b"),
        (15, "workflows/c"),
        (25, "workflows/d"),
    ] {
        let place = format!("endpoints.toml:{line}:");
        let mut output = output
            .lines()
            .filter(|output| output.contains(&place))
            .peekable();
        assert!(output.peek().is_some());
        for output in output {
            assert!(output.contains(id), "{id} is not in: {output}");
        }
    }
}

#[test]
fn one_mistake_of_an_endpoint_does_not_hide_another() {
    let gate = Gate::before(&Backend::refusing());
    let output = apply(
        &gate,
        "[[endpoints]]\nid = \"workflows/a\"\norganisation = \"o\"\nworkspace = \"w\"\n\
         auth = { header = \"X\" }\nupstream = \"nope\"\nmethods = [\"BREW\"]\naliases = [\"x\"]\n",
        &[],
    )
    .failed_with(3);
    for key in ["auth.mode: ", "upstream: ", "methods: ", "aliases: "] {
        assert!(output.contains(key), "{key} is not in\n{output}");
    }
}

#[test]
fn everybody_is_let_in_only_where_the_server_says_so() {
    let open = TWO.replace("mode = \"hmac\"", "mode = \"none\"");
    let gate = Gate::before(&Backend::refusing());
    let output = apply(&gate, &open, &[]).failed_with(3);
    assert!(output.contains("endpoints.toml:6:"), "{output}");
    assert!(output.contains("allow_unauthenticated = true"), "{output}");
    let gate = gate.with("auth", "allow_unauthenticated = true");
    apply(&gate, &open, &[]).succeeded();
}

#[test]
fn a_file_that_declares_nothing_is_a_mistake_and_one_that_declares_none_is_not() {
    let gate = Gate::before(&Backend::refusing());
    assert!(
        apply(&gate, "", &[])
            .failed_with(3)
            .contains("endpoints: is missing")
    );
    assert!(apply(&gate, "\u{0}", &[]).failed_with(3).contains(":1:1:"));
    apply(&gate, "endpoints = []\n", &[]).succeeded();
}
