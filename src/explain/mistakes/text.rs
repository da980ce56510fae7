//! Text with the same meaning and other bytes: Unicode normalisation, and numbers that were parsed and rewritten.

use std::ops::ControlFlow;

use unicode_normalization::UnicodeNormalization;

use super::Try;
use crate::explain::attempt::Attempt;

pub(super) fn normalised(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let Ok(text) = std::str::from_utf8(&base.body) else {
        return ControlFlow::Continue(());
    };
    if text.is_ascii() || text.len() > MAX_LEN {
        return ControlFlow::Continue(());
    }
    let forms: [(&str, String); 4] = [
        ("NFC, composed", text.nfc().collect()),
        ("NFD, decomposed", text.nfd().collect()),
        ("NFKC", text.nfkc().collect()),
        ("NFKD", text.nfkd().collect()),
    ];
    for (form, rewritten) in forms {
        if rewritten != text {
            let detail = format!("it was signed in the form {form}");
            try_it(&detail, base.with_body(rewritten))?;
        }
    }
    ControlFlow::Continue(())
}

pub(super) fn numbers(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let Ok(text) = std::str::from_utf8(&base.body) else {
        return ControlFlow::Continue(());
    };
    if text.len() > MAX_LEN || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return ControlFlow::Continue(());
    }
    let ways: [(&str, Rewrite); 5] = [
        ("as JavaScript and Go write them", javascript),
        ("as Python writes them", python),
        ("with `.0` after integers", with_point),
        ("with two decimals", with_cents),
        ("without trailing zeros", without_zeros),
    ];
    for (way, write) in ways {
        let rewritten = rewrite_numbers(text, write);
        if rewritten != text {
            let detail = format!("they were signed {way}");
            try_it(&detail, base.with_body(rewritten))?;
        }
    }
    ControlFlow::Continue(())
}

/// Rewrites a number; `None` to keep it.
type Rewrite = fn(&str) -> Option<String>;

/// Rewrites every number in the text, and nothing else.
fn rewrite_numbers(text: &str, write: Rewrite) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let (mut in_text, mut escaped) = (false, false);
    let mut number_from = None;
    for (at, byte) in text.bytes().enumerate() {
        let is_number_byte =
            !in_text && matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        match number_from {
            None if is_number_byte && matches!(byte, b'0'..=b'9' | b'-') => number_from = Some(at),
            Some(from) if !is_number_byte => {
                let number = text.get(from..at).unwrap_or_default();
                rewritten.push_str(&write(number).unwrap_or_else(|| number.to_owned()));
                number_from = None;
            }
            _ => {}
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
        if number_from.is_none() {
            // A non-ASCII character is copied as a whole at its first byte.
            if text.is_char_boundary(at)
                && let Some(character) = text.get(at..).and_then(|rest| rest.chars().next())
            {
                rewritten.push(character);
            }
        }
    }
    if let Some(number) = number_from.and_then(|from| text.get(from..)) {
        rewritten.push_str(&write(number).unwrap_or_else(|| number.to_owned()));
    }
    rewritten
}

/// ECMAScript's `Number::toString`, which Go's `encoding/json` follows.
fn javascript(number: &str) -> Option<String> {
    let value: f64 = number
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())?;
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return Some(match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
            _ => text,
        });
    }
    // JSON.stringify writes negative zero as 0.
    Some(format!("{}", if value == 0.0 { 0.0 } else { value }))
}

/// `json.dumps(json.loads(…))`: integers stay, other numbers are written with `repr`.
fn python(number: &str) -> Option<String> {
    if !number.contains(['.', 'e', 'E']) {
        return None;
    }
    let value: f64 = number
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())?;
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{value:e}");
        let (digits, power) = text.split_once('e')?;
        let (sign, power) = match power.strip_prefix('-') {
            Some(power) => ('-', power),
            None => ('+', power),
        };
        return Some(format!("{digits}e{sign}{power:0>2}"));
    }
    Some(format!("{value:?}"))
}

fn with_point(number: &str) -> Option<String> {
    let is_integer = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_integer.then(|| format!("{number}.0"))
}

fn with_cents(number: &str) -> Option<String> {
    let (whole, decimals) = number.split_once('.')?;
    let is_decimal = decimals.bytes().all(|byte| byte.is_ascii_digit());
    (is_decimal && decimals.len() < 2).then(|| format!("{whole}.{decimals:0<2}"))
}

fn without_zeros(number: &str) -> Option<String> {
    let (whole, decimals) = number.split_once('.')?;
    let is_decimal = decimals.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = decimals.trim_end_matches('0');
    is_decimal.then(|| match decimals {
        "" => whole.to_owned(),
        _ => format!("{whole}.{decimals}"),
    })
}

/// Larger texts are not rewritten: each variant would need as much memory again.
const MAX_LEN: usize = 2 << 20;
