//! Runs the state machine over a deployment in memory: the document itself, with the steps for its
//! functions.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flow::{Call, Ended, Fixed, Hasty, Items, Outside, Start, Tasks};
use futures::future::BoxFuture;
use job::message::{Caught, ExecutionName, Failure, JobId, Settled, Stored, Submission, Verified};
use job::{Error, ErrorKind};
use serde_json::{Value, json};
use steps::functions::MACHINE;
use tokio::sync::Notify;

use super::bench::Bench;

/// How far a job is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Until {
    /// Its small files may be put together.
    Merge,
    /// It may be stored.
    Store,
    End,
}

/// A step that a function runs.
pub(crate) type Work = BoxFuture<'static, Result<Value, Error>>;

/// What runs the steps of functions.
#[async_trait]
pub(crate) trait Functions: Send + Sync {
    /// Runs a step, or has it die, or lets somebody hear of it.
    async fn run(&self, call: &Call, work: Work) -> Result<Value, Error>;
    /// The answer of whoever approves held jobs.
    async fn approval(&self) -> Result<(), flow::Failure> {
        Ok(())
    }
    /// Whether the execution was stopped: no further step begins.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// An execution over a deployment, as it goes.
struct Driver<'a> {
    bench: &'a Bench,
    functions: &'a dyn Functions,
    /// What no attempt of another execution of the job is called.
    attempts: String,
    until: Until,
    stop: Notify,
    seen: Mutex<Seen>,
}

/// What was answered.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) verified: Option<Verified>,
    /// What was caught, and what became of the job.
    pub(crate) abandoned: Option<(Caught, Result<Settled, Error>)>,
}

/// An execution that has ended, or came as far as it was to be run.
pub(crate) struct Driven {
    pub(crate) ended: Ended,
    pub(crate) seen: Seen,
}

/// Runs the state machine from a state, or from its start.
pub(crate) async fn drive(
    bench: &Bench,
    functions: &dyn Functions,
    at: Option<&str>,
    input: Value,
    until: Until,
) -> Driven {
    let job = input["job"].as_str().and_then(|job| JobId::parse(job).ok()).unwrap();
    let record = bench.context.registry.job(&job).await.unwrap();
    let redrives = record.map_or(0, |record| record.redrives);
    let attempts = match redrives {
        0 => "attempt".to_owned(),
        _ => format!("redrive{redrives}attempt"),
    };
    let (stop, seen) = (Notify::new(), Mutex::default());
    let driver = Driver { bench, functions, attempts, until, stop, seen };
    let outside =
        Outside { clock: &Hasty::default(), chance: &Fixed::WHOLE, tasks: &driver, items: &driver };
    let stopped = async {
        driver.stop.notified().await;
        flow::Failure { error: "Stopped".to_owned(), cause: String::new() }
    };
    let name = ExecutionName::new(&job, redrives).to_string();
    let ended = MACHINE.run(Start { name: &name, input, at }, outside, stopped).await;
    Driven { ended, seen: driver.seen.into_inner().unwrap() }
}

/// Runs the state machine from its start.
pub(crate) async fn submit(
    bench: &Bench,
    functions: &dyn Functions,
    submission: &Submission,
    until: Until,
) -> Driven {
    drive(bench, functions, None, serde_json::to_value(submission).unwrap(), until).await
}

impl Driven {
    /// What landed, or why nothing did.
    pub(crate) fn outcome(self) -> Result<Stored, Failure> {
        match (self.seen.abandoned, self.ended.outcome) {
            (Some((_, settled)), _) => settled.unwrap().outcome(),
            (None, Ok(stored)) => Ok(serde_json::from_value(stored).unwrap()),
            (None, Err(failure)) => panic!("the execution ended with {failure:?}"),
        }
    }

    /// Nothing, if it came as far as it was to be run.
    pub(crate) fn reached(&self) -> Result<(), Error> {
        match &self.seen.abandoned {
            None => {
                assert_eq!(
                    self.ended.execution.status,
                    flow::Status::Aborted,
                    "{:?}",
                    self.ended.outcome
                );
                Ok(())
            }
            Some((caught, _)) => {
                let kind = ErrorKind::named(&caught.error).unwrap_or(ErrorKind::Internal);
                Err(Error::new(kind, caught.cause.clone()))
            }
        }
    }
}

impl Driver<'_> {
    /// Whether the execution was to be run no further than this call.
    fn ends_before(&self, payload: &Value) -> bool {
        let (merges, stores) = (payload.get("merge").is_some(), payload.get("store").is_some());
        self.until == Until::Merge && (merges || stores) || self.until == Until::Store && stores
    }

    /// Stops the execution: whoever waits for this is dropped.
    async fn stop(&self) -> ! {
        self.stop.notify_one();
        std::future::pending().await
    }

    fn note(&self, call: &Call, answer: &Result<Value, Error>) {
        let mut seen = self.seen.lock().unwrap();
        match answer {
            Ok(answer) if call.function == "verify" => {
                seen.verified = serde_json::from_value(answer.clone()).ok()
            }
            _ => {}
        }
        if let Some(abandon) = call.payload.get("abandon") {
            let caught = serde_json::from_value(abandon["failure"].clone()).unwrap();
            let settled = answer.clone().map(|answer| serde_json::from_value(answer).unwrap());
            seen.abandoned = Some((caught, settled));
        }
    }
}

#[async_trait]
impl Tasks for Driver<'_> {
    async fn invoke(&self, call: Call) -> Result<Value, flow::Failure> {
        if self.functions.is_stopped() || self.ends_before(&call.payload) {
            self.stop().await;
        }
        // No attempt is called as one of another round is.
        let round = match call.payload["shard"]["round"].as_u64() {
            None | Some(1) => String::new(),
            Some(round) => format!("round{round}"),
        };
        let attempt = format!("{round}{}{}", self.attempts, call.attempt);
        let mut context = self.bench.context.clone();
        if ["transform", "verify"].contains(&call.function.as_str()) {
            // The deployment gives them none.
            context.registry = Arc::new(registry::Absent);
        }
        let (function, payload) = (call.function.clone(), call.payload.clone());
        let work = Box::pin(async move {
            steps::functions::call(&context, &function, payload, &attempt).await
        });
        let answer = self.functions.run(&call, work).await;
        self.note(&call, &answer);
        answer.map_err(|error| {
            let diagnostic = lambda_step::diagnostic(&error);
            let cause = json!({ "errorType": diagnostic.error_type, "errorMessage": diagnostic.error_message });
            flow::Failure { error: diagnostic.error_type, cause: cause.to_string() }
        })
    }

    async fn answered(&self, _token: &str) -> Result<Value, flow::Failure> {
        self.functions.approval().await.map(|()| json!({}))
    }

    async fn put_events(&self, _entries: Value) -> Result<Value, flow::Failure> {
        Ok(json!({ "FailedEntryCount": 0 }))
    }
}

#[async_trait]
impl Items for Driver<'_> {
    async fn read(&self, bucket: &str, key: &str) -> Result<Vec<Value>, String> {
        if self.until == Until::Merge && key.ends_with("merge.json") {
            self.stop().await;
        }
        // The list is handed over by the state machine, which meets no faults.
        let json = self
            .bench
            .inspected(bucket)
            .read(key, u64::MAX)
            .await
            .map_err(|error| error.to_string())?;
        serde_json::from_slice(&json).map_err(|error| error.to_string())
    }
}
