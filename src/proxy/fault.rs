//! Why a backend could not be reached, or broke off: a closed list of words for the log and for people.

use std::fmt;

use pingora_error::{Error, ErrorType};

/// What went wrong on the way to a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UpstreamFault {
    /// No address was found for its name.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The connection broke off.
    Reset,
    /// It took too long.
    Timeout,
    /// Its certificate is not signed by an authority that is trusted.
    TlsAuthority,
    /// Its certificate has expired, or is not valid yet.
    TlsExpired,
    /// Its certificate is for another name.
    TlsName,
    /// The TLS handshake failed for another reason.
    Tls,
    /// What it answered is no HTTP/1.1, or contradicts itself.
    Protocol,
    /// The configuration has no such upstream.
    Unknown,
    /// There is no way to it.
    Unreachable,
}

impl UpstreamFault {
    /// Every fault.
    pub const ALL: [Self; 11] = [
        Self::Dns,
        Self::Refused,
        Self::Reset,
        Self::Timeout,
        Self::TlsAuthority,
        Self::TlsExpired,
        Self::TlsName,
        Self::Tls,
        Self::Protocol,
        Self::Unknown,
        Self::Unreachable,
    ];

    /// The word in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::TlsAuthority => "tls_authority",
            Self::TlsExpired => "tls_expired",
            Self::TlsName => "tls_name",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Unknown => "unknown_upstream",
            Self::Unreachable => "unreachable",
        }
    }

    /// What it is, for people.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Dns => "no address was found for its name",
            Self::Refused => "the connection was refused: nothing listens there",
            Self::Reset => "the connection was closed before the answer",
            Self::Timeout => "it did not answer in time",
            Self::TlsAuthority => "no trusted authority has signed its certificate",
            Self::TlsExpired => "its certificate has expired or is not valid yet",
            Self::TlsName => "its certificate is for another name",
            Self::Tls => "the TLS handshake failed",
            Self::Protocol => "its answer is not well-formed HTTP",
            Self::Unknown => "the configuration has no upstream of this name",
            Self::Unreachable => "there is no route to it",
        }
    }

    /// The fault behind an error of Pingora's.
    pub(super) fn of(error: &Error) -> Self {
        match error.root_etype() {
            ErrorType::ConnectRefused => Self::Refused,
            ErrorType::ConnectTimedout
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout => Self::Timeout,
            ErrorType::TLSHandshakeFailure
            | ErrorType::TLSWantX509Lookup
            | ErrorType::InvalidCert
            | ErrorType::HandshakeError => Self::of_handshake(&error.to_string()),
            ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => {
                Self::Reset
            }
            ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::H2Error => {
                Self::Protocol
            }
            _ => Self::Unreachable,
        }
    }

    /// Pingora keeps rustls' error as text. What a peer writes into its certificate stands behind these words.
    fn of_handshake(text: &str) -> Self {
        let verdict = text.split_once("invalid peer certificate: ");
        let Some((_, verdict)) = verdict else {
            let closed = ["eof", "reset", "broken pipe"];
            let text = text.to_ascii_lowercase();
            return if closed.iter().any(|word| text.contains(word)) {
                Self::Reset
            } else {
                Self::Tls
            };
        };
        let begins = |words: &[&str]| words.iter().any(|word| verdict.starts_with(word));
        if begins(&[
            "Expired",
            "certificate expired",
            "NotValidYet",
            "certificate not valid yet",
        ]) {
            Self::TlsExpired
        } else if begins(&["NotValidForName", "certificate not valid for name"]) {
            Self::TlsName
        } else if begins(&["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]) {
            Self::TlsAuthority
        } else {
            Self::Tls
        }
    }
}

/// A fault, and where it showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultAt {
    /// The fault.
    pub fault: UpstreamFault,
    /// The address: the name of the configuration, and the socket that it stands for.
    pub address: String,
}

impl fmt::Display for FaultAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.fault.says())
    }
}

#[cfg(test)]
mod tests {
    use super::UpstreamFault;

    #[test]
    fn a_failed_handshake_is_called_by_what_is_wrong_with_the_certificate() {
        let told = |text: &str| {
            UpstreamFault::of_handshake(&format!(
                "TLS connect() failed: invalid peer certificate: {text}, SNI: expired.example"
            ))
        };
        assert_eq!(told("UnknownIssuer"), UpstreamFault::TlsAuthority);
        assert_eq!(told("Expired"), UpstreamFault::TlsExpired);
        assert_eq!(
            told("certificate expired: verification time 1"),
            UpstreamFault::TlsExpired
        );
        assert_eq!(
            told("certificate not valid for name \"a\"; certificate is only valid for Expired"),
            UpstreamFault::TlsName
        );
        assert_eq!(told("BadEncoding"), UpstreamFault::Tls);
        let closed = UpstreamFault::of_handshake("TLS connect() failed: tls handshake eof, SNI: a");
        assert_eq!(closed, UpstreamFault::Reset);
    }

    #[test]
    fn every_fault_has_a_word_of_its_own() {
        let mut words = UpstreamFault::ALL.map(UpstreamFault::word);
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
