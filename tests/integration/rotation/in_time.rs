//! Promises about time, in virtual time: a busy machine cannot break them, and a product that is too slow always does.
//!
//! The clock of the runtime stands still while there is work to do, and jumps to the next timer when there is none. So the
//! store and the key service are fakes that answer at once, or when the test says so.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use portcullis::audit::AuditEntry;
use portcullis::auth::{Algorithm, Grant, KeyForm, KeyKind, Mode, TokenId};
use portcullis::clock::SystemClock;
use portcullis::config::Config;
use portcullis::directory::{
    AuthDefinition, Change, ChangeNotifier, Changes, Definition, Directory, DirectorySettings,
    EndpointChange, EndpointId, EndpointRecord, EndpointStore, Follower, FollowerSettings,
    LookupError, NamesPage, Position,
};
use portcullis::gate::Caches;
use portcullis::secrets::{
    CacheSettings, CiphertextReplacement, EncryptedSecret, EncryptionContext, ExpectationWindow,
    KeyAddress, KeyCache, KeyError, KeyService, KeyServiceError, KeyUsage, NewSecretVersion,
    Retirement, Secret, SecretRef, SecretStore, StoreError, StoredVersion, VersionRef, VersionUse,
};
use portcullis::task::Tasks;
use portcullis::tokens::{TokenCache, TokenRecord, TokenStatus, TokenStore};
use tokio::sync::watch;
use tokio::time::{advance, sleep};

use crate::support::{ID, PATH};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A store with one endpoint and one secret.
#[derive(Default)]
pub(super) struct Fake {
    state: Mutex<State>,
    notifier: Option<Arc<ChangeNotifier>>,
}

#[derive(Default)]
struct State {
    definition: Option<Definition>,
    changes: Vec<Change>,
    is_down: bool,
    /// The kind that the secret was bound as; a shared one if nothing is said.
    kind: Option<KeyKind>,
    /// How often somebody looked for changes.
    looks: usize,
}

impl Fake {
    pub(super) fn with_endpoint(notifier: Option<Arc<ChangeNotifier>>) -> Arc<Self> {
        let name = |name: &str| name.parse().unwrap();
        let definition = Definition {
            auth: Some(AuthDefinition::of(Mode::Hmac)),
            ..Definition::new(
                ID.parse().unwrap(),
                name("acme"),
                name("main"),
                "default".to_owned(),
            )
        };
        let state = State {
            definition: Some(definition),
            ..State::default()
        };
        Arc::new(Self {
            state: Mutex::new(state),
            notifier,
        })
    }

    /// Another process changes the endpoint.
    pub(super) fn change(&self, change: impl FnOnce(&mut Definition)) {
        let mut state = self.state.lock().unwrap();
        change(state.definition.as_mut().unwrap());
        state.changes.push(Change::Endpoint(ID.parse().unwrap()));
    }

    /// The secret was bound as a key of this kind.
    pub(super) fn bound_as(&self, kind: KeyKind) {
        self.state.lock().unwrap().kind = Some(kind);
    }

    /// Another process deletes the endpoint.
    fn delete(&self) {
        let mut state = self.state.lock().unwrap();
        state.definition = None;
        state.changes.push(Change::Endpoint(ID.parse().unwrap()));
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    fn answer<T>(&self, answer: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        let state = self.state.lock().unwrap();
        if state.is_down {
            return Err(StoreError::Unavailable("it is down".to_owned()));
        }
        Ok(answer(&state))
    }
}

#[async_trait]
impl EndpointStore for Fake {
    async fn endpoint_record(&self, id: &str) -> Result<Option<EndpointRecord>, StoreError> {
        self.answer(|state| {
            let definition = state.definition.clone();
            let definition = definition.filter(|it| it.id.as_str() == id)?;
            Some(EndpointRecord {
                definition,
                generation: 1,
            })
        })
    }

    async fn alias(&self, _path: &str) -> Result<Option<EndpointId>, StoreError> {
        self.answer(|_| None)
    }

    async fn names(&self, _after: Option<&str>, _limit: u32) -> Result<NamesPage, StoreError> {
        self.answer(|state| NamesPage {
            names: state
                .definition
                .iter()
                .map(|it| it.id.to_string())
                .collect(),
            next: None,
        })
    }

    async fn change(
        &self,
        _changes: Vec<(EndpointChange, AuditEntry)>,
        _secrets: Vec<NewSecretVersion>,
    ) -> Result<Vec<SecretRef>, StoreError> {
        unreachable!("a follower changes nothing")
    }

    async fn endpoint_using(&self, _secret: &SecretRef) -> Result<Option<EndpointId>, StoreError> {
        unreachable!("nobody asks")
    }

    async fn newest_change(&self) -> Result<Position, StoreError> {
        self.answer(|state| Position {
            number: state.changes.len() as u64,
            mark: 0,
        })
    }

    async fn changes_since(&self, seen: Position) -> Result<Changes, StoreError> {
        self.state.lock().unwrap().looks += 1;
        let newest = self.newest_change().await?;
        let seen = usize::try_from(seen.number).unwrap();
        self.answer(|state| Changes {
            newest,
            changes: Some(state.changes[seen..].to_vec()),
        })
    }

    fn change_notifier(&self, _tasks: &Tasks) -> Option<Arc<ChangeNotifier>> {
        self.notifier.clone()
    }
}

#[async_trait]
impl SecretStore for Fake {
    async fn versions(&self, _secret: &SecretRef) -> Result<Vec<StoredVersion>, StoreError> {
        let sealed = EncryptedSecret {
            service: "fake".to_owned(),
            key_id: "1".to_owned(),
            ciphertext: vec![1],
        };
        self.answer(|state| {
            vec![StoredVersion {
                version: 1,
                created_at: Timestamp::UNIX_EPOCH,
                ends_at: None,
                kind: Some(state.kind.unwrap_or(KeyKind::Shared)),
                challenges: Vec::new(),
                sealed,
            }]
        })
    }

    async fn install(&self, _installation: NewSecretVersion) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }

    async fn install_first(
        &self,
        _installation: NewSecretVersion,
        _window: &ExpectationWindow,
    ) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }

    async fn end(
        &self,
        _secret: &SecretRef,
        _ending: Retirement,
        _at: Timestamp,
        _audit: AuditEntry,
    ) -> Result<u64, StoreError> {
        unreachable!("nobody asks")
    }

    async fn add_uses(&self, _uses: &[(SecretRef, VersionUse)]) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }

    async fn uses(&self, _secret: &SecretRef) -> Result<Vec<VersionUse>, StoreError> {
        unreachable!("nobody asks")
    }

    async fn sealed_under(&self) -> Result<Vec<KeyUsage>, StoreError> {
        unreachable!("nobody asks")
    }

    async fn sealed_after(
        &self,
        _after: Option<&VersionRef>,
        _limit: u32,
    ) -> Result<Vec<(VersionRef, EncryptedSecret)>, StoreError> {
        unreachable!("nobody asks")
    }

    async fn reseal(&self, _resealing: CiphertextReplacement) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }

    async fn record(&self, _audit: AuditEntry) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }
}

#[async_trait]
impl TokenStore for Fake {
    async fn grant(&self, _id: &TokenId) -> Result<Option<Grant>, StoreError> {
        unreachable!("nobody asks")
    }

    async fn tokens(
        &self,
        _workspace: Option<&str>,
        _after: Option<&TokenId>,
        _limit: u32,
    ) -> Result<Vec<TokenStatus>, StoreError> {
        unreachable!("nobody asks")
    }

    async fn add_token(&self, _record: &TokenRecord, _audit: AuditEntry) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }

    async fn revoke_token(
        &self,
        _id: &TokenId,
        _at: Timestamp,
        _audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        unreachable!("nobody asks")
    }

    async fn add_token_uses(&self, _uses: &[(TokenId, Timestamp)]) -> Result<(), StoreError> {
        unreachable!("nobody asks")
    }
}

/// What a key service does when it is asked.
#[derive(Clone, Copy, Default)]
enum Manner {
    #[default]
    Answering,
    Failing,
    Hanging,
}

/// The secret of the endpoint. As hex it is a public key, too.
pub(super) const SECRET: &[u8] =
    b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// A key service.
#[derive(Default)]
struct FakeService {
    manner: Mutex<Manner>,
    calls: Mutex<u32>,
}

impl FakeService {
    fn is_now(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn calls(&self) -> u32 {
        *self.calls.lock().unwrap()
    }
}

#[async_trait]
impl KeyService for FakeService {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn encrypt(
        &self,
        _secret: &Secret,
        _context: &EncryptionContext<'_>,
    ) -> Result<EncryptedSecret, KeyServiceError> {
        unreachable!("nobody asks")
    }

    async fn decrypt(
        &self,
        _sealed: &EncryptedSecret,
        _context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        *self.calls.lock().unwrap() += 1;
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Answering => Ok(Secret::new(SECRET.to_vec())),
            Manner::Failing => Err(KeyServiceError::NoCredentials("it is down".to_owned())),
            Manner::Hanging => std::future::pending().await,
        }
    }

    async fn is_current(&self, _sealed: &EncryptedSecret) -> Result<bool, KeyServiceError> {
        unreachable!("nobody asks")
    }
}

pub(super) fn config() -> Config {
    let text = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";
    Config::parse(Path::new("/portcullis.toml"), text).unwrap()
}

/// Follows `store`, and gives the directory.
async fn followed(store: &Arc<Fake>, pace: FollowerSettings) -> Arc<Directory> {
    known(store, pace).await.directory
}

/// Follows `store`, and gives what a gate looks up.
pub(super) async fn known(store: &Arc<Fake>, pace: FollowerSettings) -> Caches {
    let config = config();
    let settings = DirectorySettings {
        capacity: 10,
        store_reads: 4,
        upstream_paths: config.upstream_paths.clone(),
        draft_auth: config.draft_auth,
    };
    let directory = Directory::new(settings, Arc::clone(&config.routes), store.clone());
    let directory = Arc::new(directory);
    let service = Arc::new(FakeService::default());
    let keys = KeyCache::new(config.keys, store.clone(), service, Arc::new(SystemClock));
    let keys = Arc::new(keys);
    let tokens = Arc::new(TokenCache::new(10, 1, store.clone()));
    let (stop, stopped) = watch::channel(false);
    // It goes on until the test is over.
    std::mem::forget(stop);
    let tasks = Tasks::new(stopped.clone());
    let follower = Follower::start(
        pace,
        store.clone(),
        directory.clone(),
        keys.clone(),
        tokens.clone(),
        &tasks,
    );
    let follower = Arc::new(follower.await.unwrap());
    tasks.supervise(Follower::TASK, move |heartbeat| {
        Arc::clone(&follower).run(stopped.clone(), heartbeat)
    });
    Caches {
        directory,
        keys,
        tokens,
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_in_force_within_a_second_of_its_commit() {
    let hour = Duration::from_hours(1);
    // As often as it looks by default, and as seldom as it may.
    for milliseconds in [200, 400] {
        // A store without notifications, one that sends them, and one that believes that it does.
        for (has_bell, rings) in [(false, false), (true, true), (true, false)] {
            // Wherever the follower stands in its round.
            for phase in 0..20 {
                let notifier = has_bell.then(|| Arc::new(ChangeNotifier::default()));
                if let Some(notifier) = &notifier {
                    notifier.set_listening(true);
                }
                let store = Fake::with_endpoint(notifier.clone());
                let pace = FollowerSettings {
                    every: Duration::from_millis(milliseconds),
                    grace: hour,
                };
                let directory = followed(&store, pace).await;
                sleep(10 * SECOND + phase * SECOND / 20).await;
                assert!(directory.find(PATH).await.is_ok());
                store.delete();
                if let Some(notifier) = notifier.filter(|_| rings) {
                    notifier.notify();
                }
                sleep(SECOND).await;
                let found = directory.find(PATH).await;
                assert!(
                    matches!(found, Err(LookupError::NotConfigured(_))),
                    "every {milliseconds} ms, bell {has_bell}, rings {rings}, phase {phase}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_notifies_is_looked_at_about_once_a_second() {
    let notifier = Arc::new(ChangeNotifier::default());
    notifier.set_listening(true);
    let store = Fake::with_endpoint(Some(notifier));
    let pace = FollowerSettings {
        every: SECOND / 5,
        grace: Duration::from_hours(1),
    };
    let _directory = followed(&store, pace).await;
    sleep(60 * SECOND).await;
    let looks = store.state.lock().unwrap().looks;
    assert!((60..=80).contains(&looks), "{looks} looks in a minute");
}

#[tokio::test(start_paused = true)]
async fn known_endpoints_go_on_for_the_grace_time_and_no_longer() {
    let grace = Duration::from_mins(10);
    let pace = FollowerSettings {
        every: SECOND / 5,
        grace,
    };
    let store = Fake::with_endpoint(None);
    let directory = followed(&store, pace).await;
    sleep(SECOND).await;
    assert!(directory.find(PATH).await.is_ok());
    store.set_down(true);
    sleep(grace - SECOND).await;
    assert!(directory.find(PATH).await.is_ok());
    sleep(2 * SECOND).await;
    assert!(matches!(
        directory.find(PATH).await,
        Err(LookupError::Store(StoreError::Unavailable(_)))
    ));
    store.set_down(false);
    sleep(SECOND).await;
    assert!(directory.find(PATH).await.is_ok());
}

/// A cache of keys, whose key service is in the hand of the test.
fn cached(time_to_live: Duration, grace: Duration) -> (KeyCache, Arc<FakeService>, KeyAddress) {
    let settings = CacheSettings {
        time_to_live,
        grace,
        ..config().keys
    };
    let service = Arc::new(FakeService::default());
    let store = Fake::with_endpoint(None);
    let cache = KeyCache::new(settings, store, service.clone(), Arc::new(SystemClock));
    let address = KeyAddress {
        secret: SecretRef::new("a", "b").unwrap(),
        form: KeyForm::plain(Algorithm::HmacSha256),
    };
    (cache, service, address)
}

#[tokio::test(start_paused = true)]
async fn a_known_secret_is_used_for_its_lifetime_and_the_grace_time_and_no_longer() {
    let (to_live, grace) = (Duration::from_mins(5), Duration::from_hours(1));
    let (cache, service, address) = cached(to_live, grace);
    assert!(cache.keys(&address).await.is_ok());
    service.is_now(Manner::Failing);
    // Deliveries come all the time, and each of these has been refused by the key service.
    for _ in 0..64 {
        advance(Duration::from_mins(1)).await;
        assert!(cache.keys(&address).await.is_ok());
        tokio::task::yield_now().await;
    }
    advance(Duration::from_secs(59)).await;
    assert!(cache.keys(&address).await.is_ok());
    advance(2 * SECOND).await;
    assert!(matches!(
        cache.keys(&address).await,
        Err(KeyError::Service(_))
    ));
    service.is_now(Manner::Answering);
    advance(Duration::from_mins(1)).await;
    assert!(cache.keys(&address).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_use_is_refreshed_before_its_time_and_no_delivery_waits_for_it() {
    let to_live = Duration::from_mins(5);
    let (cache, service, address) = cached(to_live, Duration::from_hours(1));
    assert!(cache.keys(&address).await.is_ok());
    assert_eq!(service.calls(), 1);
    service.is_now(Manner::Hanging);
    advance(to_live / 2 - SECOND).await;
    assert!(cache.keys(&address).await.is_ok());
    sleep(SECOND / 10).await;
    assert_eq!(service.calls(), 1, "it is too early");
    advance(to_live * 2 / 5 + 2 * SECOND).await;
    // Nothing answers, so one that waited would wait for ever.
    assert!(cache.keys(&address).await.is_ok());
    sleep(SECOND / 10).await;
    assert_eq!(service.calls(), 2, "it is refreshed in the background");
    assert!(cache.keys(&address).await.is_ok());
}
