//! Backends of every kind: several addresses, kept connections, TLS, and everything that goes wrong
//! behind the gate. Whatever happens, what was sent is not sent twice.

mod answers;
mod broken;
mod connections;
mod encrypted;
mod faults;
mod unframed;
