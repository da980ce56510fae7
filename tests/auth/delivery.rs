//! A delivery as `auth` sees it, and its way to a verdict.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use portcullis::auth::{
    Claim, Head, KeyRing, Message, Mode, NumberedKey, PartialRequest, Place, Preset, ProofError,
    Scheme, Verification, VerificationStart, Verified,
};
use portcullis::directory::AuthDefinition;

/// A request that somebody sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    method: Method,
    url: Option<String>,
    headers: HeaderMap,
    query: Option<String>,
    body: Vec<u8>,
}

impl Delivery {
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: Method::POST,
            body: body.into(),
            ..Self::default()
        }
    }

    /// What a sender that knows `secret` sends.
    pub(crate) fn proven(scheme: &Scheme, secret: &[u8], body: impl Into<Vec<u8>>) -> Self {
        let delivery = Self::of(body);
        let added = scheme.prove(secret, message(&delivery.body)).unwrap();
        delivery.with(added)
    }

    /// With what a sender adds.
    pub(crate) fn with(self, added: Vec<(Place, String)>) -> Self {
        added
            .into_iter()
            .fold(self, |delivery, (place, value)| match place {
                Place::Header(name) => delivery.header(name.as_str(), &value),
                other => panic!("nothing is sent in {other}"),
            })
    }

    /// Every header that it has.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// With one header in place of what it had.
    pub(crate) fn replacing(mut self, name: &HeaderName, value: &[u8]) -> Self {
        let value = HeaderValue::from_bytes(value).unwrap();
        self.headers.insert(name, value);
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_bytes(value.as_ref()).unwrap(),
        );
        self
    }

    pub(crate) fn query(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }

    /// Says which URL it was sent to, with its query.
    pub(crate) fn to(mut self, url: &str) -> Self {
        self.query = url.split_once('?').map(|(_, query)| query.to_owned());
        self.url = Some(url.to_owned());
        self
    }

    pub(crate) fn by(mut self, method: &str) -> Self {
        self.method = method.parse().unwrap();
        self
    }

    /// Sent as a form.
    pub(crate) fn sent_as_form(self) -> Self {
        self.header(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
    }

    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The verdict on it, by the one key that `secret` makes.
    pub(crate) fn judged_by(&self, scheme: &Scheme, secret: &[u8]) -> Result<Verified, ProofError> {
        self.judged(scheme, ring(scheme, secret), &[self.body.len()])
    }

    /// The verdict if the body comes in pieces of these sizes, and the rest at once.
    pub(crate) fn judged(
        &self,
        scheme: &Scheme,
        keys: KeyRing,
        pieces: &[usize],
    ) -> Result<Verified, ProofError> {
        self.judged_at(scheme, keys, pieces, NOW)
    }

    /// The same at another time.
    pub(crate) fn judged_at(
        &self,
        scheme: &Scheme,
        keys: KeyRing,
        pieces: &[usize],
        now: Timestamp,
    ) -> Result<Verified, ProofError> {
        match self.begun_at(scheme, keys, now)? {
            VerificationStart::Proven(verified) => Ok(verified),
            VerificationStart::Streaming(mut verification) => {
                let mut rest = self.body.as_slice();
                for size in pieces {
                    let (piece, after) = rest.split_at((*size).min(rest.len()));
                    verification.update(piece);
                    rest = after;
                }
                verification.update(rest);
                verification.finish(&self.head(), &self.body)
            }
        }
    }

    /// What the head alone gives.
    pub(crate) fn begun(
        &self,
        scheme: &Scheme,
        keys: KeyRing,
    ) -> Result<VerificationStart, ProofError> {
        self.begun_at(scheme, keys, NOW)
    }

    fn begun_at(
        &self,
        scheme: &Scheme,
        keys: KeyRing,
        now: Timestamp,
    ) -> Result<VerificationStart, ProofError> {
        let scheme = Arc::new(scheme.clone());
        let claim = Claim::read(&scheme, &self.head())?;
        Verification::begin(&scheme, claim, Arc::new(keys), now)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn received(&self) -> PartialRequest<'_> {
        PartialRequest {
            head: self.head(),
            body: Some(&self.body),
        }
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            method: &self.method,
            headers: &self.headers,
            query: self.query.as_deref(),
            url: Some(self.url.as_deref().unwrap_or(URL)),
        }
    }
}

/// The scheme of a provider's preset, or of a mode that is no provider's.
pub(crate) fn preset(name: &str) -> Scheme {
    match Preset::named(name) {
        Some(preset) => preset.scheme.clone(),
        None => {
            let mode: Mode = name.parse().unwrap();
            AuthDefinition::of(mode).compiled().unwrap().unwrap()
        }
    }
}

/// What is signed with `body`.
pub(crate) fn message(body: &[u8]) -> Message<'_> {
    Message {
        method: &Method::POST,
        url: Some(URL),
        body,
        at: NOW,
        id: "msg_1",
    }
}

/// The one key that `secret` makes, as version 1.
pub(crate) fn ring(scheme: &Scheme, secret: &[u8]) -> KeyRing {
    KeyRing {
        current: key(scheme, secret, 1),
        previous: None,
    }
}

pub(crate) fn key(scheme: &Scheme, secret: &[u8], version: u32) -> NumberedKey {
    NumberedKey {
        key: Arc::new(scheme.key().prepare(secret).unwrap()),
        version,
    }
}

pub(crate) const URL: &str = "https://portal.example.com/hooks/orders?from=a+b";
pub(crate) const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
