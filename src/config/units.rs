//! Values that are written as strings: durations, sizes, addresses and networks.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use jiff::SignedDuration;

use super::table::Table;

/// Reads the duration at `key`. The default is in seconds.
pub(super) fn time(table: &mut Table<'_, '_>, key: &'static str, seconds: u64) -> Duration {
    table
        .with_unit::<Time>(key, "10s")
        .map_or(Duration::from_secs(seconds), |time| time.0)
}

/// Reads the size at `key`. The default is in bytes.
pub(super) fn size(table: &mut Table<'_, '_>, key: &'static str, default_bytes: u64) -> u64 {
    table
        .with_unit::<Size>(key, "50 MiB")
        .map_or(default_bytes, |size| size.0)
}

/// A duration in milliseconds, the unit of stored definitions.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A duration such as `10s`, `500ms` or `24h`. Zero is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Time(pub(super) Duration);

impl FromStr for Time {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse::<SignedDuration>()
            .ok()
            .and_then(|signed| Duration::try_from(signed).ok())
            .filter(|duration| !duration.is_zero())
            .map(Self)
            .ok_or(ValueError(
                "a time with its unit, such as \"10s\" or \"500ms\"",
            ))
    }
}

/// A size such as `5 MiB`. Zero and a missing unit are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Size(pub(super) u64);

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let has_unit = text.ends_with(|last: char| last.is_ascii_alphabetic());
        text.parse::<ByteSize>()
            .ok()
            .map(|size| size.as_u64())
            .filter(|bytes| has_unit && *bytes > 0)
            .map(Self)
            .ok_or(ValueError(
                "a size with its unit, such as \"50 MiB\" or \"512 KiB\"",
            ))
    }
}

/// The address of a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Address(pub(super) SocketAddr);

impl FromStr for Address {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse().map(Self).map_err(|_| {
            ValueError("an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:443\"")
        })
    }
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Network(pub(super) IpNet);

impl FromStr for Network {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse()
            .map(Self)
            .map_err(|_| ValueError("a network, such as \"10.0.0.0/8\" or \"2001:db8::/32\""))
    }
}

/// The expected form of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ValueError(pub(super) &'static str);

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

/// Converts a number that was checked against a bound.
pub(super) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_is_longer_than_zero() {
        for (text, milliseconds) in [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("24h", Some(86_400_000)),
            ("1m30s", Some(90_000)),
            ("1h 30m", Some(5_400_000)),
            ("PT10S", Some(10_000)),
            ("0s", None),
            ("-10s", None),
            ("10", None),
            ("", None),
            ("s", None),
            ("10 parsecs", None),
            ("10s later", None),
            ("999999999999999999999h", None),
        ] {
            let expected = milliseconds.map(|it| Time(Duration::from_millis(it)));
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_size_has_a_unit_and_is_larger_than_zero() {
        for (text, bytes) in [
            ("5 MiB", Some(5 * MIB)),
            ("5MiB", Some(5 * MIB)),
            ("512 KiB", Some(512 * KIB)),
            ("1 MB", Some(1_000_000)),
            ("1.5 KiB", Some(1536)),
            ("10 B", Some(10)),
            ("0 MiB", None),
            ("0.1 B", None),
            ("1024", None),
            ("-1 MiB", None),
            ("MiB", None),
            ("", None),
            ("5 MiB or so", None),
            ("5 Mbit", None),
        ] {
            assert_eq!(text.parse().ok(), bytes.map(Size), "{text}");
        }
    }

    #[test]
    fn an_address_has_a_port_and_a_network_has_a_prefix_length() {
        for (text, is_address, is_network) in [
            ("127.0.0.1:8080", true, false),
            ("0.0.0.0:0", true, false),
            ("[::]:443", true, false),
            ("127.0.0.1", false, false),
            ("::1:443", false, false),
            ("localhost:8080", false, false),
            (":8080", false, false),
            ("127.0.0.1:65536", false, false),
            ("10.0.0.0/8", false, true),
            ("10.1.2.3/8", false, true),
            ("2001:db8::/32", false, true),
            ("10.0.0.0/33", false, false),
            ("2001:db8::/129", false, false),
            ("10.0.0.0", false, false),
            ("10/8", false, false),
            ("example.com/8", false, false),
        ] {
            assert_eq!(text.parse::<Address>().is_ok(), is_address, "{text}");
            assert_eq!(text.parse::<Network>().is_ok(), is_network, "{text}");
        }
    }

    #[test]
    fn a_duration_beyond_the_range_of_milliseconds_is_capped() {
        assert_eq!(milliseconds(Duration::from_micros(1_999)), 1);
        assert_eq!(milliseconds(Duration::MAX), u64::MAX);
    }
}
