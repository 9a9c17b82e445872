//! Runs the items of a `Map`, as many at once as it allows, until too many have failed.

use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};

use crate::amount::Amount;
use crate::execution::Status;
use crate::history::{Failure, MapCounts};
use crate::map::{List, Map, Mode};
use crate::path::Scope;
use crate::run::{Visit, runtime};

/// How many items may fail.
struct Tolerance {
    count: Option<f64>,
    percentage: Option<f64>,
}

impl Map {
    /// One attempt: the outputs of all items, in the order of the list.
    pub(crate) async fn attempt(
        &self,
        visit: &Visit<'_>,
        scope: Scope<'_>,
    ) -> Result<Value, Failure> {
        let log = visit.run.log;
        log.event("MapStateStarted");
        let Mode::Distributed { label, .. } = &self.mode else {
            let items = self.items(visit, scope).await?;
            let ended = self.run(visit, scope, items, None).await;
            return ended
                .inspect(|_| log.event("MapStateSucceeded"))
                .inspect_err(|failure| log.failed("MapStateFailed", failure));
        };
        let label = label.as_deref().unwrap_or(visit.name);
        let machine = visit.run.machine.0.replacen(":stateMachine:", ":mapRun:", 1);
        let number = log.begin_run(|number| format!("{machine}/{label}:{number}"));
        log.event("MapRunStarted");
        let ended = match self.items(visit, scope).await {
            Ok(items) => self.run(visit, scope, items, Some(number)).await,
            Err(failure) => Err(failure),
        };
        match &ended {
            Ok(_) => {
                log.end_run(number, "SUCCEEDED");
                log.event("MapRunSucceeded");
                log.event("MapStateSucceeded");
            }
            Err(failure) => {
                log.end_run(number, "FAILED");
                log.failed("MapRunFailed", failure);
                log.failed("MapStateFailed", failure);
            }
        }
        ended
    }

    /// The list of items.
    async fn items(&self, visit: &Visit<'_>, scope: Scope<'_>) -> Result<Vec<Value>, Failure> {
        let seen = visit.state.data.seen(scope)?;
        let scope = Scope { input: &seen, ..scope };
        let list = match &self.list {
            List::Input(None) => &seen,
            List::Input(Some(path)) => path
                .find(scope)
                .ok_or_else(|| runtime(format!("the path `{}` leads to nothing", path.text())))?,
            List::Object(parameters) => {
                let place = parameters.fill(scope)?;
                let (Some(bucket), Some(key)) = (place["Bucket"].as_str(), place["Key"].as_str())
                else {
                    return Err(runtime("bucket and key of the list are no texts".to_owned()));
                };
                let read = visit.run.outside.items.read(bucket, key).await;
                return read.map_err(|cause| Failure {
                    error: "States.ItemReaderFailed".to_owned(),
                    cause,
                });
            }
        };
        list.as_array().cloned().ok_or_else(|| runtime("the items are no list".to_owned()))
    }

    /// Runs all items. `run` is the number of the map run, if the map is a distributed one.
    async fn run(
        &self,
        visit: &Visit<'_>,
        scope: Scope<'_>,
        items: Vec<Value>,
        run: Option<usize>,
    ) -> Result<Value, Failure> {
        let seen = visit.state.data.seen(scope)?;
        let seen = Scope { input: &seen, ..scope };
        let amount =
            |amount: &Option<Amount>| amount.as_ref().map(|amount| amount.of(seen)).transpose();
        let most = amount(&self.concurrency)?.map_or(0, |most| most as usize);
        let most = if most == 0 { usize::MAX } else { most };
        let tolerance = Tolerance {
            count: amount(&self.tolerated_count)?,
            percentage: amount(&self.tolerated_percentage)?,
        };
        let total = items.len();
        let count = |change: &dyn Fn(&mut MapCounts)| {
            if let Some(run) = run {
                visit.run.log.count(run, change);
            }
        };
        count(&|counts| (counts.total, counts.pending) = (total as i64, total as i64));

        let mut waiting = items.into_iter().enumerate();
        let mut running = FuturesUnordered::new();
        let (mut outputs, mut failures) = (vec![Value::Null; total], 0);
        loop {
            while running.len() < most
                && let Some((index, item)) = waiting.next()
            {
                count(&|counts| {
                    (counts.pending, counts.running) = (counts.pending - 1, counts.running + 1)
                });
                running.push(self.item(visit, seen, index, item, run));
            }
            let Some((index, status, ended)) = running.next().await else {
                return Ok(Value::Array(outputs));
            };
            count(&|counts| {
                counts.running -= 1;
                *(match status {
                    Status::Succeeded => &mut counts.succeeded,
                    Status::TimedOut => &mut counts.timed_out,
                    _ => &mut counts.failed,
                }) += 1;
            });
            match ended {
                Ok(output) => outputs[index] = output,
                // A part of the execution fails it as it is.
                Err(failure) if run.is_none() => return Err(failure),
                Err(failure) => {
                    failures += 1;
                    if tolerance.is_exceeded(failures, total) {
                        return Err(Failure {
                            error: "States.ExceedToleratedFailureThreshold".to_owned(),
                            cause: "the specified tolerated failure threshold was exceeded"
                                .to_owned(),
                        });
                    }
                    outputs[index] = json!({ "Error": failure.error, "Cause": failure.cause });
                }
            }
        }
    }
}

impl Tolerance {
    fn is_exceeded(&self, failures: usize, total: usize) -> bool {
        let failures = failures as f64;
        match (self.count, self.percentage) {
            (None, None) => failures > 0.0,
            (count, percentage) => {
                count.is_some_and(|count| failures > count)
                    || percentage
                        .is_some_and(|percentage| failures * 100.0 > percentage * total as f64)
            }
        }
    }
}
