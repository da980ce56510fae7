//! The section `[store]`: a SQLite file, or a PostgreSQL database that nodes share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::server_url::{ServerUrl, server_url};
use super::table::Table;
use super::units::time;
use crate::store::{EngineSettings, PostgresLimits, PostgresSettings, StoreSettings};

pub(super) fn read(mut table: Table<'_, '_>, folder: &Path) -> Option<StoreSettings> {
    let migrate = table.flag("migrate").unwrap_or(true);
    let path_span = table.span_of("path");
    let path: Option<PathBuf> = table.parsed("path");
    let has_url = table.has("url");
    let url_span = table.span_of("url");
    let server = server_url(&mut table, &SCHEMES, folder);
    let limits = limits(&mut table, has_url);
    let engine = match (has_url, path) {
        (false, path) => {
            let path = path.unwrap_or_else(|| "portcullis.db".into());
            EngineSettings::Sqlite(folder.join(path))
        }
        (true, Some(_)) => {
            let message = "give either `path` (a file) or `url` (a database)";
            table.report_at(path_span, "path", message.to_owned());
            return None;
        }
        (true, None) => {
            let server: ServerUrl = server?;
            let (url, password) = (server.address(), server.expose_password());
            let settings = PostgresSettings::new(url, password, limits, folder);
            let settings =
                settings.map_err(|error| table.report_at(url_span, "url", error.to_string()));
            EngineSettings::Postgres(Box::new(settings.ok()?))
        }
    };
    Some(StoreSettings { engine, migrate })
}

fn limits(table: &mut Table<'_, '_>, has_url: bool) -> PostgresLimits {
    if !has_url {
        for key in ["connections", "connect_timeout", "timeout"] {
            if table.has(key) {
                let message = "needs the `url` of a database".to_owned();
                table.report_at(table.span_of(key), key, message);
            }
        }
    }
    let connections = table.number("connections", 2, 1000).unwrap_or(8);
    let connect_span = table.span_of("connect_timeout");
    let connect_timeout = time(table, "connect_timeout", 2);
    let span = table.span_of("timeout");
    let timeout = time(table, "timeout", 5);
    if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        table.report_at(
            span,
            "timeout",
            "must be from \"100ms\" to \"60s\"".to_owned(),
        );
    }
    if connect_timeout > timeout {
        let message = "must be at most `timeout`, which includes the connection".to_owned();
        table.report_at(connect_span, "connect_timeout", message);
    }
    PostgresLimits {
        connections: u32::try_from(connections).unwrap_or(u32::MAX),
        connect_timeout,
        timeout,
    }
}

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
