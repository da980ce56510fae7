//! Senders that use another scheme than the endpoint's.

use std::ops::ControlFlow;

use http::HeaderValue;

use super::Try;
use super::head::headers_of;
use crate::auth::{
    Algorithm, Encoding, Evidence, Mode, Place, Preset, ProofTag, Scheme, Template, TimestampUnit,
};
use crate::explain::attempt::Attempt;

pub(super) fn other_presets(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    // If several presets sign alike, the one with the best evidence is named. Token presets are left out, because a
    // token does not identify the sender.
    for evidence in Evidence::ALL {
        let presets = Preset::all().iter();
        for preset in presets.filter(|preset| preset.evidence == evidence) {
            if preset.scheme != *base.scheme && preset.scheme.covers_body() {
                let detail = format!("preset `{}`", preset.name);
                try_it(&detail, base.with_scheme(preset.scheme.clone()))?;
            }
        }
    }
    for mode in [Mode::Secret, Mode::Bearer, Mode::ApiKey] {
        if let Ok(Some(scheme)) = mode.plain_scheme(None)
            && scheme != *base.scheme
        {
            try_it(&format!("mode `{mode}`"), base.with_scheme(scheme))?;
        }
    }
    ControlFlow::Continue(())
}

pub(super) fn other_headers(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let expected: Vec<_> = base
        .scheme
        .signatures()
        .iter()
        .flat_map(|rule| headers_of(&rule.from))
        .collect();
    let names = base.headers.keys().filter(|name| {
        let text = name.as_str();
        !expected.contains(name) && PROOF_WORDS.iter().any(|part| text.contains(part))
    });
    for name in names.take(MAX_HEADERS_TRIED) {
        let place = Place::Header(name.clone());
        let detail = format!("it is in {name}");
        try_it(
            &detail,
            base.with_scheme(base.scheme.with_place(&place.into())),
        )?;
    }
    ControlFlow::Continue(())
}

pub(super) fn other_prefix(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let scheme = &base.scheme;
    if scheme.signatures().iter().any(|rule| rule.tagged.is_some()) {
        try_it("there is none", base.with_scheme(scheme.with_tag(None)))?;
    }
    for rule in scheme.signatures() {
        for name in headers_of(&rule.from) {
            let value = base.headers.get(&name).map(HeaderValue::to_str);
            let Some(Ok(value)) = value else { continue };
            for separator in ['=', ' ', ',', ':'] {
                let Some((part, _)) = value.split_once(separator) else {
                    continue;
                };
                let tagged = ProofTag {
                    separator,
                    tag: Some(part.into()),
                };
                if rule.tagged.as_ref() != Some(&tagged) {
                    let other = scheme.with_tag(Some(&tagged));
                    try_it(
                        &format!("it is `{part}{separator}`"),
                        base.with_scheme(other),
                    )?;
                }
            }
        }
    }
    ControlFlow::Continue(())
}

pub(super) fn other_algorithm(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    if !base.scheme.covers_body() {
        return ControlFlow::Continue(());
    }
    [
        Algorithm::HmacSha1,
        Algorithm::HmacSha256,
        Algorithm::HmacSha512,
    ]
    .into_iter()
    .filter(|algorithm| *algorithm != base.scheme.algorithm())
    .try_for_each(|algorithm| {
        let other = base.scheme.with_algorithm(algorithm);
        try_it(
            &format!("it is {}", algorithm.name()),
            base.with_scheme(other),
        )
    })
}

pub(super) fn other_encoding(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    if !base.scheme.covers_body() {
        return ControlFlow::Continue(());
    }
    Encoding::ALL.into_iter().try_for_each(|encoding| {
        let other = base.scheme.with_encoding(encoding);
        if other == *base.scheme {
            return ControlFlow::Continue(());
        }
        try_it(
            &format!("it is {}", encoding.name()),
            base.with_scheme(other),
        )
    })
}

pub(super) fn other_message(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    if !base.scheme.covers_body() {
        return ControlFlow::Continue(());
    }
    let has_timestamp = base.scheme.timestamp().is_some();
    for text in MESSAGES {
        if text.contains("{ts}") && !has_timestamp {
            continue;
        }
        let Ok(message) = text.parse::<Template>() else {
            continue;
        };
        let other: Scheme = base.scheme.with_signed(message);
        if other != *base.scheme {
            try_it(&format!("it covers `{text}`"), base.with_scheme(other))?;
        }
    }
    ControlFlow::Continue(())
}

pub(super) fn other_unit(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let Some(rule) = base.scheme.timestamp() else {
        return ControlFlow::Continue(());
    };
    for unit in TimestampUnit::ALL {
        if unit != rule.unit {
            let detail = match unit {
                TimestampUnit::HttpDate => "it is an HTTP date",
                TimestampUnit::Milliseconds => "it is in milliseconds",
                TimestampUnit::Rfc3339 => "it is RFC 3339",
                TimestampUnit::Seconds => "it is in seconds",
            };
            try_it(detail, base.with_scheme(base.scheme.with_unit(unit)))?;
        }
    }
    ControlFlow::Continue(())
}

/// Parts of header names that mark a proof.
const PROOF_WORDS: &[&str] = &[
    "auth", "digest", "hash", "hmac", "key", "mac", "secret", "sign", "token",
];

const MESSAGES: &[&str] = &[
    "{body}",
    "{ts}.{body}",
    "{ts}:{body}",
    "{ts}{body}",
    "v0:{ts}:{body}",
    "{body}{ts}",
    "{body}.{ts}",
];

const MAX_HEADERS_TRIED: usize = 16;
