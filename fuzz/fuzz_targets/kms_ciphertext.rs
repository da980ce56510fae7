//! What a row of the store says that AWS KMS has encrypted: taken apart, and put together again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::secrets::{AwsCiphertextFormat, KeyName};

fuzz_target!(|bytes: &[u8]| {
    let again = match AwsCiphertextFormat::read(bytes) {
        Some(AwsCiphertextFormat::ByService(blob)) => AwsCiphertextFormat::by_service(blob),
        Some(AwsCiphertextFormat::ByDataKey {
            wrapped,
            ciphertext,
        }) => AwsCiphertextFormat::by_data_key(wrapped, ciphertext).expect("as long as it was"),
        None => return,
    };
    assert_eq!(again, bytes);
    // What names a key is written as it was read.
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(name) = text.parse::<KeyName>()
    {
        assert_eq!(name.as_str(), text);
        name.region();
    }
});
