//! The console: the admin API through its own listener.

mod access;
mod changes;
mod client;
mod limits;
mod lists;
mod matrix;
mod secrets;
