//! Lands what lies in a dataset's folder of the inbox and did not land before.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use job::bill::Dollars;
use job::hold::CommitMode;
use job::message::{Landed, Unreadable};
use job::{DatasetName, Labels};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::extract::{Body, Dataset as Name, Named};
use crate::jobs::{self, Submitted};
use crate::problem::{Kind, Problem};
use crate::schema;
use crate::source::Source;
use crate::view::JobView;

/// What to land of a dataset's folder.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"glob": "2025/**/*.csv", "unreadable": "skip"}))]
pub(crate) struct Backfill {
    /// What the keys of the objects match after the folder; without it, all of them.
    #[schema(max_length = 1024)]
    glob: Option<String>,
    /// Lands what landed before too.
    #[serde(default)]
    force: bool,
    /// What becomes of the objects when some of them landed before.
    #[serde(default)]
    #[schema(value_type = schema::Landed, required = false)]
    landed: Landed,
    /// What becomes of objects that are missing, damaged, no CSV, or do not match the contract.
    #[serde(default)]
    #[schema(value_type = schema::Unreadable, required = false)]
    unreadable: Unreadable,
    /// Whether the job waits for approval before it commits.
    #[serde(default)]
    #[schema(value_type = schema::CommitMode, required = false)]
    commit: CommitMode,
    /// In USD: a job that is estimated to cost more ends before anything is begun.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1000000)]
    max_cost: Option<Dollars>,
    #[serde(default)]
    #[schema(schema_with = schema::labels, required = false)]
    labels: Labels,
    /// Answers what the job is going to be, and does nothing of it.
    #[serde(default)]
    dry_run: bool,
}

/// Lands what lies in the dataset's folder of the inbox and did not land before, as one job.
#[utoipa::path(
    post,
    path = "/datasets/{name}/backfill",
    tag = "datasets",
    params(
        Name,
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[ -~]+$",
            description = "Makes a repeat the same job.")
    ),
    request_body = Backfill,
    responses(
        (status = 202, description = "The job.", body = JobView, headers(("Location" = String, description = "The path of the job."))),
        (status = 200, description = "Of a dry run, what the job is going to be.", body = schema::Outlook),
    ),
    extensions(("x-problems" = json!([
        Kind::NoSuchDataset, Kind::IdempotencyKeyReused, Kind::Invalid, Kind::SourceForbidden,
        Kind::SaltMissing,
    ])))
)]
pub(crate) async fn backfill(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(dataset): Named<DatasetName>,
    headers: HeaderMap,
    Body(asked): Body<Backfill>,
) -> Result<Response, Problem> {
    let Backfill { glob, force, landed, unreadable, commit, max_cost, labels, dry_run } = asked;
    let source = Source::prefix(format!("{}{dataset}/", app.config.inbox_prefix), glob);
    let submitted = Submitted {
        dataset,
        source,
        force,
        landed,
        unreadable,
        commit,
        shard_bytes: None,
        max_cost,
        labels,
        dry_run,
        contract: None,
    };
    jobs::admit(&app, &caller, &headers, submitted).await
}
