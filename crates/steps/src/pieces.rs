//! The rejects of a job, put together from the pieces of its shards, with the line and record
//! numbers of the whole source.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::rejects::{EntryPlace, ErrorEntry};
use job::message::JobKeys;
use job::{Error, ErrorKind};
use landing::commit::{Receipt, RejectsPiece, TalliedShard, Tally};
use landing::plan::Plan;
use objects::{Objects, Pin};

use crate::documents;
use crate::planned::Planned;
use crate::upload::Spool;

/// Bytes of a piece that are read at once.
const BLOCK_BYTES: u64 = 4 * 1024 * 1024;

/// Writes `rejects.csv` (the header and the rejected records, byte for byte) for each layout that
/// has some, and `errors.jsonl`. Without rejects there is none of them.
pub(crate) async fn join(
    work: Arc<dyn Objects>,
    keys: &JobKeys,
    plan: &Plan,
    tally: &Tally,
    receipts: &[Receipt],
) -> Result<(), Error> {
    let layouts: BTreeSet<u32> =
        receipts.iter().flat_map(|receipt| &receipt.rejects).map(|piece| piece.layout).collect();
    for layout in layouts {
        let mut rejects = Spool::new(work.clone(), keys.rejects(layout));
        if let Err(error) = join_rejects(work.as_ref(), plan, layout, receipts, &mut rejects).await
        {
            rejects.abort().await;
            return Err(error);
        }
        rejects.finish().await?;
    }
    let mut errors = Spool::new(work.clone(), keys.errors());
    let places = Places {
        planned: Planned::new(work.as_ref(), plan),
        holders: Planned::new(work.as_ref(), plan),
        is_one_object: plan.is_one_object(),
        before: tally.records_before(),
    };
    if let Err(error) = join_errors(work.as_ref(), places, tally, receipts, &mut errors).await {
        errors.abort().await;
        return Err(error);
    }
    errors.finish().await?;
    Ok(())
}

async fn join_rejects(
    work: &dyn Objects,
    plan: &Plan,
    position: u32,
    receipts: &[Receipt],
    rejects: &mut Spool,
) -> Result<(), Error> {
    let Some(layout) = plan.layouts.get(position as usize) else {
        return Err(Error::new(ErrorKind::Internal, format!("the plan has no layout {position}")));
    };
    rejects.push(&layout.header.0).await?;
    let pieces = receipts.iter().flat_map(|receipt| &receipt.rejects);
    for RejectsPiece { key, .. } in pieces.filter(|piece| piece.layout == position) {
        let mut piece = Piece::new(work, key);
        while let Some(block) = piece.next().await? {
            rejects.push(&block).await?;
        }
    }
    // Sent again, the file is read as the source was: with a footer, of lines without meaning.
    rejects.push(&layout.dialect.footer_line().repeat(layout.dialect.footer_rows as usize)).await
}

async fn join_errors(
    work: &dyn Objects,
    mut places: Places<'_>,
    tally: &Tally,
    receipts: &[Receipt],
    errors: &mut Spool,
) -> Result<(), Error> {
    for (receipt, shard) in receipts.iter().zip(&tally.shards) {
        let Some(key) = &receipt.errors else { continue };
        let mut lines = Lines::new(work, key);
        let mut placed = Vec::new();
        while let Some(whole) = lines.next().await? {
            placed.clear();
            for line in whole.split_inclusive(|byte| *byte == b'\n') {
                let mut entry: ErrorEntry = documents::parse(line, key)?;
                places.place(&mut entry, shard).await?;
                entry.write(&mut placed);
            }
            errors.push(&placed).await?;
        }
    }
    Ok(())
}

/// Finds the place in the source of what shards tell.
struct Places<'a> {
    planned: Planned<'a>,
    /// The same objects, read for records that have a key.
    holders: Planned<'a>,
    is_one_object: bool,
    /// Records before each object.
    before: Vec<u64>,
}

impl Places<'_> {
    /// Puts an entry of a shard in its place. Records of shards count from the first one of the
    /// shard, over all its objects, and lines from the first row that it has of an object.
    async fn place(&mut self, entry: &mut ErrorEntry, shard: &TalliedShard) -> Result<(), Error> {
        let first = self.before[shard.object as usize] + shard.records;
        let (position, record) = self.position(first + entry.record);
        let object = self.planned.get(position).await?;
        let lines = if position == shard.object { shard.lines } else { object.data_lines };
        let source = (!self.is_one_object).then(|| object.name());
        let holder = match entry.holder {
            None => None,
            Some(holder) => {
                let (position, record) = self.position((first as i64 + holder) as u64);
                let object = self.holders.get(position).await?;
                Some(((!self.is_one_object).then(|| object.name()), record))
            }
        };
        entry.place(EntryPlace {
            source: source.as_deref(),
            lines: lines + 1,
            record,
            holder: holder.as_ref().map(|(source, record)| (source.as_deref(), *record)),
        });
        Ok(())
    }

    /// The object of a record of the source, from 0, and the record's number in it, from 1.
    fn position(&self, record: u64) -> (u32, u64) {
        let object = self.before.partition_point(|before| *before <= record).saturating_sub(1);
        (object as u32, record - self.before[object] + 1)
    }
}

/// A piece, block by block.
struct Piece<'a> {
    work: &'a dyn Objects,
    key: &'a str,
    at: u64,
}

impl<'a> Piece<'a> {
    fn new(work: &'a dyn Objects, key: &'a str) -> Self {
        Self { work, key, at: 0 }
    }

    async fn next(&mut self) -> Result<Option<bytes::Bytes>, Error> {
        let block =
            self.work.get(self.key, &Pin::default(), self.at..self.at + BLOCK_BYTES).await?;
        self.at += block.len() as u64;
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}

/// A document of lines, some whole lines at a time.
pub(crate) struct Lines<'a> {
    piece: Piece<'a>,
    /// What is read and not handed out.
    text: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(work: &'a dyn Objects, key: &'a str) -> Self {
        Self { piece: Piece::new(work, key), text: Vec::new() }
    }

    /// The next lines, each with its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(block) = self.piece.next().await? {
            self.text.extend_from_slice(&block);
            if let Some(end) = self.text.iter().rposition(|byte| *byte == b'\n') {
                let rest = self.text.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.text, rest)));
            }
        }
        Ok(None)
    }
}
