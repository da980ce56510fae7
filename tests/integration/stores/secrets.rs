//! Versions of secrets: which of them count, and who may add one.

use portcullis::secrets::{ExpectationWindow, StoreError};

use super::*;

on_both_engines! {
    versions_are_given_back_as_they_were_sealed_the_newest_first
    only_the_version_before_the_new_one_may_go_on
    a_number_that_is_taken_is_a_conflict
    a_secret_is_bound_only_while_the_window_of_its_endpoint_is_open
}

async fn versions_are_given_back_as_they_were_sealed_the_newest_first(
    Stores { one, other }: Stores,
) {
    assert_eq!(one.sealed_under().await.unwrap(), []);
    assert_eq!(one.versions(&secret("a#a")).await.unwrap(), []);
    one.install(version("a#a", 1, 0, 0)).await.unwrap();
    one.install(version("a#a", 2, 60, 120)).await.unwrap();
    one.install(version("a#b", 1, 0, 0)).await.unwrap();
    assert!(!other.sealed_under().await.unwrap().is_empty());
    let versions = other.versions(&secret("a#a")).await.unwrap();
    let times: Vec<_> = versions
        .iter()
        .map(|it| (it.version, it.created_at, it.ends_at))
        .collect();
    assert_eq!(times, [(2, at(60), None), (1, at(0), Some(at(120)))]);
    assert_eq!(versions[1].sealed, version("a#a", 1, 0, 0).sealed);
}

async fn only_the_version_before_the_new_one_may_go_on(Stores { one, .. }: Stores) {
    one.install(version("a#a", 1, 0, 0)).await.unwrap();
    // The first goes on until 1000; then the second takes over, and at once a third.
    one.install(version("a#a", 2, 10, 1000)).await.unwrap();
    one.install(version("a#a", 3, 20, 500)).await.unwrap();
    one.install(version("a#a", 4, 2000, 3000)).await.unwrap();
    let versions = one.versions(&secret("a#a")).await.unwrap();
    let ends: Vec<_> = versions.iter().map(|it| it.ends_at).collect();
    assert_eq!(
        ends,
        [None, Some(at(3000)), Some(at(500)), Some(at(20))],
        "one that goes on, and none but that"
    );
}

async fn a_number_that_is_taken_is_a_conflict(Stores { one, other }: Stores) {
    one.install(version("a#a", 1, 0, 0)).await.unwrap();
    let before = one.versions(&secret("a#a")).await.unwrap();
    let late = other.install(version("a#a", 1, 60, 60)).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert_eq!(one.versions(&secret("a#a")).await.unwrap(), before);
}

async fn a_secret_is_bound_only_while_the_window_of_its_endpoint_is_open(
    Stores { one, other }: Stores,
) {
    let window = ExpectationWindow {
        endpoint: "a/a".to_owned(),
        until: at(60),
    };
    let bind = async |window: &ExpectationWindow, number| {
        let new = version("a/a#webhook", number, 0, 0);
        other.install_first(new, window).await
    };
    let refused = |bound: Result<(), StoreError>| matches!(bound, Err(StoreError::Conflict(_)));
    assert!(refused(bind(&window, 1).await), "no endpoint");
    one.change(vec![put(definition("a/a"))], vec![])
        .await
        .unwrap();
    assert!(refused(bind(&window, 1).await), "no window");
    one.change(vec![expect("a/a", at(61))], vec![])
        .await
        .unwrap();
    assert!(refused(bind(&window, 1).await), "another window");
    one.change(vec![expect("a/a", at(60))], vec![])
        .await
        .unwrap();
    let mut elsewhere = definition("a/a");
    elsewhere.auth.as_mut().unwrap().secret = Some(secret("b#b"));
    one.change(vec![put(elsewhere)], vec![]).await.unwrap();
    assert!(refused(bind(&window, 1).await), "judged by something else");
    // Whoever puts the endpoint leaves the window as it is.
    one.change(vec![put(definition("a/a"))], vec![])
        .await
        .unwrap();
    assert_eq!(one.versions(&secret("a/a#webhook")).await.unwrap(), []);
    bind(&window, 1).await.unwrap();
    assert!(refused(bind(&window, 2).await), "it is bound");
    assert_eq!(one.versions(&secret("a/a#webhook")).await.unwrap().len(), 1);
}
