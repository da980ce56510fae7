//! Pages of endpoints and of the audit log, as operators list them.

use portcullis::directory::Target;
use portcullis::store::{AuditFilter, CurrentVersion, EndpointQuery, OwnerScope, StateFilter};

use super::*;

on_both_engines! {
    endpoints_are_listed_by_owner_text_target_and_state
    an_endpoint_is_listed_with_the_state_of_its_secret
    the_audit_log_is_listed_by_object_and_action
}

fn everything() -> EndpointQuery {
    EndpointQuery {
        scopes: vec![scope(None, None)],
        target: None,
        search: None,
        state: None,
        after: None,
        limit: 10,
        now: at(100),
    }
}

fn scope(organisation: Option<&str>, workspace: Option<&str>) -> OwnerScope {
    OwnerScope {
        organisation: organisation.map(str::to_owned),
        workspace: workspace.map(str::to_owned),
    }
}

async fn ids(store: &dyn Store, query: EndpointQuery) -> Vec<String> {
    let page = store.endpoint_page(&query).await.unwrap();
    let ids = page.rows.iter().map(|row| row.definition.id.to_string());
    ids.collect()
}

async fn endpoints_are_listed_by_owner_text_target_and_state(Stores { one, other }: Stores) {
    let mut changes = Vec::new();
    for (id, organisation, workspace) in [
        ("flows/orders/draft/hook", "acme", "main"),
        ("workflows/a", "acme", "main"),
        ("workflows/b", "acme", "shop"),
        ("workflows/c", "globex", "main"),
        ("workflows/d", "globex", "shop"),
    ] {
        let mut it = definition(id);
        it.organisation = organisation.parse().unwrap();
        it.workspace = workspace.parse().unwrap();
        it.target = Target::of(&it.id);
        match id {
            "workflows/b" => it.aliases = vec!["/hooks/Old_one".to_owned()],
            "workflows/c" => it.enabled = false,
            "workflows/d" => it.auth = Some(AuthDefinition::of(Mode::None)),
            _ => {}
        }
        changes.push(put(it));
    }
    one.change(changes, vec![version("workflows/a#webhook", 1, 0, 0)])
        .await
        .unwrap();
    let list = async |query: EndpointQuery| ids(&*other, query).await;

    let all = list(everything()).await;
    assert_eq!(all.len(), 5);
    for (scopes, expected) in [
        (vec![], &[][..]),
        (vec![scope(Some("acme"), None)], &[0, 1, 2]),
        (vec![scope(Some("acme"), Some("shop"))], &[2]),
        (vec![scope(None, Some("main"))], &[0, 1, 3]),
        (
            vec![
                scope(Some("acme"), Some("shop")),
                scope(Some("globex"), None),
            ],
            &[2, 3, 4],
        ),
        (
            vec![scope(Some("acme"), Some("shop")), scope(None, None)],
            &[0, 1, 2, 3, 4],
        ),
        (vec![scope(Some("initech"), None)], &[]),
    ] {
        let case = format!("{scopes:?}");
        let listed = list(EndpointQuery {
            scopes,
            ..everything()
        })
        .await;
        let expected: Vec<&String> = expected.iter().map(|position| &all[*position]).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{case}");
    }
    for (search, expected) in [
        ("WORKFLOWS/", &all[1..]),
        ("old_ONE", &all[2..3]),
        ("_", &all[2..3]),
        ("%", &[]),
        ("!", &[]),
        ("orders", &all[..1]),
    ] {
        let search = Some(search.to_owned());
        let listed = list(EndpointQuery {
            search: search.clone(),
            ..everything()
        })
        .await;
        assert_eq!(listed, expected, "{search:?}");
    }
    for (target, expected) in [(Target::Draft, &all[..1]), (Target::Live, &all[1..])] {
        let target = Some(target);
        assert_eq!(
            list(EndpointQuery {
                target,
                ..everything()
            })
            .await,
            expected
        );
    }
    for (state, expected) in [
        (StateFilter::Disabled, &["workflows/c"][..]),
        (StateFilter::Unauthenticated, &["workflows/d"]),
        (
            StateFilter::Unbound,
            &["flows/orders/draft/hook", "workflows/b", "workflows/c"],
        ),
        (StateFilter::Overlap, &[]),
        (StateFilter::Refusing, &[]),
    ] {
        let listed = list(EndpointQuery {
            state: Some(state),
            ..everything()
        })
        .await;
        assert_eq!(listed, expected, "{state:?}");
    }
    // Pages, with and without a condition that the index does not know.
    for search in [None, Some("workflows".to_owned())] {
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let query = EndpointQuery {
                search: search.clone(),
                after,
                limit: 2,
                ..everything()
            };
            let page = other.endpoint_page(&query).await.unwrap();
            assert!(page.rows.len() <= 2);
            seen.extend(page.rows.iter().map(|row| row.definition.id.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected = if search.is_some() {
            &all[1..]
        } else {
            &all[..]
        };
        assert_eq!(seen, expected, "{search:?}");
    }
}

async fn an_endpoint_is_listed_with_the_state_of_its_secret(Stores { one, other }: Stores) {
    let row = async |seconds: i64| {
        let row = other.endpoint_row("workflows/a", at(seconds)).await;
        row.unwrap().unwrap()
    };
    assert!(
        other
            .endpoint_row("workflows/a", at(0))
            .await
            .unwrap()
            .is_none()
    );
    one.change(vec![put(definition("workflows/a"))], vec![])
        .await
        .unwrap();
    let unbound = row(0).await;
    assert_eq!((unbound.current, unbound.previous_ends_at), (None, None));
    assert_eq!(unbound.definition, definition("workflows/a"));
    one.install(version("workflows/a#webhook", 1, 0, 0))
        .await
        .unwrap();
    let first = row(1).await;
    let current = first.current.unwrap();
    assert_eq!(current.number, 1);
    assert_eq!(first.previous_ends_at, None);
    one.install(version("workflows/a#webhook", 2, 10, 60))
        .await
        .unwrap();
    let overlap = row(20).await;
    let CurrentVersion { number, kind } = overlap.current.unwrap();
    assert_eq!((number, kind), (2, current.kind));
    assert_eq!(overlap.previous_ends_at, Some(at(60)));
    assert_eq!(row(60).await.previous_ends_at, None);
    let query = EndpointQuery {
        state: Some(StateFilter::Overlap),
        now: at(20),
        ..everything()
    };
    assert_eq!(ids(&*other, query.clone()).await, ["workflows/a"]);
    let later = EndpointQuery {
        now: at(60),
        ..query
    };
    assert_eq!(ids(&*other, later).await, [""; 0]);
    // Without an overlap the version before is over at once, also for a clock that is behind.
    one.install(version("workflows/a#webhook", 3, 30, 30))
        .await
        .unwrap();
    assert_eq!(row(25).await.previous_ends_at, None);
}

async fn the_audit_log_is_listed_by_object_and_action(Stores { one, other }: Stores) {
    one.change(
        vec![
            put(definition("workflows/a")),
            put(definition("workflows/b")),
        ],
        vec![version("workflows/a#webhook", 1, 0, 0)],
    )
    .await
    .unwrap();
    one.change(vec![delete("workflows/b")], vec![])
        .await
        .unwrap();
    let list = async |filter: AuditFilter, limit: u32| {
        let lines = other.audit_page(&filter, limit).await.unwrap();
        let lines = lines.into_iter().map(|line| (line.number, line.subject));
        lines.collect::<Vec<(i64, String)>>()
    };
    let all = list(AuditFilter::default(), 100).await;
    assert!(all.len() >= 4, "{all:?}");
    assert!(all.is_sorted_by(|one, next| one.0 > next.0));
    let subjects = vec!["workflows/a".to_owned(), "workflows/a#webhook".to_owned()];
    let of_a = list(
        AuditFilter {
            subjects,
            ..AuditFilter::default()
        },
        100,
    )
    .await;
    assert_eq!(of_a.len(), 2, "{of_a:?}");
    let action = Some("endpoint_deleted".to_owned());
    let deleted = list(
        AuditFilter {
            action,
            ..AuditFilter::default()
        },
        100,
    )
    .await;
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].1, "workflows/b");
    let before = Some(all[0].0);
    assert_eq!(
        list(
            AuditFilter {
                before,
                ..AuditFilter::default()
            },
            100
        )
        .await,
        all[1..]
    );
    assert_eq!(list(AuditFilter::default(), 2).await, all[..2]);
}
