//! Operator tokens, login links, sessions and idempotency keys in each engine.

use portcullis::auth::{TokenHash, TokenId};
use portcullis::operators::{
    IdempotencyState, LoginLink, MAX_IDEMPOTENCY_KEYS, OperatorToken, Session, SignOut,
    StoredAnswer,
};
use portcullis::secrets::StoreError;

use super::*;

on_both_engines! {
    an_operator_token_is_stored_as_it_was_created_and_its_id_is_taken
    an_operator_token_is_revoked_once_and_not_after_its_end
    operator_tokens_are_listed_by_pages_with_their_last_use
    ended_operator_tokens_are_deleted_when_the_next_is_created
    a_login_link_starts_one_session_even_if_two_use_it_at_once
    an_expired_or_unknown_login_link_starts_no_session
    a_session_is_kept_by_use_and_not_revived_after_its_end
    a_session_ends_once_and_its_hash_finds_nothing_afterwards
    a_person_who_is_signed_out_has_no_session_and_no_link
    a_person_has_a_bounded_number_of_sessions
    an_idempotency_key_is_reserved_once_and_keeps_its_answer
    an_idempotency_key_can_be_released_until_it_has_an_answer
    idempotency_keys_end_after_a_day_and_are_bounded_for_each_principal
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn hash(number: u8) -> TokenHash {
    TokenHash::from_bytes(&[number; 32]).unwrap()
}

pub(super) fn id(number: u64) -> TokenId {
    TokenId::new(number.to_be_bytes())
}

/// An operator token that lasts from `created` to `ends`.
pub(super) fn token(number: u8, created: i64, ends: i64) -> OperatorToken {
    OperatorToken {
        id: id(number.into()),
        hash: hash(number),
        label: format!("number {number}"),
        grants: ["operator@acme/shop", "viewer"]
            .map(|it| it.parse().unwrap())
            .into(),
        created_at: at(created),
        expires_at: at(ends),
        revoked_at: None,
        last_used_at: None,
    }
}

pub(super) async fn add(store: &dyn Store, token: &OperatorToken) {
    let audit = entry(Action::OperatorTokenCreated, &token.id.to_string());
    store.add_operator_token(token, audit).await.unwrap();
}

async fn revoke(store: &dyn Store, number: u64, when: i64) -> bool {
    let id = id(number);
    let audit = entry(Action::OperatorTokenRevoked, &id.to_string());
    let revoked = store.revoke_operator_token(&id, at(when), audit);
    revoked.await.unwrap()
}

/// Every value of every operator token, for comparison.
pub(super) async fn values(store: &dyn Store) -> Vec<String> {
    let listed = store.operator_tokens(None, 100).await.unwrap();
    let values = |it: &OperatorToken| {
        let hash = hex::encode(it.hash.bytes());
        let times = (it.created_at, it.expires_at, it.revoked_at, it.last_used_at);
        format!("{} {} {hash} {:?} {times:?}", it.id, it.label, it.grants)
    };
    listed.iter().map(values).collect()
}

fn labels(listed: &[OperatorToken]) -> Vec<String> {
    listed.iter().map(|it| it.label.clone()).collect()
}

async fn actions(store: &dyn Store) -> Vec<String> {
    let lines = store.audit(100).await.unwrap();
    lines.into_iter().rev().map(|line| line.action).collect()
}

async fn an_operator_token_is_stored_as_it_was_created_and_its_id_is_taken(
    Stores { one, other }: Stores,
) {
    assert!(one.operator_token(&id(1)).await.unwrap().is_none());
    let created = token(1, 0, 100);
    add(&*one, &created).await;
    let found = other.operator_token(&id(1)).await.unwrap().unwrap();
    assert_eq!(found.hash.bytes(), &[1; 32]);
    assert_eq!(
        (found.label, found.grants),
        (created.label.clone(), created.grants.clone())
    );
    assert_eq!(
        (found.created_at, found.expires_at, found.revoked_at),
        (at(0), at(100), None)
    );
    let again = OperatorToken {
        label: "another".to_owned(),
        ..created
    };
    let audit = entry(Action::OperatorTokenCreated, "again");
    let late = other.add_operator_token(&again, audit).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let found = one.operator_token(&id(1)).await.unwrap().unwrap();
    assert_eq!(found.label, "number 1");
    assert_eq!(actions(&*one).await, ["operator_token_created"]);
}

async fn an_operator_token_is_revoked_once_and_not_after_its_end(Stores { one, other }: Stores) {
    add(&*one, &token(1, 0, 100)).await;
    add(&*one, &token(2, 0, 100)).await;
    assert!(!revoke(&*one, 3, 10).await, "it does not exist");
    assert!(revoke(&*other, 1, 10).await);
    assert!(!revoke(&*one, 1, 20).await, "it was revoked");
    assert!(!revoke(&*one, 2, 100).await, "it has expired");
    let found = one.operator_token(&id(1)).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(10)));
    assert!(!found.is_valid_at(at(5)), "whatever the clock says");
    let found = other.operator_token(&id(2)).await.unwrap().unwrap();
    assert!(found.is_valid_at(at(99)) && !found.is_valid_at(at(100)));
    let expected = [
        "operator_token_created",
        "operator_token_created",
        "operator_token_revoked",
    ];
    assert_eq!(actions(&*one).await, expected);
}

async fn operator_tokens_are_listed_by_pages_with_their_last_use(Stores { one, other }: Stores) {
    for number in 1..=5 {
        add(&*one, &token(number, 0, 1000)).await;
    }
    let page = other.operator_tokens(None, 2).await.unwrap();
    assert_eq!(labels(&page), ["number 1", "number 2"]);
    let page = other.operator_tokens(Some(&id(2)), 10).await.unwrap();
    assert_eq!(labels(&page), ["number 3", "number 4", "number 5"]);
    one.add_token_uses(&[(id(3), at(50))]).await.unwrap();
    let page = other.operator_tokens(Some(&id(2)), 2).await.unwrap();
    let used: Vec<_> = page.iter().map(|it| it.last_used_at).collect();
    assert_eq!(used, [Some(at(50)), None]);
    let found = other.operator_token(&id(3)).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, Some(at(50)));
}

async fn ended_operator_tokens_are_deleted_when_the_next_is_created(Stores { one, .. }: Stores) {
    add(&*one, &token(1, 0, 60)).await;
    add(&*one, &token(2, 0, 365 * DAY)).await;
    add(&*one, &token(3, 0, 365 * DAY)).await;
    tokens::add(&*one, &tokens::token(9, "shop", 0, 365 * DAY)).await;
    assert!(revoke(&*one, 3, DAY).await);
    for number in [1, 2, 9] {
        one.add_token_uses(&[(id(number), at(1))]).await.unwrap();
    }
    for (number, created, kept) in [
        (4, 120, vec!["number 1", "number 2", "number 3", "number 4"]),
        (5, 121, vec!["number 2", "number 3", "number 4", "number 5"]),
        (
            6,
            31 * DAY + 1,
            vec!["number 2", "number 4", "number 5", "number 6"],
        ),
    ] {
        add(&*one, &token(number, created, 366 * DAY)).await;
        let listed = one.operator_tokens(None, 10).await.unwrap();
        assert_eq!(labels(&listed), kept, "at {created}");
    }
    // The uses of the others stay, also those of a workspace token.
    let found = one.operator_token(&id(2)).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, Some(at(1)));
    let workspace_tokens = one.tokens(None, None, 10).await.unwrap();
    assert_eq!(workspace_tokens[0].last_used_at, Some(at(1)));
}

fn link(subject: &str, created: i64) -> LoginLink {
    let grants = vec!["admin".parse().unwrap(), "revealer@acme".parse().unwrap()];
    LoginLink::new(subject.to_owned(), grants, at(created))
}

async fn add_link(store: &dyn Store, number: u8, subject: &str, created: i64) {
    let audit = entry(Action::LoginLinkCreated, subject);
    let (hash, link) = (hash(number), link(subject, created));
    let added = store.add_login_link(&hash, &link, at(created), audit);
    added.await.unwrap();
}

/// Uses a link, and starts a session with the hash `session`.
async fn redeem(store: &dyn Store, number: u8, session: u8, subject: &str, now: i64) -> bool {
    let audit = entry(Action::SignedIn, subject);
    let started = Session::start(link(subject, now), at(now));
    let (link, session) = (hash(number), hash(session));
    let redeemed = store.redeem_login_link(&link, &session, &started, audit);
    redeemed.await.unwrap()
}

/// Signs a person in with a link of the same number as the session.
async fn sign_in(store: &dyn Store, session: u8, subject: &str, now: i64) {
    add_link(store, session, subject, now).await;
    assert!(redeem(store, session, session, subject, now).await);
}

async fn is_there(store: &dyn Store, session: u8) -> bool {
    store.session(&hash(session)).await.unwrap().is_some()
}

async fn a_login_link_starts_one_session_even_if_two_use_it_at_once(Stores { one, other }: Stores) {
    add_link(&*one, 1, "ana", 0).await;
    let found = other.login_link(&hash(1)).await.unwrap();
    assert_eq!(found, Some(link("ana", 0)));
    let (first, second) = tokio::join!(
        redeem(&*one, 1, 11, "ana", 1),
        redeem(&*other, 1, 12, "ana", 1)
    );
    assert!(first ^ second, "{first} {second}");
    assert_eq!(is_there(&*one, 11).await, first);
    assert_eq!(is_there(&*one, 12).await, second);
    assert!(!redeem(&*one, 1, 13, "ana", 2).await);
    assert_eq!(one.login_link(&hash(1)).await.unwrap(), None);
    let session = other.session(&hash(if first { 11 } else { 12 })).await;
    let session = session.unwrap().unwrap();
    assert_eq!(session, Session::start(link("ana", 0), at(1)));
    assert_eq!(actions(&*one).await, ["login_link_created", "signed_in"]);
}

async fn an_expired_or_unknown_login_link_starts_no_session(Stores { one, .. }: Stores) {
    add_link(&*one, 1, "ana", 0).await;
    assert!(!redeem(&*one, 2, 12, "ana", 1).await);
    assert!(!redeem(&*one, 1, 11, "ana", 5 * MINUTE).await);
    assert!(!is_there(&*one, 11).await && !is_there(&*one, 12).await);
    assert_eq!(actions(&*one).await, ["login_link_created"]);
    // The next link deletes expired ones.
    add_link(&*one, 3, "ben", 5 * MINUTE).await;
    assert_eq!(one.login_link(&hash(1)).await.unwrap(), None);
    assert!(one.login_link(&hash(3)).await.unwrap().is_some());
}

async fn a_session_is_kept_by_use_and_not_revived_after_its_end(Stores { one, other }: Stores) {
    let seen = async |number| {
        let session = one.session(&hash(number)).await.unwrap();
        session.map(|session| session.seen_at)
    };
    sign_in(&*one, 1, "ana", 0).await;
    other.touch_session(&hash(1), at(10)).await.unwrap();
    assert_eq!(seen(1).await, Some(at(10)));
    // The clock of another node is behind.
    other.touch_session(&hash(1), at(5)).await.unwrap();
    assert_eq!(seen(1).await, Some(at(10)));
    // It has become idle.
    let idle = at(10 + 30 * MINUTE);
    other.touch_session(&hash(1), idle).await.unwrap();
    assert_eq!(seen(1).await, Some(at(10)));
    let session = one.session(&hash(1)).await.unwrap().unwrap();
    assert!(!session.is_valid_at(idle));
    // The next sign-in deletes it.
    sign_in(&*one, 2, "ben", 10 + 30 * MINUTE).await;
    assert_eq!(seen(1).await, None);
    // A use after twelve hours counts no more, however often there was one before.
    for minute in (0..12 * 60).step_by(20) {
        let now = at(10 + 30 * MINUTE + minute * MINUTE);
        one.touch_session(&hash(2), now).await.unwrap();
    }
    let last = seen(2).await;
    let end = at(10 + 30 * MINUTE + 12 * HOUR);
    one.touch_session(&hash(2), end).await.unwrap();
    assert_eq!(seen(2).await, last);
    assert!(
        !one.session(&hash(2))
            .await
            .unwrap()
            .unwrap()
            .is_valid_at(end)
    );
}

async fn a_session_ends_once_and_its_hash_finds_nothing_afterwards(Stores { one, other }: Stores) {
    sign_in(&*one, 1, "ana", 0).await;
    sign_in(&*one, 2, "ana", 0).await;
    let end = async |store: &dyn Store| {
        let audit = entry(Action::SignedOut, "ana");
        store.end_session(&hash(1), audit).await.unwrap()
    };
    assert!(end(&*other).await);
    assert!(!is_there(&*one, 1).await && is_there(&*one, 2).await);
    assert!(!end(&*one).await);
    // A late use does not bring it back.
    one.touch_session(&hash(1), at(1)).await.unwrap();
    assert!(!is_there(&*other, 1).await);
    let signed_out = actions(&*one).await;
    let signed_out = signed_out.iter().filter(|it| *it == "signed_out");
    assert_eq!(signed_out.count(), 1);
}

async fn a_person_who_is_signed_out_has_no_session_and_no_link(Stores { one, other }: Stores) {
    for session in 1..=3 {
        sign_in(&*one, session, "ana", 0).await;
    }
    sign_in(&*one, 4, "ben", 0).await;
    add_link(&*one, 5, "ana", 0).await;
    let sign_out = async || {
        let audit = entry(Action::SignedOut, "ana");
        other.end_sessions_of("ana", audit).await.unwrap()
    };
    let ended = SignOut {
        sessions: 3,
        links: 1,
    };
    assert_eq!(sign_out().await, ended);
    for session in 1..=3 {
        assert!(!is_there(&*one, session).await, "{session}");
    }
    assert!(is_there(&*one, 4).await);
    assert!(!redeem(&*one, 5, 15, "ana", 1).await);
    assert_eq!(sign_out().await, SignOut::default());
    let signed_out = actions(&*one).await;
    let signed_out = signed_out.iter().filter(|it| *it == "signed_out");
    assert_eq!(signed_out.count(), 1);
}

async fn a_person_has_a_bounded_number_of_sessions(Stores { one, .. }: Stores) {
    let max = u8::try_from(Session::MAX_OF_SUBJECT).unwrap();
    sign_in(&*one, 200, "ben", 0).await;
    for session in 1..=max {
        sign_in(&*one, session, "ana", session.into()).await;
    }
    assert!(is_there(&*one, 1).await);
    sign_in(&*one, max + 1, "ana", 100).await;
    assert!(!is_there(&*one, 1).await);
    // A sign-in on a node whose clock is behind ends another session, not its own.
    sign_in(&*one, max + 2, "ana", 0).await;
    assert!(!is_there(&*one, 2).await);
    for session in (3..=max + 2).chain([200]) {
        assert!(is_there(&*one, session).await, "{session}");
    }
}

async fn reserve(store: &dyn Store, name: &str, request: u8, now: i64) -> IdempotencyState {
    let (key, request) = (name.parse().unwrap(), [request; 32]);
    let reserved = store.reserve_key("session:ana", &key, &request, at(now));
    reserved.await.unwrap()
}

fn answer(body: Option<&str>) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        body: body.map(str::to_owned),
    }
}

async fn an_idempotency_key_is_reserved_once_and_keeps_its_answer(Stores { one, other }: Stores) {
    let (first, second) = tokio::join!(reserve(&*one, "k", 1, 0), reserve(&*other, "k", 1, 0));
    let states = [first, second];
    assert!(states.contains(&IdempotencyState::Reserved), "{states:?}");
    assert!(states.contains(&IdempotencyState::Running), "{states:?}");
    assert_eq!(
        reserve(&*one, "k", 2, 1).await,
        IdempotencyState::OtherRequest
    );
    let key = "k".parse().unwrap();
    let given = answer(Some("{\"id\":\"ü\"}"));
    one.store_answer("session:ana", &key, &given).await.unwrap();
    // The first answer stays.
    one.store_answer("session:ana", &key, &answer(None))
        .await
        .unwrap();
    assert_eq!(
        reserve(&*other, "k", 1, 2).await,
        IdempotencyState::Answered(given)
    );
    assert_eq!(
        reserve(&*other, "k", 2, 2).await,
        IdempotencyState::OtherRequest
    );
    // Another principal has keys of its own.
    let foreign = other.reserve_key("token:1", &key, &[1; 32], at(2)).await;
    assert_eq!(foreign.unwrap(), IdempotencyState::Reserved);
    // An answer without a body.
    one.store_answer("token:1", &key, &answer(None))
        .await
        .unwrap();
    let again = other.reserve_key("token:1", &key, &[1; 32], at(3)).await;
    assert_eq!(again.unwrap(), IdempotencyState::Answered(answer(None)));
}

async fn an_idempotency_key_can_be_released_until_it_has_an_answer(Stores { one, other }: Stores) {
    let key = "k".parse().unwrap();
    assert_eq!(reserve(&*one, "k", 1, 0).await, IdempotencyState::Reserved);
    one.release_key("session:ana", &key).await.unwrap();
    assert_eq!(
        reserve(&*other, "k", 2, 0).await,
        IdempotencyState::Reserved
    );
    one.store_answer("session:ana", &key, &answer(None))
        .await
        .unwrap();
    one.release_key("session:ana", &key).await.unwrap();
    assert_eq!(
        reserve(&*one, "k", 2, 0).await,
        IdempotencyState::Answered(answer(None))
    );
}

async fn idempotency_keys_end_after_a_day_and_are_bounded_for_each_principal(
    Stores { one, .. }: Stores,
) {
    assert_eq!(
        reserve(&*one, "old", 1, 0).await,
        IdempotencyState::Reserved
    );
    assert_eq!(
        reserve(&*one, "old", 1, DAY - 1).await,
        IdempotencyState::Running
    );
    assert_eq!(
        reserve(&*one, "old", 2, DAY).await,
        IdempotencyState::Reserved
    );
    let foreign = "foreign".parse().unwrap();
    let added = one
        .reserve_key("token:1", &foreign, &[1; 32], at(DAY))
        .await;
    assert_eq!(added.unwrap(), IdempotencyState::Reserved);
    // `old` and these fill the room.
    for number in 1..MAX_IDEMPOTENCY_KEYS {
        let name = format!("key-{number}");
        let state = reserve(&*one, &name, 1, DAY + i64::from(number)).await;
        assert_eq!(state, IdempotencyState::Reserved, "{name}");
    }
    let late = DAY + 2000;
    assert_eq!(
        reserve(&*one, "old", 2, late).await,
        IdempotencyState::Running
    );
    assert_eq!(
        reserve(&*one, "new", 1, late).await,
        IdempotencyState::Reserved
    );
    assert_eq!(
        reserve(&*one, "key-1", 1, late).await,
        IdempotencyState::Running
    );
    assert_eq!(
        reserve(&*one, "old", 2, late).await,
        IdempotencyState::Reserved
    );
    assert_eq!(
        reserve(&*one, "key-1", 1, late).await,
        IdempotencyState::Reserved
    );
    let kept = one
        .reserve_key("token:1", &foreign, &[1; 32], at(late))
        .await;
    assert_eq!(kept.unwrap(), IdempotencyState::Running);
}
