//! How the database is reached, and how long it may take.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// A database, who we are there, and the limits of every question.
///
/// It holds a password, and shows its address only.
#[derive(Clone)]
pub struct PostgresSettings {
    address: String,
    options: PgConnectOptions,
    pub(in crate::store) limits: PostgresLimits,
}

/// The limits of what is asked of a database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PostgresLimits {
    /// How many connections there are at most.
    pub connections: u32,
    /// How long it may take to get one.
    pub connect_timeout: Duration,
    /// How long an answer may take, and getting a connection with it.
    pub timeout: Duration,
}

impl PostgresSettings {
    /// The database at `url`, which has no password in it. Files that it names are relative to `folder`.
    ///
    /// Without `sslmode` a server on this machine is spoken to as it likes, and any other one over TLS with
    /// a certificate that is verified: what is not said must not be the weaker choice.
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
                    std::fs::File::open(&path).map_err(|error| PostgresUrlError::File {
                        key: key.clone().into_owned(),
                        error: format!("{}: {error}", path.display()),
                    })?;
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

    /// The URL, without a password.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the server has to prove that it is the one that is meant.
    pub fn verifies(&self) -> bool {
        matches!(self.options.get_ssl_mode(), PgSslMode::VerifyFull)
    }

    /// A connection that may take its time: to change a schema.
    pub(super) fn patient_options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// A connection on which the server, too, gives up what takes too long.
    pub(super) fn bounded_options(&self) -> PgConnectOptions {
        let milliseconds = self.limits.timeout.as_millis().to_string();
        // Shorter, so that whoever waits for others is told that nothing was changed, before it gives up.
        let lock_milliseconds = (self.limits.timeout / 4 * 3).as_millis().to_string();
        self.options.clone().options([
            ("statement_timeout", milliseconds.as_str()),
            ("lock_timeout", &lock_milliseconds),
            // A node that was stopped in the middle of a change must not keep the others from theirs.
            ("idle_in_transaction_session_timeout", &milliseconds),
        ])
    }

    /// What an error says about the database, the connection to it, or who we are there.
    pub(super) fn told(&self, error: &sqlx::Error) -> String {
        let options = &self.options;
        match error {
            // What went wrong in a handshake comes as an error of the connection.
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
                    Some("42501") => format!("`{user}` may not do that"),
                    Some("53300" | "57P03") => "the server takes no connection now".to_owned(),
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

/// Whether the server is on this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A URL that names no way to a database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresUrlError {
    /// A mode that would be plain text without saying so.
    #[error(
        "`sslmode=allow` is not taken: say `verify-full`, `verify-ca`, `require` or `prefer`, or \
         `disable` for plain text"
    )]
    Allow,

    /// A file that cannot be read.
    #[error("`{key}`: {error}")]
    File {
        /// The parameter.
        key: String,
        /// What the system answered.
        error: String,
    },

    /// A parameter that nobody knows.
    #[error(
        "unknown parameter `{0}`; there is `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host`, \
         `hostaddr`, `port`, `user`, `dbname`, `application_name`, `options`"
    )]
    Parameter(String),

    /// A parameter with a wrong value.
    #[error("{0}")]
    Value(String),
}
