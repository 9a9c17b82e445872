//! Holds a job that is written and proved: what approving it would change is told, and its
//! execution waits for the answer.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{SecondsFormat, TimeDelta, Utc};
use contract::Contract;
use csv_records::{Limits, preamble};
use job::Error;
use job::bill::Item;
use job::hold::{Hold, MAX_HOLD_SECONDS};
use job::message::{Held, HoldJob, JobId};
use landing::commit::{Commit, HeaderDrift, Tally};
use landing::hold::{Changes, ColumnChange, Last};
use landing::plan::Plan;
use objects::Put;
use registry::{JobChange, JobStatus};
use tables::Log;

use crate::context::now;
use crate::decision::refuse_if_undone;
use crate::planned::Planned;
use crate::ready::Ready;
use crate::spending::Meter;
use crate::store::tell_of_skipped;
use crate::{Context, announce, documents};

/// Entries of the log among which the last commit is looked for, from the newest one back: those
/// that are void, of replays or of other writers are none.
const MOST_ENTRIES: u64 = 32;

/// Compares a verified job with the last commit: why it is held, each in a sentence, or nothing; and
/// how its header differs, where that is to be announced.
pub(crate) async fn compare(
    context: &Context,
    plan: &Plan,
    contract: &Contract,
    tally: &Tally,
) -> Result<(Vec<String>, Option<HeaderDrift>), Error> {
    // Rejects have the header of the source that they are of.
    let announces = context.events.is_some() && plan.submission.replay.is_none();
    let last = match contract.hold.compares() || announces {
        true => {
            let log = context.log(&plan.submission.dataset, contract.output.table);
            last_commit(&log, log.first_free().await?).await?
        }
        false => None,
    };
    let last = match last {
        None => None,
        Some(Commit { job, counts, .. }) => {
            let before = context.keys(&job).plan();
            let before = documents::find::<Plan>(context.work().as_ref(), &before).await?;
            let header = match &before {
                Some(before) => header_before(context, &job, before).await?,
                None => None,
            };
            Some(Last { job, stored: counts.stored, header })
        }
    };
    let header = header(context, plan, tally).await?.unwrap_or_default();
    let drift = last.as_ref().filter(|_| announces);
    let drift = drift.and_then(|last| landing::hold::drift(&header, last));
    let commit = plan.submission.commit;
    Ok((landing::hold::reasons(contract, commit, tally, &header, last.as_ref()), drift))
}

/// Holds a job: everything of it can be looked at, and the registry keeps the token by which its
/// execution goes on. Done again, it keeps the newer token.
pub async fn hold(context: &Context, message: HoldJob) -> Result<Held, Error> {
    let (context, meter) = Meter::start(context, Item::Store);
    let keys = context.keys(&message.job);
    let outcome = tell(&context, message).await;
    meter.note(&context, &keys).await;
    outcome
}

async fn tell(context: &Context, message: HoldJob) -> Result<Held, Error> {
    let HoldJob { job, dataset, token } = message;
    let (work, keys) = (context.work(), context.keys(&job));
    refuse_if_undone(work.as_ref(), &keys).await?;
    let ready = Ready::get(context, &keys).await?;
    tell_of_skipped(context, &ready.plan, &ready.tally).await?;
    let changes = changes(context, &ready).await?;
    documents::write(work.as_ref(), &keys.changes(), &changes, Put::Overwrite).await?;
    let Changes { reasons, .. } = changes;
    let (since, limit) = (Utc::now(), TimeDelta::seconds(MAX_HOLD_SECONDS.into()));
    let [since, until] =
        [since, since + limit].map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    let change = JobChange {
        status: Some(JobStatus::Held),
        counts: Some(ready.tally.counts),
        hold: Some(Hold {
            token,
            reasons: reasons.clone(),
            since,
            until: until.clone(),
            answer: None,
        }),
        ..JobChange::default()
    };
    context.registry.update_job(&job, &change, &now()).await?;
    let held = Held { job, dataset, reasons, until };
    announce::announce(context, announce::held(&held)).await;
    Ok(held)
}

/// What approving a job would change, as the table stands. A job that can't commit fails here,
/// before anybody is asked.
async fn changes(context: &Context, ready: &Ready) -> Result<Changes, Error> {
    let Ready { plan, tally, contract, draft, .. } = ready;
    let log = context.log(&plan.submission.dataset, draft.table);
    log.refuse_other_format().await?;
    let next = log.first_free().await?;
    let base = log.base(next, draft.mode).await?;
    let removed = base.check(draft, contract)?.len() as u64;
    let last = last_commit(&log, next).await?;
    Ok(Changes {
        reasons: tally.hold.clone(),
        stored: draft.counts.stored,
        files: draft.files.len() as u64,
        bytes: draft.bytes,
        removed,
        columns: columns(draft, last.as_ref()),
        last_stored: last.as_ref().map(|last| last.counts.stored),
        last: last.map(|last| last.job),
    })
}

/// The nulls of each column, beside those of the last commit.
fn columns(draft: &Commit, last: Option<&Commit>) -> Vec<ColumnChange> {
    let none = BTreeMap::new();
    let before = last.map_or(&none, |last| &last.nulls);
    let share = |nulls: Option<&u64>, rows: u64| nulls.map(|n| *n as f64 / rows.max(1) as f64);
    let names: BTreeSet<&String> = draft.nulls.keys().chain(before.keys()).collect();
    let change = |name: &String| ColumnChange {
        name: name.clone(),
        nulls: share(draft.nulls.get(name), draft.counts.stored),
        last_nulls: share(before.get(name), last.map_or(0, |last| last.counts.stored)),
    };
    names.into_iter().map(change).collect()
}

/// The last commit before a number of the log that landed a whole source.
async fn last_commit(log: &Log, next: u64) -> Result<Option<Commit>, Error> {
    for sequence in (next.saturating_sub(MOST_ENTRIES)..next).rev() {
        let commit = log.find(sequence).await?.and_then(|entry| entry.commit);
        let is_whole = |commit: &Commit| commit.void.is_none() && commit.replay_of.is_none();
        if let Some(commit) = commit.filter(is_whole) {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

/// The names in the header of the job of the last commit.
async fn header_before(
    context: &Context,
    job: &JobId,
    plan: &Plan,
) -> Result<Option<Vec<String>>, Error> {
    if !plan.submission.skips_unreadable() {
        return Ok(header_of(plan, 0));
    }
    let tally = context.keys(job).tally();
    match documents::find::<Tally>(context.work().as_ref(), &tally).await? {
        Some(tally) => header(context, plan, &tally).await,
        None => Ok(None),
    }
}

/// The names in the header of the first object that a job lands.
async fn header(
    context: &Context,
    plan: &Plan,
    tally: &Tally,
) -> Result<Option<Vec<String>>, Error> {
    let work = context.work();
    let first = (0..plan.objects).find(|position| tally.lands(*position)).unwrap_or_default();
    Ok(header_of(plan, Planned::new(work.as_ref(), plan).layout(first).await?))
}

/// The names in the header of a layout.
fn header_of(plan: &Plan, layout: u32) -> Option<Vec<String>> {
    let layout = plan.layouts.get(layout as usize).filter(|layout| layout.dialect.header)?;
    let header = preamble(&layout.dialect, Limits::default(), &layout.header.0, true);
    header.ok().flatten().map(|header| header.names)
}
