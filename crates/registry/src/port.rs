//! The port: what a registry promises, and what it holds.

use async_trait::async_trait;
use job::bill::Bill;
use job::hold::Hold;
use job::message::{
    Counts, ExecutionName, Failure, JobId, ObjectCounts, SourceRef, Submission, Warning,
};
use job::{Arrivals, DatasetName, Datasets, Intake, Label, Labels};
use serde::{Deserialize, Serialize};

/// The registry's port. All implementations pass one conformance suite
/// ([`conformance`](crate::conformance())).
///
/// Times are RFC 3339 in UTC with milliseconds (`2026-01-31T12:00:00.000Z`), given by the caller.
/// Whatever was written is read at once, but for [`jobs`](Registry::jobs), which DynamoDB may show
/// a moment later. A page holds 1 to [`MAX_PAGE`] entries, whatever `limit` says.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Keeps a contract as the next version (from 1), unless the newest version holds the same
    /// text: then that one is the answer. `intake` is what the text says of it.
    async fn put_contract(
        &self,
        dataset: &DatasetName,
        text: &str,
        intake: &Intake,
        now: &str,
    ) -> Result<StoredContract>;
    /// A version of a contract, or, without one, the newest of a dataset that is not deleted.
    /// Versions outlive the deletion.
    async fn contract(
        &self,
        dataset: &DatasetName,
        version: Option<u32>,
    ) -> Result<Option<StoredContract>>;
    /// The versions of a dataset's contract, newest first.
    async fn contract_versions(
        &self,
        dataset: &DatasetName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ContractVersion>>;
    /// The newest contract of each of some datasets, by name.
    async fn datasets(
        &self,
        among: &Datasets,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ContractVersion>>;
    /// Makes a dataset accept nothing more. Whether there was one. Its jobs, versions and load
    /// history stay; versions go on counting when it returns.
    async fn delete_dataset(&self, dataset: &DatasetName) -> Result<bool>;

    /// Puts a new job (`None`), or answers the job that has this id already.
    async fn put_job(&self, job: &JobRecord) -> Result<Option<JobRecord>>;
    /// A job.
    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>>;
    /// Jobs, newest first. All parts of the filter hold for each of them.
    async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<JobRecord>>;
    /// Changes what is given. A job that is over changes no more, and a running one is not pending
    /// again. One that failed and can be redriven is cancelled or settled, and nothing else. The
    /// answer is the job as it is afterwards, `None` when there is none.
    async fn update_job(
        &self,
        id: &JobId,
        change: &JobChange,
        now: &str,
    ) -> Result<Option<JobRecord>>;
    /// Has a job that failed, and can be redriven, go on in a new execution, the `redrives`th after
    /// the first one: from here on it is in `status`, and no longer failed. Done again, or by
    /// several at once, it is done once; a job that is anything else stays as it is. The answer is
    /// the job as it is afterwards, `None` when there is none.
    async fn redrive_job(
        &self,
        id: &JobId,
        redrives: u32,
        status: JobStatus,
        now: &str,
    ) -> Result<Option<JobRecord>>;

    /// Gives turns to the jobs of a dataset of which at most `limit` run at once, in the order in
    /// which they asked; `job` asks for one, if it is not known yet. A job has its turn until it has
    /// ended, and one that was cancelled gets none. The answer is the jobs that have their turn from
    /// this call on, and `job` if it had it before: whoever asks starts them, unless that was done.
    ///
    /// [`MAX_WAITING`] jobs wait in line. One that finds the line full is not in it, and asks again
    /// later.
    async fn take_turns(
        &self,
        dataset: &DatasetName,
        job: Option<&JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>>;

    /// The job that loaded any of these contents into the dataset. A content is any text that
    /// stands for the same bytes: size and checksum.
    async fn loaded(&self, dataset: &DatasetName, contents: &[String]) -> Result<Option<JobId>>;
    /// Claims all of `contents` for `job`; when one of them belongs to another job, that job is the
    /// answer and nothing is claimed, unless `force`, which takes them over. Claiming again is a
    /// success (`None`). At most [`MAX_CONTENTS`].
    async fn claim(
        &self,
        dataset: &DatasetName,
        contents: &[String],
        job: &JobId,
        force: bool,
    ) -> Result<Option<JobId>>;
    /// Gives up those of the contents that belong to `job`.
    async fn release(&self, dataset: &DatasetName, contents: &[String], job: &JobId) -> Result<()>;

    /// The newest version of an object that a job committed, or is about to commit, in a dataset.
    async fn newest(&self, dataset: &DatasetName, place: &str) -> Result<Option<Newest>>;
    /// Sets the newest version of the object at [`SourceRef::place`], provided that `before` is
    /// what is there now; whether it was.
    async fn set_newest(
        &self,
        dataset: &DatasetName,
        before: Option<&Newest>,
        newest: &Newest,
    ) -> Result<bool>;

    /// Notes that `job` lands an object version that arrived, unless it is known who does. The
    /// answer is the job that lands it.
    async fn arrive(&self, dataset: &DatasetName, source: &SourceRef, job: &JobId)
    -> Result<JobId>;
    /// The job that lands an object version, if it arrived.
    async fn arrived(&self, dataset: &DatasetName, source: &SourceRef) -> Result<Option<JobId>>;
    /// Puts arrivals in the open batch of a dataset, as many of the first ones as it takes, and
    /// opens one if there is none. Those that arrived before stay with their jobs.
    ///
    /// Nothing is put while there is a batch that is closed: whoever gets it as the answer admits
    /// its job, forgets it with [`forget_batch`](Registry::forget_batch), and tries again. The
    /// answer lists those that have a job of their own.
    async fn gather(
        &self,
        dataset: &DatasetName,
        arrivals: &[Arrival],
        limits: &Arrivals,
        now: &str,
    ) -> Result<Gathered>;
    /// The batch of a dataset that is open, or closed and not forgotten.
    async fn batch(&self, dataset: &DatasetName) -> Result<Option<Batch>>;
    /// Closes a batch of a dataset, so that it takes no more; the batch as it is then. `None`: that
    /// batch is forgotten, or never was.
    async fn close_batch(&self, dataset: &DatasetName, job: &JobId) -> Result<Option<Batch>>;
    /// Notes that something was told of a dataset; whether it was not noted before.
    async fn tell_once(&self, dataset: &DatasetName, told: &str) -> Result<bool>;
    /// Forgets a closed batch whose job was admitted. Forgetting again is a success.
    async fn forget_batch(&self, batch: &Batch) -> Result<()>;
    /// What a batch gathered, in the order of arrival, whether it is forgotten or not.
    async fn gathered(&self, job: &JobId) -> Result<Vec<Arrival>>;

    /// Counts a request of a caller in a minute since 1970; how many it sent in that minute, this
    /// one included. It is one write.
    async fn count_request(&self, caller: &str, minute: u64) -> Result<u64>;
}

/// Most entries of a page.
pub const MAX_PAGE: u32 = 1_000;

/// Most contents of one claim: DynamoDB's limit of a transaction.
pub const MAX_CONTENTS: usize = 100;

/// Most jobs of a dataset that wait in line for their turn: each change of the line writes all of
/// it, some 10 KB.
pub const MAX_WAITING: usize = 200;

/// A contract as it was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredContract {
    /// The dataset.
    pub dataset: DatasetName,
    /// From 1.
    pub version: u32,
    /// When it was registered.
    pub created: String,
    /// The document, YAML or JSON, as it was sent.
    pub text: String,
    /// What the document says of arrivals. It is for those who don't read contracts; who does finds
    /// it in the text.
    #[serde(skip)]
    pub intake: Intake,
}

/// A contract in a list: without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractVersion {
    /// The dataset.
    pub dataset: DatasetName,
    /// From 1.
    pub version: u32,
    /// When it was registered.
    pub created: String,
    /// As [`StoredContract::intake`].
    #[serde(default, skip_serializing)]
    pub intake: Intake,
}

impl From<StoredContract> for ContractVersion {
    fn from(contract: StoredContract) -> Self {
        let StoredContract { dataset, version, created, intake, .. } = contract;
        Self { dataset, version, created, intake }
    }
}

/// The newest version of an object that a job committed, or is about to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// The version.
    pub source: SourceRef,
    /// The job.
    pub job: JobId,
}

/// An object version that arrived in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The object, with its version or ETag.
    pub source: SourceRef,
    /// Its size.
    pub bytes: u64,
}

/// What arrivals of a dataset wait in until they are landed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The dataset.
    pub dataset: DatasetName,
    /// The job that lands it, [named by](JobId::of_batch) its first arrival.
    pub job: JobId,
    /// When its first arrival was put in.
    pub opened: String,
    /// How many files it has.
    pub files: u32,
    /// How many bytes they have.
    pub bytes: u64,
    /// The entries that hold them.
    pub(crate) parts: u32,
    /// Whether it takes no more.
    pub is_closed: bool,
}

/// What became of arrivals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// How many of them have a job by now, counted from the first one.
    pub taken: usize,
    /// The dataset's batch. `None`: there is none, as all that were taken have other jobs.
    pub batch: Option<Batch>,
    /// Whether this call opened the batch, or finds that an earlier one of the same arrivals put
    /// them in: somebody has to have it closed in time.
    pub is_to_be_closed: bool,
    /// Those of them that were to land alone when they came first: whoever noted that may have died
    /// before it admitted their jobs.
    pub alone: Vec<Arrival>,
}

/// What the registry knows of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// What was asked for; `submission.job` is the id.
    pub submission: Submission,
    /// What its submitter calls it.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Where it stands.
    pub status: JobStatus,
    /// When it was admitted.
    pub created: String,
    /// When the registry last heard of it.
    pub updated: String,
    /// ARN of the execution, once it was started: of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// How often it was redriven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redrives: u32,
    /// Until when it can be redriven, if it failed and was not given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrivable_until: Option<String>,
    /// How many objects a source of many has, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectCounts>,
    /// Why it waits for approval, if it does or did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Rows, once they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// The number of its commit, once it is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What it cost, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// What is not as it should be, though it landed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl JobRecord {
    /// Of a job that is admitted at `now` and not started.
    pub fn pending(submission: Submission, now: &str) -> Self {
        Self {
            submission,
            labels: Labels::default(),
            status: JobStatus::Pending,
            created: now.to_owned(),
            updated: now.to_owned(),
            execution: None,
            redrives: 0,
            redrivable_until: None,
            objects: None,
            hold: None,
            counts: None,
            sequence: None,
            failure: None,
            bill: None,
            warnings: Vec::new(),
        }
    }

    /// The name of its last execution, whether that was started or not.
    pub fn execution_name(&self) -> ExecutionName {
        ExecutionName::new(&self.submission.job, self.redrives)
    }

    /// Whether it stays as it is for ever. One that failed may be redriven, cancelled or given up.
    pub fn is_over(&self) -> bool {
        self.status.is_terminal() && self.redrivable_until.is_none()
    }

    /// Until when it can be redriven, at `now`.
    pub fn redrivable(&self, now: &str) -> Option<&str> {
        self.redrivable_until.as_deref().filter(|until| now < *until)
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where a job stands, in the order of its life: it never goes back, but for one that failed and is
/// redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobStatus {
    /// Admitted; its execution may not have started.
    Pending,
    /// Its execution runs.
    Running,
    /// It is written and proved, nothing of it is visible, and it waits for approval.
    Held,
    /// Cancelled, so that nothing of it becomes visible; what it leaves is being cleared up.
    Cancelling,
    /// Committed.
    Succeeded,
    /// Failed: nothing is visible.
    Failed,
    /// Cancelled and settled: nothing is visible.
    Cancelled,
    /// It had nothing to do: the same bytes are in the dataset already.
    Duplicate,
    /// It made way for a newer version of its source.
    Superseded,
}

impl JobStatus {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Running,
        Self::Held,
        Self::Cancelling,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Duplicate,
        Self::Superseded,
    ];
    /// Those of jobs that have not ended.
    pub const OPEN: [Self; 4] = [Self::Pending, Self::Running, Self::Held, Self::Cancelling];

    /// How a job ended of which nothing is visible, by the name of its failure.
    pub fn of_failure(error: &str) -> Self {
        match error {
            "Cancelled" | "HoldRefused" => Self::Cancelled,
            "AlreadyLanded" => Self::Duplicate,
            "Superseded" => Self::Superseded,
            _ => Self::Failed,
        }
    }

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Held => "HELD",
            Self::Cancelling => "CANCELLING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Duplicate => "DUPLICATE",
            Self::Superseded => "SUPERSEDED",
        }
    }

    /// Whether a job has ended. It stays there for ever, unless [it failed and can be
    /// redriven](JobRecord::is_over).
    pub fn is_terminal(self) -> bool {
        !Self::OPEN.contains(&self)
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this dataset.
    pub dataset: Option<DatasetName>,
    /// Of one of these datasets.
    pub among: Datasets,
    /// In this status.
    pub status: Option<JobStatus>,
    /// With this label.
    pub label: Option<Label>,
    /// Admitted at this time or later.
    pub from: Option<String>,
    /// Admitted before this time.
    pub until: Option<String>,
}

/// What to change of a job; `None` leaves as is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobChange {
    /// Only if it was redriven so often: what is told of an earlier execution is no news.
    pub redrives: Option<u32>,
    /// Where it stands now.
    pub status: Option<JobStatus>,
    /// Until when it can be redriven, of one that failed.
    pub redrivable_until: Option<String>,
    /// ARN of its execution.
    pub execution: Option<String>,
    /// The only object, as pinned.
    pub source: Option<SourceRef>,
    /// How many objects a source of many has.
    pub objects: Option<ObjectCounts>,
    /// That it waits for approval.
    pub hold: Option<Hold>,
    /// Rows.
    pub counts: Option<Counts>,
    /// The number of its commit.
    pub sequence: Option<u64>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What it cost.
    pub bill: Option<Bill>,
    /// What is not as it should be.
    pub warnings: Vec<Warning>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts, opaque; `None` at the end.
    pub next: Option<String>,
}

/// What went wrong with the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It did not answer, or answered that it is busy; worth another attempt.
    #[error("{0}")]
    Unavailable(String),
    /// It refused: what was tried, and the permission that it wants.
    #[error("{0}")]
    Denied(String),
    /// There is no room for an entry. It says how much is missing, and where.
    #[error("{0}")]
    Full(String),
    /// A cursor that this registry did not give.
    #[error("{0}")]
    BadCursor(String),
    /// An entry that can't be read.
    #[error("{0}")]
    Corrupt(String),
    /// What another attempt can't change: no such table, an entry over 400 KB, more than
    /// [`MAX_CONTENTS`].
    #[error("{0}")]
    Impossible(String),
}

/// The result of a call to the registry.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Error> for job::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(text) => Self::new(job::ErrorKind::StoreUnavailable, text),
            Error::Denied(text) => Self::new(job::ErrorKind::AccessDenied, text),
            Error::Full(text) => Self::new(job::ErrorKind::StoreFull, text),
            Error::BadCursor(text) | Error::Corrupt(text) | Error::Impossible(text) => {
                Self::new(job::ErrorKind::Internal, text)
            }
        }
    }
}
