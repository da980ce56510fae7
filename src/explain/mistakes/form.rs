//! Forms that were signed in another encoding than they were sent.

use std::ops::ControlFlow;

use super::Try;
use super::body::replaced;
use crate::explain::attempt::Attempt;

pub(super) fn variants(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let body = &base.body;
    if body.len() > MAX_FORM_BYTES {
        return ControlFlow::Continue(());
    }
    if !looks_like_a_form(base) {
        let wrapped = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &String::from_utf8_lossy(body))
            .finish();
        return try_it(
            "it was signed as the form field `payload`",
            base.with_body(wrapped),
        );
    }
    let pairs: Vec<_> = form_urlencoded::parse(body).take(MAX_FIELDS).collect();
    for (name, value) in pairs.iter().take(MAX_FIELDS_TRIED) {
        let shown: String = name
            .chars()
            .filter(char::is_ascii_graphic)
            .take(32)
            .collect();
        let detail = format!("the decoded content of the field `{shown}` was signed");
        try_it(&detail, base.with_body(value.clone().into_owned()))?;
    }
    let with_plus = replaced(body, b"%20", b"+");
    let with_percent = replaced(body, b"+", b"%20");
    for (detail, changed) in [
        ("it was signed with `+` for a space", with_plus),
        ("it was signed with `%20` for a space", with_percent.clone()),
    ] {
        if changed != *body {
            try_it(detail, base.with_body(changed))?;
        }
    }
    let decoded = percent_decoded(body);
    try_it(
        "the decoded form was signed",
        base.with_body(percent_decoded(&with_percent)),
    )?;
    try_it(
        "the form was signed decoded, with its `+` unchanged",
        base.with_body(decoded),
    )?;
    let again = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&pairs)
        .finish();
    try_it("it was parsed and encoded again", base.with_body(again))?;
    let mut sorted = pairs;
    sorted.sort();
    let sorted = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&sorted)
        .finish();
    try_it(
        "it was signed with its fields sorted",
        base.with_body(sorted),
    )
}

fn looks_like_a_form(base: &Attempt) -> bool {
    let types = base.headers.get(http::header::CONTENT_TYPE);
    let is_declared = types.is_some_and(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.starts_with(b"application/x-www-form-urlencoded")
    });
    let start = base.body.first().copied().unwrap_or_default();
    is_declared && !matches!(start, b'{' | b'[')
        || start.is_ascii_alphabetic()
            && base.body.contains(&b'=')
            && base.body.iter().all(u8::is_ascii_graphic)
}

/// Decodes percent escapes only; `+` stays.
pub(super) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let mut one = [0];
        let digits = after.get(..2).filter(|_| byte == b'%');
        if digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut one).is_ok()) {
            decoded.extend(one);
            rest = after.get(2..).unwrap_or_default();
        } else {
            decoded.push(byte);
            rest = after;
        }
    }
    decoded
}

const MAX_FORM_BYTES: usize = 2 << 20;
const MAX_FIELDS: usize = 1000;
const MAX_FIELDS_TRIED: usize = 8;
