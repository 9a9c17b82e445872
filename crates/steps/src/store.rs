//! Makes a job visible: gets everything ready, decides that it commits, and brings it to its end.

use contract::Expect;
use job::Error;
use job::bill::Item;
use job::decision::{Decision, Start};
use job::message::{JobKeys, JobRef, ObjectCounts, Stored, Warning};
use landing::commit::Tally;
use landing::plan::Plan;
use registry::JobChange;

use crate::context::now;
use crate::decision::{error_of, give_way};
use crate::ready::Ready;
use crate::spending::Meter;
use crate::{Context, claims, commit, decision, order, replay, skipped};

/// Stores a job that was verified. Done again it finishes what is left, and answers the same.
pub async fn store(context: &Context, message: JobRef) -> Result<Stored, Error> {
    let (context, meter) = Meter::start(context, Item::Store);
    let keys = context.keys(&message.job);
    let outcome = decide_and_finish(&context, &keys, &message, &meter).await;
    if outcome.is_err() {
        meter.note(&context, &keys).await;
    }
    outcome
}

async fn decide_and_finish(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
    meter: &Meter,
) -> Result<Stored, Error> {
    let (decision, ready) = match decision::find(context.work().as_ref(), keys).await? {
        Some(decision) => (decision, None),
        None => {
            let (decision, ready) = decide(context, keys, job).await?;
            (decision, Some(ready))
        }
    };
    match decision {
        Decision::Commit(start) => {
            commit::finish(context, keys, job, start, ready, meter).await?.map_err(error_of)
        }
        Decision::NoCommit(because) => Err(error_of(because)),
    }
}

/// Gets everything ready and decides. A job that can't commit is decided not to as soon as that is
/// known.
async fn decide(
    context: &Context,
    keys: &JobKeys,
    job: &JobRef,
) -> Result<(Decision, Ready), Error> {
    let work = context.work();
    let mut ready = Ready::get(context, keys).await?;
    let Ready { plan, tally, contract, draft, .. } = &ready;
    let mode = draft.mode;
    warn_of_rows(context, job, contract.expect, tally.counts.stored).await?;
    tell_of_skipped(context, plan, tally).await?;
    let log = context.log(&job.dataset, draft.table);
    log.refuse_other_format().await?;
    let from = log.first_free().await?;
    let base = log.base(from, mode).await?;
    // What is there may forbid the commit: better before anything is visible.
    base.check(draft, contract)?;
    if let Some(because) = order::any_superseded(context, plan, tally, mode).await? {
        return Err(give_way(work.as_ref(), keys, because).await);
    }
    if let Some(because) = replay::superseded(context, keys, plan, &log, from, &draft.files).await?
    {
        return Err(give_way(work.as_ref(), keys, because).await);
    }
    if let Some(because) = claims::claim(context, plan, tally, mode).await? {
        return Err(give_way(work.as_ref(), keys, because).await);
    }
    if let Some(because) = replay::claim(context, keys, plan, tally).await? {
        return Err(give_way(work.as_ref(), keys, because).await);
    }
    let decision =
        decision::decide(work.as_ref(), keys, Decision::Commit(Start { from, table: draft.table }))
            .await?;
    if matches!(decision, Decision::NoCommit(_)) {
        // Whoever decided may have looked for claims before this one was made.
        claims::release(context, plan, tally).await?;
    }
    ready.base = Some(base);
    Ok((decision, ready))
}

/// Tells how many objects are not landed, where shards left some out: `ingest` told of the others.
pub(crate) async fn tell_of_skipped(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
) -> Result<(), Error> {
    let left_out = tally.left_out();
    if left_out == 0 {
        return Ok(());
    }
    let counts = ObjectCounts { landed: plan.objects - left_out, skipped: plan.skipped + left_out };
    let change = JobChange {
        objects: Some(counts),
        warnings: skipped::warning(plan, left_out).into_iter().collect(),
        ..JobChange::default()
    };
    context.registry.update_job(&plan.submission.job, &change, &now()).await?;
    Ok(())
}

/// Warns of a job that stores fewer or more rows than its contract expects.
async fn warn_of_rows(
    context: &Context,
    job: &JobRef,
    expect: Expect,
    rows: u64,
) -> Result<(), Error> {
    if expect.allows(rows) {
        return Ok(());
    }
    let warning = Warning {
        name: "RowsUnexpected".to_owned(),
        message: format!("{rows} rows are stored, and the contract expects {}", expect.rows()),
    };
    let change = JobChange { warnings: vec![warning], ..JobChange::default() };
    context.registry.update_job(&job.job, &change, &now()).await?;
    Ok(())
}
