//! Replay memory: tells a replay from a retry.
//!
//! ```text
//! claim ─→ backend ─┬─ accepts ──────────→ commit: a repeat is a replay or a duplicate
//!                   └─ does not accept ──→ release: a repeat is a retry and is admitted
//! ```
//!
//! Between the two phases a delivery is *in flight*, so two copies that arrive together are not both admitted. A claim
//! that is never settled expires with its lease.
//!
//! The nodes of a fleet also share how many deliveries of one concurrency key are in flight: each holds a [`Permit`].
//!
//! The memory holds a [`Key`], a digest: never an id, a signature or a body. [`InProcessLedger`] serves one machine, [`RedisLedger`]
//! keeps the memory in Redis, and [`FleetLedger`] combines the two for the nodes of a fleet.

mod backlog;
mod claim;
mod fleet;
mod in_process;
mod in_redis;
mod key;
mod permit;
mod prefix;
mod scripts;
mod shard;
mod shared_permit;
mod stats;
mod traits;

pub use self::claim::LedgerClaim;
pub use self::fleet::{FleetLedger, FleetStats};
pub use self::in_process::{BYTES_PER_ENTRY, InProcessLedger};
pub use self::in_redis::RedisLedger;
pub use self::key::{EntryKind, Key};
pub use self::permit::{Permit, Permits};
pub use self::prefix::{KeyPrefix, KeyPrefixError};
pub use self::stats::LedgerStats;
pub use self::traits::{
    ClaimToken, Conflict, DetachedWork, Entries, Entry, EntryState, Ledger, OutagePolicy,
    Retention, Unavailable,
};
