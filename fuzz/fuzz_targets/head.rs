//! A head off the wire: scanned, parsed, and asked for its claim.
//!
//! The scanner must find the same end however the bytes arrive. What parses must mean the same when it
//! is written anew, and must hold to what makes framing unambiguous, whatever the parser thinks.
//!
//! Input: what comes off the wire.
#![no_main]

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{Claim, Preset};
use portcullis::gate::Request;
use portcullis::proxy::{HeadFault, HeadLimits, HeadScanner, RequestHead};

const LIMITS: HeadLimits = HeadLimits {
    bytes: 1024,
    headers: 20,
};

fuzz_target!(|wire: &[u8]| {
    let at_once = HeadScanner::default().scan(wire, LIMITS);
    check_scanner(wire, at_once);
    let Ok(Some(len)) = at_once else { return };
    let wire = Bytes::copy_from_slice(&wire[..len]);
    let Ok(head) = RequestHead::parse(&wire, LIMITS) else {
        return;
    };
    let request = head.request();
    check_request(&request);
    check_meaning(&wire, &head);
    for preset in Preset::all() {
        let _ = Claim::read(&preset.scheme, &request.head(None));
        for source in [preset.scheme.id(), preset.scheme.event()]
            .into_iter()
            .flatten()
        {
            if let Some(hint) = Claim::hint(source, &request.head(None).into()) {
                assert!(
                    hint.bytes().all(|byte| byte.is_ascii_graphic()),
                    "{hint:?} goes into a header"
                );
            }
        }
    }
});

/// Byte by byte, the scanner comes to the same verdict, and not before it has seen why.
fn check_scanner(wire: &[u8], at_once: Result<Option<usize>, HeadFault>) {
    let mut scanner = HeadScanner::default();
    let mut verdict = Ok(None);
    for len in 1..=wire.len() {
        verdict = scanner.scan(&wire[..len], LIMITS);
        if verdict != Ok(None) {
            break;
        }
    }
    match (at_once, verdict) {
        // Where everything comes at once, what is wrong or whole beyond the limit is seen before the
        // limit is; `parse` refuses it then.
        (Ok(Some(len)), Err(HeadFault::TooLarge)) => {
            let head = Bytes::copy_from_slice(&wire[..len]);
            assert_eq!(
                RequestHead::parse(&head, LIMITS).err(),
                Some(HeadFault::TooLarge)
            );
        }
        (_, Err(HeadFault::TooLarge)) => assert!(wire.len() > LIMITS.bytes),
        (at_once, bytewise) => assert_eq!(at_once, bytewise),
    }
    if let Ok(Some(len)) = verdict {
        assert!(wire[..len].ends_with(b"\r\n\r\n"));
        let first = wire.windows(4).position(|four| four == b"\r\n\r\n");
        assert_eq!(first, Some(len - 4), "not the first empty line");
    }
}

/// What anybody else who reads these headers relies on.
fn check_request(request: &Request<'_>) {
    assert!(request.path.starts_with('/'));
    assert!(!request.path.contains(['?', '#', ' ']));
    let count = |name| request.headers.get_all(name).iter().count();
    assert!(count(HOST) <= 1, "two hosts");
    if let Some(host) = request.headers.get(HOST) {
        let stray = |byte: &u8| !byte.is_ascii_graphic() || b"/?#@\\\"<>".contains(byte);
        assert!(!host.as_bytes().iter().any(stray), "{host:?} is no host");
    }
    assert!(
        count(CONTENT_LENGTH) + count(TRANSFER_ENCODING) <= 1,
        "ambiguous framing"
    );
    if let Some(length) = request.headers.get(CONTENT_LENGTH) {
        assert!(length.as_bytes().iter().all(u8::is_ascii_digit));
    }
    for value in request.headers.values() {
        assert_eq!(
            value.as_bytes(),
            value.as_bytes().trim_ascii(),
            "white space around a value"
        );
    }
}

/// Written anew from what was understood, the head is understood in the same way.
fn check_meaning(wire: &Bytes, head: &RequestHead) {
    let understood = head.request();
    let first_line = wire.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let version = first_line
        .rsplit(|byte| *byte == b' ')
        .next()
        .unwrap_or_default();
    let mut anew = format!("{} {}", understood.method, understood.path).into_bytes();
    if let Some(query) = understood.query {
        anew.push(b'?');
        anew.extend_from_slice(query.as_bytes());
    }
    anew.push(b' ');
    anew.extend_from_slice(version);
    anew.extend_from_slice(b"\r\n");
    for (name, value) in understood.headers {
        anew.extend_from_slice(name.as_str().as_bytes());
        anew.extend_from_slice(b": ");
        anew.extend_from_slice(value.as_bytes());
        anew.extend_from_slice(b"\r\n");
    }
    anew.extend_from_slice(b"\r\n");
    // The space after a colon may be one byte more than the sender wrote.
    let limits = HeadLimits {
        bytes: 2 * LIMITS.bytes,
        ..LIMITS
    };
    let again = RequestHead::parse(&anew.into(), limits).expect("what was understood can be said");
    let again = again.request();
    assert_eq!(again.method, understood.method);
    assert_eq!(
        (again.path, again.query),
        (understood.path, understood.query)
    );
    assert_eq!(again.headers, understood.headers);
}
