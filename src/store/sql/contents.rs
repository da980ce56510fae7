//! Rows in their stored form, for a copy.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row as _, Transaction};

use super::{Database, DatabaseRow, Engine};
use crate::secrets::StoreError;
use crate::store::tables::{Kind, Table};
use crate::store::transfer::{Export, Import, Row, Value};

/// A snapshot of the store.
pub(super) async fn export(store: &Engine) -> Result<Box<dyn Export>, StoreError> {
    Ok(Box::new(ExportTransaction(store.snapshot().await?)))
}

/// A transaction into an empty store, which excludes other writers.
pub(super) async fn import(store: &Engine) -> Result<Box<dyn Import>, StoreError> {
    Ok(Box::new(ImportTransaction(store.begin().await?)))
}

struct ExportTransaction(Transaction<'static, Database>);

#[async_trait]
impl Export for ExportTransaction {
    async fn page(&mut self, table: &Table, after: Option<&Row>) -> Result<Vec<Row>, StoreError> {
        if table.newest_only && after.is_some() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let keys = names.get(..table.keys).unwrap_or_default();
        let mut query = QueryBuilder::<Database>::new(format!(
            "SELECT {} FROM {}",
            names.join(", "),
            table.name
        ));
        if let Some(after) = after {
            query.push(format!(" WHERE ({}) > (", keys.join(", ")));
            let mut separated = query.separated(", ");
            for value in after.0.iter().take(table.keys) {
                match value {
                    Value::Bytes(bytes) => separated.push_bind(bytes.clone()),
                    Value::Number(number) => separated.push_bind(*number),
                    Value::Text(text) => separated.push_bind(text.clone()),
                };
            }
            query.push(")");
        }
        query.push(format!(" ORDER BY {}", keys.join(", ")));
        let limit = if table.newest_only {
            " DESC LIMIT 1".to_owned()
        } else {
            format!(" LIMIT {PAGE}")
        };
        query.push(limit);
        let rows = query.build().fetch_all(&mut *self.0).await?;
        rows.iter().map(|found| row(table, found)).collect()
    }
}

fn row(table: &Table, found: &DatabaseRow) -> Result<Row, StoreError> {
    let values = table.columns.iter().map(|(name, kind)| {
        Ok(match kind {
            Kind::Bytes => Value::Bytes(found.try_get(name)?),
            Kind::Number => Value::Number(found.try_get(name)?),
            Kind::Text => Value::Text(found.try_get(name)?),
        })
    });
    values.collect::<Result<_, StoreError>>().map(Row)
}

struct ImportTransaction(Transaction<'static, Database>);

#[async_trait]
impl Import for ImportTransaction {
    async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::<Database>::new("SELECT count(*) FROM ");
        query.push(table.name);
        let count: i64 = query.build_query_scalar().fetch_one(&mut *self.0).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn add(&mut self, table: &Table, rows: &[Row]) -> Result<(), StoreError> {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let mut query = QueryBuilder::<Database>::new(format!(
            "INSERT INTO {} ({}) ",
            table.name,
            names.join(", ")
        ));
        query.push_values(rows, |mut tuple, row| {
            for value in &row.0 {
                match value {
                    Value::Bytes(bytes) => tuple.push_bind(bytes.clone()),
                    Value::Number(number) => tuple.push_bind(*number),
                    Value::Text(text) => tuple.push_bind(text.clone()),
                };
            }
        });
        query
            .build()
            .persistent(false)
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}

/// Rows per page. Multiplied by the columns of the widest table, this is far below the limit of 32,766 values in
/// SQLite.
const PAGE: usize = 1000;
