//! The order of an object's versions: where commits replace what was there, an older version never
//! lands over a newer one.
//!
//! The registry holds the newest version that a job committed or is about to commit, for each
//! dataset and object. A job that is decided to commit sets it before its entry of the log, and
//! looks at it once more each time it knows the number that it is going to take. So whoever takes a
//! number has seen every newer version with a smaller one.

use std::cmp::Ordering;

use contract::Mode;
use futures::{StreamExt, stream};
use job::Error;
use job::message::{Failure, SourceRef, Submission};
use landing::commit::Tally;
use landing::plan::Plan;
use registry::Newest;

use crate::Context;
use crate::planned::Planned;

/// Objects about whose order is asked at once.
const CONCURRENT_OBJECTS: usize = 32;

/// Why a job makes way for a newer version, if one is there. `source` is the pinned one.
pub(crate) async fn superseded(
    context: &Context,
    submission: &Submission,
    source: &SourceRef,
    mode: Mode,
) -> Result<Option<Failure>, Error> {
    if mode == Mode::Append || submission.force {
        return Ok(None);
    }
    match context.registry.newest(&submission.dataset, &source.place()).await? {
        Some(newest)
            if newest.job != submission.job
                && is_older(context, source, &newest.source).await? =>
        {
            Ok(Some(made_way(newest)))
        }
        _ => Ok(None),
    }
}

/// The same of all objects that a job lands.
pub(crate) async fn any_superseded(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
    mode: Mode,
) -> Result<Option<Failure>, Error> {
    if mode == Mode::Append || plan.submission.force {
        return Ok(None);
    }
    each_object(context, plan, tally, |source| async move {
        superseded(context, &plan.submission, &source, mode).await
    })
    .await
}

/// Asks about the objects that a job lands, many at once; the first reason to make way is the
/// answer.
pub(crate) async fn each_object<F: Future<Output = Result<Option<Failure>, Error>>>(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
    ask: impl Fn(SourceRef) -> F,
) -> Result<Option<Failure>, Error> {
    let work = context.work();
    let mut planned = Planned::new(work.as_ref(), plan);
    for part in 0..planned.parts() {
        let objects = planned.landed_part(part, tally).await?.into_iter();
        let sources: Vec<SourceRef> = objects.map(|object| object.source).collect();
        let mut answers = stream::iter(sources).map(&ask).buffer_unordered(CONCURRENT_OBJECTS);
        while let Some(answer) = answers.next().await {
            if let Some(because) = answer? {
                return Ok(Some(because));
            }
        }
    }
    Ok(None)
}

/// Whether a version is known to be older than another one of the same object. Sequencers tell;
/// where an event told none, the bucket's list of versions.
pub(crate) async fn is_older(
    context: &Context,
    source: &SourceRef,
    than: &SourceRef,
) -> Result<bool, Error> {
    if source.version == than.version && source.etag == than.etag {
        return Ok(false);
    }
    if let (Some(own), Some(other)) = (&source.sequencer, &than.sequencer) {
        return Ok(compare_sequencers(own, other) == Ordering::Less);
    }
    let (Some(own), Some(other)) = (&source.version, &than.version) else { return Ok(false) };
    let versions = match context.buckets.bucket(&source.bucket).versions(&source.key).await {
        Ok(versions) => versions,
        Err(objects::Error::Denied(reason)) => {
            tracing::warn!(reason, "the order of versions is not known");
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    // Newest first.
    let position = |wanted: &String| versions.iter().position(|version| version == wanted);
    Ok(matches!((position(own), position(other)), (Some(own), Some(other)) if own > other))
}

/// Compares two sequencers of one key, as S3 says: hexadecimal digits, the shorter one filled up
/// with zeros on the right.
fn compare_sequencers(a: &str, b: &str) -> Ordering {
    let width = a.len().max(b.len());
    let filled = |text: &str| format!("{:0<width$}", text.to_ascii_uppercase());
    filled(a).cmp(&filled(b))
}

/// The failure of a job that makes way for a newer version.
pub(crate) fn made_way(newest: Newest) -> Failure {
    let job = newest.job;
    let cause = format!(
        "job {job} landed a newer version of the source; submit with `force` to land this one over it"
    );
    Failure { job: Some(job), ..Failure::new("Superseded", cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencers_are_compared_as_s3_says() {
        // The examples are of the user guide's page on the structure of event messages: a shorter
        // one is filled up on the right.
        for (a, b, order) in [
            ("0055AED6DCD90281E5", "0055AED6DCD90281E5", Ordering::Equal),
            ("0055AED6DCD90281E5", "0055AED6DCD90281E6", Ordering::Less),
            ("0055AED6DCD90281", "0055AED6DCD90281E5", Ordering::Less),
            ("0055AED6DCD902820", "0055AED6DCD90281E5", Ordering::Greater),
            ("0055aed6dcd90281e5", "0055AED6DCD90281E5", Ordering::Equal),
        ] {
            assert_eq!(compare_sequencers(a, b), order, "{a} {b}");
            assert_eq!(compare_sequencers(b, a), order.reverse(), "{b} {a}");
        }
    }
}
