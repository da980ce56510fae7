//! The impact of a change on deliveries, as data. Each surface shows it before it asks for confirmation.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Control, ControlError, EndpointPlan, FlowPlan};
use crate::clock::hour_of;
use crate::directory::{AuthDefinition, Definition, EndpointChange, EndpointId, OperatorChange};
use crate::secrets::{SecretRef, StoredVersion, VersionUse};

/// The impact of a change on deliveries.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Impact {
    /// The senders whose deliveries are refused after the change.
    pub senders: Vec<SenderImpact>,
    /// The secrets whose versions end.
    pub secrets: Vec<SecretImpact>,
}

/// The senders of an endpoint whose deliveries are refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SenderImpact {
    /// The endpoint.
    #[schema(value_type = String)]
    pub endpoint: EndpointId,
    /// The URL that they deliver to.
    pub url: Option<String>,
    /// The preset or the mode of their proof.
    pub proof: Option<String>,
    /// The reason for the refusal.
    pub refusal: Refusal,
    /// The start of the refusals; `None` means immediately.
    pub from: Option<Timestamp>,
}

/// Why senders are refused after a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The endpoint no longer accepts deliveries: 404.
    NotConfigured,
    /// The senders still use the old value: 401.
    OldSecret,
    /// The endpoint requires another proof: 401 until the senders use it.
    OtherProof,
    /// The endpoint has no secret: 401.
    SecretUnbound,
}

/// A secret whose versions end.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SecretImpact {
    /// The secret.
    #[schema(value_type = String)]
    pub secret: SecretRef,
    /// The endpoints that use it.
    #[schema(value_type = Vec<String>)]
    pub shared_by: Vec<EndpointId>,
    /// The versions that end.
    pub versions: Vec<VersionImpact>,
}

/// A version that ends, and its recent use.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VersionImpact {
    /// The number of the version.
    pub version: u32,
    /// The deliveries that it has authenticated.
    pub deliveries: u64,
    /// The time of the last such delivery.
    pub last_used_at: Option<Timestamp>,
    /// Whether the last delivery was within 24 hours.
    pub used_in_last_day: bool,
    /// The deliveries that it authenticated in the last 24 hours, by whole hours of the clock; `None` if they were not
    /// counted by hour.
    pub deliveries_last_day: Option<u64>,
    /// The end of the version; `None` means immediately.
    pub ends_at: Option<Timestamp>,
}

impl Control {
    /// The impact of [`rotate_secret`](Self::rotate_secret), which is refused as the rotation would be.
    pub async fn rotation_impact(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
    ) -> Result<Impact, ControlError> {
        self.refuse_rotation(secret).await?;
        if self.store.versions(secret).await?.is_empty() {
            return Err(ControlError::SecretUnbound(secret.clone()));
        }
        self.replacement_impact(secret, overlap).await
    }

    /// The impact of [`set_secret`](Self::set_secret). A secret without a version has none.
    pub async fn replacement_impact(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
    ) -> Result<Impact, ControlError> {
        let ends_at = (!overlap.is_zero()).then(|| {
            let now = self.clock.now();
            now.checked_add(overlap).unwrap_or(Timestamp::MAX)
        });
        self.secret_impact(secret, Refusal::OldSecret, ends_at)
            .await
    }

    /// The impact of [`retire_secret`](Self::retire_secret) on the version before the current one.
    pub async fn previous_retirement_impact(
        &self,
        secret: &SecretRef,
    ) -> Result<Impact, ControlError> {
        let mut impact = self.secret_impact(secret, Refusal::OldSecret, None).await?;
        // The current version stays.
        for secret in &mut impact.secrets {
            secret.versions = secret.versions.split_off(1.min(secret.versions.len()));
        }
        if impact.secrets.iter().all(|it| it.versions.is_empty()) {
            return Err(ControlError::NothingToRetire {
                secret: secret.clone(),
                current: false,
            });
        }
        Ok(impact)
    }

    /// The impact of [`retire_secret`](Self::retire_secret) on every version of a secret.
    pub async fn retirement_impact(&self, secret: &SecretRef) -> Result<Impact, ControlError> {
        let impact = self.secret_impact(secret, Refusal::SecretUnbound, None);
        let impact = impact.await?;
        if impact.secrets.iter().all(|it| it.versions.is_empty()) {
            return Err(ControlError::NothingToRetire {
                secret: secret.clone(),
                current: true,
            });
        }
        Ok(impact)
    }

    /// The impact of [`perform`](Self::perform).
    pub async fn endpoint_impact(&self, plan: &EndpointPlan) -> Result<Impact, ControlError> {
        let mut impact = Impact::default();
        let changes = plan.changes();
        let deleted: BTreeSet<&EndpointId> = changes
            .iter()
            .filter_map(|change| match change {
                EndpointChange::Delete(id) => Some(id),
                _ => None,
            })
            .collect();
        for change in changes {
            let (id, refusal) = match change {
                EndpointChange::Delete(id) => (id, Some(Refusal::NotConfigured)),
                EndpointChange::Operate(id, OperatorChange::Suspend(true)) => {
                    (id, Some(Refusal::NotConfigured))
                }
                EndpointChange::Operate(id, _) => (id, None),
                EndpointChange::Adopt(new) | EndpointChange::Put(new) => {
                    let old = self.store.endpoint(new.id.as_str()).await?;
                    (&new.id, old.and_then(|old| update_refusal(&old, new)))
                }
            };
            let Some(refusal) = refusal else { continue };
            let Some(old) = self.store.endpoint(id.as_str()).await? else {
                continue;
            };
            if takes_deliveries(&old) {
                impact.senders.push(self.sender(&old, refusal, None));
            }
            // A secret ends with its last endpoint. The secret of a flow's slot stays.
            let secrets = if deleted.contains(id) && old.flow.is_none() {
                [old.secret(), old.verify_token()]
            } else {
                [None, None]
            };
            for secret in secrets.into_iter().flatten() {
                let users = self.users_of(&secret).await?;
                let is_known = impact.secrets.iter().any(|it| it.secret == secret);
                if !is_known && users.iter().all(|user| deleted.contains(&user.id)) {
                    impact
                        .secrets
                        .push(self.ending(&secret, &users, None).await?);
                }
            }
        }
        impact.secrets.retain(|secret| !secret.versions.is_empty());
        Ok(impact)
    }

    /// The impact of [`perform_flow`](Self::perform_flow).
    pub async fn flow_impact(&self, plan: &FlowPlan) -> Result<Impact, ControlError> {
        let mut impact = self.endpoint_impact(plan.endpoints()).await?;
        for slot in plan.unbound() {
            for user in self.users_of(&slot.secret).await? {
                if impact.senders.iter().all(|it| it.endpoint != user.id) {
                    let sender = self.sender(&user, Refusal::SecretUnbound, None);
                    impact.senders.push(sender);
                }
            }
        }
        let removed: BTreeSet<String> = plan.removed_scopes().collect();
        for id in plan.endpoints().deleted() {
            let Some(old) = self.store.endpoint(id.as_str()).await? else {
                continue;
            };
            let secrets = [old.secret(), old.verify_token()];
            let ending = secrets.into_iter().flatten();
            for secret in ending.filter(|secret| removed.contains(secret.scope())) {
                if impact.secrets.iter().all(|it| it.secret != secret) {
                    let users = self.users_of(&secret).await?;
                    let ending = self.ending(&secret, &users, None).await?;
                    impact.secrets.push(ending);
                }
            }
        }
        impact.secrets.retain(|secret| !secret.versions.is_empty());
        Ok(impact)
    }

    async fn secret_impact(
        &self,
        secret: &SecretRef,
        refusal: Refusal,
        ends_at: Option<Timestamp>,
    ) -> Result<Impact, ControlError> {
        let users = self.users_of(secret).await?;
        let ending = self.ending(secret, &users, ends_at).await?;
        let taking = users.iter().filter(|user| takes_deliveries(user));
        Ok(Impact {
            senders: match ending.versions.as_slice() {
                // Without a valid version every delivery is refused already.
                [] => Vec::new(),
                _ => taking
                    .map(|user| self.sender(user, refusal, ends_at))
                    .collect(),
            },
            secrets: vec![ending],
        })
    }

    /// The valid versions of a secret, which end at `ends_at` at the latest.
    async fn ending(
        &self,
        secret: &SecretRef,
        users: &[Definition],
        ends_at: Option<Timestamp>,
    ) -> Result<SecretImpact, ControlError> {
        let now = self.clock.now();
        let versions = self.store.versions(secret).await?;
        let counts = self.store.uses(secret).await?;
        let since = hour_of(now.checked_sub(DAY).unwrap_or(Timestamp::MIN));
        let last_day = self.store.version_counts(secret, since).await?;
        let counting = StoredVersion::counting(&versions, now);
        let valid = counting.into_iter().flat_map(|(current, previous)| {
            let previous = previous.map(|(version, until)| (version, Some(until)));
            std::iter::once((current, None)).chain(previous)
        });
        let versions = valid.map(|(version, until)| {
            let counter = counts.iter().find(|it| it.version == version.version);
            let last_day = last_day.iter().find(|(it, _)| *it == version.version);
            let last_day = last_day.map(|(_, deliveries)| *deliveries);
            VersionImpact::new(version.version, counter, last_day, now, (until, ends_at))
        });
        Ok(SecretImpact {
            secret: secret.clone(),
            shared_by: users.iter().map(|user| user.id.clone()).collect(),
            versions: versions.collect(),
        })
    }

    fn sender(
        &self,
        definition: &Definition,
        refusal: Refusal,
        from: Option<Timestamp>,
    ) -> SenderImpact {
        let auth = definition.auth.as_ref();
        SenderImpact {
            endpoint: definition.id.clone(),
            url: self.url(definition),
            proof: auth.map(|auth| match AuthDefinition::named_preset(auth) {
                Some(_) => auth.preset.clone().unwrap_or_default(),
                None => auth.mode.to_string(),
            }),
            refusal,
            from,
        }
    }
}

impl VersionImpact {
    /// The impact of the end of a version. It ends at `ends_at`, or at `until` if that is earlier. `last_day` counts its
    /// deliveries by hour.
    fn new(
        version: u32,
        counter: Option<&VersionUse>,
        last_day: Option<u64>,
        now: Timestamp,
        (until, ends_at): (Option<Timestamp>, Option<Timestamp>),
    ) -> Self {
        let last_used_at = counter.map(|it| it.last_used_at);
        let used_in_last_day = last_used_at.is_some_and(|at| now.duration_since(at) < DAY);
        Self {
            version,
            deliveries: counter.map_or(0, |it| it.deliveries),
            last_used_at,
            used_in_last_day,
            // A store that was counted by an older version has totals only.
            deliveries_last_day: if used_in_last_day { last_day } else { Some(0) },
            ends_at: ends_at.map(|at| until.map_or(at, |until| until.min(at))),
        }
    }
}

/// Why deliveries are refused after `new` has replaced `old`; `None` if they are not, or were refused before.
fn update_refusal(old: &Definition, new: &Definition) -> Option<Refusal> {
    if !takes_deliveries(old) {
        None
    } else if !takes_deliveries(new) {
        Some(Refusal::NotConfigured)
    } else if old.auth != new.auth {
        Some(Refusal::OtherProof)
    } else {
        None
    }
}

fn takes_deliveries(definition: &Definition) -> bool {
    definition.enabled && !definition.suspended
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Mode;

    /// An endpoint with a mode: enabled or not, suspended or not.
    fn endpoint(mode: Mode, enabled: bool, suspended: bool) -> Definition {
        let name = |text: &str| text.parse().unwrap();
        let id = "workflows/pr-bot".parse().unwrap();
        let mut definition = Definition::new(id, name("acme"), name("main"), "backend".to_owned());
        definition.auth = Some(AuthDefinition::of(mode));
        definition.enabled = enabled;
        definition.suspended = suspended;
        definition
    }

    #[test]
    fn an_update_refuses_deliveries_if_it_stops_the_endpoint_or_changes_the_proof() {
        use Mode::{Bearer, Hmac};
        use Refusal::{NotConfigured, OtherProof};
        for (old, new, expected) in [
            ((Hmac, true, false), (Hmac, true, false), None),
            ((Hmac, true, false), (Bearer, true, false), Some(OtherProof)),
            (
                (Hmac, true, false),
                (Hmac, false, false),
                Some(NotConfigured),
            ),
            ((Hmac, true, false), (Hmac, true, true), Some(NotConfigured)),
            (
                (Hmac, true, false),
                (Bearer, false, false),
                Some(NotConfigured),
            ),
            // Its deliveries were refused before.
            ((Hmac, false, false), (Hmac, false, false), None),
            ((Hmac, false, false), (Bearer, true, false), None),
            ((Hmac, true, true), (Bearer, true, false), None),
        ] {
            let of = |(mode, enabled, suspended)| endpoint(mode, enabled, suspended);
            assert_eq!(
                update_refusal(&of(old), &of(new)),
                expected,
                "{old:?} {new:?}"
            );
        }
        let mut described = endpoint(Hmac, true, false);
        described.description = Some("text".to_owned());
        assert_eq!(
            update_refusal(&endpoint(Hmac, true, false), &described),
            None
        );
    }

    #[test]
    fn a_version_ends_at_the_earlier_time_and_shows_its_use_of_the_last_day() {
        const NOW: i64 = 1_000_000;
        let at = |second| Timestamp::from_second(second).unwrap();
        let day = 24 * 60 * 60;
        for (last_used, until, ends_at, used_in_last_day, expected_end) in [
            (None, None, None, false, None),
            (Some(NOW), None, None, true, None),
            (
                Some(NOW - day + 1),
                None,
                Some(NOW + 60),
                true,
                Some(NOW + 60),
            ),
            (Some(NOW - day), None, Some(NOW + 60), false, Some(NOW + 60)),
            // The clock of another node is ahead.
            (Some(NOW + 5), None, None, true, None),
            (None, Some(NOW + 30), Some(NOW + 60), false, Some(NOW + 30)),
            (None, Some(NOW + 90), Some(NOW + 60), false, Some(NOW + 60)),
            // The change ends it immediately.
            (None, Some(NOW + 30), None, false, None),
        ] {
            let counter = last_used.map(|second| VersionUse {
                version: 3,
                deliveries: 7,
                last_used_at: at(second),
            });
            let ends = (until.map(at), ends_at.map(at));
            let impact = VersionImpact::new(3, counter.as_ref(), Some(5), at(NOW), ends);
            let case = format!("{last_used:?} {until:?} {ends_at:?}");
            let last_day = if used_in_last_day { 5 } else { 0 };
            assert_eq!(impact.deliveries_last_day, Some(last_day), "{case}");
            assert_eq!(impact.deliveries, last_used.map_or(0, |_| 7), "{case}");
            assert_eq!(impact.used_in_last_day, used_in_last_day, "{case}");
            assert_eq!(impact.ends_at, expected_end.map(at), "{case}");
        }
    }
}
