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
use wording::Unquoted;

use crate::accept::choose;
use crate::extract::{Asked, Named, page_length};
use crate::jobs::find;
use crate::view::in_seconds;
use crate::{App, Problem, URL_SECONDS};

/// Entries of a page, when the caller does not say, and at most.
const PAGE: (u32, u32) = (100, 1_000);
/// Most bytes of a page of errors, which bounds memory and the answer (Lambda's limit is 6 MB);
/// many times the longest entry.
const ERROR_PAGE_BYTES: u64 = 1024 * 1024;
/// Most bytes of a profile: an answer of a Lambda has at most 6 MB.
const MAX_PROFILE_BYTES: u64 = 5 * 1024 * 1024;
/// Most bytes of a commit that are read.
const MAX_COMMIT_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    after: Option<u64>,
    limit: Option<u32>,
}

/// Where the rejected records are.
#[derive(Serialize)]
pub(crate) struct Rejects {
    rows: u64,
    url: Option<String>,
    expires: Option<String>,
}

/// A page of faults.
#[derive(Serialize)]
pub(crate) struct Errors {
    items: Vec<Value>,
    next: Option<u64>,
    url: Option<String>,
    expires: Option<String>,
}

/// A page of files.
#[derive(Serialize)]
pub(crate) struct Outputs {
    sequence: u64,
    rows: u64,
    bytes: u64,
    files: usize,
    items: Vec<File>,
    next: Option<u64>,
    expires: String,
}

#[derive(Serialize)]
struct File {
    key: String,
    rows: u64,
    bytes: u64,
    url: String,
}

/// `GET /jobs/{id}/rejects`: a URL of the rejected records; a redirect to it for who would rather
/// have `text/csv`.
pub(crate) async fn rejects(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wants_csv = choose(&headers, &["application/json", "text/csv"])? == "text/csv";
    let job = find(&app, &id).await?;
    let rows = job.counts.map(|counts| counts.rejected);
    let key = JobKeys::new("", &id).rejects(0);
    if head(&app, &key).await?.is_none() {
        return match rows {
            Some(0) if !wants_csv => {
                Ok(Json(Rejects { rows: 0, url: None, expires: None }).into_response())
            }
            _ => Err(nothing_there("no-rejects", "rejected records", &job)),
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
    })
    .into_response())
}

/// `GET /jobs/{id}/profile`: what the columns hold, once the job is in the lake.
pub(crate) async fn profile(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
) -> Result<Response, Problem> {
    let job = find(&app, &id).await?;
    let key = JobKeys::new("", &id).profile();
    if job.status != JobStatus::Succeeded || head(&app, &key).await?.is_none() {
        return Err(nothing_there("no-profile", "profile", &job));
    }
    let json = app.work().read(&key, MAX_PROFILE_BYTES).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// `GET /jobs/{id}/errors`: the faults in the order of the source, page by page, and a URL of them
/// all. `after` is the `next` of the page before.
pub(crate) async fn errors(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Errors>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    let job = find(&app, &id).await?;
    let key = JobKeys::new("", &id).errors();
    let Some(head) = head(&app, &key).await? else {
        return match job.counts {
            Some(counts) if counts.rejected == 0 => {
                Ok(Json(Errors { items: Vec::new(), next: None, url: None, expires: None }))
            }
            _ => Err(nothing_there("no-errors", "faults", &job)),
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
    let (items, read) = lines(&bytes, limit, at_end)
        .ok_or_else(|| Problem::bad_request("`after` is no `next` of a page of these errors"))?;
    let next = Some(after + read).filter(|next| *next < head.size);
    let url = app
        .work()
        .presign_get(&key, &format!("{}-errors.jsonl", job.submission.dataset), URL_SECONDS)
        .await?;
    Ok(Json(Errors { items, next, url: Some(url), expires: Some(in_seconds(URL_SECONDS)) }))
}

/// `GET /jobs/{id}/outputs`: the committed files, each with a URL.
pub(crate) async fn outputs(
    State(app): State<Arc<App>>,
    Named(id): Named<JobId>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Outputs>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)? as usize;
    let job = find(&app, &id).await?;
    let commit = match app.work().read(&JobKeys::new("", &id).stored(), MAX_COMMIT_BYTES).await {
        Ok(bytes) => serde_json::from_slice::<Commit>(&bytes)
            .map_err(|error| Problem::internal(&error.unquoted()))?,
        Err(objects::Error::Missing(_)) => return Err(nothing_there("no-outputs", "files", &job)),
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

fn nothing_there(name: &str, what: &str, job: &JobRecord) -> Problem {
    let id = &job.submission.job;
    Problem::missing(
        name,
        match job.status {
            JobStatus::Pending | JobStatus::Running => {
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
