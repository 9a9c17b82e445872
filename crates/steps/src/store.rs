//! Makes a job visible: completes its uploads and writes its entry of the commit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use landing::Error;
use landing::bill::Item;
use landing::commit::{Commit, CommittedFile, OpenFile, Receipt, Tally, content_name};
use landing::contract::{Contract, Mode, Output, TableFormat};
use landing::delta::Entry;
use landing::merge::MergeReceipt;
use landing::message::{JobId, JobKeys, JobRef, Stored, Warning};
use landing::plan::Plan;
use landing::profile::Sketch;
use objects::{Objects, Part, Put};
use registry::{JobChange, JobStatus};
use serde::{Deserialize, Serialize};
use tables::{Base, Log};

use crate::context::{file_prefix, merged_prefix, now, parse_contract};
use crate::ingest::already_landed;
use crate::register::register;
use crate::spending::Meter;
use crate::transform::refuse_if_cancelled;
use crate::{Context, bill, documents, merge, pieces, profile, verify};

/// Uploads that are completed at once: a reader that lists the prefix sees the files appear within this burst.
const CONCURRENT_COMPLETIONS: usize = 32;
/// Entries of a page of a listing.
const PAGE: u32 = 1_000;
/// Replaced files that are deleted at once: a reader that lists the prefix sees them until they are.
const CONCURRENT_DELETIONS: usize = 32;

/// `intent.json`: the number that a job is about to take in the commit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Intent {
    sequence: u64,
    /// The form of the log.
    table: TableFormat,
}

/// Stores a job that was verified. Done again it finishes what is left, and answers the same.
pub async fn store(context: &Context, message: JobRef) -> Result<Stored, Error> {
    let (context, meter) = Meter::start(context, Item::Store);
    let keys = context.keys(&message.job);
    let outcome = finish(&context, &keys, &message, &meter).await;
    if outcome.is_err() {
        meter.note(&context, &keys).await;
    }
    outcome
}

async fn finish(context: &Context, keys: &JobKeys, message: &JobRef, meter: &Meter) -> Result<Stored, Error> {
    let JobRef { job, dataset } = message;
    let (work, lake) = (context.work(), context.lake());
    let commit = match documents::find::<Commit>(work.as_ref(), &keys.stored()).await? {
        Some(commit) => commit,
        None => {
            let commit = match find_commit(context, keys, message).await? {
                Some(commit) => commit,
                None => commit(context, keys, message, meter).await?,
            };
            documents::write(work.as_ref(), &keys.stored(), &commit, Put::Overwrite).await?;
            commit
        }
    };
    delete_replaced(&lake, &commit).await?;
    checkpoint(context, message, &commit).await;
    let warnings = register(context, keys, message, &commit).await;
    note_success(context, &commit, &warnings, meter).await?;
    sweep(lake.as_ref(), &context.dataset_prefix(dataset), job).await;
    sweep_merged(work.as_ref(), keys, &commit).await;
    Ok(Stored {
        job: job.clone(),
        dataset: dataset.clone(),
        sequence: commit.sequence,
        counts: commit.counts,
        files: commit.files.len() as u64,
        bytes: commit.bytes,
        warnings,
    })
}

/// Commits a job. Everything that takes long is done before its files become visible.
async fn commit(context: &Context, keys: &JobKeys, message: &JobRef, meter: &Meter) -> Result<Commit, Error> {
    let (work, lake) = (context.work(), context.lake());
    let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
    let contract = parse_contract(&plan.contract)?;
    let tally: Tally = documents::read(work.as_ref(), &keys.tally()).await?;
    let receipts = verify::tallied(work.as_ref(), keys, &tally).await?;
    refuse_if_cancelled(context, keys).await?;
    let log = context.log(&message.dataset, contract.output.table);
    log.refuse_other_format().await?;
    claim(context, &plan, &tally, contract.output.mode).await?;
    pieces::join(work.clone(), keys, &plan, &tally, &receipts).await?;
    let sketch = profile::join(work.as_ref(), keys, &receipts).await?;
    let merged = merge::receipts(work.as_ref(), keys, &tally).await?;
    let files = open_files(&tally, &receipts, &merged)?;
    let mut bill = bill::so_far(context, keys, &receipts, &merged, plan.source_bytes).await?;
    let mut draft = draft(&plan, &tally, &files, &sketch, &contract.output);
    // What is there may forbid the commit: better before anything is visible.
    let base = log.base(next_number(context, keys, &log).await?, draft.mode).await?;
    base.check(&draft, &contract)?;
    complete(&lake, &files).await?;
    if let Err(error) = refuse_if_cancelled(context, keys).await {
        if matches!(error, Error::Cancelled(_)) {
            // Nobody may come after: an execution that was stopped runs no Abandon.
            context.registry.release(&message.dataset, &contents(&plan, &tally), &message.job).await?;
            take_back(context, &files).await?;
        }
        return Err(error);
    }
    bill.add(Item::Store, meter.tell());
    draft.bill = Some(bill);
    write_commit(context, keys, &log, &contract, draft, base).await
}

/// Tells the registry that a job is committed.
///
/// The commit's bill is that of what was spent up to the commit; what this invocation spent since is added.
pub(crate) async fn note_success(context: &Context, commit: &Commit, warnings: &[Warning], meter: &Meter) -> Result<(), Error> {
    let mut bill = commit.bill.clone();
    if let Some(bill) = &mut bill {
        bill.add(Item::Store, meter.tell());
    }
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(commit.counts),
        sequence: Some(commit.sequence),
        bill,
        warnings: warnings.to_vec(),
        ..JobChange::default()
    };
    context.registry.update_job(&commit.job, &change, &now()).await?;
    Ok(())
}

/// The names under which the bytes of a job are remembered.
pub(crate) fn contents(plan: &Plan, tally: &Tally) -> Vec<String> {
    let mut names = plan.contents.clone();
    let exact = content_name(plan.source_bytes, tally.crc64nvme);
    if !names.contains(&exact) {
        names.push(exact);
    }
    names
}

/// Deletes what was completed of a job that is not going to be visible, and aborts what was not.
pub(crate) async fn take_back(context: &Context, files: &[OpenFile]) -> Result<(), Error> {
    let lake = context.lake();
    for file in files {
        lake.abort_upload(&file.key, &file.upload).await?;
        lake.delete(&file.key).await?;
    }
    Ok(())
}

/// The files of a job by shard: those of its shards, and those that were put together of what these left small. All rows are in them.
fn open_files(tally: &Tally, receipts: &[Receipt], merged: &[MergeReceipt]) -> Result<Vec<OpenFile>, Error> {
    let files = all_files(receipts, merged);
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    if merged.len() as u64 != u64::from(tally.merges) || rows != tally.counts.stored {
        return Err(Error::Internal(format!(
            "{} of {} merges left {rows} rows in files, and {} are to be stored",
            merged.len(),
            tally.merges,
            tally.counts.stored
        )));
    }
    Ok(files)
}

/// The files that were left open, as far as is told: by shard, those first that were put together.
pub(crate) fn all_files(receipts: &[Receipt], merged: &[MergeReceipt]) -> Vec<OpenFile> {
    let of_shards = receipts.iter().flat_map(|receipt| receipt.files.iter().map(|file| (receipt.shard, file)));
    let merged = merged.iter().flat_map(|receipt| receipt.files.iter().map(|merged| (merged.shard, &merged.file)));
    let mut files: Vec<(u32, &OpenFile)> = merged.chain(of_shards).collect();
    files.sort_by_key(|(shard, _)| *shard);
    files.into_iter().map(|(_, file)| file.clone()).collect()
}

/// Remembers the bytes. Those that replace others may come again: what they would double they remove.
async fn claim(context: &Context, plan: &Plan, tally: &Tally, mode: Mode) -> Result<(), Error> {
    let submission = &plan.submission;
    let contents = contents(plan, tally);
    let force = submission.force || mode != Mode::Append;
    match context.registry.claim(&submission.dataset, &contents, &submission.job, force).await? {
        None => Ok(()),
        Some(earlier) => Err(already_landed(&earlier, submission.dataset.as_str())),
    }
}

async fn complete(lake: &Arc<dyn Objects>, files: &[OpenFile]) -> Result<(), Error> {
    let complete = |file: OpenFile| async move {
        let parts: Vec<Part> = file.parts.into_iter().zip(1..).map(|(etag, number)| Part { number, etag }).collect();
        lake.complete_upload(&file.key, &file.upload, &parts).await.map_err(|error| match error {
            objects::Error::Missing(_) => {
                Error::StoreUnavailable(format!("the upload of {} is gone: uploads live for two days; submit the job again", file.key))
            }
            other => other.into(),
        })
    };
    stream::iter(files.to_vec()).map(complete).buffer_unordered(CONCURRENT_COMPLETIONS).try_collect().await
}

/// The commit, but for its number, its time and what it removes.
fn draft(plan: &Plan, tally: &Tally, open: &[OpenFile], sketch: &Sketch, output: &Output) -> Commit {
    let mut nulls: BTreeMap<String, u64> = BTreeMap::new();
    for (column, count) in open.iter().flat_map(|file| &file.nulls) {
        *nulls.entry(column.clone()).or_default() += count;
    }
    Commit {
        sequence: 0,
        committed: String::new(),
        mode: output.mode,
        table: output.table,
        job: plan.submission.job.clone(),
        contract: plan.submission.contract,
        source: plan.source.clone(),
        source_bytes: plan.source_bytes,
        source_crc64nvme: format!("{:016x}", tally.crc64nvme),
        counts: tally.counts,
        bytes: open.iter().map(|file| file.bytes).sum(),
        nulls,
        bounds: sketch.bounds().map(|(column, bounds)| (column.to_owned(), bounds)).collect(),
        bill: None,
        files: open.iter().map(CommittedFile::of).collect(),
        removed: Vec::new(),
    }
}

/// Takes the next free number of the dataset's log.
///
/// The number is noted beside the job before it is taken, so that a retry after a crash finds what it wrote: a note that is there was made before any
/// write under that number, and a job that sees its own entry is done. What the commit removes is what the entries before it leave: whoever loses the race for a
/// number looks again at what is there.
async fn write_commit(
    context: &Context,
    keys: &JobKeys,
    log: &Log,
    contract: &Contract,
    mut commit: Commit,
    mut base: Base,
) -> Result<Commit, Error> {
    let work = context.work();
    loop {
        let intent = Intent { sequence: base.next, table: commit.table };
        documents::write(work.as_ref(), &keys.intent(), &intent, Put::Overwrite).await?;
        commit.sequence = base.next;
        commit.committed = now();
        commit.removed = base.check(&commit, contract)?;
        if log.write(&commit, contract, &base).await? {
            return Ok(commit);
        }
        let there = log.get(base.next).await?;
        if is_of_job(&there, &commit.job) {
            return there.into_commit().ok_or_else(|| Error::Internal("an entry of the log lost its commit".to_owned()));
        }
        base.follow(there);
    }
}

/// The number to try first.
async fn next_number(context: &Context, keys: &JobKeys, log: &Log) -> Result<u64, Error> {
    let work = context.work();
    if let Some(intent) = documents::find::<Intent>(work.as_ref(), &keys.intent()).await? {
        return Ok(intent.sequence);
    }
    let free = log.first_free().await?;
    // Another run of this step may have noted a number, and taken it, while this one was looking.
    Ok(documents::find::<Intent>(work.as_ref(), &keys.intent()).await?.map_or(free, |intent| intent.sequence))
}

fn is_of_job(entry: &Entry, job: &JobId) -> bool {
    entry.commit.as_ref().is_some_and(|commit| commit.job == *job)
}

/// The entry that a job has in the commit log, if it got that far: that of the number that it noted, or a later one, as of two runs of a step the slower one may have
/// noted its number last.
pub(crate) async fn find_commit(context: &Context, keys: &JobKeys, job: &JobRef) -> Result<Option<Commit>, Error> {
    let Some(intent) = documents::find::<Intent>(context.work().as_ref(), &keys.intent()).await? else { return Ok(None) };
    let log = context.log(&job.dataset, intent.table);
    let mut sequence = intent.sequence;
    while let Some(there) = log.find(sequence).await? {
        if is_of_job(&there, &job.job) {
            return Ok(there.into_commit());
        }
        sequence += 1;
    }
    Ok(None)
}

/// Deletes what a commit removed from the table: after it, so that whoever reads the log finds all files of the state that he reads, or a newer state.
///
/// Files of Delta tables stay: their readers go back in time, and vacuum the table when they no longer want to.
pub(crate) async fn delete_replaced(lake: &Arc<dyn Objects>, commit: &Commit) -> Result<(), Error> {
    if commit.table == TableFormat::Delta {
        return Ok(());
    }
    let delete = |key: String| async move { lake.delete(&key).await.map_err(Error::from) };
    stream::iter(commit.removed.clone()).map(delete).buffer_unordered(CONCURRENT_DELETIONS).try_collect().await
}

/// Writes a checkpoint of a Delta log, where one is due. The table is the same without: what can't be written now, the next commit writes.
async fn checkpoint(context: &Context, message: &JobRef, commit: &Commit) {
    let now = chrono::Utc::now().timestamp_millis();
    match context.log(&message.dataset, commit.table).checkpoint(commit.sequence, now).await {
        Ok(false) => {}
        Ok(true) => tracing::info!(sequence = commit.sequence, "a checkpoint was written"),
        Err(error) => tracing::warn!(%error, "no checkpoint was written"),
    }
}

/// Forgets the uploads that losing attempts left open. What can't be swept now, the bucket's lifecycle rule sweeps.
pub(crate) async fn sweep(lake: &dyn Objects, prefix: &str, job: &JobId) {
    let open = match lake.uploads(prefix).await {
        Ok(open) => open,
        Err(error) => return tracing::warn!(%error, "open uploads can't be listed"),
    };
    for upload in open.iter().filter(|upload| is_of(&upload.key, job)) {
        if let Err(error) = lake.abort_upload(&upload.key, &upload.upload).await {
            tracing::warn!(key = upload.key, %error, "an upload stays open");
        }
    }
}

/// Deletes what a commit's files were put together of.
pub(crate) async fn sweep_merged(work: &dyn Objects, keys: &JobKeys, commit: &Commit) {
    if commit.files.iter().any(|file| is_merged(&file.key, &commit.job)) {
        sweep_small(work, keys).await;
    }
}

/// Deletes the small files beside a job: they were put together, or are not going to be. What can't be deleted now, the bucket's lifecycle rule deletes.
pub(crate) async fn sweep_small(work: &dyn Objects, keys: &JobKeys) {
    let mut after: Option<String> = None;
    loop {
        let page = match work.list(keys.small_prefix(), after.as_deref(), PAGE).await {
            Ok(page) => page,
            Err(error) => return tracing::warn!(%error, "the small files can't be listed"),
        };
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|listed| listed.key.clone());
        let delete = |key: String| async move { (work.delete(&key).await, key) };
        let mut deleted = stream::iter(page.into_iter().map(|listed| listed.key)).map(delete).buffer_unordered(CONCURRENT_DELETIONS);
        while let Some((outcome, key)) = deleted.next().await {
            if let Err(error) = outcome {
                tracing::warn!(key, %error, "a small file stays");
            }
        }
        if is_last {
            return;
        }
    }
}

/// Whether a key of the lake is of a file that `job` put together of smaller ones.
fn is_merged(key: &str, job: &JobId) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(&merged_prefix(job)))
}

/// Whether a key of the lake is of a file of `job`.
fn is_of(key: &str, job: &JobId) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(&file_prefix(job)))
}
