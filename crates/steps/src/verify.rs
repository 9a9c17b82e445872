//! Proves that the shards tile the source exactly, adds up, and applies the rejects limit.

use futures::{StreamExt, TryStreamExt, stream};
use landing::Error;
use landing::commit::{Receipt, TalliedShard, Tally, combine_crc64nvme};
use landing::contract::RejectsLimit;
use landing::message::{Counts, JobKeys, Shard, Verified, VerifyJob};
use landing::plan::Plan;
use landing::records::{Tile, tile};
use objects::{Objects, Put};

use crate::context::parse_contract;
use crate::ingest::shard_list;
use crate::{Context, documents};

/// Receipts that are read at once.
const CONCURRENT_READS: usize = 32;

/// Verifies a job after its shards ran.
pub async fn verify(context: &Context, message: VerifyJob) -> Result<Verified, Error> {
    let (work, keys) = (context.work(), context.keys(&message.job));
    let work = work.as_ref();
    let plan: Plan = documents::read(work, &keys.plan()).await?;
    let receipts = winners(work, &keys, plan.shards, message.round).await?;
    let tiles: Vec<Tile> = receipts.iter().map(|receipt| receipt.tile.clone()).collect();
    // How long a packed source is tells its one shard, which unpacked it to its proper end.
    let data_bytes = if plan.is_packed() { tiles.first().map_or(0, |tile| tile.to) } else { plan.data_bytes() };
    let tiling = tile(&tiles, plan.data_start, data_bytes)
        .map_err(|error| Error::Internal(format!("the shards do not tile {}: {error}", plan.source_name())))?;
    if !tiling.wrong.is_empty() {
        if message.round > 1 {
            return Err(Error::Internal(format!("{} shards were wrong about their start twice", tiling.wrong.len())));
        }
        let shards: Vec<Shard> = documents::read(work, &keys.shards()).await?;
        let again = |(index, first): &(usize, u64)| Shard { first: Some(*first), round: 2, ..shards[*index].clone() };
        let again: Vec<Shard> = tiling.wrong.iter().map(again).collect();
        documents::write(work, &keys.again(), &again, Put::Overwrite).await?;
        return Ok(Verified { again: shard_list(context, keys.again(), &again), counts: Counts::default() });
    }
    let tally = tally(&plan, &receipts, &tiling.bases)?;
    documents::write(work, &keys.tally(), &tally, Put::Overwrite).await?;
    check_checksum(&plan, tally.crc64nvme)?;
    check_limit(&plan, &tally)?;
    Ok(Verified { again: shard_list(context, keys.again(), &[]), counts: tally.counts })
}

/// The receipt that counts of each shard: of the second round where it was run again.
pub(crate) async fn winners(work: &dyn Objects, keys: &JobKeys, shards: u32, rounds: u32) -> Result<Vec<Receipt>, Error> {
    let again: Vec<Shard> = if rounds > 1 { documents::read(work, &keys.again()).await? } else { Vec::new() };
    let again: std::collections::HashSet<u32> = again.iter().map(|shard| shard.index).collect();
    let rounds = (0..shards).map(|index| (index, if again.contains(&index) { 2 } else { 1 }));
    read_receipts(work, keys, rounds).await
}

/// The receipts that a tally names.
pub(crate) async fn tallied(work: &dyn Objects, keys: &JobKeys, tally: &Tally) -> Result<Vec<Receipt>, Error> {
    read_receipts(work, keys, tally.shards.iter().enumerate().map(|(index, shard)| (index as u32, shard.round))).await
}

async fn read_receipts(work: &dyn Objects, keys: &JobKeys, which: impl Iterator<Item = (u32, u32)>) -> Result<Vec<Receipt>, Error> {
    let keys: Vec<String> = which.map(|(index, round)| keys.receipt(round, index)).collect();
    let read = |key: String| async move { documents::read::<Receipt>(work, &key).await };
    stream::iter(keys).map(read).buffered(CONCURRENT_READS).try_collect().await
}

fn tally(plan: &Plan, receipts: &[Receipt], bases: &[landing::records::Base]) -> Result<Tally, Error> {
    let mut counts = Counts::default();
    let mut crc = None;
    let mut shards = Vec::with_capacity(receipts.len());
    for (receipt, base) in receipts.iter().zip(bases) {
        counts += receipt.counts;
        let own = plan.own_bytes(receipt.tile.from, receipt.tile.to);
        let bytes = own.end - own.start;
        crc = Some(crc.map_or(receipt.crc64nvme, |before| combine_crc64nvme(before, receipt.crc64nvme, bytes)));
        shards.push(TalliedShard { round: receipt.round, lines: plan.data_lines + base.lines, records: base.records });
    }
    if !counts.is_conserved() {
        return Err(Error::Internal(format!(
            "{} records were read, but {} stored, {} rejected and {} filtered",
            counts.read, counts.stored, counts.rejected, counts.filtered
        )));
    }
    Ok(Tally { shards, counts, crc64nvme: crc.unwrap_or_default() })
}

fn check_checksum(plan: &Plan, computed: u64) -> Result<(), Error> {
    match plan.source_crc64nvme {
        Some(stored) if stored != computed => Err(Error::SourceCorrupt(format!(
            "the bytes that were read of {} have CRC-64/NVME {computed:016x}, the store says {stored:016x}; submit it again",
            plan.source_name()
        ))),
        _ => Ok(()),
    }
}

fn check_limit(plan: &Plan, tally: &Tally) -> Result<(), Error> {
    let limit: RejectsLimit = parse_contract(&plan.contract)?.rejects_limit;
    let Counts { read, rejected, .. } = tally.counts;
    if !limit.is_exceeded(rejected, read) {
        return Ok(());
    }
    Err(Error::RejectLimitExceeded(format!(
        "{rejected} of {read} records were refused, more than the limit of {limit}; nothing is visible; the job's errors tell why, its rejects can be fixed and \
         sent again"
    )))
}
