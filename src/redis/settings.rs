//! The address of Redis, the credentials and the timeouts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use zeroize::Zeroizing;

/// The address of Redis, the credentials and the timeouts.
///
/// The type holds a password, so it is neither cloned nor compared.
pub struct RedisSettings {
    /// A host name or an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// TLS towards the server; `None` for plain TCP.
    pub tls: Option<Arc<ClientConfig>>,
    /// The ACL user; without one Redis uses `default`.
    pub user: Option<String>,
    /// Sent with `AUTH`.
    pub password: Option<Zeroizing<String>>,
    /// The number of the database.
    pub database: u32,
    /// The timeout for a usable connection: name resolution, TCP, TLS and the scripts.
    pub connect_timeout: Duration,
    /// The timeout for one answer.
    pub response_timeout: Duration,
}

/// The URL without the password.
impl fmt::Display for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        write!(f, "{scheme}://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        write!(f, ":{}/{}", self.port, self.database)
    }
}

/// The same as `Display`, so that the password cannot leak.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
