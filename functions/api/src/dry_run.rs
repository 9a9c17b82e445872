//! Tells what a job is going to be, and does nothing of it.

use axum::Json;
use job::message::Submission;
use job::sources::REFERENCE_PREFIX;
use steps::{DryRun, Outlook, Place, Salt};
use uuid::Uuid;

use crate::App;
use crate::caller::Caller;
use crate::datasets::no_dataset;
use crate::problem::Problem;

/// Bytes whose records are tried.
const SAMPLE_BYTES: u64 = 1024 * 1024;

/// Plans a job by a contract, or by the newest one of its dataset, and tries the first records.
pub(crate) async fn look(
    app: &App,
    caller: &Caller,
    submission: &Submission,
    contract: Option<String>,
) -> Result<Json<Outlook>, Problem> {
    let contract = match contract {
        Some(text) => text,
        None => {
            let newest = app.registry.contract(&submission.dataset, None).await?;
            newest.ok_or_else(|| no_dataset(&submission.dataset))?.text
        }
    };
    let inbox = app.config.inbox_bucket.clone();
    let dry_run = DryRun {
        buckets: app.buckets.clone(),
        references: Place { bucket: inbox, prefix: REFERENCE_PREFIX.to_owned() },
        sources: caller.sources(app),
        // Nothing of it is kept, so any salt will do.
        salt: Salt::parse(&Uuid::new_v4().to_string()).ok(),
        sample_bytes: SAMPLE_BYTES,
    };
    let outlook = dry_run.run(submission, &contract).await;
    outlook.map(Json).map_err(|error| match error.is_transient() {
        true => Problem::unavailable(&error),
        false => Problem::internal(&error),
    })
}
