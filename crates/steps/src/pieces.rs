//! The rejects of a job, put together from the pieces of its shards, with the line and record
//! numbers of the whole source.

use std::sync::Arc;

use contract::rejects::ErrorEntry;
use job::message::JobKeys;
use job::{Error, ErrorKind};
use landing::commit::{Receipt, Tally};
use landing::plan::Plan;
use objects::{Objects, Pin};
use wording::Unquoted;

use crate::upload::Spool;

/// Bytes of a piece that are read at once.
const BLOCK_BYTES: u64 = 4 * 1024 * 1024;

/// Writes `rejects.csv` (the header and the rejected records, byte for byte) and `errors.jsonl`.
/// Without rejects there is neither.
pub(crate) async fn join(
    work: Arc<dyn Objects>,
    keys: &JobKeys,
    plan: &Plan,
    tally: &Tally,
    receipts: &[Receipt],
) -> Result<(), Error> {
    let mut rejects = Spool::new(work.clone(), keys.rejects());
    let mut errors = Spool::new(work.clone(), keys.errors());
    let outcome = fill(work.as_ref(), plan, tally, receipts, &mut rejects, &mut errors).await;
    if let Err(error) = outcome {
        rejects.abort().await;
        errors.abort().await;
        return Err(error);
    }
    rejects.finish().await?;
    errors.finish().await?;
    Ok(())
}

async fn fill(
    work: &dyn Objects,
    plan: &Plan,
    tally: &Tally,
    receipts: &[Receipt],
    rejects: &mut Spool,
    errors: &mut Spool,
) -> Result<(), Error> {
    if receipts.iter().any(|receipt| receipt.rejects.is_some()) {
        rejects.push(&plan.header.0).await?;
    }
    for (receipt, base) in receipts.iter().zip(&tally.shards) {
        if let Some(key) = &receipt.rejects {
            let mut piece = Piece::new(work, key);
            while let Some(block) = piece.next().await? {
                rejects.push(&block).await?;
            }
        }
        let Some(key) = &receipt.errors else { continue };
        let mut piece = Piece::new(work, key);
        let mut lines = Vec::new();
        let mut rebased = Vec::new();
        while let Some(block) = piece.next().await? {
            lines.extend_from_slice(&block);
            let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            rebased.clear();
            for line in lines[..whole].split_inclusive(|byte| *byte == b'\n') {
                let mut entry: ErrorEntry = serde_json::from_slice(line).map_err(|error| {
                    Error::new(
                        ErrorKind::Internal,
                        format!("{key} can't be read: {}", error.unquoted()),
                    )
                })?;
                entry.rebase(base.lines + 1, base.records + 1);
                entry.write(&mut rebased);
            }
            lines.drain(..whole);
            errors.push(&rebased).await?;
        }
    }
    if receipts.iter().any(|receipt| receipt.rejects.is_some()) {
        // Sent again, the file is read as the source was: with a footer, of lines without meaning.
        rejects.push(&plan.dialect.footer_line().repeat(plan.dialect.footer_rows as usize)).await?;
    }
    Ok(())
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
