//! The pages of docs/reference and the program say the same: what can be generated is, and what is written by hand names
//! exactly what the program has.
//!
//! `make reference` writes the generated parts.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod answers;
mod cli;
mod configuration;
mod exit_codes;
mod headers;
mod openapi;
mod page;
mod presets;

use std::path::Path;
use std::process::Command;

/// The program, in `folder`, with nothing of the environment that changes its output.
fn portcullis(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("PORTCULLIS_CONFIG");
    command
}
