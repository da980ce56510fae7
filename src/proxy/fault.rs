//! From Pingora's errors to the gate's words for the fault of a backend.

use pingora_error::{Error, ErrorType};

use crate::gate::UpstreamFault;

/// The fault behind an error of Pingora's.
pub(super) fn fault_of(error: &Error) -> UpstreamFault {
    match error.root_etype() {
        ErrorType::ConnectRefused => UpstreamFault::Refused,
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => UpstreamFault::Timeout,
        ErrorType::TLSHandshakeFailure
        | ErrorType::TLSWantX509Lookup
        | ErrorType::InvalidCert
        | ErrorType::HandshakeError => fault_of_handshake(&error.to_string()),
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => {
            UpstreamFault::Reset
        }
        ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::H2Error => {
            UpstreamFault::Protocol
        }
        _ => UpstreamFault::Unreachable,
    }
}

/// Pingora keeps rustls' error as text. The text that a peer writes into its certificate stands behind these words.
fn fault_of_handshake(text: &str) -> UpstreamFault {
    let verdict = text.split_once("invalid peer certificate: ");
    let Some((_, verdict)) = verdict else {
        let closed = ["eof", "reset", "broken pipe"];
        let text = text.to_ascii_lowercase();
        return if closed.iter().any(|word| text.contains(word)) {
            UpstreamFault::Reset
        } else {
            UpstreamFault::Tls
        };
    };
    let begins = |words: &[&str]| words.iter().any(|word| verdict.starts_with(word));
    if begins(&[
        "Expired",
        "certificate expired",
        "NotValidYet",
        "certificate not valid yet",
    ]) {
        UpstreamFault::TlsExpired
    } else if begins(&["NotValidForName", "certificate not valid for name"]) {
        UpstreamFault::TlsName
    } else if begins(&["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]) {
        UpstreamFault::TlsAuthority
    } else {
        UpstreamFault::Tls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_handshake_is_called_by_what_is_wrong_with_the_certificate() {
        let fault = |text: &str| {
            fault_of_handshake(&format!(
                "TLS connect() failed: invalid peer certificate: {text}, SNI: expired.example"
            ))
        };
        assert_eq!(fault("UnknownIssuer"), UpstreamFault::TlsAuthority);
        assert_eq!(fault("Expired"), UpstreamFault::TlsExpired);
        assert_eq!(
            fault("certificate expired: verification time 1"),
            UpstreamFault::TlsExpired
        );
        assert_eq!(
            fault("certificate not valid for name \"a\"; certificate is only valid for Expired"),
            UpstreamFault::TlsName
        );
        assert_eq!(fault("BadEncoding"), UpstreamFault::Tls);
        let closed = fault_of_handshake("TLS connect() failed: tls handshake eof, SNI: a");
        assert_eq!(closed, UpstreamFault::Reset);
    }
}
