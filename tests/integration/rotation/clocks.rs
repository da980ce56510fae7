//! What ends at once has ended, whatever the clock says of the machine on which somebody ended it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portcullis::audit::Actor;
use portcullis::auth::{Algorithm, KeyForm, KeyKind};
use portcullis::clock::Clock;
use portcullis::secrets::{
    CacheSettings, KeyAddress, KeyCache, LocalKeyService, Retirement, Secret, SecretRef, Vault,
    VersionState,
};
use portcullis::store::SqliteStore;

use crate::support::SettableClock;

/// A clock that is ahead of the others.
struct ClockAhead(SignedDuration);

impl Clock for ClockAhead {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.0
    }
}

#[test]
fn a_secret_that_was_ended_by_a_machine_whose_clock_is_ahead_has_ended_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(
            SqliteStore::open(&folder.path().join("a.db"), true)
                .await
                .unwrap(),
        );
        let service = LocalKeyService::open_or_create(&folder.path().join("a.key")).unwrap();
        let service = Arc::new(service);
        let ahead = Arc::new(ClockAhead(SignedDuration::from_mins(3)));
        let vault = Vault::new(store.clone(), service.clone(), ahead);
        let vault = vault.binding_as(Some(KeyKind::Shared));
        let secret = SecretRef::new("a", "b").unwrap();
        let actor = Actor::Recorded {
            name: "somebody".to_owned(),
            origin: "elsewhere".to_owned(),
        };
        let versions = async || {
            let settings = CacheSettings {
                capacity: 10,
                time_to_live: std::time::Duration::from_secs(60),
                ..portcullis::config::Config::parse(
                    &folder.path().join("portcullis.toml"),
                    "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n",
                )
                .unwrap()
                .keys
            };
            let here = Arc::new(ClockAhead(SignedDuration::ZERO));
            let cache = KeyCache::new(settings, store.clone(), service.clone(), here);
            let address = KeyAddress {
                secret: secret.clone(),
                form: KeyForm::plain(Algorithm::HmacSha256),
            };
            let ring = cache.keys(&address).await.unwrap();
            let previous = ring.previous.as_ref().map(|(key, _)| key.version);
            (ring.current.version, previous)
        };
        let set = async |value: &str, overlap: SignedDuration| {
            let value = Secret::new(value.as_bytes().to_vec());
            vault.set(&secret, &value, overlap, &actor).await.unwrap();
        };
        set("one", SignedDuration::ZERO).await;
        set("two", SignedDuration::ZERO).await;
        assert_eq!(versions().await, (2, None), "it was replaced at once");
        set("three", SignedDuration::from_hours(1)).await;
        assert_eq!(versions().await, (3, Some(2)));
        let ended = vault.retire(&secret, Retirement::Previous, &actor).await;
        assert_eq!(ended.unwrap(), 1);
        assert_eq!(versions().await, (3, None), "its overlap was ended");
        set("four", SignedDuration::from_hours(1)).await;
        set("five", SignedDuration::from_hours(1)).await;
        assert_eq!(
            versions().await,
            (5, Some(4)),
            "one before the current one, and no more"
        );
    });
}

#[test]
fn whoever_retires_a_version_and_whoever_looks_agree_whatever_their_clocks_say() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(
            SqliteStore::open(&folder.path().join("a.db"), true)
                .await
                .unwrap(),
        );
        let service = LocalKeyService::open_or_create(&folder.path().join("a.key")).unwrap();
        let service = Arc::new(service);
        let actor = Actor::Recorded {
            name: "somebody".to_owned(),
            origin: "elsewhere".to_owned(),
        };
        let true_time = Timestamp::now();
        let hours = [-3, -1, 0, 1, 3].map(SignedDuration::from_hours);
        let vault_at = |skew: SignedDuration| {
            let clock = Arc::new(SettableClock::at(true_time + skew));
            Vault::new(store.clone(), service.clone(), clock)
        };
        let mut number = 0;
        for rotated in hours {
            for retired in hours {
                number += 1;
                let secret = SecretRef::new("a", &format!("b{number}")).unwrap();
                for (value, overlap) in [("one", 0), ("two", 2)] {
                    let value = Secret::new(value.as_bytes().to_vec());
                    let overlap = SignedDuration::from_hours(overlap);
                    let vault = vault_at(rotated);
                    vault.set(&secret, &value, overlap, &actor).await.unwrap();
                }
                let ending = Retirement::Previous;
                let ended = vault_at(retired).retire(&secret, ending, &actor).await;
                assert_eq!(ended.unwrap(), 1, "{rotated:#} {retired:#}");
                let again = vault_at(rotated).retire(&secret, ending, &actor).await;
                assert_eq!(again.unwrap(), 0, "{rotated:#} {retired:#}");
                for looks in hours {
                    let status = vault_at(looks).status(&secret).await.unwrap();
                    let state: Vec<_> = status.iter().map(|it| it.state).collect();
                    assert!(
                        matches!(state[..], [VersionState::Current, VersionState::Retired(_)]),
                        "{rotated:#} {retired:#} {looks:#}: {state:?}"
                    );
                }
            }
        }
    });
}
