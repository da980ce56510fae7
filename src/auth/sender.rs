//! How the sender behind a preset behaves: its retries, and how it binds deliveries to one recipient.
//!
//! A timestamp tolerance shorter than the sender's retries loses deliveries after an outage. A gate that acknowledges a
//! manual resend as a replay never delivers it. So every preset declares how its sender retries.

use jiff::SignedDuration;

/// How a sender behaves, according to its documentation or source code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sender {
    /// What it does after a failed delivery.
    pub retries: Retries,
    /// The time from the first attempt to the last one; `None` if it is not published.
    pub retry_span: Option<SignedDuration>,
    /// Whether every attempt has a new signature with its own time; `None` if that is unconfirmed.
    pub fresh_signature: Option<bool>,
    /// The timestamp tolerance of the sender's library or documentation; its retries are never older.
    pub own_window: Option<SignedDuration>,
    /// The URL of the source about retries; `None` exactly for [`Retries::Unconfirmed`].
    pub retries_source: Option<String>,
    /// How a delivery is bound to its endpoint.
    pub recipient: Recipient,
    /// The URL of the source about the account in deliveries; `None` if no place is known.
    pub account_source: Option<String>,
    /// Why the signed part names no account, if that has a known reason.
    pub no_account: Option<String>,
}

/// What a sender does after a failed delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Retries {
    /// It never retries; only a person resends the delivery.
    Never,
    /// It retries with a new id.
    NewId,
    /// It retries with the same id, or with the same body if deliveries have no id.
    SameId,
    /// No source confirms what it does.
    Unconfirmed,
}

/// How a delivery is bound to the endpoint that it was sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Recipient {
    /// By the key of the operator's app, which all installations of the app share.
    AppKey,
    /// By a key that belongs to the endpoint or to the operator's account.
    Key,
    /// Not at all: the sender signs for all its customers with one key.
    None,
    /// By a setting of the endpoint that the signature covers.
    Setting,
    /// By the URL, which the signature covers; the key alone does not bind it.
    Url,
}

impl Sender {
    /// Whether a repeated delivery with the same id is an automatic retry.
    ///
    /// Then the response was lost and the backend already has the delivery. Otherwise a person resent it.
    pub fn repeats_by_itself(&self) -> bool {
        self.retries != Retries::Never
    }

    /// Whether retries are known to reuse the signature of the first attempt.
    pub fn repeats_signatures(&self) -> bool {
        self.repeats_by_itself() && self.fresh_signature == Some(false)
    }
}

impl Retries {
    const ALL: [Self; 4] = [Self::Never, Self::SameId, Self::NewId, Self::Unconfirmed];

    /// The word in declarations and lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::NewId => "new id",
            Self::SameId => "same id",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|retries| retries.word() == word)
    }
}

impl Recipient {
    const ALL: [Self; 5] = [
        Self::Key,
        Self::AppKey,
        Self::Setting,
        Self::Url,
        Self::None,
    ];

    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AppKey => "app key",
            Self::Key => "key",
            Self::None => "none",
            Self::Setting => "setting",
            Self::Url => "url",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}
