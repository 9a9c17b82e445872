//! All that a job tells where its values may not be: what its steps answer, why they fail, what they log, and
//! its items in the registry.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use job::Error;
use job::decision::Decision;
use job::message::{Abandon, Caught, Failure, JobId, JobRef, MergeFiles, MergeItem, Shard, Stored, Submission, TransformShard, VerifyJob};
use objects::Put;
use registry::JobRecord;
use serde::Serialize;
use tracing_subscriber::fmt::MakeWriter;

use super::super::bench::Bench;

/// Attempts of a step, the first included.
const ATTEMPTS: u32 = 3;
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
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(logs.clone()).finish();
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
        let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
        self.failure.clear();
        if let Err(error) = self.flow(bench, submission, &job).await {
            error.name().clone_into(&mut self.failure);
            let diagnostic = lambda_step::diagnostic(&error);
            self.texts.push(lambda_step::metric("step", job.job.as_str(), BUDGET, Some(error.name()), 0));
            let cause = serde_json::json!({"errorType": diagnostic.error_type, "errorMessage": diagnostic.error_message});
            let failure = Caught { error: error.name().to_owned(), cause: cause.to_string() };
            let abandon = Abandon { job: job.job.clone(), dataset: job.dataset.clone(), failure };
            let context = &bench.context;
            let work = |_| {
                let (context, abandon) = (context.clone(), abandon.clone());
                async move { steps::abandon(&context, abandon).await }
            };
            let _ = self.step("abandon", work).await;
        }
        self.hear_registry(bench, &job.job).await;
    }

    async fn hear_registry(&mut self, bench: &Bench, job: &JobId) {
        let record: Option<JobRecord> = bench.context.registry.job(job).await.unwrap();
        self.texts.push(serde_json::to_string(&record.unwrap()).unwrap());
    }

    async fn flow(&mut self, bench: &Bench, submission: Submission, job: &JobRef) -> Result<Stored, Error> {
        let context = &bench.context;
        let ingest = |_| {
            let (context, submission) = (context.clone(), submission.clone());
            async move { steps::ingest(&context, submission).await }
        };
        let planned = self.step("ingest", ingest).await?;
        match std::mem::take(&mut self.between) {
            Between::Nothing => {}
            Between::Replace(source) => bench.inbox().put(&submission.source.key, source.into(), Put::Overwrite).await.unwrap(),
            Between::Cancel => {
                bench.decide(&job.job, Decision::NoCommit(Failure::new("Cancelled", "by hand"))).await;
            }
        }
        self.transform(bench, job, &planned.shards.key).await?;
        let mut round = 1;
        let verified = loop {
            let verify = |_| {
                let message = VerifyJob { job: job.job.clone(), dataset: job.dataset.clone(), round };
                let context = context.clone();
                async move { steps::verify(&context, message).await }
            };
            let verified = self.step("verify", verify).await?;
            if verified.again.count == 0 {
                break verified;
            }
            self.transform(bench, job, &verified.again.key).await?;
            round = verified.round;
        };
        for index in 0..verified.merges.count {
            let merge = |attempt| {
                let message = MergeFiles { job: job.job.clone(), dataset: job.dataset.clone(), merge: MergeItem { index } };
                let context = context.clone();
                async move { steps::merge(&context, message, &format!("attempt{attempt}")).await }
            };
            self.step("merge", merge).await?;
        }
        let store = |_| {
            let (context, job) = (context.clone(), job.clone());
            async move { steps::store(&context, job).await }
        };
        self.step("store", store).await
    }

    async fn transform(&mut self, bench: &Bench, job: &JobRef, list: &str) -> Result<(), Error> {
        // The list is handed over by the state machine, and no step fails for it.
        let shards: Vec<Shard> = serde_json::from_str(&bench.text(list).await).unwrap();
        for shard in shards {
            let transform = |attempt| {
                let message = TransformShard { job: job.job.clone(), dataset: job.dataset.clone(), shard: shard.clone() };
                let context = bench.context.clone();
                async move { steps::transform(&context, message, &format!("attempt{attempt}")).await }
            };
            self.step("transform", transform).await?;
        }
        Ok(())
    }

    /// A step as its function runs it, retried as the state machine does.
    async fn step<T, F>(&mut self, name: &str, work: impl Fn(u32) -> F) -> Result<T, Error>
    where
        T: Serialize + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        for attempt in 1.. {
            let outcome = lambda_step::guarded(work(attempt), BUDGET).await;
            self.texts.push(match &outcome {
                Ok(answer) => serde_json::to_string(answer).unwrap(),
                Err(error) => format!("{name}: {}: {error} {error:?}", error.name()),
            });
            match outcome {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => {}
                outcome => return outcome,
            }
        }
        unreachable!("the last attempt returns")
    }
}
