//! Brings a job that is decided to commit to its end: its files, its entry of the log, and what
//! follows.
//!
//! Whoever finds the decision may do this, at the same time as others and any number of times: the
//! first one to write the job's entry has written it for all.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use delta_log::Entry;
use futures::{StreamExt, TryStreamExt, stream};
use job::TableFormat;
use job::bill::Item;
use job::decision::Start;
use job::message::{Failure, JobId, JobKeys, JobRef, Stored, Warning};
use job::{Error, ErrorKind};
use landing::commit::{Commit, OpenFile};
use objects::{Objects, Part, Put};
use registry::{JobChange, JobStatus};
use tables::{Base, Log};

use crate::context::{merged_prefix, now};
use crate::newest::set_newest;
use crate::order::any_superseded;
use crate::ready::Ready;
use crate::register::register;
use crate::spending::Meter;
use crate::{Context, afterwards, announce, documents, lineage, replay, sweep, undo};

/// Uploads that are completed at once: a reader that lists the prefix sees the files appear within
/// this burst.
const CONCURRENT_COMPLETIONS: usize = 32;
/// Replaced files that are deleted at once: a reader that lists the prefix sees them until they
/// are.
const CONCURRENT_DELETIONS: usize = 32;
/// The longest pause after the first number that is lost; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause of all: some hundreds of jobs that take turns.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Brings the job to its end. The answer is what landed, or why it can't commit after all: then
/// nothing of it is visible.
pub(crate) async fn finish(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    start: Start,
    ready: Option<Ready>,
    meter: &Meter,
) -> Result<Result<Stored, Failure>, Error> {
    let (work, lake) = (context.work(), context.lake());
    let commit = match documents::find::<Commit>(work.as_ref(), &keys.stored()).await? {
        Some(commit) => commit,
        None => {
            let commit = enter(context, keys, job, start, ready, meter).await?;
            documents::write(work.as_ref(), &keys.stored(), &commit, Put::Overwrite).await?;
            commit
        }
    };
    if let Some(because) = &commit.void {
        let files = Ready::get(context, keys).await?.files;
        take_back(&lake, &files).await?;
        undo::undo(context, keys, job, because, meter).await?;
        return Ok(Err(because.clone()));
    }
    delete_replaced(&lake, &commit).await?;
    checkpoint(context, job, &commit).await;
    let mut warnings = register(context, keys, job, &commit).await;
    warnings.extend(afterwards::tidy(context, keys, &commit).await?);
    // Earlier steps have warned of what they know.
    let warnings = note_success(context, &commit, warnings, meter).await?;
    tell_of_drift(context, &commit, job).await?;
    // What can't be cleared up now, the buckets' lifecycle rules do.
    if let Err(error) =
        sweep::uploads(lake.as_ref(), &context.dataset_prefix(&job.dataset), &job.job).await
    {
        tracing::warn!(error = error.name(), "uploads stay open");
    }
    if commit.files.iter().any(|file| is_merged(&file.key, &commit.job))
        && let Err(error) = sweep::small_files(work.as_ref(), keys).await
    {
        tracing::warn!(error = error.name(), "small files stay");
    }
    let stored = Stored {
        job: job.job.clone(),
        dataset: job.dataset.clone(),
        sequence: commit.sequence,
        counts: commit.counts,
        files: commit.files.len() as u64,
        bytes: commit.bytes,
        warnings,
    };
    lineage::completed(context, &stored, &commit.committed).await;
    Ok(Ok(stored))
}

/// The job's entry of the log: the one that is there, or else it is written.
async fn enter(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    start: Start,
    ready: Option<Ready>,
    meter: &Meter,
) -> Result<Commit, Error> {
    let log = context.log(&job.dataset, start.table);
    let mut ready = match ready {
        Some(ready) => ready,
        None => {
            if let Some(commit) = find(&log, start, &job.job).await? {
                return Ok(commit);
            }
            Ready::get(context, keys).await?
        }
    };
    let base = match ready.base.take() {
        Some(base) => base,
        None => log.base(start.from, ready.draft.mode).await?,
    };
    let completed = complete(&context.lake(), &ready.files).await;
    if let Some(bill) = &mut ready.draft.bill {
        bill.add(Item::Store, meter.unreported());
    }
    let mut commit = ready.draft.clone();
    if let Err(error) = completed {
        commit = commit.voided(final_failure(error)?);
    } else if let Some(because) =
        set_newest(context, &ready.plan, &ready.tally, commit.mode).await?
    {
        commit = commit.voided(because);
    }
    write(context, keys, &log, &ready, commit, base).await
}

/// Takes the next free number of the dataset's log.
///
/// What the commit removes is what the entries before it leave, so whoever loses a number to
/// somebody else follows all entries up to the newest one before it tries again. No number is
/// passed over unread: one of them may be this job's own, taken by another run of this step.
async fn write(
    context: &Context,
    keys: &JobKeys,
    log: &Log,
    ready: &Ready,
    mut commit: Commit,
    mut base: Base,
) -> Result<Commit, Error> {
    let mut losses = 0;
    loop {
        if commit.void.is_none() {
            commit = check(context, keys, log, ready, commit, &base).await?;
        }
        commit.schema = base.schema_after(&commit, &ready.contract)?;
        commit.sequence = base.next;
        commit.committed = now();
        if log.write(&commit, &ready.contract, &base).await? {
            return Ok(commit);
        }
        losses += 1;
        tokio::time::sleep(pause(losses)).await;
        for entry in log.since(base.next).await? {
            if is_of_job(&entry, &commit.job) {
                return own(entry);
            }
            base.follow(entry);
        }
    }
}

/// The commit as it may follow a state of the table. One that may not is void.
async fn check(
    context: &Context,
    keys: &JobKeys,
    log: &Log,
    ready: &Ready,
    commit: Commit,
    base: &Base,
) -> Result<Commit, Error> {
    let Ready { plan, tally, contract, .. } = ready;
    if let Some(because) = any_superseded(context, plan, tally, commit.mode).await? {
        return Ok(commit.voided(because));
    }
    if let Some(because) =
        replay::superseded(context, keys, plan, log, base.next, &commit.files).await?
    {
        return Ok(commit.voided(because));
    }
    match base.check(&commit, contract) {
        Ok(removed) => Ok(Commit { removed, ..commit }),
        Err(error) => Ok(commit.voided(final_failure(error)?)),
    }
}

/// A failure that another attempt can't mend; any other is the error of this attempt.
fn final_failure(error: Error) -> Result<Failure, Error> {
    if error.is_transient() { Err(error) } else { Ok(Failure::from(&error)) }
}

/// A random time, longer with each loss: of those who race for a number all but one lose.
fn pause(losses: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << (losses - 1).min(16)).min(LONGEST_PAUSE);
    // The standard library's hasher is seeded anew each time: randomness enough.
    let share = f64::from(RandomState::new().hash_one(losses) as u32) / f64::from(u32::MAX);
    longest.mul_f64(share)
}

/// The job's entry, if it is there.
async fn find(log: &Log, start: Start, job: &JobId) -> Result<Option<Commit>, Error> {
    let entries = log.since(start.from).await?;
    entries.into_iter().find(|entry| is_of_job(entry, job)).map(own).transpose()
}

fn own(entry: Entry) -> Result<Commit, Error> {
    entry.into_commit().ok_or_else(|| {
        Error::new(ErrorKind::Internal, "an entry of the log lost its commit".to_owned())
    })
}

fn is_of_job(entry: &Entry, job: &JobId) -> bool {
    entry.commit.as_ref().is_some_and(|commit| commit.job == *job)
}

async fn complete(lake: &Arc<dyn Objects>, files: &[OpenFile]) -> Result<(), Error> {
    let complete = |file: OpenFile| async move {
        let parts: Vec<Part> =
            file.parts.into_iter().zip(1..).map(|(etag, number)| Part { number, etag }).collect();
        lake.complete_upload(&file.key, &file.upload, &parts).await.map_err(|error| match error {
            objects::Error::Missing(_) => Error::new(
                ErrorKind::LimitExceeded,
                "an upload of the job is gone: uploads live for two days; submit the job again"
                    .to_owned(),
            ),
            other => other.into(),
        })
    };
    // All of them come to their end, so that none takes effect after what was completed is taken
    // back.
    let ended: Vec<Result<(), Error>> = stream::iter(files.to_vec())
        .map(complete)
        .buffer_unordered(CONCURRENT_COMPLETIONS)
        .collect()
        .await;
    ended.into_iter().collect()
}

/// Deletes what was completed of a job whose entry is void, and aborts what was not.
async fn take_back(lake: &Arc<dyn Objects>, files: &[OpenFile]) -> Result<(), Error> {
    let take_back = |file: OpenFile| async move {
        lake.abort_upload(&file.key, &file.upload).await?;
        lake.delete(&file.key).await.map_err(Error::from)
    };
    stream::iter(files.to_vec())
        .map(take_back)
        .buffer_unordered(CONCURRENT_DELETIONS)
        .try_collect()
        .await
}

/// Deletes what a commit removed from the table: after it, so that whoever reads the log finds all
/// files of the state that he reads, or a newer state.
///
/// Files of Delta tables stay: their readers go back in time, and vacuum the table when they no
/// longer want to.
async fn delete_replaced(lake: &Arc<dyn Objects>, commit: &Commit) -> Result<(), Error> {
    if commit.table == TableFormat::Delta {
        return Ok(());
    }
    let delete = |key: String| async move { lake.delete(&key).await.map_err(Error::from) };
    stream::iter(commit.removed.clone())
        .map(delete)
        .buffer_unordered(CONCURRENT_DELETIONS)
        .try_collect()
        .await
}

/// Writes a checkpoint of a Delta log, where one is due. The table is the same without: what can't
/// be written now, the next commit writes.
async fn checkpoint(context: &Context, job: &JobRef, commit: &Commit) {
    let now = chrono::Utc::now().timestamp_millis();
    match context.log(&job.dataset, commit.table).checkpoint(commit.sequence, now).await {
        Ok(false) => {}
        Ok(true) => tracing::info!(sequence = commit.sequence, "a checkpoint was written"),
        Err(error) => tracing::warn!(%error, "no checkpoint was written"),
    }
}

/// Tells the registry that a job is committed. The answer is all that the job is warned of.
///
/// The commit's bill is that of what was spent up to the commit; what this invocation spent since
/// is added.
async fn note_success(
    context: &Context,
    commit: &Commit,
    warnings: Vec<Warning>,
    meter: &Meter,
) -> Result<Vec<Warning>, Error> {
    let mut bill = commit.bill.clone();
    if let Some(bill) = &mut bill {
        bill.add(Item::Store, meter.unreported());
    }
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(commit.counts),
        sequence: Some(commit.sequence),
        bill,
        warnings: warnings.clone(),
        ..JobChange::default()
    };
    let record = context.registry.update_job(&commit.job, &change, &now()).await?;
    Ok(record.map_or(warnings, |record| record.warnings))
}

/// Announces that the header is another one than before, once for each job.
async fn tell_of_drift(context: &Context, commit: &Commit, job: &JobRef) -> Result<(), Error> {
    let Some(drift) = commit.drift.as_ref().filter(|_| context.events.is_some()) else {
        return Ok(());
    };
    let told = format!("drifted with {}", job.job);
    if context.registry.tell_once(&job.dataset, &told).await? {
        announce::announce(context, announce::drifted(&job.dataset, &job.job, drift)).await;
    }
    Ok(())
}

/// Whether a key of the lake is of a file that `job` put together of smaller ones.
fn is_merged(key: &str, job: &JobId) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(&merged_prefix(job)))
}
