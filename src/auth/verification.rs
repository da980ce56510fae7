//! The verification: a claim meets the keys, and the body as it arrives.

use std::sync::Arc;

use jiff::Timestamp;

use super::candidates::Signatures;
use super::claim::{Offer, OfferedTokens};
use super::envelope::Unopened;
use super::key::{Code, KeyRing, NumberedKey};
use super::signed::{Signed, time_of};
use super::template::Around;
use super::view::View;
use super::{Claim, Generation, Head, ProofError, Received, Scheme, Signature, Verified};

/// What a claim and the keys give before the body.
pub enum Begun {
    /// The head alone was the proof.
    Proven(Verified),
    /// The body is covered: it decides.
    Streaming(Verification),
}

/// A proof in progress over the bytes of a body.
pub struct Verification {
    scheme: Arc<Scheme>,
    /// `None` if the body has to be there first.
    claimed: Option<(Signatures, Signed)>,
    /// What says itself what it covers, if the scheme is of that kind and the head has it.
    unopened: Option<Box<Unopened>>,
    keys: Arc<KeyRing>,
    now: Timestamp,
    /// The first message, as far as it has arrived; `None` if nothing can be hashed on the way.
    code: Option<Code>,
}

impl Verification {
    /// Judges `claim` by the keys that are valid `now`.
    ///
    /// A token in the head is settled here: right or refused, in either case without the body.
    pub fn begin(
        scheme: &Arc<Scheme>,
        claim: Claim,
        keys: Arc<KeyRing>,
        now: Timestamp,
    ) -> Result<Begun, ProofError> {
        let mut unopened = None;
        let claimed = match claim.offer {
            Offer::Tokens(tokens) => return judge_tokens(tokens, &keys, now).map(Begun::Proven),
            Offer::InBody => None,
            Offer::Sealed(sealed) => {
                unopened = Some(Box::new(Unopened::begin(sealed)));
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
        Ok(Begun::Streaming(Self {
            scheme: Arc::clone(scheme),
            claimed,
            unopened,
            keys,
            now,
            code,
        }))
    }

    /// An endpoint that asks for no proof gets one without any.
    ///
    /// Only the server's own configuration may lead here.
    pub fn dangerous_waive() -> Begun {
        Begun::Proven(Verified::dangerous_without_proof())
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(code) = &mut self.code {
            code.update(bytes);
        }
        if let Some(unopened) = &mut self.unopened {
            unopened.update(bytes);
        }
    }

    /// The verdict, once the last byte of `body` was taken.
    ///
    /// The current key was fed as the body arrived. Other messages and a previous key are tried only
    /// if that fails, over the body as it is kept: the rare sender inside an overlap pays for a second
    /// hash, and the others do not.
    pub fn finish(mut self, head: &Head<'_>, body: &[u8]) -> Result<Verified, ProofError> {
        let received = Received {
            head: *head,
            body: Some(body),
        };
        if !self.scheme.covers_body() {
            let tokens = OfferedTokens::read(&self.scheme, &View::of(&self.scheme, received))?;
            return judge_tokens(tokens, &self.keys, self.now);
        }
        self.scheme.check_body(body)?;
        let unopened = match (self.unopened.take(), &self.scheme.envelope) {
            (Some(unopened), _) => Some(*unopened),
            (None, Some(envelope)) => {
                let mut unopened = Unopened::begin(envelope.read(&self.scheme, &received)?);
                unopened.update(body);
                Some(unopened)
            }
            (None, None) => None,
        };
        if let Some(unopened) = unopened {
            let signature = unopened.open(&self.scheme, body, &self.keys, self.now)?;
            return Ok(self.verified(signature));
        }
        if !self.scheme.may_sign(&received) {
            return Err(ProofError::SignatureMalformed);
        }
        let scheme = Arc::clone(&self.scheme);
        let view = View::of(&scheme, received);
        if self.scheme.has_certificate() {
            // Whoever has brought the key: a message of another topic proves nothing here.
            let message = view.message().ok_or(ProofError::SignatureMalformed)?;
            scheme.certificate_of(message)?;
        }
        let (signatures, signed) = match self.claimed.take() {
            Some(claimed) => claimed,
            None => Signed::claimed(&scheme, &view)?,
        };
        let mut signature = self.signature(&signatures, &signed, body)?;
        // After the signature: whoever cannot sign is not told what the clock says.
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
            (Generation::Previous, Some((previous, _))) => previous.version,
            _ => self.keys.current.version,
        };
        Verified::by_signature(version, signature)
    }

    fn signature(
        &mut self,
        signatures: &Signatures,
        signed: &Signed,
        body: &[u8],
    ) -> Result<Signature, ProofError> {
        let mut untried = signed.all();
        let mut streamed = None;
        if let (Some(mut code), Some(after)) = (self.code.take(), &signed.first.after_body) {
            code.update(after);
            let (matches, fingerprint) = code.compare(signatures.iter());
            let key = &self.keys.current.key;
            if matches || key.compares_otherwise(&signed.first, body, signatures.iter()) {
                return Ok(Signature::by_current_key(fingerprint));
            }
            streamed = Some(fingerprint);
            untried.next();
        }
        let compare = |key: &NumberedKey, around: &Around| {
            let (matches, fingerprint) = key.key.compare(around, body, signatures.iter())?;
            matches.then_some(fingerprint)
        };
        let current = &self.keys.current;
        if let Some(fingerprint) = untried.find_map(|around| compare(current, around)) {
            return Ok(Signature::by_current_key(fingerprint));
        }
        let previous = self.keys.previous_at(self.now);
        let previous = previous.ok_or(ProofError::SignatureMismatch)?;
        let mut found = signed.all().enumerate().filter_map(|(at, around)| {
            let by_previous = compare(previous, around)?;
            let by_current = match streamed.filter(|_| at == 0) {
                Some(known) => known,
                None => current.key.compare(around, body, std::iter::empty())?.1,
            };
            Some(Signature::by_previous_key(by_current, by_previous))
        });
        found.next().ok_or(ProofError::SignatureMismatch)
    }
}

fn judge_tokens(
    tokens: OfferedTokens,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Verified, ProofError> {
    let is = |key: &NumberedKey| key.key.matches_tokens(&tokens.digests);
    let (version, generation) = if is(&keys.current) {
        (keys.current.version, Generation::Current)
    } else {
        let previous = keys.previous_at(now).filter(|previous| is(previous));
        let previous = previous.ok_or(ProofError::TokenMismatch)?;
        (previous.version, Generation::Previous)
    };
    Ok(Verified::by_token(version, generation, tokens.places))
}
