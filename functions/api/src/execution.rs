//! The state machine's own view of a job.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use executions::Inspection;
use job::message::JobId;

use crate::extract::Named;
use crate::jobs::{execution_of, find};
use crate::{App, Problem};

/// `GET /jobs/{id}/execution`: states in order with times and attempts, map runs with counts, the
/// failure with its cause.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
) -> Result<Json<Inspection>, Problem> {
    let job = find(&app, &id).await?;
    let arn = execution_of(&app, &job);
    let missing = |error| match error {
        executions::Error::Missing(_) => Problem::missing(
            "no-such-execution",
            format!("job {id} has no execution: not started yet, or forgotten"),
        ),
        other => other.into(),
    };
    let execution = app.executions.describe(&arn).await.map_err(missing)?;
    let history = app.executions.history(&arn).await.map_err(missing)?;
    Ok(Json(Inspection { job: id.to_string(), execution, history }))
}
