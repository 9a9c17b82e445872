//! Ends a job that failed: nothing of it is visible, and the reason is kept.

use landing::Error;
use landing::bill::Item;
use landing::commit::{Receipt, Tally};
use landing::message::{Abandon, Caught, Failure, JobKeys, JobRef, Shard};
use landing::plan::Plan;
use registry::{JobChange, JobStatus};

use crate::context::now;
use crate::spending::Meter;
use crate::store::{all_files, contents, delete_replaced, find_commit, note_success, sweep, sweep_merged, sweep_small, take_back};
use crate::{Context, bill, documents, merge, pieces, verify};

/// Abandons a job and answers why it failed. A job that is committed already stays so: what failed was only what comes after.
pub async fn abandon(context: &Context, message: Abandon) -> Result<Failure, Error> {
    let (context, meter) = Meter::start(context, Item::Store);
    let keys = context.keys(&message.job);
    let outcome = end(&context, &keys, message, &meter).await;
    if outcome.is_err() {
        meter.note(&context, &keys).await;
    }
    outcome
}

async fn end(context: &Context, keys: &JobKeys, message: Abandon, meter: &Meter) -> Result<Failure, Error> {
    let Abandon { job, dataset, failure: caught } = &message;
    let reference = JobRef { job: job.clone(), dataset: dataset.clone() };
    let work = context.work();
    let failure = match documents::find::<Failure>(work.as_ref(), &keys.failure()).await? {
        // A Distributed Map tells only that some child failed; the child noted why.
        Some(noted) if caught.error.starts_with("States.") => noted,
        _ => explain(caught),
    };
    if let Some(commit) = find_commit(context, keys, &reference).await? {
        delete_replaced(&context.lake(), &commit).await?;
        note_success(context, &commit, &[], meter).await?;
        sweep_merged(work.as_ref(), keys, &commit).await;
        return Ok(failure);
    }
    let mut change = JobChange { failure: Some(failure.clone()), ..JobChange::default() };
    let plan = documents::find::<Plan>(work.as_ref(), &keys.plan()).await?;
    let mut merged = Vec::new();
    let receipts = if let Some(plan) = &plan
        && let Some(tally) = documents::find::<Tally>(work.as_ref(), &keys.tally()).await?
    {
        let receipts = verify::tallied(work.as_ref(), keys, &tally).await?;
        context.registry.release(dataset, &contents(plan, &tally), job).await?;
        merged = merge::receipts(work.as_ref(), keys, &tally).await?;
        take_back(context, &all_files(&receipts, &merged)).await?;
        pieces::join(work.clone(), keys, plan, &tally, &receipts).await?;
        change.counts = Some(landing::message::Counts { stored: 0, ..tally.counts });
        receipts
    } else {
        abort_receipts(context, keys).await?
    };
    if plan.as_ref().is_some_and(|plan| plan.shards > 1) {
        sweep_small(work.as_ref(), keys).await;
    }
    let mut bill = bill::so_far(context, keys, &receipts, &merged, plan.map_or(0, |plan| plan.source_bytes)).await?;
    sweep(context.lake().as_ref(), &context.dataset_prefix(dataset), job).await;
    change.status = Some(if failure.error == "Cancelled" { JobStatus::Cancelled } else { JobStatus::Failed });
    bill.add(Item::Store, meter.tell());
    change.bill = Some(bill);
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

/// Aborts the uploads of the shards that had come to an end; their receipts.
async fn abort_receipts(context: &Context, keys: &JobKeys) -> Result<Vec<Receipt>, Error> {
    let mut receipts = Vec::new();
    let (work, lake) = (context.work(), context.lake());
    for (list, round) in [(keys.shards(), 1), (keys.again(2), 2), (keys.again(3), 3)] {
        for shard in documents::find::<Vec<Shard>>(work.as_ref(), &list).await?.unwrap_or_default() {
            let receipt = documents::find::<Receipt>(work.as_ref(), &keys.receipt(round, shard.index)).await?;
            for file in receipt.iter().flat_map(|receipt| &receipt.files) {
                lake.abort_upload(&file.key, &file.upload).await?;
            }
            receipts.extend(receipt);
        }
    }
    Ok(receipts)
}
