//! Keys across shards: what their pieces are compared by, and what comes of it.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use job::message::{JobKeys, Shard, TakenRange};
use job::{Error, ErrorKind};
use landing::commit::{Receipt, Tally};
use landing::keys::merge::{self, Comparison, Hashes};
use landing::keys::piece::PieceHead;
use landing::keys::{Taken, Terms};
use landing::plan::Plan;
use objects::{Objects, Pin, Put};

/// Ranges of pieces that are read at once.
const CONCURRENT_READS: usize = 32;
/// What is compared at once has this part of the memory that a shard has for its keys.
const PART_COMPARED: u64 = 4;
/// Bytes that are always there to compare with, and to keep what a shard is told.
const LEAST_BYTES: u64 = 1 << 20;
/// What waits to be written has this part of it.
const PART_WAITING: u64 = 8;

/// The piece of a stretch, and where the stretch is.
struct Piece<'a> {
    key: &'a str,
    shard: u32,
    /// Records of the source before the shard's first row.
    records: u64,
}

/// Compares the keys of all stretches. Answers the shards with keys that earlier stretches claim,
/// and where these are listed. `round`: the one in which these shards are going to run.
pub(crate) async fn compare(
    work: &dyn Objects,
    keys: &JobKeys,
    plan: &Plan,
    receipts: &[Receipt],
    tally: &Tally,
    round: u32,
) -> Result<BTreeMap<u32, Vec<TakenRange>>, Error> {
    let before = tally.records_before();
    let pieces = receipts.iter().zip(&tally.shards).flat_map(|(receipt, shard)| {
        let records = before[shard.object as usize] + shard.records;
        receipt.keys.iter().map(move |key| Piece { key, shard: receipt.shard, records })
    });
    let pieces: Vec<Piece<'_>> = pieces.collect();
    let mut list = List {
        work,
        keys,
        round,
        most_bytes: plan.key_bytes.max(LEAST_BYTES),
        waiting: Vec::new(),
        parts: 0,
        ranges: BTreeMap::new(),
    };
    if pieces.len() < 2 {
        return Ok(list.ranges);
    }
    let Terms { seed, buckets, .. } = Terms::of(plan);
    let whole_heads = (0..pieces.len()).map(|index| (index, 0..PieceHead::bytes(buckets)));
    let mut heads = Vec::with_capacity(pieces.len());
    let mut parts = read(work, &pieces, whole_heads);
    while let Some((_, head)) = parts.try_next().await? {
        heads.push(PieceHead::read(&head, buckets)?);
    }
    for range in merge::ranges(&heads, buckets, (plan.key_bytes / PART_COMPARED).max(LEAST_BYTES))?
    {
        let mut hashes = Hashes::default();
        let filled = heads.iter().enumerate().filter(|(_, head)| head.entries(&range) > 0);
        let mut parts =
            read(work, &pieces, filled.map(|(index, head)| (index, head.hashes_at(&range))));
        while let Some((index, part)) = parts.try_next().await? {
            hashes.push(index as u32, &part)?;
        }
        let suspects = hashes.suspects(buckets);
        let suspected: Vec<_> = suspects
            .pieces()
            .map(|(index, range)| (index as usize, heads[index as usize].keys_at(&range)))
            .collect();
        let mut comparison = Comparison::new(suspects, seed);
        let mut parts = read(work, &pieces, suspected.into_iter());
        let mut taken = Vec::new();
        while let Some((index, part)) = parts.try_next().await? {
            let Piece { shard, records, .. } = pieces[index];
            comparison.push(records, &part, &mut taken)?;
            list.waiting.extend(taken.drain(..).map(|taken| (shard, taken)));
            list.flush(plan.key_bytes / PART_WAITING).await?;
        }
    }
    list.flush(0).await?;
    Ok(list.ranges)
}

/// Reads ranges of pieces, in order.
fn read<'a>(
    work: &'a dyn Objects,
    pieces: &'a [Piece<'a>],
    ranges: impl Iterator<Item = (usize, Range<u64>)>,
) -> BoxStream<'a, Result<(usize, Bytes), Error>> {
    let ranges: Vec<_> = ranges.collect();
    let read = move |(index, range): (usize, Range<u64>)| async move {
        let bytes = work.get(pieces[index].key, &Pin::default(), range.clone()).await?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} ends before byte {}", pieces[index].key, range.end),
            ));
        }
        Ok((index, bytes))
    };
    stream::iter(ranges).map(read).buffered(CONCURRENT_READS).boxed()
}

/// The keys that are taken, as they are found: in parts, and in each by shard.
struct List<'a> {
    work: &'a dyn Objects,
    keys: &'a JobKeys,
    round: u32,
    /// Most bytes of what a shard is told: it keeps that in memory.
    most_bytes: u64,
    waiting: Vec<(u32, Taken)>,
    /// Parts that are written.
    parts: u32,
    ranges: BTreeMap<u32, Vec<TakenRange>>,
}

impl List<'_> {
    /// Writes what waits, if it is more than `most_bytes`.
    async fn flush(&mut self, most_bytes: u64) -> Result<(), Error> {
        if self.waiting.is_empty()
            || ((self.waiting.len() * size_of::<(u32, Taken)>()) as u64) <= most_bytes
        {
            return Ok(());
        }
        self.waiting.sort_unstable();
        let mut out = Vec::with_capacity(self.waiting.len() * Taken::BYTES);
        for of_shard in self.waiting.chunk_by(|a, b| a.0 == b.0) {
            let from = out.len() as u64;
            of_shard.iter().for_each(|(_, taken)| taken.write(&mut out));
            let ranges = self.ranges.entry(of_shard[0].0).or_default();
            ranges.push(TakenRange { part: self.parts, from, to: out.len() as u64 });
            let told: u64 = ranges.iter().map(|range| range.to - range.from).sum();
            if told > self.most_bytes {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "more than {} keys of shard {} are taken by earlier records; make shards smaller, or look at what the contract calls a key",
                        self.most_bytes / Taken::BYTES as u64,
                        of_shard[0].0
                    ),
                ));
            }
        }
        self.waiting.clear();
        self.work
            .put(&self.keys.taken(self.round, self.parts), Bytes::from(out), Put::Overwrite)
            .await?;
        self.parts += 1;
        Ok(())
    }
}

/// What a shard is told; `None`: nothing yet.
pub(crate) async fn taken(
    work: &dyn Objects,
    keys: &JobKeys,
    shard: &Shard,
) -> Result<Option<Vec<Taken>>, Error> {
    if shard.taken.is_empty() {
        return Ok(None);
    }
    let mut taken = Vec::new();
    for TakenRange { part, from, to } in &shard.taken {
        let key = keys.taken(shard.round, *part);
        let bytes = work.get(&key, &Pin::default(), *from..*to).await?;
        if bytes.len() as u64 != to - from {
            return Err(Error::new(ErrorKind::Internal, format!("{key} ends before byte {to}")));
        }
        taken.extend(Taken::read_all(&bytes)?);
    }
    taken.sort_unstable();
    Ok(Some(taken))
}
