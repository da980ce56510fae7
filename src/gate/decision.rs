//! The decision itself, from top to bottom.

use std::sync::Arc;

use super::draft::{self, Caller, Misled};
use super::greeter::Greeter;
use super::judgement::Notes;
use super::keyed::Keyed;
use super::payload::{examine, takes_event};
use super::receive::{BodyRules, Watchers, receive};
use super::replay::{Proven, alone};
use super::scan::Scan;
use super::turns::Turns;
use super::{
    Admitted, BodySource, Budget, GateSettings, Judgement, Known, Passed, Reason, Refusal, Request,
    Timings,
};
use crate::clock::{Clock, Stopwatch};
use crate::directory::Auth;
use crate::handshake::MAX_BODY_BYTES;
use crate::ledger::{Ledger, Permits};
use crate::outbound::Outbound;

/// Judges deliveries.
pub struct Gate {
    pub(super) settings: GateSettings,
    pub(super) known: Known,
    ledger: Arc<dyn Ledger>,
    outbound: Arc<Outbound>,
    budget: Arc<Budget>,
    turns: Arc<Turns>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Gate {
    /// A gate over what is known, a memory of what was delivered, and a way to ask senders.
    pub fn new(
        settings: GateSettings,
        known: Known,
        ledger: Arc<dyn Ledger>,
        outbound: Arc<Outbound>,
        budget: Arc<Budget>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            known,
            ledger,
            outbound,
            budget,
            turns: Arc::default(),
            clock,
        }
    }

    /// Judges one delivery.
    pub async fn judge(&self, request: &Request<'_>, body: &mut impl BodySource) -> Judgement {
        let mut notes = Notes {
            found: None,
            timings: Timings::default(),
            body_received: body.announced_len() == Some(0),
            body_bytes: None,
            refused_body: None,
        };
        let mut verdict = self.admit(request, body, &mut notes).await;
        if let (Err(refusal), Some(found)) = (&mut verdict, &notes.found) {
            let auth = &found.endpoint.auth;
            refusal.without_body = matches!(auth, Auth::Proof(proof) if proof.refuses_empty);
        }
        Judgement {
            found: notes.found,
            timings: notes.timings,
            body_received: notes.body_received,
            body_bytes: notes.body_bytes,
            refused_body: notes.refused_body,
            verdict,
        }
    }

    /// The straight line. Nothing here goes by the notes.
    async fn admit(
        &self,
        request: &Request<'_>,
        body: &mut impl BodySource,
        notes: &mut Notes,
    ) -> Result<Passed, Refusal> {
        let found = self.known.directory.find(request.path).await?;
        let endpoint = Arc::clone(&notes.found.insert(found).endpoint);
        let url = self.settings.public_url(&endpoint, request);
        let head = request.head(url.as_deref());
        // Before everything else: who may not know of a draft learns nothing of its methods and handshakes.
        let caller = draft::caller(&self.known, &*self.clock, &endpoint, &head, notes).await?;
        let greeter = endpoint.greeting.as_deref().map(|greeting| Greeter {
            greeting,
            endpoint: &endpoint,
            head,
            keys: &self.known.keys,
            outbound: &self.outbound,
            now: self.clock.now(),
        });
        if let Some(greeter) = &greeter
            && let Some(answer) = greeter.by_head().await?
        {
            return Ok(Passed::Answered(answer));
        }
        let claim = match (self.claim(&endpoint, &caller, request, &head), &greeter) {
            (Err(refusal), Some(greeter)) if greeter.may_ask_by_body(body.announced_len()) => {
                let rules = self.settings.body_rules(&endpoint, request);
                return self.unproven(greeter, rules, body, notes, refusal).await;
            }
            (claim, _) => claim?,
        };
        let rules = self.settings.body_rules(&endpoint, request);
        if let Some(announced) = body.announced_len().filter(|len| *len > rules.limit_bytes) {
            return Err(Refusal {
                cause: Some(format!("{announced} bytes were announced")),
                ..Refusal::too_large(rules.limit_bytes)
            });
        }
        let (mut keyed, caller) = match caller {
            Caller::Alone(proof) => {
                let scheme = endpoint.auth.scheme();
                (Keyed::proven(proof.alone(scheme)), None)
            }
            Caller::Beside(proof) => (self.key(claim).await?, Some(proof)),
            Caller::NotAsked => (self.key(claim).await?, None),
        };

        let receiving = Stopwatch::start();
        let mut scan = self.settings.scan(&endpoint, request);
        let watchers = Watchers {
            verification: keyed.streaming(),
            scan: scan.as_mut(),
        };
        let body = receive(body, rules, &self.budget, watchers).await?;
        notes.body_received = true;
        notes.body_bytes = Some(body.len() as u64);
        notes.timings.receive = Some(receiving.elapsed());

        let copies = matches!(&endpoint.auth, Auth::Proof(proof) if proof.scheme.copies_body());
        let copy = copies.then(|| body.room_for_copy()).transpose()?;
        let verifying = Stopwatch::start();
        let verified = keyed.finish(&self.outbound, &head, body.bytes()).await;
        drop(copy);
        notes.timings.verify = Some(verifying.elapsed());
        let verified = match verified {
            Ok(verified) => verified,
            Err(refusal) => {
                let misled = Misled {
                    known: &self.known,
                    settings: &self.settings,
                    draft: &endpoint,
                    request,
                    body: &body,
                };
                let refusal = misled.explained(refusal, &*self.clock).await;
                if let Reason::Proof(_) | Reason::SignatureAtDraft = refusal.reason {
                    notes.refused_body = endpoint.capture.map(|_| body);
                }
                return Err(refusal);
            }
        };
        let verified = match caller {
            Some(caller) => caller.beside(verified),
            None => verified,
        };
        self.count_use(&endpoint, &verified);
        if let Some(greeter) = &greeter
            && let Some(answer) = greeter.when_proven(&verified, body.bytes()).await?
        {
            return Ok(Passed::Answered(answer));
        }
        // Before the ledger: what is not passed on is not remembered either, and can be had again once
        // somebody subscribes to it.
        if !takes_event(&endpoint, &head, &body) {
            return Ok(Passed::Ignored);
        }
        let times = self.settings.times(&endpoint, self.clock.now());
        let proven = Proven {
            endpoint: &endpoint,
            head: &head,
            verified: &verified,
            body: &body,
        };
        let claimed = proven.claim(&self.ledger, &times).await?;
        let parts = scan.map(Scan::finish);
        let key = examine(&endpoint, request, &body, parts).await?;
        let admitted = Admitted::new(endpoint, verified, body, claimed, key);
        self.take_turn(admitted).await.map(Passed::Admitted)
    }

    /// The delivery with its turn, if deliveries of one key take turns at its endpoint.
    async fn take_turn(&self, admitted: Admitted) -> Result<Admitted, Refusal> {
        let endpoint = admitted.endpoint();
        let (Some(rule), Some(key)) = (endpoint.concurrency, admitted.key()) else {
            return Ok(admitted);
        };
        let since = Stopwatch::start();
        let turn = self.turns.take(&endpoint.id, key, rule).await;
        let turn = turn.ok_or(Reason::RateLimited)?;
        let permits = Permits {
            endpoint: endpoint.id.as_str(),
            key: key.as_str(),
            many: rule.per_key,
            lease: self.settings.claim_timeout,
            wait: rule.wait.saturating_sub(since.elapsed()),
            alone: alone(endpoint),
            claimed: admitted.is_claimed(),
        };
        let permit = self.ledger.permit(&permits).await?;
        let permit = permit.ok_or(Reason::RateLimited)?;
        Ok(admitted.in_turn(Some(turn.permitted(permit))))
    }

    /// A handshake that nobody signs and only its body tells. Everything else stays refused.
    async fn unproven(
        &self,
        greeter: &Greeter<'_>,
        rules: BodyRules,
        body: &mut impl BodySource,
        notes: &mut Notes,
        refusal: Refusal,
    ) -> Result<Passed, Refusal> {
        let rules = BodyRules {
            limit_bytes: rules.limit_bytes.min(MAX_BODY_BYTES),
            ..rules
        };
        let body = match receive(body, rules, &self.budget, Watchers::default()).await {
            Err(too_large) if too_large.reason == Reason::BodyTooLarge => return Err(refusal),
            received => received?,
        };
        notes.body_received = true;
        notes.body_bytes = Some(body.len() as u64);
        let answer = greeter.by_body(body.bytes());
        answer.map(Passed::Answered).ok_or(refusal)
    }
}
