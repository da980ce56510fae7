//! Conversion of rows: errors, times, numbers, definitions.

use jiff::Timestamp;

use crate::directory::Definition;
use crate::secrets::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(match error {
            sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
            sqlx::Error::PoolClosed => "it is closed".to_owned(),
            other => other.to_string(),
        })
    }
}

/// A stored number of milliseconds as a time.
pub(super) fn time(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| StoreError::Corrupt(format!("the time {milliseconds} ms")))
}

/// A stored number as a narrower type.
pub(super) fn number<T: TryFrom<i64>>(value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::Corrupt(format!("the number {value}")))
}

/// The definition of an endpoint from its JSON.
pub(super) fn definition(text: &str) -> Result<Definition, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("the definition of an endpoint: {error}")))
}
