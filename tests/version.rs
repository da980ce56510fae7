//! `--version` names the commit that a release was built from, and never one of another repository.

#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

#[path = "../build.rs"]
#[allow(dead_code, reason = "cargo runs the rest of it")]
mod build;

use std::path::Path;
use std::process::Command;

use self::build::{commit, validated_commit, version};

/// Runs git in a folder, whatever the user has configured.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Tester",
            "-c",
            "user.email=tester@example.com",
        ])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with one commit of a source and a page.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("src")).unwrap();
    std::fs::write(root.join("src/lib.rs"), "//! A library.\n").unwrap();
    std::fs::write(root.join("README.md"), "# A page\n").unwrap();
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "."],
        &["commit", "--quiet", "-m", "first"],
    ] {
        git(root, arguments);
    }
    folder
}

#[test]
fn a_checkout_has_the_commit_that_is_checked_out() {
    let folder = repository();
    let head = git(folder.path(), &["rev-parse", "HEAD"]);
    assert_eq!(commit(folder.path()), Some(head[..12].to_owned()));
}

#[test]
fn a_changed_source_makes_it_dirty_and_a_changed_page_does_not() {
    let folder = repository();
    let clean = commit(folder.path()).unwrap();
    std::fs::write(folder.path().join("README.md"), "# Another page\n").unwrap();
    assert_eq!(commit(folder.path()).as_ref(), Some(&clean));
    std::fs::write(folder.path().join("src/more.rs"), "").unwrap();
    assert_eq!(commit(folder.path()), Some(format!("{clean}-dirty")));
}

#[test]
fn an_unpacked_archive_has_no_commit_also_inside_another_repository() {
    let archive = tempfile::tempdir().unwrap();
    assert_eq!(commit(archive.path()), None);
    let other = repository();
    let unpacked = other.path().join("portcullis-0.1.0");
    std::fs::create_dir(&unpacked).unwrap();
    assert_eq!(commit(&unpacked), None);
}

#[test]
fn a_version_says_what_kind_of_build_it_is() {
    let named = || Some("0123456789ab".to_owned());
    assert_eq!(version("0.1.0", true, named()), "0.1.0 (0123456789ab)");
    assert_eq!(version("0.1.0", false, named()), "0.1.0 (0123456789ab)");
    assert_eq!(version("0.1.0", true, None), "0.1.0");
    assert_eq!(version("0.1.0", false, None), "0.1.0 (debug build)");
}

#[test]
fn only_a_commit_can_be_given_as_one() {
    for good in ["0123456", "0123456789abcdef0123456789abcdef01234567-dirty"] {
        assert_eq!(validated_commit(good.to_owned()).unwrap(), good);
    }
    for bad in [
        "",
        "012345",
        "main",
        "0123456\ncargo::rustc-cfg=x",
        "-dirty",
    ] {
        assert!(validated_commit(bad.to_owned()).is_err(), "{bad:?}");
    }
}

#[test]
fn the_program_prints_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("--version")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        printed,
        concat!("portcullis ", env!("PORTCULLIS_VERSION"), "\n")
    );
    let of_cargo = concat!("portcullis ", env!("CARGO_PKG_VERSION"));
    assert!(printed.starts_with(of_cargo), "{printed}");
}
