//! The verification: it judges a claim by the keys and hashes the body as it arrives.
//!
//! The gate streams the body into a [`Verification`]. Callers that have the body in memory use [`verify_whole`].

use std::sync::Arc;

use jiff::Timestamp;

use super::candidates::Signatures;
use super::certificate_claim::ParsedBody;
use super::claim::{Offer, OfferedTokens};
use super::envelope::EnvelopeVerification;
use super::key::{KeyRing, MacState, NumberedKey};
use super::signed::{SignedMessages, time_of};
use super::template::SignedFrame;
use super::view::View;
use super::{Claim, Head, KeyAge, PartialRequest, ProofError, Scheme, Signature, Verified};

/// The state of a verification before the body arrives.
pub enum VerificationStart {
    /// The head alone proved the delivery.
    Proven(Verified),
    /// The verdict needs the body.
    Streaming(Verification),
}

/// A verification in progress. Feed it the body with [`update`](Self::update), then [`finish`](Self::finish) it.
pub struct Verification {
    scheme: Arc<Scheme>,
    /// `None` if the signatures can be read only with the whole body.
    claimed: Option<(Signatures, SignedMessages)>,
    /// The envelopes in the head, if the scheme uses them.
    envelopes: Option<Box<EnvelopeVerification>>,
    keys: Arc<KeyRing>,
    now: Timestamp,
    /// The body, if it was parsed already.
    message: Option<Box<ParsedBody>>,
    /// The MAC over the first message so far; `None` if the body cannot be hashed as it arrives.
    code: Option<MacState>,
}

impl Verification {
    /// Starts to verify `claim` with the keys that are valid at `now`.
    ///
    /// A token in the head gets its verdict here, without the body.
    pub fn begin(
        scheme: &Arc<Scheme>,
        claim: Claim,
        keys: Arc<KeyRing>,
        now: Timestamp,
    ) -> Result<VerificationStart, ProofError> {
        let mut envelopes = None;
        let claimed = match claim.offer {
            Offer::Tokens(tokens) => {
                return judge_tokens(tokens, &keys, now).map(VerificationStart::Proven);
            }
            Offer::InBody => None,
            Offer::Envelopes(found) => {
                envelopes = Some(Box::new(EnvelopeVerification::begin(found)));
                None
            }
            Offer::Signatures(claimed) => Some(claimed),
        };
        let code = claimed
            .as_ref()
            .filter(|(_, signed)| signed.first.after_body.is_some())
            .and_then(|(_, signed)| {
                let mut code = keys.current.key.begin()?;
                code.update(&signed.first.before_body);
                Some(code)
            });
        Ok(VerificationStart::Streaming(Self {
            scheme: Arc::clone(scheme),
            claimed,
            envelopes,
            keys,
            now,
            message: None,
            code,
        }))
    }

    /// The same verification over a body that was parsed for its certificate, so that it is not parsed a second time.
    pub(super) fn over(self, message: Option<ParsedBody>) -> Self {
        Self {
            message: message.map(Box::new),
            ..self
        }
    }

    /// Skips the verification, for an endpoint with mode `none`.
    ///
    /// Call it only if the server's configuration allows unauthenticated endpoints.
    pub fn dangerous_waive() -> VerificationStart {
        VerificationStart::Proven(Verified::dangerous_without_proof())
    }

    /// Hashes the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(code) = &mut self.code {
            code.update(bytes);
        }
        if let Some(envelopes) = &mut self.envelopes {
            envelopes.update(bytes);
        }
    }

    /// The verdict. Call it after `update` received the last byte of `body`.
    ///
    /// The MAC of the current key over the first message is ready by then. Other messages and the previous key are
    /// tried only if it does not match, with a second pass over `body`. Only senders in a rotation overlap pay for it.
    pub fn finish(mut self, head: &Head<'_>, body: &[u8]) -> Result<Verified, ProofError> {
        let received = PartialRequest {
            head: *head,
            body: Some(body),
        };
        if !self.scheme.covers_body() {
            let tokens = OfferedTokens::read(&self.scheme, &View::of(&self.scheme, received))?;
            return judge_tokens(tokens, &self.keys, self.now);
        }
        self.scheme.check_body(body)?;
        let envelopes = match (self.envelopes.take(), &self.scheme.envelope) {
            (Some(envelopes), _) => Some(*envelopes),
            (None, Some(envelope)) => {
                let found = envelope.read(&self.scheme, &received)?;
                let mut envelopes = EnvelopeVerification::begin(found);
                envelopes.update(body);
                Some(envelopes)
            }
            (None, None) => None,
        };
        if let Some(envelopes) = envelopes {
            let signature = envelopes.finish(&self.scheme, body, &self.keys, self.now)?;
            return Ok(self.verified(signature));
        }
        if !self.scheme.may_sign(&received) {
            return Err(ProofError::SignatureMalformed);
        }
        let scheme = Arc::clone(&self.scheme);
        let message = self.message.take().and_then(|it| it.message_of(body));
        let view = View::with_sns_message(&scheme, received, message);
        if self.scheme.has_certificate() {
            // The topic is checked whatever key was fetched: a message of another topic proves nothing here.
            let message = view.sns_message().ok_or(ProofError::SignatureMalformed)?;
            scheme.certificate_of(message)?;
        }
        let (signatures, signed) = match self.claimed.take() {
            Some(claimed) => claimed,
            None => SignedMessages::with_signatures(&scheme, &view)?,
        };
        let mut signature = self.signature(&signatures, &signed, body)?;
        // After the signature, so that a sender who cannot sign learns nothing about the clock.
        if let Some(rule) = &scheme.timestamp {
            let at = match signed.at {
                Some(at) => Some(at),
                None => time_of(&scheme, &view)?,
            };
            let at = at.ok_or(ProofError::SignatureMissing)?;
            rule.judge(at, self.now)?;
            signature.valid_until = rule.valid_until(at);
        }
        Ok(self.verified(signature))
    }

    fn verified(&self, signature: Signature) -> Verified {
        if self.scheme.has_certificate() {
            return Verified::by_certificate(signature);
        }
        let version = match (signature.generation(), &self.keys.previous) {
            (KeyAge::Previous, Some((previous, _))) => previous.version,
            _ => self.keys.current.version,
        };
        Verified::by_signature(version, signature)
    }

    fn signature(
        &mut self,
        signatures: &Signatures,
        signed: &SignedMessages,
        body: &[u8],
    ) -> Result<Signature, ProofError> {
        let mut untried = signed.all();
        let mut streamed = None;
        if let (Some(mut code), Some(after)) = (self.code.take(), &signed.first.after_body) {
            code.update(after);
            let (matches, fingerprint) = code.compare(signatures.iter());
            let key = &self.keys.current.key;
            if matches || key.matches_alternative(&signed.first, body, signatures.iter()) {
                return Ok(Signature::by_current_key(fingerprint));
            }
            streamed = Some(fingerprint);
            untried.next();
        }
        let compare = |key: &NumberedKey, frame: &SignedFrame| {
            let (matches, fingerprint) = key.key.compare(frame, body, signatures.iter())?;
            matches.then_some(fingerprint)
        };
        let current = &self.keys.current;
        if let Some(fingerprint) = untried.find_map(|frame| compare(current, frame)) {
            return Ok(Signature::by_current_key(fingerprint));
        }
        let previous = self.keys.previous_at(self.now);
        let previous = previous.ok_or(ProofError::SignatureMismatch)?;
        let mut found = signed.all().enumerate().filter_map(|(at, frame)| {
            let by_previous = compare(previous, frame)?;
            let by_current = match streamed.filter(|_| at == 0) {
                Some(fingerprint) => fingerprint,
                None => current.key.compare(frame, body, std::iter::empty())?.1,
            };
            Some(Signature::by_previous_key(by_current, by_previous))
        });
        found.next().ok_or(ProofError::SignatureMismatch)
    }
}

/// Verifies a delivery whose whole body is in memory: the verdict of [`Verification`] in one call.
///
/// It does not check the account ([`Scheme::check_account`]).
pub fn verify_whole(
    scheme: &Arc<Scheme>,
    claim: Claim,
    keys: Arc<KeyRing>,
    head: &Head<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, ProofError> {
    match Verification::begin(scheme, claim, keys, now)? {
        VerificationStart::Proven(verified) => Ok(verified),
        VerificationStart::Streaming(mut verification) => {
            verification.update(body);
            verification.finish(head, body)
        }
    }
}

/// Every token must be the current one, or every token the previous one.
fn judge_tokens(
    tokens: OfferedTokens,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Verified, ProofError> {
    let matches = |key: &NumberedKey| key.key.matches_tokens(&tokens.digests);
    let (version, generation) = if matches(&keys.current) {
        (keys.current.version, KeyAge::Current)
    } else {
        let previous = keys.previous_at(now).filter(|key| matches(key));
        let previous = previous.ok_or(ProofError::TokenMismatch)?;
        (previous.version, KeyAge::Previous)
    };
    Ok(Verified::by_token(version, generation, tokens.places))
}
