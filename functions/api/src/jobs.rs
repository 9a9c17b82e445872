//! Jobs: submitted, listed, looked at, cancelled.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::Contract;
use job::DatasetName;
use job::bill::Dollars;
use job::decision::Decision;
use job::message::{Failure, JobId, JobKeys, Unreadable};
use landing::plan::LEAST_ASKED_SHARD_BYTES;
use objects::{Objects, Put};
use registry::{JobChange, JobFilter, JobRecord, JobStatus, Page};
use serde::Deserialize;
use tracing::info;
use uuid::Uuid;

use crate::extract::{Asked, Body, Named, page_length};
use crate::source::{Source, see};
use crate::view::JobView;
use crate::{App, Problem};

/// Jobs of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (20, 100);
/// The header that makes a repeated submission the same job.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Most bytes of a decision: a few hundred, and a cause.
const DECISION_BYTES: u64 = 256 * 1024;
/// Most characters of that header.
const MAX_KEY_CHARS: usize = 255;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Submitted {
    dataset: DatasetName,
    source: Source,
    #[serde(default)]
    force: bool,
    shard_bytes: Option<u64>,
    /// In USD.
    max_cost: Option<Dollars>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    dataset: Option<DatasetName>,
    status: Option<JobStatus>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `POST /jobs`: 202 with the job, for a repeat too.
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(asked): Body<Submitted>,
) -> Result<Response, Problem> {
    if asked.shard_bytes.is_some_and(|bytes| bytes < LEAST_ASKED_SHARD_BYTES) {
        return Err(Problem::invalid(format!(
            "`shardBytes` is a number of bytes from {LEAST_ASKED_SHARD_BYTES} (64 KiB)"
        )));
    }
    let (job, known) = match idempotency_key(&headers)? {
        Some(key) => {
            let job = JobId::of_idempotency_key(&asked.dataset, key);
            let known = app.registry.job(&job).await?.is_some();
            (job, known)
        }
        None => (
            JobId::parse(&format!("job-{}", Uuid::new_v4()))
                .map_err(|error| Problem::internal(&error))?,
            false,
        ),
    };
    let source = asked.source.clone().resolve(&app);
    // A repeat is the job that there is, whatever has become of its source.
    let seen = match known {
        true => None,
        false => {
            let seen = see(&app, &source).await?;
            check_salt(&app, &asked.dataset).await?;
            Some(seen)
        }
    };
    let Submitted { dataset, force, shard_bytes, max_cost, .. } = asked;
    let request = admission::Request {
        job,
        dataset,
        source: source.into(),
        seen: seen.map(Into::into),
        force,
        unreadable: Unreadable::default(),
        shard_bytes,
        max_cost,
    };
    let admitted = admission::admit(
        app.registry.as_ref(),
        app.executions.as_ref(),
        request,
        &admission::now(),
    )
    .await?;
    let id = &admitted.job.submission.job;
    info!(job = %id, dataset = %admitted.job.submission.dataset, new = admitted.new, "submitted");
    let location = format!("/jobs/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(JobView::from(admitted.job)))
        .into_response())
}

/// `GET /jobs`, newest first.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Page<JobView>>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let filter = JobFilter { dataset: asked.dataset, status: asked.status };
    let page = app.registry.jobs(&filter, asked.after.as_deref(), limit).await?;
    Ok(Json(Page { items: page.items.into_iter().map(JobView::from).collect(), next: page.next }))
}

/// `GET /jobs/{id}`
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(find(&app, &id).await?.into()))
}

/// `POST /jobs/{id}/cancel`: nothing of the job becomes visible. Of a job that was cancelled before
/// it is a success.
///
/// The job is decided here, unless it is decided already; what it leaves is cleared up when its
/// execution has stopped, and until then it is `CANCELLING`.
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
) -> Result<Json<JobView>, Problem> {
    let job = find(&app, &id).await?;
    if job.status.is_terminal() {
        return cancelled(job);
    }
    let failure = Failure::new("Cancelled", "cancelled through the API");
    match decide(app.work().as_ref(), &id, Decision::NoCommit(failure)).await? {
        Decision::Commit(_) => {
            return Err(Problem::conflict(
                "too-late",
                format!("job {id} is decided to commit: it lands"),
            ));
        }
        Decision::NoCommit(because) if because.error != "Cancelled" => {
            return Err(Problem::conflict(
                "job-ended",
                format!("job {id} is ending already: {}", because.error),
            ));
        }
        Decision::NoCommit(_) => {}
    }
    let change = JobChange { status: Some(JobStatus::Cancelling), ..JobChange::default() };
    let now = admission::now();
    let job = app.registry.update_job(&id, &change, &now).await?.unwrap_or(job);
    info!(job = %id, "cancelled");
    match app.executions.stop(&execution_of(&app, &job), "cancelled through the API").await {
        Ok(()) => Ok(Json(job.into())),
        // Its execution, which is started now, finds the decision and settles the job.
        Err(executions::Error::Missing(_)) => Ok(Json(
            admission::start(app.registry.as_ref(), app.executions.as_ref(), job, &now)
                .await?
                .into(),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Decides a job, unless that was done before. The answer is the decision that stands.
async fn decide(work: &dyn Objects, job: &JobId, decision: Decision) -> Result<Decision, Problem> {
    let key = JobKeys::new("", job).decision();
    let json = serde_json::to_vec(&decision).map_err(|error| Problem::internal(&error))?;
    match work.put(&key, Bytes::from(json), Put::IfAbsent).await {
        Ok(()) => Ok(decision),
        Err(objects::Error::Exists(_)) => {
            let there = work.read(&key, DECISION_BYTES).await?;
            serde_json::from_slice(&there).map_err(|error| Problem::internal(&error))
        }
        Err(error) => Err(error.into()),
    }
}

/// The job of an id.
pub(crate) async fn find(app: &App, id: &JobId) -> Result<JobRecord, Problem> {
    app.registry
        .job(id)
        .await?
        .ok_or_else(|| Problem::missing("no-such-job", format!("there is no job {id}")))
}

/// The ARN of a job's execution, which may not have been recorded, or not been started.
pub(crate) fn execution_of(app: &App, job: &JobRecord) -> String {
    job.execution.clone().unwrap_or_else(|| app.executions.arn(&job.submission.job))
}

/// The answer to a cancellation that found the job ended.
fn cancelled(job: JobRecord) -> Result<Json<JobView>, Problem> {
    match job.status {
        JobStatus::Cancelled => Ok(Json(job.into())),
        status => {
            let id = &job.submission.job;
            Err(Problem::conflict(
                "job-ended",
                format!("job {id} has ended already: {}", status.as_str()),
            ))
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= MAX_KEY_CHARS => Ok(Some(key)),
        _ => Err(Problem::bad_request(format!(
            "`Idempotency-Key` is 1 to {MAX_KEY_CHARS} visible ASCII characters"
        ))),
    }
}

/// Refuses a job whose contract hashes values where nothing is known to salt them with: `ingest`
/// would.
async fn check_salt(app: &App, dataset: &DatasetName) -> Result<(), Problem> {
    if app.config.has_salt {
        return Ok(());
    }
    // A dataset without a contract is refused by the admission, and a contract that can't be read
    // by `ingest`.
    let Some(stored) = app.registry.contract(dataset, None).await? else { return Ok(()) };
    let hashed = Contract::parse(&stored.text)
        .ok()
        .and_then(|contract| contract.hashed().map(str::to_owned));
    match hashed {
        None => Ok(()),
        Some(field) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "salt-missing",
            "The contract hashes, and there is no salt",
            format!(
                "`transform.mask` of {dataset} hashes `{field}`, and the stack's parameter `MaskSaltArn` is not set"
            ),
        )),
    }
}
