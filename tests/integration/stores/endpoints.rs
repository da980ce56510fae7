//! Endpoints, their aliases, and what is told about changes.

use portcullis::audit::Action;
use portcullis::directory::{Change, EndpointStore as _, Position};
use portcullis::secrets::StoreError;
use sqlx::Connection as _;

use super::*;

on_both_engines! {
    an_endpoint_is_given_back_as_it_was_put
    an_endpoint_keeps_its_generation_until_it_is_made_again_or_changes_hands
    names_come_in_pages_in_the_order_of_their_bytes
    aliases_can_be_swapped_in_one_change_and_have_one_owner
    what_fails_in_the_middle_leaves_nothing_behind
    a_secret_ends_with_the_last_endpoint_that_is_judged_by_it
    endpoints_are_found_by_the_secret_that_judges_them
    what_changed_is_told_to_whoever_follows
    lines_of_the_audit_log_are_numbered_without_gaps
}

async fn an_endpoint_is_given_back_as_it_was_put(Stores { one, other }: Stores) {
    assert_eq!(one.endpoint("workflows/a").await.unwrap(), None);
    let mut first = with_aliases("workflows/a", &["/hooks/a"]);
    first
        .labels
        .insert("quote".to_owned(), "'\"\\ ü €".to_owned());
    one.change(vec![put(first.clone())], vec![]).await.unwrap();
    assert_eq!(
        other.endpoint("workflows/a").await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        other.alias("/hooks/a").await.unwrap(),
        Some(first.id.clone())
    );
    assert_eq!(other.alias("/hooks/b").await.unwrap(), None);
    let stored = &other.definitions("").await.unwrap()[0];
    assert_eq!((stored.created_at, stored.updated_at), (at(0), at(0)));

    let second = with_aliases("workflows/a", &["/hooks/b"]);
    let (change, mut entry) = put(second.clone());
    entry.at = at(60);
    other.change(vec![(change, entry)], vec![]).await.unwrap();
    let stored = one.definitions("").await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].definition, second);
    assert_eq!(
        (stored[0].created_at, stored[0].updated_at),
        (at(0), at(60))
    );
    assert_eq!(one.alias("/hooks/a").await.unwrap(), None);
    one.ping().await.unwrap();
}

async fn an_endpoint_keeps_its_generation_until_it_is_made_again_or_changes_hands(
    Stores { one, other }: Stores,
) {
    let generation = async |id: &str| {
        let record = other.endpoint_record(id).await.unwrap();
        record.unwrap().generation
    };
    let changed = async |change: (EndpointChange, AuditEntry)| {
        one.change(vec![change], vec![]).await.unwrap();
    };
    for id in ["workflows/a", "workflows/b"] {
        changed(put(definition(id))).await;
    }
    let first = generation("workflows/a").await;
    assert_ne!(first, generation("workflows/b").await);
    // A change, and what an operator does to it.
    changed(put(with_aliases("workflows/a", &["/hooks/a"]))).await;
    changed(expect("workflows/a", at(60))).await;
    assert_eq!(generation("workflows/a").await, first);
    let mut moved = definition("workflows/a");
    moved.workspace = "other".parse().unwrap();
    changed(put(moved.clone())).await;
    let second = generation("workflows/a").await;
    assert_ne!(first, second);
    moved.organisation = "globex".parse().unwrap();
    changed(put(moved.clone())).await;
    let third = generation("workflows/a").await;
    assert_ne!(second, third);
    // In one change, and in two.
    let again = vec![delete("workflows/a"), put(moved.clone())];
    one.change(again, vec![]).await.unwrap();
    let fourth = generation("workflows/a").await;
    changed(delete("workflows/a")).await;
    changed(put(moved)).await;
    let all = [
        first,
        second,
        third,
        fourth,
        generation("workflows/a").await,
    ];
    let distinct: std::collections::HashSet<i64> = all.into_iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
}

async fn names_come_in_pages_in_the_order_of_their_bytes(Stores { one, .. }: Stores) {
    let ids = [
        "Z/b", "a-b", "a/b", "a/b.c", "a/bc", "a_b", "b/A", "b/a", "b/b%25",
    ];
    let ids: Vec<&str> = ids
        .into_iter()
        .filter(|id| id.parse::<portcullis::directory::EndpointId>().is_ok())
        .collect();
    assert!(ids.len() > 6, "{ids:?}");
    let changes = ids
        .iter()
        .rev()
        .map(|id| put(with_aliases(id, &[&format!("/{id}")])));
    one.change(changes.collect(), vec![]).await.unwrap();
    let mut right: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    right.extend(ids.iter().map(|id| format!("/{id}")));
    right.sort();
    for limit in [1, 2, 3, 7, 100] {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = one.names(after.as_deref(), limit).await.unwrap();
            assert!(page.names.len() <= limit as usize);
            names.extend(page.names);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(names, right, "pages of {limit}");
    }
    let with = |prefix: &'static str| {
        let one = one.clone();
        async move {
            let found = one.definitions(prefix).await.unwrap();
            let ids = found.into_iter().map(|it| it.definition.id.to_string());
            ids.collect::<Vec<_>>()
        }
    };
    assert_eq!(with("a/b").await, ["a/b", "a/b.c", "a/bc"]);
    assert_eq!(with("b/").await[..2], ["b/A", "b/a"]);
    assert_eq!(with("%").await, [""; 0]);
    assert_eq!(with("").await.len(), ids.len());
}

async fn aliases_can_be_swapped_in_one_change_and_have_one_owner(Stores { one, other }: Stores) {
    let first = vec![
        put(with_aliases("a/a", &["/x"])),
        put(with_aliases("a/b", &["/y"])),
    ];
    one.change(first, vec![]).await.unwrap();
    let swapped = vec![
        put(with_aliases("a/a", &["/y"])),
        put(with_aliases("a/b", &["/x"])),
    ];
    other.change(swapped, vec![]).await.unwrap();
    let owner = one.alias("/x").await.unwrap().unwrap();
    assert_eq!(owner.as_str(), "a/b");

    let taken = one
        .change(vec![put(with_aliases("a/c", &["/x"]))], vec![])
        .await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    assert_eq!(one.endpoint("a/c").await.unwrap(), None);
    // Whoever goes gives it up.
    let moved = vec![delete("a/b"), put(with_aliases("a/c", &["/x"]))];
    one.change(moved, vec![]).await.unwrap();
    assert_eq!(other.alias("/x").await.unwrap().unwrap().as_str(), "a/c");
}

async fn what_fails_in_the_middle_leaves_nothing_behind(Stores { one, other }: Stores) {
    let held = put(with_aliases("a/a", &["/x"]));
    one.change(vec![held], vec![version("a/a#webhook", 1, 0, 0)])
        .await
        .unwrap();
    let before = (
        one.newest_change().await.unwrap(),
        one.audit(100).await.unwrap(),
        one.definitions("").await.unwrap(),
    );
    // The secret and the first endpoint are written before the alias is found to be taken.
    let changes = vec![
        put(with_aliases("a/b", &["/b"])),
        delete("a/nobody"),
        put(with_aliases("a/c", &["/x"])),
    ];
    let failed = one
        .change(changes, vec![version("a/b#webhook", 1, 0, 0)])
        .await;
    assert!(matches!(failed, Err(StoreError::Taken(_))), "{failed:?}");
    let conflict = one.change(
        vec![put(definition("a/b"))],
        vec![version("a/a#webhook", 1, 0, 0)],
    );
    assert!(matches!(conflict.await, Err(StoreError::Conflict(_))));
    let after = (
        other.newest_change().await.unwrap(),
        other.audit(100).await.unwrap(),
        other.definitions("").await.unwrap(),
    );
    assert_eq!(after, before);
    assert_eq!(other.versions(&secret("a/b#webhook")).await.unwrap(), []);
    assert_eq!(
        other.versions(&secret("a/a#webhook")).await.unwrap().len(),
        1
    );
    assert_eq!(other.alias("/b").await.unwrap(), None);
}

async fn a_secret_ends_with_the_last_endpoint_that_is_judged_by_it(Stores { one, .. }: Stores) {
    let mut sharer = definition("a/b");
    sharer.auth.as_mut().unwrap().secret = Some(secret("a/a#webhook"));
    one.change(
        vec![put(definition("a/a")), put(sharer)],
        vec![
            version("a/a#webhook", 1, 0, 0),
            version("a/a#other", 1, 0, 0),
        ],
    )
    .await
    .unwrap();
    // What nobody else is judged by ends with its owner; what somebody is judged by does not.
    let ended = one.change(vec![delete("a/a")], vec![]).await.unwrap();
    assert_eq!(ended, [secret("a/a#other")]);
    let ended = one.change(vec![delete("a/b")], vec![]).await.unwrap();
    assert_eq!(ended, [secret("a/a#webhook")]);
    let versions = one.versions(&secret("a/a#webhook")).await.unwrap();
    assert_eq!(versions[0].ends_at, Some(at(0)));
    let line = one
        .last(Action::SecretRetired, "a/a#webhook")
        .await
        .unwrap();
    assert_eq!(line.unwrap().actor, "ann");
    // Nothing is left to end.
    assert_eq!(one.change(vec![delete("a/b")], vec![]).await.unwrap(), []);
}

async fn endpoints_are_found_by_the_secret_that_judges_them(Stores { one, .. }: Stores) {
    let shared = secret("shared#webhook");
    let mut changes = Vec::new();
    for (id, handshake) in [
        ("a/a", None),
        ("a/b", Some("zoom")),
        ("a/c", Some("it's")),
        ("a/d", None),
    ] {
        let mut definition = definition(id);
        definition.auth.as_mut().unwrap().secret = Some(shared.clone());
        definition.handshake = handshake.map(str::to_owned);
        changes.push(put(definition));
    }
    changes.push(put(definition("a/e")));
    one.change(changes, vec![]).await.unwrap();
    for (handshakes, among, limit, right) in [
        (&["zoom"][..], true, 9, &["a/b"][..]),
        (&["zoom"], false, 9, &["a/a", "a/c", "a/d"]),
        (&["zoom", "it's"], true, 9, &["a/b", "a/c"]),
        (&[], true, 9, &[]),
        (&[], false, 9, &["a/a", "a/b", "a/c", "a/d"]),
    ] {
        let found = one
            .sharing(&shared, handshakes, among, limit)
            .await
            .unwrap();
        let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, right, "{handshakes:?} {among}");
    }
    assert_eq!(one.sharing(&shared, &[], false, 2).await.unwrap().len(), 2);
    assert!(one.endpoint_using(&shared).await.unwrap().is_some());
    assert_eq!(
        one.endpoint_using(&secret("a/a#webhook")).await.unwrap(),
        None
    );
}

async fn what_changed_is_told_to_whoever_follows(Stores { one, other }: Stores) {
    let beginning = other.newest_change().await.unwrap();
    assert_eq!(beginning, Position::default());
    let put_one = put(with_aliases("a/a", &["/x"]));
    one.change(vec![put_one], vec![version("a/a#webhook", 1, 0, 0)])
        .await
        .unwrap();
    let news = other.changes_since(beginning).await.unwrap();
    let endpoint = Change::Endpoint("a/a".parse().unwrap());
    let alias = Change::Alias("/x".to_owned());
    let bound = Change::Secret(secret("a/a#webhook"));
    assert_eq!(
        news.changes.unwrap(),
        [bound.clone(), endpoint.clone(), alias.clone()]
    );
    assert_eq!(news.newest, one.newest_change().await.unwrap());
    assert_eq!(news.newest.number, 3);

    let seen = news.newest;
    one.install(version("a/a#webhook", 2, 60, 60))
        .await
        .unwrap();
    one.change(vec![delete("a/a")], vec![]).await.unwrap();
    let news = other.changes_since(seen).await.unwrap();
    assert_eq!(
        news.changes.unwrap(),
        [bound.clone(), alias, endpoint, bound]
    );
    // Nothing new is nothing; what was never there is everything.
    let again = other.changes_since(news.newest).await.unwrap();
    assert_eq!(again.changes.unwrap(), []);
    for unknown in [
        Position {
            mark: seen.mark ^ 1,
            ..seen
        },
        Position {
            number: seen.number + 1000,
            ..seen
        },
    ] {
        assert_eq!(other.changes_since(unknown).await.unwrap().changes, None);
    }
}

async fn lines_of_the_audit_log_are_numbered_without_gaps(Stores { one, other }: Stores) {
    one.install(version("a#a", 1, 0, 0)).await.unwrap();
    for _ in 0..3 {
        let failed = other.install(version("a#a", 1, 0, 0)).await;
        assert!(matches!(failed, Err(StoreError::Conflict(_))));
        other
            .record(entry(Action::SecretRevealed, "a#a"))
            .await
            .unwrap();
    }
    let lines = one.audit(100).await.unwrap();
    let numbers: Vec<i64> = lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    assert_eq!(one.audit(2).await.unwrap(), lines[..2]);
    assert_eq!(lines[3].action, "secret_rotated");
    assert_eq!(lines[0].at, at(0));
    assert_eq!(
        (&*lines[0].origin, &*lines[0].detail),
        ("cli@host", "a detail")
    );
    let last = one.last(Action::SecretRevealed, "a#a").await.unwrap();
    assert_eq!(last.as_ref(), Some(&lines[0]));
    assert_eq!(one.last(Action::SecretSet, "a#a").await.unwrap(), None);
}

/// What brings a store back to the schema before endpoints had a generation.
fn without_generations(migration: i64) -> String {
    format!(
        "DROP TABLE operator_tokens; DROP TABLE login_links; DROP TABLE sessions; DROP TABLE idempotency_keys; \
         DROP TABLE deliveries; DROP TABLE delivery_hourly; DROP TABLE delivery_latest; DROP TABLE secret_hourly; \
         DROP INDEX endpoints_by_organisation; DROP INDEX audit_by_subject; \
         ALTER TABLE endpoints DROP COLUMN generation; \
         DELETE FROM _sqlx_migrations WHERE version >= {migration}"
    )
}

async fn have_generations_of_their_own(store: &dyn Store) {
    let mut all = std::collections::HashSet::new();
    for id in ["workflows/a", "workflows/b"] {
        let record = store.endpoint_record(id).await.unwrap().unwrap();
        assert_ne!(record.generation, 0, "{id}");
        all.insert(record.generation);
    }
    assert_eq!(all.len(), 2);
}

fn two_endpoints() -> Vec<(EndpointChange, AuditEntry)> {
    ["workflows/a", "workflows/b"]
        .map(|id| put(definition(id)))
        .into()
}

#[test]
fn endpoints_of_an_older_file_get_generations_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    blocking(async {
        let store = SqliteStore::open(&path, true).await.unwrap();
        store.change(two_endpoints(), vec![]).await.unwrap();
        store.close().await;
        let url = format!("sqlite://{}", path.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(without_generations(8)))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let store = SqliteStore::open(&path, true).await.unwrap();
        have_generations_of_their_own(&store).await;
    });
}

#[test]
fn endpoints_of_an_older_database_get_generations_of_their_own() {
    let server = Postgres::start();
    blocking(async {
        let store = open(&server).await;
        store.change(two_endpoints(), vec![]).await.unwrap();
        store.close().await;
    });
    server.run(&without_generations(5));
    blocking(async {
        let store = open(&server).await;
        have_generations_of_their_own(&store).await;
    });
}
