//! The other side of a JWS: the token that its verification accepts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::compact::names;
use super::jws::{filled, hash_of};
use super::{Jws, query_body};
use crate::auth::key::Key;
use crate::auth::signing::{Message, SigningError};
use crate::auth::{Head, PartialRequest, Place, Scheme};

impl Jws {
    pub(super) fn prove(
        &self,
        scheme: &Scheme,
        key: &Key,
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, SigningError> {
        let rule = scheme.signatures.first().ok_or(SigningError::InBody)?;
        let place = rule.from.preferred().filter(|place| !place.is_in_body());
        let place = place.ok_or(SigningError::InBody)?;
        let mut code = key.begin().ok_or(SigningError::PrivateKey)?;
        let received = PartialRequest {
            head: Head {
                method: message.method,
                headers: &http::HeaderMap::new(),
                query: None,
                url: message.url,
            },
            body: Some(message.body),
        };
        let mut claims = serde_json::Map::new();
        let now = message.at.as_second();
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + LIFETIME_SECONDS).into());
        for (name, expected) in &self.claims {
            let text = filled(expected, scheme, &received)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            claims.insert(name.to_string(), text.into());
        }
        if let Some(body) = &self.body {
            let query = message.url.and_then(|url| url.split_once('?'));
            let query = query.map_or("", |(_, query)| query);
            let signed = match query_body::json(query) {
                Some(json) if body.query_as_body && *message.method == http::Method::GET => {
                    Cow::Owned(json)
                }
                _ => Cow::Borrowed(message.body),
            };
            let digest = body.encoding.encode(&Sha256::digest(&signed));
            claims.insert(body.name.to_string(), digest.into());
        }
        if let Some(rule) = &self.query_hash {
            let hash = hash_of(rule, scheme, &received)?;
            claims.insert(rule.claim.to_string(), hash.into());
        }
        let header = serde_json::json!({ "alg": names(scheme.algorithm()).first(), "typ": "JWT" });
        let mut payload = serde_json::Value::Object(claims);
        scheme.put_account_claim(&mut payload);
        let encode = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encode(header), encode(payload));
        code.update(signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&*code.sign()));
        Ok(vec![(place.clone(), rule.tag(&token))])
    }
}

/// How long a token that we sign holds.
const LIFETIME_SECONDS: i64 = 300;
