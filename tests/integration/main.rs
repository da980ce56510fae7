//! Tests through real sockets: a gate in a process of its own, between senders and a backend.

#![expect(clippy::pedantic, reason = "tests say what they mean in their own way")]

mod framing;
mod headers;
mod names;
mod statuses;
mod support;
