//! `payload` from the outside: bytes in, a key or violations out.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

mod bodies;
mod compiled;
mod forms;
mod hostile;
mod inputs;
mod keys;
mod multipart;
mod schemas;
mod support;
