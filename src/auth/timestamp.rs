//! The signed timestamp of a delivery: its place, its format, and the tolerance.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::{ProofError, Source};

/// The place and the format of a scheme's timestamp, and its tolerance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimestampRule {
    /// The place of the timestamp.
    pub from: TimestampSource,
    /// The format of the timestamp.
    pub unit: TimestampUnit,
    /// The tolerance, past and future; `None` if the timestamp is signed but not checked.
    pub window: Option<(SignedDuration, SignedDuration)>,
    /// The reason for a missing window, from the declaration.
    pub no_window_because: Option<Box<str>>,
}

/// The place of the timestamp.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a timestamp is next to the signature or part of it"
)]
pub enum TimestampSource {
    /// The first part of a signature list: `…` in `…,signature`.
    First,
    /// A place of its own, apart from the signature.
    Source(Source),
    /// A tagged part of the signature's value: `t` in `t=…,v1=…`.
    Tag(Box<str>),
}

/// The format of a timestamp.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TimestampUnit {
    /// An HTTP date (RFC 9110 §5.6.7).
    HttpDate,
    /// Unix time in milliseconds.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
    /// Unix time in seconds.
    #[default]
    Seconds,
}

impl TimestampSource {
    /// The separate place, if there is one.
    pub(super) fn source(&self) -> Option<&Source> {
        match self {
            Self::Source(source) => Some(source),
            Self::First | Self::Tag(_) => None,
        }
    }
}

impl TimestampRule {
    /// Parses `text`. Numbers consist of digits only: no sign, no white space.
    pub(super) fn read(&self, text: &[u8]) -> Option<Timestamp> {
        let text = std::str::from_utf8(text).ok()?;
        let number = || {
            let fits = (1..=MAX_DIGITS).contains(&text.len());
            let is_plain = fits && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok()).flatten()
        };
        match self.unit {
            TimestampUnit::HttpDate => {
                let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
                // The parser accepts every date of RFC 2822; HTTP allows one spelling.
                (self.write(time) == text).then_some(time)
            }
            TimestampUnit::Milliseconds => Timestamp::from_millisecond(number()?).ok(),
            TimestampUnit::Rfc3339 => text.parse().ok(),
            TimestampUnit::Seconds => Timestamp::from_second(number()?).ok(),
        }
    }

    /// Formats `at` as a sender writes it.
    pub(super) fn write(&self, at: Timestamp) -> String {
        match self.unit {
            TimestampUnit::HttpDate => at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            TimestampUnit::Milliseconds => at.as_millisecond().to_string(),
            TimestampUnit::Rfc3339 => at.to_string(),
            TimestampUnit::Seconds => at.as_second().to_string(),
        }
    }

    /// Whether reading the timestamp requires the body.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(&self.from, TimestampSource::Source(source) if source.is_in_body())
    }

    /// Checks that `signed` is within the tolerance at `now`. Both limits are inclusive, in whole seconds.
    pub(super) fn judge(&self, signed: Timestamp, now: Timestamp) -> Result<(), ProofError> {
        let Some((past, future)) = self.window else {
            return Ok(());
        };
        let age = SignedDuration::from_secs(now.as_second().saturating_sub(signed.as_second()));
        if age > past {
            Err(ProofError::TimestampStale)
        } else if -age > future {
            Err(ProofError::TimestampFuture)
        } else {
            Ok(())
        }
    }

    /// The first moment when [`judge`](Self::judge) rejects `signed` as stale; `None` if it never does.
    pub(super) fn valid_until(&self, signed: Timestamp) -> Option<Timestamp> {
        let (past, _) = self.window?;
        let last = signed.as_second().saturating_add(past.as_secs());
        Some(Timestamp::from_second(last.saturating_add(1)).unwrap_or(Timestamp::MAX))
    }
}

impl TimestampUnit {
    /// Every unit, sorted by name.
    pub const ALL: [Self; 4] = [
        Self::HttpDate,
        Self::Milliseconds,
        Self::Rfc3339,
        Self::Seconds,
    ];

    /// The name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpDate => "http-date",
            Self::Milliseconds => "ms",
            Self::Rfc3339 => "rfc3339",
            Self::Seconds => "s",
        }
    }

    /// The length of the timestamp at the start of `text`, if it has the self-delimiting form of the unit.
    ///
    /// A timestamp directly next to another value must have this form. No such timestamp is a prefix or a suffix of
    /// another one: numbers have the digit count of the years 2001 to 2286, and RFC 3339 requires one `T` and a zone.
    pub(super) fn exact_len(self, text: &[u8]) -> Option<usize> {
        let digits = |len| {
            let digits = text.get(..len)?;
            digits.iter().all(u8::is_ascii_digit).then_some(len)
        };
        match self {
            Self::HttpDate => {
                let date = text.get(..HTTP_DATE_LEN)?;
                (date.get(3) == Some(&b',') && date.ends_with(b" GMT")).then_some(HTTP_DATE_LEN)
            }
            Self::Milliseconds => digits(13),
            Self::Rfc3339 => rfc3339_len(text),
            Self::Seconds => digits(10),
        }
    }

    /// The unit called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

/// The length of a date such as `2001-02-03T04:05:06.7Z` or with `+07:00` (RFC 3339 §5.6).
fn rfc3339_len(text: &[u8]) -> Option<usize> {
    let is_like = |text: &[u8], shape: &[u8]| {
        let like = |(byte, shape): (&u8, &u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        };
        text.len() == shape.len() && text.iter().zip(shape).all(like)
    };
    let date = b"0000-00-00T00:00:00";
    let (start, rest) = text.split_at_checked(date.len())?;
    if !is_like(start, date) {
        return None;
    }
    let fraction = match rest.split_first() {
        Some((b'.', digits)) => {
            let end = digits.iter().take_while(|byte| byte.is_ascii_digit());
            let len = end.count();
            (len > 0).then_some(len + 1)?
        }
        _ => 0,
    };
    let zone = rest.get(fraction..)?;
    let zone_len = match zone.first()? {
        b'Z' => 1,
        b'+' | b'-' => is_like(zone.get(1..6)?, b"00:00").then_some(6)?,
        _ => return None,
    };
    Some(date.len() + fraction + zone_len)
}

/// The length of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
const HTTP_DATE_LEN: usize = 29;
/// Unix time in milliseconds has 13 digits until the year 2286.
const MAX_DIGITS: usize = 16;
