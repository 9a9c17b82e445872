//! What callers are shown of a job, and what the log is told of a request.

use std::time::{Duration, Instant, SystemTime};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use job::bill::{Bill, Dollars};
use job::hold::Hold;
use job::message::{Counts, Failure, Landed, ObjectCounts, Source, Warning};
use job::{Labels, advice};
use registry::{JobRecord, JobStatus};
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use crate::replay::RejectsLeft;
use crate::schema;

/// A job, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job, example = json!({
    "job": "job-1", "dataset": "flights", "contract": 3,
    "source": {"bucket": "the-inbox", "key": "staged/flights/june.csv"},
    "force": false, "landed": "skip", "maxCost": 0.05, "labels": {"team": "ops"}, "status": "SUCCEEDED",
    "created": "2026-01-31T12:00:00.000Z", "updated": "2026-01-31T12:00:09.000Z",
    "counts": {"read": 2000, "stored": 1988, "rejected": 12, "filtered": 0}, "sequence": 7,
    "links": {
        "self": "/jobs/job-1", "execution": "/jobs/job-1/execution",
        "shards": "/jobs/job-1/shards",
        "rejects": "/jobs/job-1/rejects", "errors": "/jobs/job-1/errors",
        "outputs": "/jobs/job-1/outputs",
    },
}))]
pub(crate) struct JobView {
    /// The job's id.
    job: String,
    /// The dataset to land in.
    dataset: String,
    /// The version of the contract.
    contract: u32,
    #[schema(value_type = schema::Source)]
    source: Source,
    /// How many objects of a source of many it lands, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ObjectCounts>)]
    objects: Option<ObjectCounts>,
    /// Whether it lands even if the same bytes, or a newer version, are there already.
    force: bool,
    /// What becomes of it when something of its source is in the dataset already.
    #[schema(value_type = schema::Landed)]
    landed: Landed,
    /// Bytes of a shard, if the request said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_bytes: Option<u64>,
    /// What it may cost by its estimate, in USD, if the request said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    max_cost: Option<Dollars>,
    /// The job whose rejects it lands, if it is a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_of: Option<String>,
    /// What became of its own rejects; only where one job is shown that landed some.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejects: Option<RejectsLeft>,
    /// What its submitter calls it.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    #[schema(schema_with = schema::labels, required = false)]
    labels: Labels,
    #[schema(value_type = schema::Status)]
    status: JobStatus,
    /// Why it waits for approval, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<schema::Hold>,
    /// When it was admitted.
    #[schema(format = DateTime)]
    created: String,
    /// When the registry last heard of it.
    #[schema(format = DateTime)]
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Counts>)]
    counts: Option<Counts>,
    /// The number of its commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<schema::Failure>,
    /// While it can be redriven.
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive: Option<Redrive>,
    /// How often it was redriven.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    redrives: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Bill>)]
    bill: Option<Bill>,
    /// What is not as it should be, though it landed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Warning>)]
    warnings: Vec<Warning>,
    links: Links,
}

/// That a failed job can go on where it failed.
#[derive(Debug, Serialize, ToSchema)]
struct Redrive {
    /// Until when.
    #[schema(format = DateTime)]
    until: String,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// The jobs of the page.
    pub(crate) items: Vec<JobView>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// Where to look further, relative to the API.
#[derive(Debug, Serialize, ToSchema)]
struct Links {
    #[serde(rename = "self")]
    this: String,
    execution: String,
    shards: String,
    rejects: String,
    errors: String,
    outputs: String,
}

impl JobView {
    pub(crate) fn with_rejects(self, rejects: Option<RejectsLeft>) -> Self {
        Self { rejects, ..self }
    }
}

impl From<JobRecord> for JobView {
    fn from(record: JobRecord) -> Self {
        let redrive = record.redrivable(&admission::now());
        let redrive = redrive.map(|until| Redrive { until: until.to_owned() });
        let submission = record.submission;
        let this = format!("/jobs/{}", submission.job);
        Self {
            job: submission.job.into(),
            dataset: submission.dataset.into(),
            contract: submission.contract,
            source: submission.source,
            objects: record.objects,
            force: submission.force,
            landed: submission.landed,
            shard_bytes: submission.shard_bytes,
            max_cost: submission.max_cost,
            replay_of: submission.replay.map(|replay| replay.of.into()),
            rejects: None,
            hold: record.hold.map(|Hold { token: _, reasons, since, until, answer }| {
                schema::Hold { reasons, since, until, answer }
            }),
            labels: record.labels,
            status: record.status,
            created: record.created,
            updated: record.updated,
            counts: record.counts,
            sequence: record.sequence,
            failure: record.failure.map(|Failure { error, cause, job }| schema::Failure {
                advice: advice(&error),
                error,
                cause,
                job,
            }),
            redrive,
            redrives: record.redrives,
            bill: record.bill,
            warnings: record.warnings,
            links: Links {
                execution: format!("{this}/execution"),
                shards: format!("{this}/shards"),
                rejects: format!("{this}/rejects"),
                errors: format!("{this}/errors"),
                outputs: format!("{this}/outputs"),
                this,
            },
        }
    }
}

/// The moment `seconds` from now, RFC 3339 in UTC.
pub(crate) fn in_seconds(seconds: u32) -> String {
    let then = SystemTime::now() + Duration::from_secs(seconds.into());
    chrono::DateTime::<chrono::Utc>::from(then).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Seconds since a moment in RFC 3339; 0 if it is to come, by the clock of whoever wrote it.
pub(crate) fn seconds_since(moment: &str) -> u64 {
    let then = chrono::DateTime::parse_from_rfc3339(moment);
    let since =
        then.map(|then| chrono::DateTime::<chrono::Utc>::from(SystemTime::now()) - then.to_utc());
    since.map_or(0, |since| since.num_seconds().try_into().unwrap_or(0))
}

/// Logs a request: its route, never its query or its body, and one metric line.
pub(crate) async fn logged(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let (took, status) = (begun.elapsed(), response.status());
    info!(%method, route, status = status.as_u16(), ms = took.as_millis() as u64, "answered");
    let now = lambda_step::epoch_millis();
    println!(
        "{}",
        lambda_step::metric("api", "", took, status.is_server_error().then_some("Internal"), now)
    );
    response
}
