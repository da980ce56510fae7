//! A scheme in an endpoint's own words: the keys of the mode `signature`, and overrides of a provider's preset.
//!
//! Every mistake is reported, each with its key.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use http::HeaderName;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::rule::ProofTag;
use super::{
    Algorithm, Encoding, KeyEncoding, KeyForm, Place, Scheme, SignatureRule, Source, Template,
    TimestampRule, TimestampSource, TimestampUnit,
};

/// The keys that an endpoint sets, with their text; docs/guide/custom-signature.md describes each key.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SchemeWords(BTreeMap<String, String>);

/// A key or a value that is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SchemeWordError {
    /// The key, or `auth` if the key itself is unknown.
    pub key: &'static str,
    /// The fault and what is accepted instead.
    pub message: String,
}

impl SchemeWordError {
    /// The key with its table, such as `auth.algorithm`.
    pub fn place(&self) -> &'static str {
        let mut places = SchemeWords::KEYS.iter();
        let found = places.find(|place| place.strip_prefix("auth.") == Some(self.key));
        found.copied().unwrap_or("auth")
    }
}

impl SchemeWords {
    /// Every key with its table.
    pub const KEYS: &[&str] = &[
        "auth.algorithm",
        "auth.secret_format",
        "auth.secret_prefix",
        "auth.signature_header",
        "auth.signature_from",
        "auth.signature_format",
        "auth.signature_prefix",
        "auth.signature_separator",
        "auth.signed_message",
        "auth.timestamp_header",
        "auth.timestamp_tag",
        "auth.timestamp_format",
        "auth.timestamp_tolerance",
        "auth.timestamp_future",
        "auth.id",
        "auth.event",
    ];

    /// Every key without its table.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        Self::KEYS
            .iter()
            .filter_map(|place| place.strip_prefix("auth."))
    }

    /// The key called `name`, written with `-` or with `_`.
    pub fn key(name: &str) -> Option<&'static str> {
        let name = name.replace('-', "_");
        Self::keys().find(|key| *key == name)
    }

    /// Sets `key` to `value`.
    pub fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Whether no key is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compiles the words: as overrides of `base`, or alone as a custom scheme. The error lists every mistake.
    pub fn scheme(&self, base: Option<Scheme>) -> Result<Scheme, Vec<SchemeWordError>> {
        let mut compiler = Compiler {
            words: &self.0,
            mistakes: Vec::new(),
        };
        for key in self.0.keys().filter(|key| Self::key(key).is_none()) {
            let known: Vec<&str> = Self::keys().collect();
            let message = format!("unknown key `{key}`; the keys are `{}`", known.join("`, `"));
            compiler.reject("auth", message);
        }
        if base.as_ref().is_some_and(|base| !base.covers_body()) {
            for key in Self::keys().filter(|key| self.0.contains_key(*key)) {
                let of_tokens = [
                    "signature_header",
                    "signature_from",
                    "signature_prefix",
                    "id",
                    "event",
                ];
                if !of_tokens.contains(&key) {
                    let message = "applies to signatures only, and this scheme uses a token";
                    compiler.reject(key, message.to_owned());
                }
            }
        }
        let is_plain_digest = |scheme: &Scheme| scheme.key.algorithm == Algorithm::Sha256;
        let was_plain_digest = base.as_ref().is_some_and(is_plain_digest);
        let is_new = base.is_none();
        let least = base.as_ref().map(Scheme::covers);
        let mut scheme = base.unwrap_or_else(Scheme::of_body);
        if is_new && !self.0.contains_key("algorithm") {
            let message = format!("is missing: one of `{}`", quoted_list(&signing_names()));
            compiler.reject("algorithm", message);
        }
        let places = ["signature_header", "signature_from"];
        if is_new && !places.iter().any(|key| self.0.contains_key(*key)) {
            let message = "is missing: the header of the signature, such as \"X-Signature\"";
            compiler.reject("signature_header", message.to_owned());
        }
        compiler.key(&mut scheme.key);
        compiler.signature(&mut scheme.signatures);
        if compiler.message(&mut scheme.signed) {
            // The methods of a preset hold only for the message that its provider signs.
            scheme.methods = Scheme::only_post();
            if was_plain_digest && is_plain_digest(&scheme) {
                let message = "`sha256` over a secret and a message allows length extension, so only the preset \
                               chooses the message: keep it, or also set `algorithm` to `hmac-sha256`";
                compiler.reject("signed_message", message.to_owned());
            }
        }
        compiler.time(&mut scheme.timestamp);
        if let Some(id) = compiler.parse("id") {
            scheme.id = Some(id);
        }
        if let Some(event) = compiler.parse("event") {
            scheme.event = Some(event);
        }
        if let (true, Some(message)) = (compiler.mistakes.is_empty(), scheme.inconsistency(least)) {
            compiler.reject("signed_message", message.to_owned());
        }
        if compiler.mistakes.is_empty() {
            Ok(scheme)
        } else {
            Err(compiler.mistakes)
        }
    }
}

/// Writes the words into the parts of a scheme and collects the mistakes.
struct Compiler<'w> {
    words: &'w BTreeMap<String, String>,
    mistakes: Vec<SchemeWordError>,
}

impl Compiler<'_> {
    fn key(&mut self, key: &mut KeyForm) {
        let algorithms = quoted_list(&signing_names());
        let signs =
            |name: &str| Algorithm::from_name(name).filter(|it| it.signature_len().is_some());
        if self.words.get("algorithm").map(String::as_str) == Some(Algorithm::Sha256.name()) {
            let message = "`sha256` over a secret and a message allows length extension: choose `hmac-sha256`";
            self.reject("algorithm", message.to_owned());
        } else if let Some(algorithm) = self.choice("algorithm", signs, &algorithms) {
            key.algorithm = algorithm;
        }
        let encodings = quoted_list(&KeyEncoding::ALL.map(KeyEncoding::name));
        if let Some(encoding) = self.choice("secret_format", KeyEncoding::from_name, &encodings) {
            key.encoding = encoding;
        }
        if let Some(prefix) = self.words.get("secret_prefix") {
            key.strip = Some(prefix.as_str().into());
            key.strip_else.clear();
        }
    }

    fn signature(&mut self, rules: &mut Vec<SignatureRule>) {
        let header = self.parse::<HeaderName>("signature_header");
        let other = self.parse::<Source>("signature_from");
        let from = header.map(|name| Place::Header(name).into()).or(other);
        if let Some(from) = from {
            rules.truncate(1);
            match rules.first_mut() {
                Some(rule) => rule.from = from,
                None => rules.push(SignatureRule {
                    from,
                    groups: None,
                    split: None,
                    tagged: None,
                    older_tag: None,
                    encoding: Encoding::default(),
                }),
            }
        }
        let encodings = quoted_list(&Encoding::ALL.map(Encoding::name));
        let encoding = self.choice("signature_format", Encoding::from_name, &encodings);
        let tagged = self.words.get("signature_prefix").and_then(|prefix| {
            // The last character is the separator, whatever it is.
            let separator = prefix.chars().next_back()?;
            let tag = prefix.strip_suffix(separator)?;
            Some(ProofTag {
                separator,
                tag: Some(tag.into()),
            })
        });
        let split = self.words.get("signature_separator").map(String::as_bytes);
        if split.is_some_and(|text| text.len() != 1) {
            let message = "must be one ASCII character, such as \",\"".to_owned();
            self.reject("signature_separator", message);
        }
        for rule in rules {
            rule.encoding = encoding.unwrap_or(rule.encoding);
            rule.split = split.and_then(|text| text.first().copied()).or(rule.split);
            if tagged.is_some() {
                rule.tagged.clone_from(&tagged);
                rule.older_tag = None;
            }
        }
    }

    /// Sets the signed message; `false` if the endpoint names none.
    fn message(&mut self, signed: &mut Vec<Template>) -> bool {
        let text = match self.words.get("signed_message").map(String::as_str) {
            None => return false,
            // Aliases that other products use.
            Some("body" | "payload") => "{body}",
            Some("timestamp.body" | "timestamp.payload") => "{ts}.{body}",
            Some(text) => text,
        };
        match text.parse() {
            Ok(template) => *signed = vec![template],
            Err(error) => self.reject("signed_message", error.to_string()),
        }
        true
    }

    fn time(&mut self, timestamp: &mut Option<TimestampRule>) {
        let header = self.parse::<HeaderName>("timestamp_header");
        let header = header.map(|name| TimestampSource::Source(Place::Header(name).into()));
        let tag = self.words.get("timestamp_tag");
        let tag = tag.map(|tag| TimestampSource::Tag(tag.as_str().into()));
        let units = quoted_list(&TimestampUnit::ALL.map(TimestampUnit::name));
        let unit = self.choice("timestamp_format", TimestampUnit::from_name, &units);
        let past = self.parse::<SignedDuration>("timestamp_tolerance");
        let future = self.parse::<SignedDuration>("timestamp_future");
        if let Some(from) = header.or(tag) {
            let window = Some((DEFAULT_TOLERANCE, DEFAULT_TOLERANCE));
            let unit = TimestampUnit::default();
            *timestamp = Some(TimestampRule {
                from,
                unit,
                window,
                no_window_because: None,
            });
        }
        match timestamp {
            Some(rule) => {
                rule.unit = unit.unwrap_or(rule.unit);
                let old = rule
                    .window
                    .unwrap_or((DEFAULT_TOLERANCE, DEFAULT_TOLERANCE));
                if past.is_some() || future.is_some() {
                    let past = past.unwrap_or(old.0);
                    // A long past tolerance is for late retries. It does not excuse a clock that is ahead.
                    let ahead = if old.1 < old.0 { past.min(old.1) } else { past };
                    rule.window = Some((past, future.unwrap_or(ahead)));
                }
            }
            None => {
                for key in [
                    "timestamp_format",
                    "timestamp_tolerance",
                    "timestamp_future",
                ] {
                    if self.words.contains_key(key) {
                        let message = "needs `timestamp_header` or `timestamp_tag`".to_owned();
                        self.reject(key, message);
                    }
                }
            }
        }
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.words.get(key)?;
        text.parse()
            .map_err(|error: T::Err| self.reject(key, format!("`{text}`: {error}")))
            .ok()
    }

    fn choice<T>(
        &mut self,
        key: &'static str,
        from_name: impl Fn(&str) -> Option<T>,
        known: &str,
    ) -> Option<T> {
        let name = self.words.get(key)?;
        let found = from_name(name);
        if found.is_none() {
            self.reject(key, format!("`{name}` is not one of `{known}`"));
        }
        found
    }

    fn reject(&mut self, key: &'static str, message: String) {
        self.mistakes.push(SchemeWordError { key, message });
    }
}

/// The algorithms that an endpoint may choose.
fn signing_names() -> Vec<&'static str> {
    let may_choose = |algorithm: &Algorithm| {
        algorithm.signature_len().is_some() && *algorithm != Algorithm::Sha256
    };
    Algorithm::ALL
        .into_iter()
        .filter(may_choose)
        .map(Algorithm::name)
        .collect()
}

/// The names with backquotes between them, to be put between backquotes.
fn quoted_list(names: &[&str]) -> String {
    names.join("`, `")
}

/// The tolerance of most providers' own libraries.
const DEFAULT_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
