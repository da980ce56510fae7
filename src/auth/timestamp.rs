//! When a delivery was signed, as its sender says and signs.

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::{ProofError, Source};

/// Where a scheme has its time, and how old it may be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimestampRule {
    /// The place.
    pub from: TimestampSource,
    /// How it is written down.
    pub unit: TimestampUnit,
    /// How far from now it may lie, in the past and in the future; `None` if no limit can be kept.
    pub window: Option<(SignedDuration, SignedDuration)>,
    /// Why no limit can be kept, where a declaration says so.
    pub no_window_because: Option<Box<str>>,
}

/// Where the time of a signature is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "beside the signature or in it")]
pub enum TimestampSource {
    /// In front of the signatures, where they are a list: `…` in `…,signature`.
    First,
    /// In a place of its own.
    Source(Source),
    /// In the signature's value, under a tag of its own: `t` in `t=…,v1=…`.
    Tag(Box<str>),
}

/// How a time is written down.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TimestampUnit {
    /// The date of HTTP (RFC 9110 §5.6.7).
    HttpDate,
    /// Milliseconds since 1970.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
    /// Seconds since 1970.
    #[default]
    Seconds,
}

impl TimestampSource {
    /// The place of its own, if it has one.
    pub(super) fn source(&self) -> Option<&Source> {
        match self {
            Self::Source(source) => Some(source),
            Self::First | Self::Tag(_) => None,
        }
    }
}

impl TimestampRule {
    /// The time that `text` stands for. Numbers are digits and nothing else.
    pub(super) fn read(&self, text: &[u8]) -> Option<Timestamp> {
        let text = std::str::from_utf8(text).ok()?;
        let number = || {
            let digits = (1..=MAX_DIGITS).contains(&text.len());
            let plain = digits && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        };
        match self.unit {
            TimestampUnit::HttpDate => {
                let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
                // The library reads every date of a mail; HTTP has one spelling for each.
                (self.write(time) == text).then_some(time)
            }
            TimestampUnit::Milliseconds => Timestamp::from_millisecond(number()?).ok(),
            TimestampUnit::Rfc3339 => text.parse().ok(),
            TimestampUnit::Seconds => Timestamp::from_second(number()?).ok(),
        }
    }

    /// The text for `at`.
    pub(super) fn write(&self, at: Timestamp) -> String {
        match self.unit {
            TimestampUnit::HttpDate => at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            TimestampUnit::Milliseconds => at.as_millisecond().to_string(),
            TimestampUnit::Rfc3339 => at.to_string(),
            TimestampUnit::Seconds => at.as_second().to_string(),
        }
    }

    /// Whether it stands in the body.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(&self.from, TimestampSource::Source(source) if source.is_in_body())
    }

    /// Whether what was signed at `signed` may be taken `now`. Both limits count as inside, and are
    /// exact to the second.
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

    /// From when on [`judge`](Self::judge) finds what was signed at `signed` stale; `None` if never.
    pub(super) fn valid_until(&self, signed: Timestamp) -> Option<Timestamp> {
        let (past, _) = self.window?;
        let last = signed.as_second().saturating_add(past.as_secs());
        Some(Timestamp::from_second(last.saturating_add(1)).unwrap_or(Timestamp::MAX))
    }
}

impl TimestampUnit {
    /// Every unit.
    pub const ALL: [Self; 4] = [
        Self::HttpDate,
        Self::Milliseconds,
        Self::Rfc3339,
        Self::Seconds,
    ];

    /// The name in the scheme language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpDate => "http-date",
            Self::Milliseconds => "ms",
            Self::Rfc3339 => "rfc3339",
            Self::Seconds => "s",
        }
    }

    /// How long the time is that `text` begins with, in the one form of the unit that ends by itself.
    ///
    /// Where a time stands beside another value, no other form will do. Of two such times neither is the
    /// beginning or the end of the other: numbers have as many digits as they had since 2001 and have
    /// until 2286, and RFC 3339 has one `T`, and a zone.
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

    /// The unit of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

/// `2001-02-03T04:05:06`, maybe a fraction, and `Z` or `+07:00` (RFC 3339 §5.6).
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

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
const HTTP_DATE_LEN: usize = 29;
/// Enough for milliseconds until long after anybody cares.
const MAX_DIGITS: usize = 16;
