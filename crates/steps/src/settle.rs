//! Brings a job that ended, in whatever way, to its final state.
//!
//! One piece of code does it for all: the state machine's `Abandon`, the event of an execution that
//! was stopped or timed out, a cancelled job, and the sweep that finds what no event told of. It
//! decides that nothing is committed, unless that is decided already, and acts on the decision that
//! stands.

use job::Error;
use job::bill::Item;
use job::decision::Decision;
use job::message::{Abandon, Caught, Failure, JobKeys, JobRef, Settled};
use registry::JobStatus;

use crate::spending::Meter;
use crate::{Context, announce, commit, decision, documents, undo};

/// Settles a job whose execution can't go on. `because` is recorded, unless the job was decided
/// before.
///
/// Done again, or at the same time as by others, it has the same outcome. Nothing of the job is
/// running any more, or it finds the decision and stops.
pub async fn settle(context: &Context, job: JobRef, because: Failure) -> Result<Settled, Error> {
    let (context, meter) = Meter::start(context, Item::Store);
    let keys = context.keys(&job.job);
    let outcome = end(&context, &keys, &job, because, &meter).await;
    if outcome.is_err() {
        meter.note(&context, &keys).await;
    }
    outcome
}

/// Settles a job of which a state of its execution failed.
pub async fn abandon(context: &Context, message: Abandon) -> Result<Settled, Error> {
    let Abandon { job, dataset, failure: caught } = message;
    let noted =
        documents::find::<Failure>(context.work().as_ref(), &context.keys(&job).failure()).await?;
    let because = match noted {
        // A Distributed Map tells only that some child failed; the child noted why.
        Some(noted) if caught.error.starts_with("States.") => noted,
        _ => explain(&caught),
    };
    settle(context, JobRef { job, dataset }, because).await
}

async fn end(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    because: Failure,
    meter: &Meter,
) -> Result<Settled, Error> {
    let outcome = match decision::decide(context.work().as_ref(), keys, Decision::NoCommit(because))
        .await?
    {
        Decision::Commit(start) => commit::finish(context, keys, job, start, None, meter).await?,
        Decision::NoCommit(because) => {
            undo::undo(context, keys, job, &because, meter).await?;
            Err(because)
        }
    };
    let status = match &outcome {
        Ok(_) => JobStatus::Succeeded,
        Err(because) => JobStatus::of_failure(&because.error),
    };
    let because = outcome.as_ref().err().cloned().unwrap_or(Failure::new("", ""));
    let settled = Settled {
        job: job.job.clone(),
        dataset: job.dataset.clone(),
        status: status.as_str().to_owned(),
        error: because.error,
        cause: because.cause,
        other: because.job,
        stored: outcome.ok(),
    };
    announce::announce(context, announce::ended(&settled)).await;
    Ok(settled)
}

/// The failure in what the state machine caught: for a Lambda the cause is a JSON object.
fn explain(caught: &Caught) -> Failure {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct LambdaError {
        error_message: String,
    }
    let cause = serde_json::from_str::<LambdaError>(&caught.cause)
        .map_or_else(|_| caught.cause.clone(), |error| error.error_message);
    Failure::new(&caught.error, cause)
}
