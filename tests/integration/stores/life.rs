//! The life of a secret after it was set, and the log of it: uses, ends, other keys, and a chain of digests.

use portcullis::audit::{Action, AuditLine, Chain, ChainEnd};
use portcullis::secrets::{
    CiphertextReplacement, EncryptedSecret, Retirement, StoreError, VersionRef, VersionUse,
};

use super::*;

on_both_engines! {
    uses_of_a_version_are_added_up_and_the_last_one_counts
    versions_are_ended_beside_the_current_one_or_all_of_them
    ciphertexts_are_read_page_by_page_and_replaced_only_as_they_were_read
    the_audit_log_is_one_chain_whoever_writes_to_it_at_the_same_time
}

fn used(version: u32, deliveries: u64, second: i64) -> VersionUse {
    VersionUse {
        version,
        deliveries,
        last_used_at: at(second),
    }
}

async fn uses_of_a_version_are_added_up_and_the_last_one_counts(Stores { one, other }: Stores) {
    let (a, b) = (secret("a#a"), secret("a#b"));
    assert_eq!(one.uses(&a).await.unwrap(), []);
    let first = [
        (a.clone(), used(1, 3, 50)),
        (a.clone(), used(2, 1, 60)),
        (b.clone(), used(1, 9, 10)),
    ];
    one.add_uses(&first).await.unwrap();
    // An older use that was written down later is a use, and not the last one.
    other
        .add_uses(&[(a.clone(), used(1, 2, 40))])
        .await
        .unwrap();
    one.add_uses(&[(a.clone(), used(2, 5, 70))]).await.unwrap();
    one.add_uses(&[]).await.unwrap();
    let uses = other.uses(&a).await.unwrap();
    assert_eq!(uses, [used(2, 6, 70), used(1, 5, 50)]);
    assert_eq!(other.uses(&b).await.unwrap(), [used(1, 9, 10)]);
}

async fn versions_are_ended_beside_the_current_one_or_all_of_them(Stores { one, other }: Stores) {
    let of = secret("a#a");
    let entry = |second| AuditEntry {
        at: at(second),
        action: Action::SecretRetired,
        subject: "a#a".to_owned(),
        ..version("a#a", 1, 0, 0).audit
    };
    let ends = async || {
        let versions = other.versions(&of).await.unwrap();
        let ends = versions.iter().map(|it| it.ends_at);
        ends.collect::<Vec<_>>()
    };
    one.install(version("a#a", 1, 0, 0)).await.unwrap();
    let before = one.newest_change().await.unwrap();
    let lines = one.audit(100).await.unwrap().len();
    assert_eq!(
        one.end(&of, Retirement::Previous, at(30), entry(30))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        one.newest_change().await.unwrap(),
        before,
        "nothing has changed"
    );
    assert_eq!(one.audit(100).await.unwrap().len(), lines);
    // It goes on until 120 beside the second one.
    one.install(version("a#a", 2, 60, 120)).await.unwrap();
    assert_eq!(
        one.end(&of, Retirement::Previous, at(90), entry(90))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        ends().await,
        [None, Some(at(60))],
        "it has ended when the current one began, whatever clock was asked"
    );
    assert_eq!(
        one.end(&of, Retirement::Previous, at(95), entry(95))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        one.end(&of, Retirement::Everything, at(100), entry(100))
            .await
            .unwrap(),
        1
    );
    assert_eq!(ends().await, [Some(at(100)), Some(at(60))]);
    assert_ne!(other.newest_change().await.unwrap(), before);
    let last = other
        .last(Action::SecretRetired, "a#a")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(last.at, at(100));
}

async fn ciphertexts_are_read_page_by_page_and_replaced_only_as_they_were_read(
    Stores { one, other }: Stores,
) {
    for (name, number) in [
        ("b#a", 1),
        ("a/x#a", 1),
        ("a#b", 1),
        ("a#a", 1),
        ("a#a", 2),
        ("a-x#a", 1),
    ] {
        one.install(version(name, number, 0, 0)).await.unwrap();
    }
    let mut seen: Vec<(VersionRef, EncryptedSecret)> = Vec::new();
    loop {
        let page = other
            .sealed_after(seen.last().map(|(of, _)| of), 2)
            .await
            .unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let names: Vec<String> = seen
        .iter()
        .map(|(of, _)| format!("{}@{}", of.secret, of.version))
        .collect();
    // Byte by byte, in every language of a database.
    assert_eq!(
        names,
        ["a#a@1", "a#a@2", "a#b@1", "a-x#a@1", "a/x#a@1", "b#a@1"]
    );
    let (of, from) = seen[1].clone();
    let to = EncryptedSecret {
        service: "another".to_owned(),
        key_id: "key".to_owned(),
        ciphertext: vec![0, 255, 7],
    };
    let resealing = CiphertextReplacement {
        of,
        from,
        to: to.clone(),
        audit: version("a#a", 2, 0, 0).audit,
    };
    let before = one.newest_change().await.unwrap();
    one.reseal(resealing.clone()).await.unwrap();
    let again = other.reseal(resealing).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    assert_eq!(other.versions(&secret("a#a")).await.unwrap()[0].sealed, to);
    assert_eq!(
        one.newest_change().await.unwrap(),
        before,
        "the value is the same"
    );
    let under = other.sealed_under().await.unwrap();
    let counts: Vec<u64> = under.iter().map(|it| it.versions).collect();
    assert_eq!(counts.iter().sum::<u64>(), 6);
    assert!(
        under
            .iter()
            .any(|it| it.service == "another" && it.versions == 1)
    );
}

async fn the_audit_log_is_one_chain_whoever_writes_to_it_at_the_same_time(
    Stores { one, other }: Stores,
) {
    assert_eq!(one.audit_end().await.unwrap(), ChainEnd::default());
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(if writer % 2 == 0 { &one } else { &other });
        tokio::spawn(async move {
            for number in 0..10 {
                let entry = AuditEntry {
                    subject: format!("{writer}/{number} ü'\"\u{0}").replace('\u{0}', ""),
                    ..version("a#a", 1, 0, 0).audit
                };
                store.record(entry).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut chain = Chain::default();
    let mut lines: Vec<AuditLine> = Vec::new();
    loop {
        let page = other.audit_after(chain.end().number, 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        for line in page {
            chain.append(&line).unwrap();
            lines.push(line);
        }
    }
    assert_eq!(lines.len(), 80);
    assert!(lines.iter().all(|line| line.digest.is_some()));
    assert_eq!(chain.end(), one.audit_end().await.unwrap());
}
