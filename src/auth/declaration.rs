//! From a declaration (a preset's file, later an endpoint's own words) to a compiled scheme.
//!
//! Every mistake of a declaration is reported, each with its place in the text.

use std::fmt::Display;
use std::str::FromStr;

use jiff::SignedDuration;
use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize, Error, ErrorKind, Span};

use super::scheme::Tagged;
use super::{
    Algorithm, Encoding, KeyEncoding, KeyForm, Scheme, SignatureRule, Source, Template,
    TimestampRule, TimestampSource, TimestampUnit,
};

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let algorithm = table.required_s::<String>("algorithm").ok();
        let signatures = table.required::<Vec<SignatureRule>>("signatures").ok();
        let signed = table
            .optional_s::<String>("signed")
            .unwrap_or_else(|| toml_span::Spanned::new("{body}".to_owned()));
        let key = table.optional::<KeyText>("key").unwrap_or_default();
        let timestamp = table.optional::<TimestampRule>("timestamp");
        let id = table.optional_s::<String>("id");
        let event = table.optional_s::<String>("event");

        let algorithm = algorithm.and_then(|name| {
            let found = Algorithm::from_name(&name.value);
            if found.is_none() {
                table
                    .errors
                    .push(unexpected(ALGORITHMS, name.value, name.span));
            }
            found
        });
        let signed = parsed(&mut table.errors, Some(signed));
        let id = parsed(&mut table.errors, id);
        let event = parsed(&mut table.errors, event);
        if let Some(signed) = &signed
            && Template::has_timestamp(signed) != timestamp.is_some()
        {
            let error = custom("`{ts}` and `timestamp` come together", value.span);
            table.errors.push(error);
        }
        table.finalize(None)?;

        match (algorithm, signatures, signed) {
            (Some(algorithm), Some(signatures), Some(signed)) if !signatures.is_empty() => {
                Ok(Self {
                    key: KeyForm {
                        algorithm,
                        strip: key.strip,
                        encoding: key.encoding,
                    },
                    signatures,
                    timestamp,
                    signed,
                    id,
                    event,
                })
            }
            _ => Err(custom("a scheme needs at least one signature", value.span).into()),
        }
    }
}

/// What a declaration says about the text of the secret.
#[derive(Default)]
struct KeyText {
    strip: Option<Box<str>>,
    encoding: KeyEncoding,
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let strip = table.optional::<String>("strip").map(Into::into);
        let encoding = table.optional_s::<String>("encoding").and_then(|name| {
            let found = KeyEncoding::from_name(&name.value);
            if found.is_none() {
                let error = unexpected(KEY_ENCODINGS, name.value, name.span);
                table.errors.push(error);
            }
            found
        });
        table.finalize(None)?;
        Ok(Self {
            strip,
            encoding: encoding.unwrap_or_default(),
        })
    }
}

impl<'de> Deserialize<'de> for TimestampRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let from = table.required_s::<String>("from").ok();
        let unit = table.optional_s::<String>("unit").and_then(|name| {
            let found = TimestampUnit::from_name(&name.value);
            if found.is_none() {
                let error = unexpected(UNITS, name.value, name.span);
                table.errors.push(error);
            }
            found
        });
        let tolerance = table.optional_s::<String>("tolerance");
        let future = table.optional_s::<String>("future");
        let from = from.and_then(|from| match from.value.strip_prefix("signature:") {
            Some(tag) => Some(TimestampSource::Tag(tag.into())),
            None => parsed(&mut table.errors, Some(from)).map(TimestampSource::Source),
        });
        let past: Option<SignedDuration> = parsed(&mut table.errors, tolerance);
        let future = parsed(&mut table.errors, future).or(past);
        table.finalize(None)?;
        from.map(|from| Self {
            from,
            unit: unit.unwrap_or_default(),
            window: past.zip(future),
        })
        .ok_or_else(|| custom("a timestamp needs a source", value.span).into())
    }
}

impl<'de> Deserialize<'de> for SignatureRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let from = table.required_s::<String>("from").ok();
        let separator = table.optional_s::<String>("separator");
        let tag = table.optional::<String>("tag");
        let split = table.optional_s::<String>("split");
        let encoding = table.optional_s::<String>("encoding");

        let from = parsed::<Source>(&mut table.errors, from);
        let split = split.and_then(|split| {
            if let [one] = split.value.as_bytes() {
                return Some(*one);
            }
            let error = custom("`split` is one ASCII character", split.span);
            table.errors.push(error);
            None
        });
        let tagged = match (separator, tag) {
            (None, None) => None,
            (Some(separator), Some(tag)) => {
                let one = parsed::<char>(&mut table.errors, Some(separator));
                one.map(|separator| Tagged {
                    separator,
                    tag: tag.into(),
                })
            }
            _ => {
                let error = custom("`separator` and `tag` come together", value.span);
                table.errors.push(error);
                None
            }
        };
        let encoding = encoding.and_then(|name| {
            let found = Encoding::from_name(&name.value);
            if found.is_none() {
                let error = unexpected(ENCODINGS, name.value, name.span);
                table.errors.push(error);
            }
            found
        });
        let encoding = encoding.unwrap_or_default();
        table.finalize(None)?;
        from.map(|from| Self {
            from,
            split,
            tagged,
            encoding,
        })
        .ok_or_else(|| custom("a signature needs a source", value.span).into())
    }
}

fn parsed<T>(errors: &mut Vec<Error>, text: Option<toml_span::Spanned<String>>) -> Option<T>
where
    T: FromStr<Err: Display>,
{
    let text = text?;
    text.value
        .parse()
        .map_err(|error: T::Err| errors.push(custom(error.to_string(), text.span)))
        .ok()
}

fn unexpected(expected: &'static [&'static str], value: String, span: Span) -> Error {
    let value = Some(value);
    (ErrorKind::UnexpectedValue { expected, value }, span).into()
}

fn custom(text: impl Into<std::borrow::Cow<'static, str>>, span: Span) -> Error {
    (ErrorKind::Custom(text.into()), span).into()
}

const ALGORITHMS: &[&str] = &["hmac-sha1", "hmac-sha256", "hmac-sha512", "token"];
const UNITS: &[&str] = &["ms", "rfc3339", "s"];
const KEY_ENCODINGS: &[&str] = &["base64", "hex", "utf8"];
const ENCODINGS: &[&str] = &["base64", "base64url", "hex"];
