//! The tables of a scheme's declaration: signatures, key, timestamp, URL, digest and required headers.

use http::{HeaderName, HeaderValue};
use jiff::SignedDuration;
use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize, Spanned};

use super::OneOrSeveral;
use super::words::{ENCODINGS, KEY_ENCODINGS, UNITS, error_at, keyword, parse_text};
use crate::auth::rule::ProofTag;
use crate::auth::{
    DigestRule, Encoding, KeyEncoding, SignatureRule, Source, TimestampRule, TimestampSource,
    TimestampUnit, UrlRule,
};

/// A header and the only value that the scheme accepts.
pub(super) struct RequiredHeader {
    pub(super) header: HeaderName,
    pub(super) value: HeaderValue,
}

impl<'de> Deserialize<'de> for RequiredHeader {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let header = table.required_s::<String>("header").ok();
        let text = table.required_s::<String>("value").ok();
        let header = parse_text(&mut table.errors, header);
        let text = parse_text(&mut table.errors, text);
        table.finalize(None)?;
        header
            .zip(text)
            .map(|(header, value)| Self { header, value })
            .ok_or_else(|| {
                error_at("a required header needs `header` and `value`", value.span).into()
            })
    }
}

impl<'de> Deserialize<'de> for UrlRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let rule = Self {
            any_port: table.optional("any_port").unwrap_or_default(),
            any_escaping: table.optional("any_escaping").unwrap_or_default(),
            without_query: table.optional("without_query").unwrap_or_default(),
            decoded: table.optional("decoded").unwrap_or_default(),
        };
        table.finalize(None)?;
        Ok(rule)
    }
}

impl<'de> Deserialize<'de> for DigestRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let from = table.required_s::<String>("from").ok();
        let signed = table.required_s::<String>("signed").ok();
        let from = parse_text(&mut table.errors, from);
        let signed = parse_text(&mut table.errors, signed);
        table.finalize(None)?;
        from.zip(signed)
            .map(|(from, signed)| Self { from, signed })
            .ok_or_else(|| error_at("a digest needs `from` and `signed`", value.span).into())
    }
}

/// The table `key`: prefixes and encoding of the secret's text.
#[derive(Default)]
pub(super) struct KeyTable {
    pub(super) strip: Vec<Box<str>>,
    pub(super) encoding: KeyEncoding,
}

impl<'de> Deserialize<'de> for KeyTable {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let strip = table.optional::<OneOrSeveral>("strip");
        let strip = strip.map_or_else(Vec::new, |texts| texts.0);
        let encoding = keyword(
            &mut table,
            "encoding",
            KeyEncoding::from_name,
            KEY_ENCODINGS,
        );
        table.finalize(None)?;
        Ok(Self {
            strip: strip.into_iter().map(|text| text.value.into()).collect(),
            encoding: encoding.unwrap_or_default(),
        })
    }
}

impl<'de> Deserialize<'de> for TimestampRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let from = table.required_s::<String>("from").ok();
        let unit = keyword(&mut table, "unit", TimestampUnit::from_name, UNITS);
        let tolerance = table.optional_s::<String>("tolerance");
        let future = table.optional_s::<String>("future");
        let window = table.optional_s::<String>("window");
        let reason = table.optional::<String>("reason").map(Box::from);
        let from = from.and_then(|from| match from.value.strip_prefix("signature:") {
            None if from.value == "signature[0]" => Some(TimestampSource::First),
            Some(tag) => Some(TimestampSource::Tag(tag.into())),
            None => parse_text(&mut table.errors, Some(from)).map(TimestampSource::Source),
        });
        let past: Option<SignedDuration> = parse_text(&mut table.errors, tolerance);
        let future = parse_text(&mut table.errors, future).or(past);
        let is_none = window.as_ref().is_some_and(|it| it.value == "none");
        if let Some(window) = window.filter(|_| !is_none) {
            let message = "`window` accepts only `none`; `tolerance` sets a duration";
            table.errors.push(error_at(message, window.span));
        }
        // An unchecked timestamp must be a decision with a reason, not an oversight.
        if is_none == past.is_some() || is_none != reason.is_some() {
            let message = "a timestamp needs `tolerance`, or `window = \"none\"` and a `reason`";
            table.errors.push(error_at(message, value.span));
        }
        table.finalize(None)?;
        from.map(|from| Self {
            from,
            unit: unit.unwrap_or_default(),
            window: past.zip(future),
            no_window_because: reason,
        })
        .ok_or_else(|| error_at("a timestamp needs `from`", value.span).into())
    }
}

impl<'de> Deserialize<'de> for SignatureRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let from = table.required_s::<String>("from").ok();
        let separator = table.optional_s::<String>("separator");
        let tag = table.optional::<String>("tag");
        let older_tag = table.optional::<String>("older_tag");
        let split = table.optional_s::<String>("split");
        let groups = table.optional_s::<String>("groups");
        let encoding = keyword(&mut table, "encoding", Encoding::from_name, ENCODINGS);

        let from = parse_text::<Source>(&mut table.errors, from);
        let mut character = |text: Option<Spanned<String>>| {
            let text = text?;
            if let [one] = text.value.as_bytes() {
                return Some(*one);
            }
            let error = error_at(
                "`split` and `groups` must be one ASCII character",
                text.span,
            );
            table.errors.push(error);
            None
        };
        let (split, groups) = (character(split), character(groups));
        let tagged = match (separator, tag) {
            (None, None) => None,
            // Without a tag, any text may stand before the separator.
            (Some(separator), tag) => {
                let one = parse_text::<char>(&mut table.errors, Some(separator));
                one.map(|separator| ProofTag {
                    separator,
                    tag: tag.map(Into::into),
                })
            }
            (None, Some(_)) => {
                let error = error_at("a `tag` needs a `separator`", value.span);
                table.errors.push(error);
                None
            }
        };
        if older_tag.is_some() && tagged.as_ref().is_none_or(|it| it.tag.is_none()) {
            let error = error_at("an `older_tag` needs a `tag`", value.span);
            table.errors.push(error);
        }
        table.finalize(None)?;
        from.map(|from| Self {
            from,
            groups,
            split,
            tagged,
            older_tag: older_tag.map(Into::into),
            encoding: encoding.unwrap_or_default(),
        })
        .ok_or_else(|| error_at("a signature needs `from`", value.span).into())
    }
}
