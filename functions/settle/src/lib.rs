//! Finds jobs that have not ended though their execution has, and brings them to their end.
//!
//! An event of Step Functions names one; the sweep looks at all that seem to be running, as events
//! may be lost. Both do the same with a job, which is harmless for one that is well. Another sweep
//! finds files of the inbox that have no job, and datasets whose files did not come. Jobs that
//! contracts ask for at set times are started too.

mod execution;
mod inbox;
mod schedule;

pub use inbox::{Inbox, Seen};
pub use schedule::Due;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use executions::{Execution, Executions, Status};
use futures::{StreamExt, stream};
use job::limits::REDRIVE_SECONDS;
use job::message::{ExecutionName, Failure, JobRef};
use job::{DatasetName, Error, ErrorKind};
use registry::{JobFilter, JobRecord, JobStatus, MAX_PAGE};
use serde::Serialize;
use serde_json::Value;
use steps::Context;

use execution::failure;

/// How long the registry must not have heard of a job before the sweep looks at it: steps of a
/// healthy one are on their way.
const QUIET: TimeDelta = TimeDelta::minutes(5);
/// How long after its admission a job that failed is looked at: until its time to be redriven is
/// over, and as long again for sweeps that did not come to it.
const FAILED: TimeDelta = TimeDelta::seconds(2 * REDRIVE_SECONDS as i64);
/// Jobs that are looked at once.
const CONCURRENT_JOBS: usize = 8;
/// Most jobs of a sweep: those left over are the next one's.
const MOST_JOBS: usize = 5_000;

/// What settling works with; built once.
pub struct Settler {
    /// What the steps stand on.
    pub context: Context,
    /// The state machine.
    pub executions: Arc<dyn Executions>,
}

/// What was done, in numbers of jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Looked at.
    pub seen: usize,
    /// Brought to their end.
    pub settled: usize,
    /// Started, as whoever admitted them did not come to it.
    pub started: usize,
    /// Stopped again, as they are cancelled and run all the same.
    pub stopped: usize,
    /// That could not be helped now: the next sweep tries again.
    pub failed: usize,
}

/// What a job needed.
enum Need {
    Nothing,
    Settling,
    Starting,
    Stopping,
}

impl Settler {
    /// Hears an event of Step Functions about one execution that has ended, or any other event as
    /// the time to sweep. Where only some jobs of a dataset run at once, the next one begins.
    pub async fn hear(&self, event: &Value, now: DateTime<Utc>) -> Result<Done, Error> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        if text("/source") != Some("aws.states") {
            return self.sweep(now).await;
        }
        let name = text("/detail/name").and_then(ExecutionName::parse);
        let Some(name) = name else {
            return Err(Error::new(
                ErrorKind::Internal,
                "an event of Step Functions names no execution",
            ));
        };
        // An execution that the registry doesn't know is not one of Landfall's jobs.
        let Some(record) = self.context.registry.job(name.job_id()).await? else {
            return Ok(Done::default());
        };
        let (mut done, now) = (Done::default(), text_of(now));
        let dataset = record.submission.dataset.clone();
        done.count(self.help(record, &now).await?);
        done.started += self.start_waiting(&dataset, &now).await?;
        Ok(done)
    }

    /// Looks at all jobs that have not ended, and that nothing was heard of for a while; and at those
    /// that failed lately, for their time to be redriven may be over.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<Done, Error> {
        let (quiet_since, failed_since) = (text_of(now - QUIET), text_of(now - FAILED));
        let now = text_of(now);
        let open = JobStatus::OPEN
            .map(|status| JobFilter { status: Some(status), ..JobFilter::default() });
        let failed = JobFilter {
            status: Some(JobStatus::Failed),
            from: Some(failed_since),
            ..JobFilter::default()
        };
        let mut quiet = Vec::new();
        for filter in open.into_iter().chain([failed]) {
            let mut after: Option<String> = None;
            loop {
                let page = self.context.registry.jobs(&filter, after.as_deref(), MAX_PAGE).await?;
                let is_seen = |job: &JobRecord| job.updated < quiet_since && needs_look(job, &now);
                quiet.extend(page.items.into_iter().filter(is_seen));
                after = page.next;
                if after.is_none() || quiet.len() >= MOST_JOBS {
                    break;
                }
            }
        }
        // Those that wait for their turn have it in their order.
        quiet.sort_by(|a, b| a.created.cmp(&b.created));
        let mut done = Done::default();
        let help = |record: JobRecord| async {
            let job = record.submission.job.clone();
            (job, self.help(record, &now).await)
        };
        let mut helped = stream::iter(quiet).map(help).buffer_unordered(CONCURRENT_JOBS);
        while let Some((job, outcome)) = helped.next().await {
            match outcome {
                Ok(need) => done.count(need),
                Err(error) => {
                    tracing::warn!(%job, error = error.name(), "a job could not be settled");
                    (done.seen, done.failed) = (done.seen + 1, done.failed + 1);
                }
            }
        }
        tracing::info!(
            seen = done.seen,
            settled = done.settled,
            started = done.started,
            failed = done.failed,
            "swept"
        );
        Ok(done)
    }

    /// Starts jobs of a dataset that waited for another one to end; how many.
    async fn start_waiting(&self, dataset: &DatasetName, now: &str) -> Result<usize, Error> {
        let (registry, executions) = (self.context.registry.as_ref(), self.executions.as_ref());
        admission::start_waiting(registry, executions, dataset, now).await.map_err(admission_error)
    }

    /// Does what a job needs. The index by status may lag, so the record may be of a job that has
    /// ended.
    async fn help(&self, record: JobRecord, now: &str) -> Result<Need, Error> {
        let submission = &record.submission;
        if !needs_look(&record, now) {
            return Ok(Need::Nothing);
        }
        let (registry, executions) = (self.context.registry.as_ref(), self.executions.as_ref());
        if admission::is_unstarted(&record)
            && !admission::is_its_turn(registry, executions, &record, now)
                .await
                .map_err(admission_error)?
        {
            return Ok(Need::Nothing);
        }
        let name = record.execution_name();
        let arn = record.execution.clone().unwrap_or_else(|| self.executions.arn(&name));
        let execution = match self.executions.describe(&arn).await {
            Ok(execution) => Some(execution),
            Err(executions::Error::Missing(_)) if !record.status.is_terminal() => {
                // Even a cancelled one: its execution finds the decision and ends itself.
                admission::start(registry, executions, record, now)
                    .await
                    .map_err(admission_error)?;
                return Ok(Need::Starting);
            }
            // Forgotten, of a job that failed.
            Err(executions::Error::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        match execution {
            Some(Execution { status: Status::Running, .. })
                if record.status == JobStatus::Cancelling =>
            {
                self.executions.stop(&arn, "cancelled").await?;
                Ok(Need::Stopping)
            }
            Some(Execution { status: Status::Running, .. }) => Ok(Need::Nothing),
            ended => {
                let job =
                    JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
                // Why it failed is known of a job that was left to be redriven.
                let because = record.failure.clone().or_else(|| ended.map(failure));
                let because = because.unwrap_or_else(|| Failure::new("Internal", "it has ended"));
                steps::settle(&self.context, job, Some(&name), because).await?;
                Ok(Need::Settling)
            }
        }
    }
}

/// Whether something may have to be done for a job: it has not ended, or it failed and its time to
/// be redriven is over.
fn needs_look(job: &JobRecord, now: &str) -> bool {
    !job.status.is_terminal() || !job.is_over() && job.redrivable(now).is_none()
}

impl Done {
    fn count(&mut self, need: Need) {
        self.seen += 1;
        match need {
            Need::Nothing => {}
            Need::Settling => self.settled += 1,
            Need::Starting => self.started += 1,
            Need::Stopping => self.stopped += 1,
        }
    }
}

fn admission_error(error: admission::Error) -> Error {
    match error {
        admission::Error::Registry(error) => error.into(),
        admission::Error::Executions(error) => error.into(),
        admission::Error::Clock(error) => Error::new(ErrorKind::StoreUnavailable, error),
        other => Error::new(ErrorKind::Internal, other.to_string()),
    }
}

/// A moment as the registry writes it.
fn text_of(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
