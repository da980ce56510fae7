//! A number as it is written: what it is worth is asked of its digits, so that none is lost.

use std::borrow::Cow;

use jsonschema::json::JsonNumber;

/// A number of a payload.
#[derive(Clone, Copy, Debug)]
pub(in crate::contract) struct Number<'b>(pub(in crate::contract) &'b str);

impl JsonNumber for Number<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// None for one beyond all floats: it counts as infinite where sizes are compared.
    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|float: &f64| float.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    /// It is asked for errors and annotations only, which nobody gets to see.
    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        let float = self.as_f64().and_then(serde_json::Number::from_f64);
        Cow::Owned(float.unwrap_or_else(|| 0.into()))
    }

    fn is_integer(&self) -> bool {
        Decimal::of(self.0).is_whole()
    }
}

/// What a number is worth: its digits without zeros around them, and the power of ten of the last one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::contract) struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Of a number as JSON writes it.
    pub(in crate::contract) fn of(text: &str) -> Self {
        let unsigned = text.strip_prefix('-');
        let (mantissa, exponent) = unsigned
            .unwrap_or(text)
            .split_once(['e', 'E'])
            .unwrap_or((unsigned.unwrap_or(text), "0"));
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
        // An exponent that no integer holds is beyond what any body has digits for.
        let beyond = if exponent.starts_with('-') {
            i64::MIN
        } else {
            i64::MAX
        };
        Self {
            is_negative: unsigned.is_some(),
            digits: significant.to_owned(),
            exponent: exponent
                .parse()
                .unwrap_or(beyond)
                .saturating_sub(len(fraction.len()))
                .saturating_add(len(zeros)),
        }
    }

    /// Whether there is nothing behind the point.
    pub(in crate::contract) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }
}

fn len(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
