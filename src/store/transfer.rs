//! Copies one store to another: all rows, in one transaction on each side.
//!
//! [`tables`](super::tables) lists what is copied, for both engines. Captured and recorded deliveries, login links, sessions and
//! idempotency keys are not copied, because they are kept for a short time only. Of the changes only the newest is copied, so that followers keep their position.

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

/// A store that is read as of one moment, whatever is written meanwhile.
#[async_trait]
pub trait Export: Send {
    /// The next rows of `table` after `after`; empty at the end.
    async fn page(&mut self, table: &Table, after: Option<&Row>) -> Result<Vec<Row>, StoreError>;
}

/// A store that is being filled. Dropping it before [`commit`](Self::commit) leaves the store empty.
#[async_trait]
pub trait Import: Send {
    /// The number of rows in `table`.
    async fn count(&mut self, table: &Table) -> Result<u64, StoreError>;

    /// Adds rows to `table`.
    async fn add(&mut self, table: &Table, rows: &[Row]) -> Result<(), StoreError>;

    /// Commits the copy.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// The number of copied rows by table.
pub type CopyCounts = BTreeMap<&'static str, u64>;

/// Copies everything into an empty store.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<CopyCounts, CopyError> {
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
    let mut copied = CopyCounts::new();
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
            let missing = StoreError::Corrupt(format!("rows of `{}` are missing", table.name));
            return Err(CopyError::Destination(missing));
        }
        copied.insert(table.name, count);
    }
    destination.commit().await.map_err(CopyError::Destination)?;
    Ok(copied)
}

/// A copy that failed. The destination is unchanged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The destination failed.
    #[error("the destination: {0}")]
    Destination(StoreError),

    /// The destination already has rows.
    #[error(
        "the destination is not empty: its table `{table}` has {rows} {}",
        if *rows == 1 { "row" } else { "rows" }
    )]
    NotEmpty {
        /// The table that has rows.
        table: &'static str,
        /// The number of its rows.
        rows: u64,
    },

    /// The source failed.
    #[error("the source: {0}")]
    Source(StoreError),
}
