//! Estimates what a job is going to cost, before its first shard runs.
//!
//! The model, meant to be rather above the truth than below it:
//!
//! - a function works 50 MB/s of unpacked CSV, a packed source unpacks to five times its bytes, and
//!   every invocation takes 300 ms besides (the pause of a cold start, of reading the plan and of
//!   the receipt);
//! - functions have the memory of the template;
//! - a shard reads its range in blocks of 8 MiB, two small reads past its end and four documents;
//!   it writes a third of its bytes in parts of 5 MiB, an upload's start and end for each of its
//!   files, and three documents. How many files there will be is not known beforehand: one a shard
//!   is expected, and partitions make more;
//! - each object besides the first takes two requests when it is planned and one when it is read;
//! - one in ten shards runs twice;
//! - what shards write is read and put together once more, 128 MiB an invocation and 20 MB/s, where
//!   a file a shard would be small.

use super::{Basis, Bill, Dollars, Item, Usage};
use crate::bill::prices::Processor;
use crate::small_files::is_small;
use crate::{Error, ErrorKind};

/// Bytes of unpacked CSV that a function works in a millisecond.
const BYTES_PER_MS: u64 = 50_000;
/// How many bytes one byte of a packed source is expected to unpack to.
const UNPACKED: u64 = 5;
/// Milliseconds of an invocation besides.
const PAUSE_MS: u64 = 300;
/// Bytes of a read.
const BLOCK_BYTES: u64 = 8 << 20;
/// Bytes of a part of an upload.
const PART_BYTES: u64 = 5 << 20;
/// Bytes that a byte of what is written was made of.
const SHRINKS: u64 = 3;
/// One in so many shards runs twice.
const AGAIN: u64 = 10;
/// Bytes that one invocation puts together, as files are to have where the contract does not say.
const MERGED_BYTES: u64 = 128 << 20;
/// Bytes of files that a function puts together in a millisecond: what it needs is the network, or
/// the time to encode small row groups anew.
const MERGED_BYTES_PER_MS: u64 = 20_000;
/// Milliseconds of `verify` and `store` for a shard: 32 receipts or completions at once, some 100
/// ms each.
const MS_OF_A_RECEIPT: u64 = 3;

/// Milliseconds of `ingest` for an object besides the first: two requests, 32 objects at once.
const MS_OF_AN_OBJECT: u64 = 2;

/// What is known of a job before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Bytes of the source as it lies there.
    pub source_bytes: u64,
    /// How many objects it has.
    pub objects: u64,
    /// Whether it is packed.
    pub is_packed: bool,
    /// How many shards there are.
    pub shards: u64,
    /// Whether its lines are counted beforehand, which reads it once more.
    pub counts_lines: bool,
    /// Bytes of the tables that every shard reads beside.
    pub joined_bytes: u64,
    /// What the functions run on.
    pub processor: Processor,
}

/// What a job is going to cost.
pub fn estimate(expected: Expected) -> Bill {
    let Expected {
        source_bytes,
        objects,
        is_packed,
        shards,
        counts_lines,
        joined_bytes,
        processor,
    } = expected;
    let others = objects.saturating_sub(1);
    let usage = |item: Item, invocations: u64, milliseconds: u64, puts: u64, gets: u64| {
        (
            item,
            Usage {
                invocations,
                milliseconds,
                mb_milliseconds: milliseconds * item.memory_mb(),
                puts,
                gets,
                ..Usage::default()
            },
        )
    };
    let twice = if shards > 1 { shards.div_ceil(AGAIN) } else { 0 };
    let (runs, work) = (shards + twice, source_bytes * if is_packed { UNPACKED } else { 1 });
    let work = work + work / shards.max(1) * twice;
    let blocks = work.div_ceil(BLOCK_BYTES) + runs;
    let joined = runs * joined_bytes.div_ceil(BLOCK_BYTES);
    let counted = if counts_lines { source_bytes } else { 0 };
    let lists = runs * MS_OF_A_RECEIPT;
    let is_merged = shards > 1 && is_small(source_bytes / shards / SHRINKS, MERGED_BYTES);
    let merged = if is_merged { source_bytes / SHRINKS } else { 0 };
    let merges = merged.div_ceil(MERGED_BYTES);
    let steps = [
        usage(
            Item::Ingest,
            1,
            PAUSE_MS + (counted + joined_bytes) / BYTES_PER_MS + others * MS_OF_AN_OBJECT,
            4,
            12 + counted.div_ceil(BLOCK_BYTES) + others * 2,
        ),
        usage(
            Item::Transform,
            runs,
            runs * (PAUSE_MS + joined_bytes / BYTES_PER_MS) + work / BYTES_PER_MS,
            runs * 5 + (work / SHRINKS).div_ceil(PART_BYTES),
            blocks + runs * 6 + joined + others,
        ),
        usage(Item::Verify, 2, 2 * PAUSE_MS + lists, 4, runs + 4),
        usage(
            Item::Merge,
            merges,
            merges * PAUSE_MS + merged / MERGED_BYTES_PER_MS,
            merges * 4 + merged.div_ceil(PART_BYTES),
            shards + merges * 4,
        ),
        usage(Item::Store, 1, 2 * PAUSE_MS + 2 * lists, shards + 10, 2 * runs + 10),
    ];
    Bill::new(
        Basis::Estimate,
        processor,
        steps.into_iter().filter(|(_, usage)| usage.invocations > 0),
        source_bytes,
    )
}

/// Whether a job may begin.
///
/// # Errors
///
/// [`ErrorKind::CostCapExceeded`]: it is going to cost more than `cap`.
pub fn check_cap(estimate: &Bill, cap: Option<Dollars>) -> Result<(), Error> {
    match cap {
        Some(cap) if estimate.total > cap => Err(Error::new(
            ErrorKind::CostCapExceeded,
            format!(
                "the job is estimated to cost {}, more than its cap of {cap} (`maxCost`); nothing was begun; submit it with a higher cap, or without one",
                estimate.total
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_files_of_several_shards_are_put_together() {
        let merges = |shards: u64, shard_bytes: u64| {
            let expected = Expected {
                objects: 1,
                source_bytes: shards * shard_bytes,
                is_packed: false,
                shards,
                counts_lines: false,
                joined_bytes: 0,
                processor: Processor::Arm64,
            };
            estimate(expected)
                .lines
                .get(&Item::Merge)
                .map(|line| (line.usage.invocations, line.usage.gets))
        };
        assert_eq!(merges(1, 64 << 20), None);
        assert_eq!(merges(2, 64 << 20), Some((1, 6)));
        assert_eq!(merges(160, 64 << 20), Some((27, 268)));
        assert_eq!(merges(160, 256 << 20), None, "a third of it is no small file");
    }
}
