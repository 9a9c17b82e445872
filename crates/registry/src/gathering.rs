//! Puts arrivals in batches, so that each object version has one job, whoever delivers its event
//! and however often.
//!
//! One transaction puts an arrival's own entry, its place among what the batch gathered, and the
//! batch's new size. So an arrival is in a batch or it is not, and a batch that is closed is whole.

use std::collections::{BTreeMap, BTreeSet};

use job::message::JobId;
use job::{Arrivals, DatasetName};

use crate::attempts::Attempts;
use crate::ledger::get;
use crate::table::{Key, Table, When, Write, entry, read};
use crate::{Arrival, Batch, Gathered, MAX_CONTENTS, Result};

/// Most arrivals of a transaction, which also writes the batch and a part of what it gathered.
const MOST_ARRIVALS: usize = MAX_CONTENTS - 2;

/// Puts as many of the first arrivals as the open batch takes; see
/// [`Registry::gather`](crate::Registry::gather).
pub(crate) async fn gather<T: Table>(
    table: &T,
    dataset: &DatasetName,
    arrivals: &[Arrival],
    limits: &Arrivals,
    now: &str,
) -> Result<Gathered> {
    let (key, mut attempts) = (Key::batch(dataset), Attempts::default());
    // The jobs of those that arrived before. Nobody looks until a write is refused.
    let mut known: BTreeMap<Key, JobId> = BTreeMap::new();
    loop {
        let before = table.get(&key).await?;
        let there: Option<Batch> = before.as_deref().map(|entry| read(&key, entry)).transpose()?;
        if let Some(closed) = there.as_ref().filter(|batch| batch.is_closed) {
            return Ok(Gathered {
                taken: 0,
                batch: Some(closed.clone()),
                is_to_be_closed: true,
                alone: Vec::new(),
            });
        }
        let Offer { taken, fresh, batch } =
            Offer::of(dataset, arrivals, there.clone(), &known, limits, now);
        let is_back = |batch: &Batch| known.values().any(|job| *job == batch.job);
        let alone = || alone(dataset, &arrivals[..taken], &known);
        let Some(batch) = batch.filter(|_| !fresh.is_empty()) else {
            let is_to_be_closed = there.as_ref().is_some_and(is_back);
            return Ok(Gathered { taken, batch: there, is_to_be_closed, alone: alone() });
        };
        if table.write(writes(&key, &batch, before, &fresh)).await? {
            let is_to_be_closed = there.is_none() || is_back(&batch);
            return Ok(Gathered { taken, batch: Some(batch), is_to_be_closed, alone: alone() });
        }
        let known_before = known.len();
        for arrival in &fresh {
            let key = Key::arrival(dataset, &arrival.source);
            if let Some(job) = get(table, &key).await? {
                known.insert(key, job);
            }
        }
        if known.len() == known_before {
            // Others got into the batch, or closed it.
            attempts.pause(&key).await?;
        }
    }
}

/// What is tried.
struct Offer<'a> {
    /// How many of the arrivals it is about, counted from the first one.
    taken: usize,
    /// Those of them that are new.
    fresh: Vec<&'a Arrival>,
    /// The batch with them.
    batch: Option<Batch>,
}

impl<'a> Offer<'a> {
    fn of(
        dataset: &DatasetName,
        arrivals: &'a [Arrival],
        mut batch: Option<Batch>,
        known: &BTreeMap<Key, JobId>,
        limits: &Arrivals,
        now: &str,
    ) -> Self {
        let (mut fresh, mut taken) = (Vec::new(), 0);
        let mut seen = BTreeSet::new();
        for arrival in arrivals {
            if batch.as_ref().is_some_and(|batch| batch.is_closed) || fresh.len() == MOST_ARRIVALS {
                break;
            }
            taken += 1;
            let key = Key::arrival(dataset, &arrival.source);
            if known.contains_key(&key) || !seen.insert(key) {
                continue;
            }
            let batch = batch.get_or_insert_with(|| Batch {
                dataset: dataset.clone(),
                job: JobId::of_batch(dataset, &arrival.source),
                opened: now.to_owned(),
                files: 0,
                bytes: 0,
                parts: 0,
                is_closed: false,
            });
            batch.files += 1;
            batch.bytes = batch.bytes.saturating_add(arrival.bytes);
            batch.is_closed = limits.is_full(batch.files, batch.bytes);
            fresh.push(arrival);
        }
        if let Some(batch) = batch.as_mut().filter(|_| !fresh.is_empty()) {
            batch.parts += 1;
        }
        Self { taken, fresh, batch }
    }
}

/// Those of some arrivals whose job is one of their own.
fn alone(
    dataset: &DatasetName,
    arrivals: &[Arrival],
    known: &BTreeMap<Key, JobId>,
) -> Vec<Arrival> {
    let is_alone = |arrival: &&Arrival| {
        let job = known.get(&Key::arrival(dataset, &arrival.source));
        job.is_some_and(|job| *job == JobId::of_arrival(dataset, &arrival.source))
    };
    arrivals.iter().filter(is_alone).cloned().collect()
}

fn writes(key: &Key, batch: &Batch, before: Option<String>, fresh: &[&Arrival]) -> Vec<Write> {
    let when = before.map_or(When::Absent, When::Is);
    let part = Key::gathered(&batch.job, batch.parts - 1);
    let arrivals = fresh.iter().map(|arrival| {
        Write::put(Key::arrival(&batch.dataset, &arrival.source), entry(&batch.job), When::Absent)
    });
    [Write::put(key.clone(), entry(batch), when), Write::put(part, entry(&fresh), When::Absent)]
        .into_iter()
        .chain(arrivals)
        .collect()
}
