//! Describes the API in an OpenAPI document. The document is made from the handlers when the
//! reference is written, and the API serves it from there, so no start has to make it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Extension;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::Access;
use crate::access::{changes, needs};
use crate::problem::{Document, Kind, Problem};

/// The reference's descriptions of the API and of contracts.
const OPENAPI: &str = include_str!("../../../docs/reference/openapi.json");
const CONTRACT_SCHEMA: &str = include_str!("../../../docs/reference/contract.schema.json");

/// All handlers, and what is the document's own.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Landfall",
        description = "Contracts in, files in, jobs out. Every error is a problem document (RFC 9457) whose `type` is stable.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "datasets", description = "Contracts, and the tables that files land in."),
        (name = "uploads", description = "Files on their way in."),
        (name = "jobs", description = "Landings: one a file."),
        (name = "live", description = "Jobs as they run, over WebSockets."),
        (name = "door", description = "The API itself."),
    ),
    components(schemas(Document)),
    paths(
        crate::health,
        get,
        contract_schema,
        crate::datasets::list,
        crate::datasets::put,
        crate::datasets::get,
        crate::datasets::delete,
        crate::datasets::versions,
        crate::datasets::check,
        crate::files::list,
        crate::replay::open,
        crate::backfill::backfill,
        crate::infer::infer,
        crate::uploads::create,
        crate::tickets::issue,
        crate::jobs::submit,
        crate::jobs::list,
        crate::jobs::get,
        crate::jobs::cancel,
        crate::redrive::redrive,
        crate::hold::changes,
        crate::hold::approve,
        crate::hold::refuse,
        crate::replay::replay,
        crate::dismiss::dismiss,
        crate::execution::get,
        crate::execution::shards,
        crate::results::rejects,
        crate::results::errors,
        crate::results::profile,
        crate::results::outputs,
    ),
)]
struct Handlers;

/// Where routes list the kinds of their own problems; it is no part of the finished document.
const PROBLEMS: &str = "x-problems";

/// Describes the API in OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "door",
    operation_id = "describe",
    responses((status = 200, description = "This document.", body = Object))
)]
pub(crate) async fn get(Extension(access): Extension<Access>) -> impl IntoResponse {
    let text = match access {
        Access::Iam | Access::Jwt => OPENAPI.into(),
        Access::Open => open(OPENAPI).into(),
    };
    json_text(text)
}

/// Describes contracts in JSON Schema 2020-12, for editors.
#[utoipa::path(
    get,
    path = "/contract.schema.json",
    tag = "door",
    operation_id = "contract_schema",
    responses((status = 200, description = "A JSON Schema.", body = Object))
)]
pub(crate) async fn contract_schema() -> impl IntoResponse {
    json_text(CONTRACT_SCHEMA.into())
}

fn json_text(text: Cow<'static, str>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

/// The description of a deployment that asks nobody who he is.
fn open(description: &str) -> String {
    let mut document: Value = serde_json::from_str(description).expect("the reference is JSON");
    for (_, path) in members(&mut document["paths"]) {
        for (_, operation) in members(path) {
            operation["security"] = json!([]);
        }
    }
    document.to_string()
}

/// Makes the API's description of itself from its handlers, as a deployment serves it that asks
/// its callers who they are.
pub fn describe() -> Value {
    let mut document =
        serde_json::to_value(Handlers::openapi()).expect("a description is plain data");
    let mut problems = Map::new();
    for (route, path) in members(&mut document["paths"]) {
        for (method, operation) in members(path) {
            let method = method.to_ascii_uppercase().parse().expect("a method");
            let scopes: Vec<_> =
                needs(&method, Some(route)).iter().map(|scope| scope.name()).collect();
            operation["security"] = json!([{"iam": []}, {"jwt": scopes}]);
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                never_null(&mut parameter["schema"]);
            }
            add_problems(operation, changes(&method, route), &mut problems);
        }
    }
    document["components"]["responses"] = problems.into();
    link(&mut document["paths"]);
    document["components"]["securitySchemes"] = json!({
        "iam": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "An AWS signature (version 4) for the service `execute-api`, of a stack whose parameter `Auth` is `IAM`.",
        },
        "jwt": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A token with the scopes, of a stack whose parameter `Auth` is `JWT`. `landfall:write` allows what `landfall:read` does, and `landfall:admin` what both do.",
        },
    });
    let kinds: Vec<&Kind> = Kind::ALL.iter().collect();
    document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] = json!(kinds);
    document
}

/// What is asked for by its name once it is made, and what its name is.
struct Link {
    path: &'static str,
    method: &'static str,
    statuses: &'static [&'static str],
    /// The operations that ask for it, and their parameter for its name.
    operations: &'static [&'static str],
    parameter: &'static str,
    name: &'static str,
}

const LINKS: [Link; 2] = [
    Link {
        path: "/jobs",
        method: "post",
        statuses: &["202"],
        operations: &["get_job", "execution", "cancel", "redrive"],
        parameter: "id",
        name: "$response.body#/job",
    },
    Link {
        path: "/datasets/{name}",
        method: "put",
        statuses: &["200", "201"],
        operations: &["get", "versions", "files", "delete"],
        parameter: "name",
        name: "$request.path.name",
    },
];

/// Tells in the answers to what makes something which operations ask for it.
fn link(paths: &mut Value) {
    for link in LINKS {
        let told = link.operations.iter().map(|id| {
            let told = json!({"operationId": id, "parameters": {link.parameter: link.name}});
            ((*id).to_owned(), told)
        });
        let told: Map<_, _> = told.collect();
        for status in link.statuses {
            paths[link.path][link.method]["responses"][status]["links"] = json!(told);
        }
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// A parameter that is left out is not there; it is never null.
fn never_null(schema: &mut Value) {
    let null = json!("null");
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| *kind != null);
        schema["type"] = kinds.pop().unwrap_or_default();
    }
    if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind.get("type") != Some(&null));
        if let [kind] = kinds.as_slice() {
            *schema = kind.clone();
        }
    }
}

/// Adds the problems of an operation to its responses, which lie among `problems`: those that it
/// names, and those that all operations of its form have.
fn add_problems(operation: &mut Value, changes: bool, problems: &mut Map<String, Value>) {
    let named = operation.as_object_mut().and_then(|members| members.remove(PROBLEMS));
    let named = named.unwrap_or_default();
    let (has_body, has_parameters) =
        (operation.get("requestBody").is_some(), operation.get("parameters").is_some());
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in Kind::ALL {
        let applies = match kind {
            Kind::BadRequest => has_body || has_parameters,
            Kind::TooLarge => has_body,
            Kind::TooManyRequests => changes,
            Kind::Unauthorized | Kind::Forbidden | Kind::Internal | Kind::Unavailable => true,
            kind => named.as_array().into_iter().flatten().any(|name| *name == json!(kind)),
        };
        if applies {
            by_status.entry(kind.status().as_u16()).or_default().push(*kind);
        }
    }
    for (status, kinds) in by_status {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let name = names.join(".");
        operation["responses"][status.to_string()] =
            json!({"$ref": format!("#/components/responses/{name}")});
        problems.entry(name).or_insert_with(|| response(&kinds));
    }
}

/// The answer that is one of some problems of the same status.
fn response(kinds: &[Kind]) -> Value {
    let told: Vec<_> =
        kinds.iter().map(|kind| format!("`{}`: {}", kind.name(), kind.means())).collect();
    let examples: Map<_, _> =
        kinds.iter().map(|kind| (kind.name().to_owned(), example(*kind))).collect();
    let schema = json!({
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"type": "object", "properties": {"type": {"enum": kinds}}},
        ],
    });
    let mut response = json!({
        "description": told.join("\n"),
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    });
    if kinds.iter().any(|kind| matches!(kind, Kind::Unavailable | Kind::TooManyRequests)) {
        response["headers"]["Retry-After"] = json!({
            "description": "Seconds after which another attempt may succeed.",
            "schema": {"type": "integer", "minimum": 1},
        });
    }
    response
}

fn example(kind: Kind) -> Value {
    let document = Problem::new(kind, kind.means()).document("/…".to_owned());
    json!({"value": document})
}
