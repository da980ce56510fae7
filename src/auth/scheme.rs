//! The compiled description of a proof: the signed message, the algorithm, and the places of the proof.
//!
//! A scheme is compiled once, when an endpoint is loaded. Deliveries only read it.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use super::canonical::Canonical;
use super::digest::DigestRule;
use super::rule::ProofTag;
use super::signing::{self, Message as SignedMessage};
use super::sns::SnsMessage;
use super::url::UrlRule;
use super::{
    AccountPlace, AccountRule, Algorithm, CertificateUrl, Covers, Encoding, Envelope, Head,
    KeyEncoding, KeyForm, NamedAccounts, PartialRequest, Place, ProofError, Sample, SchemeError,
    SignatureRule, SigningError, SnsRule, Source, Template, TimestampRule, TimestampSource,
    TimestampUnit, sample,
};

/// How the senders of an endpoint prove a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(super) key: KeyForm,
    pub(super) signatures: Vec<SignatureRule>,
    /// Set for a proof that states what it covers (JWS, RFC 9421); `signed` is empty then.
    pub(super) envelope: Option<Envelope>,
    /// Set if the key is a certificate whose URL the body contains.
    pub(super) certificate: Option<SnsRule>,
    pub(super) timestamp: Option<TimestampRule>,
    /// The messages that a sender may sign: a signature over any one of them is accepted.
    pub(super) signed: Vec<Template>,
    pub(super) url: UrlRule,
    pub(super) digest: Option<DigestRule>,
    /// Headers that must have one exact value: versions and algorithms that senders announce.
    pub(super) required: Vec<(HeaderName, HeaderValue)>,
    pub(super) id: Option<Source>,
    pub(super) event: Option<Source>,
    /// The methods of the requests that the sender signs.
    pub(super) methods: Box<[Method]>,
    /// Where a delivery names its account at the provider.
    pub(super) account: Option<AccountRule>,
}

impl Scheme {
    /// HMAC-SHA256 over the body, with no place for the signature yet: the start of a custom scheme.
    pub(super) fn of_body() -> Self {
        Self {
            certificate: None,
            key: KeyForm::plain(Algorithm::HmacSha256),
            signatures: Vec::new(),
            envelope: None,
            timestamp: None,
            signed: "{body}".parse().into_iter().collect(),
            url: UrlRule::default(),
            digest: None,
            required: Vec::new(),
            id: None,
            event: None,
            methods: Self::only_post(),
            account: None,
        }
    }

    /// The default of a declaration without `methods`: senders deliver a body with `POST`.
    pub(super) fn only_post() -> Box<[Method]> {
        [Method::POST].into()
    }

    /// The algorithm that the endpoint chose. A sender cannot choose another one.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    /// The methods that a sender signs. A signature proves no request with another method.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// Whether the signed message determines where the body begins.
    pub(super) fn may_sign(&self, received: &PartialRequest<'_>) -> bool {
        let mut canonicals = self.signed.iter().flat_map(Template::canonicals);
        canonicals.all(|form| form.may_precede(received))
    }

    /// How the text of the secret becomes a key.
    pub fn key(&self) -> &KeyForm {
        &self.key
    }

    /// Whether the delivery names a certificate as the key, so that the endpoint needs no secret.
    pub fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// The URL of the certificate that the body names, if the scheme allows that URL.
    ///
    /// The result is unproven: it is only the place to fetch the key from.
    pub fn certificate_url(&self, body: &[u8]) -> Result<CertificateUrl, ProofError> {
        let message = SnsMessage::read(body).ok_or(ProofError::SignatureMalformed)?;
        self.certificate_of(&message)
    }

    pub(super) fn certificate_of(
        &self,
        message: &SnsMessage,
    ) -> Result<CertificateUrl, ProofError> {
        let rule = self.certificate.as_ref();
        let rule = rule.ok_or(ProofError::SignatureMissing)?;
        rule.certificate_url(self.algorithm(), message)
    }

    /// The places where a delivery may carry its proof.
    pub fn signatures(&self) -> &[SignatureRule] {
        &self.signatures
    }

    /// The places where a delivery may carry the secret itself; none if proofs are signatures.
    pub(super) fn secret_places(&self) -> Vec<Place> {
        let is_sent = !self.covers_body();
        let rules = self.signatures.iter().filter(|_| is_sent);
        rules.flat_map(|rule| rule.from.places()).cloned().collect()
    }

    /// The messages that a sender may sign: a signature over any one of them is accepted.
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

    /// A weakness of the proof that [`Covers`] does not express, as text for operators.
    pub fn weakness(&self) -> Option<&'static str> {
        if self.key.algorithm == Algorithm::Sha256 {
            return Some(
                "a plain digest, not an HMAC: only its padding reveals an extended message",
            );
        }
        self.signed.iter().find_map(Template::weakness)
    }

    /// Whether every message that is signed contains the raw body.
    pub fn signs_raw_body(&self) -> bool {
        let templates = &self.signed;
        let plain = self.envelope.is_none() && self.digest.is_none();
        self.covers_body() && plain && templates.iter().all(Template::has_body)
    }

    /// Whether each delivery has a fresh proof that expires, so that a repeated proof is a replay.
    pub fn expires(&self) -> bool {
        let in_envelope = self.envelope.as_ref().is_some_and(Envelope::expires);
        self.timestamp.is_some() || (in_envelope && self.covers() == Covers::Body)
    }

    /// Whether every proof states its expiry (`exp`), which the gate enforces.
    pub fn states_expiry(&self) -> bool {
        self.envelope.as_ref().is_some_and(Envelope::expires)
    }

    /// Whether every proof covers the URL of the request, host and path.
    pub fn binds_url(&self) -> bool {
        let templates = &self.signed;
        let in_templates = !templates.is_empty() && templates.iter().all(Template::has_whole_url);
        in_templates || self.envelope.as_ref().is_some_and(Envelope::binds_url)
    }

    /// Whether the signature covers fields of a form, so that the body must be sent as a form.
    pub fn reads_form(&self) -> bool {
        self.signed.iter().any(Template::reads_form)
    }

    /// Whether the proof states what it covers (JWS, RFC 9421).
    pub fn has_envelope(&self) -> bool {
        self.envelope.is_some()
    }

    /// Whether the verification needs the public URL of the endpoint.
    pub fn covers_url(&self) -> bool {
        let digested = self.digest.iter().map(|digest| &digest.signed);
        let mut templates = self.signed.iter().chain(digested);
        templates.any(Template::has_url) || self.envelope.as_ref().is_some_and(Envelope::covers_url)
    }

    /// Whether the signature covers the delivery id. Otherwise the id is only a hint.
    pub fn id_is_signed(&self) -> bool {
        let Some(id) = &self.id else { return false };
        let in_signed_body = id.is_wholly_in_body() && self.covers() == Covers::Body;
        let mut templates = self.signed.iter();
        in_signed_body
            || (!self.signed.is_empty() && templates.all(|template| template.covers_source(id)))
    }

    /// Whether two deliveries with the same body in the same second have the same signature, unless another
    /// signed value differs. The gate then rejects the second delivery as a replay of the first.
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

    /// The rule for the signed timestamp, if the scheme has one.
    pub fn timestamp(&self) -> Option<&TimestampRule> {
        self.timestamp.as_ref()
    }

    /// The place of the sender's delivery id.
    pub fn id(&self) -> Option<&Source> {
        self.id.as_ref()
    }

    /// The place of the event's name.
    pub fn event(&self) -> Option<&Source> {
        self.event.as_ref()
    }

    /// The headers from which a delivery's proof, time, digest, id and event are read.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        let digested = self.digest.iter().map(|it| &it.signed);
        let templates = self.signed.iter().chain(digested);
        let time = self.timestamp.iter().filter_map(|rule| match &rule.from {
            TimestampSource::Source(source) => Some(source),
            _ => None,
        });
        let sources = self.signatures.iter().map(|rule| &rule.from);
        let sources = sources
            .chain(templates.flat_map(Template::sources))
            .chain(time)
            .chain(self.digest.iter().map(|it| &it.from))
            .chain(&self.id)
            .chain(&self.event);
        let headers = sources
            .flat_map(Source::places)
            .filter_map(|place| match place {
                Place::Header(name) => Some(name),
                _ => None,
            });
        headers.chain(self.required.iter().map(|(name, _)| name))
    }

    /// Whether each delivery names the headers that its signature covers, so that any header may be one of them.
    pub fn has_chosen_headers(&self) -> bool {
        let mut canonicals = self.signed.iter().flat_map(Template::canonicals);
        matches!(self.envelope, Some(Envelope::Message(_)))
            || canonicals.any(Canonical::has_chosen_headers)
    }

    /// Where deliveries name their account, if the place is known and signed.
    pub fn account(&self) -> Option<&AccountRule> {
        self.account.as_ref()
    }

    /// Whether the endpoint accepts only the deliveries of certain accounts.
    pub fn binds_account(&self) -> bool {
        let rule = self.account.as_ref();
        rule.is_some_and(|rule| !rule.accounts().is_empty())
    }

    /// Checks that a delivery names only accounts of the endpoint.
    ///
    /// Call it after the signature was verified: the account is a value of the delivery. It accepts every
    /// delivery if the endpoint lists no accounts.
    pub fn check_account(&self, received: PartialRequest<'_>) -> Result<(), ProofError> {
        match &self.account {
            Some(rule) if self.binds_account() => rule.check(self, received),
            _ => Ok(()),
        }
    }

    /// The accounts that a delivery names, for display. They are unproven.
    pub fn named_accounts(&self, received: PartialRequest<'_>) -> NamedAccounts {
        let rule = self.account.as_ref();
        rule.map_or_else(NamedAccounts::default, |rule| rule.named(self, received))
    }

    /// The places of the account, and the account to put there in a sample.
    pub(super) fn sample_account(&self) -> Option<(&[AccountPlace], &str)> {
        let rule = self.account.as_ref()?;
        Some((rule.places(), rule.accounts().first()?))
    }

    /// Puts the account of the endpoint into the claims of a sample token, if senders name it there.
    pub(super) fn put_account_claim(&self, claims: &mut Value) {
        let Some((places, account)) = self.sample_account() else {
            return;
        };
        for place in places {
            if let AccountPlace::Claim(pointer) = place {
                sample::put_at(claims, pointer, account);
            }
        }
    }

    /// Whether the proof is a signature. It can be verified only after the last byte of the body.
    pub fn covers_body(&self) -> bool {
        self.key.algorithm.signature_len().is_some()
    }

    /// Whether the verification can start only after the whole body arrived, because the signature or a signed
    /// value is a field of the body.
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

    /// Whether the verification copies the body. Public-key algorithms need the signed message in one piece;
    /// an envelope covers the body by a digest and needs no copy.
    pub fn copies_body(&self) -> bool {
        self.key.algorithm.is_public_key() && self.envelope.is_none()
    }

    /// The first contradiction in the scheme, as text for the author of the declaration.
    ///
    /// `least` is the required coverage; `None` requires the whole body.
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
                return Some(
                    "`jws` and `message_signature` state what they cover: remove `signed` and `digest`",
                );
            }
            if let Some(wrong) = envelope.inconsistency(self) {
                return Some(wrong);
            }
        } else if has_time != self.timestamp.is_some() && !time_in_body {
            return Some("`{ts}` requires a timestamp, and a timestamp requires `{ts}`");
        } else if !self.signed.iter().all(|one| one.has_time_of(self)) {
            return Some(
                "the signed message contains its own timestamp: declare that one as the timestamp",
            );
        } else if self.signed.iter().any(|one| one.is_keyed() != keyed) {
            return Some(
                "`{secret}` requires the algorithm `sha256`, and `sha256` requires `{secret}`",
            );
        }
        if let Some(wrong) = self.wrong_border() {
            return Some(wrong);
        }
        let grouped = self.signatures.iter().any(|rule| rule.groups.is_some());
        if grouped && (self.envelope.is_some() || self.waits_for_body()) {
            return Some("with `groups` the signature cannot cover fields of the body");
        }
        if self.covers_body() && self.covers() < least.unwrap_or(Covers::Body) {
            Some(
                "a signature must cover the body: put `{body}` into the signed message; \
                 a preset that covers less declares `covers = \"fields\"` or `\"head\"`",
            )
        } else {
            let account = self.account.as_ref();
            account.and_then(|rule| rule.inconsistency(self))
        }
    }

    /// Why the signed messages do not delimit their values, as text for the author of the declaration.
    fn wrong_border(&self) -> Option<&'static str> {
        let digested = self.digest.iter().map(|digest| &digest.signed);
        let mut templates = self.signed.iter().chain(digested);
        templates.find_map(|one| {
            if !one.is_unambiguous(self.url.without_query) {
                Some(
                    "two adjacent values are signed and the end of the first one is ambiguous: put a separator \
                     between them",
                )
            } else if one.rejects_everything(&self.methods) {
                Some(
                    "every URL or method contains the separator beside it, so no delivery could be accepted: use \
                     another separator, such as a line end",
                )
            } else {
                None
            }
        })
    }

    /// The names of the settings that an endpoint must supply for this scheme.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        let templates = self.signed.iter().flat_map(Template::settings);
        let envelope = self.envelope.iter().flat_map(Envelope::settings);
        let certificate = self.certificate.iter().map(|_| SnsRule::TOPIC_SETTING);
        templates.chain(envelope).chain(certificate)
    }

    /// Fills in the settings of an endpoint. The error names the first setting that is missing or malformed.
    pub fn set(&mut self, settings: &BTreeMap<String, String>) -> Result<(), SchemeError> {
        let setting = |name: &str| settings.get(name).map(|text| text.as_bytes().into());
        let names = self.signed.iter().flat_map(Template::settings);
        let separator: Option<Box<str>> = names.map(Box::from).next();
        let templates = &mut self.signed;
        templates
            .iter_mut()
            .try_for_each(|template| template.set(setting))
            .map_err(SchemeError::SettingMissing)?;
        // The text of a setting separates the values beside it.
        if let (Some(name), Some(wrong)) = (separator, self.wrong_border()) {
            return Err(SchemeError::SettingMalformed(name, wrong.to_owned()));
        }
        let envelope = &mut self.envelope;
        envelope
            .iter_mut()
            .try_for_each(|envelope| envelope.set(setting))
            .map_err(SchemeError::SettingMissing)?;
        if let Some(certificate) = &mut self.certificate {
            *certificate = SnsRule::from_settings(settings)?;
        }
        let name = AccountRule::SETTING;
        match (&mut self.account, settings.get(name)) {
            (Some(rule), Some(accounts)) => rule.set(accounts),
            // Ignoring the setting would drop a restriction that the operator relies on.
            (None, Some(_)) => {
                let why = "this preset signs no account, so the gate cannot check it".to_owned();
                Err(SchemeError::SettingMalformed(name.into(), why))
            }
            (_, None) => Ok(()),
        }
    }

    /// Checks that `body` is unambiguous in the signed message, and that nobody extended a plain digest.
    ///
    /// A plain digest of a secret and a message lets an attacker extend the message. The extended message contains the
    /// padding of the original: `0x80`, then a length in bits that starts with zero bytes. Valid text contains neither
    /// where a character starts, so a plain digest accepts text only.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), ProofError> {
        let is_plain_digest = self.key.algorithm == Algorithm::Sha256;
        let is_text = || !body.contains(&0) && std::str::from_utf8(body).is_ok();
        let mut templates = self.signed.iter();
        if (!is_plain_digest || is_text()) && templates.all(|one| one.is_body_delimited(body)) {
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

    /// The first required header that is missing or has another value.
    pub(super) fn unmet_header(&self, head: &Head<'_>) -> Option<&(HeaderName, HeaderValue)> {
        let is_met = |(name, expected): &(HeaderName, HeaderValue)| {
            let mut values = head.headers.get_all(name).iter().peekable();
            values.peek().is_some() && values.all(|value| value == expected)
        };
        self.required.iter().find(|required| !is_met(required))
    }
}

/// The sender's side, for samples, tests and benchmarks.
impl Scheme {
    /// The headers and parameters that a sender with `secret` adds to its request, each with its place.
    ///
    /// If the scheme accepts several places, the first one is used.
    pub fn prove(
        &self,
        secret: &[u8],
        message: SignedMessage<'_>,
    ) -> Result<Vec<(Place, String)>, SigningError> {
        signing::prove(self, &[], secret, message)
    }

    /// A complete delivery of `event` with the members of `payload`, signed with `secret`. The body of `message`
    /// is ignored.
    pub fn sample(
        &self,
        secret: &[u8],
        event: Option<&str>,
        payload: Map<String, Value>,
        message: SignedMessage<'_>,
    ) -> Result<Sample, SigningError> {
        sample::signed(self, secret, event, payload, message)
    }

    /// The same delivery without a proof, for callers that another credential admits.
    pub fn unproven_sample(
        &self,
        event: Option<&str>,
        payload: Map<String, Value>,
        message: SignedMessage<'_>,
    ) -> Sample {
        sample::unsigned(self, event, payload, message)
    }
}

/// Variants of a scheme that differ in one property.
///
/// `explain` uses them to find out what a rejected sender does instead. The gate admits deliveries only under
/// declared schemes.
impl Scheme {
    /// This scheme with another algorithm.
    #[must_use]
    pub fn with_algorithm(&self, algorithm: Algorithm) -> Self {
        let mut other = self.clone();
        other.key.algorithm = algorithm;
        other
    }

    /// This scheme with another encoding of the secret; the prefixes of the secret stay.
    #[must_use]
    pub fn with_key(&self, encoding: KeyEncoding) -> Self {
        let mut other = self.clone();
        other.key.encoding = encoding;
        other
    }

    /// This scheme with the text of the secret, prefix included, as the key.
    #[must_use]
    pub fn with_plain_key(&self) -> Self {
        let mut other = self.clone();
        other.key = KeyForm::plain(self.key.algorithm);
        other
    }

    /// This scheme with another text encoding of the signature.
    #[must_use]
    pub fn with_encoding(&self, encoding: Encoding) -> Self {
        let mut other = self.clone();
        for rule in &mut other.signatures {
            rule.encoding = encoding;
        }
        other
    }

    /// This scheme with another tag before the proof, or with none.
    #[must_use]
    pub fn with_tag(&self, tagged: Option<&ProofTag>) -> Self {
        let mut other = self.clone();
        for rule in &mut other.signatures {
            rule.tagged = tagged.cloned();
        }
        other
    }

    /// This scheme with its first proof at another place and without its other proofs.
    #[must_use]
    pub fn with_place(&self, from: &Source) -> Self {
        let mut other = self.clone();
        other.signatures.truncate(1);
        for rule in &mut other.signatures {
            rule.from = from.clone();
        }
        other
    }

    /// This scheme with another signed message.
    #[must_use]
    pub fn with_signed(&self, signed: Template) -> Self {
        let mut other = self.clone();
        other.signed = vec![signed];
        other
    }

    /// This scheme with its timestamp in another unit.
    #[must_use]
    pub fn with_unit(&self, unit: TimestampUnit) -> Self {
        let mut other = self.clone();
        other.timestamp = self
            .timestamp
            .clone()
            .map(|rule| TimestampRule { unit, ..rule });
        other
    }
}
