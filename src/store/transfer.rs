//! From one store to another: every row that counts, as it is, in one transaction on either side.
//!
//! What is copied is said once, in [`tables`](super::tables); both engines read and write by it. Refused deliveries stay
//! behind: they are kept for hours only. Of the changes the newest one goes along, so that whoever follows
//! knows where it stands.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Store;
use super::tables::{TABLES, Table};
use crate::secrets::StoreError;

/// A value of a row. Ciphertexts and digests are bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    Bytes(Option<Vec<u8>>),
    Number(Option<i64>),
    Text(Option<String>),
}

/// The values of a row, in the order of the columns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row(pub(super) Vec<Value>);

/// A store that is read as it was at one moment, whatever happens to it meanwhile.
#[async_trait]
pub trait Export: Send {
    /// The rows of `table` that come after `after`, some at a time; none at the end.
    async fn page(&mut self, table: &Table, after: Option<&Row>) -> Result<Vec<Row>, StoreError>;
}

/// A store that is being filled. Dropped before the end, it is as empty as it was.
#[async_trait]
pub trait Import: Send {
    /// How many rows `table` has.
    async fn count(&mut self, table: &Table) -> Result<u64, StoreError>;

    /// Adds rows to `table`.
    async fn add(&mut self, table: &Table, rows: &[Row]) -> Result<(), StoreError>;

    /// Keeps them.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// How many rows were copied, by their table.
pub type Copied = BTreeMap<&'static str, u64>;

/// Copies everything that counts into a store that is empty.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<Copied, CopyError> {
    let mut source = from.export().await.map_err(CopyError::Source)?;
    let mut destination = to.import().await.map_err(CopyError::Destination)?;
    for table in TABLES {
        let rows = destination
            .count(table)
            .await
            .map_err(CopyError::Destination)?;
        if rows > 0 {
            let table = table.name;
            return Err(CopyError::NotEmpty { table, rows });
        }
    }
    let mut copied = Copied::new();
    for table in TABLES {
        let mut count = 0;
        let mut last = None;
        loop {
            let page = source.page(table, last.as_ref()).await;
            let page = page.map_err(CopyError::Source)?;
            if page.is_empty() {
                break;
            }
            destination
                .add(table, &page)
                .await
                .map_err(CopyError::Destination)?;
            count += page.len() as u64;
            last = page.into_iter().last();
        }
        let found = destination.count(table).await;
        if found.map_err(CopyError::Destination)? != count {
            let missing = StoreError::Corrupt(format!("not every row of `{}`", table.name));
            return Err(CopyError::Destination(missing));
        }
        copied.insert(table.name, count);
    }
    destination.commit().await.map_err(CopyError::Destination)?;
    Ok(copied)
}

/// A copy that was not made. The destination is as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The store that was to be filled did not do its work.
    #[error("the destination: {0}")]
    Destination(StoreError),

    /// Something is there already.
    #[error(
        "the destination is not empty: its table `{table}` has {rows} {}",
        if *rows == 1 { "row" } else { "rows" }
    )]
    NotEmpty {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u64,
    },

    /// The store that was to be read did not do its work.
    #[error("the source: {0}")]
    Source(StoreError),
}
