//! URLs of servers and the files of their passwords: what is taken, and that no mistake tells a password.

use std::os::unix::fs::PermissionsExt;

use portcullis::config::{PasswordFileError, ServerUrl, ServerUrlError};
use proptest::prelude::*;

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];
const PASSWORD: &str = "hunter-2";

fn read(text: &str) -> Result<ServerUrl, ServerUrlError> {
    ServerUrl::parse(text, &SCHEMES)
}

/// A folder with a file of mode 0600.
fn holding(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    (folder, path)
}

#[test]
fn the_password_is_taken_out_of_the_url() {
    for (text, address, password) in [
        ("postgres://db", "postgres://db", None),
        (
            "postgresql://db:5433/gate",
            "postgresql://db:5433/gate",
            None,
        ),
        ("postgres://me@db/gate", "postgres://me@db/gate", None),
        (
            "postgres://me:hunter-2@db:5432/gate?sslmode=verify-full",
            "postgres://me@db:5432/gate?sslmode=verify-full",
            Some(PASSWORD),
        ),
        ("postgres://:hunter-2@db", "postgres://db", Some(PASSWORD)),
        (
            "postgres://m%40e:a%40b%2Fc%3A%23%25+d:e@[::1]/gate",
            "postgres://m%40e@[::1]/gate",
            Some("a@b/c:#%+d:e"),
        ),
        (
            "postgres:///gate?host=/run/pg",
            "postgres:///gate?host=/run/pg",
            None,
        ),
    ] {
        let server = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(server.address().as_str(), address, "{text}");
        assert_eq!(server.expose_password(), password, "{text}");
    }
}

#[test]
fn a_text_that_is_no_url_of_a_server_is_refused_with_the_reason() {
    use ServerUrlError::*;
    let scheme = || Scheme("postgres://`, `postgresql".to_owned());
    for (text, right) in [
        ("", scheme()),
        ("hunter-2", scheme()),
        ("db.internal/gate", scheme()),
        ("mysql://me:hunter-2@db/gate", scheme()),
        ("POSTGRES://me:hunter-2@db/gate", scheme()),
        ("postgres:me:hunter-2@db", scheme()),
        ("postgres://", Host),
        ("postgres:///gate", Host),
        // The standard of URLs has no user without a host: `?user=` is there for that.
        ("postgres://me@/gate?host=/run/pg", Host),
        ("postgres://me:hunter-2@/gate", Host),
        ("postgres://me:hunter-2@:5432/gate", Host),
        ("postgres://me:hunter-2@db:none/gate", Port),
        ("postgres://me:hunter-2@db:0/gate", Port),
        ("postgres://me:hunter-2@db:65536/gate", Port),
        // Characters of a password that end the authority, or begin it anew.
        ("postgres://me:hunter-2/@db/gate", Unescaped),
        ("postgres://me:hunter-2#@db/gate", Unescaped),
        ("postgres://me:hunter-2?@db/gate", Unescaped),
        ("postgres://me:hunter-2@@db/gate", Unescaped),
        ("postgres://me:12/hunter-2@db/gate", Unescaped),
        ("postgres://me:hunter-2%ff@db/gate", Unescaped),
        ("postgres://me:hunter-2%00@db/gate", Unescaped),
        ("postgres://me:@db/gate", Unescaped),
        ("postgres://db/gate#hunter-2", Unescaped),
        ("postgres://me@db/gate?password=hunter-2", Parameter),
        (
            "postgres://me@db/gate?sslmode=require&PassWord=hunter-2",
            Parameter,
        ),
        ("postgres://me@db/gate?sslpassword=hunter-2", Parameter),
        ("postgres://me@db/gate?pass%77ord=hunter-2", Parameter),
        ("postgres://me:hunter-2@d b/gate", Malformed),
        ("postgres://me:hunter-2@[::1/gate", Malformed),
    ] {
        let error = read(text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(!error.to_string().contains("hunter"), "{text}: {error}");
        assert_eq!(error, right, "{text}");
    }
}

proptest! {
    /// Whatever stands before and behind it, and whatever was forgotten to be escaped.
    #[test]
    fn a_password_before_an_at_sign_is_shown_nowhere(
        scheme in "(postgres|postgresql|mysql|POSTGRES|)",
        slashes in "(://|:/|:)",
        user in "[a-z:%@/?#]{0,4}",
        before in "[!-~]{0,6}",
        behind in "[!-~]{0,6}",
        host in "[a-z0-9.:\\[\\]%@]{0,12}",
        rest in "[!-~]{0,12}",
    ) {
        let text = format!("{scheme}{slashes}{user}:{before}{PASSWORD}{behind}@{host}{rest}");
        match read(&text) {
            Ok(server) => prop_assert!(!server.address().as_str().contains(PASSWORD), "{text}"),
            Err(error) => prop_assert!(!error.to_string().contains(PASSWORD), "{text}: {error}"),
        }
    }
}

#[test]
fn a_password_in_a_file_is_its_one_line() {
    for content in ["hunter-2", "hunter-2\n", "hunter-2\r\n"] {
        let (_folder, path) = holding(content.as_bytes());
        let server = read("postgres://me@db").unwrap();
        let server = server.with_password_file(&path).ok().unwrap();
        assert_eq!(server.expose_password(), Some(PASSWORD));
        assert_eq!(server.address().as_str(), "postgres://me@db");
    }
    // Spaces are as good as any character.
    let (_folder, path) = holding(" a b \n".as_bytes());
    let server = read("postgres://me@db").unwrap();
    let server = server.with_password_file(&path).ok().unwrap();
    assert_eq!(server.expose_password(), Some(" a b "));
}

#[test]
fn a_file_that_holds_no_password_is_refused_without_showing_what_it_holds() {
    let long = vec![b'x'; 4097];
    for content in [
        &b""[..],
        b"\n",
        b"\r\n",
        b"hunter-2\nhunter-2\n",
        b"hunter-2\n\n",
        b"hunter-2\0",
        b"hunter-2\xff",
        &long,
    ] {
        let (_folder, path) = holding(content);
        let server = read("postgres://me@db").unwrap();
        let error = server.with_password_file(&path).err().unwrap();
        assert!(!error.to_string().contains("hunter"), "{error}");
        assert_eq!(error, PasswordFileError::Malformed(path), "{content:?}");
    }
    let longest = vec![b'x'; 4096];
    let (_folder, path) = holding(&longest);
    let server = read("postgres://me@db").unwrap();
    assert!(server.with_password_file(&path).is_ok());
}

#[test]
fn a_file_that_others_can_read_or_that_is_none_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o601, 0o777] {
        let (_folder, path) = holding(PASSWORD.as_bytes());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let server = read("postgres://me@db").unwrap();
        let error = server.with_password_file(&path).err().unwrap();
        let text = error.to_string();
        assert!(text.contains("chmod 600") && text.contains(&format!("{mode:04o}")));
        assert_eq!(error, PasswordFileError::Exposed { path, mode });
    }
    let (folder, path) = holding(PASSWORD.as_bytes());
    for other in [folder.path().to_owned(), "/dev/zero".into()] {
        let server = read("postgres://me@db").unwrap();
        let error = server.with_password_file(&other).err().unwrap();
        assert_eq!(error, PasswordFileError::Malformed(other));
    }
    let missing = folder.path().join("missing");
    let server = read("postgres://me@db").unwrap();
    let error = server.with_password_file(&missing).err().unwrap();
    assert!(error.to_string().contains("missing: cannot be read: "));
    let server = read("postgres://me:hunter-2@db").unwrap();
    let error = server.with_password_file(&path).err().unwrap();
    assert_eq!(error, PasswordFileError::Twice);
}
