//! Gives turns to the jobs of a dataset of which only some run at once.
//!
//! One entry holds the jobs that have their turn and those that wait for it, in their order. A job
//! gives its turn up by ending, and nobody has to say so: its record does. So a turn can't get
//! lost, wherever whoever gave it or had it was cut off.

use job::DatasetName;
use job::message::JobId;
use serde::{Deserialize, Serialize};

use crate::attempts::Attempts;
use crate::ledger::get;
use crate::table::{Key, Table, When, Write, entry, read};
use crate::{JobRecord, JobStatus, MAX_WAITING, Result};

/// The entry of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Turns {
    /// The jobs that have their turn; some may have ended.
    running: Vec<JobId>,
    /// Those that wait for it, the first one first; some may have ended.
    waiting: Vec<JobId>,
}

/// Gives as many turns as there are. See [`Registry::take_turns`](crate::Registry::take_turns).
pub(crate) async fn take<T: Table + ?Sized>(
    table: &T,
    dataset: &DatasetName,
    job: Option<&JobId>,
    limit: u32,
) -> Result<Vec<JobId>> {
    let (key, mut attempts) = (Key::turns(dataset), Attempts::default());
    loop {
        let there = table.get(&key).await?;
        let before: Turns =
            there.as_deref().map_or_else(|| Ok(Turns::default()), |there| read(&key, there))?;
        let mut after = before.clone();
        let is_known =
            |turns: &Turns, job| turns.running.contains(job) || turns.waiting.contains(job);
        if let Some(job) = job.filter(|job| !is_known(&after, job))
            && after.waiting.len() < MAX_WAITING
        {
            after.waiting.push(job.clone());
        }
        let given = give(table, &mut after, limit as usize).await?;
        if after == before {
            return Ok(answer(&after, given, job));
        }
        let when = there.map_or(When::Absent, When::Is);
        if table.write(vec![Write::put(key.clone(), entry(&after), when)]).await? {
            return Ok(answer(&after, given, job));
        }
        attempts.pause(&key).await?;
    }
}

/// Gives turns to those that wait, while there are some; to whom.
async fn give<T: Table + ?Sized>(table: &T, turns: &mut Turns, limit: usize) -> Result<Vec<JobId>> {
    let mut given = Vec::new();
    if turns.waiting.is_empty() {
        return Ok(given);
    }
    if turns.running.len() >= limit {
        let mut running = Vec::with_capacity(turns.running.len());
        for job in turns.running.drain(..) {
            let record = get::<_, JobRecord>(table, &Key::job(&job)).await?;
            if record.is_some_and(|record| !record.status.is_terminal()) {
                running.push(job);
            }
        }
        turns.running = running;
    }
    while turns.running.len() < limit && !turns.waiting.is_empty() {
        let job = turns.waiting.remove(0);
        let record = get::<_, JobRecord>(table, &Key::job(&job)).await?;
        // One that was cancelled meanwhile needs no turn.
        if record.is_some_and(|record| record.status == JobStatus::Pending) {
            turns.running.push(job.clone());
            given.push(job);
        }
    }
    Ok(given)
}

/// Those that have their turn from now on, and `job` if it had it before.
fn answer(turns: &Turns, mut given: Vec<JobId>, job: Option<&JobId>) -> Vec<JobId> {
    let had = job.filter(|job| turns.running.contains(job) && !given.contains(job));
    given.extend(had.cloned());
    given
}
