//! The other side of a scheme: making the proof that its verification accepts.
//!
//! People need it to try an endpoint by hand, tests and benchmarks to send what is genuine.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;

use super::form::FORM;
use super::rule::SignatureRule;
use super::signed::{Time, fill};
use super::view::View;
use super::{
    Algorithm, Head, Key, Place, ProofError, Received, Scheme, TimestampSource, UnusableSecret,
};

/// What a sender signs.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The method.
    pub method: &'m Method,
    /// The public URL, for schemes that cover it.
    pub url: Option<&'m str>,
    /// The body.
    pub body: &'m [u8],
    /// The time.
    pub at: Timestamp,
    /// The id of the delivery, where the scheme signs one.
    pub id: &'m str,
}

impl Scheme {
    /// What a sender that knows `secret` adds to its request: values, and where they go.
    ///
    /// Where the scheme accepts several places, the first one is used.
    pub fn prove(
        &self,
        secret: &[u8],
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, Unsignable> {
        self.prove_beside(&[], secret, message)
    }

    /// The same for a request that has `beside` in its head already.
    pub(super) fn prove_beside(
        &self,
        beside: &[(Place, String)],
        secret: &[u8],
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, Unsignable> {
        let key = self.key.prepare(secret)?;
        if let Some(envelope) = &self.envelope {
            return envelope.prove(self, &key, message);
        }
        let rule = self.signatures.first().ok_or(Unsignable::InBody)?;
        let mut added = self.added(message);
        let time = self.timestamp.as_ref();
        let time = time.map(|rule| (rule, rule.write(message.at)));
        if let Some((rule, text)) = &time
            && let TimestampSource::Source(source) = &rule.from
        {
            let place = source.preferred().filter(|place| !place.is_in_body());
            added.extend(place.map(|place| (place.clone(), text.clone())));
        }
        let mut head = [beside, &added].concat();
        let mut canonicals = self.signed.iter().flat_map(super::Template::canonicals);
        let listed = canonicals.find_map(|form| form.list(&head));
        let (_, split) = rule.separators();
        if let Some((name, list)) = &listed {
            let announced = format!("{list}{split}{}", rule.tag(""));
            head.push((Place::Header(name.clone()), announced));
        }
        let proof = self.proof(&key, secret, message, &head)?;
        let mut value = rule.tag(&proof);
        if let Some((_, list)) = listed {
            value = format!("{list}{split}{value}");
        }
        if let Some((time, text)) = time {
            match &time.from {
                TimestampSource::Source(_) => {}
                TimestampSource::First => {
                    value = format!("{text}{split}{value}");
                }
                TimestampSource::Tag(tag) => {
                    let (separator, _) = rule.separators();
                    value = format!("{tag}{separator}{text}{split}{value}");
                }
            }
        }
        let place = rule.from.preferred().filter(|place| !place.is_in_body());
        added.push((place.ok_or(Unsignable::InBody)?.clone(), value));
        Ok(added)
    }

    /// The signature or the token itself, without what stands before it. `added` is in the head already.
    pub(super) fn proof(
        &self,
        key: &Key,
        secret: &[u8],
        message: Message<'_>,
        added: &[(Place, String)],
    ) -> Result<String, Unsignable> {
        let rule = self.signatures.first().ok_or(Unsignable::InBody)?;
        match (key.begin(), self.algorithm()) {
            (Some(mut code), _) => {
                self.feed(&mut code, message, added)?;
                Ok(rule.encoding.encode(&code.sign()))
            }
            (None, Algorithm::Basic) => Ok(STANDARD.encode(secret)),
            (None, Algorithm::Token) => Ok(String::from_utf8_lossy(secret).into_owned()),
            (None, _) => Err(Unsignable::PrivateKey),
        }
    }

    /// What goes into the head beside the time and the signature.
    fn added(&self, message: Message<'_>) -> Vec<(Place, String)> {
        let required = self.required.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (Place::Header(name.clone()), value)
        });
        let template = self.signed.first();
        let signed = template.into_iter().flat_map(super::Template::sources);
        let signed = signed.filter(|source| !source.is_in_body());
        let places = signed.filter_map(|source| source.preferred().cloned());
        let canonical = template.into_iter().flat_map(super::Template::canonicals);
        let canonical = canonical.filter_map(|form| form.added(message.id));
        let canonical = canonical.map(|(name, value)| (Place::Header(name), value));
        required
            .chain(canonical)
            .chain(places.map(|place| (place, message.id.to_owned())))
            .collect()
    }

    fn feed(
        &self,
        code: &mut super::Code,
        message: Message<'_>,
        added: &[(Place, String)],
    ) -> Result<(), Unsignable> {
        let template = self.signed.first().ok_or(Unsignable::InBody)?;
        let mut headers = HeaderMap::new();
        for (place, value) in added {
            if let (Place::Header(name), Ok(value)) = (place, HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        if self.reads_form() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        }
        let received = View::of(
            self,
            Received {
                head: Head {
                    method: message.method,
                    headers: &headers,
                    query: None,
                    url: message.url,
                },
                body: Some(message.body),
            },
        );
        let time = self.timestamp.as_ref().map(|rule| Time {
            text: Cow::Owned(rule.write(message.at).into_bytes()),
            unit: rule.unit,
            at: message.at,
        });
        let url = message.url;
        let url = url.and_then(|url| self.url.spellings(url).into_iter().next());
        let around = fill(template, url.as_deref(), time.as_ref(), &received)?;
        code.update(&around.before_body);
        if let Some(after) = &around.after_body {
            code.update(message.body);
            code.update(after);
        }
        Ok(())
    }
}

impl SignatureRule {
    pub(super) fn tag(&self, proof: &str) -> String {
        match &self.tagged {
            None => proof.to_owned(),
            Some(tagged) => format!("{tagged}{proof}"),
        }
    }

    fn separators(&self) -> (char, char) {
        let separator = self.tagged.as_ref().map_or('=', |tagged| tagged.separator);
        (separator, self.split.map_or(',', char::from))
    }
}

/// Why no proof can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsignable {
    /// The proof is a part of the body.
    #[error("this scheme's signature is a part of the body")]
    InBody,

    /// The body has not got what is signed.
    #[error("the body or the URL does not have what this scheme signs: {0}")]
    Incomplete(#[from] ProofError),

    /// Only the provider can sign.
    #[error("only the owner of the private key can sign for this scheme")]
    PrivateKey,

    /// The secret makes no key.
    #[error(transparent)]
    Secret(#[from] UnusableSecret),
}
