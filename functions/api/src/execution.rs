//! The state machine's own view of a job.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use executions::Inspection;
use job::message::JobId;

use crate::caller::Caller;
use crate::extract::{Job, Named};
use crate::jobs::execution_of;
use crate::problem::{Kind, Problem};
use crate::{App, schema};

/// Shows what the execution of a job did: its states with times and attempts, and its map runs.
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
    Ok(Json(Inspection { job: id.to_string(), execution, history }))
}
