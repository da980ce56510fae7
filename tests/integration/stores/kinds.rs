//! What a version of a secret is used for stays with it: the kind of key that it was bound as, and the challenges that
//! it has signed. Asked of the store and the cache of keys, past every check of the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::SignedDuration;
use portcullis::auth::KeyKind;
use portcullis::clock::SystemClock;
use portcullis::config::Config;
use portcullis::secrets::{
    KeyAddress, KeyCache, LocalKeyService, Secret, SecretStore as _, StoreError, Vault, VaultError,
};
use portcullis::store::copy;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use super::*;

on_both_engines! {
    a_version_is_of_the_kind_that_its_endpoint_needs_and_stays_so
    a_version_that_nobody_uses_becomes_what_its_first_endpoint_needs
    a_version_that_nobody_used_is_of_the_kind_that_most_people_know
    a_generated_version_is_nobodys_public_key
    a_secret_is_never_bound_as_keys_of_two_kinds
    a_version_remembers_the_handshakes_that_sign_with_it
    no_sequence_of_changes_makes_a_key_of_another_kind
}

fn proven(id: &str, slot: &str, auth: AuthDefinition) -> Definition {
    let mut definition = definition(id);
    definition.auth = Some(AuthDefinition {
        secret: Some(secret(slot)),
        ..auth
    });
    definition
}

fn preset(name: &str) -> AuthDefinition {
    AuthDefinition {
        preset: Some(name.to_owned()),
        ..AuthDefinition::of(Mode::Provider)
    }
}

async fn kinds(store: &dyn Store, of: &str) -> Vec<Option<KeyKind>> {
    let versions = store.versions(&secret(of)).await.unwrap();
    versions.iter().map(|version| version.kind).collect()
}

async fn change(store: &dyn Store, definition: Definition) {
    store.change(vec![put(definition)], vec![]).await.unwrap();
}

async fn a_version_is_of_the_kind_that_its_endpoint_needs_and_stays_so(
    Stores { one, other }: Stores,
) {
    change(&*one, proven("a/a", "s#k", preset("telnyx"))).await;
    other.install(version("s#k", 1, 0, 0)).await.unwrap();
    assert_eq!(kinds(&*one, "s#k").await, [Some(KeyKind::Public)]);
    for mode in [Mode::Hmac, Mode::Bearer] {
        change(&*one, proven("a/a", "s#k", AuthDefinition::of(mode))).await;
        assert_eq!(kinds(&*other, "s#k").await, [Some(KeyKind::Public)]);
    }
    one.install(version("s#k", 2, 60, 120)).await.unwrap();
    assert_eq!(
        kinds(&*one, "s#k").await,
        [Some(KeyKind::Token), Some(KeyKind::Public)]
    );
    // Of an endpoint and the secret that comes with it, the endpoint says it as it is then.
    let bearer = proven("b/b", "b/b#webhook", AuthDefinition::of(Mode::Bearer));
    change(&*one, bearer).await;
    let hmac = proven("b/b", "b/b#webhook", AuthDefinition::of(Mode::Hmac));
    let first = vec![version("b/b#webhook", 1, 0, 0)];
    one.change(vec![put(hmac)], first).await.unwrap();
    assert_eq!(kinds(&*one, "b/b#webhook").await, [Some(KeyKind::Shared)]);
}

async fn a_version_that_nobody_uses_becomes_what_its_first_endpoint_needs(
    Stores { one, other }: Stores,
) {
    one.install(version("s#k", 1, 0, 0)).await.unwrap();
    one.install(version("s#k", 2, 60, 120)).await.unwrap();
    assert_eq!(kinds(&*one, "s#k").await, [None, None]);
    let before = one.newest_change().await.unwrap();
    change(&*one, proven("a/a", "s#k", preset("discord"))).await;
    assert_eq!(kinds(&*other, "s#k").await, [Some(KeyKind::Public); 2]);
    // Whoever has read the secret before has to read it again.
    let news = other.changes_since(before).await.unwrap();
    let is_of_secret = |it: &portcullis::directory::Change| matches!(it, portcullis::directory::Change::Secret(of) if *of == secret("s#k"));
    assert!(news.changes.unwrap().iter().any(is_of_secret));
    // The declaration of a flow says it before there is an endpoint.
    let declared = NewSecretVersion {
        kind: Some(KeyKind::Public),
        ..version("f#k", 1, 0, 0)
    };
    one.install(declared).await.unwrap();
    change(&*one, proven("f/f", "f#k", AuthDefinition::of(Mode::Hmac))).await;
    assert_eq!(kinds(&*one, "f#k").await, [Some(KeyKind::Public)]);
    // What a handshake sends in the open is a token, whoever sets it.
    let mut meta = definition("m/m");
    meta.handshake = Some("meta".to_owned());
    change(&*one, meta).await;
    let token = version("m/m#handshake", 1, 0, 0);
    one.install(token).await.unwrap();
    assert_eq!(kinds(&*one, "m/m#handshake").await, [Some(KeyKind::Token)]);
}

async fn a_version_that_nobody_used_is_of_the_kind_that_most_people_know(
    Stores { one, other }: Stores,
) {
    let auths = [
        (KeyKind::Shared, AuthDefinition::of(Mode::Hmac)),
        (KeyKind::Token, AuthDefinition::of(Mode::Bearer)),
        (KeyKind::Public, preset("telnyx")),
    ];
    // Later in this list means known to more people.
    for (before, (first, of_first)) in auths.iter().enumerate() {
        for (after, (second, of_second)) in auths.iter().enumerate() {
            let slot = format!("s#{first}-{second}");
            change(&*one, proven("a/a", &slot, of_first.clone())).await;
            one.install(version(&slot, 1, 0, 0)).await.unwrap();
            change(&*one, definition("a/a")).await;
            one.install(version(&slot, 2, 60, 120)).await.unwrap();
            assert_eq!(kinds(&*one, &slot).await, [None, Some(*first)]);
            change(&*one, proven("a/a", &slot, of_second.clone())).await;
            let known = if before > after { first } else { second };
            let expected = [Some(*known), Some(*first)];
            assert_eq!(kinds(&*other, &slot).await, expected, "{slot}");
        }
    }
    // What the declaration of a flow says is no endpoint either.
    let slot = "f#k";
    for (number, given, expected) in [
        (1, KeyKind::Public, KeyKind::Public),
        (2, KeyKind::Shared, KeyKind::Public),
        (3, KeyKind::Token, KeyKind::Public),
    ] {
        let declared = NewSecretVersion {
            kind: Some(given),
            ..version(slot, number, i64::from(number) * 60, 0)
        };
        one.install(declared).await.unwrap();
        assert_eq!(kinds(&*other, slot).await.first(), Some(&Some(expected)));
    }
}

async fn a_generated_version_is_nobodys_public_key(Stores { one, other }: Stores) {
    let generated = |slot: &str, number: u32| NewSecretVersion {
        generated: true,
        ..version(slot, number, i64::from(number) * 60, 0)
    };
    let hmac = AuthDefinition::of(Mode::Hmac);
    change(&*one, proven("a/a", "s#k", preset("telnyx"))).await;
    one.install(version("s#k", 1, 0, 0)).await.unwrap();
    change(&*one, definition("a/a")).await;
    one.install(version("s#k", 2, 60, 0)).await.unwrap();
    one.install(generated("s#k", 3)).await.unwrap();
    change(&*one, proven("a/a", "s#k", hmac.clone())).await;
    let expected = [KeyKind::Shared, KeyKind::Public, KeyKind::Public].map(Some);
    assert_eq!(kinds(&*other, "s#k").await, expected);
    // Together with its endpoint, it is what that needs.
    one.install(version("t#k", 1, 0, 0)).await.unwrap();
    change(&*one, proven("b/b", "t#k", preset("telnyx"))).await;
    for (number, (kind, auth)) in (2..).zip([
        (KeyKind::Token, AuthDefinition::of(Mode::Bearer)),
        (KeyKind::Shared, hmac),
    ]) {
        let new = put(proven("b/b", "t#k", auth));
        one.change(vec![new], vec![generated("t#k", number)])
            .await
            .unwrap();
        assert_eq!(kinds(&*other, "t#k").await.first(), Some(&Some(kind)));
    }
    // Without a public key before it, the first endpoint says it.
    one.install(generated("u#k", 1)).await.unwrap();
    assert_eq!(kinds(&*one, "u#k").await, [None]);
}

async fn a_secret_is_never_bound_as_keys_of_two_kinds(Stores { one, .. }: Stores) {
    change(&*one, proven("a/a", "s#k", preset("telnyx"))).await;
    change(&*one, proven("b/b", "s#k", AuthDefinition::of(Mode::Hmac))).await;
    let refused = one.install(version("s#k", 1, 0, 0)).await;
    assert!(
        matches!(refused, Err(StoreError::OtherKind(_))),
        "{refused:?}"
    );
    assert_eq!(kinds(&*one, "s#k").await, []);
    let given = NewSecretVersion {
        kind: Some(KeyKind::Shared),
        ..version("t#k", 1, 0, 0)
    };
    change(&*one, proven("c/c", "t#k", preset("telnyx"))).await;
    let refused = one.install(given).await;
    assert!(
        matches!(refused, Err(StoreError::OtherKind(_))),
        "{refused:?}"
    );
}

async fn a_version_remembers_the_handshakes_that_sign_with_it(Stores { one, other }: Stores) {
    let noted = async || {
        let versions = other.versions(&secret("s#k")).await.unwrap();
        let noted = versions
            .into_iter()
            .map(|version| version.challenges.join(","));
        noted.collect::<Vec<_>>()
    };
    let with = |handshake: Option<&str>| {
        let mut definition = proven("a/a", "s#k", AuthDefinition::of(Mode::Hmac));
        definition.handshake = handshake.map(str::to_owned);
        definition
    };
    one.install(version("s#k", 1, 0, 0)).await.unwrap();
    change(&*one, with(Some("dropbox"))).await;
    assert_eq!(noted().await, [""], "it signs nothing");
    change(&*one, with(Some("x"))).await;
    assert_eq!(noted().await, ["x"]);
    one.install(version("s#k", 2, 60, 120)).await.unwrap();
    assert_eq!(noted().await, ["x", "x"]);
    change(&*one, with(Some("linkedin"))).await;
    assert_eq!(noted().await, ["linkedin,x", "linkedin,x"]);
    change(&*one, with(None)).await;
    assert_eq!(noted().await, ["linkedin,x", "linkedin,x"]);
    one.install(version("s#k", 3, 130, 140)).await.unwrap();
    assert_eq!(noted().await, ["", "linkedin,x", "linkedin,x"]);
    // A copy remembers, too, and so does a version that is moved to another key.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    let copied = SqliteStore::open(&path, true).await.unwrap();
    copy(&*one, &copied).await.unwrap();
    let of = secret("s#k");
    assert_eq!(
        copied.versions(&of).await.unwrap(),
        one.versions(&of).await.unwrap()
    );
}

/// How the three endpoints of the property may be proven.
fn auth(number: usize) -> Option<AuthDefinition> {
    match number {
        0 => None,
        1 => Some(AuthDefinition::of(Mode::Hmac)),
        2 => Some(AuthDefinition::of(Mode::Bearer)),
        3 => Some(preset("telnyx")),
        4 => Some(preset("standard-webhooks")),
        _ => Some(preset("discord")),
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// An endpoint, how it is proven, and with which slot.
    Put(usize, usize, usize),
    Delete(usize),
    /// A slot, and whether the value before goes on beside it.
    Bind(usize, bool),
    /// The same, with a generated value.
    Rotate(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..3, 0_usize..6, 0_usize..2).prop_map(|(id, auth, slot)| Step::Put(id, auth, slot)),
        1 => (0_usize..3).prop_map(Step::Delete),
        3 => (0_usize..2, any::<bool>()).prop_map(|(slot, overlap)| Step::Bind(slot, overlap)),
        1 => (0_usize..2, any::<bool>()).prop_map(|(slot, overlap)| Step::Rotate(slot, overlap)),
    ];
    prop::collection::vec(step, 1..12)
}

/// What the endpoints and versions should be, kept apart from the store.
#[derive(Default)]
struct Model {
    endpoints: BTreeMap<usize, (AuthDefinition, String)>,
    versions: BTreeMap<(String, u32), Option<KeyKind>>,
    /// Those that were set, all of them to the same value.
    set: BTreeSet<(String, u32)>,
}

impl Model {
    /// The kinds that the users of a slot need.
    fn needed(&self, slot: &str) -> Vec<KeyKind> {
        let users = self.endpoints.values().filter(|(_, used)| used == slot);
        let mut kinds: Vec<_> = users.map(|(auth, _)| auth.key_kind().unwrap()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Whether a version of a slot has a kind.
    fn has(&self, slot: &str, kind: KeyKind) -> bool {
        let mut versions = self.versions.iter().filter(|((of, _), _)| of == slot);
        versions.any(|(_, known)| *known == Some(kind))
    }

    /// Whether the value that is set was, in this slot, a key that more people know than one of `needed`.
    fn is_better_known(&self, slot: &str, needed: KeyKind) -> bool {
        let same = self.set.iter().filter(|(of, _)| of == slot);
        let mut kinds = same.filter_map(|version| self.versions[version]);
        kinds.any(|known| needed.better_known(known) != needed)
    }

    /// What the versions without a kind become when an endpoint needs `kind`.
    fn settled(&self, slot: &str, kind: KeyKind) -> KeyKind {
        let by_publicity = [KeyKind::Public, KeyKind::Token];
        let mut known = by_publicity.into_iter();
        let found = known.find(|known| *known == kind || self.has(slot, *known));
        found.unwrap_or(kind)
    }
}

async fn no_sequence_of_changes_makes_a_key_of_another_kind(Stores { one, other }: Stores) {
    let folder = tempfile::tempdir().unwrap();
    let service = LocalKeyService::open_or_create(&folder.path().join("a.key")).unwrap();
    let service = Arc::new(service);
    let text = "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n";
    let config = Config::parse(&folder.path().join("portcullis.toml"), text).unwrap();
    let runs = AtomicU32::new(0);
    let mut runner = TestRunner::new(Cases {
        cases: 24,
        failure_persistence: None,
        ..Cases::default()
    });
    let run = |steps: Vec<Step>| {
        // Every run has names of its own in the one store.
        let run = runs.fetch_add(1, Ordering::Relaxed);
        let clock = Arc::new(SystemClock);
        let vault = Vault::new(other.clone() as _, service.clone(), clock.clone());
        let keys = KeyCache::new(config.keys, one.clone() as _, service.clone(), clock);
        let one = one.clone();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async move {
                let mut model = Model::default();
                let slot_of = |slot: usize| format!("run{run}#slot{slot}");
                let id_of = |id: usize| format!("run{run}/endpoint{id}");
                for step in steps {
                    match step {
                        Step::Put(id, number, slot) => {
                            let slot = slot_of(slot);
                            model.endpoints.remove(&id);
                            let mut new = definition(&id_of(id));
                            new.auth = auth(number).map(|auth| AuthDefinition {
                                secret: Some(secret(&slot)),
                                ..auth
                            });
                            let auth = new.auth.clone();
                            one.change(vec![put(new)], vec![]).await.unwrap();
                            if let Some(auth) = auth {
                                let kind = model.settled(&slot, auth.key_kind().unwrap());
                                for ((of, _), known) in &mut model.versions {
                                    if *of == slot {
                                        *known = known.or(Some(kind));
                                    }
                                }
                                model.endpoints.insert(id, (auth, slot));
                            }
                        }
                        Step::Delete(id) => {
                            model.endpoints.remove(&id);
                            one.change(vec![delete(&id_of(id))], vec![]).await.unwrap();
                        }
                        Step::Bind(slot, goes_on) => {
                            let slot = slot_of(slot);
                            let needed = model.needed(&slot);
                            let is_known = needed
                                .first()
                                .is_some_and(|kind| model.is_better_known(&slot, *kind));
                            let overlap = SignedDuration::from_hours(i64::from(goes_on));
                            // Anybody may have it: a public key in base 64, and in base 16 for Discord.
                            let value = Secret::new("ab".repeat(32).into_bytes());
                            let of = secret(&slot);
                            let actor = entry(Action::SecretSet, "").actor;
                            match vault.set(&of, &value, overlap, &actor).await {
                                Ok(number) => {
                                    let kind = needed.first().copied();
                                    model.set.insert((slot.clone(), number));
                                    model.versions.insert((slot, number), kind);
                                    prop_assert!(needed.len() < 2 && !is_known);
                                }
                                Err(error) => {
                                    prop_assert!(needed.len() > 1 || is_known, "{error}");
                                }
                            }
                        }
                        Step::Rotate(slot, goes_on) => {
                            let slot = slot_of(slot);
                            let needed = model.needed(&slot);
                            let overlap = SignedDuration::from_hours(i64::from(goes_on));
                            let actor = entry(Action::SecretRotated, "").actor;
                            match vault.rotate(&secret(&slot), overlap, &actor).await {
                                Ok(number) => {
                                    let published = model.has(&slot, KeyKind::Public);
                                    let alone = published.then_some(KeyKind::Shared);
                                    let kind = needed.first().copied().or(alone);
                                    model.versions.insert((slot, number), kind);
                                    prop_assert!(needed.len() < 2);
                                }
                                Err(VaultError::Unbound(_)) => {
                                    prop_assert!(model.versions.keys().all(|(of, _)| *of != slot));
                                }
                                Err(error) => prop_assert!(needed.len() > 1, "{error}"),
                            }
                        }
                    }
                    keys.forget_all();
                    for (auth, slot) in model.endpoints.values() {
                        let form = auth.compiled().unwrap().unwrap().key().clone();
                        let needed = form.algorithm.key_kind();
                        let address = KeyAddress {
                            secret: secret(slot),
                            form,
                        };
                        let Ok(ring) = keys.keys(&address).await else {
                            continue;
                        };
                        let previous = ring.previous.iter().map(|(key, _)| key.version);
                        for number in std::iter::once(ring.current.version).chain(previous) {
                            let bound = model.versions[&(slot.clone(), number)];
                            prop_assert_eq!(bound, Some(needed), "{} version {}", slot, number);
                        }
                    }
                }
                Ok(())
            })
        })
    };
    runner.run(&steps(), run).unwrap();
}
