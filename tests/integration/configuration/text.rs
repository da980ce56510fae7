//! Files that are hard to read: no TOML, no text, not there, huge, deep.

use super::*;

#[test]
fn a_file_that_is_no_toml_is_told_where_it_breaks() {
    for (text, line) in [
        ("[upstreams.default]\naddresses = [\"127.0.0.1:3000\"\n", 3),
        ("[upstreams.default\n", 1),
        ("[log]\nlevel = info\n", 2),
        ("[log]\nlevel = \"info\"\nlevel = \"warn\"\n", 3),
        ("[log]\n[log]\n", 2),
        ("a = \"\n\"\n", 1),
        ("[log]\n= 1\n", 2),
        ("a = 1\u{0}\n", 1),
    ] {
        let complaint = only(text);
        assert_eq!(complaint.line, line, "{text:?} {complaint:?}");
        assert!(!complaint.message.is_empty());
    }
}

#[test]
fn a_file_that_is_no_text_or_not_there_is_named() {
    for bytes in [
        &b"\xff\xfe"[..],
        b"[log]\nlevel = \"\xe9\"\n",
        &[0xc3; 4096],
    ] {
        let gate = Gate::configured(bytes);
        let output = gate.run(&["check"]).failed_with(3);
        assert!(output.contains("UTF-8"), "{output}");
        assert!(output.contains(gate.config().to_str().unwrap()), "{output}");
        assert_eq!(gate.serve_that_ends().failed_with(3), output);
    }
    let gate = Gate::configured("");
    std::fs::remove_file(gate.config()).unwrap();
    for words in [&["check"][..], &["endpoint", "list"], &["serve"]] {
        let output = gate.run(words).failed_with(3);
        assert!(output.contains(gate.config().to_str().unwrap()), "{output}");
        assert!(output.contains("cannot be read"), "{output}");
    }
    std::fs::create_dir(gate.config()).unwrap();
    gate.run(&["check"]).failed_with(3);
    assert_eq!(gate.files(), ["portcullis.toml"]);
}

#[test]
fn a_huge_file_is_read_and_a_deep_one_is_refused() {
    let huge = format!(
        "{UPSTREAM}{}",
        format!("# {}\n", "x".repeat(61)).repeat(100_000)
    );
    Gate::configured(huge)
        .run(&["check", "--running"])
        .succeeded();

    for deep in [
        format!("a = {}", "[".repeat(1_000_000)),
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
    ] {
        let complaint = only(&deep);
        assert_eq!(complaint.line, 1);
        assert!(complaint.message.contains("depth"), "{complaint:?}");
    }
}

#[test]
fn a_file_with_thousands_of_mistakes_is_told_each_of_them() {
    let many: String = (0..3000).map(|number| format!("k{number} = 1\n")).collect();
    // Those, and the upstream that is missing.
    assert_eq!(complaints(&many).len(), 3001);
}

#[test]
fn without_a_backend_there_is_nowhere_to_go() {
    for text in [
        "",
        "\n\n",
        "# nothing\n",
        "[upstreams]\n",
        "[log]\nlevel = \"info\"\n",
    ] {
        let complaint = only(text);
        assert_eq!(complaint.key, "upstreams");
        assert!(
            complaint.message.contains("[upstreams.default]"),
            "{complaint:?}"
        );
    }
}
