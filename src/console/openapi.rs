//! The OpenAPI 3.1 document, made from the table of operations and the types of the answers.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    Required, ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::call::Call;
use super::problem::{Problem, ProblemBody};
use super::reply::Reply;
use super::routes::{Access, NamedSchema, OPERATIONS, Operation, QueryParameter};

/// The OpenAPI document of the admin API.
pub fn document() -> OpenApi {
    let mut components = Components::new();
    let mut paths = PathsBuilder::new();
    let (name, schema) = (ProblemBody::name(), ProblemBody::schema());
    components.schemas.insert(name.into_owned(), schema);
    for operation in OPERATIONS {
        let described = describe(operation, &mut components);
        let method = match operation.method {
            "DELETE" => HttpMethod::Delete,
            "PATCH" => HttpMethod::Patch,
            "POST" => HttpMethod::Post,
            _ => HttpMethod::Get,
        };
        paths = paths.path(operation.path, PathItem::new(method, described));
    }
    for (name, scheme) in [
        (
            TOKEN,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("An operator token."))
                    .build(),
            ),
        ),
        (
            SESSION,
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                "__Host-portcullis",
                "The session of a browser. Changes also need `Origin` and `X-Portcullis-Csrf`.",
            ))),
        ),
    ] {
        components.add_security_scheme(name, scheme);
    }
    let info = InfoBuilder::new()
        .title("Portcullis admin API")
        .version("1")
        .description(Some(DESCRIPTION));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components))
        .build()
}

pub(super) async fn read(_call: Call) -> Result<Reply, Problem> {
    Reply::ok(&document())
}

fn describe(
    operation: &Operation,
    components: &mut Components,
) -> utoipa::openapi::path::Operation {
    let access = match operation.access.words() {
        (access, None) => access.to_owned(),
        (access, Some(permission)) => format!("{access}:{permission}"),
    };
    let extensions = ExtensionsBuilder::new().add("x-portcullis-access", access);
    let mut described = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .summary(Some(operation.summary))
        .extensions(Some(extensions.build()));
    for name in path_parameters(operation.path) {
        let description = match name {
            "id" => "The id of the endpoint. Its slashes are written `%2F`.",
            "name" => "The name of the flow.",
            "preset" => "The name of the preset.",
            _ => "The public id of the token.",
        };
        described = described.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(description))
                .schema(Some(text()))
                .build(),
        );
    }
    for parameter in operation.query {
        described = described.parameter(query_parameter(parameter).build());
    }
    if operation.needs_match {
        described = described.parameter(
            header_parameter(
                "If-Match",
                Required::True,
                "The `ETag` of the endpoint that was read.",
            )
            .build(),
        );
    }
    if operation.is_change() {
        if operation.access != Access::Public {
            described = described.parameter(
                header_parameter(
                    "Idempotency-Key",
                    Required::False,
                    "Makes a repeated request harmless: it gets the first answer.",
                )
                .build(),
            );
        }
        let schema = match operation.request {
            Some(request) => reference(request(), components),
            None => RefOr::T(
                ObjectBuilder::new()
                    .schema_type(Type::Object)
                    .build()
                    .into(),
            ),
        };
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let required = if operation.request.is_some() {
            Required::True
        } else {
            Required::False
        };
        described = described.request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", content)
                .required(Some(required))
                .build(),
        ));
    }
    if operation.access != Access::Public {
        for scheme in [TOKEN, SESSION] {
            let none: [&str; 0] = [];
            described = described.security(SecurityRequirement::new(scheme, none));
        }
    }
    let mut success = ResponseBuilder::new().description(operation.summary);
    if let Some(answer) = operation.answer {
        let schema = reference(answer(), components);
        let content = ContentBuilder::new().schema(Some(schema)).build();
        success = success.content("application/json", content);
    }
    if operation.id == "readEndpoint" {
        let tag = HeaderBuilder::new()
            .schema(Some(text()))
            .description(Some("A strong digest of what a change depends on."));
        success = success.header("ETag", tag.build());
    }
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let problem = ResponseBuilder::new()
        .description("A problem (RFC 9457)")
        .content("application/problem+json", problem);
    described
        .response(operation.status.to_string(), success.build())
        .response("default", problem.build())
        .build()
}

/// Adds a schema to the components, and refers to it.
fn reference(named: NamedSchema, components: &mut Components) -> RefOr<Schema> {
    components.schemas.extend(named.referenced);
    match named.name {
        None => named.schema,
        Some(name) => {
            components.schemas.insert(name.clone(), named.schema);
            Ref::from_schema_name(name).into()
        }
    }
}

fn query_parameter(parameter: &QueryParameter) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    let schema = match parameter.words {
        [] => schema,
        words => schema.enum_values(Some(words.iter().copied())),
    };
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(parameter.description))
        .schema(Some(Schema::from(schema.build())))
}

fn header_parameter(name: &str, required: Required, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(description))
        .schema(Some(text()))
}

fn text() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .build()
        .into()
}

/// The names in braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

const TOKEN: &str = "operator_token";
const SESSION: &str = "session";
const DESCRIPTION: &str = "The API of the Portcullis console. Every answer that is not a success is a problem (RFC 9457) with a stable `code`. \
    An object that the caller may not read answers as one that does not exist. `x-portcullis-access` says who may use an \
    operation: everybody (`public`), everybody who is signed in, or whoever has a permission somewhere, everywhere, or on the \
    endpoint or flow of the path.";
