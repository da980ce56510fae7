//! Recorded deliveries and the activity of endpoints.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Control, ControlError};
use crate::clock::hour_of;
use crate::deliveries::{DeliveryFilter, HourlyCounts, RecordedDelivery};
use crate::directory::EndpointId;

/// The activity of an endpoint, as far as its deliveries are recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Activity {
    /// When the latest admitted delivery arrived.
    pub last_admitted_at: Option<Timestamp>,
    /// The reason of the latest delivery.
    pub last_reason: Option<String>,
    /// The counts of the last 24 hours by the clock, the current one last.
    pub hours: [HourlyCounts; 24],
}

impl Control {
    /// The recorded deliveries of an endpoint, the newest first.
    pub async fn deliveries(
        &self,
        endpoint: &EndpointId,
        filter: &DeliveryFilter,
    ) -> Result<Vec<RecordedDelivery>, ControlError> {
        self.endpoint(endpoint).await?;
        Ok(self.store.deliveries(endpoint, filter).await?)
    }

    /// The newest recorded delivery with a request id.
    pub async fn delivery(
        &self,
        request_id: &str,
    ) -> Result<Option<RecordedDelivery>, ControlError> {
        Ok(self.store.delivery(request_id).await?)
    }

    /// The activity of each of `endpoints`, in two queries.
    pub async fn activity(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<BTreeMap<EndpointId, Activity>, ControlError> {
        let hours = last_day(self.clock.now());
        let since = hours.first().map_or(Timestamp::MIN, |first| first.hour);
        let mut counts = self.store.hourly_counts(endpoints, since).await?;
        let mut latest = self.store.latest_deliveries(endpoints).await?;
        let activities = endpoints.iter().map(|endpoint| {
            let mut hours = hours;
            for count in counts.remove(endpoint).unwrap_or_default() {
                if let Some(hour) = hours.iter_mut().find(|hour| hour.hour == count.hour) {
                    *hour = count;
                }
            }
            let latest = latest.remove(endpoint);
            let activity = Activity {
                last_admitted_at: latest.as_ref().and_then(|latest| latest.last_admitted_at),
                last_reason: latest.map(|latest| latest.reason),
                hours,
            };
            (endpoint.clone(), activity)
        });
        Ok(activities.collect())
    }
}

/// The last 24 hours by the clock without deliveries, the current one last.
fn last_day(now: Timestamp) -> [HourlyCounts; 24] {
    let mut hour = hour_of(now);
    let mut hours = [HourlyCounts::empty(hour); 24];
    for counts in hours.iter_mut().rev() {
        *counts = HourlyCounts::empty(hour);
        hour = hour
            .checked_sub(SignedDuration::from_hours(1))
            .unwrap_or(hour);
    }
    hours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_has_24_hours_in_order_and_ends_with_the_current_one() {
        let now = Timestamp::from_second(1_800_000_000 + 1234).unwrap();
        let hours = last_day(now).map(|counts| counts.hour.as_second());
        assert_eq!(hours.last(), Some(&1_800_000_000));
        assert!(hours.is_sorted_by(|one, next| next - one == 3600));
    }
}
