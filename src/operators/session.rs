//! Sessions of the browser, and the login links that start them.
//!
//! The browser holds 256 random bits, and the store holds their SHA-256. A copy of the store therefore signs nobody in.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Principal, PrincipalKind, RoleGrant};
use crate::tokens::RandomSecret;

/// A session as it is stored, apart from the hash that finds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The name of the person.
    pub subject: String,
    /// What the session allows.
    pub grants: Vec<RoleGrant>,
    /// When the person signed in.
    pub signed_in_at: Timestamp,
    /// The last use that is in the store. Uses within a minute are written once.
    pub seen_at: Timestamp,
    /// When it ends, however often it is used.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session without a use for this long has ended.
    pub const MAX_IDLE: SignedDuration = SignedDuration::from_mins(30);
    /// The longest life of a session.
    pub const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
    /// The number of sessions of one person. A further sign-in ends the oldest.
    pub const MAX_OF_SUBJECT: u32 = 20;

    /// A session that starts at `now`.
    pub fn start(link: LoginLink, now: Timestamp) -> Self {
        Self {
            subject: link.subject,
            grants: link.grants,
            signed_in_at: now,
            seen_at: now,
            expires_at: after(now, Self::LIFETIME),
        }
    }

    /// Whether the session is valid at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        now < self.expires_at && now.duration_since(self.seen_at) < Self::MAX_IDLE
    }

    /// The principal that the session signs in.
    pub fn into_principal(self) -> Principal {
        Principal {
            subject: self.subject,
            kind: PrincipalKind::Session {
                signed_in_at: self.signed_in_at,
            },
            grants: self.grants,
        }
    }
}

/// A link that signs a person in once, apart from the hash that finds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoginLink {
    /// The name of the person.
    pub subject: String,
    /// What the session will allow.
    pub grants: Vec<RoleGrant>,
    /// When the link expires.
    pub expires_at: Timestamp,
}

impl LoginLink {
    /// The life of a link.
    pub const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

    /// A link that is created at `now`.
    pub fn new(subject: String, grants: Vec<RoleGrant>, now: Timestamp) -> Self {
        Self {
            subject,
            grants,
            expires_at: after(now, Self::LIFETIME),
        }
    }

    /// Whether the link is valid at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// How much of a person's access a sign-out has ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SignOut {
    /// The number of sessions that were valid.
    pub sessions: u64,
    /// The number of login links that were not used yet.
    pub links: u64,
}

/// Proves that a request comes from the page of the session, and not from another page with the same cookie.
///
/// It is computed from the secret of the session, so the store does not hold it.
pub struct CsrfToken(Zeroizing<String>);

impl CsrfToken {
    /// The token of a session.
    pub fn of(session: &RandomSecret) -> Self {
        let digest = Sha256::new()
            .chain_update(b"portcullis csrf token")
            .chain_update(session.bytes());
        Self(Zeroizing::new(hex::encode(digest.finalize())))
    }

    /// The text for the page.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request has sent this token.
    pub fn matches(&self, sent: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(sent).into()
    }
}

/// Whether a use at `now` must be written, if the store has `last`.
pub fn is_new_use(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.duration_since(last) >= WRITE_USES_EVERY)
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

const WRITE_USES_EVERY: SignedDuration = SignedDuration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn link() -> LoginLink {
        let grants = vec!["admin".parse().unwrap()];
        LoginLink::new("ana".to_owned(), grants, at(0))
    }

    #[test]
    fn a_link_is_valid_for_five_minutes() {
        assert!(link().is_valid_at(at(4)));
        assert!(!link().is_valid_at(at(5)));
    }

    #[test]
    fn a_session_ends_after_half_an_hour_without_use_and_after_twelve_hours_in_any_case() {
        let mut session = Session::start(link(), at(0));
        for (minute, is_valid) in [(0, true), (29, true), (30, false), (31, false)] {
            assert_eq!(session.is_valid_at(at(minute)), is_valid, "{minute}");
        }
        session.seen_at = at(719);
        for (minute, is_valid) in [(719, true), (720, false), (721, false)] {
            assert_eq!(session.is_valid_at(at(minute)), is_valid, "{minute}");
        }
    }

    #[test]
    fn uses_are_written_once_a_minute() {
        assert!(is_new_use(None, at(5)));
        assert!(!is_new_use(Some(at(5)), at(5)));
        assert!(is_new_use(Some(at(4)), at(5)));
        // The clock of the node that wrote the last use is ahead.
        assert!(!is_new_use(Some(at(6)), at(5)));
    }

    /// Computed with Python's `hashlib`.
    #[test]
    fn the_csrf_token_belongs_to_one_session() {
        let session = RandomSecret::read(&"01".repeat(32)).unwrap();
        let token = CsrfToken::of(&session);
        assert_eq!(token.as_str(), CSRF_OF_01);
        assert!(token.matches(CSRF_OF_01.as_bytes()));
        let other = CsrfToken::of(&RandomSecret::read(&"02".repeat(32)).unwrap());
        assert!(!token.matches(other.as_str().as_bytes()));
        assert!(!token.matches(b""));
        assert!(!token.matches(&token.as_str().as_bytes()[..63]));
    }

    const CSRF_OF_01: &str = "dc60d99701996c2931a235dfc2ffcd8d0595febd00419cc91c34b2e315a22303";
}
