//! The claims of a job on the bytes of its objects, so that they land once.
//!
//! They are made just before the job is decided to commit, and given up by one that is decided not
//! to. All jobs claim in the order of the names, so that of two that want the same bytes one waits
//! for the other and never both.

use contract::Mode;
use futures::{StreamExt, TryStreamExt, stream};
use job::message::Failure;
use job::{Error, ErrorKind};
use landing::commit::{Tally, content_name};
use landing::plan::Plan;
use registry::MAX_CONTENTS;

use crate::Context;
use crate::planned::Planned;
use crate::standing::{Standing, already_landed, standing};

/// Batches of claims that are given up at once.
const CONCURRENT_RELEASES: usize = 8;

/// Claims the bytes of a job; the answer is why it may not have them. Those that replace others may
/// come again: what they would double they remove. So may those without records, as nothing of them
/// is in the table.
pub(crate) async fn claim(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
    mode: Mode,
) -> Result<Option<Failure>, Error> {
    let submission = &plan.submission;
    let (dataset, force) = (&submission.dataset, submission.force || mode != Mode::Append);
    for contents in contents(context, plan, tally).await?.chunks(MAX_CONTENTS) {
        while let Some(other) =
            context.registry.claim(dataset, contents, &submission.job, force).await?
        {
            match standing(context, &other).await? {
                Standing::Commits if submission.refuses_landed() => {
                    let cause = format!(
                        "job {other} landed some of the same objects in {dataset} meanwhile; nothing is landed, as the job was submitted with `landed: refuse`"
                    );
                    let failure = Failure::new(ErrorKind::LandedBefore.name(), cause);
                    return Ok(Some(Failure { job: Some(other), ..failure }));
                }
                Standing::Commits if plan.is_one_object() => {
                    return Ok(Some(already_landed(other, dataset)));
                }
                Standing::Commits => {
                    let cause = format!(
                        "job {other} landed some of the same objects in {dataset} meanwhile; submit this one again, and it lands the others"
                    );
                    let failure = Failure::new("AlreadyLanded", cause);
                    return Ok(Some(Failure { job: Some(other), ..failure }));
                }
                Standing::Void => context.registry.release(dataset, contents, &other).await?,
                Standing::Open => {
                    return Err(Error::new(
                        ErrorKind::StoreUnavailable,
                        format!(
                            "job {other} lands the same bytes in {dataset} and is not decided yet; a later attempt finds out what became of it"
                        ),
                    ));
                }
            }
        }
    }
    Ok(None)
}

/// Gives up the claims of a job that never commits.
pub(crate) async fn release(context: &Context, plan: &Plan, tally: &Tally) -> Result<(), Error> {
    let submission = &plan.submission;
    let contents = contents(context, plan, tally).await?;
    let release = |contents: Vec<String>| async move {
        context.registry.release(&submission.dataset, &contents, &submission.job).await
    };
    let batches: Vec<Vec<String>> = contents.chunks(MAX_CONTENTS).map(<[_]>::to_vec).collect();
    let released = stream::iter(batches).map(release).buffer_unordered(CONCURRENT_RELEASES);
    Ok(released.try_collect().await?)
}

/// The names under which the bytes of a job's objects are remembered, in their order. Objects
/// without records have none. Nor has a replay: it claims rejects, whose bytes may come twice.
async fn contents(context: &Context, plan: &Plan, tally: &Tally) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    if plan.submission.replay.is_some() {
        return Ok(names);
    }
    let work = context.work();
    let mut planned = Planned::new(work.as_ref(), plan);
    for (position, tallied) in (0..).zip(&tally.objects) {
        if tallied.counts.read > 0 {
            let object = planned.get(position).await?;
            names.extend(object.contents.iter().cloned());
            names.push(content_name(object.bytes, tallied.crc64nvme));
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
