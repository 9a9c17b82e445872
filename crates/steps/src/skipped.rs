//! Lists the objects of a job that are not landed: they landed before, or they can't be read.
//! `ingest` leaves out what it finds so when it opens the objects. Shards find what is gone, or
//! turns out to be damaged further in: `verify` adds it to the list, and `store` tells the
//! registry.

use bytes::Bytes;
use job::message::{JobId, JobKeys, Submission, Warning, digest};
use job::{Error, ErrorKind};
use landing::commit::LeftOut;
use landing::plan::Plan;
use objects::{Objects, Put};
use serde::{Deserialize, Serialize};

use crate::decision::give_way;
use crate::planned::Planned;
use crate::standing::already_landed;
use crate::{Context, documents};

/// An object that is not landed: a line of `skipped.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) source: String,
    /// Why, by the name of a failure.
    pub(crate) error: String,
    pub(crate) message: String,
    /// The job that landed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<JobId>,
}

impl Skipped {
    pub(crate) fn new(source: String, error: &str, message: String) -> Self {
        Self { source, error: error.to_owned(), message, job: None }
    }
}

/// How many of the objects that are not landed can't be read: the others landed before.
pub(crate) fn count_unreadable(skipped: &[Skipped]) -> u32 {
    let has_landed = |object: &&Skipped| {
        matches!(
            ErrorKind::named(&object.error),
            Some(ErrorKind::AlreadyLanded | ErrorKind::Superseded)
        )
    };
    skipped.iter().filter(|object| !has_landed(object)).count() as u32
}

/// The warning that some objects of a job can't be read. `left_out`: how many planned objects its
/// shards left out.
pub(crate) fn warning(plan: &Plan, left_out: u32) -> Option<Warning> {
    let (unreadable, of) = (plan.unreadable + left_out, plan.skipped + plan.objects);
    (unreadable > 0).then(|| Warning {
        name: "ObjectsSkipped".to_owned(),
        message: format!(
            "{unreadable} of {of} objects can't be read and are not landed; the job's skipped objects tell why"
        ),
    })
}

/// Writes the list of the objects that are not landed, under a name of its own: its key. Without
/// any there is none.
pub(crate) async fn keep(
    work: &dyn Objects,
    keys: &JobKeys,
    skipped: &[Skipped],
) -> Result<Option<String>, Error> {
    if skipped.is_empty() {
        return Ok(None);
    }
    let lines = lines(skipped)?;
    let key = keys.skipped_by(&digest(&[&lines]));
    work.put(&key, Bytes::from(lines), Put::Overwrite).await?;
    Ok(Some(key))
}

/// Puts such a list where people find it.
pub(crate) async fn show(work: &dyn Objects, keys: &JobKeys, list: &str) -> Result<(), Error> {
    let lines = work.read(list, documents::MAX_BYTES).await?;
    work.put(&keys.skipped(), lines, Put::Overwrite).await?;
    Ok(())
}

/// The failure of a job that has no object left to land.
pub(crate) async fn nothing_left(
    context: &Context,
    keys: &JobKeys,
    submission: &Submission,
    skipped: &[Skipped],
) -> Error {
    let (name, count) = (submission.source.name(), skipped.len());
    match skipped.iter().find_map(|object| object.job.as_ref()) {
        Some(earlier) => {
            let mut because = already_landed(earlier.clone(), &submission.dataset);
            because.cause = format!(
                "all {count} objects of {name} are in {} already, the first one by job {earlier}; submit with `force` to land them again",
                submission.dataset
            );
            give_way(context.work().as_ref(), keys, because).await
        }
        None if count > 0 => Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "none of the {count} objects of {name} can be read; the job's skipped objects tell why"
            ),
        ),
        None => Error::new(
            ErrorKind::SourceMissing,
            format!("no object matches {name}; nothing is landed"),
        ),
    }
}

/// Lists the objects that turned out not to be readable beside those that were left out before. A
/// job that has none left to land fails.
pub(crate) async fn add(
    context: &Context,
    keys: &JobKeys,
    plan: &Plan,
    left_out: &[LeftOut],
) -> Result<(), Error> {
    if left_out.is_empty() {
        return Ok(());
    }
    let work = context.work();
    let mut planned = Planned::new(work.as_ref(), plan);
    let mut skipped = Vec::with_capacity(left_out.len());
    if let Some(list) = &plan.skipped_list {
        let text = work.read(list, documents::MAX_BYTES).await?;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            skipped.push(documents::parse(line, list)?);
        }
    }
    for LeftOut { object, error, message } in left_out {
        let source = planned.get(*object).await?.name();
        skipped.push(Skipped::new(source, error, message.clone()));
    }
    let lines = Bytes::from(lines(&skipped)?);
    work.put(&keys.skipped(), lines, Put::Overwrite).await?;
    match left_out.len() == plan.objects as usize {
        true => Err(nothing_left(context, keys, &plan.submission, &skipped).await),
        false => Ok(()),
    }
}

fn lines(skipped: &[Skipped]) -> Result<String, Error> {
    let mut lines = String::new();
    for object in skipped {
        let line = serde_json::to_string(object)
            .map_err(|_| Error::new(ErrorKind::Internal, "a skipped object can't be written"))?;
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}
