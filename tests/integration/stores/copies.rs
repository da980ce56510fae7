//! From one store to another: nothing that counts is left behind, and nothing is half there.

use portcullis::secrets::{SecretStore as _, VersionUse};
use portcullis::store::{CopyError, copy};
use sqlx::Connection as _;

use super::*;

/// A store with some of everything.
async fn fill(store: &dyn Store) {
    let many = (0..2500).map(|number| {
        let id = format!("bulk/{number}");
        put(with_aliases(&id, &[&format!("/bulk/{number}")]))
    });
    store.change(many.collect(), vec![]).await.unwrap();
    let mut odd = definition("odd/one");
    odd.labels
        .insert("quote".to_owned(), "'\"\\ ü €".to_owned());
    store
        .change(vec![put(odd)], vec![version("odd/one#webhook", 1, 0, 0)])
        .await
        .unwrap();
    for number in 2..5 {
        store
            .install(version("odd/one#webhook", number, 60, 120))
            .await
            .unwrap();
    }
    let used = VersionUse {
        version: 4,
        deliveries: 7,
        last_used_at: Timestamp::from_second(5).unwrap(),
    };
    let uses = [(secret("odd/one#webhook"), used)];
    store.add_uses(&uses).await.unwrap();
    deliveries::fill(store, "odd/one").await;
    for number in [1, 2] {
        tokens::add(store, &tokens::token(number, "shop", 0, 100)).await;
    }
    let audit = entry(Action::TokenRevoked, "2");
    let revoked = store.revoke_token(&tokens::id(2), at(5), audit).await;
    assert!(revoked.unwrap());
    let used = [(tokens::id(1), at(3))];
    store.add_token_uses(&used).await.unwrap();
    operators::add(store, &operators::token(7, 0, 100)).await;
    let used = [(operators::id(7), at(4))];
    store.add_token_uses(&used).await.unwrap();
    let flow = crate::flows::engines::released(None, 1);
    store.change_flow(flow).await.unwrap();
}

async fn is_the_same(one: &dyn Store, other: &dyn Store) {
    assert_eq!(
        one.definitions("").await.unwrap(),
        other.definitions("").await.unwrap()
    );
    for id in ["odd/one", "bulk/7"] {
        let record = one.endpoint_record(id).await.unwrap();
        assert!(record.is_some());
        assert_eq!(record, other.endpoint_record(id).await.unwrap());
    }
    let flow = "orders".parse().unwrap();
    let state = one.flow(&flow).await.unwrap();
    assert!(state.is_some());
    assert_eq!(state, other.flow(&flow).await.unwrap());
    assert_eq!(
        one.flow_history(&flow, 10).await.unwrap(),
        other.flow_history(&flow, 10).await.unwrap()
    );
    let of = secret("odd/one#webhook");
    assert_eq!(one.uses(&of).await.unwrap(), other.uses(&of).await.unwrap());
    let counted = one
        .version_counts(&of, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert_eq!(counted, [(4, 7)]);
    assert_eq!(
        counted,
        other
            .version_counts(&of, Timestamp::UNIX_EPOCH)
            .await
            .unwrap()
    );
    let ids = ["odd/one".parse().unwrap()];
    let counts = one
        .hourly_counts(&ids, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert!(!counts.is_empty());
    assert_eq!(
        counts,
        other
            .hourly_counts(&ids, Timestamp::UNIX_EPOCH)
            .await
            .unwrap()
    );
    let latest = one.latest_deliveries(&ids).await.unwrap();
    assert!(!latest.is_empty());
    assert_eq!(latest, other.latest_deliveries(&ids).await.unwrap());
    assert_eq!(
        one.audit_end().await.unwrap(),
        other.audit_end().await.unwrap()
    );
    assert_eq!(
        one.versions(&of).await.unwrap(),
        other.versions(&of).await.unwrap()
    );
    assert_eq!(one.versions(&of).await.unwrap().len(), 4);
    assert_eq!(
        one.audit(10_000).await.unwrap(),
        other.audit(10_000).await.unwrap()
    );
    assert_eq!(tokens::summaries(one).await, tokens::summaries(other).await);
    assert_eq!(operators::values(one).await.len(), 1);
    assert_eq!(operators::values(one).await, operators::values(other).await);
    let position = one.newest_change().await.unwrap();
    assert_eq!(position, other.newest_change().await.unwrap());
    let names = async |store: &dyn Store| store.names(None, 10_000).await.unwrap();
    assert_eq!(names(one).await, names(other).await);
    // Whoever followed the one goes on with the other.
    let seen = other.changes_since(position).await.unwrap();
    assert_eq!(seen.changes, Some(vec![]));
}

#[test]
fn a_copy_from_sqlite_to_postgresql_and_back_is_the_same_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    blocking(async {
        let first = SqliteStore::open(&folder.path().join("1.db"), true)
            .await
            .unwrap();
        fill(&first).await;
        let second = open(&server).await;
        let copied = copy(&first, &second).await.unwrap();
        let right = [
            ("aliases", 2500),
            ("audit", 2512),
            ("audit_end", 1),
            ("changes", 1),
            ("delivery_hourly", 2),
            ("delivery_latest", 1),
            ("endpoints", 2503),
            ("flow_moves", 1),
            ("flow_targets", 2),
            ("flow_versions", 1),
            ("flows", 1),
            ("operator_tokens", 1),
            ("secret_hourly", 1),
            ("secret_uses", 1),
            ("secret_versions", 4),
            ("token_uses", 2),
            ("tokens", 2),
        ];
        assert_eq!(copied.into_iter().collect::<Vec<_>>(), right);
        is_the_same(&first, &second).await;
        let third = SqliteStore::open(&folder.path().join("3.db"), true)
            .await
            .unwrap();
        copy(&second, &third).await.unwrap();
        is_the_same(&second, &third).await;
        // Numbers go on where they were.
        for store in [&second as &dyn Store, &third] {
            let before = store.newest_change().await.unwrap();
            store
                .install(version("odd/one#webhook", 5, 60, 120))
                .await
                .unwrap();
            assert_eq!(store.audit(1).await.unwrap()[0].number, 2513);
            let news = store.changes_since(before).await.unwrap();
            assert_eq!(news.changes.unwrap().len(), 1);
        }
    });
}

#[test]
fn a_store_that_is_not_empty_is_no_destination_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    blocking(async {
        let source = SqliteStore::open(&folder.path().join("1.db"), true)
            .await
            .unwrap();
        fill(&source).await;
        let destination = open(&server).await;
        // One line of the audit log is not nothing.
        destination
            .record(entry(portcullis::audit::Action::SecretRevealed, "a#a"))
            .await
            .unwrap();
        let refused = copy(&source, &destination).await;
        let right = CopyError::NotEmpty {
            table: "audit",
            rows: 1,
        };
        assert_eq!(refused.unwrap_err(), right);
        assert_eq!(destination.definitions("").await.unwrap(), []);
        assert_eq!(destination.audit(10).await.unwrap().len(), 1);
        // Nor is a store its own copy.
        let same = copy(&source, &source).await;
        assert!(matches!(same, Err(CopyError::NotEmpty { .. })), "{same:?}");
    });
}

#[test]
fn a_copy_that_breaks_in_the_middle_leaves_the_destination_empty() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    blocking(async {
        let path = folder.path().join("1.db");
        let source = SqliteStore::open(&path, true).await.unwrap();
        fill(&source).await;
        let destination = open(&server).await;
        // The last page of the last large table is what the database does not take.
        server_refuses(&server);
        let broken = copy(&source, &destination).await;
        assert!(
            matches!(broken, Err(CopyError::Destination(_))),
            "{broken:?}"
        );
        assert_eq!(destination.definitions("").await.unwrap(), []);
        assert_eq!(destination.sealed_under().await.unwrap(), []);
        assert_eq!(destination.audit(10).await.unwrap(), []);
    });
}

fn server_refuses(server: &Postgres) {
    let server: &'static str = Box::leak(server.url_with_password().into_boxed_str());
    std::thread::spawn(|| {
        blocking(async {
            let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
            sqlx::raw_sql("ALTER TABLE audit ADD CONSTRAINT small CHECK (number < 2500)")
                .execute(&mut connection)
                .await
                .unwrap();
        });
    })
    .join()
    .unwrap();
}

/// Every column of every table: one that a later migration adds must not be forgotten.
#[test]
fn every_column_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    let path = folder.path().join("1.db");
    let columns = blocking(async {
        let store = SqliteStore::open(&path, true).await.unwrap();
        store.close().await;
        open(&server).await.close().await;
        let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap())
            .await
            .unwrap();
        let sqlite: Vec<(String, String)> = sqlx::query_as(
            "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let mut connection = sqlx::PgConnection::connect(&server.url_with_password())
            .await
            .unwrap();
        let postgres: Vec<(String, String)> = sqlx::query_as(
            "SELECT table_name::text, column_name::text FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\"",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(sqlite, postgres, "the two engines have the same tables");
        sqlite
    });
    let mut copied: Vec<(String, String)> = portcullis::store::copied_columns()
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect();
    copied.sort();
    let left = columns
        .into_iter()
        .filter(|column| !copied.contains(column));
    let left: Vec<String> = left.map(|(table, _)| table).collect();
    // They live for hours only.
    let short_lived = [
        "_sqlx_migrations",
        "captures",
        "deliveries",
        "idempotency_keys",
        "login_links",
        "sessions",
    ];
    assert!(
        left.iter().all(|table| short_lived.contains(&&**table)),
        "{left:?}"
    );
}
