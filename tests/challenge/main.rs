//! `challenge` from the outside: what was asked comes in, an answer goes out.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

mod forms;
mod json;
mod presets;
