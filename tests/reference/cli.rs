//! cli.md: every command with its options and its example.

use clap::{Arg, Command};

use crate::page::{Page, prose, table};

/// Shown once for all commands.
const OF_EVERY_COMMAND: [&str; 3] = ["config", "help", "version"];

/// Every command with its path, in the order of the help.
fn commands() -> Vec<(String, Command)> {
    fn walk(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
        for inner in command.get_subcommands() {
            if inner.get_name() == "help" {
                continue;
            }
            let path = format!("{path} {}", inner.get_name());
            let path = path.trim_start();
            found.push((path.to_owned(), inner.clone()));
            walk(path, inner, found);
        }
    }
    let mut root = portcullis::cli::command();
    root.build();
    let mut found = Vec::new();
    walk("", &root, &mut found);
    found
}

fn is_group(command: &Command) -> bool {
    command.get_subcommands().next().is_some()
}

fn example(command: &Command) -> Option<String> {
    let help = command.get_after_help()?.to_string();
    help.strip_prefix("Example:\n  ").map(str::to_owned)
}

#[test]
fn every_command_is_on_the_page() {
    let mut root = portcullis::cli::command();
    root.build();
    let usage = root.render_usage();
    let globals: Vec<&Arg> = root.get_arguments().collect();
    let mut page = format!(
        "## Every command\n\n```text\n{}\n```\n\n{}\n",
        usage,
        options(&globals)
    );
    for (path, mut command) in commands() {
        let level = if path.contains(' ') { "###" } else { "##" };
        page += &format!("{level} {path}\n\n{}\n\n", about(&command));
        if is_group(&command) {
            continue;
        }
        let example = example(&command).unwrap_or_else(|| panic!("`{path}` has no example"));
        page += &format!("```sh\n{example}\n```\n\n");
        page += &format!("```text\n{}\n```\n\n", command.render_usage());
        let own: Vec<&Arg> = command
            .get_arguments()
            .filter(|arg| !OF_EVERY_COMMAND.contains(&arg.get_id().as_str()))
            .collect();
        if !own.is_empty() {
            page += &format!("{}\n", options(&own));
        }
    }
    Page::open("cli.md").is_generated(&[("commands", page)]);
}

#[test]
fn every_example_is_a_command_line_that_the_program_takes() {
    let mut examples = 0;
    for (path, command) in commands() {
        if is_group(&command) {
            continue;
        }
        let example = example(&command).unwrap_or_else(|| panic!("`{path}` has no example"));
        // What a shell does with the output and the input is not the program's.
        let own = example.split([' ', '\t']);
        let own: Vec<&str> = own
            .take_while(|word| !["<", ">", "|"].contains(word))
            .collect();
        let words = shlex::split(&own.join(" ")).unwrap();
        assert!(words[1..].join(" ").starts_with(&path), "{example}");
        let parsed = portcullis::cli::command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        examples += 1;
    }
    // No example is left of a command that is gone.
    let source = include_str!("../../src/cli/examples.rs").lines();
    let written = source.filter(|line| line.starts_with("    \"portcullis "));
    assert_eq!(written.count(), examples);
}

/// The verbs that the first line of a command's help may begin with.
const VERBS: [&str; 31] = [
    "Apply", "Back", "Bind", "Check", "Copy", "Create", "Delete", "Disable", "Enable", "Encrypt",
    "End", "Explain", "Export", "Let", "List", "Manage", "Migrate", "Print", "Promote", "Release",
    "Replace", "Reveal", "Revoke", "Roll", "Run", "Send", "Set", "Show", "Test", "Update",
    "Verify",
];
const MAX_ABOUT_CHARS: usize = 60;

#[test]
fn every_command_has_a_short_first_line_with_a_verb_and_help_for_each_option() {
    for (path, command) in commands() {
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_else(|| panic!("`{path}` has no first line"));
        let length = about.chars().count();
        assert!(
            length <= MAX_ABOUT_CHARS,
            "`{path}`: {length} characters: {about}"
        );
        let verb = about.split(' ').next().unwrap();
        assert!(
            VERBS.contains(&verb),
            "`{path}` begins with no known verb: {about}"
        );
        assert!(
            !about.ends_with('.') && !about.contains('\n'),
            "`{path}`: {about}"
        );
        if !is_group(&command) {
            assert!(example(&command).is_some(), "`{path}` has no `Example:`");
        }
        for argument in command.get_arguments() {
            let has_help = argument.get_help().is_some();
            assert!(has_help, "`{path}`: no help for `{argument}`");
        }
    }
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    sentence(&about.unwrap().to_string())
}

fn options(args: &[&Arg]) -> String {
    let rows: Vec<Vec<String>> = args
        .iter()
        .map(|arg| vec![name(arg), default(arg), meaning(arg)])
        .collect();
    table(&["Argument or option", "Default", "Meaning"], &rows)
}

fn name(arg: &Arg) -> String {
    let short = arg.get_short();
    let short = short.map_or_else(String::new, |short| format!("`-{short}`, "));
    format!("{short}`{arg}`")
}

fn default(arg: &Arg) -> String {
    let values: Vec<&str> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_str().unwrap())
        .filter(|value| arg.get_action().takes_values() && !value.is_empty())
        .collect();
    match values.as_slice() {
        [] if arg.is_required_set() => "required".to_owned(),
        [] => String::new(),
        values => format!("`{}`", values.join("`, `")),
    }
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = sentence(&help.map(ToString::to_string).unwrap_or_default());
    if let Some(variable) = arg.get_env() {
        text += &format!(" Environment: `{}`.", variable.to_str().unwrap());
    }
    if arg.get_action().takes_values() {
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({})", value.get_name(), prose(&help.to_string())),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !values.is_empty() {
            text += &format!(" Values: {}.", values.join(", "));
        }
    }
    text.trim().to_owned()
}

/// The text of a help as paragraphs that end in a full stop.
fn sentence(text: &str) -> String {
    let text = prose(text.trim());
    match text.chars().last() {
        None | Some('.' | '!' | '?' | ':') => text,
        Some(_) => text + ".",
    }
}
