//! The interface of a store of recorded deliveries.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{
    EndpointCounts, HourlyCounts, LatestDelivery, NewDelivery, OutcomeClass, RecordedDelivery,
};
use crate::directory::EndpointId;
use crate::secrets::{SecretRef, StoreError};

/// Stores deliveries and counts them by hour.
///
/// Reads return only what belongs to the current generation of an endpoint: nobody sees the deliveries of a former
/// owner of an id.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Stores deliveries. Deletes those of the same endpoints that exceed `per_endpoint`. A batch that is stored twice
    /// is there once. Nodes that write at once may leave a few more until the next write.
    async fn record_deliveries(
        &self,
        batch: &[NewDelivery],
        per_endpoint: u32,
    ) -> Result<(), StoreError>;

    /// Adds to the counts of endpoints. Several nodes may add to the same hour. The order of `counts` must be the same
    /// at all nodes.
    async fn add_delivery_counts(&self, counts: &[EndpointCounts]) -> Result<(), StoreError>;

    /// Deletes some of the deliveries and counts that have expired at `now`. True if there may be more.
    async fn expire_deliveries(
        &self,
        limits: &DeliveryLimits,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The deliveries to an endpoint, the newest first.
    async fn deliveries(
        &self,
        endpoint: &EndpointId,
        filter: &DeliveryFilter,
    ) -> Result<Vec<RecordedDelivery>, StoreError>;

    /// The newest delivery with a request id.
    async fn delivery(&self, request_id: &str) -> Result<Option<RecordedDelivery>, StoreError>;

    /// The counts of the hours from `since`, in order, for those of `endpoints` that have any.
    async fn hourly_counts(
        &self,
        endpoints: &[EndpointId],
        since: Timestamp,
    ) -> Result<BTreeMap<EndpointId, Vec<HourlyCounts>>, StoreError>;

    /// The latest delivery of those of `endpoints` that have any.
    async fn latest_deliveries(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<BTreeMap<EndpointId, LatestDelivery>, StoreError>;

    /// How many deliveries each version of `secret` has verified in the hours from `since`.
    async fn version_counts(
        &self,
        secret: &SecretRef,
        since: Timestamp,
    ) -> Result<Vec<(u32, u64)>, StoreError>;
}

/// Which deliveries to list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveryFilter {
    /// Only deliveries that ended in this way.
    pub outcome: Option<OutcomeClass>,
    /// Only deliveries with this reason.
    pub reason: Option<String>,
    /// Only deliveries with a smaller number: those after a page that ends with it.
    pub before: Option<i64>,
    /// The most deliveries to return.
    pub limit: u32,
}

/// How many recorded deliveries are kept, and how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeliveryLimits {
    /// The most deliveries of one endpoint.
    pub per_endpoint: u32,
    /// The most deliveries in all. The oldest are deleted first.
    pub total: u32,
    /// How long a delivery is kept.
    pub keep_for: SignedDuration,
}

impl DeliveryLimits {
    /// The most deliveries in all, of about 330 bytes each in SQLite.
    pub const TOTAL: u32 = 500_000;
}
