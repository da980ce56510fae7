//! Which part of a token or of a message signature made its proof fail, for explanations.

use sfv::{FieldType as _, Item, ListEntry};

use super::claims::Claims;
use super::components::Components;
use super::fields::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT, combined, dictionary, text};
use super::jws::{filled, hash_of};
use super::message_signature::{is_covered, names_target, time};
use super::{Jws, MessageSignature, signed_claims};
use crate::auth::{Defect, PartialRequest, Scheme, TimestampSource, TimestampUnit};

impl Jws {
    /// The claim that the token needs and does not have, or has in another form.
    pub(in crate::auth) fn malformed(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Option<Defect> {
        let json = signed_claims(scheme, received)?;
        let claims = Claims::read(&json)?;
        let time = match scheme.timestamp.as_ref().map(|rule| &rule.from) {
            Some(TimestampSource::Tag(name)) => Some(name),
            _ => None,
        };
        let body = self.body.as_ref().map(|body| &body.name);
        let mut needed = self.present.iter().chain(time).chain(body);
        if let Some(missing) = needed.find(|name| !claims.has(name)) {
            return Some(Defect::Claim {
                name: missing.to_string(),
                is_missing: true,
            });
        }
        let mut times = time.map(|name| &**name).into_iter().chain(["nbf", "exp"]);
        if let Some(name) = times.find(|name| claims.time(name).is_err()) {
            return Some(Defect::ClaimNotTime(name.to_owned()));
        }
        let body = self.body.as_ref()?;
        body.digest(&claims).is_none().then(|| Defect::Claim {
            name: body.name.to_string(),
            is_missing: false,
        })
    }

    /// The claim that says something else than this endpoint and this request.
    pub(in crate::auth) fn disagreement(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Option<Defect> {
        let json = signed_claims(scheme, received)?;
        let claims = Claims::read(&json)?;
        let mut expected = self.claims.iter().filter_map(|(name, text)| {
            let text = filled(text, scheme, received).ok()?;
            Some((name, text))
        });
        let other = expected.find(|(name, text)| !claims.says(name, text));
        let other = other.map(|(name, _)| name).or_else(|| {
            let rule = self.query_hash.as_ref()?;
            let hash = hash_of(rule, scheme, received).ok()??;
            (!claims.says(&rule.claim, hash.as_bytes())).then_some(&rule.claim)
        })?;
        Some(Defect::Claim {
            name: other.to_string(),
            is_missing: !claims.has(other),
        })
    }
}

impl MessageSignature {
    /// What the first signature that could count does not cover, or what is missing beside it.
    pub(in crate::auth) fn malformed(
        &self,
        scheme: &Scheme,
        received: &PartialRequest<'_>,
    ) -> Option<Defect> {
        let headers = received.head.headers;
        let missing = [&SIGNATURE_INPUT, &SIGNATURE];
        let missing = missing
            .into_iter()
            .find(|name| !headers.contains_key(*name));
        if let Some(name) = missing {
            return Some(Defect::Missing(format!("header:{name}")));
        }
        let inputs = dictionary(&combined(headers, &SIGNATURE_INPUT)?).ok()?;
        let input = inputs.iter().find_map(|(label, entry)| match entry {
            ListEntry::InnerList(input) => {
                let counts = self.label.as_deref().is_none_or(|it| it == label.as_str());
                counts.then_some(input)
            }
            ListEntry::Item(_) => None,
        })?;
        let covered = |name: &str| is_covered(input, name);
        if let Some(name) = self.components.iter().find(|name| !covered(name)) {
            return Some(Defect::Component(name.to_string()));
        }
        if self.covers_target && !names_target(covered) {
            return Some(Defect::Component("@target-uri".to_owned()));
        }
        let tag = input.params.get("tag").and_then(text);
        if let Some(expected) = self.tag.as_deref().filter(|it| tag != Some(it)) {
            return Some(Defect::TagUnexpected(expected.to_owned()));
        }
        if scheme.timestamp.is_some() && !input.params.contains_key("created") {
            return Some(Defect::Component("created".to_owned()));
        }
        let has_digest = !covered(CONTENT_DIGEST.as_str()) || headers.contains_key(&CONTENT_DIGEST);
        if !has_digest {
            return Some(Defect::Missing(format!("header:{CONTENT_DIGEST}")));
        }
        let unclear = ["created", "expires"].into_iter();
        let mut unclear = unclear.filter(|name| time(input, name).is_err());
        if let Some(value) = unclear.find_map(|name| input.params.get(name)) {
            return Some(Defect::Timestamp {
                text: Item::new(value.clone()).serialize(),
                expected: TimestampUnit::Seconds,
            });
        }
        let components = Components::of(&received.head);
        let mut items = input.items.iter();
        let missing = items.find(|item| components.value(item).is_err())?;
        Some(Defect::Missing(missing.serialize()))
    }
}
