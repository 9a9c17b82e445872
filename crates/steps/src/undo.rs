//! Ends a job of which nothing becomes visible: what it left is cleared up, and the registry knows
//! why.

use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::bill::{Bill, Item};
use job::message::{Counts, Failure, JobKeys, JobRef};
use landing::commit::{Receipt, Tally};
use landing::merge::MergeReceipt;
use landing::plan::Plan;
use objects::Objects;
use registry::{JobChange, JobStatus};
use serde::de::DeserializeOwned;

use crate::context::now;
use crate::spending::Meter;
use crate::{Context, bill, claims, documents, pieces, sweep, verify};

/// Receipts that are read at once.
const CONCURRENT_READS: usize = 32;

/// Clears up and tells the registry. Done again it finishes what is left.
pub(crate) async fn undo(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    because: &Failure,
    meter: &Meter,
) -> Result<(), Error> {
    let work = context.work();
    let plan = documents::find::<Plan>(work.as_ref(), &keys.plan()).await?;
    let tally = documents::find::<Tally>(work.as_ref(), &keys.tally()).await?;
    let receipts = match (&plan, &tally) {
        (Some(plan), Some(tally)) => {
            claims::release(context, plan, tally).await?;
            let receipts = verify::tallied(work.as_ref(), keys, tally).await?;
            pieces::join(work.clone(), keys, plan, tally, &receipts).await?;
            receipts
        }
        // It was not verified: what there is of each shard.
        _ => last_rounds(all::<Receipt>(work.as_ref(), &keys.receipts_prefix()).await?),
    };
    sweep::uploads(context.lake().as_ref(), &context.dataset_prefix(&job.dataset), &job.job)
        .await?;
    sweep::uploads_beside(work.as_ref(), keys).await?;
    sweep::small_files(work.as_ref(), keys).await?;

    let (counts, mut bill) = read_and_spent(context, keys, plan.as_ref(), &receipts).await?;
    bill.add(Item::Store, meter.unreported());
    let change = JobChange {
        status: Some(JobStatus::of_failure(&because.error)),
        counts: Some(counts),
        failure: Some(because.clone()),
        bill: Some(bill),
        ..JobChange::default()
    };
    context.registry.update_job(&job.job, &change, &now()).await?;
    Ok(())
}

/// What a job that is not decided read so far, none of it visible, and what that cost.
pub(crate) async fn so_far(context: &Context, keys: &JobKeys) -> Result<(Counts, Bill), Error> {
    let work = context.work();
    let plan = documents::find::<Plan>(work.as_ref(), &keys.plan()).await?;
    let receipts = last_rounds(all::<Receipt>(work.as_ref(), &keys.receipts_prefix()).await?);
    read_and_spent(context, keys, plan.as_ref(), &receipts).await
}

async fn read_and_spent(
    context: &Context,
    keys: &JobKeys,
    plan: Option<&Plan>,
    receipts: &[Receipt],
) -> Result<(Counts, Bill), Error> {
    let merged = all::<MergeReceipt>(context.work().as_ref(), &keys.merged_prefix()).await?;
    let source_bytes = plan.map_or(0, |plan| plan.source_bytes);
    let bill = bill::so_far(context, keys, receipts, &merged, source_bytes).await?;
    let mut counts = Counts::default();
    receipts.iter().for_each(|receipt| counts += receipt.counts);
    Ok((Counts { stored: 0, ..counts }, bill))
}

/// All documents under a prefix.
async fn all<T: DeserializeOwned>(work: &dyn Objects, prefix: &str) -> Result<Vec<T>, Error> {
    let read = |key: String| async move { documents::read(work, &key).await };
    stream::iter(sweep::listed(work, prefix).await?)
        .map(read)
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
}

/// The receipt of the last round of each shard.
fn last_rounds(mut receipts: Vec<Receipt>) -> Vec<Receipt> {
    receipts.sort_by_key(|receipt| (receipt.shard, std::cmp::Reverse(receipt.round)));
    receipts.dedup_by_key(|receipt| receipt.shard);
    receipts
}
