//! Brings a job that ended, in whatever way, to its final state.
//!
//! One piece of code does it for all: the state machine's `Abandon`, the event of an execution that
//! was stopped or timed out, a cancelled job, and the sweep that finds what no event told of. It
//! decides that nothing is committed, unless that is decided already or the job can be redriven, and
//! acts on the decision that stands.

use chrono::{DateTime, SecondsFormat, TimeDelta};
use job::Error;
use job::bill::Item;
use job::decision::Decision;
use job::message::{Abandon, Caught, ExecutionName, Failure, JobKeys, JobRef, Settled};
use registry::{JobChange, JobRecord, JobStatus};

use crate::context::now;
use crate::spending::Meter;
use crate::{Context, announce, commit, decision, documents, lineage, undo};

/// Settles a job whose execution can't go on: `execution`, if the job has one. `because` is
/// recorded, unless the job was decided before.
///
/// A job that failed for what may pass is not decided: what it wrote stays, and it can be redriven
/// until its time is over. Done again, or at the same time as by others, it has the same outcome.
pub async fn settle(
    context: &Context,
    job: JobRef,
    execution: Option<&ExecutionName>,
    because: Failure,
) -> Result<Settled, Error> {
    let (context, meter) = Meter::start(context, Item::Store);
    let keys = context.keys(&job.job);
    let outcome = end(&context, &keys, &job, execution, because, &meter).await;
    if outcome.is_err() {
        meter.note(&context, &keys).await;
    }
    outcome
}

/// Settles a job of which a state of its execution failed.
pub async fn abandon(context: &Context, message: Abandon) -> Result<Settled, Error> {
    let Abandon { job, dataset, failure: caught, execution } = message;
    let noted =
        documents::find::<Failure>(context.work().as_ref(), &context.keys(&job).failure()).await?;
    let because = match noted {
        // A Distributed Map tells only that some child failed; the child noted why.
        Some(noted) if caught.error.starts_with("States.") => noted,
        _ => explain(&caught),
    };
    // Whoever starts an execution by hand may call it as he likes.
    let execution = execution.as_deref().and_then(ExecutionName::parse);
    let execution = execution.filter(|name| *name.job_id() == job);
    settle(context, JobRef { job, dataset }, execution.as_ref(), because).await
}

async fn end(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    execution: Option<&ExecutionName>,
    because: Failure,
    meter: &Meter,
) -> Result<Settled, Error> {
    let work = context.work();
    let decision = match decision::find(work.as_ref(), keys).await? {
        Some(decision) => decision,
        None => match undecided(context, keys, job, execution, &because, meter).await? {
            Some(settled) => return Ok(settled),
            None => decision::decide(work.as_ref(), keys, Decision::NoCommit(because)).await?,
        },
    };
    let outcome = match decision {
        Decision::Commit(start) => commit::finish(context, keys, job, start, None, meter).await?,
        Decision::NoCommit(because) => {
            undo::undo(context, keys, job, &because, meter).await?;
            Err(because)
        }
    };
    let settled = match outcome {
        Ok(stored) => {
            let landed = ended(job, JobStatus::Succeeded, Failure::new("", ""));
            Settled { stored: Some(stored), ..landed }
        }
        Err(because) => ended(job, JobStatus::of_failure(&because.error), because),
    };
    announce::announce(context, announce::ended(&settled)).await;
    lineage::ended(context, &settled).await;
    Ok(settled)
}

fn ended(job: &JobRef, status: JobStatus, because: Failure) -> Settled {
    Settled {
        job: job.job.clone(),
        dataset: job.dataset.clone(),
        status: status.as_str().to_owned(),
        error: because.error,
        cause: because.cause,
        other: because.job,
        redrivable_until: None,
        stored: None,
    }
}

/// Leaves a job undecided that can be redriven, or that has been: what became of it. `None`: it is
/// to be decided.
async fn undecided(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    execution: Option<&ExecutionName>,
    because: &Failure,
    meter: &Meter,
) -> Result<Option<Settled>, Error> {
    let Some(record) = context.registry.job(&job.job).await? else { return Ok(None) };
    let failed = ended(job, JobStatus::Failed, because.clone());
    if execution.is_some_and(|name| name.redrives() < record.redrives) {
        // The job goes on in a later execution, and that one settles it.
        return Ok(Some(failed));
    }
    let Some(until) = redrivable_until(context, &record, because) else { return Ok(None) };
    meter.note(context, keys).await;
    let (counts, bill) = undo::so_far(context, keys).await?;
    let change = JobChange {
        redrives: Some(record.redrives),
        status: Some(JobStatus::Failed),
        redrivable_until: Some(until.clone()),
        counts: Some(counts),
        failure: Some(because.clone()),
        bill: Some(bill),
        ..JobChange::default()
    };
    let after = context.registry.update_job(&job.job, &change, &now()).await?;
    if after.is_some_and(|after| after.redrives > record.redrives) {
        return Ok(Some(failed));
    }
    // Whoever decided it meanwhile may have found it running, and left it to this execution.
    if decision::find(context.work().as_ref(), keys).await?.is_some() {
        return Ok(None);
    }
    let settled = Settled { redrivable_until: Some(until), ..failed };
    announce::announce(context, announce::ended(&settled)).await;
    lineage::ended(context, &settled).await;
    Ok(Some(settled))
}

/// Until when a job can be redriven that fails now; `None`: it can't.
fn redrivable_until(context: &Context, record: &JobRecord, because: &Failure) -> Option<String> {
    let seconds = context.settings.redrive_seconds.filter(|_| because.may_pass())?;
    let admitted = DateTime::parse_from_rfc3339(&record.created).ok()?.to_utc();
    let until = admitted.checked_add_signed(TimeDelta::seconds(seconds.into()))?;
    let until = until.to_rfc3339_opts(SecondsFormat::Millis, true);
    (now() < until).then_some(until)
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
