//! The state machine's own view of a job, and what became of its shards.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use job::message::{JobId, JobKeys};
use serde::{Deserialize, Serialize};
use steps::inspection::{Inspection, inspect};
use steps::shards::{self, ShardView};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Caller;
use crate::extract::{Asked, Job, Named, page_length};
use crate::jobs::execution_of;
use crate::problem::{Kind, Problem};
use crate::results::nothing_there;
use crate::{App, schema};

/// Shards of a page, when the caller does not say, and at most: a receipt is read of each.
const PAGE: (u32, u32) = (50, 100);
/// The step that works shards.
const TRANSFORM: &str = "transform";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// `next` of the page before: the position of a shard, from 0.
    #[param(maximum = 4294967295_u64)]
    after: Option<u32>,
    /// Entries of the page.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
}

/// A page of the shards of a job.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "count": 2,
    "items": [{
        "shard": 0, "status": "DONE", "source": "s3://the-inbox/staged/flights/june.csv",
        "objects": 1, "from": 0, "to": 67108864, "round": 1,
        "counts": {"read": 9, "stored": 8, "rejected": 1, "filtered": 0}, "files": 1,
        "bytesRead": 67112960, "bytesWritten": 1048576, "started": "2026-01-31T12:00:02.140Z",
        "milliseconds": 1700, "attempts": 1,
    }],
    "next": 1,
}))]
pub(crate) struct Shards {
    /// How many shards the job has.
    count: u32,
    /// The shards of the page, in the order of the source.
    #[schema(value_type = Vec<schema::Shard>)]
    items: Vec<Linked>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<u32>,
}

/// A shard with a link.
#[derive(Serialize)]
struct Linked {
    #[serde(flatten)]
    shard: ShardView,
    /// Its log in the console of CloudWatch.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

/// Shows what the execution of a job did: the graph of the state machine with each state's status,
/// times and attempts, the rounds of shards, what the time went into, and what to do about each
/// error.
#[utoipa::path(
    get,
    path = "/jobs/{id}/execution",
    tag = "jobs",
    operation_id = "execution",
    params(Job),
    responses((status = 200, description = "What it did.", body = schema::Inspection)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoSuchExecution])))
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Json<Inspection>, Problem> {
    let job = caller.find(&app, &id).await?;
    let arn = execution_of(&app, &job);
    let missing = |error| match error {
        executions::Error::Missing(_) => Problem::new(
            Kind::NoSuchExecution,
            format!("job {id} has no execution: not started yet, or forgotten"),
        ),
        other => other.into(),
    };
    let execution = app.executions.describe(&arn).await.map_err(missing)?;
    let history = app.executions.history(&arn).await.map_err(missing)?;
    let (keys, now) = (JobKeys::new("", &id), Utc::now().timestamp_millis());
    Ok(Json(inspect(app.work().as_ref(), &keys, &id, execution, history, now).await?))
}

/// Lists the shards of a job in the order of the source: where each stands, its rows, bytes, time
/// and attempts, and why it failed.
#[utoipa::path(
    get,
    path = "/jobs/{id}/shards",
    tag = "jobs",
    operation_id = "shards",
    params(Job, Listing),
    responses((status = 200, description = "A page.", body = Shards)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoShards])))
)]
pub(crate) async fn shards(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Shards>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let job = caller.find(&app, &id).await?;
    let (keys, from) = (JobKeys::new("", &id), asked.after.unwrap_or(0));
    let has_ended = job.status.is_terminal();
    let page = shards::page(app.work().as_ref(), &keys, from, limit, has_ended).await?;
    let page = page.ok_or_else(|| nothing_there(Kind::NoShards, "shards", &job))?;
    let link = |shard: ShardView| {
        // The attempt is the id of its request, which each line of its log has.
        let wanted = shard.attempt.as_deref().unwrap_or(id.as_str());
        let logs = app.config.logs.as_ref();
        let log = logs.and_then(|logs| logs.link(TRANSFORM, wanted, &job.created));
        Linked { shard, log }
    };
    let items = page.items.into_iter().map(link).collect();
    Ok(Json(Shards { count: page.count, items, next: page.next }))
}
