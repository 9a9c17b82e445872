//! Ends a job that failed: nothing of it is visible, and the reason is kept.

use landing::Error;
use landing::commit::{Receipt, Tally};
use landing::message::{Abandon, Caught, Failure, JobKeys, JobRef, Shard};
use landing::plan::Plan;
use registry::{JobChange, JobStatus};

use crate::context::now;
use crate::store::{contents, delete_replaced, find_commit, note_success, sweep, take_back};
use crate::{Context, documents, pieces, verify};

/// Abandons a job and answers why it failed. A job that is committed already stays so: what failed was only what comes after.
pub async fn abandon(context: &Context, message: Abandon) -> Result<Failure, Error> {
    let Abandon { job, dataset, failure: caught } = &message;
    let reference = JobRef { job: job.clone(), dataset: dataset.clone() };
    let (work, keys) = (context.work(), context.keys(job));
    let failure = match documents::find::<Failure>(work.as_ref(), &keys.failure()).await? {
        // A Distributed Map tells only that some child failed; the child noted why.
        Some(noted) if caught.error.starts_with("States.") => noted,
        _ => explain(caught),
    };
    if let Some(commit) = find_commit(context, &keys, &reference).await? {
        delete_replaced(&context.lake(), &commit).await?;
        note_success(context, &commit).await?;
        return Ok(failure);
    }
    let mut change = JobChange { failure: Some(failure.clone()), ..JobChange::default() };
    if let Some(plan) = documents::find::<Plan>(work.as_ref(), &keys.plan()).await?
        && let Some(tally) = documents::find::<Tally>(work.as_ref(), &keys.tally()).await?
    {
        let receipts = verify::tallied(work.as_ref(), &keys, &tally).await?;
        context.registry.release(dataset, &contents(&plan, &tally), job).await?;
        take_back(context, &receipts).await?;
        pieces::join(work.clone(), &keys, &plan, &tally, &receipts).await?;
        change.counts = Some(landing::message::Counts { stored: 0, ..tally.counts });
    } else {
        abort_receipts(context, &keys).await?;
    }
    sweep(context.lake().as_ref(), &context.dataset_prefix(dataset), job).await;
    change.status = Some(if failure.error == "Cancelled" { JobStatus::Cancelled } else { JobStatus::Failed });
    context.registry.update_job(job, &change, &now()).await?;
    Ok(failure)
}

/// The failure in what the state machine caught: for a Lambda the cause is a JSON object.
fn explain(caught: &Caught) -> Failure {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct LambdaError {
        error_message: String,
    }
    let cause = serde_json::from_str::<LambdaError>(&caught.cause).map_or_else(|_| caught.cause.clone(), |error| error.error_message);
    Failure { error: caught.error.clone(), cause }
}

/// Aborts the uploads of the shards that had come to an end.
async fn abort_receipts(context: &Context, keys: &JobKeys) -> Result<(), Error> {
    let (work, lake) = (context.work(), context.lake());
    for (list, round) in [(keys.shards(), 1), (keys.again(2), 2), (keys.again(3), 3)] {
        for shard in documents::find::<Vec<Shard>>(work.as_ref(), &list).await?.unwrap_or_default() {
            let receipt = documents::find::<Receipt>(work.as_ref(), &keys.receipt(round, shard.index)).await?;
            for file in receipt.iter().flat_map(|receipt| &receipt.files) {
                lake.abort_upload(&file.key, &file.upload).await?;
            }
        }
    }
    Ok(())
}
