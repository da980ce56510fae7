//! Deserialises a TOML declaration, such as a preset's file, into a compiled scheme.
//!
//! Every mistake in a declaration is reported with its position in the text.

mod envelopes;
mod rules;
mod words;

use http::Method;
use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize, ErrorKind, Spanned};

use self::rules::{KeyTable, RequiredHeader};
use self::words::{ALGORITHMS, COVERS, keyword};
pub(crate) use self::words::{error_at, parse_text};
use super::{
    AccountRule, Algorithm, Covers, DigestRule, Envelope, Jws, KeyForm, MessageSignature, Scheme,
    SignatureRule, SnsRule, Source, Template, TimestampRule, UrlRule,
};

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let algorithm = keyword(&mut table, "algorithm", Algorithm::from_name, ALGORITHMS);
        let jws = table.optional::<Jws>("jws").map(Envelope::Jws);
        let message = table.optional::<MessageSignature>("message_signature");
        // A message signature has two fixed headers.
        let signatures = match &message {
            Some(_) => Some(vec![SignatureRule::of_message()]),
            None => table.required::<Vec<SignatureRule>>("signatures").ok(),
        };
        let has_two_envelopes = jws.is_some() && message.is_some();
        let envelope = jws.or(message.map(Envelope::Message));
        let signed = match table.optional::<OneOrSeveral>("signed") {
            Some(OneOrSeveral(texts)) => texts,
            // An envelope states what it covers.
            None if envelope.is_some() => Vec::new(),
            None => vec![Spanned::new("{body}".to_owned())],
        };
        let key = table.optional::<KeyTable>("key").unwrap_or_default();
        let certificate = keyword(&mut table, "certificate", certificate, &[AWS_SNS]);
        let timestamp = table.optional::<TimestampRule>("timestamp");
        let url = table.optional::<UrlRule>("url").unwrap_or_default();
        let digest = table.optional::<DigestRule>("digest");
        let covers = keyword(&mut table, "covers", Covers::from_word, COVERS);
        let required = table.optional::<Vec<RequiredHeader>>("required");
        let methods = table.optional::<Vec<Spanned<String>>>("methods");
        let id = table.optional_s::<String>("id");
        let event = table.optional_s::<String>("event");
        let account = table.optional::<Vec<Spanned<String>>>("account");
        let free = table.optional_s::<String>("free");
        let mut signed: Vec<Template> = signed
            .into_iter()
            .filter_map(|text| parse_text(&mut table.errors, Some(text)))
            .collect();
        let free_at = free.as_ref().map_or(value.span, |text| text.span);
        if let Some(free) = parse_text::<Source>(&mut table.errors, free)
            && !signed.iter_mut().all(|template| template.set_free(&free))
        {
            let error = error_at("`free` must be a value of every signed message", free_at);
            table.errors.push(error);
        }
        let methods = methods.map(|words| {
            let words = words.into_iter();
            let methods = words.filter_map(|word| parse_text(&mut table.errors, Some(word)));
            methods.collect::<Box<[Method]>>()
        });
        let account = account.map(|texts| {
            let texts = texts.into_iter();
            let places = texts.filter_map(|text| parse_text(&mut table.errors, Some(text)));
            AccountRule::new(places.collect())
        });
        let id = parse_text(&mut table.errors, id);
        let event = parse_text(&mut table.errors, event);
        if algorithm.is_none() && table.errors.is_empty() {
            let missing = (ErrorKind::MissingField("algorithm"), value.span);
            table.errors.push(missing.into());
        }
        let has_signature = signatures.as_ref().is_none_or(|rules| !rules.is_empty());
        if !has_signature {
            let error = error_at("a scheme needs at least one signature", value.span);
            table.errors.push(error);
        }
        let mut strip = key.strip.into_iter();
        let scheme = Self {
            key: KeyForm {
                // A missing algorithm was reported above; the default lets the other checks run.
                algorithm: algorithm.unwrap_or(Algorithm::HmacSha256),
                strip: strip.next(),
                strip_else: strip.collect(),
                encoding: key.encoding,
            },
            signatures: signatures.unwrap_or_default(),
            envelope,
            certificate,
            timestamp,
            signed,
            url,
            digest,
            required: required
                .into_iter()
                .flatten()
                .map(|it| (it.header, it.value))
                .collect(),
            id,
            event,
            methods: methods.unwrap_or_else(Scheme::only_post),
            account,
        };
        if has_two_envelopes {
            let error = error_at(
                "`jws` and `message_signature` exclude each other",
                value.span,
            );
            table.errors.push(error);
        }
        if let Some(wrong) = scheme.inconsistency(covers) {
            table.errors.push(error_at(wrong, value.span));
        }
        table.finalize(None)?;
        Ok(scheme)
    }
}

/// The rule for the key of a certificate called `name` in declarations.
fn certificate(name: &str) -> Option<SnsRule> {
    (name == AWS_SNS).then(SnsRule::default)
}

/// A text or a list of texts; the list is not empty.
struct OneOrSeveral(Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for OneOrSeveral {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        if value.as_str().is_some() {
            return Ok(Self(vec![Spanned::deserialize(value)?]));
        }
        let texts = Vec::<Spanned<String>>::deserialize(value)?;
        if texts.is_empty() {
            return Err(error_at("the list is empty", value.span).into());
        }
        Ok(Self(texts))
    }
}

const AWS_SNS: &str = "aws-sns";
