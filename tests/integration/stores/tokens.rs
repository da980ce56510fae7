//! Tokens of workspaces: kept as they were made, ended once, and told to whoever follows.

use portcullis::auth::{Grant, TokenHash, TokenId};
use portcullis::directory::Change;
use portcullis::secrets::StoreError;
use portcullis::tokens::{TokenRecord, TokenStatus};

use super::*;

on_both_engines! {
    a_token_is_given_back_as_it_was_made_and_its_id_is_taken
    a_token_is_revoked_once_and_not_after_its_end
    whoever_follows_is_told_of_tokens_that_were_made_and_revoked
    tokens_are_listed_by_pages_and_by_workspace_with_their_last_use
    what_has_ended_is_forgotten_when_the_next_is_made
    the_organisations_of_a_workspace_are_those_of_its_endpoints
}

pub(super) fn id(number: u64) -> TokenId {
    TokenId::new(number.to_be_bytes())
}

/// A token that lasts from `made` to `ends`.
pub(super) fn token(number: u64, workspace: &str, made: i64, ends: i64) -> TokenRecord {
    TokenRecord {
        id: id(number),
        grant: Grant {
            hash: TokenHash::from_bytes(&[u8::try_from(number % 256).unwrap(); 32]).unwrap(),
            organisation: "acme".into(),
            workspace: workspace.into(),
            expires_at: at(ends),
            revoked_at: None,
        },
        label: format!("number {number}"),
        created_at: at(made),
    }
}

fn made(record: &TokenRecord) -> AuditEntry {
    entry(Action::TokenCreated, &record.id.to_string())
}

pub(super) async fn add(store: &dyn Store, record: &TokenRecord) {
    store.add_token(record, made(record)).await.unwrap();
}

/// Everything about every token, for comparison.
pub(super) async fn summaries(store: &dyn Store) -> Vec<String> {
    let listed = store.tokens(None, None, 100).await.unwrap();
    let summary = |it: &TokenStatus| {
        let (record, grant) = (&it.record, &it.record.grant);
        let hash = hex::encode(grant.hash.bytes());
        let owner = (&grant.organisation, &grant.workspace);
        let times = (record.created_at, grant.expires_at, grant.revoked_at);
        format!(
            "{} {} {hash} {owner:?} {times:?} {:?}",
            record.id, record.label, it.last_used_at
        )
    };
    listed.iter().map(summary).collect()
}

fn numbers(listed: &[TokenStatus]) -> Vec<String> {
    let label = |it: &TokenStatus| it.record.label.clone();
    listed.iter().map(label).collect()
}

async fn a_token_is_given_back_as_it_was_made_and_its_id_is_taken(Stores { one, other }: Stores) {
    assert!(one.grant(&id(1)).await.unwrap().is_none());
    add(&*one, &token(1, "shop", 0, 100)).await;
    let grant = other.grant(&id(1)).await.unwrap().unwrap();
    assert_eq!(grant.hash.bytes(), &[1; 32]);
    assert_eq!((&*grant.organisation, &*grant.workspace), ("acme", "shop"));
    assert_eq!((grant.expires_at, grant.revoked_at), (at(100), None));
    let again = token(1, "evil", 0, 200);
    let late = other.add_token(&again, made(&again)).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert_eq!(
        &*one.grant(&id(1)).await.unwrap().unwrap().workspace,
        "shop"
    );
    let lines = one.audit(10).await.unwrap();
    assert_eq!(lines.len(), 1, "what was not done is not told");
    assert_eq!(lines[0].action, "token_created");
}

async fn a_token_is_revoked_once_and_not_after_its_end(Stores { one, other }: Stores) {
    let revoke = async |store: &Arc<dyn Store>, number, when| {
        let audit = entry(Action::TokenRevoked, &id(number).to_string());
        store
            .revoke_token(&id(number), at(when), audit)
            .await
            .unwrap()
    };
    add(&*one, &token(1, "shop", 0, 100)).await;
    add(&*one, &token(2, "shop", 0, 100)).await;
    assert!(!revoke(&one, 3, 10).await, "there is none");
    assert!(revoke(&other, 1, 10).await);
    assert!(!revoke(&one, 1, 20).await, "it was revoked");
    assert!(!revoke(&one, 2, 100).await, "it has expired");
    let grant = one.grant(&id(1)).await.unwrap().unwrap();
    assert_eq!(grant.revoked_at, Some(at(10)));
    assert!(!grant.is_valid_at(at(5)), "whatever the clock says");
    assert!(
        other
            .grant(&id(2))
            .await
            .unwrap()
            .unwrap()
            .is_valid_at(at(99))
    );
    let lines = one.audit(10).await.unwrap();
    let revoked = lines.iter().filter(|line| line.action == "token_revoked");
    assert_eq!(revoked.count(), 1);
}

async fn whoever_follows_is_told_of_tokens_that_were_made_and_revoked(
    Stores { one, other }: Stores,
) {
    let before = other.newest_change().await.unwrap();
    add(&*one, &token(7, "shop", 0, 100)).await;
    let news = other.changes_since(before).await.unwrap();
    assert_eq!(news.changes, Some(vec![Change::Token(id(7))]));
    let audit = entry(Action::TokenRevoked, "7");
    one.revoke_token(&id(7), at(1), audit.clone())
        .await
        .unwrap();
    let later = other.changes_since(news.newest).await.unwrap();
    assert_eq!(later.changes, Some(vec![Change::Token(id(7))]));
    // What changed nothing is no news.
    one.revoke_token(&id(7), at(1), audit).await.unwrap();
    one.add_token_uses(&[(id(7), at(1))]).await.unwrap();
    let nothing = other.changes_since(later.newest).await.unwrap();
    assert_eq!(nothing.changes, Some(Vec::new()));
}

async fn tokens_are_listed_by_pages_and_by_workspace_with_their_last_use(
    Stores { one, other }: Stores,
) {
    for number in 1..=5 {
        let workspace = if number % 2 == 0 { "even" } else { "odd" };
        add(&*one, &token(number, workspace, 0, 1000)).await;
    }
    let page = other.tokens(None, None, 2).await.unwrap();
    assert_eq!(numbers(&page), ["number 1", "number 2"]);
    let page = other.tokens(None, Some(&id(2)), 10).await.unwrap();
    assert_eq!(numbers(&page), ["number 3", "number 4", "number 5"]);
    let even = other.tokens(Some("even"), None, 10).await.unwrap();
    assert_eq!(numbers(&even), ["number 2", "number 4"]);
    let uses = [(id(2), at(50)), (id(9), at(50))];
    one.add_token_uses(&uses).await.unwrap();
    // The clock of another node is behind.
    other.add_token_uses(&[(id(2), at(40))]).await.unwrap();
    let even = one.tokens(Some("even"), None, 10).await.unwrap();
    let used: Vec<_> = even.iter().map(|it| it.last_used_at).collect();
    assert_eq!(used, [Some(at(50)), None]);
    one.add_token_uses(&[(id(2), at(60))]).await.unwrap();
    let even = one.tokens(Some("even"), None, 10).await.unwrap();
    assert_eq!(even[0].last_used_at, Some(at(60)));
}

async fn what_has_ended_is_forgotten_when_the_next_is_made(Stores { one, .. }: Stores) {
    const DAY: i64 = 86_400;
    add(&*one, &token(1, "shop", 0, 60)).await;
    add(&*one, &token(2, "shop", 0, 365 * DAY)).await;
    add(&*one, &token(3, "shop", 0, 365 * DAY)).await;
    let audit = entry(Action::TokenRevoked, "3");
    one.revoke_token(&id(3), at(DAY), audit).await.unwrap();
    one.add_token_uses(&[(id(1), at(1)), (id(3), at(1))])
        .await
        .unwrap();
    for (number, made, kept) in [
        (4, 120, vec!["number 1", "number 2", "number 3", "number 4"]),
        (5, 121, vec!["number 2", "number 3", "number 4", "number 5"]),
        (
            6,
            31 * DAY,
            vec!["number 2", "number 3", "number 4", "number 5", "number 6"],
        ),
        (
            7,
            31 * DAY + 1,
            vec!["number 2", "number 4", "number 5", "number 6", "number 7"],
        ),
    ] {
        add(&*one, &token(number, "shop", made, 366 * DAY)).await;
        let listed = one.tokens(None, None, 10).await.unwrap();
        assert_eq!(numbers(&listed), kept, "at {made}");
    }
    assert!(one.grant(&id(1)).await.unwrap().is_none());
}

async fn the_organisations_of_a_workspace_are_those_of_its_endpoints(Stores { one, .. }: Stores) {
    assert_eq!(one.organisations_of("main", 5).await.unwrap(), [""; 0]);
    let mut others = definition("b/b");
    others.organisation = "umbrella".parse().unwrap();
    let changes = vec![put(definition("a/a")), put(definition("a/b")), put(others)];
    one.change(changes, vec![]).await.unwrap();
    assert_eq!(
        one.organisations_of("main", 5).await.unwrap(),
        ["acme", "umbrella"]
    );
    assert_eq!(one.organisations_of("main", 1).await.unwrap(), ["acme"]);
    assert_eq!(one.organisations_of("other", 5).await.unwrap(), [""; 0]);
}
