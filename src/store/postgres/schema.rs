//! The schema of the database: found, brought up to date, or refused.
//!
//! Of several nodes that start at once one changes it, and the others wait for that: a lock in the database
//! sees to it (sqlx's migrator takes it).

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection};

use super::settings::PostgresSettings;
use super::{PostgresStore, sealing, secret_kinds};
use crate::store::{Contents, Migrated, OpenError};

impl PostgresStore {
    /// What the database holds; nothing is changed. One that has to be brought up to date first is taken
    /// for empty, or refused if it may not be.
    pub async fn inspect(
        settings: &PostgresSettings,
        migrate: bool,
    ) -> Result<Contents, OpenError> {
        if !is_current(settings, migrate).await? {
            return Ok(Contents::default());
        }
        let store = Self::open(settings, false).await?;
        let contents = contents(&store).await;
        store.end().await;
        contents.map_err(|error| OpenError::unusable(&settings.address(), &error))
    }

    /// The schema of the database; `None` if it has none yet.
    pub(in crate::store) async fn schema(
        settings: &PostgresSettings,
    ) -> Result<Option<i64>, OpenError> {
        let mut connection = connect(settings).await?;
        let version = found(settings, &mut connection).await?;
        // The answer is there: how the connection ends changes nothing.
        let _ = connection.close().await;
        Ok(version)
    }

    /// Brings the schema up to date, and says from where to where.
    pub async fn migrate(settings: &PostgresSettings) -> Result<Migrated, OpenError> {
        let mut connection = connect(settings).await?;
        let from = found(settings, &mut connection).await?;
        migrate(settings, &mut connection).await?;
        let to = newest_schema();
        Ok(Migrated { from, to })
    }
}

async fn contents(store: &PostgresStore) -> Result<Contents, crate::secrets::StoreError> {
    use crate::store::Store as _;
    Ok(Contents {
        endpoints: store.definitions("").await?,
        sealed_under: store.bounded(sealing::under(store.readers()?)).await?,
        bound: store.bounded(secret_kinds::bound(store.readers()?)).await?,
    })
}

/// Makes sure that the schema is that of this version.
pub(super) async fn prepare(
    settings: &PostgresSettings,
    may_migrate: bool,
) -> Result<(), OpenError> {
    if is_current(settings, may_migrate).await? {
        return Ok(());
    }
    let mut connection = connect(settings).await?;
    migrate(settings, &mut connection).await
}

/// Whether the schema is that of this version; an older one is an error if it may not be changed.
async fn is_current(settings: &PostgresSettings, may_migrate: bool) -> Result<bool, OpenError> {
    let version = PostgresStore::schema(settings).await?;
    let wanted = newest_schema();
    match version {
        Some(version) if version == wanted => Ok(true),
        Some(version) if version > wanted => Err(OpenError::newer(&settings.address(), version)),
        version if !may_migrate => Err(OpenError::older(&settings.address(), version, wanted)),
        _ => Ok(false),
    }
}

async fn connect(settings: &PostgresSettings) -> Result<PgConnection, OpenError> {
    let limit = settings.limits.connect_timeout;
    let options = settings.patient_options();
    let connected = PgConnection::connect_with(&options);
    let unusable = |error: &str| OpenError::unusable(&settings.address(), &error);
    match tokio::time::timeout(limit, connected).await {
        Ok(connected) => connected.map_err(|error| unusable(&settings.told(&error))),
        Err(_) => Err(unusable(&format!("no answer within {limit:?}"))),
    }
}

/// The newest migration that was made.
async fn found(
    settings: &PostgresSettings,
    connection: &mut PgConnection,
) -> Result<Option<i64>, OpenError> {
    let unusable = |error: &str| OpenError::unusable(&settings.address(), &error);
    let asked = tokio::time::timeout(settings.limits.timeout, async {
        let (has_schema, has_tables): (bool, bool) = sqlx::query_as(
            "SELECT to_regclass('_sqlx_migrations') IS NOT NULL, to_regclass('endpoints') IS NOT NULL",
        )
        .fetch_one(&mut *connection)
        .await?;
        if !has_schema {
            return Ok((None, has_tables));
        }
        let version = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(connection)
            .await?;
        Ok((version, false))
    });
    match asked.await {
        Ok(Ok((_, true))) => Err(unusable(
            "it has tables of something else; give Portcullis a database or a schema of its own",
        )),
        Ok(Ok((version, _))) => Ok(version),
        Ok(Err(error)) => Err(unusable(&settings.told(&error))),
        Err(_) => Err(unusable(&format!(
            "no answer within {:?}",
            settings.limits.timeout
        ))),
    }
}

async fn migrate(
    settings: &PostgresSettings,
    connection: &mut PgConnection,
) -> Result<(), OpenError> {
    let address = settings.address();
    match tokio::time::timeout(MIGRATION_TIMEOUT, MIGRATIONS.run(connection)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(MigrateError::VersionMissing(version))) => Err(OpenError::newer(&address, version)),
        Ok(Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))) => {
            Err(OpenError::unusable(&address, &settings.told(&error)))
        }
        Ok(Err(error)) => Err(OpenError::unusable(&address, &error)),
        Err(_) => Err(OpenError::unusable(
            &address,
            &"its schema was not brought up to date within 10 minutes; does another node hang at it?",
        )),
    }
}

/// The schema of this version of Portcullis.
fn newest_schema() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// Another node may be at work before it is our turn.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);
