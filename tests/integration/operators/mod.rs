//! The rules about operators: who is signed in, for how long, and what the audit log says about it.

mod secrecy;
mod sign_ins;
mod tokens;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portcullis::audit::Actor;
use portcullis::control::{Control, ControlError, ServerContext, SignedIn};
use portcullis::directory::{DraftAuth, RouteTable};
use portcullis::operators::RoleGrant;
use portcullis::secrets::MissingKeyServiceError;
use portcullis::store::Store;

use crate::stores::{Stores, on_both_engines};
use crate::support::SettableClock;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Two processes on one store, with one clock.
struct Console {
    one: Control,
    other: Control,
    clock: Arc<SettableClock>,
    store: Arc<dyn Store>,
}

impl Console {
    fn over(stores: &Stores) -> Self {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Arc::new(SettableClock::at(start));
        let control = |store: &Arc<dyn Store>| {
            let server = ServerContext {
                upstreams: Vec::new(),
                upstream_paths: BTreeMap::new(),
                routes: Arc::new(RouteTable::compile(&[]).unwrap()),
                public_url: String::new(),
                allow_unauthenticated: false,
                draft_auth: DraftAuth::default(),
                largest_body_bytes: 0,
            };
            // Operators need no key service.
            let no_key = Arc::new(MissingKeyServiceError(PathBuf::new()));
            let clock = Arc::clone(&clock) as _;
            Control::new(Arc::clone(store), no_key, clock, server)
        };
        Self {
            one: control(&stores.one),
            other: control(&stores.other),
            clock,
            store: Arc::clone(&stores.one),
        }
    }

    async fn link(&self, subject: &str, roles: &[&str]) -> String {
        let (admin, grants) = (admin(), grants(roles));
        let link = self
            .one
            .create_login_link(&admin, subject.to_owned(), grants);
        link.await.unwrap().to_string()
    }

    async fn sign_in(&self, subject: &str) -> SignedIn {
        let link = self.link(subject, &["admin"]).await;
        let signed_in = self.one.sign_in_by_link(&link, address(1)).await;
        signed_in.unwrap()
    }

    /// The lines of the audit log, the oldest first: action, actor, subject and detail.
    async fn audit(&self) -> Vec<String> {
        let lines = self.store.audit(1000).await.unwrap();
        lines
            .into_iter()
            .rev()
            .map(|line| {
                format!(
                    "{} by {} ({}): {}: {}",
                    line.action, line.actor, line.origin, line.subject, line.detail
                )
            })
            .collect()
    }
}

fn grants(roles: &[&str]) -> Vec<RoleGrant> {
    roles.iter().map(|role| role.parse().unwrap()).collect()
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn admin() -> Actor {
    Actor::OsUser {
        name: "root".to_owned(),
        host: "gate".to_owned(),
    }
}

#[track_caller]
fn word<T>(result: Result<T, ControlError>) -> &'static str {
    result.map_or_else(|error| error.word(), |_| "done")
}
