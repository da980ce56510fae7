//! The section `[deliveries]`: which deliveries are recorded.

use std::time::Duration;

use jiff::SignedDuration;

use super::DeliveriesConfig;
use super::table::Table;
use super::units::time;
use crate::deliveries::DeliveryLimits;

/// Reads the section. Without `record`, deliveries are recorded if there is a console to show them.
pub(super) fn read(mut table: Table<'_, '_>, has_console: bool) -> DeliveriesConfig {
    let record = table.flag("record").unwrap_or(has_console);
    let per_endpoint = table.number("per_endpoint", 1, 10_000).unwrap_or(200);
    let span = table.span_of("keep_for");
    let keep_for = time(&mut table, "keep_for", 168 * 3600);
    if !(MIN_KEPT..=MAX_KEPT).contains(&keep_for) {
        let message = "must be from \"1m\" to \"720h\"".to_owned();
        table.report_at(span, "keep_for", message);
    }
    DeliveriesConfig {
        record,
        limits: DeliveryLimits {
            per_endpoint: u32::try_from(per_endpoint).unwrap_or(u32::MAX),
            total: DeliveryLimits::TOTAL,
            keep_for: SignedDuration::try_from(keep_for).unwrap_or(SignedDuration::MAX),
        },
    }
}

const MIN_KEPT: Duration = Duration::from_mins(1);
const MAX_KEPT: Duration = Duration::from_hours(30 * 24);
