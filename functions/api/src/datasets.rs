//! Contracts and their versions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contract::{Contract, Fault, Reference};
use flate2::Compression;
use flate2::write::GzEncoder;
use job::DatasetName;
use registry::{ContractVersion, Page, StoredContract};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::caller::Caller;
use crate::extract::{Asked, Dataset as Name, Named, Text, page_length};
use crate::files::Table;
use crate::problem::{Kind, Problem};
use crate::{App, files, schema};

/// Most bytes of an answer, which is a text in the JSON that Lambda is given: it takes 6 MB of
/// that, headers and all.
const MAX_ANSWER_BYTES: usize = 5_500_000;

/// Entries of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (100, 100);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// `next` of the page before.
    after: Option<String>,
    /// Entries of the page.
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The version of the contract; the newest one without it.
    #[param(minimum = 1)]
    version: Option<u32>,
}

/// A dataset: a version of its contract and, without a stated version, its table.
#[derive(Serialize)]
struct Dataset {
    #[serde(flatten)]
    contract: StoredContract,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Table>,
}

/// Reads a contract of a dataset that is to be registered or tried. The inner error has its faults,
/// the outer one is a dataset that the caller may not see.
pub(crate) fn read(
    app: &App,
    caller: &Caller,
    name: &DatasetName,
    text: &str,
) -> Result<Result<Contract, Vec<Fault>>, Problem> {
    let contract = match Contract::parse(text) {
        Ok(contract) => contract,
        Err(faults) => return Ok(Err(faults)),
    };
    let of_key = |key: &str, message: String| Ok(Err(vec![Fault::of_key(text, key, message)]));
    if contract.name != *name {
        let message = format!(
            "the contract is for `{}`, and the request for `{name}`: they must be the same",
            contract.name
        );
        return of_key("name", message);
    }
    // Whoever joins a dataset reads it.
    for join in &contract.transform.join {
        if let Reference::Dataset(joined) = &join.reference {
            caller.check(joined)?;
        }
    }
    // What is to be landed at set times must be what the caller may land now.
    if let Some(schedule) = &contract.schedule {
        let bucket = schedule.bucket.as_ref().unwrap_or(&app.config.inbox_bucket);
        if let Err(refused) = caller.sources(app).check_prefix(bucket, &schedule.prefix) {
            return of_key("schedule", refused.to_string());
        }
    }
    Ok(Ok(contract))
}

/// Says what is wrong with a contract, and registers nothing: for editors, while somebody types.
#[utoipa::path(
    post,
    path = "/datasets/{name}/check",
    tag = "datasets",
    params(Name),
    request_body(description = "A contract, in YAML or JSON.", content(
        (String = "application/yaml", example = "name: orders\nschema:\n  fields:\n    - { name: id, type: integer }\n"),
        (Object = "application/json", example = json!({"name": "orders", "schema": {"fields": [{"name": "id", "type": "integer"}]}})),
    )),
    responses((status = 200, description = "Its faults.", body = schema::Checked)),
    extensions(("x-problems" = json!([Kind::NoSuchDataset])))
)]
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(name): Named<DatasetName>,
    Text(text): Text,
) -> Result<Response, Problem> {
    caller.check(&name)?;
    let faults = read(&app, &caller, &name, &text)?.err().unwrap_or_default();
    Ok(Json(schema::Checked::from(faults)).into_response())
}

/// Registers a contract: 201 for a new version, 200 when the newest says the same.
#[utoipa::path(
    put,
    path = "/datasets/{name}",
    tag = "datasets",
    params(Name),
    request_body(description = "A contract, in YAML or JSON.", content(
        (String = "application/yaml", example = "name: orders\nschema:\n  fields:\n    - { name: id, type: integer }\n"),
        (Object = "application/json", example = json!({"name": "orders", "schema": {"fields": [{"name": "id", "type": "integer"}]}})),
    )),
    responses(
        (status = 201, description = "A new version.", body = schema::StoredContract, headers(("Location" = String, description = "The path of the version."))),
        (status = 200, description = "The newest version says the same.", body = schema::StoredContract),
    ),
    extensions(("x-problems" = json!([Kind::NoSuchDataset, Kind::ContractInvalid])))
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(name): Named<DatasetName>,
    Text(text): Text,
) -> Result<Response, Problem> {
    let contract = read(&app, &caller, &name, &text)?.map_err(Problem::faults)?;
    let before = app.registry.contract(&name, None).await?.map(|contract| contract.version);
    let stored =
        app.registry.put_contract(&name, &text, &contract.intake(), &admission::now()).await?;
    let (status, version) = (
        if before == Some(stored.version) { StatusCode::OK } else { StatusCode::CREATED },
        stored.version,
    );
    let mut response = match small(&stored) {
        Some(json) => json,
        // Who sent it knows the text.
        None => Json(ContractVersion::from(stored)).into_response(),
    };
    *response.status_mut() = status;
    if status == StatusCode::CREATED {
        let location = HeaderValue::from_str(&format!("/datasets/{name}?version={version}"))
            .map_err(|error| Problem::internal(&error))?;
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Shows a dataset: its newest contract and its table, or a version of its contract.
#[utoipa::path(
    get,
    path = "/datasets/{name}",
    tag = "datasets",
    params(Name, Which),
    responses((status = 200, description = "The dataset.", body = schema::Dataset)),
    extensions(("x-problems" = json!([Kind::NoSuchDataset, Kind::NoSuchVersion, Kind::NotAcceptable])))
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
    Asked(which): Asked<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let contract = app.registry.contract(&name, which.version).await?;
    let contract = contract.ok_or_else(|| match which.version {
        None => no_dataset(&name),
        Some(version) => {
            Problem::new(Kind::NoSuchVersion, format!("dataset `{name}` has no version {version}"))
        }
    })?;
    let table = match which.version {
        None => files::table(&app, &name).await?,
        Some(_) => None,
    };
    let dataset = Dataset { contract, table };
    match small(&dataset) {
        Some(response) => Ok(response),
        None if accepts_gzip(&headers) => {
            gzipped(&dataset).map_err(|error| Problem::internal(&error))
        }
        None => Err(Problem::new(
            Kind::NotAcceptable,
            "the contract is too large to be answered as it is: ask with `Accept-Encoding: gzip`",
        )
        .of_field("Accept-Encoding")),
    }
}

/// What holds a contract, as JSON, if Lambda has room for it.
fn small(answer: &impl Serialize) -> Option<Response> {
    let json = serde_json::to_vec(answer).ok()?;
    let escaped = json.len() + json.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    (escaped <= MAX_ANSWER_BYTES)
        .then(|| ([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = accepted.flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        matches!(name.trim(), "gzip" | "*")
            && !matches!(weight.trim().strip_prefix("q=").map(str::parse::<f32>), Some(Ok(0.0)))
    })
}

/// The same as packed JSON: any text of [`CONTRACT_BYTES`](job::limits::CONTRACT_BYTES) has
/// room so.
fn gzipped(answer: &impl Serialize) -> std::io::Result<Response> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut packed, answer)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_ENCODING, "gzip"),
        (header::VARY, "Accept-Encoding"),
    ];
    Ok((headers, packed.finish()?).into_response())
}

/// Makes a dataset accept nothing more; what has landed stays.
#[utoipa::path(
    delete,
    path = "/datasets/{name}",
    tag = "datasets",
    params(Name),
    responses((status = 204, description = "It accepts nothing more.")),
    extensions(("x-problems" = json!([Kind::NoSuchDataset])))
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
) -> Result<StatusCode, Problem> {
    match app.registry.delete_dataset(&name).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_dataset(&name)),
    }
}

/// Lists the datasets by name, each with the newest version of its contract.
#[utoipa::path(
    get,
    path = "/datasets",
    tag = "datasets",
    params(Listing),
    responses((status = 200, description = "A page.", body = schema::Contracts))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Page<ContractVersion>>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    Ok(Json(app.registry.datasets(&caller.datasets, asked.after.as_deref(), limit).await?))
}

/// Lists the versions of a contract, newest first.
#[utoipa::path(
    get,
    path = "/datasets/{name}/versions",
    tag = "datasets",
    params(Name, Listing),
    responses((status = 200, description = "A page.", body = schema::Contracts)),
    extensions(("x-problems" = json!([Kind::NoSuchDataset])))
)]
pub(crate) async fn versions(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Page<ContractVersion>>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let page = app.registry.contract_versions(&name, asked.after.as_deref(), limit).await?;
    if page.items.is_empty() && asked.after.is_none() {
        return Err(no_dataset(&name));
    }
    Ok(Json(page))
}

pub(crate) fn no_dataset(name: &DatasetName) -> Problem {
    Problem::new(
        Kind::NoSuchDataset,
        format!("there is no dataset `{name}`: PUT its contract first"),
    )
}
