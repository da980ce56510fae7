//! Quantities with their units.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;

use super::table::Table;

/// The time at `key`, or so many seconds.
pub(super) fn time(table: &mut Table<'_, '_>, key: &'static str, seconds: u64) -> Duration {
    table
        .with_unit::<Time>(key, "10s")
        .map_or(Duration::from_secs(seconds), |time| time.0)
}

/// The size at `key`, or so many bytes.
pub(super) fn size(table: &mut Table<'_, '_>, key: &'static str, default_bytes: u64) -> u64 {
    table
        .with_unit::<Size>(key, "50 MiB")
        .map_or(default_bytes, |size| size.0)
}

/// A time such as `10s`, `500ms` or `24h`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Time(pub(super) Duration);

impl FromStr for Time {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        text.parse::<SignedDuration>()
            .ok()
            .and_then(|signed| Duration::try_from(signed).ok())
            .filter(|duration| !duration.is_zero())
            .map(Self)
            .ok_or(NotAQuantity(
                "a time with its unit, such as \"10s\" or \"500ms\"",
            ))
    }
}

/// A size such as `5 MiB`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Size(pub(super) u64);

impl FromStr for Size {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let has_unit = text.ends_with(|last: char| last.is_ascii_alphabetic());
        text.parse::<ByteSize>()
            .ok()
            .map(|size| size.as_u64())
            .filter(|bytes| has_unit && *bytes > 0)
            .map(Self)
            .ok_or(NotAQuantity(
                "a size with its unit, such as \"50 MiB\" or \"512 KiB\"",
            ))
    }
}

/// Text that is no quantity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotAQuantity(&'static str);

impl fmt::Display for NotAQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}
