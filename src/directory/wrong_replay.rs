//! What can be wrong with what an endpoint says about replays.

use super::replay_rule::tells_apart;
use super::wrong_auth::named;
use super::{Definition, Duplicates, ReplayDefinition, ReplayKey, ReplayRule};
use crate::auth::Sender;

impl Definition {
    /// What is said about replays and cannot be.
    pub(super) fn wrong_replay(&self, wrong: &mut impl FnMut(&'static str, String)) {
        let mut wrong = |message| wrong("replay", message);
        let ReplayDefinition {
            duplicates,
            key,
            remember_ms,
            ledger_down,
        } = self.replay;
        if remember_ms.is_some_and(|time| !REMEMBER_MS.contains(&time)) {
            wrong("`remember` is from \"1s\" to \"720h\"".to_owned());
        }
        let Some(auth) = self.auth.as_ref().filter(|_| !self.replay.is_default()) else {
            return;
        };
        let whose = named(auth);
        let Ok(scheme) = auth.compiled() else {
            return; // There is no such preset, which was said.
        };
        let Some(scheme) = scheme else {
            wrong(format!(
                "{whose} proves nothing, so nothing can be told apart by it"
            ));
            return;
        };
        if key == ReplayKey::Id && scheme.id().is_none() {
            wrong(format!("{whose} has no id, so `key` cannot be `id`"));
        }
        if key == ReplayKey::Signature && !tells_apart(&scheme) {
            wrong(format!(
                "{whose} has no signature that covers the body, so `key` cannot be `signature`"
            ));
        }
        let looks_at_ids = matches!(key, ReplayKey::Auto | ReplayKey::Id);
        // To acknowledge is what most endpoints do anyway.
        let is_chosen = duplicates.is_some_and(|it| it != Duplicates::Acknowledge);
        let sender = auth.preset().map(|preset| &preset.sender);
        let repeats_signatures = sender.is_some_and(Sender::repeats_signatures) && scheme.expires();
        if is_chosen && !looks_at_ids {
            let key = key.word();
            wrong(format!(
                "`duplicates` is about ids, which `key = \"{key}\"` does not look at"
            ));
        } else if is_chosen && scheme.id().is_none() && !repeats_signatures {
            wrong(format!("{whose} has no id, so `duplicates` says nothing"));
        }
        let rule = ReplayRule::of(&self.replay, Some(&scheme), sender);
        let forwards = duplicates.is_none() && Duplicates::usual(sender) == Duplicates::Forward;
        let has_no_effect = forwards && scheme.id().is_some() && !rule.remembers();
        let asks = key == ReplayKey::Id || remember_ms.is_some() || ledger_down.is_some();
        if has_no_effect && looks_at_ids && asks && self.concurrency.is_none() {
            wrong(format!(
                "{whose} has a sender that never retries by itself, so a repeated id is forwarded and \
                 nothing is remembered: add `duplicates = \"acknowledge\"` or `\"reject\"`"
            ));
            return;
        }
        if remember_ms.is_some() && !rule.has_choice(&scheme) {
            let message = "`remember` says nothing here: there is no id and no signature without a \
                           window of its own that would be remembered";
            wrong(message.to_owned());
        }
        if ledger_down.is_some() && !rule.remembers() && self.concurrency.is_none() {
            let message = "`ledger_down` says nothing here: nothing is remembered of deliveries, and none \
                           waits for its turn (`concurrency`)";
            wrong(message.to_owned());
        }
    }
}

/// Up to thirty days.
const REMEMBER_MS: std::ops::RangeInclusive<u64> = 1000..=30 * 24 * 3_600_000;
