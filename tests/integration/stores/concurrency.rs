//! Many who change the same store at once, through two handles.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis::audit::Action;
use portcullis::directory::Change;
use portcullis::secrets::{ExpectationWindow, StoreError};

use super::*;

on_both_engines! {
    of_many_who_bind_a_secret_at_once_one_does
    of_many_who_rotate_a_secret_at_once_one_does
    whoever_follows_misses_no_change_of_many_writers
}

const WRITERS: usize = 16;

async fn of_many_who_bind_a_secret_at_once_one_does(Stores { one, other }: Stores) {
    for round in 0..10 {
        let id = format!("a/{round}");
        let mut expecting = definition(&id);
        expecting.handshake_expected_until = Some(at(60));
        one.change(vec![put(expecting)], vec![]).await.unwrap();
        let window = ExpectationWindow {
            endpoint: id.clone(),
            until: at(60),
        };
        let tries = (1..=WRITERS).map(|number| {
            let store = if number % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            // Each brings a number of its own: it is the window that lets one of them in, not the number.
            let new = version(
                &format!("{id}#webhook"),
                u32::try_from(number).unwrap(),
                0,
                0,
            );
            let window = window.clone();
            tokio::spawn(async move { store.install_first(new, &window).await })
        });
        let results = ended(tries.collect()).await;
        assert_eq!(
            results.iter().filter(|it| it.is_ok()).count(),
            1,
            "{results:?}"
        );
        let versions = one
            .versions(&secret(&format!("{id}#webhook")))
            .await
            .unwrap();
        assert_eq!(versions.len(), 1);
    }
}

async fn of_many_who_rotate_a_secret_at_once_one_does(Stores { one, other }: Stores) {
    one.install(version("a#a", 1, 0, 0)).await.unwrap();
    for number in 2..12 {
        let tries = (0..WRITERS).map(|writer| {
            let store = if writer % 2 == 0 {
                one.clone()
            } else {
                other.clone()
            };
            let new = version("a#a", number, 60, 60);
            tokio::spawn(async move { store.install(new).await })
        });
        let results = ended(tries.collect()).await;
        assert_eq!(
            results.iter().filter(|it| it.is_ok()).count(),
            1,
            "{results:?}"
        );
    }
    let versions = one.versions(&secret("a#a")).await.unwrap();
    let current = versions.iter().filter(|it| it.ends_at.is_none());
    assert_eq!((versions.len(), current.count()), (11, 1));
    let lines = one.audit(1000).await.unwrap();
    let numbers: Vec<i64> = lines.iter().rev().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
}

/// A number that is given out before another one, and becomes visible after it, would be passed over.
async fn whoever_follows_misses_no_change_of_many_writers(Stores { one, other }: Stores) {
    let writing = Arc::new(AtomicBool::new(true));
    let follower = {
        let (store, writing) = (other.clone(), writing.clone());
        tokio::spawn(async move {
            let (mut seen, mut all) = (Default::default(), Vec::new());
            loop {
                let last = !writing.load(Ordering::SeqCst);
                let news = with_connection(|| store.changes_since(seen)).await.unwrap();
                all.extend(news.changes.expect("a history that goes on"));
                seen = news.newest;
                if last {
                    return all;
                }
            }
        })
    };
    let writers = (0..WRITERS).map(|writer| {
        let store = if writer % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            for round in 0..20 {
                let id = format!("w{writer}/r{round}");
                if round % 5 == 4 {
                    // Transactions of different lengths, and some that fail.
                    let several = || {
                        let parts = (0..20).map(|part| put(definition(&format!("{id}p{part}"))));
                        store.change(parts.collect(), vec![])
                    };
                    with_connection(several).await?;
                    let again = version(&format!("w{writer}#s"), 1, 0, 0);
                    let _ = store.install(again).await;
                }
                with_connection(|| store.change(vec![put(definition(&id))], vec![])).await?;
            }
            Ok(())
        })
    });
    for result in ended(writers.collect()).await {
        result.unwrap();
    }
    writing.store(false, Ordering::SeqCst);
    let all = follower.await.unwrap();
    let changes: HashSet<&Change> = all.iter().collect();
    assert_eq!(changes.len(), all.len(), "each is told once");
    let stored = one.definitions("").await.unwrap();
    assert_eq!(stored.len(), WRITERS * (20 + 4 * 20));
    for stored in stored {
        let change = Change::Endpoint(stored.definition.id);
        assert!(changes.contains(&change), "{change:?} was missed");
    }
    assert!(
        one.last(Action::EndpointCreated, "w0/r0")
            .await
            .unwrap()
            .is_some()
    );
}

/// Does `work` again as long as a busy machine gives up the wait for a connection: nothing has happened then.
async fn with_connection<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..100 {
        match work().await {
            Err(StoreError::Unavailable(why)) if why.contains("no connection") => {}
            done => return done,
        }
    }
    work().await
}

async fn ended(
    tasks: Vec<tokio::task::JoinHandle<Result<(), StoreError>>>,
) -> Vec<Result<(), StoreError>> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
