//! The connection to a Redis that nodes share. What it is used for is the business of others: the ledger
//! brings its scripts and its rules.
//!
//! ```text
//! connect ─→ AUTH, SELECT, PING ─→ the scripts, and one of them tried ─→ up ─→ lost ─┐
//!    ↑                                                                               │
//!    └──── at once, and then with a growing pause ───────────────── down ←───────────┘
//! ```
//!
//! There is one connection, and calls of many deliveries travel on it one behind the other, in the order
//! in which they were made. A call that gets no answer in time is the end of the connection: what comes
//! after it is answered at once that Redis is out of reach, and a task of its own looks for it again. So
//! no delivery waits for what another one has found out already.

mod connect;
mod connection;
mod eviction;
mod fault;
mod keeper;
mod script;
mod settings;
mod stats;
mod tls;

pub use self::connect::{ConnectError, Greeting, Trial, inspect};
pub use self::connection::Redis;
pub use self::eviction::Eviction;
pub use self::fault::Fault;
pub use self::keeper::scattered;
pub use self::script::{Call, Script};
pub use self::settings::RedisSettings;
pub use self::stats::RedisStats;
pub use self::tls::{RedisTls, TlsFileError, TlsPart};
