//! Settings of the public listener: timeouts, limits, trusted proxies.

use std::time::Duration;

use super::TrustedProxies;
use super::raw_head::HeadLimits;

/// Settings of the public listener.
#[derive(Clone, Debug)]
pub struct PublicSettings {
    /// How long a head may take from its first byte, and how long a new connection may wait with it.
    pub head_timeout: Duration,
    /// How long a connection may be idle between two deliveries.
    pub keep_alive: Duration,
    /// How long a sender may take to read a whole response.
    pub send_timeout: Duration,
    /// The limits of a head.
    pub head_limits: HeadLimits,
    /// The largest number of open connections.
    pub max_connections: usize,
    /// The largest number of requests in flight.
    pub max_requests: usize,
    /// The proxies whose `X-Forwarded-*` headers count.
    pub trusted_proxies: TrustedProxies,
    /// Whether answers carry `Portcullis-Reason`.
    pub reason_header: bool,
    /// Whether answers carry `X-Request-Id`.
    pub request_id_header: bool,
}
