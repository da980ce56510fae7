//! exit-codes.md: the codes as `--help` prints them.

use std::path::Path;
use std::process::Command;

use crate::page::Page;

#[test]
fn the_codes_are_those_of_the_help() {
    let help = portcullis::cli::command()
        .get_after_help()
        .unwrap()
        .to_string();
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let block = format!("```text exit codes\n{}\n```", codes.trim_end());
    Page::open("exit-codes.md").is_generated(&[("codes", block)]);
}

#[test]
fn the_script_of_the_page_reports_a_mistake() {
    let page = include_str!("../../docs/reference/exit-codes.md");
    let (_, script) = page.split_once("```sh\n").unwrap();
    let script = script.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = |configuration: &str| {
        std::fs::write(folder.path().join("portcullis.toml"), configuration).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_portcullis"))
            .parent()
            .unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let ran = Command::new("sh")
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", path)
            .env_remove("PORTCULLIS_CONFIG")
            .output()
            .unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let minimal = include_str!("../../conf/minimal.toml");
    assert_eq!(run(minimal), (Some(0), String::new()));
    let (code, told) = run(&format!("{minimal}\nprobe = 1\n"));
    assert_eq!(code, Some(1));
    assert!(told.ends_with("the configuration has mistakes\n"), "{told}");
}
