//! What every store promises of flows, asked of both engines.

use jiff::Timestamp;
use portcullis::audit::{Action, Actor, AuditEntry};
use portcullis::config::Notation;
use portcullis::directory::EndpointChange;
use portcullis::flow::{Draft, Flow, FlowChange, FlowTarget, MoveAction, NewMove, NewVersion};
use portcullis::secrets::StoreError;

use super::declared::read;
use super::*;
use crate::stores::{Stores, on_both_engines, version};

on_both_engines! {
    a_flow_is_given_back_as_it_was_put
    a_change_that_was_planned_on_another_state_is_refused_whole
    an_endpoint_of_a_flow_is_nobody_elses
    the_secrets_of_a_target_end_with_it
}

fn entry(action: Action) -> AuditEntry {
    AuditEntry {
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        actor: Actor::Recorded {
            name: "ann".to_owned(),
            origin: "cli@host".to_owned(),
        },
        action,
        subject: "flows/orders/live".to_owned(),
        detail: String::new(),
    }
}

/// The change that an apply with a release makes.
pub(crate) fn released(based_on: Option<u64>, number: u32) -> FlowChange {
    let declared = read(Notation::Edn, ORDERS).unwrap();
    let owner = (&declared.organisation, &declared.workspace);
    let endpoints = [FlowTarget::Draft, FlowTarget::Live]
        .iter()
        .flat_map(|target| {
            let made = declared.flow.definitions(&declared.name, owner, target);
            made.unwrap()
        });
    let endpoints = endpoints.map(|definition| {
        let change = EndpointChange::Put(Box::new(definition));
        (change, entry(Action::EndpointCreated))
    });
    FlowChange {
        based_on,
        endpoints: endpoints.collect(),
        version: Some(NewVersion {
            number,
            flow: declared.flow.clone(),
            note: Some("a note".to_owned()),
        }),
        moves: vec![NewMove {
            target: FlowTarget::Live,
            from: number.checked_sub(1).filter(|it| *it > 0),
            to: Some(number),
            action: MoveAction::Release,
        }],
        draft: Some(Draft {
            organisation: declared.organisation,
            workspace: declared.workspace,
            flow: declared.flow,
        }),
        name: declared.name,
        secrets: Vec::new(),
        audit: entry(Action::FlowReleased),
    }
}

fn orders() -> (portcullis::flow::PartName, Flow) {
    let declared = read(Notation::Edn, ORDERS).unwrap();
    (declared.name, declared.flow)
}

async fn a_flow_is_given_back_as_it_was_put(Stores { one, other }: Stores) {
    let (name, flow) = orders();
    assert_eq!(one.flow(&name).await.unwrap(), None);
    one.change_flow(released(None, 1)).await.unwrap();
    let state = other.flow(&name).await.unwrap().unwrap();
    assert_eq!((state.revision, state.newest, &state.draft), (1, 1, &flow));
    assert_eq!(state.version_at(&FlowTarget::Live), Some(1));
    assert_eq!(other.flow_version(&name, 1).await.unwrap(), Some(flow));
    assert_eq!(other.flow_version(&name, 2).await.unwrap(), None);
    let listed = other.flows(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].name, listed[0].live, listed[0].installations),
        (&name, Some(1), 0)
    );
    assert_eq!(other.flows(Some(&name), 10).await.unwrap(), []);
    other.change_flow(released(Some(1), 2)).await.unwrap();
    let history = one.flow_history(&name, 1).await.unwrap();
    assert_eq!(history.versions.len(), 2);
    assert_eq!(history.versions[0].number, 2);
    assert_eq!(history.versions[0].note.as_deref(), Some("a note"));
    assert_eq!(history.versions[0].by.name(), "ann");
    let [last] = history.moves.as_slice() else {
        panic!("{history:?}")
    };
    assert_eq!((last.from, last.to), (Some(1), Some(2)));
    assert_eq!(last.action, MoveAction::Release);
    let endpoint = one
        .endpoint("flows/orders/live/order-webhook")
        .await
        .unwrap();
    assert_eq!(endpoint.unwrap().flow.unwrap().as_str(), "orders");
}

async fn a_change_that_was_planned_on_another_state_is_refused_whole(
    Stores { one, other }: Stores,
) {
    let (name, _) = orders();
    one.change_flow(released(None, 1)).await.unwrap();
    let before = one.flow(&name).await.unwrap();
    let lines = one.audit(100).await.unwrap();
    for late in [
        released(None, 1),
        released(None, 2),
        released(Some(0), 2),
        released(Some(2), 2),
        // A number that is taken is refused, whatever the revision says.
        released(Some(1), 1),
        FlowChange {
            draft: None,
            ..released(Some(7), 2)
        },
    ] {
        let refused = other.change_flow(late).await.unwrap_err();
        assert!(
            matches!(
                refused,
                StoreError::Conflict(_) | StoreError::Unavailable(_)
            ),
            "{refused}"
        );
    }
    assert_eq!(one.flow(&name).await.unwrap(), before);
    assert_eq!(one.audit(100).await.unwrap(), lines);
    let (left, right) = tokio::join!(
        one.change_flow(released(Some(1), 2)),
        other.change_flow(released(Some(1), 2))
    );
    assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
    let conflict = left.err().or(right.err()).unwrap();
    assert_eq!(
        conflict,
        StoreError::Conflict("the flow `orders`".to_owned())
    );
}

async fn an_endpoint_of_a_flow_is_nobody_elses(Stores { one, other }: Stores) {
    one.change_flow(released(None, 1)).await.unwrap();
    let id = "flows/orders/live/order-webhook";
    let mut stolen = one.endpoint(id).await.unwrap().unwrap();
    stolen.flow = None;
    let change = EndpointChange::Put(Box::new(stolen.clone()));
    let refused = other
        .change(vec![(change, entry(Action::EndpointUpdated))], vec![])
        .await;
    assert_eq!(refused, Err(StoreError::Taken(format!("the id {id}"))));
    // And what is no flow's does not become one's.
    stolen.id = "flows/orders/live/other".parse().unwrap();
    let change = EndpointChange::Put(Box::new(stolen.clone()));
    one.change(vec![(change, entry(Action::EndpointCreated))], vec![])
        .await
        .unwrap();
    stolen.flow = "orders".parse().ok();
    let change = EndpointChange::Put(Box::new(stolen));
    let refused = one
        .change(vec![(change, entry(Action::EndpointUpdated))], vec![])
        .await;
    assert!(matches!(refused, Err(StoreError::Taken(_))), "{refused:?}");
}

async fn the_secrets_of_a_target_end_with_it(Stores { one, other }: Stores) {
    one.change_flow(released(None, 1)).await.unwrap();
    let text = "flows/orders/live#webhook-signing-secret";
    one.install(version(text, 1, 0, 0)).await.unwrap();
    let counts = async || {
        let versions = other.versions(&text.parse().unwrap()).await.unwrap();
        versions.iter().any(|it| it.ends_at.is_none())
    };
    let id: portcullis::directory::EndpointId = "flows/orders/live/order-webhook".parse().unwrap();
    let gone = (EndpointChange::Delete(id), entry(Action::EndpointDeleted));
    let change = FlowChange {
        endpoints: vec![gone.clone()],
        ..released(Some(1), 2)
    };
    assert_eq!(one.change_flow(change).await.unwrap(), []);
    assert!(counts().await, "the target is still there");
    let change = FlowChange {
        draft: None,
        endpoints: vec![gone],
        version: None,
        moves: vec![],
        ..released(Some(2), 3)
    };
    let retired = other.change_flow(change).await.unwrap();
    assert_eq!(retired, [text.parse().unwrap()]);
    assert!(!counts().await);
    assert_eq!(one.flows(None, 10).await.unwrap(), []);
}
