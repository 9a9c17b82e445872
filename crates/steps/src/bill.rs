//! Adds up what the invocations of a job used.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::bill::{Bill, Item, Spent, Usage};
use job::message::{JobKeys, ShardRound};
use landing::commit::Receipt;
use landing::merge::MergeReceipt;

use crate::rounds::Rounds;
use crate::spending::{basis, name_of, name_of_merge};
use crate::{Context, documents, sweep};

/// Documents that are read at once.
const CONCURRENT_READS: usize = 32;
/// Most documents that are added up: so many failed attempts of a job are a bill of their own.
const MOST_DOCUMENTS: usize = 20_000;

/// The bill of a job, so far: of the shards and merges with these receipts, of the shards that they
/// replaced, and of all invocations that left a document.
pub(crate) async fn so_far(
    context: &Context,
    keys: &JobKeys,
    receipts: &[Receipt],
    merged: &[MergeReceipt],
    source_bytes: u64,
) -> Result<Bill, Error> {
    let work = context.work();
    let mut used: BTreeMap<String, (Item, Usage)> = BTreeMap::new();
    let mut take = |receipt: &Receipt| {
        let usage = receipt.spent.unwrap_or_default();
        used.insert(name_of(receipt), (Item::Transform, usage));
    };
    receipts.iter().for_each(&mut take);
    let mut replaced = match receipts.iter().all(|receipt| receipt.round == 1) {
        true => BTreeSet::new(),
        false => Rounds::all(work.as_ref(), keys).await?.ran(),
    };
    replaced.retain(|ran| !is_one_of(receipts, ran));
    for ShardRound { round, index } in replaced {
        let replaced =
            documents::find::<Receipt>(work.as_ref(), &keys.receipt(round, index)).await?;
        replaced.iter().for_each(&mut take);
    }
    used.extend(
        merged.iter().map(|receipt| (name_of_merge(receipt), (Item::Merge, receipt.spent))),
    );
    let prefix = keys.spent_prefix();
    let mut names = sweep::listed(work.as_ref(), &prefix).await?;
    names.truncate(MOST_DOCUMENTS);
    // An attempt whose receipt took effect while its answer was lost told the same in a document.
    names.retain(|key| {
        let name = key.strip_prefix(&prefix).and_then(|name| name.strip_suffix(".json"));
        name.is_none_or(|name| !used.contains_key(name))
    });
    let read = |key: String| {
        let work = work.clone();
        async move { documents::find::<Spent>(work.as_ref(), &key).await }
    };
    let spent: Vec<Option<Spent>> =
        stream::iter(names).map(read).buffer_unordered(CONCURRENT_READS).try_collect().await?;
    let spent = spent.into_iter().flatten().map(|spent| (spent.item, spent.usage));
    let (basis, processor) = basis(context);
    Ok(Bill::new(basis, processor, used.into_values().chain(spent), source_bytes))
}

/// Whether receipts, in the order of their shards, have that of a shard in a round.
fn is_one_of(receipts: &[Receipt], ran: &ShardRound) -> bool {
    let at = receipts.binary_search_by_key(&ran.index, |receipt| receipt.shard);
    at.is_ok_and(|at| receipts[at].round == ran.round)
}
