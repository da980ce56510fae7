//! The ledger in memory: the product's own files.

#[path = "../../../src/ledger/claim.rs"]
mod claim;
#[path = "../../../src/ledger/in_process.rs"]
mod in_process;
#[path = "../../../src/ledger/key.rs"]
mod key;
#[path = "../../../src/ledger/permit.rs"]
mod permit;
#[path = "../../../src/ledger/shard.rs"]
mod shard;
#[path = "../../../src/ledger/stats.rs"]
mod stats;
#[path = "../../../src/ledger/traits.rs"]
mod traits;

pub use self::claim::LedgerClaim;
pub use self::in_process::InProcessLedger;
pub use self::key::{EntryKind, Key};
pub use self::permit::{Permit, Permits};
pub use self::stats::LedgerStats;
pub use self::traits::{
    ClaimToken, Conflict, DetachedWork, Entries, Entry, EntryState, Ledger, OutagePolicy,
    Retention, Unavailable,
};
