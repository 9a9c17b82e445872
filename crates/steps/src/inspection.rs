//! Shows what the execution of a job did: the state machine's view of it, beside what the documents
//! of the job tell.

use std::collections::BTreeMap;

use flow::history::between;
use flow::{Execution, Graph, History};
use job::message::{JobId, JobKeys};
use job::{Error, advice};
use objects::Objects;
use serde::Serialize;

use crate::functions::MACHINE;
use crate::shards::{self, Round, Slowest};

/// The states that run the shards of the first round; a job passes one of them.
const FIRST_ROUND: [&str; 2] = ["Transform", "TransformAll"];
/// The state that runs those of a later one.
const LATER_ROUND: &str = "TransformAgain";

/// An execution and what it did: the answer of `GET /jobs/{id}/execution`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// The job that it is of.
    pub job: JobId,
    /// Where it stands.
    pub execution: Execution,
    /// What it did.
    #[serde(flatten)]
    pub history: History,
    /// The state machine, and where it stands in it.
    pub graph: Graph,
    /// The rounds in which shards are run.
    pub rounds: Vec<Round>,
    /// What its time went into.
    pub critical_path: CriticalPath,
    /// What to do about each error that is named here.
    pub advice: BTreeMap<String, &'static str>,
}

/// What the time of an execution went into: one state follows another, so each visit that took time
/// is a part of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CriticalPath {
    /// The time of the whole execution, so far.
    pub milliseconds: u64,
    /// Its parts, in order. What is missing is the state machine's own time.
    pub steps: Vec<PathStep>,
}

/// A visit of a state as a part of the whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathStep {
    /// The state.
    pub state: String,
    /// How long it took, so far.
    pub milliseconds: u64,
    /// The same as a share of the whole, from 0 to 1.
    pub share: f64,
    /// How much of it went by between attempts.
    pub pauses: u64,
    /// Of a state that runs shards the one that took longest, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest: Option<Slowest>,
}

/// Shows an execution of a job, whose documents lie in `work`. `now` is the time, in milliseconds
/// since 1970.
pub async fn inspect(
    work: &dyn Objects,
    keys: &JobKeys,
    job: &JobId,
    execution: Execution,
    mut history: History,
    now: i64,
) -> Result<Inspection, Error> {
    let graph = MACHINE.graph(&execution, &mut history, now);
    let mut rounds = shards::rounds(work, keys).await?;
    let critical_path = follow(&execution, &history, &mut rounds, now);
    let advice = advised(&execution, &history);
    Ok(Inspection { job: job.clone(), execution, history, graph, rounds, critical_path, advice })
}

/// Goes through the visits, and tells each round how long it took.
fn follow(
    execution: &Execution,
    history: &History,
    rounds: &mut [Round],
    now: i64,
) -> CriticalPath {
    let whole = match &execution.stopped {
        Some(stopped) => between(&execution.started, stopped),
        None => u64::try_from(now - flow::history::milliseconds(&execution.started)).unwrap_or(0),
    };
    let (mut steps, mut number) = (Vec::new(), 1);
    for visit in &history.states {
        let name = visit.name.as_str();
        let runs_shards = FIRST_ROUND.contains(&name) || name == LATER_ROUND;
        number += u32::from(name == LATER_ROUND);
        let round = rounds.iter_mut().find(|round| runs_shards && round.round == number);
        let slowest = round.and_then(|round| {
            round.milliseconds = visit.milliseconds;
            round.slowest
        });
        let milliseconds = visit.took(execution, now);
        if milliseconds == 0 {
            continue;
        }
        let pauses = visit
            .attempts
            .windows(2)
            .map(|pair| pair[0].ended.as_ref().map_or(0, |ended| between(ended, &pair[1].started)));
        steps.push(PathStep {
            state: visit.name.clone(),
            milliseconds,
            share: milliseconds as f64 / whole.max(milliseconds) as f64,
            pauses: pauses.sum(),
            slowest,
        });
    }
    CriticalPath { milliseconds: whole, steps }
}

/// What to do about each error that an execution names.
fn advised(execution: &Execution, history: &History) -> BTreeMap<String, &'static str> {
    let attempts = history.states.iter().flat_map(|visit| {
        let attempts = visit.attempts.iter().filter_map(|attempt| attempt.failure.as_ref());
        attempts.chain(&visit.failure)
    });
    let failures = attempts.chain(&history.failure).map(|failure| &failure.error);
    let named = failures.chain(&execution.error);
    named.filter_map(|error| Some((error.clone(), advice(error)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_that_run_shards_are_those_of_the_state_machine() {
        let execution = Execution {
            arn: String::new(),
            status: flow::Status::Running,
            started: String::new(),
            stopped: None,
            error: None,
            cause: None,
            input: None,
        };
        let graph = MACHINE.graph(&execution, &mut History::default(), 0);
        for state in FIRST_ROUND.into_iter().chain([LATER_ROUND]) {
            assert!(graph.nodes.iter().any(|node| node.name == state), "{state}");
        }
    }
}
