//! Recorded deliveries and hourly counts: bounded, expired, and shown only to the owner of the endpoint.

use std::net::IpAddr;

use jiff::SignedDuration;
use portcullis::deliveries::{
    CountKey, DeliveryDurations, DeliveryFilter, DeliveryLimits, EndpointCounts, HourlyCounts,
    NewDelivery, OutcomeClass, RecordedDelivery,
};
use portcullis::directory::EndpointId;
use portcullis::secrets::VersionUse;

use super::*;

on_both_engines! {
    deliveries_are_listed_newest_first_with_filters_and_pages
    an_endpoint_keeps_its_newest_deliveries_and_the_others_keep_theirs
    deliveries_expire_by_age_and_the_oldest_go_first_when_there_are_too_many
    a_batch_that_is_written_again_is_there_once
    counts_of_several_nodes_add_up
    a_later_owner_of_an_id_sees_nothing_of_the_earlier_one
    deliveries_of_secret_versions_are_counted_by_hour
    many_nodes_write_and_expire_at_once
}

const HOUR: i64 = 3600;

async fn generation(store: &dyn Store, id: &str) -> i64 {
    store.endpoint_record(id).await.unwrap().unwrap().generation
}

fn delivery(id: &str, generation: i64, request: &str, second: i64) -> NewDelivery {
    NewDelivery {
        endpoint: id.parse().unwrap(),
        generation,
        at: at(second),
        request_id: request.to_owned(),
        sender_id: None,
        event: None,
        outcome: OutcomeClass::Admitted,
        reason: "admitted",
        status: Some(202),
        cause: None,
        secret_version: None,
        body_bytes: None,
        durations: DeliveryDurations::default(),
        client: None,
    }
}

fn refused(one: NewDelivery) -> NewDelivery {
    NewDelivery {
        outcome: OutcomeClass::Refused,
        reason: "signature_mismatch",
        ..one
    }
}

fn all() -> DeliveryFilter {
    DeliveryFilter {
        outcome: None,
        reason: None,
        before: None,
        limit: 1000,
    }
}

async fn ids(store: &dyn Store, id: &str, filter: &DeliveryFilter) -> Vec<String> {
    let found = store.deliveries(&id.parse().unwrap(), filter).await;
    let found = found.unwrap().into_iter();
    found.map(|one| one.request_id).collect()
}

fn limits(per_endpoint: u32, total: u32, keep_for: i64) -> DeliveryLimits {
    DeliveryLimits {
        per_endpoint,
        total,
        keep_for: SignedDuration::from_secs(keep_for),
    }
}

fn hour(start: i64, admitted: u64, refused: u64, failed: u64, ignored: u64) -> HourlyCounts {
    HourlyCounts {
        hour: at(start),
        admitted,
        refused,
        failed,
        ignored,
    }
}

fn counts(id: &str, generation: i64, hours: &[HourlyCounts]) -> EndpointCounts {
    let last = hours.last().unwrap();
    EndpointCounts {
        key: CountKey {
            endpoint: id.parse().unwrap(),
            generation,
        },
        hours: hours.to_vec(),
        latest_at: last.hour,
        latest_reason: if last.refused > 0 {
            "signature_mismatch"
        } else {
            "admitted"
        },
        last_admitted_at: (last.admitted > 0).then_some(last.hour),
    }
}

/// Counts for the tests of copies.
pub(super) async fn fill(store: &dyn Store, id: &str) {
    let generation = generation(store, id).await;
    let hours = [hour(0, 1, 2, 3, 4), hour(HOUR, 5, 0, 0, 0)];
    let counts = [counts(id, generation, &hours)];
    store.add_delivery_counts(&counts).await.unwrap();
    let batch = [delivery(id, generation, "copied", 0)];
    store.record_deliveries(&batch, 10).await.unwrap();
}

async fn endpoints(store: &dyn Store, ids: &[&str]) {
    let new = ids.iter().map(|id| put(definition(id))).collect();
    store.change(new, vec![]).await.unwrap();
}

async fn deliveries_are_listed_newest_first_with_filters_and_pages(Stores { one, other }: Stores) {
    endpoints(&*one, &["a/a", "a/b"]).await;
    let made = generation(&*one, "a/a").await;
    let whole = NewDelivery {
        sender_id: Some("evt_1".to_owned()),
        event: Some("Push Hook é".to_owned()),
        outcome: OutcomeClass::Failed,
        reason: "upstream_timeout",
        status: None,
        cause: Some("'\"\\ € cause".to_owned()),
        secret_version: Some(7),
        body_bytes: Some(u64::from(u32::MAX) + 1),
        durations: DeliveryDurations {
            receive: Some(Duration::from_micros(1)),
            verify: None,
            backend: Some(Duration::from_secs(8)),
            total: Duration::from_micros(8_000_123),
        },
        client: Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])),
        ..delivery("a/a", made, "whole", 5)
    };
    let mut batch: Vec<NewDelivery> = (0..5)
        .map(|number| delivery("a/a", made, &format!("{number}"), number))
        .collect();
    batch[1] = refused(batch[1].clone());
    batch[3] = refused(batch[3].clone());
    batch.push(whole.clone());
    one.record_deliveries(&batch, 100).await.unwrap();
    let elsewhere = [delivery("a/b", generation(&*one, "a/b").await, "b", 9)];
    one.record_deliveries(&elsewhere, 100).await.unwrap();

    let right = ["whole", "4", "3", "2", "1", "0"];
    assert_eq!(ids(&*other, "a/a", &all()).await, right);
    let by_outcome = DeliveryFilter {
        outcome: Some(OutcomeClass::Refused),
        ..all()
    };
    assert_eq!(ids(&*other, "a/a", &by_outcome).await, ["3", "1"]);
    let by_reason = DeliveryFilter {
        reason: Some("upstream_timeout".to_owned()),
        ..all()
    };
    assert_eq!(ids(&*other, "a/a", &by_reason).await, ["whole"]);
    let neither = DeliveryFilter {
        outcome: Some(OutcomeClass::Refused),
        ..by_reason
    };
    assert_eq!(ids(&*other, "a/a", &neither).await, [""; 0]);

    // Page by page, whatever the size of a page.
    for limit in 1..=7 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = DeliveryFilter {
                before,
                limit,
                ..all()
            };
            let page = other.deliveries(&id("a/a"), &page).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.number);
            seen.extend(page.into_iter().map(|one| one.request_id));
        }
        assert_eq!(seen, right, "{limit}");
    }

    let found = other.delivery("whole").await.unwrap().unwrap();
    let right = RecordedDelivery {
        number: found.number,
        endpoint: whole.endpoint,
        at: whole.at,
        request_id: whole.request_id,
        sender_id: whole.sender_id,
        event: whole.event,
        outcome: whole.outcome,
        reason: whole.reason.to_owned(),
        status: whole.status,
        cause: whole.cause,
        secret_version: whole.secret_version,
        body_bytes: whole.body_bytes,
        durations: whole.durations,
        client: whole.client,
    };
    assert_eq!(found, right);
    assert_eq!(other.delivery("nothing").await.unwrap(), None);
}

async fn an_endpoint_keeps_its_newest_deliveries_and_the_others_keep_theirs(
    Stores { one, other }: Stores,
) {
    endpoints(&*one, &["a/a", "a/b"]).await;
    let (a, b) = (
        generation(&*one, "a/a").await,
        generation(&*one, "a/b").await,
    );
    let quiet = [delivery("a/b", b, "quiet", 0)];
    one.record_deliveries(&quiet, 3).await.unwrap();
    for round in 0..4 {
        let batch: Vec<NewDelivery> = (0..700)
            .map(|number| {
                let request = format!("{round}-{number}");
                refused(delivery("a/a", a, &request, round * 1000 + number))
            })
            .collect();
        let store = if round % 2 == 0 { &one } else { &other };
        store.record_deliveries(&batch, 3).await.unwrap();
    }
    assert_eq!(
        ids(&*other, "a/a", &all()).await,
        ["3-699", "3-698", "3-697"]
    );
    assert_eq!(ids(&*other, "a/b", &all()).await, ["quiet"]);
    // A greater number takes effect from then on.
    let more = [delivery("a/a", a, "more", 9000)];
    one.record_deliveries(&more, 4).await.unwrap();
    assert_eq!(ids(&*one, "a/a", &all()).await.len(), 4);
}

async fn deliveries_expire_by_age_and_the_oldest_go_first_when_there_are_too_many(
    Stores { one, other }: Stores,
) {
    let names = ["a/a", "a/b", "a/c"];
    endpoints(&*one, &names).await;
    for (number, name) in names.into_iter().enumerate() {
        let made = generation(&*one, name).await;
        let second = i64::try_from(number).unwrap() * 100;
        let batch: Vec<NewDelivery> = (0..5)
            .map(|it| delivery(name, made, &format!("{name}{it}"), second + it))
            .collect();
        one.record_deliveries(&batch, 100).await.unwrap();
        let hours = [hour(0, 1, 0, 0, 0), hour(HOUR, 1, 0, 0, 0)];
        let counts = [counts(name, made, &hours)];
        one.add_delivery_counts(&counts).await.unwrap();
    }
    let left = async || {
        let mut left = Vec::new();
        for name in names {
            left.push(ids(&*other, name, &all()).await.len());
        }
        left
    };
    // Nothing has expired yet.
    let more = one.expire_deliveries(&limits(9, 15, 1000), at(500)).await;
    assert!(!more.unwrap());
    assert_eq!(left().await, [5, 5, 5]);
    // The age: those at 0 to 2 are over.
    let more = one.expire_deliveries(&limits(9, 15, 100), at(102)).await;
    assert!(!more.unwrap());
    assert_eq!(left().await, [2, 5, 5]);
    // The number in all: the four oldest go.
    let more = one.expire_deliveries(&limits(9, 8, 1000), at(102)).await;
    assert!(!more.unwrap());
    assert_eq!(left().await, [0, 3, 5]);
    // Counts have a time of their own.
    let hours = async || {
        let found = other.hourly_counts(&[id("a/a")], at(0)).await.unwrap();
        found.get("a/a").map_or(0, Vec::len)
    };
    assert_eq!(hours().await, 2);
    one.expire_deliveries(&limits(9, 100, 1_000_000), at(48 * HOUR + 1))
        .await
        .unwrap();
    assert_eq!(hours().await, 1);
    assert_eq!(left().await, [0, 3, 5]);
}

async fn a_batch_that_is_written_again_is_there_once(Stores { one, other }: Stores) {
    endpoints(&*one, &["a/a"]).await;
    let made = generation(&*one, "a/a").await;
    // A proxy may give two deliveries the same request id.
    let batch = [delivery("a/a", made, "r", 1), delivery("a/a", made, "r", 2)];
    for store in [&one, &other, &one] {
        store.record_deliveries(&batch, 10).await.unwrap();
    }
    assert_eq!(ids(&*one, "a/a", &all()).await, ["r", "r"]);
    assert_eq!(one.delivery("r").await.unwrap().unwrap().at, at(2));
}

async fn counts_of_several_nodes_add_up(Stores { one, other }: Stores) {
    endpoints(&*one, &["a/a", "a/b", "a/c"]).await;
    let mut made = Vec::new();
    for name in ["a/a", "a/b", "a/c"] {
        made.push(generation(&*one, name).await);
    }
    let first = [
        counts(
            "a/a",
            made[0],
            &[hour(0, 1, 2, 3, 4), hour(HOUR, 0, 5, 0, 0)],
        ),
        counts("a/b", made[1], &[hour(HOUR, 1, 0, 0, 0)]),
    ];
    let second = [counts(
        "a/a",
        made[0],
        &[hour(0, 10, 20, 30, 40), hour(2 * HOUR, 1, 0, 0, 0)],
    )];
    // Both nodes write at once, again and again.
    let writes = (0..20).map(|_| {
        let (one, other) = (Arc::clone(&one), Arc::clone(&other));
        let (first, second) = (first.clone(), second.clone());
        async move {
            let both = tokio::join!(
                one.add_delivery_counts(&first),
                other.add_delivery_counts(&second)
            );
            both.0.unwrap();
            both.1.unwrap();
        }
    });
    for write in writes {
        write.await;
    }
    let asked = [id("a/a"), id("a/b"), id("a/c")];
    let found = one.hourly_counts(&asked, at(0)).await.unwrap();
    assert_eq!(
        found["a/a"],
        [
            hour(0, 220, 440, 660, 880),
            hour(HOUR, 0, 100, 0, 0),
            hour(2 * HOUR, 20, 0, 0, 0)
        ]
    );
    assert_eq!(found["a/b"], [hour(HOUR, 20, 0, 0, 0)]);
    assert!(!found.contains_key("a/c"));
    let later = one.hourly_counts(&asked, at(HOUR)).await.unwrap();
    assert_eq!(later["a/a"].len(), 2);
    assert!(one.hourly_counts(&[], at(0)).await.unwrap().is_empty());

    // The latest delivery is that of the latest time, whoever writes last.
    one.add_delivery_counts(&first).await.unwrap();
    let latest = other.latest_deliveries(&asked).await.unwrap();
    assert_eq!(latest["a/a"].at, at(2 * HOUR));
    assert_eq!(latest["a/a"].reason, "admitted");
    assert_eq!(latest["a/a"].last_admitted_at, Some(at(2 * HOUR)));
    let refusals = [counts("a/a", made[0], &[hour(3 * HOUR, 0, 1, 0, 0)])];
    one.add_delivery_counts(&refusals).await.unwrap();
    let latest = other.latest_deliveries(&asked).await.unwrap();
    assert_eq!(latest["a/a"].reason, "signature_mismatch");
    assert_eq!(latest["a/a"].last_admitted_at, Some(at(2 * HOUR)));
    assert!(!latest.contains_key("a/c"));
}

async fn a_later_owner_of_an_id_sees_nothing_of_the_earlier_one(Stores { one, other }: Stores) {
    endpoints(&*one, &["a/a"]).await;
    let made = generation(&*one, "a/a").await;
    let batch = [delivery("a/a", made, "before", 0)];
    let count = [counts("a/a", made, &[hour(0, 1, 0, 0, 0)])];
    one.record_deliveries(&batch, 10).await.unwrap();
    one.add_delivery_counts(&count).await.unwrap();
    assert_eq!(ids(&*other, "a/a", &all()).await, ["before"]);

    one.change(vec![delete("a/a")], vec![]).await.unwrap();
    assert_eq!(other.delivery("before").await.unwrap(), None);
    // The writer may be late.
    one.record_deliveries(&batch, 10).await.unwrap();
    one.add_delivery_counts(&count).await.unwrap();
    let nothing = async |why: &str| {
        assert_eq!(ids(&*other, "a/a", &all()).await, [""; 0], "{why}");
        assert_eq!(other.delivery("before").await.unwrap(), None, "{why}");
        let asked = [id("a/a")];
        let hours = other.hourly_counts(&asked, at(0)).await.unwrap();
        let latest = other.latest_deliveries(&asked).await.unwrap();
        assert!(hours.is_empty() && latest.is_empty(), "{why}");
    };
    nothing("it is deleted").await;
    endpoints(&*one, &["a/a"]).await;
    nothing("it is created again").await;

    // An endpoint that goes to another organisation is another endpoint.
    let made = generation(&*one, "a/a").await;
    let batch = [delivery("a/a", made, "before", 5)];
    one.record_deliveries(&batch, 10).await.unwrap();
    assert_eq!(ids(&*other, "a/a", &all()).await, ["before"]);
    let mut moved = definition("a/a");
    moved.organisation = "globex".parse().unwrap();
    one.change(vec![put(moved)], vec![]).await.unwrap();
    nothing("it has another owner").await;

    // What belongs to nobody is deleted.
    let generation = generation(&*one, "a/a").await;
    let count = [counts("a/a", generation, &[hour(0, 1, 0, 0, 0)])];
    one.add_delivery_counts(&count).await.unwrap();
    one.expire_deliveries(&limits(10, 100, 1000), at(10))
        .await
        .unwrap();
    let asked = [id("a/a")];
    assert_eq!(other.latest_deliveries(&asked).await.unwrap().len(), 1);
}

async fn deliveries_of_secret_versions_are_counted_by_hour(Stores { one, other }: Stores) {
    let of = secret("a/a#webhook");
    let used = |version, deliveries, second| {
        let used = VersionUse {
            version,
            deliveries,
            last_used_at: at(second),
        };
        (of.clone(), used)
    };
    one.add_uses(&[used(1, 3, 10), used(1, 4, HOUR + 10), used(2, 5, HOUR)])
        .await
        .unwrap();
    other.add_uses(&[used(2, 6, 2 * HOUR - 1)]).await.unwrap();
    let since = async |second| {
        let mut found = other.version_counts(&of, at(second)).await.unwrap();
        found.sort_unstable();
        found
    };
    assert_eq!(since(0).await, [(1, 7), (2, 11)]);
    assert_eq!(since(HOUR).await, [(1, 4), (2, 11)]);
    assert_eq!(since(2 * HOUR).await, []);
    // Totals are kept, hours only for two days.
    one.add_uses(&[used(2, 1, 49 * HOUR)]).await.unwrap();
    assert_eq!(since(0).await, [(1, 4), (2, 12)]);
    let totals = one.uses(&of).await.unwrap();
    assert_eq!((totals[0].deliveries, totals[1].deliveries), (12, 7));
}

/// Deadlocks would be errors here.
async fn many_nodes_write_and_expire_at_once(Stores { one, other }: Stores) {
    let names: Vec<String> = (0..20).map(|number| format!("a/{number}")).collect();
    let all_names: Vec<&str> = names.iter().map(String::as_str).collect();
    endpoints(&*one, &all_names).await;
    let mut made = Vec::new();
    for name in &names {
        made.push((name.clone(), generation(&*one, name).await));
    }
    let work = [
        Arc::clone(&one),
        Arc::clone(&other),
        Arc::clone(&one),
        other,
    ];
    let tasks = work.into_iter().enumerate().map(|(node, store)| {
        let made = made.clone();
        tokio::spawn(async move {
            for round in 0..15 {
                let batch: Vec<NewDelivery> = made
                    .iter()
                    .flat_map(|(name, generation)| {
                        (0..3).map(move |number| {
                            let request = format!("{node}-{round}-{number}");
                            delivery(name, *generation, &request, round)
                        })
                    })
                    .collect();
                store.record_deliveries(&batch, 5).await.unwrap();
                let mut counts: Vec<EndpointCounts> = made
                    .iter()
                    .map(|(name, generation)| counts(name, *generation, &[hour(0, 1, 0, 0, 0)]))
                    .collect();
                counts.sort_by(|one, other| one.key.cmp(&other.key));
                store.add_delivery_counts(&counts).await.unwrap();
                store
                    .expire_deliveries(&limits(5, 60, 8), at(round))
                    .await
                    .unwrap();
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.unwrap();
    }
    // A transaction does not see the rows of one that runs beside it, so the next write deletes what exceeds the number.
    let last = made.iter();
    let last = last.map(|(name, generation)| delivery(name, *generation, "last", 100));
    let last: Vec<NewDelivery> = last.collect();
    one.record_deliveries(&last, 5).await.unwrap();
    for (name, _) in &made {
        let found = one.hourly_counts(&[id(name)], at(0)).await.unwrap();
        assert_eq!(found[&id(name)], [hour(0, 60, 0, 0, 0)], "{name}");
        assert!(ids(&*one, name, &all()).await.len() <= 5, "{name}");
    }
}

fn id(text: &str) -> EndpointId {
    text.parse().unwrap()
}
