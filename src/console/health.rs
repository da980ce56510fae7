//! The health of the parts of the gate, and the endpoints that need attention.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use super::Console;
use super::call::Call;
use super::problem::Problem;
use super::reply::Reply;
use crate::clock::Stopwatch;
use crate::control::{EndpointFilter, SecretState};
use crate::store::StateFilter;

/// A part of the gate and its health.
#[derive(Clone, Debug)]
pub struct Component {
    name: &'static str,
    health: Health,
    detail: String,
}

/// Whether a part works.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[expect(clippy::exhaustive_enums, reason = "the contract has these three")]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works.
    Ok,
    /// It works in part, or from a cache.
    Degraded,
    /// It does not work.
    Down,
}

/// Since when each part is in its state, and what was probed last.
#[derive(Default)]
pub(super) struct ComponentHistory {
    states: Mutex<HashMap<&'static str, (Health, Timestamp)>>,
    /// The last probe of the key service.
    probe: Mutex<Option<(Stopwatch, Result<(), String>)>>,
}

/// The health of the gate.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthReport)]
pub(super) struct HealthView {
    parts: Vec<PartView>,
    attention: Vec<AttentionView>,
    /// Whether more endpoints need attention than are listed.
    more_attention: bool,
}

/// The health of one part.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthPart)]
struct PartView {
    /// The name of the part.
    name: &'static str,
    /// Whether it works.
    state: Health,
    /// Since when this console has seen it in this state.
    since: Timestamp,
    /// What is wrong, if something is.
    detail: Option<String>,
}

/// An endpoint that needs attention.
#[derive(Serialize, ToSchema)]
#[schema(as = Attention)]
struct AttentionView {
    /// The id of the endpoint.
    endpoint: String,
    /// The state of its secret, or `refusing`.
    what: String,
    /// Until when, if that is known.
    until: Option<Timestamp>,
}

impl Component {
    /// A part with its health and what is wrong.
    pub fn new(name: &'static str, health: Health, detail: String) -> Self {
        Self {
            name,
            health,
            detail,
        }
    }
}

impl ComponentHistory {
    fn since(&self, component: &Component, now: Timestamp) -> Timestamp {
        let mut all = self.states.lock();
        let entry = all.entry(component.name).or_insert((component.health, now));
        if entry.0 != component.health {
            *entry = (component.health, now);
        }
        entry.1
    }
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    let console = &call.console;
    let mut components = (console.settings.components)();
    components.push(match console.control.check_store().await {
        Ok(()) => Component::new("store", Health::Ok, String::new()),
        Err(error) => Component::new("store", Health::Down, error.to_string()),
    });
    components.push(match key_service(console).await {
        Ok(()) => Component::new("key_service", Health::Ok, String::new()),
        Err(error) => Component::new("key_service", Health::Down, error),
    });
    components.sort_by_key(|component| component.name);
    let now = console.clock.now();
    let parts = components
        .into_iter()
        .map(|component| PartView {
            name: component.name,
            state: component.health,
            since: console.history.since(&component, now),
            detail: Some(component.detail).filter(|detail| !detail.is_empty()),
        })
        .collect();
    let mut attention = Vec::new();
    let mut more_attention = false;
    for state in [
        StateFilter::Unbound,
        StateFilter::Overlap,
        StateFilter::Refusing,
    ] {
        let filter = EndpointFilter {
            state: Some(state),
            limit: ATTENTION,
            ..EndpointFilter::default()
        };
        // Without the store, the health of the parts is still worth an answer.
        let Ok(page) = console
            .control
            .endpoint_page(call.principal()?, filter)
            .await
        else {
            continue;
        };
        more_attention |= page.next.is_some();
        attention.extend(page.rows.iter().map(|row| {
            let (secret, until) = row.secret_state(now);
            let (what, until) = match state {
                StateFilter::Refusing => ("refusing".to_owned(), None),
                _ => (secret_word(secret), until),
            };
            AttentionView {
                endpoint: row.definition.id.to_string(),
                what,
                until,
            }
        }));
    }
    Reply::ok(&HealthView {
        parts,
        attention,
        more_attention,
    })
}

/// The result of a probe of the key service. It is cached, because every probe costs a request to AWS.
async fn key_service(console: &Console) -> Result<(), String> {
    let known = console.history.probe.lock().clone();
    if let Some((at, result)) = known
        && at.elapsed() < PROBE_LIFETIME
    {
        return result;
    }
    let result = console.key_service.probe().await;
    let result = result.map_err(|error| error.to_string());
    *console.history.probe.lock() = Some((Stopwatch::start(), result.clone()));
    result
}

fn secret_word(state: SecretState) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

const ATTENTION: u32 = 20;
const PROBE_LIFETIME: Duration = Duration::from_secs(30);
