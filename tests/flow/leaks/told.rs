//! Gathers all that a job tells where its values may not be: what its steps answer, why they fail,
//! what they log, and its items in the registry.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flow::Call;
use job::Error;
use job::decision::Decision;
use job::message::{Failure, JobId, Submission};
use objects::Put;
use registry::JobRecord;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::super::bench::Bench;
use super::super::machine::{self, Functions, Until, Work};

/// As long as a step may take.
const BUDGET: Duration = Duration::from_secs(120);

/// What was told.
#[derive(Default)]
pub(super) struct Told {
    texts: Vec<String>,
    /// The name of the failure that ended the job.
    failure: String,
    /// What happens once the job is planned.
    pub(super) between: Between,
}

/// What happens to a job from outside.
#[derive(Default)]
pub(super) enum Between {
    #[default]
    Nothing,
    /// The source is replaced.
    Replace(Vec<u8>),
    Cancel,
}

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Told {
    /// What is told while `work` runs, every log of every level included.
    pub(super) fn of(work: impl AsyncFnOnce(&mut Self)) -> Self {
        let logs = Logs::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(logs.clone())
            .finish();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut told = Self::default();
        tracing::subscriber::with_default(subscriber, || runtime.block_on(work(&mut told)));
        told.texts.push(String::from_utf8_lossy(&logs.0.lock().unwrap()).into_owned());
        told
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The name of the failure; empty if the job landed.
    pub(super) fn failure(&self) -> &str {
        &self.failure
    }

    /// Runs the state machine, and hears what it and the registry say.
    pub(super) async fn land(&mut self, bench: &Bench, submission: Submission) {
        let job = submission.job.clone();
        let hearing = Hearing {
            bench,
            submission: submission.clone(),
            between: Mutex::new(std::mem::take(&mut self.between)),
            texts: Mutex::default(),
        };
        let driven = machine::submit(bench, &hearing, &submission, Until::End).await;
        self.texts.append(&mut hearing.texts.into_inner().unwrap());
        self.failure =
            driven.seen.abandoned.map_or_else(String::new, |(caught, settled)| match settled {
                // A map forgets why its item failed.
                Ok(settled) if caught.error.starts_with("States.") => settled.error,
                _ => caught.error,
            });
        // What the state machine knows is shown by the API.
        self.texts.push(format!(
            "{:?} {:?} {:?}",
            driven.ended.events, driven.ended.map_runs, driven.ended.outcome
        ));
        self.hear_registry(bench, &job).await;
    }

    async fn hear_registry(&mut self, bench: &Bench, job: &JobId) {
        let record: Option<JobRecord> = bench.context.registry.job(job).await.unwrap();
        self.texts.push(serde_json::to_string(&record.unwrap()).unwrap());
    }
}

/// Runs the steps as their functions do, and hears what they answer.
struct Hearing<'a> {
    bench: &'a Bench,
    submission: Submission,
    between: Mutex<Between>,
    texts: Mutex<Vec<String>>,
}

impl Hearing<'_> {
    /// What happens to the job once it is planned.
    async fn happen(&self) {
        let between = std::mem::take(&mut *self.between.lock().unwrap());
        match between {
            Between::Nothing => {}
            Between::Replace(source) => {
                let object = self.submission.source.object().unwrap();
                self.bench.inbox().put(&object.key, source.into(), Put::Overwrite).await.unwrap();
            }
            Between::Cancel => {
                let because = Failure::new("Cancelled", "by hand");
                self.bench.decide(&self.submission.job, Decision::NoCommit(because)).await;
            }
        }
    }
}

#[async_trait]
impl Functions for Hearing<'_> {
    async fn run(&self, call: &Call, work: Work) -> Result<Value, Error> {
        let outcome = lambda_step::guarded(work, BUDGET).await;
        let step = call.function.as_str();
        let job = self.submission.job.as_str();
        self.texts.lock().unwrap().extend(match &outcome {
            Ok(answer) => vec![answer.to_string()],
            Err(error) => {
                vec![
                    format!("{step}: {}: {error} {error:?}", error.name()),
                    lambda_step::metric(step, job, BUDGET, Some(error.name()), 0),
                ]
            }
        });
        if step == "ingest" && outcome.is_ok() {
            self.happen().await;
        }
        outcome
    }
}
