//! From rows to types: errors, times, numbers, definitions.

use jiff::Timestamp;

use crate::directory::Definition;
use crate::secrets::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(match error {
            sqlx::Error::PoolTimedOut => "no connection to it could be had in time".to_owned(),
            sqlx::Error::PoolClosed => "it was closed".to_owned(),
            other => other.to_string(),
        })
    }
}

/// A stored number of milliseconds as a time.
pub(super) fn time(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| StoreError::Corrupt(format!("a time of {milliseconds} ms")))
}

/// A stored number as a smaller one.
pub(super) fn number<T: TryFrom<i64>>(value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::Corrupt(format!("the number {value}")))
}

/// The definition of an endpoint.
pub(super) fn definition(text: &str) -> Result<Definition, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("the definition of an endpoint: {error}")))
}
