//! The open rejects of a dataset as files for SQL, page by page: each a bounded number of them.

use std::str::FromStr;

use bytes::Bytes;
use contract::rejects::ErrorEntry;
use job::DatasetName;
use job::message::{JobId, JobKeys, digest_bytes};
use landing::open_rejects::{FaultTable, RejectFault, RejectedRecords};
use landing::plan::Plan;
use objects::{Pin, Put};
use registry::{JobFilter, JobRecord, JobStatus};
use serde::Serialize;
use utoipa::ToSchema;
use wording::Unquoted;

use crate::problem::Problem;
use crate::replay::look;
use crate::view::in_seconds;
use crate::{App, URL_SECONDS};

/// Where the files lie, in the bucket of the jobs: no job has such an id.
const PREFIX: &str = "jobs/.rejects/";
/// Rows after which a file takes no further reject.
const MOST_ROWS: usize = 50_000;
/// Bytes of texts, likewise.
const MOST_BYTES: usize = 16 << 20;
/// Bytes that are read at once.
const BLOCK_BYTES: u64 = 1 << 20;
/// Most bytes of a plan.
const PLAN_BYTES: u64 = 64 << 20;

/// A file of open rejects.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "rows": 12, "url": "https://…", "expires": "2026-01-31T12:15:00Z", "next": null,
}))]
pub(crate) struct RejectsFile {
    /// How many faults it has: a row each.
    rows: u64,
    /// A presigned URL of it, in Parquet; `null` where no job that was looked through has any.
    #[schema(required)]
    url: Option<String>,
    /// Until when it is good.
    #[schema(required, format = DateTime)]
    expires: Option<String>,
    /// `after` of the next file; `null` at the end.
    #[schema(required)]
    next: Option<String>,
}

/// Where a file ends and the next one begins.
#[derive(Debug, Default)]
struct Cursor {
    /// The job whose rejects are cut there, and where.
    cut: Option<(JobId, Place)>,
    /// The registry's cursor of the page of jobs.
    after: Option<String>,
}

/// A place among the rejects of a job.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The byte of the list of faults.
    fault: u64,
    /// The reject that begins there, of all of the job.
    reject: u32,
    /// The byte at which its record begins.
    record: u64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((job, Place { fault, reject, record })) = &self.cut {
            write!(f, "{fault}.{reject}.{record}.{job}.")?;
        }
        f.write_str(self.after.as_deref().unwrap_or_default())
    }
}

impl FromStr for Cursor {
    type Err = Problem;

    /// One that is of jobs alone is the registry's, which says itself when it is none.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = text.splitn(5, '.').collect();
        let [fault, reject, record, job, after] = parts[..] else {
            return Ok(Self { cut: None, after: Some(text.to_owned()) });
        };
        let after = Some(after.to_owned()).filter(|after| !after.is_empty());
        let place = || {
            Some(Place {
                fault: fault.parse().ok()?,
                reject: reject.parse().ok()?,
                record: record.parse().ok()?,
            })
        };
        match (place(), JobId::parse(job)) {
            (Some(place), Ok(job)) => Ok(Self { cut: Some((job, place)), after }),
            _ => Err(bad_cursor()),
        }
    }
}

fn bad_cursor() -> Problem {
    Problem::bad_request("`after` is no cursor of this list: use `next` of a page as it is")
        .of_field("after")
}

/// Writes the open rejects of a dataset's jobs into a file, from a cursor on, of at most so many
/// jobs.
pub(crate) async fn file(
    app: &App,
    dataset: &DatasetName,
    after: Option<&str>,
    jobs: u32,
) -> Result<RejectsFile, Problem> {
    let Cursor { mut cut, after } = after.map_or(Ok(Cursor::default()), str::parse)?;
    let status = Some(JobStatus::Succeeded);
    let filter = JobFilter { dataset: Some(dataset.clone()), status, ..JobFilter::default() };
    let page = app.registry.jobs(&filter, after.as_deref(), jobs).await?;
    let mut table = FaultTable::default();
    let mut next = None;
    for job in page.items {
        // Newer ones may have come before it.
        if cut.as_ref().is_some_and(|(at, _)| *at != job.submission.job) {
            continue;
        }
        let place = cut.take().map(|(_, place)| place);
        if let Some(place) = add(app, &job, place, &mut table).await? {
            next = Some(Cursor { cut: Some((job.submission.job, place)), after });
            return keep(app, dataset, table, next).await;
        }
    }
    if page.next.is_some() {
        next = Some(Cursor { cut, after: page.next });
    } else if cut.is_some() {
        return Err(bad_cursor());
    }
    keep(app, dataset, table, next).await
}

async fn keep(
    app: &App,
    dataset: &DatasetName,
    table: FaultTable,
    next: Option<Cursor>,
) -> Result<RejectsFile, Problem> {
    let (rows, next) = (table.rows() as u64, next.map(|next| next.to_string()));
    if rows == 0 {
        return Ok(RejectsFile { rows, url: None, expires: None, next });
    }
    let bytes = table.finish()?;
    // The same rejects are the same file.
    let name = digest_bytes(&[&bytes]);
    let key = format!("{PREFIX}{dataset}/{name}.parquet");
    let (work, shown_as) = (app.work(), format!("{dataset}-rejects.parquet"));
    work.put(&key, Bytes::from(bytes), Put::Overwrite).await?;
    let url = work.presign_get(&key, &shown_as, URL_SECONDS).await?;
    Ok(RejectsFile { rows, url: Some(url), expires: Some(in_seconds(URL_SECONDS)), next })
}

/// Adds the open rejects of a job, from a place on; where the next file goes on, if they do not all
/// fit.
async fn add(
    app: &App,
    job: &JobRecord,
    place: Option<Place>,
    table: &mut FaultTable,
) -> Result<Option<Place>, Problem> {
    let Some((left, others)) = look(app, job).await? else { return Ok(None) };
    if left.open() == 0 {
        return Ok(None);
    }
    let Some(layouts) = Layouts::of(app, job).await? else { return Ok(None) };
    let (id, source) = (job.submission.job.as_str(), job.submission.source.name());
    let mut faults = Lines::new(app, JobKeys::new("", &job.submission.job).errors(), place);
    let mut records = layouts.records(app, job, place);
    // The record to which the last fault belongs, the number of the reject, and its text.
    let mut last: Option<(Option<String>, u64)> = None;
    let mut reject = place.unwrap_or_default().reject;
    let mut text = None;
    while let Some((at, line)) = faults.next().await? {
        let fault: ErrorEntry =
            serde_json::from_slice(&line).map_err(|error| Problem::internal(&error.unquoted()))?;
        let record = (fault.source.clone(), fault.record);
        if last.as_ref() != Some(&record) {
            reject += u32::from(last.is_some());
            if table.rows() >= MOST_ROWS || table.bytes() >= MOST_BYTES {
                let record = records.as_ref().map_or(0, |records| records.cut.at());
                return Ok(Some(Place { fault: at, reject, record }));
            }
            last = Some(record);
            text = match &mut records {
                Some(records) => Some(records.next(fault.lines.unwrap_or(1)).await?),
                None => None,
            };
        }
        let (layout, position) = layouts.position(reject);
        if others.contains(&(layout, position)) {
            continue;
        }
        table.push(&RejectFault {
            job: id,
            layout,
            reject: position,
            source: fault.source.as_deref().unwrap_or(&source),
            fault: &fault,
            record: text.as_deref(),
        });
    }
    Ok(None)
}

/// Which layout each reject of a job has.
struct Layouts {
    plan: Plan,
    /// Runs of rejects: the first one of all, the layout, and which of the layout the first one is.
    runs: Vec<(u32, u32, u32)>,
}

impl Layouts {
    /// `None`: what lies beside the job is deleted.
    async fn of(app: &App, job: &JobRecord) -> Result<Option<Self>, Problem> {
        let (work, keys) = (app.work(), JobKeys::new("", &job.submission.job));
        let plan = match work.read(&keys.plan(), PLAN_BYTES).await {
            Ok(plan) => serde_json::from_slice::<Plan>(&plan)
                .map_err(|error| Problem::internal(&error.unquoted()))?,
            Err(objects::Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut runs = Vec::new();
        for of_layout in steps::rejects_by_layout(work.as_ref(), &keys).await? {
            let mut before = 0;
            for (first, count) in Vec::from(of_layout.rejects) {
                runs.push((first, of_layout.layout, before));
                before += count;
            }
        }
        runs.sort_unstable();
        Ok(Some(Self { plan, runs }))
    }

    /// The layout of a reject, and which of the layout's rejects it is.
    fn position(&self, reject: u32) -> (u32, u32) {
        let after = self.runs.partition_point(|(first, ..)| *first <= reject);
        match self.runs.get(after.saturating_sub(1)) {
            Some((first, layout, before)) => (*layout, before + (reject - first)),
            None => (0, reject),
        }
    }

    /// The records of a job whose rejects have one layout: where they have several, those of one
    /// file lie between those of another.
    fn records<'a>(
        &self,
        app: &'a App,
        job: &JobRecord,
        place: Option<Place>,
    ) -> Option<Records<'a>> {
        let (_, number, _) = *self.runs.first()?;
        let is_only = self.runs.iter().all(|(_, layout, _)| *layout == number);
        let layout = self.plan.layouts.get(number as usize).filter(|_| is_only)?;
        let cut = RejectedRecords::new(layout, place.map(|place| place.record));
        let key = JobKeys::new("", &job.submission.job).rejects(number);
        Some(Records { app, key, cut })
    }
}

/// The records of a file of rejects.
struct Records<'a> {
    app: &'a App,
    key: String,
    cut: RejectedRecords,
}

impl Records<'_> {
    async fn next(&mut self, lines: u64) -> Result<String, Problem> {
        loop {
            if let Some(record) = self.cut.next(lines) {
                return Ok(record);
            }
            let from = self.cut.wants();
            self.cut.push(&block(self.app, &self.key, from).await?);
        }
    }
}

/// The lines of a document, each with the byte at which it begins.
struct Lines<'a> {
    app: &'a App,
    key: String,
    buffer: Vec<u8>,
    /// Where the buffer begins.
    at: u64,
    /// What of it is handed out.
    head: usize,
}

impl<'a> Lines<'a> {
    fn new(app: &'a App, key: String, place: Option<Place>) -> Self {
        let at = place.unwrap_or_default().fault;
        Self { app, key, buffer: Vec::new(), at, head: 0 }
    }

    async fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, Problem> {
        loop {
            let rest = &self.buffer[self.head..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let (at, line) = (self.at + self.head as u64, rest[..end].to_vec());
                self.head += end + 1;
                return Ok(Some((at, line)));
            }
            self.at += self.head as u64;
            self.buffer.drain(..self.head);
            self.head = 0;
            let read = block(self.app, &self.key, self.at + self.buffer.len() as u64).await?;
            if read.is_empty() {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&read);
        }
    }
}

/// The bytes of a document beside a job from one on; none at its end, or where it is deleted.
async fn block(app: &App, key: &str, from: u64) -> Result<Bytes, Problem> {
    match app.work().get(key, &Pin::default(), from..from + BLOCK_BYTES).await {
        Err(objects::Error::Missing(_)) => Ok(Bytes::new()),
        read => Ok(read?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let job = JobId::parse("job_1-a").expect("an id");
        let cut = Some((job, Place { fault: 7, reject: 3, record: u64::MAX }));
        for (cut, after) in [
            (cut.clone(), Some("a.b.c.d.e".to_owned())),
            (cut, None),
            (None, Some("eyJ".to_owned())),
        ] {
            let cursor = Cursor { cut, after };
            let read: Cursor = cursor.to_string().parse().expect("a cursor");
            assert_eq!((read.cut, read.after), (cursor.cut, cursor.after));
        }
        for bad in ["1.2.3.no job.x", "1.2.x.job.", "-1.2.3.job."] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
