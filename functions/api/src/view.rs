//! What callers are shown of a job, and what the log is told of a request.

use std::time::{Duration, Instant, SystemTime};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use job::bill::{Bill, Dollars};
use job::message::{Counts, Failure, ObjectCounts, Source, Warning};
use registry::{JobRecord, JobStatus};
use serde::Serialize;
use tracing::info;

/// A job, as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobView {
    job: String,
    dataset: String,
    contract: u32,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<ObjectCounts>,
    force: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cost: Option<Dollars>,
    status: JobStatus,
    created: String,
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bill: Option<Bill>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    links: Links,
}

/// Where to look further, relative to the API.
#[derive(Debug, Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: String,
    execution: String,
    rejects: String,
    errors: String,
    outputs: String,
}

impl From<JobRecord> for JobView {
    fn from(record: JobRecord) -> Self {
        let submission = record.submission;
        let this = format!("/jobs/{}", submission.job);
        Self {
            job: submission.job.into(),
            dataset: submission.dataset.into(),
            contract: submission.contract,
            source: submission.source,
            objects: record.objects,
            force: submission.force,
            shard_bytes: submission.shard_bytes,
            max_cost: submission.max_cost,
            status: record.status,
            created: record.created,
            updated: record.updated,
            counts: record.counts,
            sequence: record.sequence,
            failure: record.failure,
            bill: record.bill,
            warnings: record.warnings,
            links: Links {
                execution: format!("{this}/execution"),
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

/// Logs a request: its route, never its query or its body, and one metric line.
pub(crate) async fn logged(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let (took, status) = (begun.elapsed(), response.status());
    info!(%method, route, status = status.as_u16(), ms = took.as_millis() as u64, "answered");
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64);
    println!(
        "{}",
        lambda_step::metric("api", "", took, status.is_server_error().then_some("Internal"), now)
    );
    response
}
