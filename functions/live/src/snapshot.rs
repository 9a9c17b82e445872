//! The whole truth of a job in one small message.

use job::message::{Counts, Failure, JobId};
use job::{DatasetName, Planned, Progress};
use registry::{JobRecord, JobStatus, Told};
use serde::Serialize;

/// Most characters of the reason of a failure: API Gateway takes 32 kB at once, and a snapshot
/// stays far below.
const MAX_CAUSE_CHARS: usize = 1_000;

/// A job as it stands. It replaces every one with a lower `sequence`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// `job`.
    r#type: &'static str,
    /// Which one.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// The number of the push: of all pushes of a job, the highest one holds.
    pub sequence: u64,
    /// Where it stands.
    pub status: JobStatus,
    /// Whether it stays as it is for ever.
    pub is_over: bool,
    /// When it was admitted.
    pub created: String,
    /// When the registry last heard of it.
    pub updated: String,
    /// What there is to do, once that is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// What its shards have done.
    pub progress: Progress,
    /// When a shard last told, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_at: Option<u64>,
    /// Bytes a second since it was planned, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Seconds until all bytes are read, if that goes on as fast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// Records, once they are added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What it cost in USD, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<job::bill::Dollars>,
    /// How many warnings it has.
    pub warnings: usize,
}

/// A job as it stands at `now`, in milliseconds since 1970.
pub fn snapshot(record: &JobRecord, told: &Told, sequence: u64, now: u64) -> Snapshot {
    let is_running = !record.status.is_terminal();
    let elapsed = told.planned_at.map(|since| now.saturating_sub(since)).filter(|_| is_running);
    let rate = elapsed.and_then(|ms| told.progress.bytes.saturating_mul(1_000).checked_div(ms));
    let rate = rate.filter(|rate| *rate > 0);
    let left = told.planned.map(|planned| planned.bytes.saturating_sub(told.progress.bytes));
    let failure = record.failure.clone().map(|failure| Failure {
        cause: failure.cause.chars().take(MAX_CAUSE_CHARS).collect(),
        ..failure
    });
    Snapshot {
        r#type: "job",
        job: record.submission.job.clone(),
        dataset: record.submission.dataset.clone(),
        sequence,
        status: record.status,
        is_over: record.is_over(),
        created: record.created.clone(),
        updated: record.updated.clone(),
        planned: told.planned,
        progress: told.progress.clone(),
        told_at: told.told_at,
        bytes_per_second: rate,
        seconds_left: left.zip(rate).map(|(left, rate)| left.div_ceil(rate)),
        counts: record.counts,
        failure,
        cost: record.bill.as_ref().map(|bill| bill.total),
        warnings: record.warnings.len(),
    }
}
