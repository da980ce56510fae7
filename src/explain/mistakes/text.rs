//! Text that means the same and has other bytes: characters that were composed anew, numbers that were read and
//! written again.

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
    for (form, other) in forms {
        if other != text {
            let detail = format!("it was signed in the form {form}");
            try_it(&detail, base.with_body(other))?;
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
    let ways: [(&str, Write); 5] = [
        ("as JavaScript and Go write them", javascript),
        ("as Python writes them", python),
        ("with `.0` behind whole ones", pointed),
        ("with two decimals", cents),
        ("without needless zeros", shortened),
    ];
    for (way, write) in ways {
        let other = rewritten(text, write);
        if other != text {
            let detail = format!("they were signed {way}");
            try_it(&detail, base.with_body(other))?;
        }
    }
    ControlFlow::Continue(())
}

/// Writes a number in another way; `None` if it stays as it is.
type Write = fn(&str) -> Option<String>;

/// The text with every number of it in another spelling; nothing else changes.
fn rewritten(text: &str, write: Write) -> String {
    let mut other = String::with_capacity(text.len());
    let (mut in_text, mut escaped) = (false, false);
    let mut number_from = None;
    for (at, byte) in text.bytes().enumerate() {
        let of_number = !in_text && matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        match number_from {
            None if of_number && matches!(byte, b'0'..=b'9' | b'-') => number_from = Some(at),
            Some(from) if !of_number => {
                let number = text.get(from..at).unwrap_or_default();
                other.push_str(&write(number).unwrap_or_else(|| number.to_owned()));
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
            // Bytes of a character that is no ASCII are copied with its first one.
            if text.is_char_boundary(at)
                && let Some(character) = text.get(at..).and_then(|rest| rest.chars().next())
            {
                other.push(character);
            }
        }
    }
    if let Some(number) = number_from.and_then(|from| text.get(from..)) {
        other.push_str(&write(number).unwrap_or_else(|| number.to_owned()));
    }
    other
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
    // There is no negative zero in JSON.stringify.
    Some(format!("{}", if value == 0.0 { 0.0 } else { value }))
}

/// `json.dumps(json.loads(…))`: whole numbers stay, others are written by `repr`.
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

fn pointed(number: &str) -> Option<String> {
    let whole = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    whole.then(|| format!("{number}.0"))
}

fn cents(number: &str) -> Option<String> {
    let (whole, decimals) = number.split_once('.')?;
    let plain = decimals.bytes().all(|byte| byte.is_ascii_digit());
    (plain && decimals.len() < 2).then(|| format!("{whole}.{decimals:0<2}"))
}

fn shortened(number: &str) -> Option<String> {
    let (whole, decimals) = number.split_once('.')?;
    let plain = decimals.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = decimals.trim_end_matches('0');
    plain.then(|| match decimals {
        "" => whole.to_owned(),
        _ => format!("{whole}.{decimals}"),
    })
}

/// Larger texts are not written again: each way of doing so would cost as much memory again.
const MAX_LEN: usize = 2 << 20;
