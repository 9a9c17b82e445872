//! The open rejects of a dataset as files for SQL, page by page: each a bounded number of them.

use std::collections::BTreeMap;
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
/// Bytes that are read at once of the list of faults.
const BLOCK_BYTES: u64 = 1 << 20;
/// Bytes of rejects that are read ahead, of all layouts together: the more layouts, the less of
/// each at once. So memory holds some MiB, and one record, however many layouts a job has.
const AHEAD_BYTES: u64 = 8 << 20;
/// Least and most bytes that are read at once of the rejects of a layout. A job has a thousand
/// layouts at most.
const LAYOUT_BLOCK_BYTES: (u64, u64) = (16 << 10, 1 << 20);
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
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Place {
    /// The byte of the list of faults.
    fault: u64,
    /// The reject that begins there, of all of the job.
    reject: u32,
    /// For each layout with rejects on both sides: the byte of its rejects at which the next record
    /// begins.
    records: BTreeMap<u32, u64>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((job, Place { fault, reject, records })) = &self.cut {
            write!(f, "{fault}.{reject}.{}.{job}.", short::write(records))?;
        }
        f.write_str(self.after.as_deref().unwrap_or_default())
    }
}

impl FromStr for Cursor {
    type Err = Problem;

    /// One that is of jobs alone is the registry's, which says itself when it is none.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = text.splitn(5, '.').collect();
        let [fault, reject, records, job, after] = parts[..] else {
            return Ok(Self { cut: None, after: Some(text.to_owned()) });
        };
        let after = Some(after.to_owned()).filter(|after| !after.is_empty());
        let place = || {
            Some(Place {
                fault: fault.parse().ok()?,
                reject: reject.parse().ok()?,
                records: short::read(records)?,
            })
        };
        match (place(), JobId::parse(job)) {
            (Some(place), Ok(job)) => Ok(Self { cut: Some((job, place)), after }),
            _ => Err(bad_cursor()),
        }
    }
}

/// Numbers by layout as a short text without `.`: a job may have a thousand layouts, and a gateway
/// takes a request line of some kilobytes.
///
/// Each number is its digits to the base 16, the lowest first: `a` to `p`, the last one `A` to `P`.
/// Layouts are told by how far each lies behind the one before.
mod short {
    use std::collections::BTreeMap;

    pub(super) fn write(numbers: &BTreeMap<u32, u64>) -> String {
        let (mut text, mut next) = (String::new(), 0);
        for (layout, number) in numbers {
            push(u64::from(layout - next), &mut text);
            push(*number, &mut text);
            next = layout + 1;
        }
        text
    }

    /// `None`: it was not written so.
    pub(super) fn read(text: &str) -> Option<BTreeMap<u32, u64>> {
        let (mut numbers, mut next) = (BTreeMap::new(), 0_u32);
        let mut digits = text.bytes();
        while digits.len() > 0 {
            let layout = next.checked_add(u32::try_from(pop(&mut digits)?).ok()?)?;
            numbers.insert(layout, pop(&mut digits)?);
            next = layout.checked_add(1)?;
        }
        Some(numbers)
    }

    fn push(mut number: u64, text: &mut String) {
        loop {
            let (digit, rest) = ((number % 16) as u8, number / 16);
            text.push(char::from(if rest > 0 { b'a' } else { b'A' } + digit));
            if rest == 0 {
                return;
            }
            number = rest;
        }
    }

    fn pop(digits: &mut impl Iterator<Item = u8>) -> Option<u64> {
        let mut number = 0;
        for place in 0..16 {
            let digit = digits.next()?;
            let (digit, is_last) = match digit {
                b'a'..=b'p' => (digit - b'a', false),
                b'A'..=b'P' => (digit - b'A', true),
                _ => return None,
            };
            number |= u64::from(digit) << (4 * place);
            if is_last {
                return Some(number);
            }
        }
        None
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
    // The faults of a job with a single object do not name it.
    let (id, source) = (job.submission.job.as_str(), layouts.plan.source_name());
    let Place { fault, mut reject, records } = place.unwrap_or_default();
    let mut faults = Lines::new(app, JobKeys::new("", &job.submission.job).errors(), fault);
    let mut records = layouts.records(app, job, &records)?;
    // The record to which the last fault belongs, the number of the reject, and its text.
    let mut last: Option<(Option<String>, u64)> = None;
    let mut text = None;
    while let Some((at, line)) = faults.next().await? {
        let fault: ErrorEntry =
            serde_json::from_slice(&line).map_err(|error| Problem::internal(&error.unquoted()))?;
        let record = (fault.source.clone(), fault.record);
        if last.as_ref() != Some(&record) {
            reject += u32::from(last.is_some());
            if table.rows() >= MOST_ROWS || table.bytes() >= MOST_BYTES {
                return Ok(Some(Place { fault: at, reject, records: records.places() }));
            }
            last = Some(record);
            text = records.next(reject, fault.lines.unwrap_or(1)).await?;
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
    /// How many rejects each layout has.
    counts: BTreeMap<u32, u64>,
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
        let (mut runs, mut counts) = (Vec::new(), BTreeMap::new());
        for of_layout in steps::rejects_by_layout(work.as_ref(), &keys).await? {
            counts.insert(of_layout.layout, of_layout.rows);
            let mut before = 0;
            for (first, count) in Vec::from(of_layout.rejects) {
                runs.push((first, of_layout.layout, before));
                before += count;
            }
        }
        runs.sort_unstable();
        Ok(Some(Self { plan, runs, counts }))
    }

    /// The layout of a reject, and which of the layout's rejects it is.
    fn position(&self, reject: u32) -> (u32, u32) {
        let after = self.runs.partition_point(|(first, ..)| *first <= reject);
        match self.runs.get(after.saturating_sub(1)) {
            Some((first, layout, before)) => (*layout, before + (reject - first)),
            None => (0, reject),
        }
    }

    /// The records of all layouts, those of some from a byte of their file on.
    fn records<'a>(
        &'a self,
        app: &'a App,
        job: &JobRecord,
        places: &BTreeMap<u32, u64>,
    ) -> Result<Records<'a>, Problem> {
        let (least, most) = LAYOUT_BLOCK_BYTES;
        let block_bytes = (AHEAD_BYTES / (self.counts.len() as u64).max(1)).clamp(least, most);
        let keys = JobKeys::new("", &job.submission.job);
        let mut cuts = BTreeMap::new();
        for (layout, at) in places {
            let of_layout = self.plan.layouts.get(*layout as usize).ok_or_else(bad_cursor)?;
            cuts.insert(*layout, RejectedRecords::new(of_layout, Some(*at)));
        }
        Ok(Records { app, keys, layouts: self, block_bytes, cuts })
    }
}

/// The records of a job's files of rejects, one for each layout. The rejects of a layout may lie
/// between those of others, so each file is read as far as it is wanted.
struct Records<'a> {
    app: &'a App,
    keys: JobKeys,
    layouts: &'a Layouts,
    /// Bytes that are read at once.
    block_bytes: u64,
    /// Where each file is read that is begun and not at its end, by layout.
    cuts: BTreeMap<u32, RejectedRecords>,
}

impl Records<'_> {
    /// The record of a reject, the next one of its layout, of so many lines. `None`: the layouts of
    /// the job's rejects are not known.
    async fn next(&mut self, reject: u32, lines: u64) -> Result<Option<String>, Problem> {
        let (layout, position) = self.layouts.position(reject);
        let Some(count) = self.layouts.counts.get(&layout) else { return Ok(None) };
        let of_layout = self.layouts.plan.layouts.get(layout as usize);
        let of_layout =
            of_layout.ok_or_else(|| Problem::internal(&"the plan has no such layout"))?;
        let cut = self.cuts.entry(layout).or_insert_with(|| RejectedRecords::new(of_layout, None));
        let (key, mut bytes) = (self.keys.rejects(layout), self.block_bytes);
        let record = loop {
            if let Some(record) = cut.next(lines) {
                break record;
            }
            cut.push(&block(self.app, &key, cut.wants(), bytes).await?);
            // A long record is looked through anew with each block.
            bytes = (2 * bytes).min(LAYOUT_BLOCK_BYTES.1);
        };
        cut.keep(self.block_bytes as usize);
        if u64::from(position) + 1 >= *count {
            self.cuts.remove(&layout);
        }
        Ok(Some(record))
    }

    /// Where each file goes on that is begun and not at its end.
    fn places(&self) -> BTreeMap<u32, u64> {
        self.cuts.iter().map(|(layout, cut)| (*layout, cut.at())).collect()
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
    fn new(app: &'a App, key: String, at: u64) -> Self {
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
            let from = self.at + self.buffer.len() as u64;
            let read = block(self.app, &self.key, from, BLOCK_BYTES).await?;
            if read.is_empty() {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&read);
        }
    }
}

/// So many bytes of a document beside a job from one on; none at its end, or where it is deleted.
async fn block(app: &App, key: &str, from: u64, bytes: u64) -> Result<Bytes, Problem> {
    match app.work().get(key, &Pin::default(), from..from.saturating_add(bytes)).await {
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
        let cut = |records: &[(u32, u64)]| {
            let records = records.iter().copied().collect();
            Some((job.clone(), Place { fault: 7, reject: 3, records }))
        };
        for (cut, after) in [
            (cut(&[(0, u64::MAX)]), Some("a.b.c.d.e".to_owned())),
            (cut(&[]), None),
            (cut(&[(0, 0), (1, 15), (7, 16), (999, 1 << 40)]), None),
            (cut(&[(u32::MAX - 1, 1)]), None),
            (None, Some("eyJ".to_owned())),
        ] {
            let cursor = Cursor { cut, after };
            let read: Cursor = cursor.to_string().parse().expect("a cursor");
            assert_eq!((read.cut, read.after), (cursor.cut, cursor.after));
        }
        for bad in [
            "1.2.AB.no job.x",
            "1.2.3.job.",
            "1.2.A.job.",
            "1.2.Aa.job.",
            "1.2.AaaaaaaaaaaaaaaaaA.job.",
            "1.2.pppppppPAAA.job.",
            "-1.2.AB.job.",
        ] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }

    /// A cursor over a thousand layouts, each with 16 MiB of rejects, still fits in a request.
    #[test]
    fn a_cursor_of_very_many_layouts_is_short() {
        let records = (0..1_000).map(|layout| (layout, (16 << 20) - 1)).collect();
        assert_eq!(short::write(&records).len(), 7_000);
    }
}
