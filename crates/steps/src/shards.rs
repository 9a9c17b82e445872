//! Tells what became of the shards of a job, as far as the documents beside it tell. A page reads a
//! bounded number of them.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::bill::{Item, Spent};
use job::message::{Counts, Failure, JobKeys, NotedFailure, Shard, ShardRound};
use landing::commit::{Receipt, SlowShard, Tally};
use landing::plan::Plan;
use objects::Objects;
use serde::Serialize;

use crate::documents;
use crate::planned::Planned;
use crate::rounds::Rounds;
use crate::spending::attempt_name;

/// Receipts that are read at once.
const CONCURRENT_READS: usize = 16;
/// Names of documents of attempts that are asked for at once: the most that there is.
const NAMES: u32 = 1_000;
/// Documents of attempts that are read for a page; further ones are only counted.
const MOST_ATTEMPTS: usize = 200;
/// How often more of them are asked for, for a page. Of what lies beyond, attempts are not known.
const MOST_LISTS: usize = 4;
/// How the names end of documents of what was used after a receipt was written.
const LATER: &str = "-later.json";

/// A page of the shards of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shards {
    /// How many shards the job has.
    pub count: u32,
    /// The shards of the page, in order.
    pub items: Vec<ShardView>,
    /// The position of the first shard after them; `None`: there is none.
    pub next: Option<u32>,
}

/// A shard, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardView {
    /// Its position in the plan, from 0.
    pub shard: u32,
    /// Where it stands.
    pub status: ShardStatus,
    /// The object that it reads; of several the first one.
    pub source: String,
    /// How many objects it reads.
    pub objects: u32,
    /// First byte of its range, from 0 of the object; 0 of several objects.
    pub from: u64,
    /// The byte after the range; of several objects their bytes together.
    pub to: u64,
    /// The round in which it was run last.
    pub round: u32,
    /// Why it was run again, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// Its rows, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Its files, once it is done: those that were put together with others after it included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Bytes that the attempt read that won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_read: Option<u64>,
    /// Bytes that it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_written: Option<u64>,
    /// When the winning attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Attempts of the round that ended, as far as is known: one whose process was killed leaves
    /// nothing behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// The attempts besides the one that won, as far as is known: those of the round that failed or
    /// lost, and the one that counted in each other round.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_attempts: Vec<ShardAttempt>,
    /// Why it failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<ShardFailure>,
    /// The attempt that won: its name in the log.
    #[serde(skip)]
    pub attempt: Option<String>,
}

/// An attempt at a shard that ended and does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ShardAttempt {
    /// Its round.
    pub round: u32,
    /// When it began.
    pub started: String,
    /// How long it took.
    pub milliseconds: u64,
    /// The name of the failure that it ended with, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ShardStatus {
    /// It was not begun, or is at work: nothing tells the two apart from outside.
    Open,
    /// Its receipt is there.
    Done,
    /// It failed for good.
    Failed,
    /// The job ended without it.
    Abandoned,
}

/// Why a shard is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// It guessed wrong where its first row starts.
    WrongStart,
    /// It has keys that earlier shards claim.
    TakenKeys,
    /// It found that an object can't be read, after it was told of keys.
    Unreadable,
}

/// Why a shard failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardFailure {
    /// The name of the failure.
    pub error: String,
    /// What happened, where, and what to do.
    pub cause: String,
    /// The byte of the object at which it happened, or the first one of the records among which it
    /// did, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
}

/// A round: shards that are run before they are verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// Its number, from 1.
    pub round: u32,
    /// How many shards are run.
    pub shards: u32,
    /// How many of them are run again, as they guessed wrong where their first row starts.
    pub wrong_start: u32,
    /// How many are run again, as they have keys that earlier shards claim.
    pub taken_keys: u32,
    /// How many are run again, as they found that an object can't be read, after they were told of
    /// keys.
    #[serde(skip_serializing_if = "is_none")]
    pub unreadable: u32,
    /// How long it took, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// The shard that took longest of those that count in the end, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest: Option<Slowest>,
}

/// The shard that took longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Slowest {
    /// Its position in the plan, from 0.
    pub shard: u32,
    /// How long the attempt took that won.
    pub milliseconds: u64,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Again {
    fn of(shard: &Shard) -> Option<Self> {
        match (shard.round, shard.taken.is_empty()) {
            (1, _) => None,
            (_, false) => Some(Self::TakenKeys),
            // A shard can only guess its start wrong in the first round.
            (_, true) if shard.before.is_none_or(|before| before == 1) => Some(Self::WrongStart),
            (_, true) => Some(Self::Unreadable),
        }
    }
}

/// The shards of a job from a position on, at most `limit` of them; `None`: the job is not planned.
/// `has_ended`: nothing is at work for it any more.
pub async fn page(
    work: &dyn Objects,
    keys: &JobKeys,
    from: u32,
    limit: u32,
    has_ended: bool,
) -> Result<Option<Shards>, Error> {
    let Some(plan) = documents::find::<Plan>(work, &keys.plan()).await? else { return Ok(None) };
    let Some(all) = documents::find::<Vec<Shard>>(work, &keys.shards()).await? else {
        return Ok(None);
    };
    let count = all.len() as u32;
    let until = from.saturating_add(limit).min(count);
    let rounds = Rounds::all(work, keys).await?;
    let mut shards: BTreeMap<u32, Shard> =
        all.into_iter().map(|shard| (shard.index, shard)).collect();
    let again = rounds.counting().into_iter();
    shards.extend(again.map(|(index, shard)| (index, shard.clone())));
    let shards: Vec<Shard> =
        shards.into_values().filter(|shard| (from..until).contains(&shard.index)).collect();
    let mut others = noted_attempts(work, keys, &shards).await?;
    let noted = documents::find::<NotedFailure>(work, &keys.failure()).await?;
    let receipts: Vec<String> =
        shards.iter().map(|shard| keys.receipt(shard.round, shard.index)).collect();
    let mut receipts: Vec<Option<Receipt>> = stream::iter(receipts)
        .map(|key| async move { documents::find(work, &key).await })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    if plan.submission.skips_unreadable()
        && let Some(tally) = documents::find::<Tally>(work, &keys.tally()).await?
    {
        let mut receipts = receipts.iter_mut().flatten();
        receipts.try_for_each(|receipt| receipt.leave_out(|object| !tally.lands(object)))?;
    }
    for (shard, receipt) in shards.iter().zip(&receipts) {
        let place = ShardRound { round: shard.round, index: shard.index };
        // An attempt whose receipt took effect while its answer was lost left both.
        if let (Some(names), Some(receipt)) = (others.get_mut(&place), receipt) {
            names.retain(|name| *name != receipt.attempt);
        }
    }
    let mut told = other_attempts(work, keys, &shards, &rounds, &others).await?;
    let mut objects = Planned::new(work, &plan);
    let mut items = Vec::with_capacity(shards.len());
    for (shard, receipt) in shards.into_iter().zip(receipts) {
        let source = objects.get(shard.object).await?.name();
        let place = ShardRound { round: shard.round, index: shard.index };
        let failure = noted
            .as_ref()
            .filter(|noted| noted.shard == Some(place) && receipt.is_none())
            .map(|NotedFailure { failure: Failure { error, cause, .. }, byte, .. }| ShardFailure {
                error: error.clone(),
                cause: cause.clone(),
                byte: *byte,
            });
        let status = match (&receipt, &failure) {
            (Some(_), _) => ShardStatus::Done,
            (None, Some(_)) => ShardStatus::Failed,
            (None, None) if has_ended => ShardStatus::Abandoned,
            (None, None) => ShardStatus::Open,
        };
        let others = others.get(&place).map(|names| names.len() as u64);
        let spent = receipt.as_ref().and_then(|receipt| receipt.spent);
        items.push(ShardView {
            shard: shard.index,
            status,
            source,
            objects: shard.objects,
            from: shard.from,
            to: shard.to,
            round: shard.round,
            again: Again::of(&shard),
            counts: receipt.as_ref().map(|receipt| receipt.counts),
            files: receipt
                .as_ref()
                .map(|receipt| (receipt.files.len() + receipt.small.len()) as u64),
            bytes_read: spent.map(|spent| spent.bytes_read),
            bytes_written: spent.map(|spent| spent.bytes_written),
            started: receipt.as_ref().and_then(|receipt| receipt.started.clone()),
            milliseconds: spent.map(|spent| spent.milliseconds),
            attempts: others.map(|others| others + u64::from(receipt.is_some())),
            other_attempts: told.remove(&shard.index).unwrap_or_default(),
            failure,
            attempt: receipt.map(|receipt| receipt.attempt),
        });
    }
    Ok(Some(Shards { count, items, next: (until < count).then_some(until) }))
}

/// The attempts at each shard that ended and left no receipt that counts. Each left a document of
/// what it used. A shard that is not here has too many before it to be known.
async fn noted_attempts(
    work: &dyn Objects,
    keys: &JobKeys,
    shards: &[Shard],
) -> Result<BTreeMap<ShardRound, Vec<String>>, Error> {
    let mut noted = BTreeMap::new();
    let rounds: BTreeSet<u32> = shards.iter().map(|shard| shard.round).collect();
    for round in rounds {
        let indices = shards.iter().filter(|shard| shard.round == round).map(|shard| shard.index);
        let indices: Vec<u32> = indices.collect();
        let (Some(first), Some(last)) = (indices.first(), indices.last()) else { continue };
        let prefix = format!("{}{}-{round}-", keys.spent_prefix(), Item::Transform.name());
        let mut after = format!("{prefix}{first:06}");
        let (mut names, mut known_before) = (BTreeMap::<u32, Vec<String>>::new(), *first);
        for _ in 0..MOST_LISTS {
            let listed = work.list(&prefix, Some(&after), NAMES).await?;
            let is_end = listed.len() < NAMES as usize;
            for object in &listed {
                let name = &object.key[prefix.len()..];
                let Some((digits, attempt)) = name.split_once('-') else { continue };
                known_before = digits.parse().unwrap_or(known_before);
                // What a receipt tells of is no other attempt, though some of it was used later.
                if !name.ends_with(LATER) {
                    let attempt = attempt.trim_end_matches(".json").to_owned();
                    names.entry(known_before).or_default().push(attempt);
                }
            }
            if is_end || known_before > *last {
                known_before = last + 1;
                break;
            }
            after = listed.last().map_or(after, |object| object.key.clone());
        }
        let known = indices.into_iter().filter(|index| *index < known_before);
        noted.extend(
            known.map(|index| {
                (ShardRound { round, index }, names.remove(&index).unwrap_or_default())
            }),
        );
    }
    Ok(noted)
}

/// When the attempts that do not count began, by shard and in order: those that are `noted`, and
/// those whose receipts were replaced by that of another round.
async fn other_attempts(
    work: &dyn Objects,
    keys: &JobKeys,
    shards: &[Shard],
    rounds: &Rounds,
    noted: &BTreeMap<ShardRound, Vec<String>>,
) -> Result<BTreeMap<u32, Vec<ShardAttempt>>, Error> {
    let names = noted.iter().flat_map(|(place, names)| {
        names
            .iter()
            .map(|name| attempt_name(place.round, place.index, name))
            .map(|name| (*place, name))
    });
    let names: Vec<(ShardRound, String)> = names.take(MOST_ATTEMPTS).collect();
    let shown: BTreeMap<u32, u32> = shards.iter().map(|shard| (shard.index, shard.round)).collect();
    let is_other = |ran: &ShardRound| shown.get(&ran.index).is_some_and(|it| *it != ran.round);
    let replaced: Vec<ShardRound> = rounds.ran().into_iter().filter(is_other).collect();
    let noted = stream::iter(names).map(|(place, name)| async move {
        let spent = documents::find::<Spent>(work, &keys.spent(&name)).await?;
        let told = spent.map(|Spent { usage, started, error, .. }| (usage, started, error));
        Ok::<_, Error>((place, told))
    });
    let replaced = stream::iter(replaced).map(|place| async move {
        let key = keys.receipt(place.round, place.index);
        let receipt = documents::find::<Receipt>(work, &key).await?;
        let told = receipt.and_then(|Receipt { spent, started, .. }| Some((spent?, started, None)));
        Ok((place, told))
    });
    let noted = noted.buffered(CONCURRENT_READS);
    let mut all = replaced.buffered(CONCURRENT_READS).chain(noted);
    let mut attempts = BTreeMap::<u32, Vec<ShardAttempt>>::new();
    while let Some((ShardRound { round, index }, told)) = all.try_next().await? {
        // Earlier versions did not note when an attempt began.
        let Some((usage, Some(started), error)) = told else { continue };
        let milliseconds = usage.milliseconds;
        let attempt = ShardAttempt { round, started, milliseconds, error };
        attempts.entry(index).or_default().push(attempt);
    }
    attempts.values_mut().for_each(|attempts| attempts.sort());
    Ok(attempts)
}

/// The rounds of a job, as far as they are decided on.
pub(crate) async fn rounds(work: &dyn Objects, keys: &JobKeys) -> Result<Vec<Round>, Error> {
    let Some(plan) = documents::find::<Plan>(work, &keys.plan()).await? else {
        return Ok(Vec::new());
    };
    let mut rounds = vec![Round { round: 1, shards: plan.shards, ..Round::default() }];
    for (round, again) in Rounds::all(work, keys).await?.later() {
        let of = |why| again.iter().filter(|shard| Again::of(shard) == Some(why)).count() as u32;
        rounds.push(Round {
            round,
            shards: again.len() as u32,
            wrong_start: of(Again::WrongStart),
            taken_keys: of(Again::TakenKeys),
            unreadable: of(Again::Unreadable),
            ..Round::default()
        });
    }
    let tally = documents::find::<Tally>(work, &keys.tally()).await?;
    for SlowShard { round, shard, milliseconds } in tally.iter().flat_map(|tally| &tally.slowest) {
        if let Some(known) = rounds.iter_mut().find(|known| known.round == *round) {
            known.slowest = Some(Slowest { shard: *shard, milliseconds: *milliseconds });
        }
    }
    Ok(rounds)
}
