//! The files of a table, as of any commit.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use job::DatasetName;
use landing::commit::CommittedFile;
use registry::{JobFilter, JobStatus};
use serde::{Deserialize, Serialize};
use tables::{At, Log, Snapshot};
use utoipa::openapi::schema::{KnownFormat, Schema, SchemaFormat, Type};
use utoipa::openapi::{Object, OneOf};
use utoipa::{IntoParams, ToSchema};

use crate::datasets::no_dataset;
use crate::extract::{Asked, Dataset, Named, page_length};
use crate::problem::{Kind, Problem};
use crate::view::{in_seconds, seconds_since};
use crate::{App, URL_SECONDS, schema};

/// Entries of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (100, 1_000);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// The number of a commit, or a moment in RFC 3339; now without it.
    #[param(schema_with = at_schema)]
    at: Option<String>,
    /// `next` of the page before.
    #[param(format = "uint64", maximum = 18446744073709551615_u64)]
    after: Option<u64>,
    /// Entries of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// The shape of [`Listing::at`].
fn at_schema() -> Schema {
    let moment = Object::builder()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let number =
        Object::builder().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(i64::MAX));
    OneOf::builder().item(number).item(moment).into()
}

/// A page of the files of a table.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "dataset": "flights", "sequence": 0, "committed": "2026-01-31T12:00:00.000Z",
    "rows": 3, "bytes": 1024, "files": 1,
    "items": [{"key": "lake/flights/job-1-000000-000.parquet", "rows": 3, "bytes": 1024, "url": "https://…"}],
    "next": null, "expires": "2026-01-31T12:15:00Z",
}))]
pub(crate) struct Files {
    /// The dataset.
    #[schema(value_type = String)]
    dataset: DatasetName,
    /// The number of the commit of which the files are the state.
    sequence: u64,
    /// When it was committed.
    committed: String,
    /// Rows of all files.
    rows: u64,
    /// Bytes of all files.
    bytes: u64,
    /// How many files there are.
    files: usize,
    /// The files of the page.
    #[schema(value_type = Vec<schema::TableFile>)]
    items: Vec<File>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<u64>,
    /// Until when the URLs are good.
    #[schema(format = DateTime)]
    expires: String,
}

#[derive(Serialize)]
struct File {
    #[serde(flatten)]
    file: CommittedFile,
    url: String,
}

/// How a table stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "location": "s3://the-lake/lake/flights/",
    "commit": {
        "sequence": 7, "committed": "2026-01-31T12:00:09.000Z", "job": "job-1",
        "rows": 1988, "files": 12, "bytes": 5435129,
    },
    "freshnessSeconds": 3600,
    "rejects": {"jobs": 8, "rows": 12},
}))]
pub(crate) struct Table {
    /// Where it lies.
    location: String,
    commit: LastCommit,
    /// Seconds since that commit.
    freshness_seconds: u64,
    rejects: LateRejects,
}

/// The newest commit of a table.
#[derive(Serialize, ToSchema)]
struct LastCommit {
    /// Its number, from 0.
    sequence: u64,
    /// When it was committed.
    committed: String,
    /// The job that it is of; `null` if another program wrote it.
    #[schema(required)]
    job: Option<String>,
    /// Rows that it added.
    rows: u64,
    /// How many files it added.
    files: usize,
    /// Their bytes.
    bytes: u64,
}

/// What was rejected of the newest jobs that landed: 100 of them at most.
#[derive(Serialize, ToSchema)]
struct LateRejects {
    /// How many jobs these are.
    jobs: usize,
    /// Their rejected rows.
    rows: u64,
}

/// Jobs whose rejects are counted.
const LATE_JOBS: u32 = 100;

/// How the table of a dataset stands; `None`: nothing is committed yet.
///
/// It is told without reading all of the log: how many files there are says the list of files.
pub(crate) async fn table(app: &App, name: &DatasetName) -> Result<Option<Table>, Problem> {
    let prefix = format!("{}{name}/", app.config.lake_prefix);
    let log = Log::open(app.lake(), prefix.clone()).await?;
    let mut next = log.first_free().await?;
    let commit = loop {
        let Some(sequence) = next.checked_sub(1) else { return Ok(None) };
        let entry = log.get(sequence).await?;
        let commit = entry.commit.as_ref();
        if commit.is_none_or(|commit| commit.void.is_none()) {
            break LastCommit {
                sequence,
                job: commit.map(|commit| commit.job.to_string()),
                rows: entry.added.iter().map(|file| file.rows).sum(),
                files: entry.added.len(),
                bytes: entry.added.iter().map(|file| file.bytes).sum(),
                committed: entry.committed,
            };
        }
        next = sequence;
    };
    let landed = JobFilter {
        dataset: Some(name.clone()),
        status: Some(JobStatus::Succeeded),
        ..JobFilter::default()
    };
    let landed = app.registry.jobs(&landed, None, LATE_JOBS).await?.items;
    let rejected = landed.iter().filter_map(|job| job.counts).map(|counts| counts.rejected);
    Ok(Some(Table {
        location: format!("s3://{}/{prefix}", app.config.lake_bucket),
        freshness_seconds: seconds_since(&commit.committed),
        rejects: LateRejects { jobs: landed.len(), rows: rejected.sum() },
        commit,
    }))
}

/// Lists the files that the commits of a table add up to, by key, each with a URL.
///
/// Pages are of one state: whoever asks for the next one says `at` which.
#[utoipa::path(
    get,
    path = "/datasets/{name}/files",
    tag = "datasets",
    operation_id = "files",
    params(Dataset, Listing),
    responses((status = 200, description = "A page.", body = Files)),
    extensions(("x-problems" = json!([Kind::NoSuchDataset, Kind::NoFiles, Kind::NoSuchCommit])))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Named(name): Named<DatasetName>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Files>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)? as usize;
    let at = asked.at.as_deref().map(str::parse).transpose();
    let at = at.map_err(|why: String| Problem::bad_request(why).of_field("at"))?;
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
            Problem::new(Kind::NoFiles, format!("nothing has landed in `{name}` yet"))
        }
        Some(At::Commit(number)) => {
            Problem::new(Kind::NoSuchCommit, format!("`{name}` has no commit {number}"))
        }
        Some(At::Moment(_)) => {
            Problem::new(Kind::NoFiles, format!("nothing had landed in `{name}` by then"))
        }
    })
}
