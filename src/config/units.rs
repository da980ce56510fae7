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
