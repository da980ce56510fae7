//! The operations on tokens for operators. Every change is audited, and the audit log never holds a token.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use zeroize::Zeroizing;

use super::{RandomToken, TokenRecord, TokenStatus, TokenStore};
use crate::audit::{Action, Actor, AuditEntry};
use crate::auth::{Grant, TokenId, TokenKind};
use crate::clock::Clock;
use crate::secrets::StoreError;

/// Creates, lists and revokes tokens.
pub struct Issuer {
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
}

/// The fields of a token to create.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The organisation that owns the workspace.
    pub organisation: String,
    /// The workspace that the token acts for.
    pub workspace: String,
    /// A description for people; see [`NewToken::check_label`].
    pub label: String,
    /// The time until it expires.
    pub lifetime: Lifetime,
}

/// A created token. Its text is shown once and never stored.
pub struct IssuedToken {
    /// The stored part.
    pub record: TokenRecord,
    /// The token itself.
    pub text: Zeroizing<String>,
}

impl Issuer {
    /// An issuer for the tokens in `store`.
    pub fn new(store: Arc<dyn TokenStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Creates a token of 256 random bits.
    pub async fn create(&self, new: NewToken, actor: &Actor) -> Result<IssuedToken, TokenError> {
        NewToken::check_label(&new.label)?;
        let RandomToken { id, text, hash } = RandomToken::draw(TokenKind::Workspace)?;
        let now = self.clock.now();
        let expires_at = new.lifetime.end(now)?;
        let record = TokenRecord {
            id,
            grant: Grant {
                hash,
                organisation: new.organisation.into(),
                workspace: new.workspace.into(),
                expires_at,
                revoked_at: None,
            },
            label: new.label,
            created_at: now,
        };
        let audit = self.audit(Action::TokenCreated, &record, actor);
        self.store.add_token(&record, audit).await?;
        Ok(IssuedToken { record, text })
    }

    /// Every stored token, or those of one workspace, ordered by owner and time of creation.
    pub async fn list(&self, workspace: Option<&str>) -> Result<Vec<TokenStatus>, StoreError> {
        let mut all: Vec<TokenStatus> = Vec::new();
        loop {
            let after = all.last().map(|last| &last.record.id);
            let page = self.store.tokens(workspace, after, PAGE).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|len| len < PAGE);
            all.extend(page);
            if is_last {
                break;
            }
        }
        all.sort_by(|one, other| {
            let order = |it: &TokenStatus| it.record.created_at;
            let owner = |it: &TokenStatus| {
                let grant = &it.record.grant;
                (grant.organisation.clone(), grant.workspace.clone())
            };
            (owner(one), order(one)).cmp(&(owner(other), order(other)))
        });
        Ok(all)
    }

    /// Revokes a token. Returns false if it had already ended.
    pub async fn revoke(&self, id: &TokenId, actor: &Actor) -> Result<bool, TokenError> {
        let grant = self.store.grant(id).await?;
        let grant = grant.ok_or(TokenError::Unknown(*id))?;
        let now = self.clock.now();
        let audit = AuditEntry {
            at: now,
            actor: actor.clone(),
            action: Action::TokenRevoked,
            subject: id.to_string(),
            detail: owner(&grant),
        };
        Ok(self.store.revoke_token(id, now, audit).await?)
    }

    fn audit(&self, action: Action, record: &TokenRecord, actor: &Actor) -> AuditEntry {
        let until = record.grant.expires_at;
        let label = match record.label.as_str() {
            "" => String::new(),
            label => format!(", {label}"),
        };
        AuditEntry {
            at: self.clock.now(),
            actor: actor.clone(),
            action,
            subject: record.id.to_string(),
            detail: format!("{}, until {until:.0}{label}", owner(&record.grant)),
        }
    }
}

impl NewToken {
    /// The maximum number of characters in a label.
    pub const MAX_LABEL_CHARS: usize = 128;

    /// Checks that a label is one short line.
    pub fn check_label(label: &str) -> Result<(), ParseLabelError> {
        let fits =
            label.chars().count() <= Self::MAX_LABEL_CHARS && !label.chars().any(char::is_control);
        fits.then_some(()).ok_or(ParseLabelError)
    }
}

/// The lifetime of a token: one minute to 365 days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetime(SignedDuration);

impl Lifetime {
    /// The lifetime for a token that is used once for `work` and revoked afterwards: a minute more than `work`, and
    /// at most an hour.
    pub fn for_single_use(work: Duration) -> Self {
        let time = SignedDuration::try_from(work).unwrap_or(SignedDuration::MAX);
        let time = time.saturating_add(*BOUNDS.start());
        Self(time.min(SignedDuration::from_hours(1)))
    }

    /// The end of a lifetime that starts at `start`.
    pub fn end(self, start: Timestamp) -> Result<Timestamp, ParseLifetimeError> {
        start.checked_add(self.0).map_err(|_| ParseLifetimeError)
    }
}

impl FromStr for Lifetime {
    type Err = ParseLifetimeError;

    fn from_str(text: &str) -> Result<Self, ParseLifetimeError> {
        let span: Span = text.parse().map_err(|_| ParseLifetimeError)?;
        let days = SpanRelativeTo::days_are_24_hours();
        let time = span.to_duration(days).map_err(|_| ParseLifetimeError)?;
        let fits = BOUNDS.contains(&time);
        fits.then_some(Self(time)).ok_or(ParseLifetimeError)
    }
}

/// Text that is not a valid lifetime.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a lifetime from 1m to 365d, such as 90d or 12h")]
pub struct ParseLifetimeError;

/// Text that is not a valid label.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a label of one line with at most 128 characters")]
pub struct ParseLabelError;

/// An operation on a token that failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The label is not valid.
    #[error(transparent)]
    Label(#[from] ParseLabelError),

    /// The expiry lies outside the calendar.
    #[error(transparent)]
    Lifetime(#[from] ParseLifetimeError),

    /// The random number generator of the system failed.
    #[error("the system provides no random bytes")]
    Randomness,

    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// No token has this id.
    #[error("there is no token {0}")]
    Unknown(TokenId),
}

fn owner(grant: &Grant) -> String {
    format!("workspace {} of {}", grant.workspace, grant.organisation)
}

const BOUNDS: RangeInclusive<SignedDuration> =
    SignedDuration::from_mins(1)..=SignedDuration::from_hours(365 * 24);
const PAGE: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_minute_to_a_year_of_whole_days() {
        for (text, seconds) in [
            ("1m", Some(60)),
            ("12h", Some(43_200)),
            ("90d", Some(90 * 86_400)),
            ("365d", Some(365 * 86_400)),
            ("2w", Some(14 * 86_400)),
            ("1d 12h", Some(129_600)),
            ("59s", None),
            ("366d", None),
            ("365d 1s", None),
            ("-1d", None),
            ("0", None),
            ("90", None),
            ("", None),
            ("1 month", None),
            ("1y", None),
            ("forever", None),
        ] {
            let lifetime = text.parse::<Lifetime>().ok();
            assert_eq!(lifetime.map(|it| it.0.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn a_token_for_one_use_outlives_its_work_by_a_minute_and_an_hour_at_most() {
        for (work, expected) in [(0, 60), (90, 150), (3_540, 3_600), (3_541, 3_600)] {
            let lifetime = Lifetime::for_single_use(Duration::from_secs(work));
            assert_eq!(lifetime.0.as_secs(), expected, "{work}");
        }
        let longest = Lifetime::for_single_use(Duration::MAX);
        assert_eq!(longest.0.as_secs(), 3_600);
    }

    #[test]
    fn a_label_is_one_line_of_at_most_128_characters() {
        let longest = "ü".repeat(128);
        let too_long = "ü".repeat(129);
        for (label, is_valid) in [
            ("", true),
            ("laptop of Ada", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("a\nb", false),
            ("a\tb", false),
            ("a\u{85}b", false),
        ] {
            assert_eq!(NewToken::check_label(label).is_ok(), is_valid, "{label:?}");
        }
    }
}
