//! The section `[bodies]`: limits of request bodies, and the memory for them.

use std::sync::Arc;
use std::time::Duration;

use super::table::Table;
use super::units::{KIB, MIB, Size, size, time, to_usize};
use crate::gate::Budget;
use crate::payload::MultipartLimits;

/// The section, without the memory budget.
pub(super) struct BodiesSection {
    pub(super) max_bytes: u64,
    pub(super) max_multipart_bytes: u64,
    pub(super) max_raw_mime_bytes: u64,
    pub(super) raw_mime_fields: Arc<[Box<str>]>,
    pub(super) multipart: MultipartLimits,
    pub(super) timeout: Duration,
}

/// Reads the section. The second value is the memory budget for all bodies, in bytes.
pub(super) fn read(mut table: Table<'_, '_>) -> (BodiesSection, u64) {
    let has_max = table.has("max");
    let max = table.with_unit::<Size>("max", "50 MiB");
    let max_is_valid = max.is_some() || !has_max;
    let header_span = table.span_of("max_part_header");
    let header_bytes = to_usize(size(&mut table, "max_part_header", 16 * KIB));
    if !(256..=1024 * 1024).contains(&header_bytes) {
        let message = "must be from \"256 B\" to \"1 MiB\"".to_owned();
        table.report_at(header_span, "max_part_header", message);
    }
    let raw_mime_fields = raw_mime_fields(&mut table);
    let bodies = BodiesSection {
        max_bytes: max.map_or(50 * MIB, |Size(bytes)| bytes),
        max_multipart_bytes: size(&mut table, "max_multipart_signed", 5 * MIB),
        max_raw_mime_bytes: size(&mut table, "max_raw_mime_field", 50 * MIB),
        raw_mime_fields,
        multipart: MultipartLimits {
            parts: table.number("max_parts", 1, 100_000).map_or(1000, to_usize),
            headers: table
                .number("max_part_headers", 1, 1000)
                .map_or(32, to_usize),
            header_bytes,
        },
        timeout: time(&mut table, "timeout", 30),
    };
    let budget_span = table.span_of("budget");
    let budget = size(&mut table, "budget", 1024 * MIB);
    if max_is_valid && Budget::largest_body(budget) < bodies.max_bytes {
        let message = "must be at least 16/7 of `bodies.max`, the largest body";
        table.report_at(budget_span, "budget", message.to_owned());
    }
    (bodies, budget)
}

fn raw_mime_fields(table: &mut Table<'_, '_>) -> Arc<[Box<str>]> {
    let span = table.span_of("raw_mime_fields");
    let Some(names) = table.list::<String>("raw_mime_fields") else {
        return RAW_MIME_FIELDS.iter().map(|name| (*name).into()).collect();
    };
    let is_field_name = |name: &String| {
        (1..=256).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if names.len() > 100 || !names.iter().all(is_field_name) {
        let message = "expected at most 100 field names, such as \"email\"".to_owned();
        table.report_at(span, "raw_mime_fields", message);
    }
    names.into_iter().map(Into::into).collect()
}

/// The fields of `SendGrid`, Mailgun and many other senders.
const RAW_MIME_FIELDS: [&str; 3] = ["email", "body-mime", "message"];
