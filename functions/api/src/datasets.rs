//! Contracts and their versions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use landing::contract::{Contract, DatasetName, Fault};
use registry::{Page, StoredContract};
use serde::{Deserialize, Serialize};

use crate::extract::{Asked, Named, Text, page_length};
use crate::{App, Problem};

/// Entries of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (100, 100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    after: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    version: Option<u32>,
}

/// A dataset in a list: its contract without the text.
#[derive(Serialize)]
pub(crate) struct Entry {
    dataset: DatasetName,
    version: u32,
    created: String,
}

/// `PUT /datasets/{name}`: 201 for a new version, 200 when the newest says the same.
pub(crate) async fn put(State(app): State<Arc<App>>, Named(name): Named<DatasetName>, Text(text): Text) -> Result<Response, Problem> {
    let contract = Contract::parse(&text).map_err(Problem::faults)?;
    if contract.name != name {
        let message = format!("the contract is for `{}`, the path says `{name}`: they must be the same", contract.name);
        return Err(Problem::faults(vec![Fault { path: "name".to_owned(), message }]));
    }
    let before = app.registry.contract(&name, None).await?.map(|contract| contract.version);
    let stored = app.registry.put_contract(&name, &text, &admission::now()).await?;
    if before == Some(stored.version) {
        return Ok(Json(stored).into_response());
    }
    let location = format!("/datasets/{name}?version={}", stored.version);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(stored)).into_response())
}

/// `GET /datasets/{name}`: the newest contract, or `?version=`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
    Asked(which): Asked<Which>,
) -> Result<Json<StoredContract>, Problem> {
    let contract = app.registry.contract(&name, which.version).await?;
    contract.map(Json).ok_or_else(|| match which.version {
        None => no_dataset(&name),
        Some(version) => Problem::missing("no-such-version", format!("dataset `{name}` has no version {version}")),
    })
}

/// `DELETE /datasets/{name}`: it accepts nothing more; what has landed stays.
pub(crate) async fn delete(State(app): State<Arc<App>>, Named(name): Named<DatasetName>) -> Result<StatusCode, Problem> {
    match app.registry.delete_dataset(&name).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_dataset(&name)),
    }
}

/// `GET /datasets`
pub(crate) async fn list(State(app): State<Arc<App>>, Asked(asked): Asked<Listing>) -> Result<Json<Page<Entry>>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    Ok(Json(entries(app.registry.datasets(asked.after.as_deref(), limit).await?)))
}

/// `GET /datasets/{name}/versions`, newest first.
pub(crate) async fn versions(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Page<Entry>>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let page = app.registry.contract_versions(&name, asked.after.as_deref(), limit).await?;
    if page.items.is_empty() && asked.after.is_none() {
        return Err(no_dataset(&name));
    }
    Ok(Json(entries(page)))
}

pub(crate) fn no_dataset(name: &DatasetName) -> Problem {
    Problem::missing("no-such-dataset", format!("there is no dataset `{name}`: PUT its contract first"))
}

fn entries(page: Page<StoredContract>) -> Page<Entry> {
    let entry = |contract: StoredContract| Entry { dataset: contract.dataset, version: contract.version, created: contract.created };
    Page { items: page.items.into_iter().map(entry).collect(), next: page.next }
}
