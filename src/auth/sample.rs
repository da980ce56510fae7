//! A complete delivery, body and proof, that a scheme's verification accepts: for trying an endpoint.
//!
//! The content is invented. It contains every value that the scheme reads from the body: the event, the id, the
//! timestamp, the signed fields, and the signature if it is a field of the body.

use serde_json::{Map, Value};

use super::json::EVERY;
use super::{AccountPlace, Message, Place, Scheme, SigningError, Source, TimestampSource, signing};
use crate::json_pointer::JsonPointer;

/// An invented delivery, with or without a proof.
pub struct Sample {
    /// The body, in the content type that the scheme reads.
    pub body: Vec<u8>,
    /// The values to add to the head, each with its place.
    pub added: Vec<(Place, String)>,
}

/// A delivery with its proof. See [`Scheme::sample`].
pub(super) fn signed(
    scheme: &Scheme,
    secret: &[u8],
    event: Option<&str>,
    payload: Map<String, Value>,
    message: Message<'_>,
) -> Result<Sample, SigningError> {
    let mut draft = Draft::new(scheme, event, payload, message);
    let rule = scheme.signatures.first().ok_or(SigningError::InBody)?;
    let place = rule.from.preferred().ok_or(SigningError::InBody)?;
    let in_body = place.is_in_body().then_some(place);
    let body = draft.fields.to_bytes();
    let message = Message {
        body: &body,
        ..message
    };
    let Some(place) = in_body else {
        let proof = signing::prove(scheme, &draft.added, secret, message)?;
        draft.added.extend(proof);
        let added = draft.added;
        return Ok(Sample { body, added });
    };
    if *place == Place::Body || scheme.envelope.is_some() {
        return Err(SigningError::InBody);
    }
    let key = scheme.key.prepare(secret)?;
    let proof = signing::proof(scheme, &key, secret, message, &draft.added)?;
    draft.fields.put(place, &rule.tag(&proof));
    Ok(draft.finish())
}

/// A delivery without a proof. See [`Scheme::unproven_sample`].
pub(super) fn unsigned(
    scheme: &Scheme,
    event: Option<&str>,
    payload: Map<String, Value>,
    message: Message<'_>,
) -> Sample {
    Draft::new(scheme, event, payload, message).finish()
}

/// A sample before its proof is added.
struct Draft {
    fields: Fields,
    added: Vec<(Place, String)>,
}

impl Draft {
    fn new(
        scheme: &Scheme,
        event: Option<&str>,
        payload: Map<String, Value>,
        message: Message<'_>,
    ) -> Self {
        let mut draft = Self {
            fields: Fields::new(scheme, payload),
            added: Vec::new(),
        };
        let templates = scheme.signed.first();
        for source in templates.into_iter().flat_map(super::Template::sources) {
            draft.fields.put_if_in_body(source, PLACEHOLDER);
        }
        if let Some(id) = &scheme.id {
            draft.put(id, message.id);
        }
        if let (Some(source), Some(event)) = (&scheme.event, event) {
            draft.put(source, event);
        }
        let time = scheme.timestamp.as_ref();
        if let Some((rule, TimestampSource::Source(source))) = time.map(|rule| (rule, &rule.from)) {
            draft.fields.put_if_in_body(source, &rule.write(message.at));
        }
        if let Some((places, account)) = scheme.sample_account() {
            for place in places {
                draft.fields.put_account(place, account);
            }
        }
        draft
    }

    fn put(&mut self, source: &Source, text: &str) {
        match source.preferred() {
            Some(place) if place.is_in_body() => self.fields.put(place, text),
            Some(place) => self.added.push((place.clone(), text.to_owned())),
            None => {}
        }
    }

    fn finish(self) -> Sample {
        Sample {
            body: self.fields.to_bytes(),
            added: self.added,
        }
    }
}

/// The fields of the body, in the content type that the scheme reads.
enum Fields {
    Form(Vec<(String, String)>),
    Json(Value),
}

impl Fields {
    /// The members of `payload`, or one placeholder member if it is empty.
    fn new(scheme: &Scheme, mut payload: Map<String, Value>) -> Self {
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

    fn to_bytes(&self) -> Vec<u8> {
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

/// Puts `text` at `pointer` in `json` and creates the objects and arrays on the way. A whole number becomes a number.
pub(super) fn put_at(json: &mut Value, pointer: &JsonPointer, text: &str) {
    let mut place = json;
    for name in pointer.segments() {
        // `*` means every element, and presets name no index but 0: an array of one element satisfies both.
        place = if matches!(&**name, EVERY | "0") {
            if !place.is_array() {
                *place = Value::Array(vec![Value::Null]);
            }
            match place.get_mut(0) {
                Some(first) => first,
                None => return,
            }
        } else {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            match place.as_object_mut() {
                Some(object) => object.entry(&**name).or_insert(Value::Null),
                None => return,
            }
        };
    }
    *place = match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    };
}

const PLACEHOLDER: &str = "sample";
