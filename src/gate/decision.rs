//! The decision, from top to bottom: each step is a function, in the order in which it happens.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::challenge::{ChallengeResponder, answer_to_head, refuse_possible_challenge};
use super::draft::{Caller, DraftMisroute, identify_caller};
use super::grounds::Grounds;
use super::judgement::Rejection;
use super::payload::{examine, takes_event};
use super::proof::{PendingProof, check_account, read_claim, room_to_verify};
use super::receive::{BodyObservers, BodyRules, receive, replay_body};
use super::replay::{ReplayCheck, outage_policy};
use super::scan::MultipartScan;
use super::turns::{Turn, Turns};
use super::{
    Admitted, Body, BodySource, Budget, Decision, DeliveryFacts, GateSettings, Judgement, Reason,
    Refusal, Request, SenderNames,
};
use crate::auth::{Claim, Head, Verified, WorkspaceProof};
use crate::challenge::MAX_BODY_BYTES;
use crate::clock::{Clock, Stopwatch};
use crate::directory::{Auth, Concurrency, Directory, Endpoint, Proof};
use crate::ledger::{Ledger, Permits};
use crate::outbound::Outbound;
use crate::secrets::KeyCache;
use crate::tokens::TokenCache;

/// The caches over the store. They outlive every setting.
pub struct Caches {
    /// The endpoints.
    pub directory: Arc<Directory>,
    /// The keys that prove deliveries.
    pub keys: Arc<KeyCache>,
    /// The workspace tokens.
    pub tokens: Arc<TokenCache>,
}

/// Judges deliveries.
pub struct Gate {
    pub(super) settings: GateSettings,
    pub(super) caches: Caches,
    pub(super) clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    outbound: Arc<Outbound>,
    budget: Arc<Budget>,
    turns: Arc<Turns>,
    /// Whether the names that senders give deliveries are read for their record.
    reads_names: bool,
}

/// A delivery under judgement, with the facts of its head.
struct Delivery<'a> {
    request: &'a Request<'a>,
    head: Head<'a>,
    endpoint: &'a Arc<Endpoint>,
    responder: Option<ChallengeResponder<'a>>,
    grounds: Grounds,
    /// The limits of its body.
    rules: BodyRules,
    /// How long its backend may take for everything.
    total_timeout: Duration,
}

/// The result of one attempt to judge a delivery.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one per delivery, and a box would cost an allocation"
)]
enum Attempt {
    Decided(Decision),
    /// The grounds of the verdict are no longer in force.
    Outdated(EarlierAttempts),
}

/// What a delivery keeps when it is judged again.
#[derive(Default)]
struct EarlierAttempts {
    /// The time by which the signed time of the sender is judged: that of the first attempt.
    judged_at: Option<Timestamp>,
    body: Option<Body>,
    /// The time that it has waited for a turn.
    waited: Duration,
    /// Its turn, if it has one: later deliveries do not overtake it.
    turn: Option<Turn>,
}

impl Gate {
    /// A gate over the caches, the ledger, and the client for requests of its own.
    pub fn new(
        settings: GateSettings,
        caches: Caches,
        ledger: Arc<dyn Ledger>,
        outbound: Arc<Outbound>,
        budget: Arc<Budget>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            caches,
            ledger,
            outbound,
            budget,
            turns: Arc::default(),
            clock,
            reads_names: false,
        }
    }

    /// Reads the id and the event name of each delivery for its record.
    #[must_use]
    pub fn reading_names(self) -> Self {
        Self {
            reads_names: true,
            ..self
        }
    }

    /// The memory budget for all that senders make the gate hold.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Judges one delivery.
    pub async fn judge(&self, request: &Request<'_>, source: &mut impl BodySource) -> Judgement {
        let mut facts = DeliveryFacts::new(source.announced_len());
        let verdict = self.decide(request, source, &mut facts).await;
        Judgement::new(facts, verdict)
    }

    /// Judges the delivery until the grounds of the verdict are in force at its end: the state of the store counts as
    /// it is when the delivery goes to the backend (ADR 8).
    async fn decide(
        &self,
        request: &Request<'_>,
        source: &mut impl BodySource,
        facts: &mut DeliveryFacts,
    ) -> Result<Decision, Rejection> {
        let mut earlier = EarlierAttempts::default();
        for _ in 0..MAX_ATTEMPTS {
            match self.judge_head(request, source, earlier, facts).await? {
                Attempt::Decided(decision) => return Ok(decision),
                Attempt::Outdated(attempt) => earlier = attempt,
            }
        }
        let cause = "the endpoint, its keys or its caller's token kept changing";
        Err(Refusal::with_cause(Reason::StoreUnavailable, cause).into())
    }

    /// The head: endpoint, caller, challenge, upstream, claim, announced size, keys. A refusal here costs no body.
    async fn judge_head(
        &self,
        request: &Request<'_>,
        source: &mut impl BodySource,
        earlier: EarlierAttempts,
        facts: &mut DeliveryFacts,
    ) -> Result<Attempt, Rejection> {
        let mut grounds = self.find_endpoint(request, facts).await?;
        let endpoint = &Arc::clone(grounds.endpoint());
        let url = self.settings.public_url(endpoint, request);
        let head = request.head(url.as_deref());
        // Before everything else: a caller that may not know of a draft learns nothing of its methods and challenges.
        let caller = self.identify(&head, &mut grounds, facts).await?;
        if self.reads_names {
            facts.names = SenderNames::of_head(endpoint, &head);
        }
        let responder = self.challenge_responder(endpoint, head);
        if let Some(answer) = answer_to_head(endpoint, request, responder.as_ref()).await? {
            return Ok(Attempt::Decided(Decision::Challenge(answer)));
        }
        let total_timeout = self.settings.total_timeout(endpoint)?;
        let claim = match (
            read_claim(&self.settings, endpoint, &caller, request, &head),
            &responder,
        ) {
            (Ok(claim), _) => claim,
            (Err(refusal), Some(responder)) if responder.may_be_in_body(source.announced_len()) => {
                let rules = self.settings.body_rules(endpoint, request);
                let body = self.receive_challenge(endpoint, rules, source, earlier.body);
                let Some(body) = body.await? else {
                    return Err(refusal.into());
                };
                facts.set_body(&body);
                let answer = responder.answer_unproven(body.bytes()).await?;
                let decision = answer.map(Decision::Challenge).ok_or(refusal)?;
                return Ok(Attempt::Decided(decision));
            }
            (Err(refusal), _) => return Err(refusal.into()),
        };
        let rules = self.settings.body_rules(endpoint, request);
        rules.check_announced(source.announced_len())?;
        let begun = self.begin_proof(endpoint, caller, claim, earlier.judged_at, &mut grounds);
        let (proof, token) = begun.await?;
        let delivery = Delivery {
            request,
            head,
            endpoint,
            responder,
            grounds,
            rules,
            total_timeout,
        };
        self.judge_body(delivery, proof, token, source, earlier, facts)
            .await
    }

    /// The body: received, hashed on arrival, and proven on the grounds that are in force at its end.
    async fn judge_body(
        &self,
        mut delivery: Delivery<'_>,
        mut proof: PendingProof,
        token: Option<WorkspaceProof>,
        source: &mut impl BodySource,
        mut earlier: EarlierAttempts,
        facts: &mut DeliveryFacts,
    ) -> Result<Attempt, Rejection> {
        let (endpoint, request) = (delivery.endpoint, delivery.request);
        earlier.judged_at = earlier.judged_at.or(proof.judged_at());
        let receiving = Stopwatch::start();
        let mut scan = MultipartScan::start(&self.settings, endpoint, request);
        let observers = BodyObservers {
            verification: proof.streaming(),
            scan: scan.as_mut(),
        };
        let received = earlier.body.take();
        let body = self.receive(endpoint, delivery.rules, observers, source, received);
        let body = body.await?;
        facts.set_body(&body);
        let received_in = receiving.elapsed();
        // Of a delivery that is judged again, the first time counts.
        facts.timings.receive.get_or_insert(received_in);

        let copy = room_to_verify(&endpoint.auth, &body).await?;
        let challenges = proof.challenges();
        let verifying = Stopwatch::start();
        let verified = proof
            .finish(&self.outbound, &delivery.head, body.bytes())
            .await;
        drop(copy);
        facts.timings.verify = Some(verifying.elapsed());
        let grounds = &mut delivery.grounds;
        let verified =
            verified.and_then(|verified| grounds.check_generation(verified, self.clock.now()));
        // Also if the proof failed: new keys may be in force by now.
        if !grounds.still_hold(self, request).await {
            return Ok(Attempt::Outdated(earlier.with_body(body)));
        }
        let verified = match verified {
            Ok(verified) => verified,
            Err(refusal) => return Err(self.reject_proof(&delivery, body, refusal).await),
        };
        facts.secret_version = verified.version();
        if self.reads_names {
            facts.names.add_body(endpoint, &delivery.head, &body);
        }
        refuse_possible_challenge(endpoint, challenges.as_deref(), &verified, body.bytes())?;
        let verified = Caller::join(token, verified);
        self.count_use(endpoint, &verified);
        self.judge_proven(delivery, verified, body, scan, earlier)
            .await
    }

    /// After the proof: challenge, account, event, ledger, payload, turn, and the grounds once more.
    async fn judge_proven(
        &self,
        delivery: Delivery<'_>,
        verified: Verified,
        body: Body,
        scan: Option<MultipartScan>,
        earlier: EarlierAttempts,
    ) -> Result<Attempt, Rejection> {
        let (endpoint, head) = (delivery.endpoint, &delivery.head);
        if let Some(responder) = &delivery.responder
            && let Some(answer) = responder.answer_proven(&verified, body.bytes()).await?
        {
            return Ok(Attempt::Decided(Decision::Challenge(answer)));
        }
        // After the challenge, which is about the app and names no account.
        if let Err(refusal) = check_account(&endpoint.auth, &verified, head, &body).await {
            let captures = endpoint.capture.is_some();
            return Err(Rejection::of_body(refusal, body, captures));
        }
        // Before the ledger: an event that is not passed on is not remembered, and can be sent again once somebody
        // subscribes to it.
        if !takes_event(endpoint, head, &body) {
            return Ok(Attempt::Decided(Decision::Ignored));
        }
        // Before the ledger and the backend: an accepted delivery must not be lost for want of memory.
        let response = body.room_for_response().await?;
        let times = self.settings.replay_times(endpoint, self.clock.now());
        let check = ReplayCheck {
            endpoint,
            head,
            verified: &verified,
            body: &body,
            keys: delivery.grounds.keys(),
        };
        let claim = check.claim(&self.ledger, &times).await?;
        let parts = scan.map(MultipartScan::finish);
        let key = examine(endpoint, delivery.request, &body, parts).await?;
        let target = (Arc::clone(endpoint), delivery.total_timeout);
        let admitted = Admitted::new(target, verified, body, claim, key, response);
        let (admitted, earlier) = self.take_turn(admitted, earlier).await?;
        if delivery.grounds.still_hold(self, delivery.request).await {
            return Ok(Attempt::Decided(Decision::Admitted(admitted)));
        }
        let (body, turn) = admitted.withdraw();
        let earlier = EarlierAttempts { turn, ..earlier };
        Ok(Attempt::Outdated(earlier.with_body(body)))
    }

    /// Finds the endpoint of a path, in a store that the caches have caught up with.
    async fn find_endpoint(
        &self,
        request: &Request<'_>,
        facts: &mut DeliveryFacts,
    ) -> Result<Grounds, Refusal> {
        let directory = &self.caches.directory;
        directory.health().wait_until_current().await;
        // Before the look-up, so that no change since then is missed.
        let revision = directory.revision();
        let found = directory.find(request.path).await?;
        facts.found = Some(found.clone());
        Ok(Grounds::new(revision, found))
    }

    /// Identifies the caller, whose token limits the grounds.
    async fn identify(
        &self,
        head: &Head<'_>,
        grounds: &mut Grounds,
        facts: &mut DeliveryFacts,
    ) -> Result<Caller, Refusal> {
        match identify_caller(&self.caches, &*self.clock, grounds.found(), head).await {
            Ok((caller, until)) => {
                grounds.limit(until);
                Ok(caller)
            }
            Err(denied) => {
                if denied.conceals_endpoint {
                    facts.found = None;
                }
                Err(denied.refusal)
            }
        }
    }

    fn challenge_responder<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        head: Head<'a>,
    ) -> Option<ChallengeResponder<'a>> {
        let challenge = endpoint.challenge.as_deref()?;
        Some(ChallengeResponder {
            challenge,
            endpoint,
            head,
            keys: &self.caches.keys,
            outbound: &self.outbound,
            now: self.clock.now(),
        })
    }

    /// Begins the proof that the caller still owes, and returns the proof of its token, if it needs both.
    async fn begin_proof(
        &self,
        endpoint: &Endpoint,
        caller: Caller,
        claim: Option<(&Proof, Claim)>,
        judged_at: Option<Timestamp>,
        grounds: &mut Grounds,
    ) -> Result<(PendingProof, Option<WorkspaceProof>), Refusal> {
        let token = match caller {
            Caller::TokenOnly(token) => {
                let verified = token.as_sole_proof(endpoint.auth.scheme());
                return Ok((PendingProof::of_head(verified), None));
            }
            Caller::TokenAndProof(token) => Some(token),
            Caller::Unchecked => None,
        };
        let proof = PendingProof::begin(claim, &self.caches, &*self.clock, judged_at, grounds);
        Ok((proof.await?, token))
    }

    /// Receives the body from the sender, or shows the one of an earlier attempt to the new observers.
    async fn receive(
        &self,
        endpoint: &Endpoint,
        rules: BodyRules,
        observers: BodyObservers<'_>,
        source: &mut impl BodySource,
        received: Option<Body>,
    ) -> Result<Body, Refusal> {
        if let Some(body) = received {
            replay_body(&body, rules, observers).await?;
            return Ok(body);
        }
        let lease = self.budget.body(source.client(), endpoint.id.as_str());
        receive(source, rules, lease, observers).await
    }

    /// Receives the body of a delivery without a claim, which may still be a challenge. `None` if it is too large.
    async fn receive_challenge(
        &self,
        endpoint: &Endpoint,
        rules: BodyRules,
        source: &mut impl BodySource,
        received: Option<Body>,
    ) -> Result<Option<Body>, Refusal> {
        let rules = BodyRules {
            limit_bytes: rules.limit_bytes.min(MAX_BODY_BYTES),
            ..rules
        };
        let observers = BodyObservers::default();
        let body = self.receive(endpoint, rules, observers, source, received);
        match body.await {
            Err(refusal) if refusal.reason == Reason::BodyTooLarge => Ok(None),
            body => body.map(Some),
        }
    }

    /// The refusal of a delivery whose proof failed.
    async fn reject_proof(
        &self,
        delivery: &Delivery<'_>,
        body: Body,
        refusal: Refusal,
    ) -> Rejection {
        let misroute = DraftMisroute {
            caches: &self.caches,
            settings: &self.settings,
            draft: delivery.endpoint,
            request: delivery.request,
            body: &body,
        };
        let refusal = misroute.refusal(refusal, &*self.clock).await;
        Rejection::of_body(refusal, body, delivery.endpoint.capture.is_some())
    }

    /// Counts the use of a secret version: operators see which one is still needed.
    fn count_use(&self, endpoint: &Endpoint, verified: &Verified) {
        if let Auth::Proof(proof) = &endpoint.auth
            && let (Some(address), Some(version)) = (&proof.key, verified.version())
        {
            let now = self.clock.now();
            self.caches.keys.uses().count(&address.secret, version, now);
        }
    }

    /// Waits for the delivery's turn, if its endpoint limits the deliveries of one key.
    async fn take_turn(
        &self,
        admitted: Admitted,
        mut earlier: EarlierAttempts,
    ) -> Result<(Admitted, EarlierAttempts), Refusal> {
        let endpoint = admitted.endpoint();
        let (Some(rule), Some(key)) = (endpoint.concurrency, admitted.key()) else {
            return Ok((admitted, earlier));
        };
        // The turn of an earlier attempt counts only if endpoint and key are still the same.
        let turn = earlier.turn.take();
        let turn = turn.filter(|turn| turn.is_of(&endpoint.id, key));
        if turn.is_some() {
            return Ok((admitted.with_turn(turn), earlier));
        }
        let since = Stopwatch::start();
        let rule = Concurrency {
            // All attempts together wait no longer than the rule says.
            wait: rule.wait.saturating_sub(earlier.waited),
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
            alone: outage_policy(endpoint),
            claimed: admitted.is_claimed(),
        };
        let permit = self.ledger.permit(&permits).await?;
        let permit = permit.ok_or(Reason::ConcurrencyLimited)?;
        earlier.waited = earlier.waited.saturating_add(since.elapsed());
        let turn = turn.with_permit(permit);
        Ok((admitted.with_turn(Some(turn)), earlier))
    }
}

impl EarlierAttempts {
    fn with_body(self, body: Body) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

/// How often a delivery is judged whose endpoint, keys or caller change meanwhile.
const MAX_ATTEMPTS: usize = 4;
