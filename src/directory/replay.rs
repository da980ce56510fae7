//! What an endpoint declares about replays and duplicates, and the rule that follows from it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::{Covers, Scheme, Sender};

/// What an endpoint declares about replays and duplicates.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayDefinition {
    /// What happens to an event that was accepted before. By default the preset decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
    /// How deliveries are identified.
    #[serde(skip_serializing_if = "is_default")]
    pub key: ReplayKey,
    /// How long an accepted delivery is remembered, in milliseconds. By default the server decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_ms: Option<u64>,
    /// What happens while the shared ledger cannot be reached. By default it follows from the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_down: Option<LedgerDown>,
}

impl ReplayDefinition {
    pub(super) fn is_default(&self) -> bool {
        is_default(self)
    }
}

/// What happens to an event that was accepted before.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the response for each case is one exhaustive match"
)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The sender gets a success, and the backend is not contacted.
    #[default]
    Acknowledge,
    /// It goes to the backend as if it were new.
    Forward,
    /// It is refused.
    Reject,
}

impl Duplicates {
    const ALL: [Self; 3] = [Self::Acknowledge, Self::Reject, Self::Forward];

    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Forward => "forward",
            Self::Reject => "reject",
        }
    }

    /// The default for this sender.
    pub fn default_for(sender: Option<&Sender>) -> Self {
        match sender {
            Some(sender) if !sender.repeats_by_itself() => Self::Forward,
            _ => Self::Acknowledge,
        }
    }
}

/// What happens to deliveries while the shared ledger cannot be reached.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "fail-closed or fail-open")]
#[serde(rename_all = "kebab-case")]
pub enum LedgerDown {
    /// Fail-closed: they are refused, and senders retry.
    #[default]
    Closed,
    /// Fail-open: each node judges by its own memory, so a delivery that another node accepted is admitted again.
    Local,
}

impl LedgerDown {
    const ALL: [Self; 2] = [Self::Closed, Self::Local];

    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Local => "local",
        }
    }
}

/// How deliveries are identified.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum ReplayKey {
    /// By what the scheme has: a signature over a timestamp, an id, or both.
    #[default]
    Auto,
    /// By the id alone.
    Id,
    /// Deliveries are not remembered.
    None,
    /// By the signature alone, with or without a timestamp.
    Signature,
}

impl ReplayKey {
    const ALL: [Self; 4] = [Self::Auto, Self::Id, Self::Signature, Self::None];

    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Id => "id",
            Self::None => "none",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Duplicates {
    type Err = ParseDuplicatesError;

    fn from_str(text: &str) -> Result<Self, ParseDuplicatesError> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.word() == text).ok_or(ParseDuplicatesError)
    }
}

impl fmt::Display for LedgerDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for LedgerDown {
    type Err = ParseLedgerDownError;

    fn from_str(text: &str) -> Result<Self, ParseLedgerDownError> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.word() == text).ok_or(ParseLedgerDownError)
    }
}

impl fmt::Display for ReplayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for ReplayKey {
    type Err = ParseReplayKeyError;

    fn from_str(text: &str) -> Result<Self, ParseReplayKeyError> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.word() == text).ok_or(ParseReplayKeyError)
    }
}

/// How an endpoint tells replays and duplicates from new deliveries.
///
/// A *signature* over a timestamp differs for every delivery, so the same one again is a replay. An *id* names an
/// event, and a sender that got no response sends the event again. The scheme says which of them a delivery has; the
/// endpoint declares what happens.
///
/// A sender that never retries repeats an id only because a person asked for it. Such repeats are forwarded by
/// default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReplayRule {
    /// Whether a repeated signature is refused.
    pub signature: bool,
    /// Whether a repeated signature is acknowledged as a duplicate, because this sender retries with the signature of
    /// its first attempt.
    pub acknowledges_signature: bool,
    /// What happens to a repeated id; `None` if repeats are forwarded, so ids need not be remembered.
    pub id: Option<Duplicates>,
    /// How long an accepted delivery is remembered. By default the server decides.
    pub remember: Option<Duration>,
    /// What happens while the shared ledger cannot be reached.
    pub ledger_down: LedgerDown,
}

impl ReplayRule {
    /// The rule for a declaration, a scheme and a sender.
    pub fn of(
        definition: &ReplayDefinition,
        scheme: Option<&Scheme>,
        sender: Option<&Sender>,
    ) -> Self {
        let ReplayDefinition {
            duplicates,
            key,
            remember_ms,
            ledger_down,
        } = *definition;
        let duplicates = duplicates.unwrap_or_else(|| Duplicates::default_for(sender));
        let is_timed = scheme.is_some_and(Scheme::expires);
        let is_signed = scheme.is_some_and(distinguishes_deliveries);
        let has_id = scheme.is_some_and(|scheme| scheme.id().is_some());
        let (signature, id) = match key {
            ReplayKey::Auto => (is_timed, has_id),
            ReplayKey::Id => (false, has_id),
            ReplayKey::None => (false, false),
            ReplayKey::Signature => (is_signed, false),
        };
        let id = (id && duplicates != Duplicates::Forward).then_some(duplicates);
        let acknowledges_signature = key == ReplayKey::Auto
            && signature
            && duplicates == Duplicates::Acknowledge
            && sender.is_some_and(Sender::repeats_signatures);
        // Fail-open is the default if the worst outcome is that the backend sees an event twice, or too many
        // deliveries of one key. Otherwise a replay would be admitted.
        let refuses_no_replay = !signature && matches!(id, None | Some(Duplicates::Acknowledge));
        let default = if refuses_no_replay {
            LedgerDown::Local
        } else {
            LedgerDown::Closed
        };
        Self {
            signature,
            acknowledges_signature,
            id,
            remember: remember_ms.map(Duration::from_millis),
            ledger_down: ledger_down.unwrap_or(default),
        }
    }

    /// True if deliveries are remembered at all.
    pub fn remembers(&self) -> bool {
        self.signature || self.id.is_some()
    }

    /// True if the retention can be chosen. The window of a signature fixes it for replays.
    pub(super) fn has_choice(&self, scheme: &Scheme) -> bool {
        let has_window = scheme.timestamp().is_some_and(|time| time.window.is_some());
        self.id.is_some() || (self.signature && !has_window)
    }
}

/// A word that is not a [`Duplicates`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `acknowledge`, `reject` or `forward`")]
pub struct ParseDuplicatesError;

/// A word that is not a [`LedgerDown`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `closed` or `local`")]
pub struct ParseLedgerDownError;

/// A word that is not a [`ReplayKey`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `auto`, `id`, `signature` or `none`")]
pub struct ParseReplayKeyError;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// True if the signature covers the body, so two different deliveries cannot share it.
pub(super) fn distinguishes_deliveries(scheme: &Scheme) -> bool {
    scheme.covers_body() && scheme.covers() > Covers::Head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Mode, Preset};

    /// The rule for one declaration, as a line of words.
    fn rule(sender: &str, key: ReplayKey, duplicates: Option<Duplicates>) -> String {
        let definition = ReplayDefinition {
            duplicates,
            key,
            ..ReplayDefinition::default()
        };
        let rule = if let Some(preset) = Preset::named(sender) {
            ReplayRule::of(&definition, Some(&preset.scheme), Some(&preset.sender))
        } else {
            let mode: Mode = sender.parse().unwrap();
            let scheme = mode.plain_scheme(None).unwrap();
            ReplayRule::of(&definition, scheme.as_ref(), None)
        };
        let signature = match (rule.signature, rule.acknowledges_signature) {
            (false, false) => "-",
            (true, false) => "refuse",
            (true, true) => "acknowledge",
            (false, true) => "acknowledge without a signature",
        };
        let id = rule.id.map_or("-", Duplicates::word);
        assert_eq!(rule.remembers(), (signature, id) != ("-", "-"));
        format!("{signature} {id} {}", rule.ledger_down)
    }

    #[test]
    fn a_rule_follows_from_the_key_the_scheme_and_the_retries_of_the_sender() {
        use Duplicates::{Acknowledge, Forward, Reject};
        use ReplayKey::{Auto, Id, None as Nothing, Signature};
        for (sender, key, duplicates, expected) in [
            // It signs a time and an id, and signs every retry again.
            ("stripe", Auto, None, "refuse acknowledge closed"),
            ("stripe", Auto, Some(Reject), "refuse reject closed"),
            ("stripe", Auto, Some(Forward), "refuse - closed"),
            ("stripe", Id, None, "- acknowledge local"),
            ("stripe", Id, Some(Reject), "- reject closed"),
            ("stripe", Id, Some(Forward), "- - local"),
            ("stripe", Signature, None, "refuse - closed"),
            ("stripe", Nothing, Some(Reject), "- - local"),
            // It repeats the signature of its first attempt.
            ("mailgun", Auto, None, "acknowledge acknowledge closed"),
            ("mailgun", Auto, Some(Reject), "refuse reject closed"),
            ("mailgun", Auto, Some(Forward), "refuse - closed"),
            ("mailgun", Signature, None, "refuse - closed"),
            // Its signature covers the head only, so two deliveries can share one.
            ("plivo-v2", Signature, None, "- - local"),
            // It signs no time and never retries by itself.
            ("github", Auto, None, "- - local"),
            ("github", Auto, Some(Acknowledge), "- acknowledge local"),
            ("github", Auto, Some(Reject), "- reject closed"),
            ("github", Signature, None, "refuse - closed"),
            ("github", Signature, Some(Acknowledge), "refuse - closed"),
            // A token is the same in every delivery.
            ("secret", Auto, Some(Reject), "- - local"),
            ("secret", Id, Some(Reject), "- - local"),
            ("secret", Signature, Some(Reject), "- - local"),
            ("none", Signature, Some(Reject), "- - local"),
        ] {
            let found = rule(sender, key, duplicates);
            assert_eq!(found, expected, "{sender} {key} {duplicates:?}");
        }
    }

    #[test]
    fn a_declared_outage_policy_and_retention_override_the_defaults() {
        let definition = ReplayDefinition {
            remember_ms: Some(1500),
            ledger_down: Some(LedgerDown::Closed),
            ..ReplayDefinition::default()
        };
        let rule = ReplayRule::of(&definition, None, None);
        assert_eq!(rule.ledger_down, LedgerDown::Closed);
        assert_eq!(rule.remember, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn every_declared_word_names_its_value_and_no_other_word_does() {
        for it in Duplicates::ALL {
            assert_eq!(it.word().parse(), Ok(it));
            assert_eq!(serde_json::to_value(it).unwrap(), it.word());
        }
        for it in LedgerDown::ALL {
            assert_eq!(it.word().parse(), Ok(it));
            assert_eq!(serde_json::to_value(it).unwrap(), it.word());
        }
        for it in ReplayKey::ALL {
            assert_eq!(it.word().parse(), Ok(it));
            assert_eq!(serde_json::to_value(it).unwrap(), it.word());
        }
        for word in ["", "Forward", "open", "ids"] {
            assert_eq!(word.parse::<Duplicates>(), Err(ParseDuplicatesError));
            assert_eq!(word.parse::<LedgerDown>(), Err(ParseLedgerDownError));
            assert_eq!(word.parse::<ReplayKey>(), Err(ParseReplayKeyError));
        }
    }
}
