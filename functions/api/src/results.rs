//! What a job left behind: rejected records, faults, and files.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use job::message::{JobId, JobKeys};
use landing::commit::Commit;
use objects::{Head, Pin};
use registry::{JobRecord, JobStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::LayoutRejects;
use utoipa::{IntoParams, ToSchema};
use wording::Unquoted;

use crate::accept::choose;
use crate::caller::Caller;
use crate::extract::{self, Asked, Job, Named, page_length};
use crate::problem::{Kind, Problem};
use crate::view::in_seconds;
use crate::{App, URL_SECONDS, schema};

/// Entries of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (100, 1_000);
/// Most bytes of a page of errors, which bounds memory and the answer (Lambda's limit is 6 MB);
/// many times the longest entry.
const ERROR_PAGE_BYTES: u64 = 1024 * 1024;
/// Most bytes of a profile: an answer of a Lambda has at most 6 MB.
const MAX_PROFILE_BYTES: u64 = 5 * 1024 * 1024;
/// Most bytes of a commit that are read.
const MAX_COMMIT_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// `next` of the page before.
    #[param(format = "uint64", maximum = 18446744073709551615_u64)]
    after: Option<u64>,
    /// Entries of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Where the rejected records are.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"rows": 12, "url": "https://…", "expires": "2026-01-31T12:15:00Z"}))]
pub(crate) struct Rejects {
    /// How many there are.
    rows: u64,
    /// A presigned URL of them; `null` where there are none.
    #[schema(required)]
    url: Option<String>,
    /// Until when it is good.
    #[schema(required, format = DateTime)]
    expires: Option<String>,
    /// The rejects by their layouts, of which a job has several where its objects differ in headers
    /// or encodings: each has a file of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::LayoutRejects>)]
    layouts: Vec<LayoutRejects>,
}

/// Which rejects to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfLayout {
    /// Their layout, of a job whose objects have several, from 0.
    #[param(default = 0, maximum = 999)]
    layout: Option<u32>,
}

/// A page of faults.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "line": 13, "record": 12, "byte": 1024, "field": "year", "column": 1,
        "error": "type-error", "value": "20l3", "message": "`20l3` is not an integer",
    }],
    "next": null, "url": "https://…", "expires": "2026-01-31T12:15:00Z",
}))]
pub(crate) struct Errors {
    /// The faults of the page, in the order of the source.
    #[schema(value_type = Vec<schema::RecordFault>)]
    items: Vec<Value>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<u64>,
    /// A presigned URL of all faults; `null` where there are none.
    #[schema(required)]
    url: Option<String>,
    /// Until when it is good.
    #[schema(required, format = DateTime)]
    expires: Option<String>,
}

/// A page of the files of a job.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "sequence": 0, "rows": 3, "bytes": 1024, "files": 1,
    "items": [{"key": "lake/flights/job-1-000000-000.parquet", "rows": 3, "bytes": 1024, "url": "https://…"}],
    "next": null, "expires": "2026-01-31T12:15:00Z",
}))]
pub(crate) struct Outputs {
    /// The number of the job's commit.
    sequence: u64,
    /// Rows of all files.
    rows: u64,
    /// Bytes of all files.
    bytes: u64,
    /// How many files there are.
    files: usize,
    /// The files of the page.
    items: Vec<File>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<u64>,
    /// Until when the URLs are good.
    #[schema(format = DateTime)]
    expires: String,
}

/// A file of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = JobFile)]
struct File {
    /// Key, in the lake's bucket.
    key: String,
    /// Rows.
    rows: u64,
    /// Bytes.
    bytes: u64,
    /// A presigned URL.
    url: String,
}

/// Shows where the rejected records are; redirects to them whoever would rather have `text/csv`.
#[utoipa::path(
    get,
    path = "/jobs/{id}/rejects",
    tag = "jobs",
    params(Job, OfLayout),
    responses(
        (status = 200, description = "Where they are.", body = Rejects),
        (status = 307, description = "They are at `Location`.", headers(("Location" = String, description = "A presigned URL."))),
    ),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoRejects, Kind::NotAcceptable])))
)]
pub(crate) async fn rejects(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
    Asked(OfLayout { layout }): Asked<OfLayout>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wants_csv = choose(&headers, &["application/json", "text/csv"])? == "text/csv";
    let job = caller.find(&app, &id).await?;
    let rows = job.counts.map(|counts| counts.rejected);
    let keys = JobKeys::new("", &id);
    let layouts = match rows {
        Some(1..) if !wants_csv => steps::rejects_by_layout(app.work().as_ref(), &keys).await,
        _ => Ok(Vec::new()),
    };
    let layouts = layouts.map_err(|error| Problem::internal(&error))?;
    let key = keys.rejects(extract::layout(layout.unwrap_or_default())?);
    if head(&app, &key).await?.is_none() {
        return match rows {
            Some(0) if !wants_csv => {
                Ok(Json(Rejects { rows: 0, url: None, expires: None, layouts }).into_response())
            }
            // Its first object may have none.
            Some(rows) if !wants_csv && layout.is_none() && !layouts.is_empty() => {
                Ok(Json(Rejects { rows, url: None, expires: None, layouts }).into_response())
            }
            _ => Err(nothing_there(Kind::NoRejects, "rejected records", &job)),
        };
    }
    let url = app
        .work()
        .presign_get(&key, &format!("{}-rejects.csv", job.submission.dataset), URL_SECONDS)
        .await?;
    if wants_csv {
        return Ok(Redirect::temporary(&url).into_response());
    }
    Ok(Json(Rejects {
        rows: rows.unwrap_or_default(),
        url: Some(url),
        expires: Some(in_seconds(URL_SECONDS)),
        layouts,
    })
    .into_response())
}

/// Shows what the columns of a job's rows hold, once the job is in the lake or held.
#[utoipa::path(
    get,
    path = "/jobs/{id}/profile",
    tag = "jobs",
    params(Job),
    responses((status = 200, description = "What they hold.", body = schema::Profile)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoProfile])))
)]
pub(crate) async fn profile(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = caller.find(&app, &id).await?;
    let key = JobKeys::new("", &id).profile();
    let is_proved = matches!(job.status, JobStatus::Succeeded | JobStatus::Held);
    if !is_proved || head(&app, &key).await?.is_none() {
        return Err(nothing_there(Kind::NoProfile, "profile", &job));
    }
    let json = app.work().read(&key, MAX_PROFILE_BYTES).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Lists the faults of a job's records in the order of the source, and tells a URL of them all.
#[utoipa::path(
    get,
    path = "/jobs/{id}/errors",
    tag = "jobs",
    params(Job, Listing),
    responses((status = 200, description = "A page.", body = Errors)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoErrors])))
)]
pub(crate) async fn errors(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Errors>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let job = caller.find(&app, &id).await?;
    let key = JobKeys::new("", &id).errors();
    let Some(head) = head(&app, &key).await? else {
        return match job.counts {
            Some(counts) if counts.rejected == 0 => {
                Ok(Json(Errors { items: Vec::new(), next: None, url: None, expires: None }))
            }
            _ => Err(nothing_there(Kind::NoErrors, "faults", &job)),
        };
    };
    let after = asked.after.unwrap_or(0);
    let range = after.min(head.size)..(after.saturating_add(ERROR_PAGE_BYTES)).min(head.size);
    let at_end = range.end == head.size;
    let bytes = match range.is_empty() {
        true => Bytes::new(),
        false => {
            app.work()
                .get(&key, &Pin { version: head.version, etag: Some(head.etag) }, range)
                .await?
        }
    };
    let (items, read) = lines(&bytes, limit, at_end).ok_or_else(|| {
        Problem::bad_request("`after` is no `next` of a page of these errors").of_field("after")
    })?;
    let next = Some(after + read).filter(|next| *next < head.size);
    let url = app
        .work()
        .presign_get(&key, &format!("{}-errors.jsonl", job.submission.dataset), URL_SECONDS)
        .await?;
    Ok(Json(Errors { items, next, url: Some(url), expires: Some(in_seconds(URL_SECONDS)) }))
}

/// Lists the files that a job committed, each with a URL.
#[utoipa::path(
    get,
    path = "/jobs/{id}/outputs",
    tag = "jobs",
    params(Job, Listing),
    responses((status = 200, description = "A page.", body = Outputs)),
    extensions(("x-problems" = json!([Kind::NoSuchJob, Kind::NoOutputs])))
)]
pub(crate) async fn outputs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Outputs>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)? as usize;
    let job = caller.find(&app, &id).await?;
    let commit = match app.work().read(&JobKeys::new("", &id).stored(), MAX_COMMIT_BYTES).await {
        Ok(bytes) => serde_json::from_slice::<Commit>(&bytes)
            .map_err(|error| Problem::internal(&error.unquoted()))?,
        Err(objects::Error::Missing(_)) => {
            return Err(nothing_there(Kind::NoOutputs, "files", &job));
        }
        Err(error) => return Err(error.into()),
    };
    let from =
        usize::try_from(asked.after.unwrap_or(0)).unwrap_or(usize::MAX).min(commit.files.len());
    let until = from.saturating_add(limit).min(commit.files.len());
    let lake = app.lake();
    let mut items = Vec::with_capacity(until - from);
    for file in &commit.files[from..until] {
        let name = file.key.rsplit('/').next().unwrap_or(&file.key);
        let url = lake.presign_get(&file.key, name, URL_SECONDS).await?;
        items.push(File { key: file.key.clone(), rows: file.rows, bytes: file.bytes, url });
    }
    Ok(Json(Outputs {
        sequence: commit.sequence,
        rows: commit.counts.stored,
        bytes: commit.bytes,
        files: commit.files.len(),
        items,
        next: (until < commit.files.len()).then_some(until as u64),
        expires: in_seconds(URL_SECONDS),
    }))
}

/// Whether an object of the job is there.
async fn head(app: &App, key: &str) -> Result<Option<Head>, Problem> {
    match app.work().head(key, None).await {
        Ok(head) => Ok(Some(head)),
        Err(objects::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn nothing_there(kind: Kind, what: &str, job: &JobRecord) -> Problem {
    let id = &job.submission.job;
    Problem::new(
        kind,
        match job.status {
            JobStatus::Pending | JobStatus::Running | JobStatus::Held => {
                format!("job {id} has no {what} yet: it is {}", job.status.as_str())
            }
            status => format!("job {id} left no {what}: it is {}", status.as_str()),
        },
    )
}

/// At most `limit` whole lines, each a JSON document, and how many bytes they are. `None` when they
/// are not such lines.
fn lines(bytes: &[u8], limit: u32, at_end: bool) -> Option<(Vec<Value>, u64)> {
    let (mut items, mut read) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n').take(limit as usize) {
        if !line.ends_with(b"\n") && !at_end {
            break;
        }
        items.push(serde_json::from_slice(line).ok()?);
        read += line.len() as u64;
    }
    (!items.is_empty() || bytes.is_empty()).then_some((items, read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_read() {
        let text = b"{\"line\":2}\n{\"line\":3}\n{\"li";
        let (items, read) = lines(text, 10, false).expect("whole lines");
        assert_eq!((items.len(), read), (2, 22));
        assert_eq!(lines(text, 1, false).map(|(items, read)| (items.len(), read)), Some((1, 11)));
        assert_eq!(lines(text, 10, true), None, "a torn last line");
        assert_eq!(
            lines(b"{\"line\":2}", 10, true).map(|(_, read)| read),
            Some(10),
            "a last line without its end"
        );
        assert_eq!(lines(b"ine\":2}\n", 10, false), None, "the middle of a line");
        assert_eq!(lines(b"{\"line\"", 10, false), None, "a line longer than a page");
        assert_eq!(lines(b"", 10, true), Some((vec![], 0)));
    }
}
