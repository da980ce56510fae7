//! The sender behind a preset: its retries, and what ties its deliveries to one recipient.
//!
//! A window that ends before the sender's last retry loses deliveries after an outage, and a default that
//! acknowledges what a person sends again on purpose delivers nothing. So every preset states both.

use jiff::SignedDuration;

/// How a sender behaves, as its own pages or programs say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sender {
    /// What it does after a delivery that was not accepted.
    pub retries: Retries,
    /// The time from the first attempt to the last one; `None` if the sender publishes none.
    pub retry_span: Option<SignedDuration>,
    /// Whether every attempt carries a signature over its own time; `None` if nobody has confirmed either.
    pub fresh_signature: Option<bool>,
    /// The window that the sender's own library or page keeps: its retries cannot be older.
    pub own_window: Option<SignedDuration>,
    /// Where the sender says so; `None` exactly for retries that nobody has confirmed.
    pub retries_source: Option<String>,
    /// What ties a delivery to the endpoint that it was sent to.
    pub recipient: Recipient,
    /// Where the provider says that its deliveries name their account; `None` if no place is known.
    pub account_source: Option<String>,
    /// Why no account can be told from what is signed, where that has a reason.
    pub no_account: Option<String>,
}

/// What a sender does after a delivery that was not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Retries {
    /// Nothing by itself: only a person sends the delivery again, on purpose.
    Never,
    /// It sends the delivery again under another id.
    NewId,
    /// It sends the delivery again under the same id, or the same body where there is no id.
    SameId,
    /// Nobody has confirmed what it does.
    Unconfirmed,
}

/// What ties a delivery to the endpoint that it was sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Recipient {
    /// The key belongs to the operator's app: every installation of that app shares it.
    AppKey,
    /// The key belongs to the endpoint, or to the operator's account.
    Key,
    /// Nothing: the sender signs for all of its customers with one key.
    None,
    /// A setting of the endpoint that the signature covers.
    Setting,
    /// The URL that the signature covers; the key alone ties it to nobody.
    Url,
}

impl Sender {
    /// Whether a repeated delivery under one id is the sender's retry: then its answer was lost, and the
    /// backend has it. Otherwise a person has sent it again on purpose.
    pub fn repeats_by_itself(&self) -> bool {
        self.retries != Retries::Never
    }

    /// Whether the sender is known to retry with the signature of its first attempt.
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
