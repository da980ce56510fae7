//! The impact of a change on deliveries, as data. Each surface shows it before it asks for confirmation.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Control, ControlError, EndpointPlan, FlowPlan};
use crate::clock::hour_of;
use crate::directory::{AuthDefinition, Definition, EndpointChange, EndpointId, OperatorChange};
use crate::secrets::{SecretRef, StoredVersion};

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
                    let refusal = old.filter(takes_deliveries).and_then(|old| {
                        if !takes_deliveries(new) {
                            Some(Refusal::NotConfigured)
                        } else if old.auth != new.auth {
                            Some(Refusal::OtherProof)
                        } else {
                            None
                        }
                    });
                    (&new.id, refusal)
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
            let last_used_at = counter.map(|it| it.last_used_at);
            let used_in_last_day = last_used_at.is_some_and(|at| now.duration_since(at) < DAY);
            let counted = last_day.iter().find(|(it, _)| *it == version.version);
            let counted = counted.map(|(_, deliveries)| *deliveries);
            VersionImpact {
                version: version.version,
                deliveries: counter.map_or(0, |it| it.deliveries),
                last_used_at,
                used_in_last_day,
                // A store that was counted by an older version has totals only.
                deliveries_last_day: if used_in_last_day { counted } else { Some(0) },
                ends_at: ends_at.map(|at| until.map_or(at, |until| until.min(at))),
            }
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

fn takes_deliveries(definition: &Definition) -> bool {
    definition.enabled && !definition.suspended
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
