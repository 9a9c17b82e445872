//! Keeps, tags, deletes or moves the objects that a job landed, as the contract says.
//!
//! It comes after the commit and before the job is told to have landed, so that whoever retries or
//! settles the job does what is left. An object that was replaced meanwhile is another job's.

use contract::Afterwards;
use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::message::{JobId, JobKeys, SourceRef, Warning};
use landing::commit::{Commit, Tally};
use landing::plan::{Plan, PlannedObject};
use objects::{Head, Objects};

use crate::planned::Planned;
use crate::source::pin;
use crate::upload::Spool;
use crate::{Context, documents};

/// The tag of an object that is landed, by which a lifecycle rule finds it.
const LANDED: (&str, &str) = ("landfall", "landed");
/// The tag that names the job.
const LANDED_BY: &str = "landfall-job";
/// What a job is warned of whose sources could not be tagged, deleted or moved.
const NOT_DONE: &str = "AfterwardsNotDone";
/// Objects that are tagged, deleted or moved at once.
const CONCURRENT_OBJECTS: usize = 16;

/// Does what is left to do. A store that refuses is what the job is warned of, as its rows are in
/// the lake; one that is busy is worth another attempt.
pub(crate) async fn tidy(
    context: &Context,
    keys: &JobKeys,
    commit: &Commit,
) -> Result<Vec<Warning>, Error> {
    let Some(afterwards) = &commit.afterwards else { return Ok(Vec::new()) };
    let work = context.work();
    let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
    let tally: Tally = documents::read(work.as_ref(), &keys.tally()).await?;
    let mut planned = Planned::new(work.as_ref(), &plan);
    for part in 0..planned.parts() {
        let objects = planned.landed_part(part, &tally).await?;
        let tidied =
            stream::iter(objects).map(|object| tidy_one(context, afterwards, &commit.job, object));
        match tidied.buffer_unordered(CONCURRENT_OBJECTS).try_collect::<Vec<()>>().await {
            Ok(_) => {}
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let message =
                    format!("the job landed, but its sources were not all tidied up: {error}");
                tracing::warn!(name = NOT_DONE, error = error.name(), "the job landed");
                return Ok(vec![Warning { name: NOT_DONE.to_owned(), message }]);
            }
        }
    }
    Ok(Vec::new())
}

async fn tidy_one(
    context: &Context,
    afterwards: &Afterwards,
    job: &JobId,
    object: PlannedObject,
) -> Result<(), Error> {
    let PlannedObject { source, bytes, .. } = object;
    let bucket = context.buckets.bucket(&source.bucket);
    if *afterwards == Afterwards::Tag {
        return tag(bucket.as_ref(), &source, job).await;
    }
    let now = match bucket.head(&source.key, None).await {
        Ok(now) => now,
        // It is done already.
        Err(objects::Error::Missing(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if let Afterwards::Move(prefix) = afterwards {
        let copy = Spool::new(bucket.clone(), format!("{prefix}{}", source.key));
        copy_to(bucket.as_ref(), &source, bytes, copy).await?;
    }
    if is_of(&source, &now) {
        bucket.delete(&source.key).await?;
    }
    Ok(())
}

/// Adds the tags of a landed object to those that it has. The version that was landed has them, also
/// when a newer one is there.
async fn tag(bucket: &dyn Objects, source: &SourceRef, job: &JobId) -> Result<(), Error> {
    let version = source.version.as_deref();
    let outcome = async {
        if version.is_none() && !is_of(source, &bucket.head(&source.key, None).await?) {
            return Ok(());
        }
        let before = bucket.tags(&source.key, version).await?;
        let mut tags = before.clone();
        tags.insert(LANDED.0.to_owned(), LANDED.1.to_owned());
        tags.insert(LANDED_BY.to_owned(), job.to_string());
        if tags == before { Ok(()) } else { bucket.put_tags(&source.key, version, &tags).await }
    };
    match outcome.await {
        // There is nothing left to tag.
        Err(objects::Error::Missing(_)) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Whether what is there now is what was landed.
fn is_of(source: &SourceRef, now: &Head) -> bool {
    match (&source.version, &now.version) {
        (Some(landed), Some(now)) => landed == now,
        _ => source.etag.as_ref() == Some(&now.etag),
    }
}

async fn copy_to(
    bucket: &dyn Objects,
    source: &SourceRef,
    bytes: u64,
    mut copy: Spool,
) -> Result<(), Error> {
    let mut at = 0;
    while at < bytes {
        let range = at..(at + bucket.block_bytes()).min(bytes);
        let block = match bucket.get(&source.key, &pin(source), range).await {
            Ok(block) if !block.is_empty() => block,
            // It was replaced, and the bucket keeps no versions: there is nothing left to move.
            Ok(_) | Err(objects::Error::Changed(_) | objects::Error::Missing(_)) => {
                copy.abort().await;
                return Ok(());
            }
            Err(error) => {
                copy.abort().await;
                return Err(error.into());
            }
        };
        at += block.len() as u64;
        if let Err(error) = copy.push(&block).await {
            copy.abort().await;
            return Err(error);
        }
    }
    copy.finish().await.map(drop)
}
