//! The claims of a job on its bytes, so that they land once.
//!
//! They are made just before the job is decided to commit, and given up by one that is decided not
//! to.

use contract::Mode;
use job::message::Failure;
use job::{Error, ErrorKind};
use landing::commit::{Tally, content_name};
use landing::plan::Plan;

use crate::Context;
use crate::standing::{Standing, already_landed, standing};

/// Claims the bytes of a job; the answer is why it may not have them. Those that replace others may
/// come again: what they would double they remove. So may those without records, as nothing of them
/// is in the table.
pub(crate) async fn claim(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
    mode: Mode,
) -> Result<Option<Failure>, Error> {
    if tally.counts.read == 0 {
        return Ok(None);
    }
    let submission = &plan.submission;
    let (dataset, contents) = (&submission.dataset, contents(plan, tally));
    let force = submission.force || mode != Mode::Append;
    while let Some(other) =
        context.registry.claim(dataset, &contents, &submission.job, force).await?
    {
        match standing(context, &other).await? {
            Standing::Commits => return Ok(Some(already_landed(other, dataset))),
            Standing::Void => context.registry.release(dataset, &contents, &other).await?,
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
    Ok(None)
}

/// Gives up the claims of a job that never commits.
pub(crate) async fn release(context: &Context, plan: &Plan, tally: &Tally) -> Result<(), Error> {
    let submission = &plan.submission;
    Ok(context
        .registry
        .release(&submission.dataset, &contents(plan, tally), &submission.job)
        .await?)
}

/// The names under which the bytes of a job are remembered.
fn contents(plan: &Plan, tally: &Tally) -> Vec<String> {
    let mut names = plan.contents.clone();
    let exact = content_name(plan.source_bytes, tally.crc64nvme);
    if !names.contains(&exact) {
        names.push(exact);
    }
    names
}
