//! The ledger from the outside, with a clock that the tests move.
//!
//! A model shows that it never knows more or less than it should, and many tasks at once that of
//! several copies exactly one is new.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

mod away;
mod concurrency;
mod expiry;
#[path = "../../benches/support/fixture.rs"]
#[expect(dead_code, reason = "it is shared with the benchmarks")]
mod fixture;
mod gate;
mod keys;
mod model;
#[path = "../integration/support/ports.rs"]
mod ports;
#[path = "../integration/support/redis.rs"]
#[expect(dead_code, reason = "it is shared with the tests through sockets")]
mod redis;
mod room;
mod setting;
mod settling;
#[path = "../integration/support/waiting.rs"]
#[expect(dead_code, reason = "it is shared with the tests through sockets")]
mod waiting;
