//! What of a round is left to do: shards and merges that have a receipt are not begun again, when a
//! job is redriven or a step of it runs twice.

use std::collections::HashSet;

use job::Error;
use job::message::{JobKeys, MergeItem, MergeList, Shard, ShardList};
use objects::Put;

use crate::{Context, documents, sweep};

/// The shards of a round that have no receipt. All of them are listed under `key`.
pub(crate) async fn shards(
    context: &Context,
    keys: &JobKeys,
    round: u32,
    key: String,
    all: Vec<Shard>,
) -> Result<ShardList, Error> {
    let receipt = |shard: &Shard| keys.receipt(round, shard.index);
    let receipts = keys.round_prefix(round);
    let (left, key) = left(context, &receipts, receipt, all, key, keys.left(round)).await?;
    Ok(shard_list(context, key, &left))
}

/// The first `count` merges, as far as they have no receipt.
pub(crate) async fn merges(
    context: &Context,
    keys: &JobKeys,
    count: u32,
) -> Result<MergeList, Error> {
    let all: Vec<MergeItem> = (0..count).map(|index| MergeItem { index }).collect();
    if all.is_empty() {
        return Ok(merge_list(context, keys.merges(), &all));
    }
    documents::write(context.work().as_ref(), &keys.merges(), &all, Put::Overwrite).await?;
    let receipt = |merge: &MergeItem| keys.merged(merge.index);
    let receipts = keys.merged_prefix();
    let (left, key) =
        left(context, &receipts, receipt, all, keys.merges(), keys.merges_left()).await?;
    Ok(merge_list(context, key, &left))
}

/// How a list of shards is told to the state machine.
pub(crate) fn shard_list(context: &Context, key: String, shards: &[Shard]) -> ShardList {
    let only = if let [only] = shards { Some(only.clone()) } else { None };
    ShardList { count: shards.len() as u32, bucket: context.work.bucket.clone(), key, only }
}

/// How a list of merges is told to the state machine.
pub(crate) fn merge_list(context: &Context, key: String, merges: &[MergeItem]) -> MergeList {
    let only = if let [only] = merges { Some(*only) } else { None };
    MergeList { count: merges.len() as u32, bucket: context.work.bucket.clone(), key, only }
}

/// The items without a receipt, and where they are listed: under `all_key` if these are all.
///
/// What is left only grows less. So a list that is written late by an earlier run is right too.
async fn left<T: serde::Serialize + Send + Sync>(
    context: &Context,
    receipts: &str,
    receipt: impl Fn(&T) -> String,
    all: Vec<T>,
    all_key: String,
    left_key: String,
) -> Result<(Vec<T>, String), Error> {
    let work = context.work();
    let done: HashSet<String> = sweep::listed(work.as_ref(), receipts).await?.into_iter().collect();
    if done.is_empty() {
        return Ok((all, all_key));
    }
    let left: Vec<T> = all.into_iter().filter(|item| !done.contains(&receipt(item))).collect();
    documents::write(work.as_ref(), &left_key, &left, Put::Overwrite).await?;
    Ok((left, left_key))
}
