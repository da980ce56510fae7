//! What was already delivered: the memory that tells a replay from a retry.
//!
//! ```text
//! claim ─→ the backend is asked ─┬─ it accepted ─→ commit: the same again is a replay or a duplicate
//!                                └─ it did not  ─→ release: the same again is a retry, and gets through
//! ```
//!
//! Two phases, because a memory that is written before the backend has accepted turns an honest retry
//! away, and one that is written only afterwards lets two copies in that arrive together. Between the
//! phases the delivery is *in flight*. A claim that nobody settles ends with its lease.
//!
//! Beside that the nodes of a fleet share how many deliveries of one concurrency key are in flight: each has a
//! [`Permit`], and there are so many of a key.
//!
//! What is remembered is a [`Key`], a digest: never an id, a signature or a body. The [`Ledger`] is a
//! trait: [`InProcess`] serves one machine. [`Shared`] is the memory in Redis, and [`Fleet`] the two
//! together: what the nodes of a fleet use.

mod backlog;
mod both;
mod contract;
mod fleet;
mod held;
mod in_process;
mod key;
mod permit;
mod prefix;
mod scripts;
mod shard;
mod shared;
mod shared_permit;
mod slot;
mod stats;
mod teller;

pub use self::both::FleetStats;
pub use self::contract::{
    Alone, Entries, Entry, Keep, Ledger, Standing, Taken, Token, Unavailable, Unwatched,
};
pub use self::fleet::Fleet;
pub use self::held::Held;
pub use self::in_process::{BYTES_PER_ENTRY, InProcess};
pub use self::key::{Key, Kind};
pub use self::permit::{Permit, Permits};
pub use self::prefix::{KeyPrefix, WrongPrefix};
pub use self::shared::Shared;
pub use self::stats::LedgerStats;
