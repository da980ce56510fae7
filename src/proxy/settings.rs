//! How senders are dealt with.

use std::time::Duration;

use super::TrustedProxies;
use super::raw_head::HeadLimits;

/// How senders are dealt with.
#[derive(Clone, Debug)]
pub struct PublicSettings {
    /// How long a head may take to arrive, from its first byte, and a new connection to send one.
    pub head_timeout: Duration,
    /// How long a connection may be silent between two deliveries.
    pub keep_alive: Duration,
    /// How long a sender may take, in all, to take a response.
    pub send_timeout: Duration,
    /// How large a head may be.
    pub head_limits: HeadLimits,
    /// How many connections may be open.
    pub max_connections: usize,
    /// How many requests may be in flight.
    pub max_requests: usize,
    /// The proxies that are believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether answers carry `Portcullis-Reason`.
    pub reason_header: bool,
    /// Whether answers carry `X-Request-Id`.
    pub request_id_header: bool,
}
