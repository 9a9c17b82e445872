//! What became of a job, as far as it is known.

use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use landing::bill::Bill;
use landing::commit::{Commit, CommittedFile};
use landing::contract::DatasetName;
use landing::message::{Counts, Failure, JobId};
use landing::opening::said_of_guess;
use landing::plan::Plan;
use landing::rejects::ErrorEntry;
use registry::JobStatus;
use serde::Serialize;
use steps::Context;

use crate::exit::Exit;

/// Most bytes of a commit: 10,000 shards of 100 files each.
const COMMIT_BYTES: u64 = 1 << 30;

/// Faults that are shown; all of them are in `errors.jsonl`.
const SHOWN_FAULTS: usize = 5;

/// What became of a job: with `--json`, a line of stdout.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) job: JobId,
    pub(super) dataset: DatasetName,
    /// The file, as it was named.
    pub(super) source: PathBuf,
    pub(super) state: JobStatus,
    pub(super) counts: Option<Counts>,
    /// The number of the commit.
    pub(super) sequence: Option<u64>,
    /// Keys are whole paths here.
    pub(super) files: Vec<LandedFile>,
    /// Path of the refused records.
    pub(super) rejects: Option<PathBuf>,
    /// Path of their faults.
    pub(super) errors: Option<PathBuf>,
    pub(super) failure: Option<Failure>,
    pub(super) seconds: f64,
    /// What it would have cost on AWS.
    pub(super) bill: Option<Bill>,
    /// Bytes of the source.
    pub(super) source_bytes: u64,
    #[serde(skip)]
    pub(super) lake: PathBuf,
    #[serde(skip)]
    pub(super) first_faults: Vec<ErrorEntry>,
    /// What is to be said of an encoding that was guessed.
    #[serde(skip)]
    pub(super) guessed_encoding: Option<String>,
}

/// A file of the lake.
#[derive(Debug, Serialize)]
pub(super) struct LandedFile {
    pub(super) key: PathBuf,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Outcome {
    /// Of a job that is not admitted yet.
    pub(super) fn new(job: &JobId, dataset: &DatasetName, source: &Path, lake: &Path) -> Self {
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
            source_bytes: std::fs::metadata(source).map_or(0, |metadata| metadata.len()),
            lake: lake.to_owned(),
            first_faults: Vec::new(),
            guessed_encoding: None,
        }
    }

    /// Finds out what became of the job. What the registry and the commit log say counts: a job that failed after its commit has landed.
    pub(super) async fn fill(&mut self, context: &Context, failure: Option<Failure>) {
        if let Ok(Some(record)) = context.registry.job(&self.job).await {
            self.state = record.status;
            self.counts = record.counts;
            self.sequence = record.sequence;
            self.bill = record.bill;
        }
        if self.state != JobStatus::Succeeded {
            // A registry that could not be told knows of no end.
            self.state = failure.as_ref().map_or(JobStatus::Failed, |failure| JobStatus::of_failure(&failure.error));
            self.failure = failure;
        }
        if self.sequence.is_some() {
            let files = committed(context, &self.job).await.into_iter();
            self.files = files.map(|file| LandedFile::of(file, &self.lake)).collect();
        }
        let keys = context.keys(&self.job);
        let there = |key: String| Some(Path::new(&context.work.bucket).join(key)).filter(|path| path.is_file());
        self.guessed_encoding = there(keys.plan()).and_then(|path| guessed_encoding(&path));
        self.rejects = there(keys.rejects());
        self.errors = there(keys.errors());
        self.first_faults = self.errors.as_deref().and_then(|path| first_faults(path).ok()).unwrap_or_default();
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

/// The files of the job's commit. It is committed, as the registry tells its number: were the document unreadable, the rows would have landed all the same.
async fn committed(context: &Context, job: &JobId) -> Vec<CommittedFile> {
    let read = context.buckets.bucket(&context.work.bucket).read(&context.keys(job).stored(), COMMIT_BYTES).await.ok();
    read.and_then(|bytes| serde_json::from_slice::<Commit>(&bytes).ok()).map_or_else(Vec::new, |commit| commit.files)
}

/// What is to be said of the encoding, by the plan of the job.
fn guessed_encoding(path: &Path) -> Option<String> {
    let plan: Plan = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    said_of_guess(&plan.dialect, &plan.evidence)
}

fn first_faults(path: &Path) -> io::Result<Vec<ErrorEntry>> {
    let lines = io::BufReader::new(std::fs::File::open(path)?).lines().take(SHOWN_FAULTS);
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
