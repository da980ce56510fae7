//! The other side of a message signature: the fields that its verification accepts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::MessageSignature;
use super::components::Components;
use super::fields::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT, dictionary};
use super::message_signature::{base, only_input};
use crate::auth::key::Key;
use crate::auth::signing::{Message, SigningError};
use crate::auth::{Head, Place, ProofError, Scheme};

impl MessageSignature {
    pub(super) fn prove(
        &self,
        scheme: &Scheme,
        key: &Key,
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, SigningError> {
        let mut code = key.begin().ok_or(SigningError::PrivateKey)?;
        let target = (self.covers_target && !self.components.iter().any(|it| **it == *TARGET))
            .then_some(TARGET);
        let components = self.components.iter().map(|it| &**it);
        let names: Vec<String> = target
            .into_iter()
            .chain(components)
            .map(|it| format!("\"{it}\""))
            .collect();
        let label = self.label.as_deref().unwrap_or("sig1");
        let created = message.at.as_second();
        let mut input = format!("{label}=({});created={created}", names.join(" "));
        if let Some(name) = Self::algorithm(scheme.algorithm()) {
            input.push_str(&format!(";alg=\"{name}\""));
        }
        if let Some(tag) = &self.tag {
            input.push_str(&format!(";tag=\"{tag}\""));
        }
        let digest = STANDARD.encode(Sha256::digest(message.body));
        let digest = format!("sha-256=:{digest}:");
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&digest) {
            headers.insert(&CONTENT_DIGEST, value);
        }
        let head = Head {
            method: message.method,
            headers: &headers,
            query: None,
            url: message.url,
        };
        let inputs = dictionary(input.as_bytes())?;
        let parsed = only_input(&inputs).ok_or(ProofError::SignatureMalformed)?;
        code.update(&base(parsed, &Components::of(&head))?);
        let signature = format!("{label}=:{}:", STANDARD.encode(&*code.sign()));
        Ok([
            (&CONTENT_DIGEST, digest),
            (&SIGNATURE_INPUT, input),
            (&SIGNATURE, signature),
        ]
        .map(|(name, value)| (Place::Header(name.clone()), value))
        .into())
    }
}

const TARGET: &str = "@target-uri";
