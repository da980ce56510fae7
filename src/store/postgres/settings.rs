//! The connection options of PostgreSQL and the timeouts.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::private_file::check_owner;

/// A database, the credentials, and the limits of every query.
///
/// It holds a password, so its output shows only the address.
#[derive(Clone)]
pub struct PostgresSettings {
    address: String,
    options: PgConnectOptions,
    pub(in crate::store) limits: PostgresLimits,
}

/// The limits of connections and queries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PostgresLimits {
    /// The maximum number of connections.
    pub connections: u32,
    /// The timeout for getting a connection.
    pub connect_timeout: Duration,
    /// The timeout for a query, including getting a connection.
    pub timeout: Duration,
}

impl PostgresSettings {
    /// The database at `url`, which has no password. File names in it are relative to `folder`.
    ///
    /// Without `sslmode` the certificate of a remote server is verified, and a local server may choose. The default
    /// must not be the weaker choice.
    pub fn new(
        url: &Url,
        password: Option<&str>,
        limits: PostgresLimits,
        folder: &Path,
    ) -> Result<Self, PostgresUrlError> {
        let mut files = Vec::new();
        let (mut has_mode, mut has_name) = (false, false);
        for (key, value) in url.query_pairs() {
            match &*key {
                "sslmode" if value == "allow" => return Err(PostgresUrlError::Allow),
                "sslmode" => has_mode = true,
                "application_name" => has_name = true,
                "sslrootcert" | "sslcert" | "sslkey" => {
                    let path = folder.join(&*value);
                    let wrong = |error: &dyn fmt::Display| PostgresUrlError::File {
                        key: key.clone().into_owned(),
                        error: format!("{}: {error}", path.display()),
                    };
                    let file = std::fs::File::open(&path).map_err(|error| wrong(&error))?;
                    let found = file.metadata().map_err(|error| wrong(&error))?;
                    if key == "sslkey" {
                        check_owner(&found).map_err(|foreign| wrong(&foreign))?;
                    }
                    files.push((key, path));
                }
                "host" | "hostaddr" | "port" | "user" | "dbname" | "options" => {}
                _ => return Err(PostgresUrlError::Parameter(key.into_owned())),
            }
        }
        let mut options = PgConnectOptions::from_url(url)
            .map_err(|error| PostgresUrlError::Value(error.to_string()))?;
        for (key, path) in files {
            options = match &*key {
                "sslrootcert" => options.ssl_root_cert(path),
                "sslcert" => options.ssl_client_cert(path),
                _ => options.ssl_client_key(path),
            };
        }
        if !has_mode {
            let mode = if is_here(&options) {
                PgSslMode::Prefer
            } else {
                PgSslMode::VerifyFull
            };
            options = options.ssl_mode(mode);
        }
        if !has_name {
            options = options.application_name("portcullis");
        }
        if let Some(password) = password {
            options = options.password(password);
        }
        Ok(Self {
            address: url.to_string(),
            options,
            limits,
        })
    }

    /// The URL without the password.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// True if the certificate of the server is verified.
    pub fn verifies(&self) -> bool {
        matches!(self.options.get_ssl_mode(), PgSslMode::VerifyFull)
    }

    /// Options without query timeouts, for migrations.
    pub(super) fn patient_options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Options with timeouts on the server, too.
    pub(super) fn bounded_options(&self) -> PgConnectOptions {
        let milliseconds = self.limits.timeout.as_millis().to_string();
        // Shorter than the query timeout, so that a waiting writer learns that nothing was changed.
        let lock_milliseconds = (self.limits.timeout / 4 * 3).as_millis().to_string();
        self.options.clone().options([
            ("statement_timeout", milliseconds.as_str()),
            ("lock_timeout", &lock_milliseconds),
            // A stopped node in the middle of a change must not block the others.
            ("idle_in_transaction_session_timeout", &milliseconds),
        ])
    }

    /// A message that names the server or the user.
    pub(super) fn describe(&self, error: &sqlx::Error) -> String {
        let options = &self.options;
        match error {
            // TLS errors of the handshake arrive as I/O errors.
            sqlx::Error::Io(error) if is_tls(error) => format!("TLS: {error}"),
            sqlx::Error::Io(error) => match options.get_socket() {
                Some(socket) => format!("{} cannot be reached: {error}", socket.display()),
                None => format!(
                    "{}:{} cannot be reached: {error}",
                    options.get_host(),
                    options.get_port()
                ),
            },
            sqlx::Error::Tls(error) => format!("TLS: {error}"),
            sqlx::Error::Database(answer) => {
                let user = options.get_username();
                let what = match answer.code().as_deref() {
                    Some("28000" | "28P01") => format!("the server refuses `{user}`"),
                    Some("3D000") => "the server has no such database".to_owned(),
                    Some("42501") => format!("`{user}` lacks a permission"),
                    Some("53300" | "57P03") => "the server accepts no connections now".to_owned(),
                    _ => "the server refuses".to_owned(),
                };
                format!("{what}: {}", answer.message())
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("address", &self.address)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn is_tls(error: &std::io::Error) -> bool {
    matches!(error.get_ref(), Some(cause) if cause.is::<rustls::Error>())
}

/// True if the server runs on this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A URL that does not describe a connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresUrlError {
    /// A mode that may fall back to plain text.
    #[error(
        "`sslmode=allow` is not supported: use `verify-full`, `verify-ca`, `require` or `prefer`, or `disable` for \
         plain text"
    )]
    Allow,

    /// A file that cannot be read.
    #[error("`{key}`: {error}")]
    File {
        /// The parameter that names it.
        key: String,
        /// The error of the system.
        error: String,
    },

    /// An unknown parameter.
    #[error(
        "unknown parameter `{0}`: use `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host`, `hostaddr`, `port`, \
         `user`, `dbname`, `application_name` or `options`"
    )]
    Parameter(String),

    /// A parameter with an invalid value.
    #[error("{0}")]
    Value(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Result<PostgresSettings, PostgresUrlError> {
        let limits = PostgresLimits {
            connections: 4,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(4),
        };
        PostgresSettings::new(&url.parse().unwrap(), Some("pw"), limits, Path::new("/"))
    }

    #[test]
    fn a_remote_server_is_verified_unless_the_url_says_otherwise() {
        use PgSslMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        for (url, mode) in [
            ("postgres://db.example/p", VerifyFull),
            ("postgres://10.0.0.1/p", VerifyFull),
            ("postgres://localhost.example/p", VerifyFull),
            ("postgres://localhost/p", Prefer),
            ("postgres://127.0.0.1:5433/p", Prefer),
            ("postgres://[::1]/p", Prefer),
            ("postgres:///p?host=/run/postgresql", Prefer),
            ("postgres://db.example/p?sslmode=disable", Disable),
            ("postgres://db.example/p?sslmode=prefer", Prefer),
            ("postgres://db.example/p?sslmode=require", Require),
            ("postgres://localhost/p?sslmode=verify-ca", VerifyCa),
        ] {
            let settings = settings(url).unwrap();
            let found = settings.options.get_ssl_mode();
            // The type has no equality.
            assert_eq!(format!("{found:?}"), format!("{mode:?}"), "{url}");
            assert_eq!(settings.verifies(), matches!(mode, VerifyFull), "{url}");
            assert!(!format!("{settings:?}").contains("pw"), "{url}");
        }
    }

    #[test]
    fn a_parameter_with_no_or_a_weaker_meaning_is_refused() {
        for (query, word) in [
            ("sslmode=allow", "sslmode=allow"),
            ("sslmode=none", "none"),
            ("sslrootcert=missing.pem", "missing.pem"),
            ("sslnegotiation=direct", "sslnegotiation"),
            ("connect_timeout=1", "connect_timeout"),
        ] {
            let error = settings(&format!("postgres://db.example/p?{query}")).err();
            let text = error.map_or_else(String::new, |error| error.to_string());
            assert!(text.contains(word), "{query}: {text}");
        }
    }
}
