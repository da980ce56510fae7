//! What every store promises, asked of each engine: the same functions run over SQLite and over PostgreSQL,
//! each with two handles to one store, as two processes have them.

mod captures;
mod concurrency;
mod copies;
mod deliveries;
mod endpoints;
mod erased;
mod kinds;
mod life;
mod operators;
mod overviews;
mod secrets;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portcullis::audit::{Action, Actor, AuditEntry};
use portcullis::auth::Mode;
use portcullis::directory::{AuthDefinition, Definition, EndpointChange, OperatorChange};
use portcullis::secrets::{EncryptedSecret, NewSecretVersion, SecretRef, ValueHistory};
use portcullis::store::{PostgresLimits, PostgresSettings, PostgresStore, SqliteStore, Store};
use url::Url;

use crate::support::*;

/// Two handles to one store.
pub(crate) struct Stores {
    pub(crate) one: Arc<dyn Store>,
    pub(crate) other: Arc<dyn Store>,
}

/// Runs each promise on both engines.
macro_rules! on_both_engines {
    ($($promise:ident)*) => {
        mod sqlite {
            $(#[test] fn $promise() { $crate::stores::on_sqlite(super::$promise); })*
        }
        mod postgres {
            $(#[test] fn $promise() { $crate::stores::on_postgres(super::$promise); })*
        }
    };
}
pub(crate) use on_both_engines;

pub(crate) fn on_sqlite(promise: impl AsyncFnOnce(Stores)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    blocking(async {
        let one = Arc::new(SqliteStore::open(&path, true).await.unwrap());
        let other = Arc::new(SqliteStore::open(&path, true).await.unwrap());
        promise(Stores { one, other }).await;
    });
}

pub(crate) fn on_postgres(promise: impl AsyncFnOnce(Stores)) {
    let server = Postgres::start();
    blocking(async {
        let one = Arc::new(open(&server).await);
        let other = Arc::new(open(&server).await);
        promise(Stores { one, other }).await;
    });
}

pub(crate) fn settings(server: &Postgres) -> PostgresSettings {
    let limits = PostgresLimits {
        connections: 4,
        connect_timeout: Duration::from_mins(1),
        timeout: Duration::from_mins(1),
    };
    let url = Url::parse(&server.url()).unwrap();
    let here = std::path::Path::new(".");
    PostgresSettings::new(&url, Some(DATABASE_PASSWORD), limits, here).unwrap()
}

pub(crate) async fn open(server: &Postgres) -> PostgresStore {
    PostgresStore::open(&settings(server), true).await.unwrap()
}

pub(crate) fn blocking<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// A time, in seconds from a beginning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn entry(action: Action, subject: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        actor: Actor::Recorded {
            name: "ann".to_owned(),
            origin: "cli@host".to_owned(),
        },
        action,
        subject: subject.to_owned(),
        detail: "a detail".to_owned(),
    }
}

fn secret(text: &str) -> SecretRef {
    text.parse().unwrap()
}

/// An endpoint that is judged by its own secret.
fn definition(id: &str) -> Definition {
    let name = |text: &str| text.parse().unwrap();
    let mut definition = Definition::new(
        id.parse().unwrap(),
        name("acme"),
        name("main"),
        "default".to_owned(),
    );
    definition.auth = Some(AuthDefinition::of(Mode::Hmac));
    definition
}

fn with_aliases(id: &str, aliases: &[&str]) -> Definition {
    let mut definition = definition(id);
    definition.aliases = aliases.iter().map(|it| (*it).to_owned()).collect();
    definition
}

fn put(definition: Definition) -> (EndpointChange, AuditEntry) {
    let entry = entry(Action::EndpointCreated, definition.id.as_str());
    (EndpointChange::Put(Box::new(definition)), entry)
}

fn expect(id: &str, until: Timestamp) -> (EndpointChange, AuditEntry) {
    let operation = OperatorChange::ExpectChallenge(until);
    let entry = entry(Action::EndpointUpdated, id);
    (
        EndpointChange::Operate(id.parse().unwrap(), operation),
        entry,
    )
}

fn delete(id: &str) -> (EndpointChange, AuditEntry) {
    let entry = entry(Action::EndpointDeleted, id);
    (EndpointChange::Delete(id.parse().unwrap()), entry)
}

/// A version made at `made`, which leaves the one before it valid until `previous_ends`.
pub(crate) fn version(of: &str, version: u32, made: i64, previous_ends: i64) -> NewSecretVersion {
    NewSecretVersion {
        secret: secret(of),
        version,
        created_at: at(made),
        previous_ends_at: at(previous_ends),
        kind: None,
        generated: false,
        history: ValueHistory::default(),
        sealed: EncryptedSecret {
            service: "local".to_owned(),
            key_id: "0123456789abcdef".to_owned(),
            ciphertext: vec![0, 255, 39, u8::try_from(version).unwrap()],
        },
        audit: entry(Action::SecretRotated, of),
    }
}
