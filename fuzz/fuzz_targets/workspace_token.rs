//! The token of a workspace, as anybody may send it in `Authorization`.
//!
//! Whatever is read as a token has the one spelling that its id and its secret have; a header that offers
//! one proves nothing to a gate that knows no token, or another one with that id.
//!
//! Input: the value of the header.
#![no_main]

use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{Grant, Head, Owner, TokenHash, WorkspaceClaim, WorkspaceToken};

fuzz_target!(|data: &[u8]| {
    if let Ok(token) = WorkspaceToken::read(data) {
        assert_eq!(data.len(), 93);
        assert_eq!(&data[4..20], token.id().to_string().as_bytes());
        let mut secret = [0; 32];
        for (byte, digits) in secret.iter_mut().zip(data[21..85].chunks(2)) {
            let text = std::str::from_utf8(digits).expect("digits");
            *byte = u8::from_str_radix(text, 16).expect("digits");
        }
        let (text, _) = WorkspaceToken::write(*token.id(), &secret);
        assert_eq!(text.as_bytes(), data);
    }
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    let head = Head {
        method: &Method::POST,
        headers: &headers,
        query: None,
        url: None,
    };
    let Ok(claim) = WorkspaceClaim::read(&head) else {
        return;
    };
    let owner = Owner {
        organisation: "acme",
        workspace: "main",
    };
    let now = Timestamp::UNIX_EPOCH;
    assert!(claim.judge(None, owner, now).is_err());
    let grant = Grant {
        hash: TokenHash::from_bytes(&[0; 32]).expect("32 bytes"),
        organisation: "acme".into(),
        workspace: "main".into(),
        expires_at: Timestamp::MAX,
        revoked_at: None,
    };
    assert!(claim.judge(Some(&grant), owner, now).is_err());
});
