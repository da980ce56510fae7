//! A whole delivery that a scheme's verification accepts, body and proof: for whoever wants to try an
//! endpoint and has nothing to send.
//!
//! What it says is made up. It has what the scheme looks at: the event, the id and the time where they
//! stand in the body, the fields that are signed, and the signature, if that is a part of the body.

use serde_json::{Map, Value};

use super::json::Pointer;
use super::{AccountPlace, Message, Place, Scheme, Source, TimestampSource, Unsignable};

/// A delivery, made up.
pub struct Sample {
    /// The body.
    pub body: Vec<u8>,
    /// What goes into the head: values, and where they go.
    pub added: Vec<(Place, String)>,
}

impl Scheme {
    /// A delivery of `event` with the members of `payload`, by a sender that knows `secret`. The body of
    /// `message` does not count.
    pub fn sample(
        &self,
        secret: &[u8],
        event: Option<&str>,
        payload: Map<String, Value>,
        message: Message<'_>,
    ) -> Result<Sample, Unsignable> {
        let mut made = self.unsigned_sample(event, payload, message);
        let rule = self.signatures.first().ok_or(Unsignable::InBody)?;
        let place = rule.from.preferred().ok_or(Unsignable::InBody)?;
        let in_body = place.is_in_body().then_some(place);
        let body = made.fields.written();
        let message = Message {
            body: &body,
            ..message
        };
        let Some(place) = in_body else {
            let proof = self.prove_beside(&made.added, secret, message)?;
            made.added.extend(proof);
            let added = made.added;
            return Ok(Sample { body, added });
        };
        if *place == Place::Body || self.envelope.is_some() {
            return Err(Unsignable::InBody);
        }
        let key = self.key.prepare(secret)?;
        let proof = self.proof(&key, secret, message, &made.added)?;
        made.fields.put(place, &rule.tag(&proof));
        Ok(Sample {
            body: made.fields.written(),
            added: made.added,
        })
    }

    /// The same without a proof, for whoever is let in otherwise.
    pub fn unproven_sample(
        &self,
        event: Option<&str>,
        payload: Map<String, Value>,
        message: Message<'_>,
    ) -> Sample {
        let made = self.unsigned_sample(event, payload, message);
        Sample {
            body: made.fields.written(),
            added: made.added,
        }
    }

    /// Puts the account of the endpoint into the claims of a token, where senders name it there.
    pub(super) fn put_account_claim(&self, claims: &mut Value) {
        let Some((places, account)) = self.sample_account() else {
            return;
        };
        for place in places {
            if let AccountPlace::Claim(pointer) = place {
                put_at(claims, pointer, account);
            }
        }
    }

    fn unsigned_sample(
        &self,
        event: Option<&str>,
        payload: Map<String, Value>,
        message: Message<'_>,
    ) -> Unsigned {
        let mut made = Unsigned {
            fields: Fields::like(self, payload),
            added: Vec::new(),
        };
        let templates = self.signed.first();
        for source in templates.into_iter().flat_map(super::Template::sources) {
            made.fields.put_if_in_body(source, MADE_UP);
        }
        if let Some(id) = &self.id {
            made.put(id, message.id);
        }
        if let (Some(source), Some(event)) = (&self.event, event) {
            made.put(source, event);
        }
        let time = self.timestamp.as_ref();
        if let Some((rule, TimestampSource::Source(source))) = time.map(|rule| (rule, &rule.from)) {
            made.fields.put_if_in_body(source, &rule.write(message.at));
        }
        if let Some((places, account)) = self.sample_account() {
            for place in places {
                made.fields.put_account(place, account);
            }
        }
        made
    }
}

struct Unsigned {
    fields: Fields,
    added: Vec<(Place, String)>,
}

impl Unsigned {
    fn put(&mut self, source: &Source, text: &str) {
        match source.preferred() {
            Some(place) if place.is_in_body() => self.fields.put(place, text),
            Some(place) => self.added.push((place.clone(), text.to_owned())),
            None => {}
        }
    }
}

/// A body in the making.
enum Fields {
    Form(Vec<(String, String)>),
    Json(Value),
}

impl Fields {
    /// Of the type that the scheme reads, with nothing but the payload.
    fn like(scheme: &Scheme, mut payload: Map<String, Value>) -> Self {
        if payload.is_empty() {
            payload.insert("hello".to_owned(), "world".into());
        }
        let rules = scheme.signatures.iter().map(|rule| &rule.from);
        let mut places = rules.filter_map(Source::preferred);
        if scheme.reads_form() || places.any(|place| matches!(place, Place::Form(_))) {
            let text = |value: Value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let fields = payload.into_iter();
            Self::Form(fields.map(|(name, value)| (name, text(value))).collect())
        } else {
            Self::Json(payload.into())
        }
    }

    fn put_if_in_body(&mut self, source: &Source, text: &str) {
        if let Some(place) = source.preferred().filter(|place| place.is_in_body()) {
            self.put(place, text);
        }
    }

    fn put(&mut self, place: &Place, text: &str) {
        match (self, place) {
            (Self::Form(fields), Place::Form(name)) => {
                fields.retain(|(known, _)| **known != **name);
                fields.push((name.to_string(), text.to_owned()));
            }
            (Self::Json(json), Place::Json(pointer)) => put_at(json, pointer, text),
            _ => {}
        }
    }

    fn put_account(&mut self, place: &AccountPlace, account: &str) {
        match (self, place) {
            (Self::Form(fields), AccountPlace::Form(name, None)) => {
                fields.push((name.to_string(), account.to_owned()));
            }
            (Self::Json(json), AccountPlace::Json(pointer)) => put_at(json, pointer, account),
            _ => {}
        }
    }

    fn written(&self) -> Vec<u8> {
        match self {
            Self::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields);
                form.finish().into_bytes()
            }
            Self::Json(json) => json.to_string().into_bytes(),
        }
    }
}

fn put_at(json: &mut Value, pointer: &Pointer, text: &str) {
    let pointer = pointer.to_string();
    let mut place = json;
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        // One element stands for all, and nobody writes down another one than the first.
        place = if matches!(name.as_str(), "*" | "0") {
            if !place.is_array() {
                *place = Value::Array(vec![Value::Null]);
            }
            match place.get_mut(0) {
                Some(first) => first,
                None => return,
            }
        } else {
            if !place.is_object() {
                *place = Value::Object(serde_json::Map::new());
            }
            match place.as_object_mut() {
                Some(object) => object.entry(name).or_insert(Value::Null),
                None => return,
            }
        };
    }
    *place = match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    };
}

const MADE_UP: &str = "sample";
