//! Turns a request or an event into a job, once, however often and from however many sides it is
//! asked for: the job is put in the registry, then started.
//!
//! The registry's record is written first, so that whoever finds a job put but not started (its
//! admitter died in between) can start it; the execution has its name from the job, so that starting
//! it twice starts it once. A failed job is redriven in the same way: the registry first, then a new
//! execution.

mod arrivals;
#[cfg(feature = "sqs")]
mod queue;

pub use arrivals::{Admitter, Clock, Due, Reminder};
#[cfg(feature = "sqs")]
pub use queue::Queue;

use executions::Executions;
use job::bill::Dollars;
use job::hold::CommitMode;
use job::message::{JobId, Landed, Source, Submission, Unreadable};
use job::replay::Replay;
use job::{DatasetName, Labels};
use registry::{JobChange, JobRecord, JobStatus, Registry};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The job's id: the same for every repeat of the request.
    pub job: JobId,
    /// The dataset to land in.
    pub dataset: DatasetName,
    /// What to land, as it was named: a repeat of the request names it likewise.
    pub source: Source,
    /// The same as it was found to be, with its version and ETag; `None` where nobody looked. A new
    /// job lands this and nothing that replaces it later.
    pub seen: Option<Source>,
    /// The rejects that the source has, if another job rejected its records.
    pub replay: Option<Replay>,
    /// Land it even when the same bytes are in the dataset already.
    pub force: bool,
    /// What becomes of it, without `force`, when something of it is in the dataset already.
    pub landed: Landed,
    /// What becomes of objects that can't be read.
    pub unreadable: Unreadable,
    /// Whether it waits for approval before it commits.
    pub commit: CommitMode,
    /// Bytes of a shard; without it, what the deployment says.
    pub shard_bytes: Option<u64>,
    /// What it may cost by its estimate.
    pub max_cost: Option<Dollars>,
    /// What its submitter calls it.
    pub labels: Labels,
}

/// An admitted job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The job as the registry knows it.
    pub job: JobRecord,
    /// Whether this request made it; a repeat did not.
    pub new: bool,
}

/// Why a job was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The dataset has no contract.
    #[error("there is no dataset `{0}`")]
    NoDataset(DatasetName),
    /// The job's id belongs to another request.
    #[error("job {0} was asked for before with another request")]
    Conflict(JobId),
    /// The registry failed; the job may have been put, and a repeat will start it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The execution could not be started; a repeat will start it.
    #[error(transparent)]
    Executions(#[from] executions::Error),
    /// Nobody will say that a batch's time has come; a repeat will see to it.
    #[error("a batch has no reminder: {0}")]
    Clock(String),
}

/// Admits a job: pins the newest contract, puts the job and starts its execution, or leaves it in
/// line if its dataset lets only some run at once. Asked for again, the answer is the same job.
///
/// `now` is RFC 3339 in UTC with milliseconds, as [`now`] gives it.
pub async fn admit(
    registry: &dyn Registry,
    executions: &dyn Executions,
    request: Request,
    now: &str,
) -> Result<Admitted, Error> {
    let (job, new, limit) = match registry.job(&request.job).await? {
        Some(earlier) => {
            let is_waiting = is_unstarted(&earlier) && request.is_for(&earlier);
            let limit = if is_waiting { limit(registry, &request.dataset).await? } else { None };
            (earlier, false, limit)
        }
        None => put(registry, &request, now).await?,
    };
    if !request.is_for(&job) {
        return Err(Error::Conflict(request.job));
    }
    let job = match is_unstarted(&job) && has_turn(registry, executions, &job, limit, now).await? {
        true => start(registry, executions, job, now).await?,
        false => job,
    };
    Ok(Admitted { job, new })
}

/// Whether a job that is put, and not started, has its turn: always, unless its dataset lets only
/// some run at once. Then it stays pending in line until others have ended. Those before it in line
/// whose turn it is are started.
pub async fn is_its_turn(
    registry: &dyn Registry,
    executions: &dyn Executions,
    job: &JobRecord,
    now: &str,
) -> Result<bool, Error> {
    let limit = limit(registry, &job.submission.dataset).await?;
    has_turn(registry, executions, job, limit, now).await
}

/// The same, where it is known how many run at once.
async fn has_turn(
    registry: &dyn Registry,
    executions: &dyn Executions,
    job: &JobRecord,
    limit: Option<u32>,
    now: &str,
) -> Result<bool, Error> {
    let Submission { job, dataset, .. } = &job.submission;
    let Some(limit) = limit else { return Ok(true) };
    let mut given = registry.take_turns(dataset, Some(job), limit).await?;
    let before = given.len();
    given.retain(|given| given != job);
    start_all(registry, executions, &given, now).await;
    Ok(given.len() < before)
}

/// Starts jobs that wait for their turn, where others of their dataset have ended; how many had it.
/// Done again it finishes what was left.
pub async fn start_waiting(
    registry: &dyn Registry,
    executions: &dyn Executions,
    dataset: &DatasetName,
    now: &str,
) -> Result<usize, Error> {
    let Some(limit) = limit(registry, dataset).await? else { return Ok(0) };
    let given = registry.take_turns(dataset, None, limit).await?;
    start_all(registry, executions, &given, now).await;
    Ok(given.len())
}

/// How many jobs of a dataset run at once, if its newest contract says so.
async fn limit(registry: &dyn Registry, dataset: &DatasetName) -> Result<Option<u32>, Error> {
    let contract = registry.contract(dataset, None).await?;
    Ok(contract.and_then(|contract| contract.intake.concurrent))
}

/// Starts jobs that have their turn. One that can't be started now keeps it: the sweep starts it.
async fn start_all(
    registry: &dyn Registry,
    executions: &dyn Executions,
    jobs: &[JobId],
    now: &str,
) {
    for id in jobs {
        let started = async {
            match registry.job(id).await? {
                Some(job) if is_unstarted(&job) => {
                    start(registry, executions, job, now).await.map(drop)
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = started.await {
            tracing::warn!(job = %id, %error, "a job that has its turn could not be started");
        }
    }
}

/// The time, as the registry wants it: RFC 3339 in UTC with milliseconds.
pub fn now() -> String {
    chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now())
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

impl Request {
    /// What asks for a source and nothing else.
    pub fn of(job: JobId, dataset: DatasetName, source: Source) -> Self {
        Self {
            job,
            dataset,
            source,
            seen: None,
            replay: None,
            force: false,
            landed: Landed::default(),
            unreadable: Unreadable::default(),
            commit: CommitMode::default(),
            shard_bytes: None,
            max_cost: None,
            labels: Labels::default(),
        }
    }

    /// The submission of a new job, by a version of its dataset's contract.
    pub fn submission(&self, contract: u32) -> Submission {
        Submission {
            job: self.job.clone(),
            dataset: self.dataset.clone(),
            contract,
            source: self.seen.as_ref().unwrap_or(&self.source).clone(),
            replay: self.replay.clone(),
            force: self.force,
            landed: self.landed,
            unreadable: self.unreadable,
            commit: self.commit,
            shard_bytes: self.shard_bytes,
            max_cost: self.max_cost,
        }
    }

    /// Whether a job is the one that is asked for. Its source is pinned, at once or by `ingest`:
    /// what the request leaves open may be anything, also another version than this request has
    /// seen.
    fn is_for(&self, JobRecord { submission: job, labels, .. }: &JobRecord) -> bool {
        let open_or_same = |asked: &Option<String>, held: &Option<String>| {
            asked.is_none() || held.is_none() || asked == held
        };
        self.dataset == job.dataset
            && match (&self.source, &job.source) {
                (Source::Object(asked), Source::Object(held))
                | (Source::Manifest { manifest: asked }, Source::Manifest { manifest: held }) => {
                    asked.place() == held.place()
                        && open_or_same(&asked.version, &held.version)
                        && open_or_same(&asked.etag, &held.etag)
                }
                (asked, held) => asked == held,
            }
            && self.replay == job.replay
            && self.force == job.force
            && self.landed == job.landed
            && self.unreadable == job.unreadable
            && self.commit == job.commit
            && self.shard_bytes == job.shard_bytes
            && self.max_cost == job.max_cost
            && self.labels == *labels
    }
}

/// Puts the job, or finds that someone else did; whether it was put here, and how many jobs of its
/// dataset run at once.
async fn put(
    registry: &dyn Registry,
    request: &Request,
    now: &str,
) -> Result<(JobRecord, bool, Option<u32>), Error> {
    let contract = registry
        .contract(&request.dataset, None)
        .await?
        .ok_or_else(|| Error::NoDataset(request.dataset.clone()))?;
    let submission = request.submission(contract.version);
    let job = JobRecord { labels: request.labels.clone(), ..JobRecord::pending(submission, now) };
    let limit = contract.intake.concurrent;
    Ok(match registry.put_job(&job).await? {
        Some(earlier) => (earlier, false, limit),
        None => (job, true, limit),
    })
}

/// Whether a job was put and its execution may not have been started.
pub fn is_unstarted(job: &JobRecord) -> bool {
    job.status == JobStatus::Pending && job.execution.is_none()
}

/// Has a job that failed go on in a new execution, where it can be redriven; any other stays as it
/// is. In `status` [`JobStatus::Cancelling`] the execution finds that the job is decided, and
/// settles it. Asked for again, or by two at once, it is started once.
pub async fn redrive(
    registry: &dyn Registry,
    executions: &dyn Executions,
    job: JobRecord,
    status: JobStatus,
    now: &str,
) -> Result<JobRecord, Error> {
    let id = &job.submission.job;
    let job = registry.redrive_job(id, job.redrives + 1, status, now).await?.unwrap_or(job);
    go_on(registry, executions, job, now).await
}

/// Starts the execution by which a job is redriven, unless that was done: its starter may have died
/// in between.
pub async fn go_on(
    registry: &dyn Registry,
    executions: &dyn Executions,
    job: JobRecord,
    now: &str,
) -> Result<JobRecord, Error> {
    let is_left = job.redrives > 0 && job.execution.is_none() && !job.status.is_terminal();
    if is_left { start(registry, executions, job, now).await } else { Ok(job) }
}

/// Starts a job that was put, or is redriven, and records that it runs. Started before, it is a
/// success.
pub async fn start(
    registry: &dyn Registry,
    executions: &dyn Executions,
    job: JobRecord,
    now: &str,
) -> Result<JobRecord, Error> {
    let id = &job.submission.job;
    let input = serde_json::to_string(&job.submission).expect("a submission is plain data");
    let arn = match executions.start(&job.execution_name(), &input).await {
        Ok(started) => started.arn,
        Err(executions::Error::Different(_)) => {
            // Either someone started the job and it pinned its source since the record was read, or
            // the name belongs to a job that the registry has forgotten.
            return match registry.job(id).await? {
                Some(job) if !is_unstarted(&job) => Ok(job),
                _ => Err(Error::Conflict(id.clone())),
            };
        }
        Err(error) => return Err(error.into()),
    };
    let change = JobChange {
        redrives: Some(job.redrives),
        status: Some(JobStatus::Running),
        execution: Some(arn),
        ..JobChange::default()
    };
    Ok(registry.update_job(id, &change, now).await?.unwrap_or(job))
}

#[cfg(test)]
mod tests;
