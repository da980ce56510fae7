//! Where Redis is, and how it is spoken to.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::RedisTls;

/// Where Redis is, and how it is spoken to.
///
/// It is neither compared nor copied: there is a password in it.
pub struct RedisSettings {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TLS, if it is spoken to over TLS.
    pub tls: Option<RedisTls>,
    /// The ACL user; `default` if none is said.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Zeroizing<String>>,
    /// The number of the database.
    pub database: u32,
    /// How long it may take until a connection can be used.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
}

/// Without the password.
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

/// The same.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
