//! Jobs: submitted, listed, looked at, cancelled.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use executions::{Execution, Status};
use landing::bill::Dollars;
use landing::contract::{Contract, DatasetName};
use landing::message::{Failure, JobId, JobKeys, SourceRef};
use landing::plan::LEAST_ASKED_SHARD_BYTES;
use objects::Put;
use registry::{JobChange, JobFilter, JobRecord, JobStatus, Page};
use serde::Deserialize;
use tracing::{info, warn};
use uuid::Uuid;

use crate::extract::{Asked, Body, Named, page_length};
use crate::view::JobView;
use crate::{App, Problem};

/// Jobs of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (20, 100);
/// The header that makes a repeated submission the same job.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
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

/// An object, as a request names it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// Without it, the inbox's.
    bucket: Option<String>,
    key: String,
    version: Option<String>,
}

impl Source {
    pub(crate) fn resolve(self, app: &App) -> SourceRef {
        let bucket = self.bucket.unwrap_or_else(|| app.config.inbox_bucket.clone());
        SourceRef { bucket, key: self.key, version: self.version, etag: None }
    }
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
pub(crate) async fn submit(State(app): State<Arc<App>>, headers: HeaderMap, Body(asked): Body<Submitted>) -> Result<Response, Problem> {
    if asked.shard_bytes.is_some_and(|bytes| bytes < LEAST_ASKED_SHARD_BYTES) {
        return Err(Problem::invalid(format!("`shardBytes` is a number of bytes from {LEAST_ASKED_SHARD_BYTES} (64 KiB)")));
    }
    let (job, known) = match idempotency_key(&headers)? {
        Some(key) => {
            let job = JobId::of_idempotency_key(&asked.dataset, key);
            let known = app.registry.job(&job).await?.is_some();
            (job, known)
        }
        None => (JobId::parse(&format!("job-{}", Uuid::new_v4())).map_err(|error| Problem::internal(&error))?, false),
    };
    let source = asked.source.clone().resolve(&app);
    if !known {
        check_source(&app, &source).await?;
        check_salt(&app, &asked.dataset).await?;
    }
    let Submitted { dataset, force, shard_bytes, max_cost, .. } = asked;
    let request = admission::Request { job, dataset, source, force, shard_bytes, max_cost };
    let admitted = admission::admit(app.registry.as_ref(), app.executions.as_ref(), request, &admission::now()).await?;
    let id = &admitted.job.submission.job;
    info!(job = %id, dataset = %admitted.job.submission.dataset, new = admitted.new, "submitted");
    let location = format!("/jobs/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(JobView::from(admitted.job))).into_response())
}

/// `GET /jobs`, newest first.
pub(crate) async fn list(State(app): State<Arc<App>>, Asked(asked): Asked<Listing>) -> Result<Json<Page<JobView>>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let filter = JobFilter { dataset: asked.dataset, status: asked.status };
    let page = app.registry.jobs(&filter, asked.after.as_deref(), limit).await?;
    Ok(Json(Page { items: page.items.into_iter().map(JobView::from).collect(), next: page.next }))
}

/// `GET /jobs/{id}`
pub(crate) async fn get(State(app): State<Arc<App>>, Named(id): Named<JobId>) -> Result<Json<JobView>, Problem> {
    let job = find(&app, &id).await?;
    Ok(Json(reconciled(&app, job).await?.into()))
}

/// `POST /jobs/{id}/cancel`: nothing of the job becomes visible. Of a job that was cancelled before it is a success.
pub(crate) async fn cancel(State(app): State<Arc<App>>, Named(id): Named<JobId>) -> Result<Json<JobView>, Problem> {
    let job = find(&app, &id).await?;
    let job = reconciled(&app, job).await?;
    if job.status.is_terminal() {
        return cancelled(job);
    }
    // The mark first: whoever still works for the job looks at it, and so does an execution that is only just being started.
    app.work().put(&JobKeys::new("", &id).cancelled(), Bytes::new(), Put::Overwrite).await?;
    match app.executions.stop(&execution_of(&app, &job), "cancelled through the API").await {
        Ok(()) | Err(executions::Error::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let failure = Failure { error: "Cancelled".to_owned(), cause: "cancelled through the API".to_owned() };
    let change = JobChange { status: Some(JobStatus::Cancelled), failure: Some(failure), ..JobChange::default() };
    info!(job = %id, "cancelled");
    cancelled(app.registry.update_job(&id, &change, &admission::now()).await?.unwrap_or(job))
}

/// The job of an id.
pub(crate) async fn find(app: &App, id: &JobId) -> Result<JobRecord, Problem> {
    app.registry.job(id).await?.ok_or_else(|| Problem::missing("no-such-job", format!("there is no job {id}")))
}

/// The ARN of a job's execution, which may not have been recorded, or not been started.
pub(crate) fn execution_of(app: &App, job: &JobRecord) -> String {
    job.execution.clone().unwrap_or_else(|| app.executions.arn(&job.submission.job))
}

/// The job as its execution leaves it: one that was stopped, timed out or failed without a chance to say so ends in the registry here.
async fn reconciled(app: &App, job: JobRecord) -> Result<JobRecord, Problem> {
    if job.status.is_terminal() {
        return Ok(job);
    }
    let change = match app.executions.describe(&execution_of(app, &job)).await {
        Ok(execution) => ending(execution),
        Err(executions::Error::Missing(_)) => None,
        Err(error) => {
            warn!(job = %job.submission.job, reason = %error, "the execution can't be looked at");
            None
        }
    };
    match change {
        Some(change) => {
            let changed = app.registry.update_job(&job.submission.job, &change, &admission::now()).await?;
            Ok(changed.unwrap_or(job))
        }
        None => Ok(job),
    }
}

/// What an execution that ended badly means for its job.
fn ending(execution: Execution) -> Option<JobChange> {
    let (status, name, cause) = match execution.status {
        Status::Running | Status::Succeeded => return None,
        Status::Aborted if execution.error.as_deref() == Some("Cancelled") => (JobStatus::Cancelled, "Cancelled", "the job was cancelled"),
        Status::Aborted => (JobStatus::Failed, "Aborted", "the execution was stopped from outside"),
        Status::TimedOut => (JobStatus::Failed, "States.Timeout", "the execution took longer than the state machine allows"),
        Status::Failed => (JobStatus::Failed, "States.Runtime", "the execution failed: its history says where"),
    };
    let error = execution.error.unwrap_or_else(|| name.to_owned());
    let failure = Failure { error, cause: execution.cause.unwrap_or_else(|| cause.to_owned()) };
    Some(JobChange { status: Some(status), failure: Some(failure), ..JobChange::default() })
}

/// The answer to a cancellation that found the job ended.
fn cancelled(job: JobRecord) -> Result<Json<JobView>, Problem> {
    match job.status {
        JobStatus::Cancelled => Ok(Json(job.into())),
        status => {
            let id = &job.submission.job;
            Err(Problem::conflict("job-ended", format!("job {id} has ended already: {}", status.as_str())))
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= MAX_KEY_CHARS => Ok(Some(key)),
        _ => Err(Problem::bad_request(format!("`Idempotency-Key` is 1 to {MAX_KEY_CHARS} visible ASCII characters"))),
    }
}

/// Refuses a job whose contract hashes values where nothing is known to salt them with: `ingest` would.
async fn check_salt(app: &App, dataset: &DatasetName) -> Result<(), Problem> {
    if app.config.has_salt {
        return Ok(());
    }
    // A dataset without a contract is refused by the admission, and a contract that can't be read by `ingest`.
    let Some(stored) = app.registry.contract(dataset, None).await? else { return Ok(()) };
    let hashed = Contract::parse(&stored.text).ok().and_then(|contract| contract.hashed().map(str::to_owned));
    match hashed {
        None => Ok(()),
        Some(field) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "salt-missing",
            "The contract hashes, and there is no salt",
            format!("`transform.mask` of {dataset} hashes `{field}`, and the stack's parameter `MaskSalt` is not set"),
        )),
    }
}

/// Finds what is wrong with a source before there is a job for it.
pub(crate) async fn check_source(app: &App, source: &SourceRef) -> Result<(), Problem> {
    let place = format!("s3://{}/{}", source.bucket, source.key);
    if source.key.is_empty() || source.key.ends_with('/') || source.bucket.is_empty() {
        return Err(Problem::invalid(
            "`source` names one object: a bucket (or none, for the inbox's), and a key that does not end with `/`",
        ));
    }
    match app.buckets.bucket(&source.bucket).head(&source.key, source.version.as_deref()).await {
        Ok(_) => Ok(()),
        Err(objects::Error::Missing(_)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "source-missing",
            "The source is not there",
            match &source.version {
                Some(version) => format!("{place} has no version {version}"),
                None => format!("{place} is not there"),
            },
        )),
        Err(objects::Error::Denied(reason)) => {
            warn!(reason, "a source can't be read");
            Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "source-forbidden",
                "The source can't be read",
                format!(
                    "{place}: the API's role lacks `s3:GetObject` for it (template parameter `SourceBucketArns`), or there is no such bucket"
                ),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_an_execution_ends_is_how_its_job_ends() {
        let ended = |status, error: Option<&str>| {
            let change = ending(Execution {
                arn: String::new(),
                status,
                started: String::new(),
                stopped: None,
                error: error.map(str::to_owned),
                cause: None,
                input: None,
            })?;
            Some((change.status?, change.failure?.error))
        };
        let named = |status, error: &str| Some((status, error.to_owned()));
        assert_eq!(ended(Status::Running, None), None);
        assert_eq!(ended(Status::Succeeded, None), None, "`store` has said so, or will");
        assert_eq!(ended(Status::Failed, Some("SchemaDrift")), named(JobStatus::Failed, "SchemaDrift"));
        assert_eq!(ended(Status::TimedOut, None), named(JobStatus::Failed, "States.Timeout"));
        assert_eq!(ended(Status::Aborted, None), named(JobStatus::Failed, "Aborted"));
        assert_eq!(ended(Status::Aborted, Some("Cancelled")), named(JobStatus::Cancelled, "Cancelled"));
    }
}
