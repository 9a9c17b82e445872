//! Lands rejects of an earlier job: each at most once, beside what that job wrote.
//!
//! `ingest` settles which reject each record of the source is. Before the decision, a job adds an
//! entry to the list of its root's replays, with the rejects that it lands. Numbers are taken one
//! by one, so whoever takes one has seen all entries before it. An entry of a job that never
//! commits is void, like its other claims.

use std::collections::{BTreeMap, HashSet};

use contract::rejects::ErrorEntry;
use contract::{Hold, Mode, RejectsLimit};
use delta_log::Entry;
use job::message::{Failure, JobId, JobKeys, SourceRef, Submission};
use job::replay::{Claimant, Claimed, MAX_REPLAYED, Positions, Replay, Replayed};
use job::{Error, ErrorKind};
use landing::commit::{Commit, CommittedFile, Tally};
use landing::plan::{Layout, Plan};
use objects::{Objects, Put};
use serde::Serialize;
use tables::Log;

use crate::pieces::Lines;
use crate::planned::Planned;
use crate::standing::{Standing, standing};
use crate::{Context, documents};

/// Settles which reject each record of a replay is, and keeps it beside the job. The answer is how
/// the rejects are laid out, or why the job has nothing to do.
///
/// # Errors
///
/// [`ErrorKind::SourceMissing`]: the parent has no such rejects. [`ErrorKind::LimitExceeded`]: more
/// than [`MAX_REPLAYED`].
pub(crate) async fn settle(
    context: &Context,
    keys: &JobKeys,
    job: &JobId,
    replay: &Replay,
) -> Result<Result<Layout, Failure>, Error> {
    let (layout, all) = all_of(context, replay).await?;
    let replayed = Replayed { rejects: choose(replay, &all.rejects)?, ..all };
    if let Some(failure) = landed_before(context, job, &replayed).await? {
        return Ok(Err(failure));
    }
    let work = context.work();
    documents::write(work.as_ref(), &keys.replayed(), &replayed, Put::Overwrite).await?;
    Ok(Ok(layout))
}

/// All rejects of the parent that have the layout, and how they are laid out.
async fn all_of(context: &Context, replay: &Replay) -> Result<(Layout, Replayed), Error> {
    let work = context.work();
    let work = work.as_ref();
    let parent = context.keys(&replay.of);
    let commit = documents::find::<Commit>(work, &parent.stored()).await?;
    let Some(commit) = commit.filter(|commit| commit.void.is_none()) else {
        return Err(missing(format!(
            "job {} landed nothing that rejects could be added to; land its whole source again",
            replay.of
        )));
    };
    let plan: Plan = documents::read(work, &parent.plan()).await?;
    let tally: Tally = documents::read(work, &parent.tally()).await?;
    let Some(layout) = plan.layouts.get(replay.layout as usize) else {
        return Err(missing(format!("job {} has no layout {}", replay.of, replay.layout)));
    };
    let all = match plan.submission.replay {
        None => Replayed {
            root: replay.of.clone(),
            sequence: commit.sequence,
            layout: replay.layout,
            rejects: rejects_of(work, &plan, &tally, replay.layout).await?,
        },
        Some(_) => {
            let earlier: Replayed = documents::read(work, &parent.replayed()).await?;
            let rejected = rejected_records(work, &parent, &tally).await?;
            let rejects = split(&earlier.rejects, &rejected).1;
            Replayed { rejects, ..earlier }
        }
    };
    Ok((layout.clone(), all))
}

/// The rejects that a replay may send, and who claims some of them.
pub(crate) struct Left {
    /// How they are laid out.
    pub(crate) layout: Layout,
    /// The list of the root's replays and dismissals.
    pub(crate) claims: Vec<Claimed>,
    all: Replayed,
}

/// Finds the rejects that the parent of a replay left.
pub(crate) async fn left(context: &Context, replay: &Replay) -> Result<Left, Error> {
    let (layout, all) = all_of(context, replay).await?;
    let (work, root) = (context.work(), context.keys(&all.root));
    let mut claims = Vec::new();
    for number in 0.. {
        match documents::find(work.as_ref(), &root.replay(number)).await? {
            Some(claimed) => claims.push(claimed),
            None => break,
        }
    }
    Ok(Left { layout, claims, all })
}

impl Left {
    /// How many there are, open or not.
    pub(crate) fn count(&self) -> u64 {
        self.all.rejects.count()
    }

    /// The open ones, by their positions among all that the parent left.
    pub(crate) async fn open(&self, context: &Context) -> Result<Positions, Error> {
        let mut taken = HashSet::new();
        for Claimed { by, rejects, .. } in
            self.claims.iter().filter(|claimed| claimed.layout == self.all.layout)
        {
            let is_taken = match by {
                Claimant::Dismissed(_) => true,
                Claimant::Job(job) => matches!(standing(context, job).await?, Standing::Commits),
            };
            if is_taken {
                taken.extend(rejects.iter());
            }
        }
        let rejects = (0..).zip(self.all.rejects.iter());
        Ok(rejects.filter(|(_, reject)| !taken.contains(reject)).map(|(at, _)| at).collect())
    }
}

/// The contract as a replay lands by it: beside what is there, in whatever way the source was
/// packed, and however many of the rejects are rejected again.
pub(crate) fn adapt(contract: &mut contract::Contract) {
    contract.output.mode = Mode::Append;
    contract.compression = contract::Compression::Auto;
    contract.member = None;
    contract.rejects_limit = RejectsLimit::None;
    contract.afterwards = None;
    contract.hold = Hold { always: contract.hold.always, ..Hold::default() };
}

/// Whether a replay may land an object that no other job may: rejects that lie beside its parent,
/// or mended ones that came with the request.
pub(crate) fn may_land(context: &Context, submission: &Submission, object: &SourceRef) -> bool {
    let Submission { job, replay, .. } = submission;
    let lies_beside = |job: &JobId| object.key.starts_with(context.keys(job).prefix());
    object.bucket == context.work.bucket
        && replay.as_ref().is_some_and(|replay| lies_beside(&replay.of) || lies_beside(job))
}

/// How many rejects of a layout a job left; `None`: it has no such layout.
pub async fn rejected(
    work: &dyn Objects,
    keys: &JobKeys,
    layout: u32,
) -> Result<Option<u64>, Error> {
    let plan: Plan = documents::read(work, &keys.plan()).await?;
    if layout as usize >= plan.layouts.len() {
        return Ok(None);
    }
    let tally: Tally = documents::read(work, &keys.tally()).await?;
    Ok(Some(rejects_of(work, &plan, &tally, layout).await?.count()))
}

/// The rejects of a job that have a layout.
async fn rejects_of(
    work: &dyn Objects,
    plan: &Plan,
    tally: &Tally,
    layout: u32,
) -> Result<Positions, Error> {
    let mut rejected = 0;
    let mut objects = Planned::new(work, plan);
    for (position, object) in (0..).zip(&tally.objects) {
        if objects.layout(position).await? == layout {
            rejected += object.counts.rejected;
        }
    }
    check_count(rejected)?;
    Ok(Positions::first(rejected as u32))
}

/// The rejects of a job that have one layout: they lie in a file of their own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayoutRejects {
    /// The layout, by its position in the plan.
    pub layout: u32,
    /// How many there are.
    pub rows: u64,
    /// The encoding of the file, as browsers name it.
    pub encoding: String,
    /// Which of all rejects of the job they are, in the order of the source, from 0.
    pub rejects: Positions,
}

/// The rejects of a job by their layouts. Empty: the job is not verified.
///
/// # Errors
///
/// Those of reading the documents beside the job.
pub async fn rejects_by_layout(
    work: &dyn Objects,
    keys: &JobKeys,
) -> Result<Vec<LayoutRejects>, Error> {
    let Some(plan) = documents::find::<Plan>(work, &keys.plan()).await? else {
        return Ok(Vec::new());
    };
    let Some(tally) = documents::find::<Tally>(work, &keys.tally()).await? else {
        return Ok(Vec::new());
    };
    let (mut at, mut objects) = (0_u32, Planned::new(work, &plan));
    let mut runs: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    for (position, object) in (0..).zip(&tally.objects) {
        let rejected = u32::try_from(object.counts.rejected).unwrap_or(u32::MAX);
        if rejected > 0 {
            let layout = objects.layout(position).await?;
            runs.entry(layout).or_default().push((at, rejected));
            at = at.saturating_add(rejected);
        }
    }
    let of_layout = |(layout, runs): (u32, Vec<(u32, u32)>)| {
        let rejects =
            Positions::try_from(runs).map_err(|why| Error::new(ErrorKind::LimitExceeded, why))?;
        let encoding = plan.layouts[layout as usize].dialect.encoding.label();
        Ok(LayoutRejects { layout, rows: rejects.count(), encoding, rejects })
    };
    runs.into_iter().map(of_layout).collect()
}

/// Those of the rejects that are sent again.
fn choose(replay: &Replay, rejects: &Positions) -> Result<Positions, Error> {
    let Replay { of, rejects: asked, .. } = replay;
    let chosen = match asked {
        None => rejects.clone(),
        Some(asked) => {
            check_count(asked.count())?;
            let all: Vec<u32> = rejects.iter().collect();
            let mut once = HashSet::new();
            let pick = |position: u32| {
                if !once.insert(position) {
                    return Err(missing(format!("reject {position} of job {of} is named twice")));
                }
                all.get(position as usize).copied().ok_or_else(|| {
                    let count = all.len();
                    missing(format!("job {of} has {count} rejects; {position} is none, from 0"))
                })
            };
            asked.iter().map(pick).collect::<Result<_, _>>()?
        }
    };
    match chosen.count() {
        0 => Err(missing(format!("job {of} has no rejects that could be sent again"))),
        _ => Ok(chosen),
    }
}

fn check_count(count: u64) -> Result<(), Error> {
    if count <= MAX_REPLAYED {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "{count} rejects are more than the {MAX_REPLAYED} of a replay; land them as a source of their own"
        ),
    ))
}

fn missing(message: String) -> Error {
    Error::new(ErrorKind::SourceMissing, message)
}

/// Proves that a replay has a record for each reject that it sends again.
pub(crate) async fn check_records(
    work: &dyn Objects,
    keys: &JobKeys,
    plan: &Plan,
    records: u64,
) -> Result<(), Error> {
    let Some(replay) = &plan.submission.replay else { return Ok(()) };
    let replayed: Replayed = documents::read(work, &keys.replayed()).await?;
    let rejects = replayed.rejects.count();
    if records == rejects {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::SourceCorrupt,
        format!(
            "{} has {records} records, and {rejects} rejects of job {} are sent again; send one \
             record for each, in the order of the rejects, or name those that are sent",
            plan.source_name(),
            replay.of
        ),
    ))
}

/// Claims the rejects that a replay lands; the answer is why it may not have them. Done again it
/// finds its own claim.
pub(crate) async fn claim(
    context: &Context,
    keys: &JobKeys,
    plan: &Plan,
    tally: &Tally,
) -> Result<Option<Failure>, Error> {
    if plan.submission.replay.is_none() {
        return Ok(None);
    }
    let work = context.work();
    let job = &plan.submission.job;
    let replayed: Replayed = documents::read(work.as_ref(), &keys.replayed()).await?;
    let rejected = rejected_records(work.as_ref(), keys, tally).await?;
    let mut landed: Vec<u32> = split(&replayed.rejects, &rejected).0.iter().collect();
    landed.sort_unstable();
    let rejects = landed.into_iter().collect();
    let own = Claimed { by: Claimant::Job(job.clone()), layout: replayed.layout, rejects };
    loop {
        match look(context, &replayed.root, &own).await? {
            Found::Own => return Ok(None),
            Found::Dismissed => return Ok(Some(dismissed(&replayed))),
            Found::Other(job, Standing::Commits) => {
                return Ok(Some(already_landed(job, &replayed)));
            }
            Found::Other(job, _) => {
                return Err(Error::new(
                    ErrorKind::StoreUnavailable,
                    format!(
                        "job {job} lands some of the same rejects and is not decided yet; a later attempt finds out what became of it"
                    ),
                ));
            }
            Found::Free(number) => {
                let key = context.keys(&replayed.root).replay(number);
                if documents::write(work.as_ref(), &key, &own, Put::IfAbsent).await? {
                    return Ok(None);
                }
            }
        }
    }
}

/// Why a replay has nothing to do: some of its rejects are landed. It is an early look; only the
/// claim is exact.
async fn landed_before(
    context: &Context,
    job: &JobId,
    replayed: &Replayed,
) -> Result<Option<Failure>, Error> {
    let Replayed { root, layout, rejects, .. } = replayed;
    let (by, rejects) = (Claimant::Job(job.clone()), rejects.clone());
    let own = Claimed { by, layout: *layout, rejects };
    Ok(match look(context, root, &own).await? {
        Found::Other(job, Standing::Commits) => Some(already_landed(job, replayed)),
        Found::Dismissed => Some(dismissed(replayed)),
        _ => None,
    })
}

/// What the list of a root's replays has of some rejects.
enum Found {
    /// The claim itself.
    Own,
    /// Another job's, which is not void.
    Other(JobId, Standing),
    /// Somebody dismissed some of them.
    Dismissed,
    /// Nothing; the next entry has this number.
    Free(u32),
}

async fn look(context: &Context, root: &JobId, own: &Claimed) -> Result<Found, Error> {
    let (work, keys) = (context.work(), context.keys(root));
    let mut number = 0;
    while let Some(there) = documents::find::<Claimed>(work.as_ref(), &keys.replay(number)).await? {
        if there.by == own.by {
            return Ok(Found::Own);
        }
        if overlap(&there, own) {
            let Claimant::Job(other) = there.by else { return Ok(Found::Dismissed) };
            match standing(context, &other).await? {
                Standing::Void => {}
                standing => return Ok(Found::Other(other, standing)),
            }
        }
        number += 1;
    }
    Ok(Found::Free(number))
}

fn already_landed(earlier: JobId, replayed: &Replayed) -> Failure {
    let cause = format!(
        "job {earlier} landed some of the same rejects of job {}; send those that are open",
        replayed.root
    );
    Failure { job: Some(earlier), ..Failure::new("AlreadyLanded", cause) }
}

fn dismissed(replayed: &Replayed) -> Failure {
    let cause = format!(
        "some of these rejects of job {} are dismissed; send those that are open",
        replayed.root
    );
    Failure::new("AlreadyLanded", cause)
}

fn overlap(a: &Claimed, b: &Claimed) -> bool {
    let of_a: HashSet<u32> = a.rejects.iter().collect();
    a.layout == b.layout && b.rejects.iter().any(|position| of_a.contains(&position))
}

/// Why a replay can't add to what its root wrote: a later job replaced that. `next` is the number
/// that the replay is about to take, and `files` are its own.
pub(crate) async fn superseded(
    context: &Context,
    keys: &JobKeys,
    plan: &Plan,
    log: &Log,
    next: u64,
    files: &[CommittedFile],
) -> Result<Option<Failure>, Error> {
    if plan.submission.replay.is_none() {
        return Ok(None);
    }
    let replayed: Replayed = documents::read(context.work().as_ref(), &keys.replayed()).await?;
    let later = log.since(replayed.sequence + 1).await?;
    if replayed.sequence + 1 + (later.len() as u64) < next {
        return Err(missing(format!(
            "the log no longer has all entries since job {} landed, so that nobody knows what became of its rows",
            replayed.root
        )));
    }
    let replaces = |commit: &Commit, added: &[CommittedFile]| match commit.mode {
        Mode::Append => false,
        Mode::Overwrite => true,
        Mode::OverwritePartitions => {
            files.iter().any(|own| added.iter().any(|newer| newer.partition == own.partition))
        }
    };
    let replaced = later
        .into_iter()
        .find_map(|Entry { commit, added, .. }| commit.filter(|commit| replaces(commit, &added)));
    Ok(replaced.map(|later| {
        let cause = format!(
            "job {} replaced what job {} wrote; rejects of that one would be added to newer rows",
            later.job, replayed.root
        );
        Failure { job: Some(later.job), ..Failure::new("Superseded", cause) }
    }))
}

/// The numbers of the records of a job of one object that were rejected, from 0, in their order.
async fn rejected_records(
    work: &dyn Objects,
    keys: &JobKeys,
    tally: &Tally,
) -> Result<Vec<u64>, Error> {
    let mut records = Vec::new();
    if tally.counts.rejected == 0 {
        return Ok(records);
    }
    let key = keys.errors();
    let mut lines = Lines::new(work, &key);
    while let Some(block) = lines.next().await? {
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            let entry: ErrorEntry = documents::parse(line, &key)?;
            if records.last() != Some(&(entry.record - 1)) {
                records.push(entry.record - 1);
            }
        }
    }
    records.sort_unstable();
    records.dedup();
    Ok(records)
}

/// Of the rejects that the records of a job are: those that it landed, and those that it rejected
/// again.
fn split(rejects: &Positions, rejected: &[u64]) -> (Positions, Positions) {
    let of = |is_rejected: bool| {
        let records = (0_u64..).zip(rejects.iter());
        let is_of = |record: &u64| rejected.binary_search(record).is_ok() == is_rejected;
        records.filter(|(record, _)| is_of(record)).map(|(_, reject)| reject).collect()
    };
    (of(false), of(true))
}
