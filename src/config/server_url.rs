//! Where a server is, such as a database, and what it is told about who we are.
//!
//! A password stands in the URL or, better, in a file that only its owner may read. It is a secret: no
//! message names it, nothing that people or logs see can hold it, and it is zeroed when it goes.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use toml_span::value::ValueInner;
use url::Url;
use zeroize::Zeroizing;

use super::table::Table;

/// The URL of a server, with the password apart from it.
///
/// The type has no `Debug`, `Display`, `Clone` or `PartialEq`: what is shown is its
/// [`address`](Self::address), and the password is asked for by name.
pub struct ServerUrl {
    address: Url,
    password: Option<Zeroizing<String>>,
}

impl ServerUrl {
    /// Reads `text`, whose scheme is one of `schemes`. What is said about a mistake names nothing of it.
    pub fn parse(text: &str, schemes: &[&str]) -> Result<Self, ServerUrlError> {
        let expected = || ServerUrlError::Scheme(schemes.join("://`, `"));
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        if !schemes.contains(&scheme) {
            return Err(expected());
        }
        // The password is taken out before the rest is read, so that no part of the reader has seen it.
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        if path.contains('@') {
            return Err(ServerUrlError::Unescaped);
        }
        let (user_info, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match user_info.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?)),
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
        // The host of a socket in the file system is its path, or a parameter.
        let is_elsewhere = scheme.contains("unix") || parameters().any(|(key, _)| key == "host");
        if address.host_str().is_none_or(str::is_empty) && !is_elsewhere {
            return Err(ServerUrlError::Host);
        }
        Ok(Self { address, password })
    }

    /// The URL without the password, for people as well as for programs.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The password itself, if one was given. Every use is a place to look at in a review.
    pub fn expose_password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.as_str())
    }

    /// The same server, with the password that the file at `path` holds.
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

/// The server at `url`, with the password in the file at `password_file`, if there is one. `None` if it
/// is not there, or if it is wrong, which was reported then.
pub(super) fn server_url(
    table: &mut Table<'_, '_>,
    schemes: &[&str],
    folder: &Path,
) -> Option<ServerUrl> {
    let file_span = table.span_of("password_file");
    let file: Option<PathBuf> = table.parsed("password_file");
    let Some(mut value) = table.take("url") else {
        if file.is_some() {
            let message = "is for a server; there is no `url` beside it".to_owned();
            table.wrong_at(file_span, "password_file", message);
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
            table.wrong_at(value.span, "url", message);
            None
        }
    };
    let Some(path) = file.map(|file| folder.join(file)) else {
        return server;
    };
    // A file is looked at even if the URL is wrong: both mistakes are told at once.
    let read = match server {
        Some(server) => server.with_password_file(&path).map(Some),
        None => password_file(&path).map(|_| None),
    };
    read.unwrap_or_else(|error| {
        table.wrong_at(file_span, "password_file", error.to_string());
        None
    })
}

/// Reads a file that holds a password and nothing else; the end of its line is not part of it.
fn password_file(path: &Path) -> Result<Zeroizing<String>, PasswordFileError> {
    let unreadable = |error: std::io::Error| PasswordFileError::Unreadable {
        path: path.to_owned(),
        error: error.to_string(),
    };
    // A pipe that nobody writes to would be waited for, so what it is is asked before it is opened.
    let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
    let malformed = || PasswordFileError::Malformed(path.to_owned());
    if !is_file {
        return Err(malformed());
    }
    let file = File::open(path).map_err(unreadable)?;
    // The open file is asked, not the path: nobody can swap one for the other in between.
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
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

fn decoded(password: &str) -> Result<Zeroizing<String>, ServerUrlError> {
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(percent_decode_str(password).collect());
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(ServerUrlError::Unescaped),
    }
}

/// A text that is not the URL of a server. Nothing of the text is in it: a password may stand anywhere
/// in what somebody got wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerUrlError {
    /// Another scheme, or no URL at all.
    #[error("expected a URL that begins with `{0}://`")]
    Scheme(String),

    /// A character of a user or a password that means something else in a URL.
    #[error(
        "in a user name or a password, every character but letters and digits is written as % and two \
         hex digits (`@` is %40, `/` is %2F, `#` is %23); or write the password into a file, and its \
         path into `password_file`"
    )]
    Unescaped,

    /// No host.
    #[error("the host is missing: `scheme://user@host:port/name`")]
    Host,

    /// A port that is none.
    #[error("the port is a number from 1 to 65535")]
    Port,

    /// A password where it would be shown.
    #[error(
        "a password does not stand behind the `?`: write it into a file, and its path into \
         `password_file`"
    )]
    Parameter,

    /// Anything else.
    #[error("this is no URL: `scheme://user@host:port/name`")]
    Malformed,
}

/// A file with a password that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// The URL has one, too.
    #[error("the password stands in `url` already; take it out there")]
    Twice,

    /// Others than its owner may read it.
    #[error(
        "{}: others can read the password (mode {mode:04o}); run `chmod 600` on it, and ask who may \
         have read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },

    /// It holds something else.
    #[error(
        "{}: expected a file with one line, the password, of at most {MAX_PASSWORD_FILE_LEN} bytes \
         of UTF-8",
        .0.display()
    )]
    Malformed(PathBuf),

    /// It could not be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        error: String,
    },
}

const MAX_PASSWORD_FILE_LEN: usize = 4096;
