//! HAR files that people hand to `portcullis explain`.
//!
//! Whatever is in one, an entry of it is read or refused.
//!
//! Input: one byte that chooses the entry, then the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::explain::parse_har;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, capture)) = data.split_first() else {
        return;
    };
    let number = choice.checked_sub(1).map(usize::from);
    let Ok(delivery) = parse_har(capture, number) else {
        return;
    };
    assert_ne!(number, Some(0), "entries are counted from 1");
    assert!(delivery.path.starts_with('/'));
    assert!(
        delivery
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with(':'))
    );
});
