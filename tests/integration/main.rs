//! Tests through real sockets: a gate in a process of its own, between senders and a backend.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, and says what it means in its own way"
)]

mod admin;
mod bodies;
mod captures;
mod challenges;
mod commands;
mod configuration;
mod console;
mod contracts;
mod deadlines;
mod deliveries;
mod documents;
mod expectations;
mod explain;
mod fleet;
mod flows;
mod framing;
mod headers;
mod http2;
mod http2_frames;
mod kms;
mod liveness;
mod memory;
mod methods;
mod names;
mod operate;
mod operators;
mod postgres;
mod providers;
mod public_keys;
mod records;
mod redis;
mod replays;
mod responses;
mod rotation;
mod senders;
mod shutdown;
mod sns;
mod statuses;
mod stores;
mod support;
mod tokens;
mod upgrades;
mod upstreams;
