//! The lock types of code that a model checker explores.
//!
//! `tests/interleavings` compiles the files that use this module again, with the checker's locks in its place. The
//! guarded code is the same; the checker only decides which thread runs next.

pub(crate) use parking_lot::Mutex;
