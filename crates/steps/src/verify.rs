//! Proves that the shards tile the source exactly and that no key stands in the lake twice, adds
//! up, and applies the rejects limit.
//!
//! What it finds is mended by running shards again: those that guessed their start wrong in the
//! second round, and then, in the next one, those with keys that earlier ones claim. So there are
//! three rounds at most.

use std::collections::HashMap;

use contract::RejectsLimit;
use csv_records::{Tile, tile};
use futures::{StreamExt, TryStreamExt, stream};
use job::bill::Item;
use job::message::{Counts, JobKeys, MergeItem, MergeList, Shard, TakenRange, Verified, VerifyJob};
use job::{Error, ErrorKind};
use landing::commit::{Receipt, TalliedShard, Tally, combine_crc64nvme};
use landing::merge::{self, Merge};
use landing::plan::Plan;
use objects::{Objects, Put};

use crate::context::parse_contract;
use crate::ingest::shard_list;
use crate::spending::Meter;
use crate::{Context, documents};

/// Receipts that are read at once.
const CONCURRENT_READS: usize = 32;
/// Merges that are written down at once.
const CONCURRENT_WRITES: usize = 16;

/// Verifies a job after its shards ran.
pub async fn verify(context: &Context, message: VerifyJob) -> Result<Verified, Error> {
    let (context, meter) = Meter::start(context, Item::Verify);
    let keys = context.keys(&message.job);
    let outcome = prove(&context, &keys, message).await;
    meter.note(&context, &keys).await;
    outcome
}

async fn prove(context: &Context, keys: &JobKeys, message: VerifyJob) -> Result<Verified, Error> {
    let work = context.work();
    let work = work.as_ref();
    let plan: Plan = documents::read(work, &keys.plan()).await?;
    let later = later_rounds(work, keys, message.round).await?;
    let receipts = winners(work, keys, plan.shards, &later).await?;
    let tiles: Vec<Tile> = receipts.iter().map(|receipt| receipt.tile.clone()).collect();
    // How long a packed source is tells its one shard, which unpacked it to its proper end.
    let data_bytes =
        if plan.is_packed() { tiles.first().map_or(0, |tile| tile.to) } else { plan.data_bytes() };
    let tiling = tile(&tiles, plan.data_start, data_bytes).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the shards do not tile {}: {error}", plan.source_name()),
        )
    })?;
    if !tiling.wrong.is_empty() {
        if message.round > 1 {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} shards were wrong about their start twice", tiling.wrong.len()),
            ));
        }
        let wrong = tiling.wrong.iter().map(|(shard, first)| (*shard, Some(*first), Vec::new()));
        return run_again(context, keys, message.round + 1, wrong).await;
    }
    let is_settled = later.iter().any(|shard| !shard.taken.is_empty());
    if !is_settled && receipts.iter().any(|receipt| !receipt.keys.is_empty()) {
        let taken = crate::keys::compare(work, keys, &plan, &receipts, &tiling.bases).await?;
        if !taken.is_empty() {
            let first =
                |shard: usize| tiles[shard].taken.map(|taken| tiles[shard].readings[taken].first);
            let taken = taken
                .into_iter()
                .map(|(shard, ranges)| (shard as usize, first(shard as usize), ranges));
            return run_again(context, keys, message.round + 1, taken).await;
        }
    }
    let tally = tally(&plan, &receipts, &tiling.bases)?;
    let merges = merges(&plan, receipts)?;
    let tally = Tally { merges: merges.len() as u32, ..tally };
    documents::write(work, &keys.tally(), &tally, Put::Overwrite).await?;
    check_checksum(&plan, tally.crc64nvme)?;
    check_limit(&plan, &tally)?;
    write_merges(work, keys, merges).await?;
    let next = message.round + 1;
    let again = shard_list(context, keys.again(next), &[]);
    Ok(Verified {
        again,
        round: next,
        merges: merge_list(context, keys, tally.merges),
        counts: tally.counts,
    })
}

/// Which of the files that shards left small are put together.
fn merges(plan: &Plan, receipts: Vec<Receipt>) -> Result<Vec<Merge>, Error> {
    if receipts.iter().all(|receipt| receipt.small.is_empty()) {
        return Ok(Vec::new());
    }
    Ok(merge::plan(receipts, parse_contract(&plan.contract)?.output.file_size))
}

async fn write_merges(work: &dyn Objects, keys: &JobKeys, merges: Vec<Merge>) -> Result<(), Error> {
    if merges.is_empty() {
        return Ok(());
    }
    let items: Vec<MergeItem> = (0..merges.len() as u32).map(|index| MergeItem { index }).collect();
    documents::write(work, &keys.merges(), &items, Put::Overwrite).await?;
    let write = |(index, merge): (u32, Merge)| async move {
        documents::write(work, &keys.merge(index), &merge, Put::Overwrite).await
    };
    stream::iter((0..).zip(merges))
        .map(write)
        .buffer_unordered(CONCURRENT_WRITES)
        .try_for_each(|_| async { Ok(()) })
        .await
}

fn merge_list(context: &Context, keys: &JobKeys, count: u32) -> MergeList {
    MergeList { count, bucket: context.work.bucket.clone(), key: keys.merges() }
}

/// Has shards run in another round: where each starts is known, and perhaps which of its keys are
/// taken.
async fn run_again(
    context: &Context,
    keys: &JobKeys,
    round: u32,
    which: impl Iterator<Item = (usize, Option<u64>, Vec<TakenRange>)>,
) -> Result<Verified, Error> {
    let work = context.work();
    let shards: Vec<Shard> = documents::read(work.as_ref(), &keys.shards()).await?;
    let again = |(shard, first, taken): (usize, _, _)| Shard {
        first,
        round,
        taken,
        ..shards[shard].clone()
    };
    let again: Vec<Shard> = which.map(again).collect();
    documents::write(work.as_ref(), &keys.again(round), &again, Put::Overwrite).await?;
    let merges = merge_list(context, keys, 0);
    Ok(Verified {
        again: shard_list(context, keys.again(round), &again),
        round,
        merges,
        counts: Counts::default(),
    })
}

/// The shards that were run in rounds after the first one, by round.
async fn later_rounds(
    work: &dyn Objects,
    keys: &JobKeys,
    rounds: u32,
) -> Result<Vec<Shard>, Error> {
    let mut later = Vec::new();
    for round in 2..=rounds {
        later.extend(documents::read::<Vec<Shard>>(work, &keys.again(round)).await?);
    }
    Ok(later)
}

/// The receipt that counts of each shard: that of the last round in which it was run.
async fn winners(
    work: &dyn Objects,
    keys: &JobKeys,
    shards: u32,
    later: &[Shard],
) -> Result<Vec<Receipt>, Error> {
    let later: HashMap<u32, u32> = later.iter().map(|shard| (shard.index, shard.round)).collect();
    read_receipts(
        work,
        keys,
        (0..shards).map(|index| (index, later.get(&index).copied().unwrap_or(1))),
    )
    .await
}

/// The receipts that a tally names.
pub(crate) async fn tallied(
    work: &dyn Objects,
    keys: &JobKeys,
    tally: &Tally,
) -> Result<Vec<Receipt>, Error> {
    read_receipts(
        work,
        keys,
        tally.shards.iter().enumerate().map(|(index, shard)| (index as u32, shard.round)),
    )
    .await
}

async fn read_receipts(
    work: &dyn Objects,
    keys: &JobKeys,
    which: impl Iterator<Item = (u32, u32)>,
) -> Result<Vec<Receipt>, Error> {
    let keys: Vec<String> = which.map(|(index, round)| keys.receipt(round, index)).collect();
    let read = |key: String| async move { documents::read::<Receipt>(work, &key).await };
    stream::iter(keys).map(read).buffered(CONCURRENT_READS).try_collect().await
}

fn tally(plan: &Plan, receipts: &[Receipt], bases: &[csv_records::Base]) -> Result<Tally, Error> {
    let (mut counts, mut surplus_lines) = (Counts::default(), 0);
    let mut crc = None;
    let mut shards = Vec::with_capacity(receipts.len());
    for (receipt, base) in receipts.iter().zip(bases) {
        counts += receipt.counts;
        surplus_lines += receipt.surplus_lines;
        let own = plan.own_bytes(receipt.tile.from, receipt.tile.to);
        let bytes = own.end - own.start;
        crc = Some(crc.map_or(receipt.crc64nvme, |before| {
            combine_crc64nvme(before, receipt.crc64nvme, bytes)
        }));
        shards.push(TalliedShard {
            round: receipt.round,
            lines: plan.data_lines + base.lines,
            records: base.records,
        });
    }
    if !counts.is_conserved() {
        return Err(Error::new(
            ErrorKind::Internal,
            format!(
                "{} records were read, but {} stored, {} rejected and {} filtered",
                counts.read, counts.stored, counts.rejected, counts.filtered
            ),
        ));
    }
    Ok(Tally { shards, counts, surplus_lines, crc64nvme: crc.unwrap_or_default(), merges: 0 })
}

fn check_checksum(plan: &Plan, computed: u64) -> Result<(), Error> {
    match plan.source_crc64nvme {
        Some(stored) if stored != computed => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "the bytes that were read of {} have CRC-64/NVME {computed:016x}, the store says {stored:016x}; submit it again",
                plan.source_name()
            ),
        )),
        _ => Ok(()),
    }
}

fn check_limit(plan: &Plan, tally: &Tally) -> Result<(), Error> {
    let limit: RejectsLimit = parse_contract(&plan.contract)?.rejects_limit;
    let Counts { read, rejected, filtered, .. } = tally.counts;
    let what = if limit.is_exceeded(&tally.counts, tally.surplus_lines) {
        let span = match tally.surplus_lines {
            0 => String::new(),
            surplus => format!(" and count as the {} lines that they span", rejected + surplus),
        };
        format!("{rejected} of {read} records were rejected{span}, more than the limit of {limit}")
    } else if limit.leaves_nothing(&tally.counts) {
        let others = match filtered {
            0 => String::new(),
            _ => format!(" and {filtered} filtered"),
        };
        format!(
            "{rejected} of {read} records were rejected{others}, so that none is left to store; \
             a contract with `rejects: {{ limit: 100% }}` takes that for a success"
        )
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::RejectLimitExceeded,
        format!(
            "{what}; nothing is visible; the job's errors tell why, its rejects can be fixed and sent again"
        ),
    ))
}
