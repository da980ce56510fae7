//! Curl commands that people paste into a file for `portcullis explain`.
//!
//! Whatever is in it, it is read or refused; files are asked for by the names that stand in the command,
//! and standard input is never one of them.
//!
//! Input: the command.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::explain::parse_curl;

fuzz_target!(|command: &[u8]| {
    let read = parse_curl(command, &mut |name| {
        assert_ne!(name, "-");
        Ok(b"line\r\nline\n\0".to_vec())
    });
    let Ok(delivery) = read else { return };
    assert!(delivery.path.starts_with('/'));
    assert!(delivery.other_bodies.len() <= 1);
});
