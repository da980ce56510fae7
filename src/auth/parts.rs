//! From an endpoint's words to the parts of a scheme, each of which is checked by itself.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use http::HeaderName;
use jiff::SignedDuration;

use super::rule::Tagged;
use super::{
    Algorithm, Encoding, KeyEncoding, KeyForm, Place, Scheme, SignatureRule, Source, Template,
    TimestampRule, TimestampSource, TimestampUnit, UrlRule, WrongWord,
};

/// What was said, and what of it was wrong.
pub(super) struct Words<'w> {
    pub(super) words: &'w BTreeMap<String, String>,
    pub(super) wrong: Vec<WrongWord>,
}

impl Words<'_> {
    pub(super) fn key(&mut self, key: &mut KeyForm) {
        let algorithms = names(&signing_names());
        let signs =
            |name: &str| Algorithm::from_name(name).filter(|it| it.signature_len().is_some());
        if self.words.get("algorithm").map(String::as_str) == Some(Algorithm::Sha256.name()) {
            let message = "`sha256` over a secret and a message can be lengthened by whoever has it: \
                           choose `hmac-sha256`";
            self.wrong("algorithm", message.to_owned());
        } else if let Some(algorithm) = self.named("algorithm", signs, &algorithms) {
            key.algorithm = algorithm;
        }
        let encodings = names(&KeyEncoding::ALL.map(KeyEncoding::name));
        if let Some(encoding) = self.named("secret_format", KeyEncoding::from_name, &encodings) {
            key.encoding = encoding;
        }
        if let Some(prefix) = self.words.get("secret_prefix") {
            key.strip = Some(prefix.as_str().into());
            key.strip_else.clear();
        }
    }

    pub(super) fn signature(&mut self, rules: &mut Vec<SignatureRule>) {
        let header = self.parsed::<HeaderName>("signature_header");
        let other = self.parsed::<Source>("signature_from");
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
        let encodings = names(&Encoding::ALL.map(Encoding::name));
        let encoding = self.named("signature_format", Encoding::from_name, &encodings);
        let tagged = self.words.get("signature_prefix").and_then(|prefix| {
            // The last character ends the word, whatever it is.
            let separator = prefix.chars().next_back()?;
            let tag = prefix.strip_suffix(separator)?;
            Some(Tagged {
                separator,
                tag: Some(tag.into()),
            })
        });
        let split = self.words.get("signature_separator").map(String::as_bytes);
        if split.is_some_and(|text| text.len() != 1) {
            let message = "is one ASCII character, such as \",\"".to_owned();
            self.wrong("signature_separator", message);
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

    /// Whether something was said.
    pub(super) fn message(&mut self, signed: &mut Vec<Template>) -> bool {
        let text = match self.words.get("signed_message").map(String::as_str) {
            None => return false,
            // What people call the body elsewhere.
            Some("body" | "payload") => "{body}",
            Some("timestamp.body" | "timestamp.payload") => "{ts}.{body}",
            Some(text) => text,
        };
        match text.parse() {
            Ok(template) => *signed = vec![template],
            Err(error) => self.wrong("signed_message", error.to_string()),
        }
        true
    }

    pub(super) fn time(&mut self, timestamp: &mut Option<TimestampRule>) {
        let header = self.parsed::<HeaderName>("timestamp_header");
        let header = header.map(|name| TimestampSource::Source(Place::Header(name).into()));
        let tag = self.words.get("timestamp_tag");
        let tag = tag.map(|tag| TimestampSource::Tag(tag.as_str().into()));
        let units = names(&TimestampUnit::ALL.map(TimestampUnit::name));
        let unit = self.named("timestamp_format", TimestampUnit::from_name, &units);
        let past = self.parsed::<SignedDuration>("timestamp_tolerance");
        let future = self.parsed::<SignedDuration>("timestamp_future");
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
                    // A preset that waits for late retries still expects a clock that is right.
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
                        self.wrong(key, message);
                    }
                }
            }
        }
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.words.get(key)?;
        text.parse()
            .map_err(|error: T::Err| self.wrong(key, format!("`{text}`: {error}")))
            .ok()
    }

    fn named<T>(
        &mut self,
        key: &'static str,
        from_name: impl Fn(&str) -> Option<T>,
        known: &str,
    ) -> Option<T> {
        let name = self.words.get(key)?;
        let found = from_name(name);
        if found.is_none() {
            self.wrong(key, format!("`{name}` is none of `{known}`"));
        }
        found
    }

    pub(super) fn wrong(&mut self, key: &'static str, message: String) {
        self.wrong.push(WrongWord { key, message });
    }
}

impl Scheme {
    /// HMAC-SHA256 over the body, found nowhere yet.
    pub(super) fn of_body() -> Self {
        Self {
            certificate: None,
            key: KeyForm::plain(Algorithm::HmacSha256),
            signatures: Vec::new(),
            envelope: None,
            timestamp: None,
            signed: "{body}".parse().into_iter().collect(),
            url: UrlRule::default(),
            digest: None,
            required: Vec::new(),
            id: None,
            event: None,
            methods: Self::only_post(),
            account: None,
        }
    }
}

/// The algorithms that an endpoint may choose.
pub(super) fn signing_names() -> Vec<&'static str> {
    let may_choose = |algorithm: &Algorithm| {
        algorithm.signature_len().is_some() && *algorithm != Algorithm::Sha256
    };
    Algorithm::ALL
        .into_iter()
        .filter(may_choose)
        .map(Algorithm::name)
        .collect()
}

pub(super) fn names(names: &[&str]) -> String {
    names.join("`, `")
}

/// What most providers' own libraries allow.
const DEFAULT_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
