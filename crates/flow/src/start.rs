//! Runs an execution from its start to its end.

use std::time::Duration;

use futures::future::{Either, select};
use serde_json::Value;

use crate::context::Context;
use crate::errors::TIMEOUT;
use crate::execution::{Execution, Status, cause};
use crate::history::{Event, Failure, History};
use crate::log::{Log, MapItems};
use crate::machine::Machine;
use crate::outside::Outside;
use crate::run::Run;

/// What an execution starts with.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its input.
    pub input: Value,
    /// The state to start at, where that is not the machine's `StartAt`.
    pub at: Option<&'a str>,
}

/// An execution that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// How.
    pub execution: Execution,
    /// Its output, or why it has none. The cause is as it came.
    pub outcome: Result<Value, Failure>,
    /// What it did.
    pub events: Vec<Event>,
    /// Its map runs, oldest first.
    pub map_runs: Vec<MapItems>,
}

impl Ended {
    /// What it did.
    pub fn history(&self) -> History {
        History::of(&self.events, self.map_runs.iter().map(|items| items.run.clone()).collect())
    }
}

impl Machine {
    /// Runs an execution to its end, or until `stopped` says why it ends before.
    ///
    /// Stopped or dropped, it drops what is on its way. Nothing is spawned: what is to run on
    /// threads of its own is for the [`Tasks`](crate::Tasks) to put there.
    pub async fn run(
        &self,
        start: Start<'_>,
        outside: Outside<'_>,
        stopped: impl Future<Output = Failure>,
    ) -> Ended {
        let Start { name, input, at } = start;
        let machine = format!("arn:aws:states:local:000000000000:stateMachine:{}", self.name);
        let arn = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
        let log = Log::new(outside.clock);
        let started = log.now();
        log.event("ExecutionStarted");
        let text = input.to_string();
        let (status, outcome) = {
            let machine = (machine.as_str(), self.name.as_str());
            let context = Context::new(&arn, name, &input, &started, machine);
            let run = Run { outside, log: &log, context, arn: &arn, machine };
            let going = std::pin::pin!(async {
                match run.go(&self.states, at.unwrap_or(&self.states.start), input).await {
                    Ok(output) => (Status::Succeeded, Ok(output)),
                    Err(failure) => (Status::Failed, Err(failure)),
                }
            });
            let ending = std::pin::pin!(async {
                let stopped = std::pin::pin!(async { (Status::Aborted, Err(stopped.await)) });
                let Some(seconds) = self.timeout else { return stopped.await };
                match select(stopped, outside.clock.limit(Duration::from_secs(seconds))).await {
                    Either::Left((ended, _)) => ended,
                    Either::Right(((), _)) => {
                        let cause = format!("the execution took longer than {seconds} s");
                        (Status::TimedOut, Err(Failure { error: TIMEOUT.to_owned(), cause }))
                    }
                }
            });
            match select(going, ending).await {
                Either::Left((ended, _)) => ended,
                Either::Right((ended, _)) => ended,
            }
        };
        match (&outcome, status) {
            (Ok(_), _) => log.event("ExecutionSucceeded"),
            (Err(failure), Status::Aborted) => log.failed("ExecutionAborted", failure),
            (Err(failure), Status::TimedOut) => log.failed("ExecutionTimedOut", failure),
            (Err(failure), _) => log.failed("ExecutionFailed", failure),
        }
        let failure = outcome.as_ref().err();
        let execution = Execution {
            arn: arn.clone(),
            status,
            started,
            stopped: Some(log.now()),
            error: failure.map(|failure| failure.error.clone()).filter(|error| !error.is_empty()),
            cause: failure.map(|failure| cause(&failure.cause)).filter(|cause| !cause.is_empty()),
            input: Some(text),
        };
        let (events, map_runs) = log.into_parts();
        Ended { execution, outcome, events, map_runs }
    }
}
