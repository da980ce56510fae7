//! Queries of operators, and the upkeep of the store. No delivery passes here.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Engine, audit, contents, dialect, endpoints, overviews};
use crate::audit::{Action, AuditLine, ChainEnd};
use crate::directory::EndpointId;
use crate::secrets::{SecretRef, StoreError};
use crate::store::{
    AuditFilter, EndpointPage, EndpointQuery, EndpointRow, Export, Import, Store, StoredEndpoint,
};

#[async_trait]
impl Store for Engine {
    async fn ping(&self) -> Result<(), StoreError> {
        self.bounded_ping(async {
            sqlx::query("SELECT 1 FROM changes LIMIT 1")
                .fetch_optional(self.readers()?)
                .await?;
            Ok(())
        })
        .await
    }

    fn write_fault(&self) -> Option<StoreError> {
        self.writes.fault()
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin_concurrent().await?;
            sqlx::query(dialect::WRITE_NOTHING)
                .execute(&mut *transaction)
                .await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn close(&self) {
        self.end().await;
    }

    async fn definitions(&self, prefix: &str) -> Result<Vec<StoredEndpoint>, StoreError> {
        let mut all: Vec<StoredEndpoint> = Vec::new();
        loop {
            // In pages, so that each query stays below its timeout.
            let last = all.last();
            let after = last.map_or("", |last| last.definition.id.as_str());
            let page = endpoints::definitions(self.readers()?, prefix, after, PAGE);
            let page = self.bounded(page).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|len| len < PAGE);
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn endpoint_page(&self, query: &EndpointQuery) -> Result<EndpointPage, StoreError> {
        self.bounded(overviews::endpoint_page(self.readers()?, query))
            .await
    }

    async fn endpoint_row(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        self.bounded(overviews::endpoint_row(self.readers()?, id, now))
            .await
    }

    async fn sharing(
        &self,
        secret: &SecretRef,
        handshakes: &[&str],
        among: bool,
        limit: usize,
    ) -> Result<Vec<EndpointId>, StoreError> {
        let pool = self.readers()?;
        self.bounded(endpoints::sharing(pool, secret, handshakes, among, limit))
            .await
    }

    async fn organisations_of(
        &self,
        workspace: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let pool = self.readers()?;
        self.bounded(endpoints::organisations_of(pool, workspace, limit))
            .await
    }

    async fn last(&self, action: Action, subject: &str) -> Result<Option<AuditLine>, StoreError> {
        self.bounded(audit::last(self.readers()?, action, subject))
            .await
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        self.bounded(audit::newest(self.readers()?, limit)).await
    }

    async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        self.bounded(audit::after(self.readers()?, after, limit))
            .await
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditLine>, StoreError> {
        self.bounded(overviews::audit_page(self.readers()?, filter, limit))
            .await
    }

    async fn audit_end(&self) -> Result<ChainEnd, StoreError> {
        self.bounded(audit::end(self.readers()?)).await
    }

    async fn export(&self) -> Result<Box<dyn Export>, StoreError> {
        contents::export(self).await
    }

    async fn import(&self) -> Result<Box<dyn Import>, StoreError> {
        contents::import(self).await
    }
}

const PAGE: u32 = 10_000;
