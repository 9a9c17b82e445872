//! Gathers what became of a job, as far as it is known.

use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

use contract::rejects::ErrorEntry;
use job::DatasetName;
use job::bill::Bill;
use job::message::{Counts, Failure, JobId, ObjectCounts};
use landing::commit::{Commit, CommittedFile};
use landing::opening::said_of_guess;
use landing::plan::Plan;
use registry::JobStatus;
use serde::{Deserialize, Serialize};
use steps::Context;
use steps::inspection::Inspection;
use steps::shards::Shards;

use crate::exit::Exit;

/// Most bytes of a commit: 10,000 shards of 100 files each.
const COMMIT_BYTES: u64 = 1 << 30;

/// Faults that are shown; all of them are in `errors.jsonl`.
const SHOWN_FAULTS: usize = 5;
/// Files that were left out that are shown; all of them are in `skipped.jsonl`.
const SHOWN_SKIPPED: usize = 5;
/// The start of what tells in a fault's line how many lines its record spans.
const SPAN: &str = "\"lines\":";

/// What became of a job: with `--json`, a line of stdout.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) job: JobId,
    pub(super) dataset: DatasetName,
    /// The file, as it was named, or the first one and how many more.
    pub(super) source: PathBuf,
    /// How many files landed and how many were left out, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objects: Option<ObjectCounts>,
    /// Files that were left out, the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) skipped: Vec<SkippedFile>,
    pub(super) state: JobStatus,
    pub(super) counts: Option<Counts>,
    /// The number of the commit.
    pub(super) sequence: Option<u64>,
    /// Keys are whole paths here.
    pub(super) files: Vec<LandedFile>,
    /// Path of the rejected records.
    pub(super) rejects: Option<PathBuf>,
    /// Path of their faults.
    pub(super) errors: Option<PathBuf>,
    pub(super) failure: Option<Failure>,
    pub(super) seconds: f64,
    /// What it would have cost on AWS.
    pub(super) bill: Option<Bill>,
    /// Bytes of the source.
    pub(super) source_bytes: u64,
    /// What its execution did, as `GET /jobs/{id}/execution` tells it; none of a job that did not
    /// begin.
    pub(super) execution: Option<Inspection>,
    /// Its shards, as `GET /jobs/{id}/shards` tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shards: Option<Shards>,
    #[serde(skip)]
    pub(super) lake: PathBuf,
    /// The faults that are shown.
    #[serde(skip)]
    pub(super) first_faults: Vec<ErrorEntry>,
    /// How many there are besides.
    #[serde(skip)]
    pub(super) more_faults: u64,
    /// The registry knows how the job ended.
    #[serde(skip)]
    pub(super) has_ended: bool,
    /// The line that says which encoding was guessed, if one was.
    #[serde(skip)]
    pub(super) guessed_encoding: Option<String>,
}

/// A file that was left out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SkippedFile {
    pub(super) source: PathBuf,
    /// Why, by the name of a failure.
    pub(super) error: String,
    pub(super) message: String,
}

/// A file of the lake.
#[derive(Debug, Serialize)]
pub(super) struct LandedFile {
    pub(super) key: PathBuf,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Outcome {
    /// The outcome of a job that is not admitted yet.
    pub(super) fn new(
        job: &JobId,
        dataset: &DatasetName,
        source: &Path,
        source_bytes: u64,
        lake: &Path,
    ) -> Self {
        Self {
            job: job.clone(),
            dataset: dataset.clone(),
            source: source.to_owned(),
            state: JobStatus::Failed,
            counts: None,
            sequence: None,
            files: Vec::new(),
            rejects: None,
            errors: None,
            failure: None,
            seconds: 0.0,
            bill: None,
            execution: None,
            shards: None,
            source_bytes,
            objects: None,
            skipped: Vec::new(),
            lake: lake.to_owned(),
            first_faults: Vec::new(),
            more_faults: 0,
            has_ended: false,
            guessed_encoding: None,
        }
    }

    /// Makes this the outcome of a job that was interrupted before it began.
    pub(super) fn interrupt(&mut self) {
        let failure = Failure::new(
            "Cancelled",
            "the job was interrupted before it began; nothing of it is visible",
        );
        self.state = JobStatus::of_failure(&failure.error);
        self.failure = Some(failure);
    }

    /// Finds out what became of the job. What the registry and the commit log say counts: a job
    /// that failed after its commit has landed.
    pub(super) async fn fill(&mut self, context: &Context, failure: Option<Failure>) {
        if let Ok(Some(record)) = context.registry.job(&self.job).await {
            self.state = record.status;
            self.has_ended = record.status.is_terminal();
            self.objects = record.objects;
            self.counts = record.counts;
            self.sequence = record.sequence;
            self.bill = record.bill;
        }
        if self.state != JobStatus::Succeeded {
            // A registry that could not be told knows of no end.
            self.state = failure
                .as_ref()
                .map_or(JobStatus::Failed, |failure| JobStatus::of_failure(&failure.error));
            self.failure = failure;
        }
        if self.sequence.is_some() {
            let files = committed(context, &self.job).await.into_iter();
            self.files = files.map(|file| LandedFile::of(file, &self.lake)).collect();
        }
        let keys = context.keys(&self.job);
        let there = |key: String| {
            Some(Path::new(&context.work.bucket).join(key)).filter(|path| path.is_file())
        };
        self.guessed_encoding = there(keys.plan()).and_then(|path| guessed_encoding(&path));
        self.skipped = there(keys.skipped()).map_or_else(Vec::new, |path| skipped(&path));
        self.rejects = there(keys.rejects(0));
        self.errors = there(keys.errors());
        let shown = self.errors.as_deref().and_then(|path| {
            std::fs::File::open(path).and_then(|file| faults(BufReader::new(file))).ok()
        });
        (self.first_faults, self.more_faults) = shown.unwrap_or_default();
    }

    /// The exit code. A job that had nothing to land counts as landed, unless `strict`.
    pub(super) fn exit(&self, strict: bool) -> Exit {
        match (&self.failure, self.state) {
            (_, JobStatus::Succeeded) => Exit::Landed,
            (_, JobStatus::Duplicate | JobStatus::Superseded) if !strict => Exit::Landed,
            (Some(failure), _) => Exit::of_failure(&failure.error),
            (None, _) => Exit::Infrastructure,
        }
    }

    /// Whether the job was begun and has not ended: the next run in the lake goes on with it.
    pub(super) fn is_left(&self) -> bool {
        !self.has_ended
    }

    /// Whether rows of it are in the lake, or would be if it had any.
    pub(super) fn has_landed(&self) -> bool {
        self.sequence.is_some() && self.failure.is_none()
    }

    /// Writes the line of `--json`.
    pub(super) fn write_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

impl LandedFile {
    fn of(file: CommittedFile, lake: &Path) -> Self {
        Self { key: lake.join(file.key), rows: file.rows, bytes: file.bytes }
    }
}

/// The files of the job's commit. It is committed, as the registry tells its number: were the
/// document unreadable, the rows would have landed all the same.
async fn committed(context: &Context, job: &JobId) -> Vec<CommittedFile> {
    let read = context
        .buckets
        .bucket(&context.work.bucket)
        .read(&context.keys(job).stored(), COMMIT_BYTES)
        .await
        .ok();
    read.and_then(|bytes| serde_json::from_slice::<Commit>(&bytes).ok())
        .map_or_else(Vec::new, |commit| commit.files)
}

/// The first files that were left out.
fn skipped(path: &Path) -> Vec<SkippedFile> {
    let Ok(file) = std::fs::File::open(path) else { return Vec::new() };
    let lines = BufReader::new(file).lines().take(SHOWN_SKIPPED).map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

/// The line that says which encoding was guessed, if the job's plan has a guess.
fn guessed_encoding(path: &Path) -> Option<String> {
    let plan: Plan = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    plan.layouts.iter().find_map(|layout| said_of_guess(&layout.dialect, &layout.evidence))
}

/// The faults to show, and how many there are besides. Those of records that may hold others come
/// first, as a quote was left open there, and of these the one that swallowed most lines: it hides
/// more than any other fault tells. The others are in their order.
fn faults(mut lines: impl BufRead) -> io::Result<(Vec<ErrorEntry>, u64)> {
    let (mut long, mut first): (Vec<ErrorEntry>, Vec<ErrorEntry>) = (Vec::new(), Vec::new());
    let (mut line, mut count) = (String::new(), 0);
    while lines.read_line(&mut line)? > 0 {
        count += 1;
        // Most need not be understood: there may be millions.
        let spans = if line.contains(SPAN) {
            Some(serde_json::from_str::<ErrorEntry>(&line)?)
        } else {
            None
        };
        if let Some(fault) = spans.filter(ErrorEntry::may_hide_records) {
            let at = long.partition_point(|other| other.lines >= fault.lines);
            long.insert(at, fault);
            long.truncate(SHOWN_FAULTS);
        } else if first.len() < SHOWN_FAULTS {
            first.push(serde_json::from_str(&line)?);
        }
        line.clear();
    }
    long.extend(first);
    long.truncate(SHOWN_FAULTS);
    let more = count - long.len() as u64;
    Ok((long, more))
}

#[cfg(test)]
mod tests {
    use contract::rejects::ErrorName;

    use super::*;

    fn fault(line: u64, lines: Option<u64>, error: ErrorName) -> ErrorEntry {
        let (column, message) = (None, String::new());
        ErrorEntry {
            source: None,
            line,
            lines,
            record: line,
            byte: 0,
            field: None,
            column,
            error,
            rule: None,
            value: None,
            holder: None,
            message,
        }
    }

    fn shown(faults_of: &[ErrorEntry]) -> (Vec<u64>, u64) {
        let mut text = Vec::new();
        faults_of.iter().for_each(|fault| fault.write(&mut text));
        let (shown, more) = faults(text.as_slice()).expect("they can be read");
        (shown.iter().map(|fault| fault.line).collect(), more)
    }

    #[test]
    fn faults_are_shown_in_order_but_for_quotes_left_open() {
        let mut all: Vec<_> = (1..=9).map(|line| fault(line, None, ErrorName::Type)).collect();
        assert_eq!(shown(&all[..3]), (vec![1, 2, 3], 0));
        assert_eq!(shown(&all), (vec![1, 2, 3, 4, 5], 4));
        all.push(fault(10, Some(3), ErrorName::Quote));
        all.push(fault(13, Some(400), ErrorName::Quote));
        all.push(fault(500, Some(9), ErrorName::Type));
        assert_eq!(shown(&all), (vec![13, 10, 1, 2, 3], 7));
        let open: Vec<_> =
            (1..=9).map(|line| fault(line, Some(10 + line), ErrorName::Quote)).collect();
        assert_eq!(shown(&open), (vec![9, 8, 7, 6, 5], 4));
        assert_eq!(shown(&[]), (vec![], 0));
    }
}
