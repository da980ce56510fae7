//! The declarations of proofs that state what they cover: JWS and HTTP message signatures (RFC 9421).

use std::str::FromStr;

use jiff::SignedDuration;
use toml_span::de_helpers::TableHelper;
use toml_span::value::{Value, ValueInner};
use toml_span::{DeserError, Deserialize, Spanned};

use super::words::{ENCODINGS, error_at, keyword, parse_text};
use crate::auth::{BodyClaim, Encoding, Jws, MessageSignature, QueryHash, Template};

impl<'de> Deserialize<'de> for Jws {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let body = table.optional::<String>("body_claim");
        let encoding = keyword(&mut table, "body_encoding", Encoding::from_name, ENCODINGS);
        let query_as_body = table.optional("query_as_body").unwrap_or_default();
        let claims = table.optional::<ClaimTable>("claims");
        let present = table.optional::<Vec<String>>("present");
        let query_hash = table.optional::<QueryHash>("query_hash");
        let leeway = table.optional_s::<String>("leeway");
        let leeway = parse_text(&mut table.errors, leeway);
        table.finalize(None)?;
        Ok(Self {
            body: body.map(|name| BodyClaim {
                name: name.into(),
                encoding: encoding.unwrap_or_default(),
                query_as_body,
            }),
            claims: claims.map_or_else(Vec::new, |claims| claims.0),
            present: present.into_iter().flatten().map(Into::into).collect(),
            query_hash,
            leeway: leeway.unwrap_or(DEFAULT_LEEWAY),
        })
    }
}

impl<'de> Deserialize<'de> for QueryHash {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let claim = table.required::<String>("claim").ok();
        let base = table.required_s::<String>("base").ok();
        let base = parse_text(&mut table.errors, base);
        table.finalize(None)?;
        let pair = claim.map(Into::into).zip(base);
        pair.map(|(claim, base)| Self { claim, base })
            .ok_or_else(|| error_at("a query hash needs `claim` and `base`", value.span).into())
    }
}

impl<'de> Deserialize<'de> for MessageSignature {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let components = table.required::<Vec<String>>("components")?;
        let covers_target = table.optional("covers_target").unwrap_or_default();
        let label = table.optional::<String>("label");
        let tag = table.optional::<String>("tag");
        table.finalize(None)?;
        Ok(Self {
            components: components.into_iter().map(Into::into).collect(),
            covers_target,
            label: label.map(Into::into),
            tag: tag.map(Into::into),
        })
    }
}

/// The claims with their required values.
struct ClaimTable(Vec<(Box<str>, Template)>);

impl<'de> Deserialize<'de> for ClaimTable {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let ValueInner::Table(table) = value.take() else {
            return Err(error_at("`claims` must be a table of names and texts", value.span).into());
        };
        let mut expected = Vec::new();
        let mut errors = Vec::new();
        for (name, mut value) in table {
            match Spanned::<String>::deserialize(&mut value) {
                Ok(text) => match Template::from_str(&text.value) {
                    Ok(template) if template.is_of_head() => {
                        expected.push((name.name.into(), template));
                    }
                    Ok(_) => errors.push(error_at(OF_HEAD, text.span)),
                    Err(error) => errors.push(error_at(error.to_string(), text.span)),
                },
                Err(error) => errors.extend(error.errors),
            }
        }
        if errors.is_empty() {
            Ok(Self(expected))
        } else {
            Err(DeserError { errors })
        }
    }
}

const OF_HEAD: &str =
    "a claim can be compared only with text, settings, the URL and values of the head";
/// The usual default of JWT libraries (RFC 7519 §4.1.4: no more than a few minutes).
const DEFAULT_LEEWAY: SignedDuration = SignedDuration::from_mins(1);
