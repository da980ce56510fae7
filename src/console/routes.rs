//! Every operation of the admin API, in one table. The router, the permission check and the OpenAPI document read it.

use std::collections::BTreeMap;
use std::pin::Pin;

use http::{Method, StatusCode};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::call::Call;
use super::problem::Problem;
use super::reply::Reply;
use super::service::decode;
use super::{
    apply, audit, deliveries, endpoints, flows, health, openapi, presets, secrets, session, tokens,
};
use crate::control::{FlowView, Impact, PresetView};
use crate::operators::Permission;

/// An operation of the API.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// The path. A parameter in braces is one segment, or a segment before `:verb`.
    pub(super) path: &'static str,
    /// The name in the OpenAPI document and in the audit log.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) access: Access,
    pub(super) query: &'static [QueryParameter],
    pub(super) request: Option<fn() -> NamedSchema>,
    /// The status of success.
    pub(super) status: u16,
    pub(super) answer: Option<fn() -> NamedSchema>,
    /// Whether it needs `If-Match`.
    pub(super) needs_match: bool,
    /// Whether its request or its answer contains a secret.
    pub(super) secrecy: Secrecy,
    /// The largest body in bytes.
    pub(super) max_body: usize,
    pub(super) handler: Handler,
}

/// Who may use an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// Everybody who is signed in.
    SignedIn,
    /// Whoever has the permission anywhere. The handler checks each object.
    Somewhere(Permission),
    /// Whoever has the permission in every organisation.
    Everywhere(Permission),
    /// Whoever has the permission on the endpoint `{id}`.
    Endpoint(Permission),
    /// Whoever has the permission on the flow `{name}`.
    Flow(Permission),
}

/// Whether secrets pass an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Secrecy {
    /// None.
    None,
    /// In its request.
    Takes,
    /// In its answer.
    Shows,
}

/// A parameter of the query.
pub(super) struct QueryParameter {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// The accepted words; empty for any text.
    pub(super) words: &'static [&'static str],
}

/// A schema with its name and the schemas that it refers to.
pub(super) struct NamedSchema {
    /// The name among the components; `None` for a schema that is written in place.
    pub(super) name: Option<String>,
    pub(super) schema: RefOr<Schema>,
    pub(super) referenced: Vec<(String, RefOr<Schema>)>,
}

type Answered = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;
type Handler = fn(Call) -> Answered;

impl Access {
    /// The words in the OpenAPI document.
    pub(super) fn words(self) -> (&'static str, Option<&'static str>) {
        let word = |permission| match permission {
            Permission::Read => "read",
            Permission::Change => "change",
            Permission::Reveal => "reveal",
            Permission::Administer => "administer",
        };
        match self {
            Self::Public => ("public", None),
            Self::SignedIn => ("signed_in", None),
            Self::Somewhere(permission) => ("somewhere", Some(word(permission))),
            Self::Everywhere(permission) => ("everywhere", Some(word(permission))),
            Self::Endpoint(permission) => ("endpoint", Some(word(permission))),
            Self::Flow(permission) => ("flow", Some(word(permission))),
        }
    }
}

impl Operation {
    const fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        access: Access,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            access,
            query: &[],
            request: None,
            status: StatusCode::OK.as_u16(),
            answer: None,
            needs_match: false,
            secrecy: Secrecy::None,
            max_body: MAX_BODY,
            handler,
        }
    }

    const fn query(mut self, query: &'static [QueryParameter]) -> Self {
        self.query = query;
        self
    }

    const fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(named::<T>);
        self
    }

    const fn answers<T: ToSchema>(mut self) -> Self {
        self.answer = Some(named::<T>);
        self
    }

    const fn lists<T: ToSchema>(mut self) -> Self {
        self.answer = Some(list::<T>);
        self
    }

    const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    const fn needs_match(mut self) -> Self {
        self.needs_match = true;
        self
    }

    const fn with_secret(mut self, secrecy: Secrecy) -> Self {
        self.secrecy = secrecy;
        self
    }

    const fn with_max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Whether the method may change something.
    pub(super) fn is_change(&self) -> bool {
        self.method != "GET"
    }
}

fn named<T: ToSchema>() -> NamedSchema {
    let mut referenced = Vec::new();
    T::schemas(&mut referenced);
    NamedSchema {
        name: Some(T::name().into_owned()),
        schema: T::schema(),
        referenced,
    }
}

/// The schema of a page of a list.
fn list<T: ToSchema>() -> NamedSchema {
    let item = named::<T>();
    let name = item.name.unwrap_or_default();
    let mut referenced = item.referenced;
    referenced.push((name.clone(), item.schema));
    let next = SchemaType::from_iter([Type::String, Type::Null]);
    let page = ObjectBuilder::new()
        .property(
            "items",
            ArrayBuilder::new().items(Ref::from_schema_name(name)),
        )
        .property(
            "next",
            ObjectBuilder::new()
                .schema_type(next)
                .description(Some("The cursor of the next page, if there is one.")),
        )
        .required("items")
        .required("next");
    NamedSchema {
        name: None,
        schema: RefOr::T(page.build().into()),
        referenced,
    }
}

/// Any JSON object. Only its schema is used.
pub(super) enum AnyObject {}

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        RefOr::T(object.build().into())
    }
}

impl ToSchema for AnyObject {}

/// Finds the operation of a request.
pub(super) struct RouteTable {
    router: matchit::Router<BTreeMap<&'static str, &'static Operation>>,
}

/// What a request names.
pub(super) enum Route {
    /// The operation, and the parameters of its path.
    Found(&'static Operation, Vec<(String, String)>),
    /// The path has only these other methods.
    OtherMethod(String),
    /// Nothing.
    None,
}

impl RouteTable {
    pub(super) fn new() -> Self {
        let mut paths: BTreeMap<&str, BTreeMap<&str, &Operation>> = BTreeMap::new();
        for operation in OPERATIONS {
            let methods = paths.entry(operation.path).or_default();
            methods.insert(operation.method, operation);
        }
        let mut router = matchit::Router::new();
        for (path, methods) in paths {
            let inserted = router.insert(path, methods);
            debug_assert!(inserted.is_ok(), "{path}: {inserted:?}");
        }
        Self { router }
    }

    /// The path is compared as it was sent; only parameters are decoded.
    pub(super) fn find(&self, method: &Method, path: &str) -> Route {
        let Ok(found) = self.router.at(path) else {
            return Route::None;
        };
        let Some(operation) = found.value.get(method.as_str()).copied() else {
            let methods: Vec<&str> = found.value.keys().copied().collect();
            return Route::OtherMethod(methods.join(", "));
        };
        let parameters = found.params.iter();
        let parameters: Option<Vec<(String, String)>> = parameters
            .map(|(name, value)| Some((name.to_owned(), decode(value)?)))
            .collect();
        parameters.map_or(Route::None, |parameters| {
            Route::Found(operation, parameters)
        })
    }
}

macro_rules! handler {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
}

const CURSOR: QueryParameter = QueryParameter {
    name: "cursor",
    description: "The `next` of the page before.",
    words: &[],
};
const LIMIT: QueryParameter = QueryParameter {
    name: "limit",
    description: "The most items of the page, 1 to 200. Default: 50.",
    words: &[],
};
const DRY_RUN: QueryParameter = QueryParameter {
    name: "dry_run",
    description: "Whether the change is only planned.",
    words: &["true", "false"],
};

const fn parameter(name: &'static str, description: &'static str) -> QueryParameter {
    QueryParameter {
        name,
        description,
        words: &[],
    }
}

/// The prefix of every path of the API.
pub(super) const PREFIX: &str = "/admin/v1/";
const MAX_BODY: usize = 1024 * 1024;
const MAX_DECLARATION: usize = 4 * 1024 * 1024;

use Access::{Endpoint, Everywhere, Flow, Public, SignedIn, Somewhere};
use Permission::{Administer, Change, Read, Reveal};

/// The operations, in the order of the document.
#[rustfmt::skip]
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("POST", "/admin/v1/session", "signIn", Public,
        "Use a login link up and start a session", handler!(session::sign_in))
        .takes::<session::SignIn>().answers::<session::SessionView<'static>>().with_secret(Secrecy::Shows),
    Operation::new("DELETE", "/admin/v1/session", "signOut", SignedIn,
        "End the session", handler!(session::sign_out))
        .with_status(204),
    Operation::new("GET", "/admin/v1/me", "readMe", SignedIn,
        "Show who is signed in", handler!(session::me))
        .answers::<session::MeView<'static>>(),
    Operation::new("GET", "/admin/v1/endpoints", "listEndpoints", Somewhere(Read),
        "List endpoints", handler!(endpoints::list))
        .query(&[
            parameter("organisation", "Only endpoints of this organisation."),
            parameter("workspace", "Only endpoints of this workspace."),
            QueryParameter { name: "target", description: "Only endpoints of this run-time.", words: &["live", "draft", "installation"] },
            QueryParameter { name: "state", description: "Only endpoints in this state.", words: &["unbound", "refusing", "disabled", "overlap", "unauthenticated"] },
            parameter("q", "Only endpoints whose id, alias or public URL contains this text, in any case."),
            CURSOR, LIMIT,
        ])
        .lists::<endpoints::SummaryView>(),
    Operation::new("POST", "/admin/v1/endpoints", "createEndpoint", Somewhere(Change),
        "Create an endpoint", handler!(endpoints::create))
        .takes::<endpoints::NewEndpoint>().answers::<endpoints::EndpointView>().with_status(201),
    Operation::new("GET", "/admin/v1/endpoints/{id}", "readEndpoint", Endpoint(Read),
        "Show an endpoint", handler!(endpoints::read))
        .answers::<endpoints::EndpointView>(),
    Operation::new("PATCH", "/admin/v1/endpoints/{id}", "changeEndpoint", Endpoint(Change),
        "Change the proof, the events or the limits of an endpoint", handler!(endpoints::change))
        .query(&[DRY_RUN]).takes::<endpoints::EndpointPatch>().answers::<endpoints::ChangeView>().needs_match(),
    Operation::new("DELETE", "/admin/v1/endpoints/{id}", "deleteEndpoint", Endpoint(Change),
        "Delete an endpoint and the secrets that only it uses", handler!(endpoints::delete))
        .query(&[DRY_RUN]).answers::<endpoints::ChangeView>().needs_match(),
    Operation::new("POST", "/admin/v1/endpoints/{id}:enable", "enableEndpoint", Endpoint(Change),
        "Enable an endpoint", handler!(endpoints::enable))
        .query(&[DRY_RUN]).answers::<endpoints::ChangeView>(),
    Operation::new("POST", "/admin/v1/endpoints/{id}:disable", "disableEndpoint", Endpoint(Change),
        "Disable an endpoint: its senders get 404", handler!(endpoints::disable))
        .query(&[DRY_RUN]).answers::<endpoints::ChangeView>(),
    Operation::new("GET", "/admin/v1/endpoints/{id}/secret", "readSecret", Endpoint(Read),
        "Show the versions of a secret, without their values", handler!(secrets::read))
        .answers::<secrets::SecretView>(),
    Operation::new("GET", "/admin/v1/endpoints/{id}/secret/impact", "readSecretImpact", Endpoint(Read),
        "Show the impact of a change of a secret", handler!(secrets::impact))
        .query(&[
            QueryParameter { name: "change", description: "The change.", words: &["rotate", "set", "retire", "retire_current"] },
            parameter("overlap", "How long the current version stays valid: `none`, or a time such as `24h`. Default: `none`."),
        ])
        .answers::<Impact>(),
    Operation::new("POST", "/admin/v1/endpoints/{id}/secret:reveal", "revealSecret", Endpoint(Reveal),
        "Show the current value of a secret", handler!(secrets::reveal))
        .answers::<secrets::RevealedView<'static>>().with_secret(Secrecy::Shows),
    Operation::new("POST", "/admin/v1/endpoints/{id}/secret:rotate", "rotateSecret", Endpoint(Change),
        "Replace a secret by a generated one", handler!(secrets::rotate))
        .takes::<secrets::Rotate>().answers::<secrets::ReplacedView>(),
    Operation::new("POST", "/admin/v1/endpoints/{id}/secret:set", "setSecret", Endpoint(Change),
        "Replace a secret by a given value", handler!(secrets::set))
        .takes::<secrets::Set>().answers::<secrets::ReplacedView>().with_secret(Secrecy::Takes),
    Operation::new("POST", "/admin/v1/endpoints/{id}/secret:retire", "retireSecret", Endpoint(Change),
        "End versions of a secret now", handler!(secrets::retire))
        .takes::<secrets::Retire>().answers::<secrets::RetiredView>(),
    Operation::new("GET", "/admin/v1/endpoints/{id}/deliveries", "listDeliveries", Endpoint(Read),
        "List the last deliveries of an endpoint", handler!(deliveries::list))
        .query(&[
            QueryParameter { name: "outcome", description: "Only deliveries that ended in this way.", words: &["admitted", "handshake", "ignored", "refused", "failed"] },
            parameter("reason", "Only deliveries with this reason."),
            CURSOR, LIMIT,
        ])
        .lists::<deliveries::DeliveryView>(),
    Operation::new("GET", "/admin/v1/endpoints/{id}/captures", "listCaptures", Endpoint(Read),
        "List the captured deliveries of an endpoint", handler!(deliveries::captures))
        .lists::<deliveries::CaptureView>(),
    Operation::new("GET", "/admin/v1/endpoints/{id}/audit", "listEndpointAudit", Endpoint(Read),
        "List the audit log of an endpoint and its secrets", handler!(audit::of_endpoint))
        .query(&[CURSOR, LIMIT]).lists::<audit::LineView>(),
    Operation::new("GET", "/admin/v1/audit", "listAudit", Everywhere(Read),
        "List the audit log", handler!(audit::list))
        .query(&[
            parameter("subject", "Only lines about this object."),
            parameter("action", "Only lines of this action."),
            CURSOR, LIMIT,
        ])
        .lists::<audit::LineView>(),
    Operation::new("GET", "/admin/v1/flows", "listFlows", Somewhere(Read),
        "List flows", handler!(flows::list))
        .query(&[CURSOR, LIMIT]).lists::<flows::SummaryView>(),
    Operation::new("GET", "/admin/v1/flows/{name}", "readFlow", Flow(Read),
        "Show a flow with its targets", handler!(flows::read))
        .answers::<FlowView>(),
    Operation::new("POST", "/admin/v1/flows/{name}:release", "releaseFlow", Flow(Change),
        "Release the draft of a flow as the next live version", handler!(flows::release))
        .query(&[DRY_RUN]).takes::<flows::Release>().answers::<flows::ChangeView>(),
    Operation::new("POST", "/admin/v1/flows/{name}:promote", "promoteFlow", Flow(Change),
        "Make a version of a flow active at a target", handler!(flows::promote))
        .query(&[DRY_RUN]).takes::<flows::Promote>().answers::<flows::ChangeView>(),
    Operation::new("POST", "/admin/v1/flows/{name}:rollback", "rollBackFlow", Flow(Change),
        "Make an earlier version of a flow active again", handler!(flows::roll_back))
        .query(&[DRY_RUN]).takes::<flows::RollBack>().answers::<flows::ChangeView>(),
    Operation::new("POST", "/admin/v1/flows/{name}/slots:bind", "bindSlot", Flow(Change),
        "Bind a secret slot of a flow to a given value", handler!(flows::bind))
        .takes::<flows::Bind>().answers::<secrets::ReplacedView>().with_secret(Secrecy::Takes),
    Operation::new("GET", "/admin/v1/tokens", "listTokens", Somewhere(Read),
        "List workspace tokens", handler!(tokens::list))
        .query(&[parameter("workspace", "Only tokens of this workspace."), CURSOR, LIMIT])
        .lists::<tokens::TokenView>(),
    Operation::new("POST", "/admin/v1/tokens", "createToken", Somewhere(Change),
        "Create a workspace token. Its text is shown once", handler!(tokens::create))
        .takes::<tokens::NewTokenBody>().answers::<tokens::IssuedView<'static>>().with_status(201).with_secret(Secrecy::Shows),
    Operation::new("DELETE", "/admin/v1/tokens/{token}", "revokeToken", Somewhere(Change),
        "Revoke a workspace token", handler!(tokens::revoke))
        .answers::<tokens::RevokedView>(),
    Operation::new("GET", "/admin/v1/operator-tokens", "listOperatorTokens", Somewhere(Administer),
        "List operator tokens", handler!(tokens::list_operator))
        .query(&[CURSOR, LIMIT]).lists::<tokens::OperatorTokenView>(),
    Operation::new("POST", "/admin/v1/operator-tokens", "createOperatorToken", Somewhere(Administer),
        "Create an operator token. Its text is shown once", handler!(tokens::create_operator))
        .takes::<tokens::NewOperatorTokenBody>().answers::<tokens::IssuedView<'static>>().with_status(201).with_secret(Secrecy::Shows),
    Operation::new("DELETE", "/admin/v1/operator-tokens/{token}", "revokeOperatorToken", Somewhere(Administer),
        "Revoke an operator token", handler!(tokens::revoke_operator))
        .answers::<tokens::RevokedView>(),
    Operation::new("GET", "/admin/v1/presets", "listPresets", SignedIn,
        "List presets", handler!(presets::list))
        .lists::<PresetView>(),
    Operation::new("GET", "/admin/v1/presets/{preset}", "readPreset", SignedIn,
        "Show a preset", handler!(presets::read))
        .answers::<PresetView>(),
    Operation::new("POST", "/admin/v1/apply", "apply", Somewhere(Change),
        "Apply the declarations of endpoints, as `portcullis apply` does with a file", handler!(apply::apply))
        .query(&[DRY_RUN]).takes::<AnyObject>().answers::<apply::AppliedView>().with_max_body(MAX_DECLARATION),
    Operation::new("GET", "/admin/v1/health", "readHealth", SignedIn,
        "Show the health of the gate, and what needs attention", handler!(health::read))
        .answers::<health::HealthView>(),
    Operation::new("GET", "/admin/v1/openapi.json", "readDocument", SignedIn,
        "Show this document", handler!(openapi::read))
        .answers::<AnyObject>(),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_is_found_by_its_path() {
        let table = RouteTable::new();
        let mut ids = BTreeSet::new();
        for operation in OPERATIONS {
            assert!(ids.insert(operation.id), "{}", operation.id);
            let path = operation
                .path
                .replace("{id}", "workflows%2Fa")
                .replace("{name}", "orders")
                .replace("{token}", "0123456789abcdef")
                .replace("{preset}", "github");
            let method: Method = operation.method.parse().unwrap();
            let Route::Found(found, parameters) = table.find(&method, &path) else {
                panic!("{method} {path} is not found");
            };
            assert_eq!(found.id, operation.id);
            if operation.path.contains("{id}") {
                let id = ("id".to_owned(), "workflows/a".to_owned());
                assert_eq!(parameters, [id], "{path}");
            }
        }
    }

    #[test]
    fn other_methods_and_paths_are_told_apart() {
        let table = RouteTable::new();
        let find = |method: Method, path: &str| table.find(&method, path);
        let Route::OtherMethod(allowed) = find(Method::PUT, "/admin/v1/endpoints/a") else {
            panic!("PUT");
        };
        assert_eq!(allowed, "DELETE, GET, PATCH");
        for path in [
            "/admin/v1/endpoints/a/b",
            "/admin/v1/endpoints/a:explode",
            "/admin/v1/endpoints/",
            "/admin/v1/me/",
            "/admin/v1/ME",
        ] {
            let found = find(Method::POST, path);
            assert!(!matches!(found, Route::Found(..)), "{path}");
        }
        // Bytes that are no UTF-8 are no id.
        let found = find(Method::GET, "/admin/v1/endpoints/%ff");
        assert!(matches!(found, Route::None));
    }

    #[test]
    fn only_get_needs_no_precaution_against_cross_site_requests() {
        for operation in OPERATIONS {
            assert_eq!(operation.is_change(), operation.method != "GET");
            if operation.method == "GET" {
                assert!(operation.request.is_none(), "{}", operation.id);
                assert_eq!(operation.secrecy, Secrecy::None, "{}", operation.id);
            }
        }
    }
}
