//! A signed delivery as a request, ready to be sent.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use super::draft_token::DraftToken;
use super::failure::Failure;
use super::outgoing::{Signer, with_parameter};
use crate::auth::Place;
use crate::clock::{Clock as _, SystemClock};

/// Signs anew, and puts everything together. `more` are headers that were asked for.
pub(super) fn request(
    signer: &Signer,
    url: &str,
    body: Bytes,
    more: Vec<(HeaderName, String)>,
    token: Option<&DraftToken>,
) -> Result<http::Request<Bytes>, Failure> {
    let mut url = url.to_owned();
    let mut proof = Vec::new();
    for (place, value) in signer.sign(SystemClock.now(), token)? {
        match place {
            Place::Header(name) => proof.push((name, value)),
            Place::Query(name) => url = with_parameter(&url, &name, &value),
            Place::Body | Place::Form(_) | Place::Json(_) => {}
        }
    }
    let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let mut request = http::Request::builder()
        .method(signer.method.clone())
        .uri(&url)
        .body(body)
        .map_err(|error| wrong(&error))?;
    let headers = request.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(signer.content_type()),
    );
    // Those that were asked for replace ours, except the proof: that can be wrong with --wrong.
    for (name, value) in more.into_iter().chain(proof) {
        let value = HeaderValue::from_bytes(value.as_bytes());
        let mut value = value.map_err(|error| wrong(&error))?;
        value.set_sensitive(name == AUTHORIZATION);
        headers.insert(name, value);
    }
    Ok(request)
}
