//! Sets the version of the program: the one of Cargo.toml, and the commit that it is built from.
//!
//! It runs git in release builds only, so that a commit causes no rebuild during development. Without git,
//! `PORTCULLIS_COMMIT` can set the commit.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources of the program. Only a change in these makes a build `-dirty`.
const SOURCES: [&str; 6] = [
    ".cargo",
    "build.rs",
    "Cargo.lock",
    "Cargo.toml",
    "conf",
    "src",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PORTCULLIS_COMMIT");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let is_release = std::env::var("PROFILE")? == "release";
    let commit = match std::env::var("PORTCULLIS_COMMIT") {
        Ok(name) => Some(validated_commit(name)?),
        Err(_) if is_release => {
            for path in rebuild_triggers(&root) {
                println!("cargo::rerun-if-changed={}", path.display());
            }
            commit(&root)
        }
        Err(_) => None,
    };
    let version = version(&std::env::var("CARGO_PKG_VERSION")?, is_release, commit);
    println!("cargo::rustc-env=PORTCULLIS_VERSION={version}");
    Ok(())
}

/// The text that `--version` prints after the name.
pub(crate) fn version(package: &str, is_release: bool, commit: Option<String>) -> String {
    match commit {
        Some(commit) => format!("{package} ({commit})"),
        None if is_release => package.to_owned(),
        None => format!("{package} (debug build)"),
    }
}

/// Validates a commit that was given in the environment.
pub(crate) fn validated_commit(name: String) -> Result<String, String> {
    let digits = name.strip_suffix("-dirty").unwrap_or(&name);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && (7..=64).contains(&digits.len()) {
        Ok(name)
    } else {
        Err(format!(
            "PORTCULLIS_COMMIT is `{}`; expected 7 to 64 hexadecimal digits, with or without `-dirty`",
            name.escape_debug()
        ))
    }
}

/// The commit that is checked out in `root`, with `-dirty` if a source differs from it. `None` without git, or if
/// `root` is a folder inside another repository.
pub(crate) fn commit(root: &Path) -> Option<String> {
    let is_top = git(root, &["rev-parse", "--show-prefix"])?.is_empty();
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"]).filter(|_| is_top)?;
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let is_clean = git(root, &status)?.is_empty();
    Some(commit + if is_clean { "" } else { "-dirty" })
}

/// The paths whose change needs another version. Only existing paths: for a missing path, cargo runs the script at
/// every build.
fn rebuild_triggers(root: &Path) -> Vec<PathBuf> {
    let branch = git(root, &["rev-parse", "--symbolic-full-name", "HEAD"]);
    let mut git_files = vec!["HEAD", "logs/HEAD", "packed-refs"];
    git_files.extend(branch.as_deref());
    let git_files = git_files
        .into_iter()
        .filter_map(|path| git(root, &["rev-parse", "--git-path", path]));
    git_files
        .chain(SOURCES.map(str::to_owned))
        .map(|path| root.join(path))
        .filter(|path| path.exists())
        .collect()
}

/// The output of git without the line end; `None` if git is missing or fails.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("--no-optional-locks")
        .args(arguments)
        .current_dir(root)
        // A git hook sets these variables for its own repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim_end().to_owned())
}
