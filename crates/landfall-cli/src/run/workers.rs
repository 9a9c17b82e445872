//! Runs the steps that the state machine calls, on threads of their own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use flow::{Call, Items, Tasks};
use job::message::{Caught, Failure, Held, Planned, Settled, Shard, Stored};
use job::{Error, ErrorKind};
use serde_json::{Value, json};
use steps::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use wording::Unquoted;

use super::progress::Progress;

/// How long calls to the disk may take that were on their way when the job was cut off.
const LAST_CALLS: Duration = Duration::from_secs(60);
/// Most bytes of a list of shards.
const LIST_BYTES: u64 = 64 * 1024 * 1024;

/// The threads of a job.
pub(super) struct Workers<'a> {
    context: &'a Context,
    progress: &'a Progress,
    /// Whether a job that is held is approved unasked.
    approves: bool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Why the job is held, once it is.
    held: Vec<String>,
    /// The threads, until the last step of them has ended.
    threads: Option<Runtime>,
    /// Why there are none.
    refusal: Option<String>,
    /// The failure of the step that failed last: a map forgets it.
    failed: Option<Error>,
    /// Why the job is abandoned, once it is, and then how it ended.
    abandoned: Option<(Caught, Option<Result<Settled, Error>>)>,
}

/// A step on its way. Dropped, it ends.
struct Step(JoinHandle<Result<Value, Error>>);

impl Drop for Step {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<'a> Workers<'a> {
    /// Starts so many threads.
    pub(super) fn start(
        context: &'a Context,
        threads: usize,
        progress: &'a Progress,
        approves: bool,
    ) -> Self {
        let known = match Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
            Ok(threads) => Known { threads: Some(threads), ..Known::default() },
            Err(error) => Known { refusal: Some(error.to_string()), ..Known::default() },
        };
        Self { context, progress, approves, known: Mutex::new(known) }
    }

    /// Whether the job is being abandoned, or was.
    pub(super) fn is_abandoning(&self) -> bool {
        self.known().abandoned.is_some()
    }

    /// How the job ended that was abandoned.
    pub(super) fn abandoned(&self) -> Option<Result<Stored, Failure>> {
        let (because, settled) = self.known().abandoned.take()?;
        Some(match settled {
            Some(Ok(settled)) => settled.outcome(),
            second => {
                let second =
                    second.and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
                let Caught { error, cause } = because;
                let cause = format!(
                    "{cause} (the job could not be brought to its end, which the next run in this lake tries again: {second})"
                );
                Err(Failure::new(error, cause))
            }
        })
    }

    /// Ends the threads: nothing of the job is on its way any more.
    pub(super) async fn end(&self) {
        let threads = self.known().threads.take();
        if let Some(threads) = threads {
            // Waiting blocks, which the thread that waits for signals has nothing against: it has
            // its signal, or needs none.
            tokio::task::spawn_blocking(move || threads.shutdown_timeout(LAST_CALLS)).await.ok();
        }
    }

    /// Runs a step on the threads.
    async fn step(&self, call: &Call) -> Result<Value, Error> {
        let context = self.context.clone();
        let Call { function, payload, .. } = call.clone();
        let attempt = uuid::Uuid::new_v4().simple().to_string();
        let work =
            async move { steps::functions::call(&context, &function, payload, &attempt).await };
        let step = {
            let known = self.known();
            match (&known.threads, &known.refusal) {
                (Some(threads), _) => Ok(Step(threads.spawn(work))),
                (None, refusal) => {
                    Err(refusal.clone().unwrap_or_else(|| "they have ended".to_owned()))
                }
            }
        };
        let mut step = step.map_err(|reason| {
            Error::new(ErrorKind::Internal, format!("no threads can be started: {reason}"))
        })?;
        (&mut step.0)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a step panicked")))
    }

    /// Abandons the job. It begins when nothing of the job is running any more.
    async fn abandon(&self, call: &Call) -> Result<Value, Error> {
        self.end().await;
        let mut message = call.payload.clone();
        let caught = self.caught(&message["abandon"]["failure"]);
        self.known().abandoned = Some((caught.clone(), None));
        message["abandon"]["failure"] = json!(caught);
        let settled = steps::functions::call(self.context, &call.function, message, "").await;
        if let Some((_, ended)) = &mut self.known().abandoned {
            *ended =
                Some(settled.clone().and_then(|settled| read(settled, "what became of the job")));
        }
        settled
    }

    /// What was caught; of a map whose item failed, the failure of the item.
    fn caught(&self, caught: &Value) -> Caught {
        let text = |name: &str| caught[name].as_str().unwrap_or_default().to_owned();
        let (error, cause) = (text("Error"), text("Cause"));
        match self.known().failed.clone().filter(|_| error.starts_with("States.")) {
            Some(failed) => Caught { error: failed.name().to_owned(), cause: failed.to_string() },
            None => Caught { error, cause },
        }
    }

    fn note(&self, call: &Call, answer: &Result<Value, Error>) {
        match answer {
            Err(error) => self.fail(error),
            Ok(_) if let Some(shard) = shard(&call.payload["shard"]) => self.progress.done(&shard),
            Ok(held) if call.payload.get("hold").is_some() => {
                let held = serde_json::from_value::<Held>(held.clone());
                self.known().held = held.map(|held| held.reasons).unwrap_or_default();
            }
            Ok(planned) => {
                // A job of one shard has no list.
                let planned = serde_json::from_value::<Planned>(planned.clone()).ok();
                if let Some(only) = planned.and_then(|planned| planned.shards.only) {
                    self.progress.expect(&[only]);
                }
            }
        }
    }

    /// Remembers a failure: the last one, but what is final is not replaced by what may pass.
    fn fail(&self, error: &Error) {
        let failed = &mut self.known().failed;
        if !error.is_transient() || failed.as_ref().is_none_or(Error::is_transient) {
            *failed = Some(error.clone());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Tasks for Workers<'_> {
    async fn invoke(&self, call: Call) -> Result<Value, flow::Failure> {
        let answer = if call.payload.get("abandon").is_some() {
            self.abandon(&call).await
        } else {
            let answer = self.step(&call).await;
            self.note(&call, &answer);
            answer
        };
        answer.map_err(|error| flow::Failure {
            error: error.name().to_owned(),
            cause: error.to_string(),
        })
    }

    async fn answered(&self, _token: &str) -> Result<Value, flow::Failure> {
        let reasons = self.known().held.clone();
        if self.approves || self.progress.ask(&reasons).await {
            return Ok(json!({}));
        }
        let reasons = reasons.join("; ");
        let cause = format!(
            "{reasons}; nobody approved it, so nothing of it is visible; `--approve` commits it all the same"
        );
        Err(flow::Failure { error: "HoldRefused".to_owned(), cause })
    }

    async fn put_events(&self, _entries: Value) -> Result<Value, flow::Failure> {
        // Nobody listens here.
        Ok(json!({ "FailedEntryCount": 0, "Entries": [] }))
    }
}

#[async_trait]
impl Items for Workers<'_> {
    async fn read(&self, bucket: &str, key: &str) -> Result<Vec<Value>, String> {
        let bytes = self.context.buckets.bucket(bucket).read(key, LIST_BYTES).await;
        let items = bytes.map_err(Error::from).and_then(|bytes| {
            serde_json::from_slice::<Vec<Value>>(&bytes).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("{key} can't be read: {}", error.unquoted()),
                )
            })
        });
        let items =
            items.inspect_err(|error| self.fail(error)).map_err(|error| error.to_string())?;
        let shards: Vec<Shard> = items.iter().filter_map(shard).collect();
        if !shards.is_empty() {
            self.progress.expect(&shards);
        }
        Ok(items)
    }
}

/// A shard, if this is one: merges are not.
fn shard(item: &Value) -> Option<Shard> {
    serde_json::from_value(item.clone()).ok()
}

fn read<T: serde::de::DeserializeOwned>(answer: Value, what: &str) -> Result<T, Error> {
    let read = serde_json::from_value(answer);
    read.map_err(|error: serde_json::Error| {
        Error::new(ErrorKind::Internal, format!("{what} can't be read: {}", error.unquoted()))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    /// What is caught of a map, or of a step, once these steps failed.
    fn caught(failed: &[Error], error: &str) -> Caught {
        let folder = tempfile::tempdir().unwrap();
        let context = crate::run::context(folder.path(), &folder.path().join("contract.yaml"), 1)
            .ok()
            .unwrap();
        let (_, meter) = objects::Metered::new(Arc::new(objects::Directories));
        let progress = Progress::new(Path::new("t.csv"), true, meter);
        let workers = Workers {
            context: &context,
            progress: &progress,
            approves: false,
            known: Mutex::default(),
        };
        failed.iter().for_each(|error| workers.fail(error));
        workers.caught(&json!({ "Error": error, "Cause": "as it was caught" }))
    }

    fn named(error: &str, cause: &str) -> Caught {
        Caught { error: error.to_owned(), cause: cause.to_owned() }
    }

    #[test]
    fn a_map_fails_as_its_step_did() {
        let (busy, damaged) = (
            Error::new(ErrorKind::StoreUnavailable, "busy"),
            Error::new(ErrorKind::SourceCorrupt, "damaged"),
        );
        const MAP: &str = "States.ExceedToleratedFailureThreshold";
        assert_eq!(caught(&[busy.clone(), busy.clone()], MAP), named("StoreUnavailable", "busy"));
        let expected = named("SourceCorrupt", "damaged");
        assert_eq!(caught(&[busy.clone(), damaged.clone()], MAP), expected);
        assert_eq!(caught(&[damaged.clone(), busy], MAP), expected, "what is final stays");
        assert_eq!(caught(&[], MAP), named(MAP, "as it was caught"));
    }

    #[test]
    fn a_step_fails_as_it_was_caught() {
        let damaged = Error::new(ErrorKind::SourceCorrupt, "damaged");
        assert_eq!(caught(&[damaged], "Cancelled"), named("Cancelled", "as it was caught"));
    }
}
