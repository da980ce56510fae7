//! The URL of a server, such as a database, with its credentials.
//!
//! The password is in the URL or, better, in a file that only its owner can read. No message, log line or `Debug`
//! output contains it, and it is zeroed on drop.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use toml_span::value::ValueInner;
use url::Url;
use zeroize::Zeroizing;

use super::table::Table;
use crate::private_file::check_owner;

/// The URL of a server, with the password stored separately.
///
/// The type has no `Debug`, `Display`, `Clone` or `PartialEq`. Messages use its [`address`](Self::address), which has
/// no password.
pub struct ServerUrl {
    address: Url,
    password: Option<Zeroizing<String>>,
}

impl ServerUrl {
    /// Parses `text`, whose scheme must be one of `schemes`. An error contains no part of the text.
    pub fn parse(text: &str, schemes: &[&str]) -> Result<Self, ServerUrlError> {
        let expected = || ServerUrlError::Scheme(schemes.join("://`, `"));
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        if !schemes.contains(&scheme) {
            return Err(expected());
        }
        // Remove the password before parsing, so that no parser error can contain it.
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        if path.contains('@') {
            return Err(ServerUrlError::Unescaped);
        }
        let (user_info, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match user_info.split_once(':') {
            Some((user, password)) => (user, Some(decode_password(password)?)),
            None => (user_info, None),
        };
        if user_info.contains('@') || password.as_ref().is_some_and(|it| it.is_empty()) {
            return Err(ServerUrlError::Unescaped);
        }
        let at = if user.is_empty() { "" } else { "@" };
        let address = format!("{scheme}://{user}{at}{host}{path}");
        let address = Url::parse(&address).map_err(|error| match error {
            url::ParseError::InvalidPort => ServerUrlError::Port,
            url::ParseError::EmptyHost => ServerUrlError::Host,
            _ => ServerUrlError::Malformed,
        })?;
        if address.fragment().is_some() {
            return Err(ServerUrlError::Unescaped);
        }
        if address.port() == Some(0) {
            return Err(ServerUrlError::Port);
        }
        let parameters = || address.query_pairs();
        if parameters().any(|(key, _)| key.to_ascii_lowercase().contains("pass")) {
            return Err(ServerUrlError::Parameter);
        }
        // A Unix socket has a path or a parameter instead of a host.
        let is_elsewhere = scheme.contains("unix") || parameters().any(|(key, _)| key == "host");
        if address.host_str().is_none_or(str::is_empty) && !is_elsewhere {
            return Err(ServerUrlError::Host);
        }
        Ok(Self { address, password })
    }

    /// The URL without the password.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The password, if there is one. Review every use of this method.
    pub fn expose_password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.as_str())
    }

    /// Adds the password from the file at `path`.
    pub fn with_password_file(self, path: &Path) -> Result<Self, PasswordFileError> {
        if self.password.is_some() {
            return Err(PasswordFileError::Twice);
        }
        Ok(Self {
            password: Some(password_file(path)?),
            ..self
        })
    }
}

/// Reads `url` and `password_file` of a section; `None` if there is no URL or a mistake was reported.
pub(super) fn server_url(
    table: &mut Table<'_, '_>,
    schemes: &[&str],
    folder: &Path,
) -> Option<ServerUrl> {
    let file_span = table.span_of("password_file");
    let file: Option<PathBuf> = table.parsed("password_file");
    let Some(mut value) = table.take("url") else {
        if file.is_some() {
            let message = "needs the `url` of a server".to_owned();
            table.report_at(file_span, "password_file", message);
        }
        return None;
    };
    let parsed = match value.take() {
        ValueInner::String(text) => {
            let text = Zeroizing::new(String::from(text));
            ServerUrl::parse(&text, schemes).map_err(|error| error.to_string())
        }
        other => Err(format!("expected a string, found {}", other.type_str())),
    };
    let server = match parsed {
        Ok(server) => Some(server),
        Err(message) => {
            table.report_at(value.span, "url", message);
            None
        }
    };
    let Some(path) = file.map(|file| folder.join(file)) else {
        return server;
    };
    // Validate the file even if the URL is invalid, to report both mistakes.
    let read = match server {
        Some(server) => server.with_password_file(&path).map(Some),
        None => password_file(&path).map(|_| None),
    };
    read.unwrap_or_else(|error| {
        table.report_at(file_span, "password_file", error.to_string());
        None
    })
}

/// Reads a file that contains only a password. One line end is not part of the password.
fn password_file(path: &Path) -> Result<Zeroizing<String>, PasswordFileError> {
    let unreadable = |error: std::io::Error| PasswordFileError::Unreadable {
        path: path.to_owned(),
        error: error.to_string(),
    };
    // Opening a pipe without a writer would block, so check the file type first.
    let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
    let malformed = || PasswordFileError::Malformed(path.to_owned());
    if !is_file {
        return Err(malformed());
    }
    let file = File::open(path).map_err(unreadable)?;
    // Read the mode of the open file, because the path could change in between.
    let found = file.metadata().map_err(unreadable)?;
    check_owner(&found).map_err(|foreign| PasswordFileError::Foreign {
        path: path.to_owned(),
        foreign: foreign.to_string(),
    })?;
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PasswordFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD_FILE_LEN + 1));
    file.take(MAX_PASSWORD_FILE_LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MAX_PASSWORD_FILE_LEN {
        return Err(malformed());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    let password = text.strip_suffix('\n').unwrap_or(text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.contains(['\0', '\r', '\n']) {
        return Err(malformed());
    }
    Ok(Zeroizing::new(password.to_owned()))
}

fn decode_password(password: &str) -> Result<Zeroizing<String>, ServerUrlError> {
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(percent_decode_str(password).collect());
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(ServerUrlError::Unescaped),
    }
}

/// Why a text is not a server URL. The error contains no part of the text, because any part may be a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerUrlError {
    /// The scheme is not one of the expected ones.
    #[error("expected a URL that starts with `{0}://`")]
    Scheme(String),

    /// A user or a password contains a reserved character.
    #[error(
        "in a user name or a password, write every character except letters and digits as % and two \
         hex digits (`@` is %40, `/` is %2F, `#` is %23); or put the password into a file, and its \
         path into `password_file`"
    )]
    Unescaped,

    /// The host is missing.
    #[error("the host is missing: expected `scheme://user@host:port/name`")]
    Host,

    /// The port is not valid.
    #[error("the port must be a number from 1 to 65535")]
    Port,

    /// A parameter contains a password.
    #[error(
        "the query must not contain a password: put it into a file, and its path into \
         `password_file`"
    )]
    Parameter,

    /// The text is not a URL.
    #[error("not a URL: expected `scheme://user@host:port/name`")]
    Malformed,
}

/// Why a password file is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// The URL also contains a password.
    #[error("`url` already contains a password; remove it there")]
    Twice,

    /// Other users can read the file.
    #[error(
        "{}: other users can read the password (mode {mode:04o}); run `chmod 600` on it, and change the password if \
         somebody may have read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },

    /// Another user owns the file, and can read or replace it.
    #[error("{}: the password file {foreign}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner, and the user of the process.
        foreign: String,
    },

    /// The file does not contain exactly one password.
    #[error(
        "{}: expected a file with one line, the password, of at most {MAX_PASSWORD_FILE_LEN} bytes \
         of UTF-8",
        .0.display()
    )]
    Malformed(PathBuf),

    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: String,
    },
}

const MAX_PASSWORD_FILE_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEMES: [&str; 2] = ["redis", "redis+unix"];

    /// The address and the password, or the error.
    fn parse(text: &str) -> Result<(String, Option<String>), ServerUrlError> {
        let server = ServerUrl::parse(text, &SCHEMES)?;
        let password = server.expose_password().map(str::to_owned);
        Ok((server.address().to_string(), password))
    }

    #[test]
    fn the_password_is_taken_out_of_a_url_and_decoded() {
        for (text, address, password) in [
            ("redis://host", "redis://host", None),
            ("redis://user@host:6379/0", "redis://user@host:6379/0", None),
            ("redis://user:pw@host/0", "redis://user@host/0", Some("pw")),
            ("redis://:pw@host", "redis://host", Some("pw")),
            (
                "redis://u:p%40%2F%23%25@host",
                "redis://u@host",
                Some("p@/#%"),
            ),
            (
                "redis://u:a:b@[::1]:6379",
                "redis://u@[::1]:6379",
                Some("a:b"),
            ),
            (
                "redis://u:%C3%BC@host?db=1",
                "redis://u@host?db=1",
                Some("ü"),
            ),
            ("redis+unix:///run/r.sock", "redis+unix:///run/r.sock", None),
            ("redis://?host=/run/r", "redis://?host=/run/r", None),
        ] {
            let expected = (address.to_owned(), password.map(str::to_owned));
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_url_that_another_reader_could_split_elsewhere_is_refused() {
        use ServerUrlError::{Host, Parameter, Port, Unescaped};
        let scheme = || ServerUrlError::Scheme("redis://`, `redis+unix".to_owned());
        for (text, error) in [
            ("", scheme()),
            ("host:6379", scheme()),
            ("http://host", scheme()),
            ("REDIS://host", scheme()),
            ("redis:/host", scheme()),
            ("redis://user:p@ss@host", Unescaped),
            ("redis://us@er@host", Unescaped),
            ("redis://user:p/ss@host", Unescaped),
            ("redis://user:p?ss@host", Unescaped),
            ("redis://user:p#ss@host", Unescaped),
            ("redis://user:@host", Unescaped),
            ("redis://user:%FF@host", Unescaped),
            ("redis://user:a%00b@host", Unescaped),
            ("redis://host/0#1", Unescaped),
            ("redis://host:0", Port),
            ("redis://host:65536", Port),
            ("redis://host:port", Port),
            ("redis://", Host),
            ("redis:///0", Host),
            ("redis://user:pw@/0", Host),
            ("redis://host?password=pw", Parameter),
            ("redis://host?sslPassFile=pw", Parameter),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_address_and_no_error_contains_a_part_of_the_password(
            before in ".{0,8}",
            after in ".{0,8}",
            rest in ".{0,8}",
        ) {
            let text = format!("redis://user:{before}hunter2{after}@host{rest}");
            let shown = match parse(&text) {
                Ok((address, _)) => address,
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
