//! The decision itself, from top to bottom.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::challenged;
use super::draft::{self, Caller, Misled};
use super::greeter::{Greeter, answer_to_head};
use super::grounds::Grounds;
use super::judgement::Notes;
use super::keyed::Keyed;
use super::payload::{examine, takes_event};
use super::receive::{BodyRules, Watchers, receive, show_again};
use super::replay::{Proven, alone};
use super::scan::Scan;
use super::turns::{Turn, Turns};
use super::{
    Admitted, Body, BodySource, Budget, GateSettings, Judgement, Known, Lease, OverBudget, Passed,
    Reason, Refusal, Request,
};
use crate::auth::{Head, Received, Verified};
use crate::clock::{Clock, Stopwatch};
use crate::directory::{Auth, Concurrency, Endpoint, Proof};
use crate::handshake::MAX_BODY_BYTES;
use crate::ledger::{Ledger, Permits};
use crate::outbound::Outbound;

/// What a delivery that is judged again has behind it.
#[derive(Default)]
struct Past {
    /// When its head met the first keys: a time that the sender has signed is judged by this.
    at: Option<Timestamp>,
    /// Its body, once it was received.
    body: Option<Body>,
    /// How long it has waited for its turn.
    waited: Duration,
    /// Its turn, if it has one: deliveries that came later do not overtake it.
    turn: Option<Turn>,
}

/// What came of one look.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a delivery, on its way; a box would cost an allocation"
)]
enum Look {
    Passed(Passed),
    /// What it was judged by is not in force any more.
    Again(Body),
}

/// A delivery on its way, with what was made of its head.
struct Line<'a> {
    request: &'a Request<'a>,
    head: &'a Head<'a>,
    greeter: Option<&'a Greeter<'a>>,
    grounds: &'a Grounds,
    scan: Option<Scan>,
}

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
            body_received: body.announced_len() == Some(0),
            ..Notes::default()
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

    /// Judges it by what is in force when it goes to the backend, and not by what was in force at its head.
    async fn admit(
        &self,
        request: &Request<'_>,
        body: &mut impl BodySource,
        notes: &mut Notes,
    ) -> Result<Passed, Refusal> {
        let mut past = Past::default();
        for _ in 0..MAX_LOOKS {
            match self.look(request, body, notes, &mut past).await? {
                Look::Passed(passed) => return Ok(passed),
                Look::Again(received) => past.body = Some(received),
            }
        }
        let cause = "what the delivery was judged by kept changing";
        Err(Refusal::with_cause(Reason::StoreUnavailable, cause))
    }

    /// The straight line. Nothing here goes by the notes.
    async fn look(
        &self,
        request: &Request<'_>,
        body: &mut impl BodySource,
        notes: &mut Notes,
        past: &mut Past,
    ) -> Result<Look, Refusal> {
        self.known.directory.standing().caught_up().await;
        // Before anything is looked up: see `grounds`.
        let moment = self.known.directory.moment();
        let found = self.known.directory.find(request.path).await?;
        let endpoint = Arc::clone(&notes.found.insert(found).endpoint);
        let mut grounds = Grounds::new(moment, Arc::clone(&endpoint));
        let url = self.settings.public_url(&endpoint, request);
        let head = request.head(url.as_deref());
        // Before everything else: who may not know of a draft learns nothing of its methods and handshakes.
        let caller = draft::caller(&self.known, &*self.clock, &endpoint, &head, notes).await?;
        let (caller, caller_until) = caller;
        grounds.ends_at(caller_until);
        let greeter = endpoint.greeting.as_deref().map(|greeting| Greeter {
            greeting,
            endpoint: &endpoint,
            head,
            keys: &self.known.keys,
            outbound: &self.outbound,
            now: self.clock.now(),
        });
        if let Some(answer) = answer_to_head(&endpoint, request, greeter.as_ref()).await? {
            return Ok(Look::Passed(Passed::Answered(answer)));
        }
        let claim = match (self.claim(&endpoint, &caller, request, &head), &greeter) {
            (Err(refusal), Some(greeter)) if greeter.may_ask_by_body(body.announced_len()) => {
                let rules = self.settings.body_rules(&endpoint, request);
                let answered = self.unproven(greeter, rules, body, notes, past, refusal);
                return answered.await.map(Look::Passed);
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
            Caller::Beside(proof) => {
                let keyed = self.key(claim, &mut past.at, &mut grounds).await?;
                (keyed, Some(proof))
            }
            Caller::NotAsked => (self.key(claim, &mut past.at, &mut grounds).await?, None),
        };

        let receiving = Stopwatch::start();
        let mut scan = self.settings.scan(&endpoint, request);
        let watchers = Watchers {
            verification: keyed.streaming(),
            scan: scan.as_mut(),
        };
        let body = self.body(body, &endpoint, rules, watchers, past).await?;
        notes.received(&body);
        notes.timings.receive.get_or_insert(receiving.elapsed());

        let copy = room_to_verify(&endpoint.auth, &body).await?;
        let challenges = keyed.challenges();
        let verifying = Stopwatch::start();
        let verified = keyed.finish(&self.outbound, &head, body.bytes()).await;
        drop(copy);
        notes.timings.verify = Some(verifying.elapsed());
        let verified = verified.and_then(|verified| grounds.of_proof(verified, self.clock.now()));
        // Also if it failed: the keys may be others by now.
        if !self.still_stands(request, &grounds).await {
            return Ok(Look::Again(body));
        }
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
        challenged::refuse(&endpoint, challenges.as_deref(), &verified, body.bytes())?;
        let verified = draft::beside(caller, verified);
        self.count_use(&endpoint, &verified);
        let line = Line {
            request,
            head: &head,
            greeter: greeter.as_ref(),
            grounds: &grounds,
            scan,
        };
        self.after_proof(line, verified, body, notes, past).await
    }

    /// What follows the proof: a handshake, an event that nobody takes, or the ledger, the payload and the turn.
    async fn after_proof(
        &self,
        line: Line<'_>,
        verified: Verified,
        body: Body,
        notes: &mut Notes,
        past: &mut Past,
    ) -> Result<Look, Refusal> {
        let (request, grounds) = (line.request, line.grounds);
        let endpoint = Arc::clone(&grounds.endpoint);
        if let Some(greeter) = line.greeter
            && let Some(answer) = greeter.when_proven(&verified, body.bytes()).await?
        {
            return Ok(Look::Passed(Passed::Answered(answer)));
        }
        // After the handshake, which is about the app and names no account.
        if let Err(refusal) = is_of_account(&endpoint.auth, &verified, line.head, &body).await {
            if let Reason::Proof(_) = refusal.reason {
                notes.refused_body = endpoint.capture.map(|_| body);
            }
            return Err(refusal);
        }
        // Before the ledger: what is not passed on is not remembered either, and can be had again once
        // somebody subscribes to it.
        if !takes_event(&endpoint, line.head, &body) {
            return Ok(Look::Passed(Passed::Ignored));
        }
        let times = self.settings.times(&endpoint, self.clock.now());
        let proven = Proven {
            endpoint: &endpoint,
            head: line.head,
            verified: &verified,
            body: &body,
            keys: grounds.keys.as_deref(),
        };
        // Before the ledger and the backend: what they have taken must not be lost for want of memory.
        let response = body.room_for_response().await?;
        let claimed = proven.claim(&self.ledger, &times).await?;
        let parts = line.scan.map(Scan::finish);
        let key = examine(&endpoint, request, &body, parts).await?;
        let admitted = Admitted::new(endpoint, verified, body, claimed, key, response);
        let admitted = self.take_turn(admitted, past).await?;
        Ok(if self.still_stands(request, grounds).await {
            Look::Passed(Passed::Admitted(admitted))
        } else {
            let (body, turn) = admitted.withdraw();
            past.turn = turn;
            Look::Again(body)
        })
    }

    /// The body: from the sender, or as it was received before.
    async fn body(
        &self,
        source: &mut impl BodySource,
        endpoint: &Endpoint,
        rules: BodyRules,
        watchers: Watchers<'_>,
        past: &mut Past,
    ) -> Result<Body, Refusal> {
        if let Some(body) = past.body.take() {
            show_again(&body, rules, watchers).await?;
            return Ok(body);
        }
        let lease = self.budget.body(source.client(), endpoint.id.as_str());
        receive(source, rules, lease, watchers).await
    }

    /// The memory for all that senders make the gate hold.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The delivery with its turn, if deliveries of one key take turns at its endpoint.
    async fn take_turn(&self, admitted: Admitted, past: &mut Past) -> Result<Admitted, Refusal> {
        let endpoint = admitted.endpoint();
        let (Some(rule), Some(key)) = (endpoint.concurrency, admitted.key()) else {
            return Ok(admitted);
        };
        // Its path or its key may have become another one's.
        let kept = past
            .turn
            .take()
            .filter(|turn| turn.is_of(&endpoint.id, key));
        if kept.is_some() {
            return Ok(admitted.in_turn(kept));
        }
        let since = Stopwatch::start();
        let rule = Concurrency {
            // However often it is judged, it waits no longer than it may.
            wait: rule.wait.saturating_sub(past.waited),
            ..rule
        };
        let turn = self.turns.take(&endpoint.id, key, rule).await;
        let turn = turn.ok_or(Reason::ConcurrencyLimited)?;
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
        let permit = permit.ok_or(Reason::ConcurrencyLimited)?;
        past.waited = past.waited.saturating_add(since.elapsed());
        Ok(admitted.in_turn(Some(turn.permitted(permit))))
    }

    /// A handshake that nobody signs and only its body tells. Everything else stays refused.
    async fn unproven(
        &self,
        greeter: &Greeter<'_>,
        rules: BodyRules,
        body: &mut impl BodySource,
        notes: &mut Notes,
        past: &mut Past,
        refusal: Refusal,
    ) -> Result<Passed, Refusal> {
        let rules = BodyRules {
            limit_bytes: rules.limit_bytes.min(MAX_BODY_BYTES),
            ..rules
        };
        let body = self.body(body, greeter.endpoint, rules, Watchers::default(), past);
        let body = match body.await {
            Err(too_large) if too_large.reason == Reason::BodyTooLarge => return Err(refusal),
            received => received?,
        };
        notes.received(&body);
        let answer = greeter.by_body(body.bytes()).await?;
        answer.map(Passed::Answered).ok_or(refusal)
    }
}

/// Room for the copies that some proofs make of a body: the message of a public-key algorithm, and the fields of a
/// form or of JSON.
pub(super) async fn room_to_verify(auth: &Auth, body: &Body) -> Result<Option<Lease>, OverBudget> {
    let copies = |proof: &Proof| proof.scheme.copies_body() || proof.scheme.waits_for_body();
    match auth {
        Auth::Proof(proof) if copies(proof) => body.room_for_copy().await.map(Some),
        _ => Ok(None),
    }
}

/// Whether a signed delivery is about an account of the endpoint. A token of the workspace is its own proof.
async fn is_of_account(
    auth: &Auth,
    verified: &Verified,
    head: &Head<'_>,
    body: &Body,
) -> Result<(), Refusal> {
    let scheme = auth.scheme().filter(|scheme| scheme.binds_account());
    let Some(scheme) = scheme.filter(|_| verified.signature().is_some()) else {
        return Ok(());
    };
    // The fields of a form and the claims of a token are copies.
    let _copy = body.room_for_copy().await?;
    scheme.check_account(Received {
        head: *head,
        body: Some(body.bytes()),
    })?;
    Ok(())
}

/// How often a delivery is judged whose endpoint or secret changes meanwhile.
const MAX_LOOKS: usize = 4;
