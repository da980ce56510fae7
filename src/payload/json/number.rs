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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_equal_by_value_however_they_are_written() {
        let cases: [(&[&str], bool); 11] = [
            (
                &[
                    "0",
                    "-0",
                    "0.0",
                    "0e9",
                    "-0.00E-7",
                    "0e99999999999999999999",
                ],
                true,
            ),
            (&["1", "1.0", "10e-1", "0.1e1", "1E+0", "100e-2"], true),
            (&["-1", "-1.0", "-10e-1"], true),
            (&["120", "1.2e2", "12e1", "12.0E+1", "1200e-1"], true),
            (&["0.5", "5e-1", "0.50", "50e-2"], false),
            (&["1.05"], false),
            (&["9007199254740993", "9007199254740993.0"], true),
            (&["9007199254740992"], true),
            (&["0.1000000000000000000001"], false),
            (&["1e99999999999999999999", "10e99999999999999999998"], true),
            (&["1e-99999999999999999999"], false),
        ];
        for (position, (spellings, is_integer)) in cases.iter().enumerate() {
            let values: Vec<Decimal> = spellings.iter().map(|it| Decimal::parse(it)).collect();
            for (value, text) in values.iter().zip(*spellings) {
                assert_eq!(*value, values[0], "{text}");
                assert_eq!(value.is_integer(), *is_integer, "{text}");
            }
            let others = cases.iter().enumerate().filter(|(at, _)| *at != position);
            for (_, (other, _)) in others {
                assert_ne!(
                    values[0],
                    Decimal::parse(other[0]),
                    "{spellings:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn a_number_beyond_a_type_has_no_value_of_that_type() {
        for (text, unsigned, signed, float) in [
            ("0", Some(0), Some(0), Some(0.0)),
            ("-1", None, Some(-1), Some(-1.0)),
            (
                "18446744073709551615",
                Some(u64::MAX),
                None,
                Some(18_446_744_073_709_551_615.0),
            ),
            (
                "18446744073709551616",
                None,
                None,
                Some(18_446_744_073_709_551_616.0),
            ),
            (
                "-9223372036854775808",
                None,
                Some(i64::MIN),
                Some(-9_223_372_036_854_775_808.0),
            ),
            ("1.5", None, None, Some(1.5)),
            ("1e400", None, None, None),
            ("-1e400", None, None, None),
        ] {
            let number = Number(text);
            let found = (number.as_u64(), number.as_i64(), number.as_f64());
            assert_eq!(found, (unsigned, signed, float), "{text}");
        }
    }

    proptest! {
        #[test]
        fn moving_the_point_and_adding_zeros_does_not_change_a_value(
            digits in "[1-9][0-9]{0,20}",
            exponent in -1000..1000_i64,
            zeros in 0..20_usize,
        ) {
            let plain = Decimal::parse(&format!("{digits}e{exponent}"));
            let (first, rest) = digits.split_at(1);
            let shifted = exponent + i64::try_from(rest.len()).unwrap();
            let pointed = format!("{first}.{rest}{}e{shifted}", "0".repeat(zeros + 1));
            prop_assert_eq!(&Decimal::parse(&pointed), &plain);
            let padded = format!("{digits}{}e{}", "0".repeat(zeros), exponent - i64::try_from(zeros).unwrap());
            prop_assert_eq!(&Decimal::parse(&padded), &plain);
        }
    }
}
