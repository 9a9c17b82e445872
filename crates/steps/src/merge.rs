//! Puts files together that shards left small: what becomes of them are open uploads too, told by a
//! receipt.

use std::sync::Arc;

use bytes::Bytes;
use contract::Contract;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use job::bill::Usage;
use job::message::{JobKeys, MergeFiles, Transformed};
use job::{Error, ErrorKind};
use landing::commit::{SmallFile, Tally};
use landing::files::{FileSummary, Files, Lineage};
use landing::merge::{Group, Merge, MergeReceipt, MergedFile};
use landing::plan::Plan;
use objects::{Objects, PART_BYTES, Pin};

use crate::attempt::{self, Attempt};
use crate::context::{contract_of, merged_prefix};
use crate::decision::refuse_if_undone;
use crate::spending::Meter;
use crate::upload::Upload;
use crate::{Context, documents};

/// Bytes of small files that are read ahead, or put together beside each other: the largest one
/// that is small.
const AHEAD_BYTES: u64 = 32 << 20;
/// Small files that are read at once.
const CONCURRENT_READS: usize = 32;
/// Files that are put together at once, as far as they are small: of these the requests take longer
/// than the work.
const CONCURRENT_GROUPS: usize = 8;
/// Receipts that are read at once.
const CONCURRENT_RECEIPTS: usize = 32;

/// Puts small files together. `attempt` is unique to this attempt; whichever attempt writes its
/// receipt first is the one that counts.
pub async fn merge(
    context: &Context,
    message: MergeFiles,
    attempt: &str,
) -> Result<Transformed, Error> {
    let (context, meter) = Meter::of_merge(context, message.merge.index, attempt);
    let keys = context.keys(&message.job);
    let index = message.merge.index;
    let work = async {
        let mut receipt = MergeReceipt {
            merge: index,
            attempt: attempt.to_owned(),
            files: Vec::new(),
            spent: Usage::default(),
        };
        match fill(&context, &keys, &message, &mut receipt).await {
            Ok(()) => Ok(receipt),
            Err(error) => {
                attempt::abort(&context, &receipt).await;
                Err(error)
            }
        }
    };
    let race = Attempt {
        context: &context,
        keys: &keys,
        shard: None,
        receipt: keys.merged(index),
        name: attempt,
        meter: &meter,
    };
    race.run(work).await.map(|_| Transformed {})
}

/// The receipts of the merges that a tally counts, as far as there are any.
pub(crate) async fn receipts(
    work: &dyn Objects,
    keys: &JobKeys,
    tally: &Tally,
) -> Result<Vec<MergeReceipt>, Error> {
    let find = |index: u32| async move {
        documents::find::<MergeReceipt>(work, &keys.merged(index)).await
    };
    let found: Vec<_> =
        stream::iter(0..tally.merges).map(find).buffered(CONCURRENT_RECEIPTS).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Writes the files of a merge.
async fn fill(
    context: &Context,
    keys: &JobKeys,
    message: &MergeFiles,
    receipt: &mut MergeReceipt,
) -> Result<(), Error> {
    refuse_if_undone(context.work().as_ref(), keys).await?;
    let work = context.work();
    let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
    let contract = Arc::new(contract_of(&plan)?);
    let Merge { groups } = documents::read(work.as_ref(), &keys.merge(receipt.merge)).await?;
    let groups_at_once = fitting(groups.iter().map(Group::bytes), CONCURRENT_GROUPS);
    let attempt = Work {
        work,
        lake: context.lake(),
        lineage: Lineage::of(&plan),
        contract,
        prefix: context.dataset_prefix(&message.dataset),
        file_prefix: format!(
            "{}{:06}-{}",
            merged_prefix(&message.job),
            receipt.merge,
            receipt.attempt
        ),
        reads_at_once: CONCURRENT_READS / groups_at_once,
    };
    let mut waiting = (0..).zip(&groups);
    loop {
        let some: Vec<_> = waiting
            .by_ref()
            .take(groups_at_once)
            .map(|(position, group)| attempt.file(position, group))
            .collect();
        if some.is_empty() {
            return Ok(());
        }
        // All of them come to their end, so that no upload is forgotten.
        let mut failure = None;
        for ended in join_all(some).await {
            match ended {
                Ok(file) => receipt.files.push(file),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
}

/// How many things at once have no more than [`AHEAD_BYTES`] together, if it is more than one, and
/// no more than `most`.
fn fitting(bytes: impl Iterator<Item = u64>, most: usize) -> usize {
    (AHEAD_BYTES / bytes.max().unwrap_or_default().max(1)).clamp(1, most as u64) as usize
}

/// What the files of an attempt share.
struct Work {
    work: Arc<dyn Objects>,
    lake: Arc<dyn Objects>,
    contract: Arc<Contract>,
    lineage: Lineage,
    /// The dataset's, in the lake.
    prefix: String,
    file_prefix: String,
    /// Small files of a group that are read at once.
    reads_at_once: usize,
}

impl Work {
    /// Writes the file of a group. When that fails, nothing of it is left.
    async fn file(&self, position: usize, group: &Group) -> Result<MergedFile, Error> {
        let key = format!(
            "{}{}{}-{position:03}{}",
            self.prefix,
            group.folder(),
            self.file_prefix,
            self.contract.output.format.extension()
        );
        let mut upload = Upload::start(self.lake.clone(), key).await?;
        let written = match group.pieces.as_slice() {
            [only] => self.copy(only, &mut upload).await,
            _ => self.put_together(group, &mut upload).await,
        };
        let ended = match written {
            Ok(summary) => upload.leave_open(summary).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(file) => Ok(MergedFile { shard: group.shard, file }),
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// A file that has nothing to be put together with is only moved.
    async fn copy(&self, piece: &SmallFile, upload: &mut Upload) -> Result<FileSummary, Error> {
        let mut at = 0;
        while at < piece.bytes {
            let range = at..(at + self.work.block_bytes()).min(piece.bytes);
            let block = self.work.get(&piece.key, &Pin::default(), range).await.map_err(lost)?;
            if block.is_empty() {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("{} ends at byte {at} of {}", piece.key, piece.bytes),
                ));
            }
            at += block.len() as u64;
            upload.push(block.to_vec()).await?;
        }
        let SmallFile { folder, rows, bytes, stats, .. } = piece.clone();
        Ok(FileSummary { folder, rows, bytes, stats })
    }

    async fn put_together(&self, group: &Group, upload: &mut Upload) -> Result<FileSummary, Error> {
        let mut files = Files::of_files(self.contract.clone(), self.lineage.clone())?;
        let at_once = fitting(group.pieces.iter().map(|piece| piece.bytes), self.reads_at_once);
        let read = |piece: SmallFile| async move { read_whole(self.work.as_ref(), &piece).await };
        let mut pieces = stream::iter(group.pieces.clone()).map(read).buffered(at_once);
        while let Some(piece) = pieces.try_next().await? {
            files.append(group.folder(), &piece)?;
            send(&mut files, PART_BYTES, upload).await?;
        }
        files.close()?;
        send(&mut files, 1, upload).await?;
        if files.count() != 1 {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} files were made of those of one folder", files.count()),
            ));
        }
        let summary = files.summary(0);
        let rows: u64 = group.pieces.iter().map(|piece| piece.rows).sum();
        if summary.rows != rows {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} rows were put together, of {rows}", summary.rows),
            ));
        }
        Ok(summary)
    }
}

async fn read_whole(work: &dyn Objects, piece: &SmallFile) -> Result<Bytes, Error> {
    let bytes = work.read(&piece.key, piece.bytes).await.map_err(lost)?;
    if bytes.len() as u64 == piece.bytes {
        return Ok(bytes);
    }
    Err(Error::new(
        ErrorKind::Internal,
        format!("{} has {} bytes, and had {}", piece.key, bytes.len(), piece.bytes),
    ))
}

/// Small files are gone after the commit, which only an attempt sees that another one overtook, and
/// when their time is up.
fn lost(error: objects::Error) -> Error {
    match error {
        objects::Error::Missing(key) => Error::new(
            ErrorKind::StoreUnavailable,
            format!("{key} is gone: small files live for two days; submit the job again"),
        ),
        other => other.into(),
    }
}

async fn send(files: &mut Files, least: usize, upload: &mut Upload) -> Result<(), Error> {
    for chunk in files.drain(least)? {
        upload.push(chunk.bytes).await?;
    }
    Ok(())
}
