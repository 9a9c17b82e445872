//! Notes the newest version of each object that a job is about to commit: see [`order`](crate::order).

use contract::Mode;
use job::Error;
use job::message::{Failure, SourceRef, Submission};
use landing::commit::Tally;
use landing::plan::Plan;
use registry::Newest;

use crate::Context;
use crate::order::{each_object, is_older, made_way};

/// Sets the newest version of each object to that of a job, which is decided to commit. The answer
/// is why it makes way after all.
pub(crate) async fn set_newest(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
    mode: Mode,
) -> Result<Option<Failure>, Error> {
    if mode == Mode::Append {
        return Ok(None);
    }
    each_object(context, plan, tally, |source| set_newest_of(context, &plan.submission, source))
        .await
}

async fn set_newest_of(
    context: &Context,
    submission: &Submission,
    source: SourceRef,
) -> Result<Option<Failure>, Error> {
    let place = source.place();
    let own = Newest { source, job: submission.job.clone() };
    loop {
        let there = context.registry.newest(&submission.dataset, &place).await?;
        if there.as_ref() == Some(&own) {
            return Ok(None);
        }
        match &there {
            Some(newest)
                if !submission.force && is_older(context, &own.source, &newest.source).await? =>
            {
                return Ok(there.map(made_way));
            }
            _ => {}
        }
        if context.registry.set_newest(&submission.dataset, there.as_ref(), &own).await? {
            return Ok(None);
        }
    }
}
