//! JSON numbers as text, compared by their digits, so that no precision is lost.

use std::borrow::Cow;

use jsonschema::json::JsonNumber;

/// A number of a payload, as the sender wrote it.
#[derive(Clone, Copy, Debug)]
pub(in crate::payload) struct Number<'b>(pub(in crate::payload) &'b str);

impl JsonNumber for Number<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// `None` beyond the range of floats. Comparisons of size then treat it as infinite.
    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|float: &f64| float.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    /// Used only for errors and annotations, which are not shown.
    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        let float = self.as_f64().and_then(serde_json::Number::from_f64);
        Cow::Owned(float.unwrap_or_else(|| 0.into()))
    }

    fn is_integer(&self) -> bool {
        Decimal::parse(self.0).is_integer()
    }
}

/// The exact value of a number: its significant digits, and the power of ten of the last one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::payload) struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Parses a number in the syntax of JSON.
    pub(in crate::payload) fn parse(text: &str) -> Self {
        let negated = text.strip_prefix('-');
        let (mantissa, exponent) = negated
            .unwrap_or(text)
            .split_once(['e', 'E'])
            .unwrap_or((negated.unwrap_or(text), "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let zeros = digits.len() - significant.len();
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Self {
                is_negative: false,
                digits: String::new(),
                exponent: 0,
            };
        }
        // No body has enough digits to balance an exponent beyond `i64`.
        let limit = if exponent.starts_with('-') {
            i64::MIN
        } else {
            i64::MAX
        };
        Self {
            is_negative: negated.is_some(),
            digits: significant.to_owned(),
            exponent: exponent
                .parse()
                .unwrap_or(limit)
                .saturating_sub(to_i64(fraction.len()))
                .saturating_add(to_i64(zeros)),
        }
    }

    /// Whether the value has no fractional part, however it is written.
    pub(in crate::payload) fn is_integer(&self) -> bool {
        self.exponent >= 0
    }
}

fn to_i64(to_i64: usize) -> i64 {
    i64::try_from(to_i64).unwrap_or(i64::MAX)
}
