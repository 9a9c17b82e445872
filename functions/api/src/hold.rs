//! Answers jobs that wait for approval, and shows what approving one would change.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use executions::Failure;
use job::decision::Decision;
use job::hold::{Answer, Hold};
use job::message::{self, JobId, JobKeys};
use landing::hold::Changes;
use registry::{JobChange, JobRecord, JobStatus};
use tracing::info;

use crate::caller::Caller;
use crate::extract::{Job, Named};
use crate::jobs::decide;
use crate::problem::{Kind, Problem};
use crate::results::nothing_there;
use crate::view::JobView;
use crate::{App, schema};

/// Most bytes of the changes of a job: those of 20,000 columns.
const CHANGES_BYTES: u64 = 5 * 1024 * 1024;

/// Approves a held job: it commits. Of one that is approved already it is a success.
#[utoipa::path(
    post,
    path = "/jobs/{id}/approve",
    tag = "jobs",
    params(Job),
    responses((status = 200, description = "The job.", body = JobView)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NotHeld])))
)]
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Json<JobView>, Problem> {
    let job = caller.find(&app, &id).await?;
    let hold = held(&job)?;
    answer(&app, job, hold, Answer::Approved, Ok(())).await
}

/// Refuses a held job: nothing of it becomes visible. Of one that is refused already it is a
/// success.
#[utoipa::path(
    post,
    path = "/jobs/{id}/refuse",
    tag = "jobs",
    params(Job),
    responses((status = 200, description = "The job.", body = JobView)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NotHeld, Kind::TooLate])))
)]
pub(crate) async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Json<JobView>, Problem> {
    let job = caller.find(&app, &id).await?;
    let hold = held(&job)?;
    let (error, cause) = ("HoldRefused", "refused through the API");
    // Whatever becomes of the execution, nothing of the job is committed from here on.
    let decision = Decision::NoCommit(message::Failure::new(error, cause));
    if let Decision::Commit(_) = decide(app.work().as_ref(), &id, decision).await? {
        let detail = format!("job {id} is approved already, and lands");
        return Err(Problem::new(Kind::TooLate, detail).of_job(&id));
    }
    let failure = Failure { error: error.to_owned(), cause: cause.to_owned() };
    answer(&app, job, hold, Answer::Refused, Err(failure)).await
}

/// Shows what approving a held job would change: rows, files, and the nulls of each column beside
/// those of the last commit.
#[utoipa::path(
    get,
    path = "/jobs/{id}/changes",
    tag = "jobs",
    params(Job),
    responses((status = 200, description = "What it would change.", body = schema::Changes)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoChanges])))
)]
pub(crate) async fn changes(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Json<Changes>, Problem> {
    let job = caller.find(&app, &id).await?;
    match app.work().read(&JobKeys::new("", &id).changes(), CHANGES_BYTES).await {
        Ok(json) => {
            let changes: Changes =
                serde_json::from_slice(&json).map_err(|error| Problem::internal(&error))?;
            Ok(Json(changes))
        }
        Err(objects::Error::Missing(_)) => Err(nothing_there(Kind::NoChanges, "changes", &job)),
        Err(error) => Err(error.into()),
    }
}

/// The hold of a job that is held.
fn held(job: &JobRecord) -> Result<Hold, Problem> {
    match &job.hold {
        Some(hold) if job.status == JobStatus::Held => Ok(hold.clone()),
        _ => Err(not_held(job)),
    }
}

fn not_held(job: &JobRecord) -> Problem {
    let id = &job.submission.job;
    let detail = format!("job {id} does not wait for approval: it is {}", job.status.as_str());
    Problem::new(Kind::NotHeld, detail).of_job(id)
}

/// Tells the execution first: it takes one answer, and that is the one that is noted.
async fn answer(
    app: &App,
    job: JobRecord,
    hold: Hold,
    answer: Answer,
    outcome: Result<(), Failure>,
) -> Result<Json<JobView>, Problem> {
    let id = job.submission.job.clone();
    match app.executions.answer(&hold.token, outcome).await {
        Ok(()) => {
            info!(job = %id, ?answer, "answered");
            let hold = Some(Hold { answer: Some(answer), ..hold });
            let change = JobChange { hold, ..JobChange::default() };
            let changed = app.registry.update_job(&id, &change, &admission::now()).await?;
            Ok(Json(changed.unwrap_or(job).into()))
        }
        Err(executions::Error::Missing(_)) => {
            let now = app.registry.job(&id).await?.unwrap_or(job);
            match now.hold.as_ref().and_then(|hold| hold.answer) {
                Some(given) if given == answer => Ok(Json(now.into())),
                _ => Err(not_held(&now)),
            }
        }
        Err(error) => Err(error.into()),
    }
}
