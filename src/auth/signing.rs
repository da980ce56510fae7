//! The sender's side of a scheme: it makes the proof that the verification accepts.
//!
//! Commands use it to try an endpoint by hand; tests and benchmarks use it to send genuine deliveries.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;

use super::form::FORM;
use super::signed::{Time, fill};
use super::view::View;
use super::{
    Algorithm, Head, Key, MacState, PartialRequest, Place, ProofError, Scheme, SecretError,
    Template, TimestampSource,
};

/// The request that a sender signs.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The method, which some schemes sign.
    pub method: &'m Method,
    /// The public URL; only schemes that sign it need it.
    pub url: Option<&'m str>,
    /// The exact bytes of the body.
    pub body: &'m [u8],
    /// The time of signing.
    pub at: Timestamp,
    /// The delivery id; only schemes that sign it use it.
    pub id: &'m str,
}

/// The values that a sender adds to its request, each with its place. The values in `present` are already in the head.
pub(super) fn prove(
    scheme: &Scheme,
    present: &[(Place, String)],
    secret: &[u8],
    message: Message<'_>,
) -> Result<Vec<(Place, String)>, SigningError> {
    let key = scheme.key.prepare(secret)?;
    if let Some(envelope) = &scheme.envelope {
        return envelope.prove(scheme, &key, message);
    }
    let rule = scheme.signatures.first().ok_or(SigningError::InBody)?;
    let mut added = added(scheme, message);
    let time = scheme.timestamp.as_ref();
    let time = time.map(|rule| (rule, rule.write(message.at)));
    if let Some((rule, text)) = &time
        && let TimestampSource::Source(source) = &rule.from
    {
        let place = source.preferred().filter(|place| !place.is_in_body());
        added.extend(place.map(|place| (place.clone(), text.clone())));
    }
    let mut head = [present, &added].concat();
    let mut canonicals = scheme.signed.iter().flat_map(Template::canonicals);
    let header_list = canonicals.find_map(|form| form.list(&head));
    let (_, split) = rule.separators();
    if let Some((name, list)) = &header_list {
        // The canonical form reads the list of signed headers from the header of the signature.
        let value = format!("{list}{split}{}", rule.tag(""));
        head.push((Place::Header(name.clone()), value));
    }
    let proof = proof(scheme, &key, secret, message, &head)?;
    let mut value = rule.tag(&proof);
    if let Some((_, list)) = header_list {
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
    added.push((place.ok_or(SigningError::InBody)?.clone(), value));
    Ok(added)
}

/// The signature or the token without its tag. The values in `present` are already in the head.
pub(super) fn proof(
    scheme: &Scheme,
    key: &Key,
    secret: &[u8],
    message: Message<'_>,
    present: &[(Place, String)],
) -> Result<String, SigningError> {
    let rule = scheme.signatures.first().ok_or(SigningError::InBody)?;
    match (key.begin(), scheme.algorithm()) {
        (Some(mut code), _) => {
            feed(scheme, &mut code, message, present)?;
            Ok(rule.encoding.encode(&code.sign()))
        }
        (None, Algorithm::Basic) => Ok(STANDARD.encode(secret)),
        (None, Algorithm::Token) => Ok(String::from_utf8_lossy(secret).into_owned()),
        (None, _) => Err(SigningError::PrivateKey),
    }
}

/// The values of the head that the scheme requires or signs, without the timestamp and the signature.
fn added(scheme: &Scheme, message: Message<'_>) -> Vec<(Place, String)> {
    let required = scheme.required.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (Place::Header(name.clone()), value)
    });
    let template = scheme.signed.first();
    let signed = template.into_iter().flat_map(Template::sources);
    let signed = signed.filter(|source| !source.is_in_body());
    let places = signed.filter_map(|source| source.preferred().cloned());
    let canonical = template.into_iter().flat_map(Template::canonicals);
    let canonical = canonical.filter_map(|form| form.added(message.id));
    let canonical = canonical.map(|(name, value)| (Place::Header(name), value));
    required
        .chain(canonical)
        .chain(places.map(|place| (place, message.id.to_owned())))
        .collect()
}

/// Hashes the signed message.
fn feed(
    scheme: &Scheme,
    code: &mut MacState,
    message: Message<'_>,
    present: &[(Place, String)],
) -> Result<(), SigningError> {
    let template = scheme.signed.first().ok_or(SigningError::InBody)?;
    let mut headers = HeaderMap::new();
    for (place, value) in present {
        if let (Place::Header(name), Ok(value)) = (place, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    if scheme.reads_form() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    }
    let received = View::of(
        scheme,
        PartialRequest {
            head: Head {
                method: message.method,
                headers: &headers,
                query: None,
                url: message.url,
            },
            body: Some(message.body),
        },
    );
    let time = scheme.timestamp.as_ref().map(|rule| Time {
        text: Cow::Owned(rule.write(message.at).into_bytes()),
        unit: rule.unit,
        at: message.at,
    });
    let url = message.url;
    let url = url.and_then(|url| scheme.url.spellings(url).into_iter().next());
    let frame = fill(template, url.as_deref(), time.as_ref(), &received)?;
    code.update(&frame.before_body);
    if let Some(after) = &frame.after_body {
        code.update(message.body);
        code.update(after);
    }
    Ok(())
}

/// Why no proof can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The proof is part of the body, so it cannot be added to a given body.
    #[error("the signature of this scheme is part of the body")]
    InBody,

    /// A value that the scheme signs is missing.
    #[error("the body or the URL lacks a value that this scheme signs: {0}")]
    Incomplete(#[from] ProofError),

    /// Only the provider has the private key.
    #[error("only the owner of the private key can sign for this scheme")]
    PrivateKey,

    /// The secret makes no key.
    #[error(transparent)]
    Secret(#[from] SecretError),
}
