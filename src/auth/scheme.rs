//! A scheme: the description of a proof, compiled once when an endpoint is loaded.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};

use super::digest::DigestRule;
use super::sns::Message;
use super::url::UrlRule;
use super::{
    AccountRule, Algorithm, CertificateUrl, Covers, Envelope, Head, KeyForm, NoScheme, Place,
    ProofError, Received, SignatureRule, SnsRule, Source, Template, TimestampRule, TimestampUnit,
};

/// How senders of an endpoint prove themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(super) key: KeyForm,
    pub(super) signatures: Vec<SignatureRule>,
    /// How a proof is wrapped that says itself what is signed; `signed` is empty then.
    pub(super) envelope: Option<Envelope>,
    /// Where the key is, if it is a certificate that the body names.
    pub(super) certificate: Option<SnsRule>,
    pub(super) timestamp: Option<TimestampRule>,
    /// What may be signed: one of them is.
    pub(super) signed: Vec<Template>,
    pub(super) url: UrlRule,
    pub(super) digest: Option<DigestRule>,
    /// Headers that have to have one exact value: versions and algorithms that senders name.
    pub(super) required: Vec<(HeaderName, HeaderValue)>,
    pub(super) id: Option<Source>,
    pub(super) event: Option<Source>,
    /// The methods of requests that the sender signs.
    pub(super) methods: Box<[Method]>,
    /// Where a delivery names the account that it is about.
    pub(super) account: Option<AccountRule>,
}

impl Scheme {
    /// The algorithm. It is the endpoint's choice, never the sender's.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    /// The methods that a sender signs. Every other request cannot be proven, if the proof is a signature.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// What is signed unless a declaration says otherwise: a delivery with a body.
    pub(super) fn only_post() -> Box<[Method]> {
        [Method::POST].into()
    }

    /// Whether it is certain where the body begins in what is signed.
    pub(super) fn may_sign(&self, received: &Received<'_>) -> bool {
        let mut canonicals = self.signed.iter().flat_map(Template::canonicals);
        canonicals.all(|form| form.may_precede(received))
    }

    /// How the secret becomes a key.
    pub fn key(&self) -> &KeyForm {
        &self.key
    }

    /// Whether the key is a certificate that the delivery names, and no secret.
    pub fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Where the certificate is that a body names, if such a scheme allows it to lie there. Nothing is
    /// proven by that.
    pub fn certificate_url(&self, body: &[u8]) -> Result<CertificateUrl, ProofError> {
        let message = Message::read(body).ok_or(ProofError::SignatureMalformed)?;
        self.certificate_of(&message)
    }

    pub(super) fn certificate_of(&self, message: &Message) -> Result<CertificateUrl, ProofError> {
        let rule = self.certificate.as_ref();
        let rule = rule.ok_or(ProofError::SignatureMissing)?;
        rule.certificate_url(self.algorithm(), message)
    }

    /// Where proofs are looked for.
    pub fn signatures(&self) -> &[SignatureRule] {
        &self.signatures
    }

    /// Where the secret itself may be sent: nowhere, if proofs are signatures.
    pub(super) fn secret_places(&self) -> Vec<Place> {
        let is_sent = !self.covers_body();
        let rules = self.signatures.iter().filter(|_| is_sent);
        rules.flat_map(|rule| rule.from.places()).cloned().collect()
    }

    /// What is signed: one of these.
    pub fn signed(&self) -> &[Template] {
        &self.signed
    }

    /// How much of a delivery the proof covers.
    pub fn covers(&self) -> Covers {
        if let Some(envelope) = &self.envelope {
            return envelope.covers(self);
        }
        let templates = self.signed.iter().map(Template::covers);
        let least = templates.min().filter(|_| self.covers_body());
        least.unwrap_or(Covers::Head)
    }

    /// What a proof leaves open beyond its [`Covers`], in words for people.
    pub fn leaves_open(&self) -> Option<&'static str> {
        if self.key.algorithm == Algorithm::Sha256 {
            return Some(
                "a plain digest, no HMAC: a lengthened message is known by its padding alone",
            );
        }
        self.signed.iter().find_map(Template::leaves_open)
    }

    /// Whether every message that is signed holds the body as it is.
    pub fn signs_raw_body(&self) -> bool {
        let templates = &self.signed;
        let plain = self.envelope.is_none() && self.digest.is_none();
        self.covers_body() && plain && templates.iter().all(Template::has_body)
    }

    /// Whether a proof is new each time and ends by itself, so that the same one again is a replay.
    pub fn expires(&self) -> bool {
        let in_envelope = self.envelope.as_ref().is_some_and(Envelope::expires);
        self.timestamp.is_some() || (in_envelope && self.covers() == Covers::Body)
    }

    /// Whether every proof states its own end (`exp`), which the gate judges.
    pub fn states_its_end(&self) -> bool {
        self.envelope.as_ref().is_some_and(Envelope::expires)
    }

    /// Whether every proof covers the URL that it was sent to, host and path.
    pub fn binds_url(&self) -> bool {
        let templates = &self.signed;
        let in_templates = !templates.is_empty() && templates.iter().all(Template::has_whole_url);
        in_templates || self.envelope.as_ref().is_some_and(Envelope::binds_url)
    }

    /// Whether what is signed is taken out of a form, so that the body has to be sent as one.
    pub fn reads_form(&self) -> bool {
        self.signed.iter().any(Template::reads_form)
    }

    /// Whether a proof says itself what it covers.
    pub fn has_envelope(&self) -> bool {
        self.envelope.is_some()
    }

    /// Whether the public URL is signed.
    pub fn covers_url(&self) -> bool {
        let digested = self.digest.iter().map(|digest| &digest.signed);
        let mut templates = self.signed.iter().chain(digested);
        templates.any(Template::has_url) || self.envelope.as_ref().is_some_and(Envelope::covers_url)
    }

    /// Whether the sender's id of the delivery is proven by the signature, and not a mere hint.
    pub fn id_is_signed(&self) -> bool {
        let Some(id) = &self.id else { return false };
        let in_signed_body = id.is_wholly_in_body() && self.covers() == Covers::Body;
        let mut templates = self.signed.iter();
        in_signed_body
            || (!self.signed.is_empty() && templates.all(|template| template.covers_source(id)))
    }

    /// Whether two deliveries with the same body in the same second have the same signature, unless the sender signs
    /// something else that differs. The gate refuses the second one: it looks like a replay of the first.
    pub fn may_repeat_within_a_second(&self) -> bool {
        let is_whole = |rule: &TimestampRule| {
            rule.window.is_some() && rule.unit != TimestampUnit::Milliseconds
        };
        self.timestamp.as_ref().is_some_and(is_whole) && !self.id_is_signed()
    }

    /// Whether a proof may stand in `Authorization`.
    pub fn reads_authorization(&self) -> bool {
        let rules = &self.signatures;
        rules.iter().any(|rule| rule.from.may_be_authorization())
    }

    /// Where the time of the signature is, if it has one.
    pub fn timestamp(&self) -> Option<&TimestampRule> {
        self.timestamp.as_ref()
    }

    /// Where the sender's id of the delivery is.
    pub fn id(&self) -> Option<&Source> {
        self.id.as_ref()
    }

    /// Where the name of the event is.
    pub fn event(&self) -> Option<&Source> {
        self.event.as_ref()
    }

    /// Whether the proof is a signature, which only the last byte of the body can settle.
    pub fn covers_body(&self) -> bool {
        self.key.algorithm.signature_len().is_some()
    }

    /// Whether nothing can be verified before the whole body is there: the signature, or what it
    /// covers, is taken out of it.
    pub fn waits_for_body(&self) -> bool {
        let digest = self.digest.is_some();
        let mut rules = self.signatures.iter();
        let templates = &self.signed;
        digest
            || rules.any(|rule| rule.from.is_in_body())
            || templates.iter().any(Template::waits_for_body)
            || (templates.iter().any(Template::has_timestamp)
                && self
                    .timestamp
                    .as_ref()
                    .is_some_and(TimestampRule::is_in_body))
    }

    /// Whether a body has to be copied to be verified: public-key algorithms take a message in one
    /// piece, with what is signed around it. An envelope covers it by its digest.
    pub fn copies_body(&self) -> bool {
        self.key.algorithm.is_public_key() && self.envelope.is_none()
    }

    /// What does not fit together, if anything. `least` is how much a signature has to cover; all of
    /// the body if nothing is said.
    pub(super) fn inconsistency(&self, least: Option<Covers>) -> Option<&'static str> {
        let keyed = self.key.algorithm == Algorithm::Sha256;
        let has_time = self.signed.iter().any(Template::has_timestamp);
        let time_in_body = self
            .timestamp
            .as_ref()
            .is_some_and(TimestampRule::is_in_body);
        if self.certificate.is_some()
            && let Some(wrong) = SnsRule::inconsistency(self.algorithm())
        {
            return Some(wrong);
        }
        if let Some(envelope) = &self.envelope {
            if !self.signed.is_empty() || self.digest.is_some() {
                return Some("such a proof says itself what is signed");
            }
            if let Some(wrong) = envelope.inconsistency(self) {
                return Some(wrong);
            }
        } else if has_time != self.timestamp.is_some() && !time_in_body {
            return Some("`{ts}` and a timestamp come together");
        } else if !self.signed.iter().all(|one| one.has_time_of(self)) {
            return Some("what is signed has a time of its own in it, and no other counts");
        } else if self.signed.iter().any(|one| one.is_keyed() != keyed) {
            return Some("`{secret}` and the algorithm `sha256` come together");
        }
        let digested = self.digest.iter().map(|digest| &digest.signed);
        let mut templates = self.signed.iter().chain(digested);
        if !templates.all(|one| one.is_settled(self.url.without_query)) {
            return Some(
                "two values stand side by side in what is signed, and nothing says where the first one \
                 ends: put a separator between them",
            );
        }
        let grouped = self.signatures.iter().any(|rule| rule.groups.is_some());
        if grouped && (self.envelope.is_some() || self.waits_for_body()) {
            return Some("with `groups` nothing can be signed that stands in the body's fields");
        }
        if self.covers_body() && self.covers() < least.unwrap_or(Covers::Body) {
            Some(
                "a signature must cover the body: what is signed must contain `{body}`; \
                 a preset that covers less says so, with `covers = \"fields\"` or `\"head\"`",
            )
        } else {
            let account = self.account.as_ref();
            account.and_then(|rule| rule.inconsistency(self))
        }
    }

    /// The names of what an endpoint has to say about itself with this scheme.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        let templates = self.signed.iter().flat_map(Template::settings);
        let envelope = self.envelope.iter().flat_map(Envelope::settings);
        let certificate = self.certificate.iter().map(|_| SnsRule::TOPIC_SETTING);
        templates.chain(envelope).chain(certificate)
    }

    /// Puts in what the endpoint says; the first name that it says nothing about, or nothing right, is
    /// the error.
    pub fn set(&mut self, settings: &BTreeMap<String, String>) -> Result<(), NoScheme> {
        let setting = |name: &str| settings.get(name).map(|text| text.as_bytes().into());
        let templates = &mut self.signed;
        templates
            .iter_mut()
            .try_for_each(|template| template.set(setting))
            .map_err(NoScheme::SettingMissing)?;
        let envelope = &mut self.envelope;
        envelope
            .iter_mut()
            .try_for_each(|envelope| envelope.set(setting))
            .map_err(NoScheme::SettingMissing)?;
        if let Some(certificate) = &mut self.certificate {
            *certificate = SnsRule::said(settings)?;
        }
        let name = AccountRule::SETTING;
        match (&mut self.account, settings.get(name)) {
            (Some(rule), Some(accounts)) => rule.set(accounts),
            // What an operator relies on is never passed over.
            (None, Some(_)) => {
                let why = "this preset's deliveries name no account that is signed".to_owned();
                Err(NoScheme::SettingMalformed(name.into(), why))
            }
            (_, None) => Ok(()),
        }
    }

    /// Whether `body` can be told from what is signed beside it, and from what lengthens a digest.
    ///
    /// A plain digest of a secret and a message can be continued by anybody who has it, with the padding of
    /// the message in between: `0x80`, and a length in bits whose first bytes are zero. No text has either
    /// where a character should begin.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), ProofError> {
        let is_plain_digest = self.key.algorithm == Algorithm::Sha256;
        let is_text = || !body.contains(&0) && std::str::from_utf8(body).is_ok();
        let mut templates = self.signed.iter();
        if (!is_plain_digest || is_text()) && templates.all(|one| one.keeps_apart(body)) {
            Ok(())
        } else {
            Err(ProofError::SignatureMalformed)
        }
    }

    pub(super) fn check_required(&self, head: &Head<'_>) -> Result<(), ProofError> {
        match self.unmet_header(head) {
            None => Ok(()),
            Some(_) => Err(ProofError::HeaderUnexpected),
        }
    }

    /// The first header that is missing or has another value than the scheme requires.
    pub(super) fn unmet_header(&self, head: &Head<'_>) -> Option<&(HeaderName, HeaderValue)> {
        let is_met = |(name, wanted): &(HeaderName, HeaderValue)| {
            let mut values = head.headers.get_all(name).iter().peekable();
            values.peek().is_some() && values.all(|value| value == wanted)
        };
        self.required.iter().find(|required| !is_met(required))
    }
}
