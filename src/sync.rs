//! The locks and counters whose interleavings are explored.
//!
//! `tests/interleavings` compiles the files that use them once more, over those of a model checker. What they guard is
//! as it is there: only who runs next is decided by the checker.

pub(crate) use parking_lot::Mutex;
