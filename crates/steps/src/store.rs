//! Makes a job visible: completes its uploads and writes its entry of the commit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use landing::Error;
use landing::commit::{Commit, CommittedFile, OpenFile, Receipt, Tally, content_name, log_key};
use landing::message::{JobId, JobKeys, JobRef, Stored};
use landing::plan::Plan;
use landing::profile::Sketch;
use objects::{Objects, Part, Put};
use registry::{JobChange, JobStatus};
use serde::{Deserialize, Serialize};

use crate::context::{file_prefix, now};
use crate::ingest::already_landed;
use crate::transform::refuse_if_cancelled;
use crate::{Context, documents, pieces, profile, verify};

/// Uploads that are completed at once: a reader that lists the prefix sees the files appear within this burst.
const CONCURRENT_COMPLETIONS: usize = 32;

/// `intent.json`: the number that a job is about to take in the commit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Intent {
    sequence: u64,
}

/// Stores a job that was verified. Done again it finishes what is left, and answers the same.
pub async fn store(context: &Context, message: JobRef) -> Result<Stored, Error> {
    let JobRef { job, dataset } = &message;
    let (work, lake, keys) = (context.work(), context.lake(), context.keys(job));
    let commit = match documents::find::<Commit>(work.as_ref(), &keys.stored()).await? {
        Some(commit) => commit,
        None => {
            let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
            let tally: Tally = documents::read(work.as_ref(), &keys.tally()).await?;
            let receipts = verify::tallied(work.as_ref(), &keys, &tally).await?;
            refuse_if_cancelled(context, &keys).await?;
            claim(context, &plan, &tally).await?;
            pieces::join(work.clone(), &keys, &plan, &tally, &receipts).await?;
            let sketch = profile::join(work.as_ref(), &keys, &receipts).await?;
            complete(&lake, &receipts).await?;
            if let Err(error) = refuse_if_cancelled(context, &keys).await {
                if matches!(error, Error::Cancelled(_)) {
                    // Nobody may come after: an execution that was stopped runs no Abandon.
                    context.registry.release(dataset, &contents(&plan, &tally), job).await?;
                    take_back(context, &receipts).await?;
                }
                return Err(error);
            }
            let commit = draft(&plan, &tally, &receipts, &sketch);
            let commit = write_commit(context, &keys, &message, commit).await?;
            documents::write(work.as_ref(), &keys.stored(), &commit, Put::Overwrite).await?;
            commit
        }
    };
    note_success(context, &commit).await?;
    sweep(lake.as_ref(), &context.dataset_prefix(dataset), job).await;
    Ok(Stored {
        job: job.clone(),
        dataset: dataset.clone(),
        sequence: commit.sequence,
        counts: commit.counts,
        files: commit.files.len() as u64,
        bytes: commit.bytes,
    })
}

/// Tells the registry that a job is committed.
pub(crate) async fn note_success(context: &Context, commit: &Commit) -> Result<(), Error> {
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(commit.counts),
        sequence: Some(commit.sequence),
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
pub(crate) async fn take_back(context: &Context, receipts: &[Receipt]) -> Result<(), Error> {
    let lake = context.lake();
    for file in receipts.iter().flat_map(|receipt| &receipt.files) {
        lake.abort_upload(&file.key, &file.upload).await?;
        lake.delete(&file.key).await?;
    }
    Ok(())
}

async fn claim(context: &Context, plan: &Plan, tally: &Tally) -> Result<(), Error> {
    let submission = &plan.submission;
    let contents = contents(plan, tally);
    match context.registry.claim(&submission.dataset, &contents, &submission.job, submission.force).await? {
        None => Ok(()),
        Some(earlier) => Err(already_landed(&earlier, submission.dataset.as_str())),
    }
}

async fn complete(lake: &Arc<dyn Objects>, receipts: &[Receipt]) -> Result<(), Error> {
    let files: Vec<OpenFile> = receipts.iter().flat_map(|receipt| receipt.files.iter().cloned()).collect();
    let complete = |file: OpenFile| async move {
        let parts: Vec<Part> = file.parts.into_iter().zip(1..).map(|(etag, number)| Part { number, etag }).collect();
        lake.complete_upload(&file.key, &file.upload, &parts).await.map_err(|error| match error {
            objects::Error::Missing(_) => {
                Error::StoreUnavailable(format!("the upload of {} is gone: uploads live for two days; submit the job again", file.key))
            }
            other => other.into(),
        })
    };
    stream::iter(files).map(complete).buffer_unordered(CONCURRENT_COMPLETIONS).try_collect().await
}

/// The commit, but for its number.
fn draft(plan: &Plan, tally: &Tally, receipts: &[Receipt], sketch: &Sketch) -> Commit {
    let open: Vec<&OpenFile> = receipts.iter().flat_map(|receipt| &receipt.files).collect();
    let mut nulls: BTreeMap<String, u64> = BTreeMap::new();
    for (column, count) in open.iter().flat_map(|file| &file.nulls) {
        *nulls.entry(column.clone()).or_default() += count;
    }
    Commit {
        sequence: 0,
        job: plan.submission.job.clone(),
        contract: plan.submission.contract,
        source: plan.source.clone(),
        source_bytes: plan.source_bytes,
        source_crc64nvme: format!("{:016x}", tally.crc64nvme),
        counts: tally.counts,
        bytes: open.iter().map(|file| file.bytes).sum(),
        nulls,
        bounds: sketch.bounds().map(|(column, bounds)| (column.to_owned(), bounds)).collect(),
        files: open.into_iter().map(CommittedFile::of).collect(),
    }
}

/// Takes the next free number of the dataset's log.
///
/// The number is noted beside the job before it is taken, so that a retry after a crash finds what it wrote: a note that is there was made before any
/// write under that number, and a job that sees its own entry is done.
async fn write_commit(context: &Context, keys: &JobKeys, job: &JobRef, mut commit: Commit) -> Result<Commit, Error> {
    let (work, lake) = (context.work(), context.lake());
    let prefix = context.dataset_prefix(&job.dataset);
    let mut next = match documents::find::<Intent>(work.as_ref(), &keys.intent()).await? {
        Some(intent) => intent.sequence,
        None => {
            let free = first_free(lake.as_ref(), &prefix).await?;
            // Another run of this step may have noted a number, and taken it, while this one was looking.
            documents::find::<Intent>(work.as_ref(), &keys.intent()).await?.map_or(free, |intent| intent.sequence)
        }
    };
    loop {
        documents::write(work.as_ref(), &keys.intent(), &Intent { sequence: next }, Put::Overwrite).await?;
        commit.sequence = next;
        let key = log_key(&prefix, next);
        if documents::write(lake.as_ref(), &key, &commit, Put::IfAbsent).await? {
            return Ok(commit);
        }
        let there: Commit = documents::read(lake.as_ref(), &key).await?;
        if there.job == commit.job {
            return Ok(there);
        }
        next += 1;
    }
}

/// The entry that a job has in the commit log, if it got that far.
pub(crate) async fn find_commit(context: &Context, keys: &JobKeys, job: &JobRef) -> Result<Option<Commit>, Error> {
    let Some(intent) = documents::find::<Intent>(context.work().as_ref(), &keys.intent()).await? else { return Ok(None) };
    let key = log_key(&context.dataset_prefix(&job.dataset), intent.sequence);
    let there = documents::find::<Commit>(context.lake().as_ref(), &key).await?;
    Ok(there.filter(|commit| commit.job == job.job))
}

/// The first number that is not taken. Numbers have no gaps, so it is galloped to and then halved down.
async fn first_free(lake: &dyn Objects, prefix: &str) -> Result<u64, Error> {
    let is_taken = |sequence: u64| async move {
        match lake.head(&log_key(prefix, sequence), None).await {
            Ok(_) => Ok::<_, Error>(true),
            Err(objects::Error::Missing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    };
    let mut taken_below = 0;
    let mut free = 0;
    while is_taken(free).await? {
        taken_below = free + 1;
        free = free * 2 + 1;
    }
    while taken_below < free {
        let middle = taken_below + (free - taken_below) / 2;
        if is_taken(middle).await? {
            taken_below = middle + 1;
        } else {
            free = middle;
        }
    }
    Ok(free)
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

/// Whether a key of the lake is of a file of `job`.
fn is_of(key: &str, job: &JobId) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(&file_prefix(job)))
}
