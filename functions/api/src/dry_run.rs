//! Tells what a job is going to be, and does nothing of it.

use axum::Json;
use bytes::Bytes;
use job::DatasetName;
use job::message::Submission;
use job::sources::REFERENCE_PREFIX;
use steps::{DryReplay, DryRun, Outlook, Place, Salt};
use uuid::Uuid;

use crate::App;
use crate::caller::Caller;
use crate::datasets::{self, no_dataset};
use crate::problem::Problem;

/// Bytes whose records are tried.
const SAMPLE_BYTES: u64 = 1024 * 1024;

/// Refuses a contract that is not valid, or that comes with a job which is not only tried.
pub(crate) fn check(
    app: &App,
    caller: &Caller,
    dataset: &DatasetName,
    contract: Option<&str>,
    is_dry: bool,
) -> Result<(), Problem> {
    let Some(text) = contract else { return Ok(()) };
    if !is_dry {
        return Err(Problem::invalid(
            "`contract` goes with `dryRun` alone: a job lands by the contract that is registered",
        )
        .of_field("contract"));
    }
    datasets::read(app, caller, dataset, text)?.map_err(Problem::faults)?;
    Ok(())
}

/// Plans a job by a contract, or by the newest one of its dataset, and tries the first records.
/// Those of a replay are the mended ones that came with the request, if some did.
pub(crate) async fn look(
    app: &App,
    caller: &Caller,
    submission: &Submission,
    contract: Option<String>,
    mended: Option<Bytes>,
) -> Result<Json<Outlook>, Problem> {
    let contract = match contract {
        Some(text) => text,
        None => {
            let newest = app.registry.contract(&submission.dataset, None).await?;
            newest.ok_or_else(|| no_dataset(&submission.dataset))?.text
        }
    };
    let replay = submission.replay.as_ref().map(|_| DryReplay {
        registry: app.registry.clone(),
        work: Place { bucket: app.config.work_bucket.clone(), prefix: String::new() },
        mended,
    });
    let inbox = app.config.inbox_bucket.clone();
    let dry_run = DryRun {
        buckets: app.buckets.clone(),
        references: Place { bucket: inbox, prefix: REFERENCE_PREFIX.to_owned() },
        sources: caller.sources(app),
        // Nothing of it is kept, so any salt will do.
        salt: Salt::parse(&Uuid::new_v4().to_string()).ok(),
        sample_bytes: SAMPLE_BYTES,
        replay,
    };
    let outlook = dry_run.run(submission, &contract).await;
    outlook.map(Json).map_err(|error| match error.is_transient() {
        true => Problem::unavailable(&error),
        false => Problem::internal(&error),
    })
}
