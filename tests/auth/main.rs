//! `auth` from the outside: bytes in, verdict out.
//!
//! Published vectors show that it agrees with the world, Wycheproof that it refuses what others have
//! let through, and properties that there is no third kind of input.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

mod accounts;
mod bodies;
mod borders;
mod canonical;
mod declarations;
mod delivery;
mod fingerprints;
mod folds;
mod hints;
mod inputs;
mod jws;
mod lists;
mod message_signatures;
mod providers;
mod public_keys;
mod published;
mod rotation;
mod secret_checks;
mod senders;
mod sent;
mod signatures;
mod sns;
mod timestamps;
mod tokens;
mod vectors;
mod words;
mod workspaces;
mod wycheproof;
