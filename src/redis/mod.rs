//! The connection to a Redis server that the nodes of a fleet share.
//!
//! ```text
//! connect ─→ AUTH, SELECT, PING ─→ load scripts, try each one ─→ up ─→ lost ─┐
//!    ↑                                                                       │
//!    └──── at once, then with backoff ───────────────────────── down ←───────┘
//! ```
//!
//! One connection carries the calls of all deliveries, pipelined in order. A call without an answer in time ends the
//! connection. Later calls fail immediately, and a background task reconnects, so no delivery waits for a fault that is
//! already known.

mod connect;
mod connection;
mod error;
mod eviction;
mod script;
mod settings;
mod stats;

pub use self::connect::{ConnectError, ConnectionSetup, ScriptProbe, inspect};
pub use self::connection::Redis;
pub use self::error::RedisFault;
pub use self::eviction::Eviction;
pub use self::script::{Call, Script};
pub use self::settings::RedisSettings;
pub use self::stats::RedisStats;
