//! Operations on operator tokens, login links, sessions and idempotency keys.

use std::net::IpAddr;
use std::sync::PoisonError;

use jiff::Timestamp;
use tracing::warn;
use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::audit::{Action, Actor, AuditEntry};
use crate::auth::{TokenHash, TokenId, TokenKind, TokenText};
use crate::operators::attempts::{RefusalQuota, SignInAttempts};
use crate::operators::{
    CsrfToken, IdempotencyKey, IdempotencyState, LoginLink, OperatorToken, Principal,
    RequestDigest, RoleGrant, Session, SignOut, StoredAnswer, is_new_use,
};
use crate::secrets::StoreError;
use crate::tokens::{Lifetime, RandomSecret, RandomToken, TokenError};

/// The parameters of a new operator token.
#[derive(Clone, Debug)]
pub struct NewOperatorToken {
    /// The name of the token's user in lists and in the audit log.
    pub label: String,
    /// What the token allows.
    pub grants: Vec<RoleGrant>,
    /// The time until the token expires.
    pub lifetime: Lifetime,
}

/// A created operator token. Its text is shown once and never stored.
pub struct IssuedOperatorToken {
    /// The stored part.
    pub token: OperatorToken,
    /// The token itself.
    pub text: Zeroizing<String>,
}

/// A new session.
pub struct SignedIn {
    /// The value of the session cookie.
    pub session_id: Zeroizing<String>,
    /// The token that requests of the page carry.
    pub csrf: CsrfToken,
    /// The person.
    pub principal: Principal,
}

/// A valid session.
pub struct SessionState {
    /// The token that requests of the page carry.
    pub csrf: CsrfToken,
    /// The person.
    pub principal: Principal,
}

/// The limits of sign-ins, in the memory of the process.
#[derive(Debug, Default)]
pub(super) struct SignInLimits {
    attempts: SignInAttempts,
    refusals: RefusalQuota,
}

impl Control {
    /// Creates an operator token. Its text is returned once and never stored.
    pub async fn create_operator_token(
        &self,
        actor: &Actor,
        new: NewOperatorToken,
    ) -> Result<IssuedOperatorToken, ControlError> {
        check_name(&new.label)?;
        let grants = checked(new.grants)?;
        let RandomToken { id, text, hash } = RandomToken::draw(TokenKind::Operator)?;
        let now = self.clock.now();
        let token = OperatorToken {
            id,
            hash,
            label: new.label,
            grants,
            created_at: now,
            expires_at: new.lifetime.end(now).map_err(TokenError::from)?,
            revoked_at: None,
            last_used_at: None,
        };
        let detail = format!(
            "{}, {}, until {:.0}",
            token.label,
            words(&token.grants),
            token.expires_at
        );
        let audit = entry(
            now,
            actor,
            Action::OperatorTokenCreated,
            id.to_string(),
            detail,
        );
        self.store.add_operator_token(&token, audit).await?;
        Ok(IssuedOperatorToken { token, text })
    }

    /// Every operator token, ordered by label and time of creation.
    pub async fn operator_tokens(&self) -> Result<Vec<OperatorToken>, ControlError> {
        let mut all: Vec<OperatorToken> = Vec::new();
        loop {
            let after = all.last().map(|last| &last.id);
            let page = self.store.operator_tokens(after, PAGE).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|len| len < PAGE);
            all.extend(page);
            if is_last {
                break;
            }
        }
        all.sort_by(|one, other| {
            (&one.label, one.created_at).cmp(&(&other.label, other.created_at))
        });
        Ok(all)
    }

    /// An operator token by its id.
    pub async fn operator_token(&self, id: &TokenId) -> Result<OperatorToken, ControlError> {
        let found = self.store.operator_token(id).await?;
        found.ok_or(ControlError::OperatorTokenNotFound(*id))
    }

    /// Revokes an operator token at once. Returns false if it had already ended.
    pub async fn revoke_operator_token(
        &self,
        actor: &Actor,
        id: &TokenId,
    ) -> Result<bool, ControlError> {
        let token = self.operator_token(id).await?;
        let now = self.clock.now();
        let detail = format!("{}, {}", token.label, words(&token.grants));
        let audit = entry(
            now,
            actor,
            Action::OperatorTokenRevoked,
            id.to_string(),
            detail,
        );
        Ok(self.store.revoke_operator_token(id, now, audit).await?)
    }

    /// The principal of an operator token; `None` if the token is wrong, expired or revoked.
    ///
    /// The store is read each time, so a revocation counts at once.
    pub async fn operator(&self, token_text: &str) -> Result<Option<Principal>, ControlError> {
        let Some(text) = TokenText::read(TokenKind::Operator, token_text.as_bytes()) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let found = self.store.operator_token(text.id()).await?;
        let matches = text.matches(found.as_ref().map(|token| &token.hash));
        let Some(token) = found.filter(|token| matches && token.is_valid_at(now)) else {
            return Ok(None);
        };
        if is_new_use(token.last_used_at, now) {
            let used = self.store.add_token_uses(&[(token.id, now)]).await;
            warn_unless(used, "the use of an operator token");
        }
        Ok(Some(token.into_principal()))
    }

    /// Creates a login link for a person: a secret that signs in once, within 5 minutes.
    pub async fn create_login_link(
        &self,
        actor: &Actor,
        subject: String,
        grants: Vec<RoleGrant>,
    ) -> Result<Zeroizing<String>, ControlError> {
        check_name(&subject)?;
        let secret = RandomSecret::draw()?;
        let now = self.clock.now();
        let link = LoginLink::new(subject.clone(), checked(grants)?, now);
        let detail = format!("{}, until {:.0}", words(&link.grants), link.expires_at);
        let audit = entry(now, actor, Action::LoginLinkCreated, subject, detail);
        self.store
            .add_login_link(&secret.hash(), &link, now, audit)
            .await?;
        Ok(secret.text())
    }

    /// Uses a login link up and starts a session.
    ///
    /// An address with several failures must pause: see [`SignInAttempts`]. Refusals are audited, within a bound.
    pub async fn sign_in_by_link(
        &self,
        link: &str,
        address: IpAddr,
    ) -> Result<SignedIn, ControlError> {
        let now = self.clock.now();
        let begun = self.sign_in_limits(|limits| limits.attempts.begin(address, now));
        if let Err(left) = begun {
            let seconds = u64::try_from(left.as_secs()).unwrap_or_default();
            let part_of_a_second = u64::from(left.subsec_nanos() > 0);
            return Err(ControlError::SignInPaused {
                seconds: seconds.saturating_add(part_of_a_second),
            });
        }
        let signed_in = self.redeem(link, address, now).await;
        match &signed_in {
            Ok(_) => self.sign_in_limits(|limits| limits.attempts.succeeded(address)),
            Err(ControlError::SignInRefused) => {
                let detail = "the login link is unknown, used or expired";
                let actor = unknown("console", address);
                self.record_refusal(Action::SignInRefused, &actor, address, "console", detail)
                    .await;
            }
            Err(_) => self.sign_in_limits(|limits| limits.attempts.undecided(address)),
        }
        signed_in
    }

    async fn redeem(
        &self,
        link: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<SignedIn, ControlError> {
        let hash = RandomSecret::read(link).map(|secret| secret.hash());
        let hash: TokenHash = hash.ok_or(ControlError::SignInRefused)?;
        let found = self.store.login_link(&hash).await?;
        let found = found.filter(|link| link.is_valid_at(now));
        let session = Session::start(found.ok_or(ControlError::SignInRefused)?, now);
        let secret = RandomSecret::draw()?;
        let principal = session.clone().into_principal();
        let detail = format!(
            "{}, until {:.0}",
            words(&session.grants),
            session.expires_at
        );
        let audit = entry(
            now,
            &principal.actor(address),
            Action::SignedIn,
            principal.subject.clone(),
            detail,
        );
        let session_hash = secret.hash();
        let store = &self.store;
        let redeemed = store.redeem_login_link(&hash, &session_hash, &session, audit);
        if !redeemed.await? {
            // Somebody else has used it meanwhile.
            return Err(ControlError::SignInRefused);
        }
        Ok(SignedIn {
            session_id: secret.text(),
            csrf: CsrfToken::of(&secret),
            principal,
        })
    }

    /// The session of a cookie; `None` if it is unknown or has ended. A use keeps it from becoming idle.
    pub async fn session(&self, id: &str) -> Result<Option<SessionState>, ControlError> {
        let Some(secret) = RandomSecret::read(id) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let hash = secret.hash();
        let found = self.store.session(&hash).await?;
        let Some(session) = found.filter(|session| session.is_valid_at(now)) else {
            return Ok(None);
        };
        if is_new_use(Some(session.seen_at), now) {
            let touched = self.store.touch_session(&hash, now).await;
            warn_unless(touched, "the use of a session");
        }
        Ok(Some(SessionState {
            csrf: CsrfToken::of(&secret),
            principal: session.into_principal(),
        }))
    }

    /// Ends the session of a cookie, so that a copy of the cookie is worthless. Returns false if there is none.
    pub async fn sign_out(&self, actor: &Actor, id: &str) -> Result<bool, ControlError> {
        let Some(secret) = RandomSecret::read(id) else {
            return Ok(false);
        };
        let subject = actor.name().to_owned();
        let detail = "this session".to_owned();
        let audit = entry(self.clock.now(), actor, Action::SignedOut, subject, detail);
        Ok(self.store.end_session(&secret.hash(), audit).await?)
    }

    /// Ends every session of a person at once, and deletes the person's unused login links.
    pub async fn end_sessions(
        &self,
        actor: &Actor,
        subject: &str,
    ) -> Result<SignOut, ControlError> {
        check_name(subject)?;
        let detail = "all sessions and login links".to_owned();
        let now = self.clock.now();
        let audit = entry(now, actor, Action::SignedOut, subject.to_owned(), detail);
        Ok(self.store.end_sessions_of(subject, audit).await?)
    }

    /// Records that an operator was denied an action on `subject`, unless too many refusals were recorded within the
    /// last minute. Nobody but an operator is denied anything.
    pub async fn record_denied(&self, actor: &Actor, subject: &str, detail: &str) {
        if let Actor::Operator { address, .. } = actor {
            self.record_refusal(Action::Denied, actor, *address, subject, detail)
                .await;
        }
    }

    /// Records that [`operator`](Self::operator) has refused a token, within the same bound.
    pub async fn record_refused_token(&self, address: IpAddr) {
        let detail = "the operator token is unknown, expired or revoked";
        let actor = unknown("api", address);
        self.record_refusal(Action::SignInRefused, &actor, address, "admin API", detail)
            .await;
    }

    /// Reserves the idempotency key of a principal for a request. Only [`IdempotencyState::Reserved`] lets it run;
    /// then [`store_answer`](Self::store_answer) or [`release_key`](Self::release_key) follows.
    pub async fn reserve_key(
        &self,
        principal: &Principal,
        key: &IdempotencyKey,
        request: &RequestDigest,
    ) -> Result<IdempotencyState, ControlError> {
        let now = self.clock.now();
        let principal = principal.key();
        let reserved = self.store.reserve_key(&principal, key, request, now);
        Ok(reserved.await?)
    }

    /// Stores the answer to the request of a reserved key. A body that is too long is left out.
    ///
    /// The caller leaves out a body with a secret.
    pub async fn store_answer(
        &self,
        principal: &Principal,
        key: &IdempotencyKey,
        answer: StoredAnswer,
    ) -> Result<(), ControlError> {
        let fits = |body: &String| body.len() <= StoredAnswer::MAX_BODY_BYTES;
        let answer = StoredAnswer {
            body: answer.body.filter(fits),
            ..answer
        };
        let principal = principal.key();
        Ok(self.store.store_answer(&principal, key, &answer).await?)
    }

    /// Releases a reserved key, because its request changed nothing.
    pub async fn release_key(
        &self,
        principal: &Principal,
        key: &IdempotencyKey,
    ) -> Result<(), ControlError> {
        Ok(self.store.release_key(&principal.key(), key).await?)
    }

    /// Validates the label of an operator token or the name of a person.
    pub fn check_operator_name(name: &str) -> Result<(), ControlError> {
        check_name(name)
    }

    async fn record_refusal(
        &self,
        action: Action,
        actor: &Actor,
        address: IpAddr,
        subject: &str,
        detail: &str,
    ) {
        let now = self.clock.now();
        let admitted = self.sign_in_limits(|limits| limits.refusals.admit(address, now));
        let Some(skipped) = admitted else { return };
        let mut detail = shown(detail);
        if skipped > 0 {
            detail.push_str(&format!("; {skipped} earlier refusals are not recorded"));
        }
        let audit = entry(now, actor, action, shown(subject), detail);
        warn_unless(self.store.record(audit).await, "a refusal");
    }

    fn sign_in_limits<T>(&self, act: impl FnOnce(&mut SignInLimits) -> T) -> T {
        let limits = self.sign_ins.lock();
        act(&mut limits.unwrap_or_else(PoisonError::into_inner))
    }
}

fn entry(
    at: Timestamp,
    actor: &Actor,
    action: Action,
    subject: String,
    detail: String,
) -> AuditEntry {
    AuditEntry {
        at,
        actor: actor.clone(),
        action,
        subject,
        detail,
    }
}

/// Somebody who is not signed in.
fn unknown(surface: &'static str, address: IpAddr) -> Actor {
    Actor::Operator {
        subject: "unknown".to_owned(),
        surface,
        address,
    }
}

/// A name in the audit log must say something.
fn check_name(name: &str) -> Result<(), ControlError> {
    if name.trim().is_empty() {
        return Err(ControlError::OperatorUnnamed);
    }
    Control::check_token_label(name)
}

/// The grants without repetitions.
fn checked(grants: Vec<RoleGrant>) -> Result<Vec<RoleGrant>, ControlError> {
    let mut checked: Vec<RoleGrant> = Vec::new();
    for grant in grants {
        if !checked.contains(&grant) {
            checked.push(grant);
        }
        if checked.len() > MAX_GRANTS {
            return Err(ControlError::TooManyRoles);
        }
    }
    if checked.is_empty() {
        return Err(ControlError::NoRole);
    }
    Ok(checked)
}

fn words(grants: &[RoleGrant]) -> String {
    let words: Vec<String> = grants.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// Text of a request as the audit log holds it.
fn shown(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(MAX_SHOWN_CHARS).collect()
}

/// A sign-in or a refusal does not fail because a note about it cannot be written.
fn warn_unless(written: Result<(), StoreError>, what: &str) {
    if let Err(error) = written {
        warn!(%error, "{what} could not be recorded");
    }
}

const MAX_GRANTS: usize = 32;
const MAX_SHOWN_CHARS: usize = 256;
const PAGE: u32 = 1000;
