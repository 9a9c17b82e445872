//! Proves that the shards tile the source exactly and that no key stands in the lake twice, adds
//! up, and applies the rejects limit.
//!
//! What it finds is mended by running shards again: those that guessed their start wrong in the
//! second round, and then, in the next one, those with keys that earlier ones claim. So there are
//! three rounds at most, unless an object turns out not to be readable in the last of them: see
//! [`rounds`](crate::rounds).
//!
//! An object that one of its shards could not read is left out of the job. What the others wrote of
//! it does not count: whoever reads receipts reads them [without it](tallied).

use std::collections::{BTreeMap, BTreeSet};

use contract::Contract;
use csv_records::{Tile, tile};
use futures::{StreamExt, TryStreamExt, stream};
use job::bill::Item;
use job::message::{Counts, JobKeys, Shard, TakenRange, Verified, VerifyJob};
use job::{Error, ErrorKind};
use landing::commit::{
    LeftOut, Receipt, ReceiptPart, SlowShard, TalliedObject, TalliedShard, Tally, combine_crc64nvme,
};
use landing::merge::{self, Merge};
use landing::plan::{Plan, PlannedObject};
use objects::{Objects, Put};

use crate::context::contract_of;
use crate::left::{merge_list, shard_list};
use crate::planned::Planned;
use crate::rounds::Rounds;
use crate::spending::Meter;
use crate::{Context, documents, hold, left, replay, skipped};

/// Receipts that are read at once.
const CONCURRENT_READS: usize = 32;
/// Merges that are written down at once.
const CONCURRENT_WRITES: usize = 16;

/// Verifies a job after its shards ran.
pub async fn verify(context: &Context, message: VerifyJob) -> Result<Verified, Error> {
    let (context, meter) = Meter::start(context, Item::Verify);
    let keys = context.keys(&message.job);
    let outcome = prove(&context, &keys, message.round).await;
    meter.note(&context, &keys).await;
    outcome
}

/// Verifies round after round: of one whose shards have all run, in an earlier execution of the job
/// or an earlier run of this step, the next one follows at once.
async fn prove(context: &Context, keys: &JobKeys, mut round: u32) -> Result<Verified, Error> {
    loop {
        match prove_round(context, keys, round).await? {
            Some(verified) => return Ok(verified),
            None => round += 1,
        }
    }
}

/// Verifies a round; `None`: what is to run again has run.
async fn prove_round(
    context: &Context,
    keys: &JobKeys,
    round: u32,
) -> Result<Option<Verified>, Error> {
    let work = context.work();
    let work = work.as_ref();
    let plan: Plan = documents::read(work, &keys.plan()).await?;
    let rounds = Rounds::until(work, keys, round).await?;
    let mut receipts = counting(work, keys, plan.shards, &rounds).await?;
    let found = found_late(work, keys, &rounds, &receipts).await?;
    if !found.is_empty() {
        let found = found.into_iter().map(|shard| (shard, None, Vec::new()));
        return run_again(context, keys, round + 1, &receipts, found).await;
    }
    let tiled = tile_objects(work, &plan, &rounds, &receipts).await?;
    leave_out(&mut receipts, |object| tiled.left_out.contains_key(&object))?;
    if !tiled.wrong.is_empty() {
        if round > 1 {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} shards were wrong about their start twice", tiled.wrong.len()),
            ));
        }
        let wrong = tiled.wrong.iter().map(|(shard, first)| (*shard, Some(*first), Vec::new()));
        return run_again(context, keys, round + 1, &receipts, wrong).await;
    }
    let (tally, left_out) = tally(&receipts, tiled)?;
    if rounds.told_of_keys().is_empty() && receipts.iter().any(|receipt| !receipt.keys.is_empty()) {
        let taken = crate::keys::compare(work, keys, &plan, &receipts, &tally, round + 1).await?;
        if !taken.is_empty() {
            let taken = taken.into_iter().map(|(shard, ranges)| {
                (shard as usize, first_row(&receipts[shard as usize]), ranges)
            });
            return run_again(context, keys, round + 1, &receipts, taken).await;
        }
    }
    let contract = contract_of(&plan)?;
    skipped::add(context, keys, &plan, &left_out).await?;
    let merges = merges(&contract, receipts);
    let tally = Tally { merges: merges.len() as u32, ..tally };
    let (hold, drift) = hold::compare(context, &plan, &contract, &tally).await?;
    let tally = Tally { hold, drift, ..tally };
    documents::write(work, &keys.tally(), &tally, Put::Overwrite).await?;
    check_total(&plan, &tally)?;
    replay::check_records(work, keys, &plan, tally.counts.read).await?;
    check_limit(&contract, &tally)?;
    write_merges(work, keys, merges).await?;
    let next = round + 1;
    Ok(Some(Verified {
        again: shard_list(context, keys.again(next), &[]),
        round: next,
        merges: left::merges(context, keys, tally.merges).await?,
        hold: !tally.hold.is_empty(),
        counts: tally.counts,
    }))
}

/// Which of the files that shards left small are put together.
fn merges(contract: &Contract, receipts: Vec<Receipt>) -> Vec<Merge> {
    if receipts.iter().all(|receipt| receipt.small.is_empty()) {
        return Vec::new();
    }
    merge::plan(receipts, contract.output.file_size)
}

async fn write_merges(work: &dyn Objects, keys: &JobKeys, merges: Vec<Merge>) -> Result<(), Error> {
    let write = |(index, merge): (u32, Merge)| async move {
        documents::write(work, &keys.merge(index), &merge, Put::Overwrite).await
    };
    stream::iter((0..).zip(merges))
        .map(write)
        .buffer_unordered(CONCURRENT_WRITES)
        .try_for_each(|_| async { Ok(()) })
        .await
}

/// Has shards run in another round: where each starts is known, and perhaps which of its keys are
/// taken. `receipts` are those that count so far. `None`: all of them have.
async fn run_again(
    context: &Context,
    keys: &JobKeys,
    round: u32,
    receipts: &[Receipt],
    which: impl Iterator<Item = (usize, Option<u64>, Vec<TakenRange>)>,
) -> Result<Option<Verified>, Error> {
    let work = context.work();
    let shards: Vec<Shard> = documents::read(work.as_ref(), &keys.shards()).await?;
    let again = |(shard, first, taken): (usize, _, _)| Shard {
        first,
        round,
        before: Some(receipts[shard].round),
        taken,
        ..shards[shard].clone()
    };
    let again: Vec<Shard> = which.map(again).collect();
    documents::write(work.as_ref(), &keys.again(round), &again, Put::Overwrite).await?;
    let again = left::shards(context, keys, round, keys.again(round), again).await?;
    Ok((again.count > 0).then(|| Verified {
        again,
        round,
        merges: merge_list(context, keys.merges(), &[]),
        hold: false,
        counts: Counts::default(),
    }))
}

/// The receipt that counts of each shard.
async fn counting(
    work: &dyn Objects,
    keys: &JobKeys,
    shards: u32,
    rounds: &Rounds,
) -> Result<Vec<Receipt>, Error> {
    let later = rounds.counting();
    read_receipts(
        work,
        keys,
        (0..shards).map(|index| (index, later.get(&index).map_or(1, |shard| shard.round))),
    )
    .await
}

/// The shards that found objects that can't be read after they were told of keys. What they were
/// told goes by rows of these objects.
async fn found_late(
    work: &dyn Objects,
    keys: &JobKeys,
    rounds: &Rounds,
    receipts: &[Receipt],
) -> Result<Vec<usize>, Error> {
    let mut found = Vec::new();
    for Shard { index, before, .. } in rounds.told_of_keys() {
        let left_out = &receipts[*index as usize].left_out;
        if left_out.is_empty() {
            continue;
        }
        let before = keys.receipt(before.unwrap_or(1), *index);
        let before: Receipt = documents::read(work, &before).await?;
        if before.left_out.len() < left_out.len() {
            found.push(*index as usize);
        }
    }
    Ok(found)
}

/// The receipts that a tally names, without what is left out.
pub(crate) async fn tallied(
    work: &dyn Objects,
    keys: &JobKeys,
    tally: &Tally,
) -> Result<Vec<Receipt>, Error> {
    let mut receipts = read_receipts(
        work,
        keys,
        tally.shards.iter().enumerate().map(|(index, shard)| (index as u32, shard.round)),
    )
    .await?;
    leave_out(&mut receipts, |object| !tally.lands(object))?;
    Ok(receipts)
}

fn leave_out(receipts: &mut [Receipt], is_left_out: impl Fn(u32) -> bool) -> Result<(), Error> {
    receipts.iter_mut().try_for_each(|receipt| receipt.leave_out(&is_left_out))
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

/// How the shards tile the objects.
#[derive(Default)]
struct Tiled {
    /// The shards to run again, and where their first row starts.
    wrong: Vec<(usize, u64)>,
    /// The shards, once none is wrong.
    shards: Vec<TalliedShard>,
    /// The objects, likewise.
    objects: Vec<TalliedObject>,
    /// Those that are left out, as they can't be read.
    left_out: BTreeMap<u32, LeftOut>,
    /// Their bytes.
    left_out_bytes: u64,
}

/// Proves that the shards tile each object, and that the bytes that were read are those that the
/// store has. Objects that can't be read are left out, where that is asked for.
async fn tile_objects(
    work: &dyn Objects,
    plan: &Plan,
    rounds: &Rounds,
    receipts: &[Receipt],
) -> Result<Tiled, Error> {
    let mut planned = Planned::new(work, plan);
    let mut tiled = Tiled { left_out: left_out_by(receipts), ..Tiled::default() };
    // What shards were told of keys depends on what was left out by then. An object that was right
    // then, and is not any more, is not what was pinned.
    let told: BTreeSet<u32> = rounds.told_of_keys().iter().map(|shard| shard.index).collect();
    let may_leave_out = |own: &[PartOf<'_>]| {
        plan.submission.skips_unreadable()
            && own.iter().all(|part| !told.contains(&(part.shard as u32)))
    };
    let parts = parts_of(receipts);
    let (mut parts, mut shards) = (parts.as_slice(), receipts);
    for position in 0..plan.objects {
        let object = planned.get(position).await?;
        let (own, rest) = parts.split_at(parts.partition_point(|part| part.object <= position));
        let begin = shards.partition_point(|receipt| receipt.object <= position);
        let (beginning, others) = shards.split_at(begin);
        (parts, shards) = (rest, others);
        if tiled.left_out.contains_key(&position) {
            tiled.leave_out(position, object, beginning);
            continue;
        }
        match tile_object(plan, position, object, own, receipts) {
            Ok(tiling) => {
                tiled.wrong.extend(tiling.wrong);
                tiled.shards.extend(tiling.shards);
                tiled.objects.push(tiling.object);
            }
            Err(error) if may_leave_out(own) && error.kind.is_of_source() => {
                tiled.left_out.insert(position, LeftOut::new(position, error));
                tiled.leave_out(position, object, beginning);
            }
            Err(error) => return Err(error),
        }
    }
    match parts {
        [] => Ok(tiled),
        [PartOf { shard, object, .. }, ..] => Err(Error::new(
            ErrorKind::Internal,
            format!("shard {shard} has rows of object {object}, out of order"),
        )),
    }
}

/// What a shard read of an object.
struct PartOf<'a> {
    shard: usize,
    object: u32,
    part: &'a ReceiptPart,
}

/// What the shards read, by shard and object.
fn parts_of(receipts: &[Receipt]) -> Vec<PartOf<'_>> {
    let of_shard = |(shard, receipt)| {
        let read = Receipt::read(receipt);
        read.map(move |(object, part)| PartOf { shard, object, part })
    };
    receipts.iter().enumerate().flat_map(of_shard).collect()
}

/// The objects that shards could not read, each as the first of its shards tells it that could not.
fn left_out_by(receipts: &[Receipt]) -> BTreeMap<u32, LeftOut> {
    let left_out = receipts.iter().rev().flat_map(|receipt| &receipt.left_out);
    left_out.map(|left_out| (left_out.object, left_out.clone())).collect()
}

impl Tiled {
    /// An object of which nothing lands, and the shards that begin with it.
    fn leave_out(&mut self, position: u32, object: &PlannedObject, shards: &[Receipt]) {
        self.shards.extend(shards.iter().map(|receipt| TalliedShard {
            round: receipt.round,
            object: position,
            lines: object.data_lines,
            records: 0,
        }));
        self.left_out_bytes += object.bytes;
        self.objects.push(TalliedObject { is_left_out: true, ..TalliedObject::default() });
    }
}

/// How shards tile an object.
struct TiledObject {
    /// The shards to run again, and where their first row starts.
    wrong: Vec<(usize, u64)>,
    /// The shards that begin with it.
    shards: Vec<TalliedShard>,
    object: TalliedObject,
}

/// Proves it of one object: `own` is what each shard read of it.
fn tile_object(
    plan: &Plan,
    position: u32,
    object: &PlannedObject,
    own: &[PartOf<'_>],
    receipts: &[Receipt],
) -> Result<TiledObject, Error> {
    let tiles: Vec<Tile> = own.iter().map(|own| own.part.tile.clone()).collect();
    // How long a packed object is tells its one shard, which unpacked it to its proper end.
    let data_bytes = match plan.layout(object)?.is_packed() {
        true => tiles.first().map_or(0, |tile| tile.to),
        false => object.data_bytes(),
    };
    let tiling = tile(&tiles, object.data_start, data_bytes).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the shards do not tile {}: {error}", object.name()),
        )
    })?;
    let wrong = tiling.wrong.iter().map(|(index, first)| (own[*index].shard, *first)).collect();
    let mut tiled = TiledObject { wrong, shards: Vec::new(), object: TalliedObject::default() };
    let mut crc = None;
    for (PartOf { shard, part, .. }, base) in own.iter().zip(&tiling.bases) {
        tiled.object.counts += part.counts;
        let own = object.own_bytes(part.tile.from, part.tile.to);
        let bytes = own.end - own.start;
        crc = Some(
            crc.map_or(part.crc64nvme, |before| combine_crc64nvme(before, part.crc64nvme, bytes)),
        );
        let receipt = &receipts[*shard];
        if receipt.object == position {
            tiled.shards.push(TalliedShard {
                round: receipt.round,
                object: position,
                lines: object.data_lines + base.lines,
                records: base.records,
            });
        }
    }
    tiled.object.crc64nvme = crc.unwrap_or_default();
    if tiled.wrong.is_empty() {
        check_whole(object, tiled.object.crc64nvme, tiled.object.counts.read)?;
    }
    Ok(tiled)
}

/// Where a shard's first row starts, as it read.
fn first_row(receipt: &Receipt) -> Option<u64> {
    let tile = &receipt.parts.first()?.tile;
    Some(tile.readings[tile.taken?].first)
}

/// Adds up, and answers the objects that are left out.
fn tally(receipts: &[Receipt], tiled: Tiled) -> Result<(Tally, Vec<LeftOut>), Error> {
    let (mut counts, mut surplus_lines) = (Counts::default(), 0);
    for receipt in receipts {
        counts += receipt.counts;
        surplus_lines += receipt.surplus_lines;
    }
    let mut of_objects = Counts::default();
    tiled.objects.iter().for_each(|object| of_objects += object.counts);
    if !counts.is_conserved() || counts != of_objects {
        return Err(Error::new(
            ErrorKind::Internal,
            format!(
                "{} records were read, {} of them of the objects, but {} stored, {} rejected and {} filtered",
                counts.read, of_objects.read, counts.stored, counts.rejected, counts.filtered
            ),
        ));
    }
    let Tiled { shards, objects, left_out, left_out_bytes, .. } = tiled;
    let slowest = SlowShard::of_rounds(receipts);
    let tally = Tally {
        shards,
        counts,
        surplus_lines,
        objects,
        left_out_bytes,
        merges: 0,
        hold: Vec::new(),
        drift: None,
        slowest,
    };
    Ok((tally, left_out.into_values().collect()))
}

/// Compares what was read of an object with what is said of it.
pub(crate) fn check_whole(object: &PlannedObject, crc64nvme: u64, rows: u64) -> Result<(), Error> {
    check_checksum(object, crc64nvme)?;
    check_rows(object, rows)
}

fn check_rows(object: &PlannedObject, read: u64) -> Result<(), Error> {
    match object.rows {
        Some(said) if said != read => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "{} has {read} records, and the manifest says {said}; nothing is visible",
                object.name()
            ),
        )),
        _ => Ok(()),
    }
}

pub(crate) fn check_checksum(object: &PlannedObject, computed: u64) -> Result<(), Error> {
    match object.crc64nvme {
        Some(stored) if stored != computed => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "the bytes that were read of {} have CRC-64/NVME {computed:016x}, and {stored:016x} is said of them; submit it again",
                object.name()
            ),
        )),
        _ => Ok(()),
    }
}

/// Compares what the objects came to with what the manifest says.
fn check_total(plan: &Plan, tally: &Tally) -> Result<(), Error> {
    let found = [
        ("objects", plan.total.objects, u64::from(plan.objects + plan.skipped)),
        ("bytes", plan.total.bytes, plan.source_bytes - tally.left_out_bytes),
        ("rows", plan.total.rows, tally.counts.read),
    ];
    match found.into_iter().find(|(_, said, found)| said.is_some_and(|said| said != *found)) {
        Some((what, Some(said), found)) => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "{} says that its objects have {said} {what} in all, and {found} were found, {} objects left out; nothing is visible",
                plan.submission.source.name(),
                plan.skipped + tally.left_out()
            ),
        )),
        _ => Ok(()),
    }
}

fn check_limit(contract: &Contract, tally: &Tally) -> Result<(), Error> {
    let limit = contract.rejects_limit;
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
            "{what}; nothing is visible; the job's errors tell why: mend the source or the contract, \
             and submit it again"
        ),
    ))
}
