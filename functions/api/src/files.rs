//! The files of a table, as of any commit.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use job::DatasetName;
use landing::commit::CommittedFile;
use serde::{Deserialize, Serialize};
use tables::{At, Log, Snapshot};

use crate::datasets::no_dataset;
use crate::extract::{Asked, Named, page_length};
use crate::view::in_seconds;
use crate::{App, Problem, URL_SECONDS};

/// Entries of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (100, 1_000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    at: Option<String>,
    after: Option<u64>,
    limit: Option<u32>,
}

/// A page of the files of a table.
#[derive(Serialize)]
pub(crate) struct Files {
    dataset: DatasetName,
    sequence: u64,
    committed: String,
    rows: u64,
    bytes: u64,
    files: usize,
    items: Vec<File>,
    next: Option<u64>,
    expires: String,
}

#[derive(Serialize)]
struct File {
    #[serde(flatten)]
    file: CommittedFile,
    url: String,
}

/// `GET /datasets/{name}/files`: the files that the commits add up to, by key, each with a URL;
/// `?at=` the number of a commit or a moment.
///
/// Pages are of one state: whoever asks for the next one says `at` which.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Files>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)? as usize;
    let at = asked.at.as_deref().map(str::parse).transpose().map_err(Problem::bad_request)?;
    let lake = app.lake();
    let log = Log::open(lake.clone(), format!("{}{name}/", app.config.lake_prefix)).await?;
    let Some(Snapshot { sequence, committed, table }) = log.at(at.unwrap_or_default()).await?
    else {
        return Err(nothing_there(&app, &name, at).await?);
    };
    let from =
        usize::try_from(asked.after.unwrap_or(0)).unwrap_or(usize::MAX).min(table.files().len());
    let until = from.saturating_add(limit).min(table.files().len());
    let mut items = Vec::with_capacity(until - from);
    for file in table.files().skip(from).take(limit) {
        let name = file.key.rsplit('/').next().unwrap_or(&file.key);
        items.push(File {
            url: lake.presign_get(&file.key, name, URL_SECONDS).await?,
            file: file.clone(),
        });
    }
    Ok(Json(Files {
        dataset: name,
        sequence,
        committed,
        rows: table.files().map(|file| file.rows).sum(),
        bytes: table.files().map(|file| file.bytes).sum(),
        files: table.files().len(),
        items,
        next: (until < table.files().len()).then_some(until as u64),
        expires: in_seconds(URL_SECONDS),
    }))
}

async fn nothing_there(app: &App, name: &DatasetName, at: Option<At>) -> Result<Problem, Problem> {
    let is_known = app.registry.contract(name, None).await?.is_some();
    Ok(match at {
        None | Some(At::Newest) if !is_known => no_dataset(name),
        None | Some(At::Newest) => {
            Problem::missing("no-files", format!("nothing has landed in `{name}` yet"))
        }
        Some(At::Commit(number)) => {
            Problem::missing("no-such-commit", format!("`{name}` has no commit {number}"))
        }
        Some(At::Moment(_)) => {
            Problem::missing("no-files", format!("nothing had landed in `{name}` by then"))
        }
    })
}
