//! The section `[secrets]`: the key services, and the cache of prepared keys.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml_span::Span;

use super::table::Table;
use super::units::{Time, time, to_usize};
use crate::secrets::{AwsSettings, CacheSettings, DataKeyBounds, KeyName};

/// The key services that encrypt secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyServicesConfig {
    /// The service that encrypts new versions. Another configured service still decrypts its own versions.
    pub current: KeyServiceName,
    /// The file of the local key.
    pub key_file: PathBuf,
    /// The key of AWS KMS, if there is one.
    pub kms_key: Option<KeyName>,
    /// Settings of the AWS KMS client.
    pub aws: AwsSettings,
}

/// The name of a key service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "opening a service needs an arm for each name"
)]
pub enum KeyServiceName {
    /// AWS KMS.
    Aws,
    /// A key in a file.
    Local,
}

/// Reads the section.
pub(super) fn read(mut table: Table<'_, '_>, folder: &Path) -> (KeyServicesConfig, CacheSettings) {
    let key_file = table
        .parsed::<PathBuf>("key_file")
        .unwrap_or_else(|| "portcullis.key".into());
    let span = table.span_of("key_service");
    let current = match table.parsed::<String>("key_service").as_deref() {
        None | Some("local") => KeyServiceName::Local,
        Some("aws") => KeyServiceName::Aws,
        Some(_) => {
            let message = "expected `local` or `aws`".to_owned();
            table.report_at(span, "key_service", message);
            KeyServiceName::Local
        }
    };
    let capacity = table
        .number("cache_capacity", 1, 100_000_000)
        .unwrap_or(100_000);
    let time_to_live = time(&mut table, "cache_time_to_live", 300);
    let grace = bounded(&mut table, "grace", 3600, SECOND..=WEEK);
    let (kms_key, aws) = aws(table.table("aws"), current);
    let settings = CacheSettings {
        capacity,
        time_to_live,
        grace,
        // Refreshes use at most half of the calls, so that deliveries that wait for a key always get one.
        refreshes: (aws.max_calls_in_flight / 2).clamp(1, MAX_REFRESHES),
    };
    let services = KeyServicesConfig {
        current,
        key_file: folder.join(key_file),
        kms_key,
        aws,
    };
    (services, settings)
}

fn aws(mut table: Table<'_, '_>, current: KeyServiceName) -> (Option<KeyName>, AwsSettings) {
    let key_span = table.span_of("key");
    let key = if current == KeyServiceName::Aws {
        table.required::<KeyName>("key")
    } else {
        table.parsed("key")
    };
    let region_span = table.span_of("region");
    let region = table.parsed::<String>("region");
    if let Some(region) = &region {
        let of_key = key.as_ref().filter(|key| !key.is_multi_region());
        let of_key = of_key.and_then(KeyName::region);
        if !is_region(region) {
            let message = "expected a region, such as `eu-central-1`".to_owned();
            table.report_at(region_span, "region", message);
        } else if let Some(of_key) = of_key.filter(|of_key| of_key != region) {
            let message =
                format!("the key is in the region `{of_key}`, but `region` is `{region}`");
            table.report_at(key_span, "key", message);
        }
    }
    let endpoint = endpoint(&mut table);
    let connect_timeout = bounded(&mut table, "connect_timeout", 1, TEN_MILLISECONDS..=MINUTE);
    let attempt_span = table.span_of("attempt_timeout");
    let attempt_timeout = bounded(&mut table, "attempt_timeout", 2, TEN_MILLISECONDS..=MINUTE);
    let call_timeout = bounded(&mut table, "call_timeout", 5, TEN_MILLISECONDS..=MINUTE);
    if attempt_timeout > call_timeout {
        let message = "must not exceed `call_timeout`, which covers all attempts";
        table.report_at(attempt_span, "attempt_timeout", message.to_owned());
    }
    let attempts = table.number("attempts", 1, 10).unwrap_or(3);
    let max_calls_in_flight = table.number("max_calls_in_flight", 1, 1000).unwrap_or(64);
    let (shares_data_keys, data_keys) = data_keys(&mut table);
    let settings = AwsSettings {
        region,
        endpoint,
        connect_timeout,
        attempt_timeout,
        call_timeout,
        attempts: u32::try_from(attempts).unwrap_or(1),
        max_calls_in_flight: to_usize(max_calls_in_flight),
        shares_data_keys,
        data_keys,
    };
    (key, settings)
}

fn data_keys(table: &mut Table<'_, '_>) -> (bool, DataKeyBounds) {
    let span = table.span_of("data_keys");
    let shared = match table.parsed::<String>("data_keys").as_deref() {
        None | Some("none") => false,
        Some("shared") => true,
        Some(_) => {
            table.report_at(span, "data_keys", "expected `none` or `shared`".to_owned());
            false
        }
    };
    let max_age = bounded(table, "data_key_max_age", 24 * 3600, SECOND..=WEEK);
    let max_secrets = table.number("data_key_max_secrets", 1, 1_000_000);
    let bounds = DataKeyBounds {
        max_age,
        max_secrets: max_secrets
            .and_then(|it| u32::try_from(it).ok())
            .unwrap_or(1000),
    };
    (shared, bounds)
}

/// Reads the URL of AWS KMS. Responses contain decrypted keys, so it must use TLS unless the host is this machine.
fn endpoint(table: &mut Table<'_, '_>) -> Option<String> {
    let span = table.span_of("endpoint");
    let text = table.parsed::<String>("endpoint")?;
    let message = match text.parse::<http::Uri>() {
        Ok(url) => match (url.scheme_str(), url.host()) {
            (Some("https"), Some(_)) => return Some(text),
            (Some("http"), Some(host)) if is_loopback_host(host) => return Some(text),
            (Some("http"), Some(_)) => {
                "must use https://, because responses contain decrypted keys and the host is not this machine"
            }
            _ => "expected a URL such as `https://vpce-1a2b-kms.eu-central-1.vpce.amazonaws.com`",
        },
        Err(_) => "is not a URL",
    };
    table.report_at(span, "endpoint", message.to_owned());
    None
}

fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let number = parts
        .next_back()
        .is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    number && words.len() >= 2 && words.iter().all(|part| is_word(part))
}

/// Reads a duration within bounds.
fn bounded(
    table: &mut Table<'_, '_>,
    key: &'static str,
    default_seconds: u64,
    bounds: RangeInclusive<Duration>,
) -> Duration {
    let span: Span = table.span_of(key);
    let duration = table
        .with_unit::<Time>(key, "10s")
        .map_or(Duration::from_secs(default_seconds), |time| time.0);
    if !bounds.contains(&duration) {
        let message = format!("must be from {:?} to {:?}", bounds.start(), bounds.end());
        table.report_at(span, key, message);
    }
    duration
}

const TEN_MILLISECONDS: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const WEEK: Duration = Duration::from_hours(7 * 24);
const MAX_REFRESHES: usize = 32;
