//! Has a failed job go on where it failed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use job::decision::Decision;
use job::message::{JobId, JobKeys};
use landing::plan::STEPS;
use objects::Objects;
use registry::{JobRecord, JobStatus};
use serde::Deserialize;
use tracing::info;
use wording::Unquoted;

use crate::App;
use crate::caller::Caller;
use crate::extract::{Job, Named};
use crate::jobs::DECISION_BYTES;
use crate::problem::{Kind, Problem};
use crate::view::JobView;

/// Most bytes of a plan: of a contract, and of as many objects and layouts as stand in it.
const PLAN_BYTES: u64 = 64 * 1024 * 1024;

/// Has a failed job go on where it failed: what its shards and merges have done counts, and the
/// others run again. Of one that goes on already it is a success.
#[utoipa::path(
    post,
    path = "/jobs/{id}/redrive",
    tag = "jobs",
    params(Job),
    responses((status = 202, description = "The job.", body = JobView)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NotRedrivable])))
)]
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = caller.find(&app, &id).await?;
    let now = admission::now();
    let (registry, executions) = (app.registry.as_ref(), app.executions.as_ref());
    let job = if job.redrives > 0 && !job.status.is_terminal() {
        admission::go_on(registry, executions, job, &now).await?
    } else {
        check(&app, &job, &now).await?;
        admission::redrive(registry, executions, job, JobStatus::Running, &now).await?
    };
    info!(job = %id, redrives = job.redrives, "redriven");
    Ok((StatusCode::ACCEPTED, Json(JobView::from(job))).into_response())
}

/// Refuses a job that can't go on, and says why.
async fn check(app: &App, job: &JobRecord, now: &str) -> Result<(), Problem> {
    let id = &job.submission.job;
    let refused = |why: String| Err(Problem::new(Kind::NotRedrivable, why).of_job(id));
    let (status, error) = (job.status.as_str(), job.failure.as_ref());
    let error = error.map_or("a failure", |failure| failure.error.as_str());
    match &job.redrivable_until {
        _ if job.status != JobStatus::Failed => {
            return refused(format!("job {id} is {status}: only a job that failed is redriven"));
        }
        None => {
            return refused(format!(
                "job {id} ended with {error} and was given up; submit it again"
            ));
        }
        Some(until) if job.redrivable(now).is_none() => {
            return refused(format!("job {id} could be redriven until {until}; submit it again"));
        }
        Some(_) => {}
    }
    let (work, keys) = (app.work(), JobKeys::new("", id));
    if find::<Decision>(work.as_ref(), &keys.decision(), DECISION_BYTES).await?.is_some() {
        return refused(format!(
            "job {id} was given up: it was cancelled, or another job wanted the same bytes; submit it again"
        ));
    }
    match find::<Made>(work.as_ref(), &keys.plan(), PLAN_BYTES).await? {
        Some(Made { steps }) if steps != STEPS => refused(format!(
            "the plan of job {id} was made by steps of version {steps}, and the deployment has version {STEPS} now; submit it again"
        )),
        // Without a plan nothing is begun.
        _ => Ok(()),
    }
}

/// All that is asked of a plan: see [`Plan`](landing::plan::Plan).
#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    steps: u32,
}

/// Reads a document beside a job, if it is there.
async fn find<T: serde::de::DeserializeOwned>(
    work: &dyn Objects,
    key: &str,
    most_bytes: u64,
) -> Result<Option<T>, Problem> {
    match work.read(key, most_bytes).await {
        Ok(json) => serde_json::from_slice(&json)
            .map(Some)
            .map_err(|error| Problem::internal(&format!("{key}: {}", error.unquoted()))),
        Err(objects::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
