//! Jobs: submitted, listed, looked at, cancelled.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta};
use job::bill::Dollars;
use job::decision::Decision;
use job::hold::CommitMode;
use job::message::{Failure, JobId, JobKeys, Landed, Unreadable};
use job::{DatasetName, Label, Labels};
use landing::plan::LEAST_ASKED_SHARD_BYTES;
use objects::{Objects, Put};
use registry::{JobChange, JobFilter, JobRecord, JobStatus};
use serde::Deserialize;
use tracing::info;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::caller::Caller;
use crate::extract::{Asked, Body, Job, Named, page_length};
use crate::problem::{Kind, Problem};
use crate::source::{Source, see_all};
use crate::view::{JobView, Jobs};
use crate::{App, dry_run, replay, schema};

/// Jobs of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (20, 100);
/// The header that makes a repeated submission the same job.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Most bytes of a decision: a few hundred, and a cause.
pub(crate) const DECISION_BYTES: u64 = 256 * 1024;
/// Most bytes of a shard that a request may ask for: 1 TiB, far more than a function reads in its
/// time.
const MOST_SHARD_BYTES: u64 = 1 << 40;
/// Most characters of that header.
const MAX_KEY_CHARS: usize = 255;

/// What to land.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Submit, example = json!({
    "dataset": "flights", "source": {"key": "staged/flights/june.csv"}, "maxCost": 0.05,
    "labels": {"team": "ops"},
}))]
pub(crate) struct Submitted {
    /// Whose contract, in its newest version.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]{0,62}$")]
    pub(crate) dataset: DatasetName,
    pub(crate) source: Source,
    /// Lands the file even if the same bytes, or a newer version, are there already.
    #[serde(default)]
    pub(crate) force: bool,
    /// What becomes of the source when something of it is in the dataset already.
    #[serde(default)]
    #[schema(value_type = schema::Landed, required = false)]
    pub(crate) landed: Landed,
    /// What becomes of those of many objects that are missing, damaged, no CSV, or do not match the
    /// contract.
    #[serde(default)]
    #[schema(value_type = schema::Unreadable, required = false)]
    pub(crate) unreadable: Unreadable,
    /// Whether the job waits for approval before it commits.
    #[serde(default)]
    #[schema(value_type = schema::CommitMode, required = false)]
    pub(crate) commit: CommitMode,
    /// Bytes of a shard; without it, what the deployment says.
    #[schema(minimum = 65536, maximum = 1099511627776_u64)]
    pub(crate) shard_bytes: Option<u64>,
    /// In USD: a job that is estimated to cost more ends before anything is begun.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1000000)]
    pub(crate) max_cost: Option<Dollars>,
    #[serde(default)]
    #[schema(schema_with = schema::labels, required = false)]
    pub(crate) labels: Labels,
    /// Answers what the job is going to be, and does nothing of it: plan, estimate, and what would
    /// become of the first records.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The contract that a dry run goes by, in YAML or JSON; without it, the dataset's newest one.
    pub(crate) contract: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Of this dataset.
    #[param(value_type = Option<String>, pattern = "^[a-z][a-z0-9_]{0,62}$")]
    dataset: Option<DatasetName>,
    /// In this status.
    #[param(value_type = Option<schema::Status>)]
    status: Option<JobStatus>,
    /// With this label, as `key:value`.
    #[param(
        pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}:[^\\x00-\\x1f\\x7f-\\x9f]{1,127}$",
        example = "team:ops"
    )]
    label: Option<String>,
    /// Admitted at this moment or later, in RFC 3339.
    #[param(format = DateTime, example = "2026-01-31T12:00:00Z")]
    created_after: Option<String>,
    /// Admitted before this moment, in RFC 3339.
    #[param(format = DateTime, example = "2026-02-01T00:00:00Z")]
    created_before: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Entries of the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Submits a job. A repeat is answered with the same job.
#[utoipa::path(
    post,
    path = "/jobs",
    tag = "jobs",
    params(
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[ -~]+$",
            description = "Makes a repeat the same job.")
    ),
    request_body = Submitted,
    responses(
        (status = 202, description = "The job.", body = JobView, headers(("Location" = String, description = "The path of the job."))),
        (status = 200, description = "Of a dry run, what the job is going to be.", body = schema::Outlook),
    ),
    extensions(("x-problems" = json!([
        Kind::NoSuchDataset, Kind::ContractInvalid, Kind::IdempotencyKeyReused, Kind::Invalid,
        Kind::SourceMissing, Kind::SourceForbidden, Kind::SaltMissing,
    ])))
)]
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(asked): Body<Submitted>,
) -> Result<Response, Problem> {
    admit(&app, &caller, &headers, asked).await
}

/// Checks what is asked for, and admits the job.
pub(crate) async fn admit(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    asked: Submitted,
) -> Result<Response, Problem> {
    caller.check(&asked.dataset)?;
    const SHARD_BYTES: RangeInclusive<u64> = LEAST_ASKED_SHARD_BYTES..=MOST_SHARD_BYTES;
    if asked.shard_bytes.is_some_and(|bytes| !SHARD_BYTES.contains(&bytes)) {
        return Err(Problem::invalid(format!(
            "`shardBytes` is a number of bytes from {LEAST_ASKED_SHARD_BYTES} (64 KiB) to {MOST_SHARD_BYTES} (1 TiB)"
        ))
        .of_field("shardBytes"));
    }
    if asked.force && asked.landed == Landed::Refuse {
        return Err(Problem::invalid(
            "`landed: refuse` does not go with `force`, which lands again what landed before; leave one of them out",
        )
        .of_field("landed"));
    }
    dry_run::check(app, caller, &asked.dataset, asked.contract.as_deref(), asked.dry_run)?;
    let Id { job, is_known } = Id::of(app, &asked.dataset, headers).await?;
    let source = asked.source.clone().resolve(app);
    // A repeat is the job that there is, whatever has become of its source.
    let seen = match is_known {
        true => None,
        false => {
            let seen = see_all(app, caller, &source).await?;
            if asked.contract.is_none() {
                check_salt(app, &asked.dataset).await?;
            }
            Some(seen)
        }
    };
    let Submitted {
        dataset,
        force,
        landed,
        unreadable,
        commit,
        dry_run,
        shard_bytes,
        max_cost,
        labels,
        contract,
        ..
    } = asked;
    let request = admission::Request {
        job,
        dataset,
        source,
        seen,
        replay: None,
        force,
        landed,
        unreadable,
        commit,
        shard_bytes,
        max_cost,
        labels,
    };
    if dry_run {
        caller.check_data()?;
        let submission = request.submission(1);
        return Ok(dry_run::look(app, caller, &submission, contract, None).await?.into_response());
    }
    start(app, caller, request).await
}

/// The id of a job that is asked for.
pub(crate) struct Id {
    pub(crate) job: JobId,
    /// Whether it was asked for before.
    pub(crate) is_known: bool,
}

impl Id {
    /// That of a request: a repeat has the same.
    pub(crate) async fn of(
        app: &App,
        dataset: &DatasetName,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        match idempotency_key(headers)? {
            Some(key) => {
                let job = JobId::of_idempotency_key(dataset, key);
                let is_known = app.registry.job(&job).await?.is_some();
                Ok(Self { job, is_known })
            }
            None => JobId::parse(&format!("job-{}", Uuid::new_v4()))
                .map(|job| Self { job, is_known: false })
                .map_err(|error| Problem::internal(&error)),
        }
    }
}

/// Admits a job and shows it.
pub(crate) async fn start(
    app: &App,
    caller: &Caller,
    request: admission::Request,
) -> Result<Response, Problem> {
    let admitted = admission::admit(
        app.registry.as_ref(),
        app.executions.as_ref(),
        request,
        &admission::now(),
    )
    .await?;
    let id = &admitted.job.submission.job;
    caller.subject.of_job(id);
    info!(job = %id, dataset = %admitted.job.submission.dataset, new = admitted.new, "submitted");
    let location = format!("/jobs/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(JobView::from(admitted.job)))
        .into_response())
}

/// Lists jobs, newest first.
#[utoipa::path(
    get,
    path = "/jobs",
    tag = "jobs",
    operation_id = "list_jobs",
    params(Listing),
    responses((status = 200, description = "A page.", body = Jobs))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Jobs>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let label = asked.label.as_deref().map(str::parse::<Label>).transpose();
    let filter = JobFilter {
        dataset: asked.dataset,
        among: caller.datasets,
        status: asked.status,
        label: label.map_err(|why| Problem::bad_request(why).of_field("label"))?,
        from: asked.created_after.map(|at| moment(&at, "createdAfter")).transpose()?,
        until: asked.created_before.map(|at| moment(&at, "createdBefore")).transpose()?,
    };
    let page = app.registry.jobs(&filter, asked.after.as_deref(), limit).await?;
    Ok(Json(Jobs { items: page.items.into_iter().map(JobView::from).collect(), next: page.next }))
}

/// Shows a job.
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    tag = "jobs",
    operation_id = "get_job",
    params(Job),
    responses((status = 200, description = "The job.", body = JobView)),
    extensions(("x-problems" = json!([Kind::NoSuchJob])))
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Json<JobView>, Problem> {
    let job = caller.find(&app, &id).await?;
    let rejects = replay::left(&app, &job).await?;
    Ok(Json(JobView::from(job).with_rejects(rejects)))
}

/// Cancels a job: nothing of it becomes visible. Of a cancelled job it is a success. One that failed
/// and can be redriven is given up.
///
/// The job is decided here, unless it is decided already; what it leaves is cleared up when its
/// execution has stopped, and until then it is `CANCELLING`.
#[utoipa::path(
    post,
    path = "/jobs/{id}/cancel",
    tag = "jobs",
    params(Job),
    responses((status = 200, description = "The job.", body = JobView)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::TooLate, Kind::JobEnded])))
)]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Json<JobView>, Problem> {
    let job = caller.find(&app, &id).await?;
    if job.is_over() {
        return cancelled(job);
    }
    let failure = Failure::new("Cancelled", "cancelled through the API");
    match decide(app.work().as_ref(), &id, Decision::NoCommit(failure)).await? {
        Decision::Commit(_) => {
            return Err(Problem::new(
                Kind::TooLate,
                format!("job {id} is decided to commit: it lands"),
            )
            .of_job(&id));
        }
        Decision::NoCommit(because) if because.error != "Cancelled" => {
            return Err(Problem::new(
                Kind::JobEnded,
                format!("job {id} is ending already: {}", because.error),
            )
            .of_job(&id));
        }
        Decision::NoCommit(_) => {}
    }
    let now = admission::now();
    let (registry, executions) = (app.registry.as_ref(), app.executions.as_ref());
    if job.status.is_terminal() {
        // It failed and waited to be redriven: its next execution finds the decision and settles
        // it.
        info!(job = %id, "cancelled");
        let job =
            admission::redrive(registry, executions, job, JobStatus::Cancelling, &now).await?;
        return Ok(Json(job.into()));
    }
    let change = JobChange { status: Some(JobStatus::Cancelling), ..JobChange::default() };
    let job = app.registry.update_job(&id, &change, &now).await?.unwrap_or(job);
    info!(job = %id, "cancelled");
    match app.executions.stop(&execution_of(&app, &job), "cancelled through the API").await {
        Ok(()) => Ok(Json(job.into())),
        // Its execution, which is started now, finds the decision and settles the job.
        Err(executions::Error::Missing(_)) => {
            Ok(Json(admission::start(registry, executions, job, &now).await?.into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Decides a job, unless that was done before. The answer is the decision that stands.
pub(crate) async fn decide(
    work: &dyn Objects,
    job: &JobId,
    decision: Decision,
) -> Result<Decision, Problem> {
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

/// The ARN of a job's execution, which may not have been recorded, or not been started.
pub(crate) fn execution_of(app: &App, job: &JobRecord) -> String {
    job.execution.clone().unwrap_or_else(|| app.executions.arn(&job.execution_name()))
}

/// The answer to a cancellation that found the job ended.
fn cancelled(job: JobRecord) -> Result<Json<JobView>, Problem> {
    match job.status {
        JobStatus::Cancelled => Ok(Json(job.into())),
        status => {
            let id = &job.submission.job;
            Err(Problem::new(
                Kind::JobEnded,
                format!("job {id} has ended already: {}", status.as_str()),
            )
            .of_job(id))
        }
    }
}

/// A moment as the registry writes it. It counts milliseconds: what lies between two of them is
/// the later one, as nothing happens between them.
fn moment(text: &str, field: &str) -> Result<String, Problem> {
    let parsed = DateTime::parse_from_rfc3339(text).ok().and_then(|moment| {
        let beyond = moment.timestamp_subsec_nanos() % 1_000_000;
        let rest = if beyond == 0 { 0 } else { 1_000_000 - beyond };
        moment.to_utc().checked_add_signed(TimeDelta::nanoseconds(rest.into()))
    });
    match parsed.filter(|moment| (0..=9999).contains(&moment.year())) {
        Some(moment) => Ok(moment.to_rfc3339_opts(SecondsFormat::Millis, true)),
        None => Err(Problem::bad_request(format!(
            "`{field}` is a moment in RFC 3339, such as 2026-01-31T12:00:00Z"
        ))
        .of_field(field)),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        // A tab is text to HTTP.
        Ok(key) if (1..=MAX_KEY_CHARS).contains(&key.len()) && !key.contains('\t') => Ok(Some(key)),
        _ => Err(Problem::bad_request(format!(
            "`Idempotency-Key` is 1 to {MAX_KEY_CHARS} visible ASCII characters"
        ))
        .of_field("Idempotency-Key")),
    }
}

/// Refuses a job whose contract hashes values where nothing is known to salt them with: `ingest`
/// would.
pub(crate) async fn check_salt(app: &App, dataset: &DatasetName) -> Result<(), Problem> {
    if app.config.has_salt {
        return Ok(());
    }
    // A dataset without a contract is refused by the admission.
    let Some(stored) = app.registry.contract(dataset, None).await? else { return Ok(()) };
    match stored.intake.hashed {
        None => Ok(()),
        Some(field) => Err(Problem::new(
            Kind::SaltMissing,
            format!(
                "`transform.mask` of {dataset} hashes `{field}`, and the stack's parameter `MaskSaltArn` is not set"
            ),
        )),
    }
}
