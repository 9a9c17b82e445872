//! What travels between the states: keys and counts, never rows.
//!
//! Everything longer than a few entries lies beside the job, at the keys of [`JobKeys`].

use serde::{Deserialize, Serialize};

use crate::DatasetName;
use crate::bill::Dollars;
use crate::hold::CommitMode;
use crate::replay::Replay;

/// The id of a job: 1 to 70 of `[A-Za-z0-9_-]`. It does not end with `-r` and a number, as the names
/// of executions do that redrive a job: see [`ExecutionName`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// Most characters of a job id: those of an execution's name, less `-r` and a number.
    pub const MAX_CHARS: usize = ExecutionName::MAX_CHARS - "-r".len() - 8;

    /// Parses a job id; the error says what would be allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_long = text.len() > Self::MAX_CHARS;
        if text.is_empty() || is_long || !text.chars().all(legal) || numbered(text).is_some() {
            return Err(format!(
                "a job id is 1 to {} letters, digits, `-` or `_`, and does not end with `-r` and a number",
                Self::MAX_CHARS
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id of the job that lands an object version which arrived by itself.
    pub fn of_arrival(dataset: &DatasetName, source: &SourceRef) -> Self {
        Self::digest("event", &[dataset.as_str(), &source.version_digest()])
    }

    /// The id of the job that lands a batch of arrivals, of which this is the first one: an object
    /// version arrives in one batch only.
    pub fn of_batch(dataset: &DatasetName, first: &SourceRef) -> Self {
        Self::digest("batch", &[dataset.as_str(), &first.version_digest()])
    }

    /// The id of the job that a schedule asks for at a time.
    pub fn of_schedule(dataset: &DatasetName, due: &str) -> Self {
        Self::digest("schedule", &[dataset.as_str(), due])
    }

    /// The id of the job that a request with this `Idempotency-Key` asks for.
    pub fn of_idempotency_key(dataset: &DatasetName, key: &str) -> Self {
        Self::digest("key", &[dataset.as_str(), key])
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digest(kind: &str, parts: &[&str]) -> Self {
        Self(format!("{kind}-{}", digest(parts)))
    }
}

/// A name of 40 hexadecimal digits for a list of texts: the first 20 bytes of a SHA-256. The texts
/// are hashed with their lengths, so that no two lists look alike.
pub fn digest(parts: &[&str]) -> String {
    digest_bytes(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
}

/// The same for a list of bytes.
pub fn digest_bytes(parts: &[&[u8]]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for JobId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

/// The name of an execution of a job: the job's id for the first one, and `<job>-r2`, `<job>-r3`
/// and so on for those that redrive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionName {
    job: JobId,
    redrives: u32,
}

impl ExecutionName {
    /// The limit of Step Functions.
    const MAX_CHARS: usize = 80;

    /// Of the execution of a job that was redriven so often: 0 is the first one.
    pub fn new(job: &JobId, redrives: u32) -> Self {
        Self { job: job.clone(), redrives }
    }

    /// Reads a name; `None`: no execution of a job is called so.
    pub fn parse(name: &str) -> Option<Self> {
        let (job, redrives) = match numbered(name) {
            None => (name, 0),
            Some((job, number)) => (job, number.parse::<u32>().ok()?.checked_sub(1)?),
        };
        let parsed = Self { job: JobId::parse(job).ok()?, redrives };
        (parsed.to_string() == name).then_some(parsed)
    }

    /// The job.
    pub fn job_id(&self) -> &JobId {
        &self.job
    }

    /// How often the job was redriven before it came to this execution.
    pub fn redrives(&self) -> u32 {
        self.redrives
    }
}

impl std::fmt::Display for ExecutionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { job, redrives } = self;
        if *redrives == 0 { write!(f, "{job}") } else { write!(f, "{job}-r{}", redrives + 1) }
    }
}

/// What stands before and after the `-r` of a name that ends with it and a number.
fn numbered(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once("-r").filter(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// One object of a source. For an embedded run the bucket is a directory and the key a file in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// Bucket name.
    pub bucket: String,
    /// Object key.
    pub key: String,
    /// Version id, when the bucket keeps versions and the submitter knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// ETag, when the submitter knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// S3's `sequencer`, when an event told it: hexadecimal digits that grow with the versions of a
    /// key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

impl SourceRef {
    /// An object in whatever version is there.
    pub fn new(bucket: String, key: String) -> Self {
        Self { bucket, key, version: None, etag: None, sequencer: None }
    }

    /// How the object is called, for people and for the lineage column: `s3://bucket/key`, or the
    /// path of a file.
    pub fn name(&self) -> String {
        let Self { bucket, key, .. } = self;
        if bucket.starts_with(['/', '.']) {
            format!("{}/{key}", bucket.trim_end_matches('/'))
        } else {
            format!("s3://{bucket}/{key}")
        }
    }

    /// A name of 40 hexadecimal digits for this version of the object: by its version id, or by its
    /// ETag where the bucket keeps no versions.
    pub fn version_digest(&self) -> String {
        let version = self.version.as_deref().or(self.etag.as_deref()).unwrap_or_default();
        digest(&[&self.bucket, &self.key, version])
    }

    /// Where the object lies, whatever its version: the same for all versions of it.
    pub fn place(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }
}

/// What a job lands: one object or many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// One object.
    Object(SourceRef),
    /// These objects, in their order.
    Objects {
        /// At most [`MAX_NAMED_OBJECTS`].
        objects: Vec<SourceRef>,
    },
    /// The objects that a document lists.
    Manifest {
        /// The document.
        manifest: SourceRef,
    },
    /// The objects under a prefix, in the order of their keys.
    Prefix {
        /// Bucket name.
        bucket: String,
        /// What their keys begin with.
        prefix: String,
        /// What the rest of their keys matches, if not everything does: `*` is any text without a
        /// slash, `**` any text, `?` a character, `{a,b}` one of several texts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        glob: Option<String>,
    },
    /// The objects that arrived in a window, in the order in which they came. The registry has
    /// them, under the job's id.
    Batch {
        /// How many there are.
        batch: BatchSize,
    },
}

/// How much a batch of arrivals is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchSize {
    /// Objects.
    pub files: u32,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// What becomes of objects of a source of many that can't be read: they are missing, damaged, no
/// CSV, or their header does not match the contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unreadable {
    /// The job fails.
    #[default]
    Fail,
    /// They are listed, and the others are landed.
    Skip,
}

impl Unreadable {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of a source of which something is in the dataset already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Landed {
    /// What landed before is left out.
    #[default]
    Skip,
    /// The job fails, and says what landed before and by which job.
    Refuse,
}

impl Landed {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The objects of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCounts {
    /// Those that it lands.
    pub landed: u32,
    /// Those that it does not, as they landed before or can't be read.
    pub skipped: u32,
}

/// Most objects that a request names one by one: the input of an execution has at most 256 KiB.
pub const MAX_NAMED_OBJECTS: usize = 100;

impl Source {
    /// The only object; `None`: there may be several.
    pub fn object(&self) -> Option<&SourceRef> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// How the source is called, for people and for what files say of themselves.
    pub fn name(&self) -> String {
        match self {
            Self::Object(object) => object.name(),
            Self::Objects { objects } => match objects.as_slice() {
                [] => "no objects".to_owned(),
                [only] => only.name(),
                [first, rest @ ..] => format!("{} and {} more", first.name(), rest.len()),
            },
            Self::Manifest { manifest } => manifest.name(),
            Self::Prefix { bucket, prefix, glob } => {
                let key = format!("{prefix}{}", glob.as_deref().unwrap_or("**"));
                SourceRef::new(bucket.clone(), key).name()
            }
            Self::Batch { batch } => format!("a batch of {} files", batch.files),
        }
    }
}

impl From<SourceRef> for Source {
    fn from(object: SourceRef) -> Self {
        Self::Object(object)
    }
}

/// The input of an execution: one job, as admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The job's id, from which its executions have their names.
    pub job: JobId,
    /// The dataset to land in.
    pub dataset: DatasetName,
    /// The version of the contract, pinned when the job was admitted. From 1.
    pub contract: u32,
    /// What to land.
    pub source: Source,
    /// The rejects that the source has, if another job rejected its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// Land it even when the same bytes are in the dataset already.
    #[serde(default)]
    pub force: bool,
    /// What becomes of it, without `force`, when something of it is in the dataset already.
    #[serde(default, skip_serializing_if = "Landed::is_default")]
    pub landed: Landed,
    /// What becomes of objects of a source of many that can't be read.
    #[serde(default, skip_serializing_if = "Unreadable::is_default")]
    pub unreadable: Unreadable,
    /// Whether the job waits for approval before it commits.
    #[serde(default, skip_serializing_if = "CommitMode::is_default")]
    pub commit: CommitMode,
    /// Bytes of a shard; without it, what the deployment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_bytes: Option<u64>,
    /// What the job may cost by its estimate, in USD; without it, whatever it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Dollars>,
}

impl Submission {
    /// Whether bytes may land that are in the dataset already. Those of a replay may: it claims its
    /// rejects one by one.
    pub fn lands_again(&self) -> bool {
        self.force || self.replay.is_some()
    }

    /// Whether objects that can't be read are left out: those of many, where that is asked for.
    pub fn skips_unreadable(&self) -> bool {
        self.source.object().is_none() && self.unreadable == Unreadable::Skip
    }

    /// Whether it fails if something of it is in the dataset already.
    pub fn refuses_landed(&self) -> bool {
        self.landed == Landed::Refuse && !self.lands_again()
    }
}

/// One shard of a plan: an item of `shards.json`. It is a range of one object, or several whole
/// objects beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Position in the plan, from 0.
    pub index: u32,
    /// The position of its first object in the plan, from 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub object: u32,
    /// How many objects it has rows of. Several are there as a whole.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub objects: u32,
    /// First byte of the range, from 0 of the object; 0 of several.
    pub from: u64,
    /// First byte after the range; of several objects their bytes together.
    pub to: u64,
    /// Where the first row starts, when it is known: always for the first shard of an object, and
    /// for shards that are run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The line on which the range starts, from 1, when the plan counted lines beforehand (for
    /// `lineage`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The round in which the shard is run: 1, and later ones when it guessed its start wrong, has
    /// keys that earlier shards claim, or found an object that can't be read after it was told of
    /// such keys.
    pub round: u32,
    /// The round of the receipt that counted of it before, in a later round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    /// Where the keys are listed that earlier shards claim, once that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenRange>,
}

impl Shard {
    /// A range of an object, to be run for the first time.
    pub fn of_range(index: u32, object: u32, range: std::ops::Range<u64>) -> Self {
        let (from, to) = (range.start, range.end);
        Self {
            index,
            object,
            objects: 1,
            from,
            to,
            first: None,
            line: None,
            round: 1,
            before: None,
            taken: Vec::new(),
        }
    }

    /// Bytes of the objects that it reads.
    pub fn bytes(&self) -> u64 {
        self.to - self.from
    }
}

fn is_first(position: &u32) -> bool {
    *position == 0
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

fn one() -> u32 {
    1
}

/// A part of the list of keys that are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenRange {
    /// The document, from 0: see [`JobKeys::taken`].
    pub part: u32,
    /// The first byte in it.
    pub from: u64,
    /// The byte after the last one.
    pub to: u64,
}

/// What `ingest` answers, and what the states after it are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// The shards to run.
    pub shards: ShardList,
    /// How many shards may run at once.
    pub max_concurrency: u32,
}

/// Where the shards to run are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardList {
    /// How many there are.
    pub count: u32,
    /// Bucket of the list: a JSON array of [`Shard`].
    pub bucket: String,
    /// Key of the list.
    pub key: String,
    /// The shard itself, when there is exactly one.
    pub only: Option<Shard>,
}

/// The input of `transform`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformShard {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// The shard to run.
    pub shard: Shard,
}

/// One of the merges of a job: an item of `merge.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeItem {
    /// Its position, from 0.
    pub index: u32,
}

/// The input of a merge of small files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeFiles {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// The merge.
    pub merge: MergeItem,
}

/// The input of the `transform` function: it makes the files of a job, of its source or of smaller
/// ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MakeFiles {
    /// Those of a shard.
    Shard(TransformShard),
    /// Those of smaller ones.
    Merge(MergeFiles),
}

/// Where the merges of a job are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeList {
    /// How many there are.
    pub count: u32,
    /// Bucket of the list: a JSON array of [`MergeItem`].
    pub bucket: String,
    /// Key of the list.
    pub key: String,
    /// The merge itself, when there is exactly one.
    pub only: Option<MergeItem>,
}

/// What `transform` answers: nothing, as its receipt lies beside the job and thousands of answers
/// must fit in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transformed {}

/// The input of `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyJob {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// How often its shards were run: 1, and more when some were run again.
    pub round: u32,
}

/// The input of the `store` function: it ends a job, one way or the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndJob {
    /// Make the job visible.
    Store(JobRef),
    /// Tell that it waits for approval.
    Hold(HoldJob),
    /// Make sure that nothing of it is.
    Abandon(Abandon),
}

/// What the `store` function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Ended {
    /// The job is visible.
    Stored(Stored),
    /// The job waits.
    Held(Held),
    /// It was brought to its end, whichever that is.
    Settled(Settled),
}

/// The input of holding a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldJob {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// By which the execution is told to go on.
    pub token: String,
}

/// What holding a job answers, and what is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Why it is held, each in a sentence.
    pub reasons: Vec<String>,
    /// When it is refused by itself, RFC 3339 in UTC.
    pub until: String,
}

/// How a job ended that was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Its status as the API writes it, e.g. `FAILED`.
    pub status: String,
    /// Why nothing of it is visible: a name of [`ErrorKind`](crate::ErrorKind), or of AWS. Empty
    /// when it landed.
    pub error: String,
    /// The same for people. Empty when it landed.
    pub cause: String,
    /// The other job, if this one made way for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<JobId>,
    /// Until when it can be redriven, RFC 3339 in UTC, if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrivable_until: Option<String>,
    /// What it committed, when it landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
}

impl Settled {
    /// What landed, or why nothing did.
    pub fn outcome(self) -> Result<Stored, Failure> {
        let Self { error, cause, other, .. } = self;
        self.stored.ok_or(Failure { error, cause, job: other })
    }
}

/// The input of storing a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
}

/// What `verify` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Shards that guessed their start wrong, or have keys that earlier ones claim, and are to be
    /// run again; `count` is 0 when the job is verified.
    pub again: ShardList,
    /// The round in which they are run, and which is to be verified next.
    pub round: u32,
    /// Small files that are still to be put together before the job is stored; `count` is 0 when
    /// there are none.
    pub merges: MergeList,
    /// Whether the job waits for approval before it is stored.
    pub hold: bool,
    /// Rows, once the job is verified; zeros before.
    pub counts: Counts,
}

/// What is not as it should be of a job that landed all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its name, e.g. `CatalogNotUpdated`.
    pub name: String,
    /// What happened, and what to do.
    pub message: String,
}

/// What `store` answers, and what is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// The number of the commit in the dataset's log, from 0.
    pub sequence: u64,
    /// Rows.
    pub counts: Counts,
    /// How many files were committed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// The input of the abandoning of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandon {
    /// The job.
    pub job: JobId,
    /// Its dataset.
    pub dataset: DatasetName,
    /// What the state machine caught.
    pub failure: Caught,
    /// The name of the execution that caught it. An execution that began before executions told it
    /// does not.
    #[serde(default)]
    pub execution: Option<String>,
}

/// An error as Step Functions hands it to a Catch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Caught {
    /// Its name.
    pub error: String,
    /// Its text; for a Lambda a JSON object with `errorType` and `errorMessage`.
    #[serde(default)]
    pub cause: String,
}

/// Why a job failed, as the registry and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A name of [`ErrorKind`](crate::ErrorKind), or of AWS.
    pub error: String,
    /// What happened, where, and what to do.
    pub cause: String,
    /// The other job, if this one made way for it: the one that landed the same bytes, or a newer
    /// version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

impl Failure {
    /// A failure with this name and text.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into(), job: None }
    }

    /// Whether the same job may land when it is tried again later. What AWS names befell the
    /// functions, and not the job.
    pub fn may_pass(&self) -> bool {
        crate::ErrorKind::named(&self.error).is_none_or(crate::ErrorKind::may_pass)
    }
}

impl From<&crate::Error> for Failure {
    fn from(error: &crate::Error) -> Self {
        Self::new(error.name(), error.to_string())
    }
}

/// `failure.json`: the first failure for good of a shard, or of a merge. A Distributed Map forgets
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedFailure {
    /// The failure.
    #[serde(flatten)]
    pub failure: Failure,
    /// The shard that failed, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardRound>,
    /// The byte of its object at which it failed, or the first one of the records among which it
    /// did, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
}

/// A shard in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShardRound {
    /// The round, from 1.
    pub round: u32,
    /// Position of the shard in the plan, from 0.
    pub index: u32,
}

/// Rows of a job or a shard. The conservation law: read = stored + rejected + filtered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records read: the header, blank lines and comments are none.
    pub read: u64,
    /// Records that are in the lake.
    pub stored: u64,
    /// Records that were refused.
    pub rejected: u64,
    /// Records that the contract's `where` left out.
    pub filtered: u64,
}

impl Counts {
    /// Whether the conservation law holds.
    pub fn is_conserved(&self) -> bool {
        self.read == self.stored + self.rejected + self.filtered
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            read: self.read - earlier.read,
            stored: self.stored - earlier.stored,
            rejected: self.rejected - earlier.rejected,
            filtered: self.filtered - earlier.filtered,
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.stored += other.stored;
        self.rejected += other.rejected;
        self.filtered += other.filtered;
    }
}

/// The keys of what lies beside a job, under the work prefix: its documents, which stay, and apart
/// from them its small files, which don't.
#[derive(Debug, Clone)]
pub struct JobKeys(String, String);

impl JobKeys {
    /// The keys of `job` under `prefix`, which is empty or ends with a slash.
    pub fn new(prefix: &str, job: &JobId) -> Self {
        Self(format!("{prefix}jobs/{job}/"), format!("{prefix}small/{job}/"))
    }
    /// The common prefix of its documents.
    pub fn prefix(&self) -> &str {
        &self.0
    }
    /// The plan: contract, dialect, pinned source, shard size.
    pub fn plan(&self) -> String {
        format!("{}plan.json", self.0)
    }
    /// A part of the list of objects, from 1, by a [`digest`] of its text: the first part stands in
    /// the plan, which has the keys of the others.
    pub fn objects(&self, part: u32, digest: &str) -> String {
        format!("{}objects/{part:06}-{digest}.json", self.0)
    }
    /// The objects that are not landed, each with the reason, one JSON object a line.
    pub fn skipped(&self) -> String {
        format!("{}skipped.jsonl", self.0)
    }
    /// The same, as a run of `ingest` found it: by a [`digest`] of its text. That of the plan that
    /// stands is put at [`skipped`](Self::skipped).
    pub fn skipped_by(&self, digest: &str) -> String {
        format!("{}objects/skipped-{digest}.jsonl", self.0)
    }
    /// Of a child: which reject each of its records is. See [`Replayed`](crate::replay::Replayed).
    pub fn replayed(&self) -> String {
        format!("{}replayed.json", self.0)
    }
    /// Of a root: an entry of the list of its replays, from 0, without gaps. See
    /// [`Claimed`](crate::replay::Claimed).
    pub fn replay(&self, number: u32) -> String {
        format!("{}{number:06}.json", self.replays_prefix())
    }
    /// The common prefix of those.
    pub fn replays_prefix(&self) -> String {
        format!("{}replays/", self.0)
    }
    /// The mended rejects that the request for a child held, by a [`digest`] of their bytes.
    pub fn mended(&self, digest: &str) -> String {
        format!("{}mended-{digest}.csv", self.0)
    }
    /// The shards of the first round.
    pub fn shards(&self) -> String {
        format!("{}shards.json", self.0)
    }
    /// The shards of a later round.
    pub fn again(&self, round: u32) -> String {
        format!("{}again-{round}.json", self.0)
    }
    /// A part of the list of keys that are taken, by shard, as the shards of a round are told.
    pub fn taken(&self, round: u32, part: u32) -> String {
        format!("{}taken/{round}/{part:06}", self.0)
    }
    /// The receipt of a shard of a round.
    pub fn receipt(&self, round: u32, shard: u32) -> String {
        format!("{}{shard:06}.json", self.round_prefix(round))
    }
    /// The common prefix of those of a round.
    pub fn round_prefix(&self, round: u32) -> String {
        format!("{}{round}/", self.receipts_prefix())
    }
    /// The common prefix of those of all rounds.
    pub fn receipts_prefix(&self) -> String {
        format!("{}receipts/", self.0)
    }
    /// The shards of a round that have no receipt yet, when others have one.
    pub fn left(&self, round: u32) -> String {
        format!("{}left-{round}.json", self.0)
    }
    /// A document that an attempt of a shard leaves, under a name of its own. `kind` is
    /// `rejects-0.csv` (with the position of the records' layout), `errors.jsonl`, `profile.json` or
    /// `keys-000`.
    pub fn piece(&self, shard: u32, attempt: &str, kind: &str) -> String {
        format!("{}pieces/{shard:06}-{attempt}.{kind}", self.0)
    }
    /// The copy of a table that is looked up, by the position of its join and the checksum of its
    /// bytes.
    pub fn reference(&self, join: usize, crc64nvme: u64) -> String {
        format!("{}references/{join:03}-{crc64nvme:016x}.parquet", self.0)
    }
    /// A file that a shard left small, under a name unique to the attempt; `file` is its position
    /// in the shard.
    pub fn small(&self, shard: u32, attempt: &str, file: usize) -> String {
        format!("{}{shard:06}-{attempt}-{file:03}.parquet", self.1)
    }
    /// The common prefix of those.
    pub fn small_prefix(&self) -> &str {
        &self.1
    }
    /// The list of merges.
    pub fn merges(&self) -> String {
        format!("{}merge.json", self.0)
    }
    /// The merges that have no receipt yet, when others have one.
    pub fn merges_left(&self) -> String {
        format!("{}left-merge.json", self.0)
    }
    /// What one merge puts together.
    pub fn merge(&self, index: u32) -> String {
        format!("{}merge/{index:06}.json", self.0)
    }
    /// The receipt of a merge.
    pub fn merged(&self, index: u32) -> String {
        format!("{}{index:06}.json", self.merged_prefix())
    }
    /// The common prefix of those.
    pub fn merged_prefix(&self) -> String {
        format!("{}merged/", self.0)
    }
    /// What `verify` found.
    pub fn tally(&self) -> String {
        format!("{}tally.json", self.0)
    }
    /// The job's rejected records, byte for byte. Those of another layout than the first one lie in
    /// a file of their own.
    pub fn rejects(&self, layout: u32) -> String {
        match layout {
            0 => format!("{}rejects.csv", self.0),
            _ => format!("{}rejects-{layout}.csv", self.0),
        }
    }
    /// The job's faults, one JSON object a line.
    pub fn errors(&self) -> String {
        format!("{}errors.jsonl", self.0)
    }
    /// What the columns hold.
    pub fn profile(&self) -> String {
        format!("{}profile.json", self.0)
    }
    /// Whether the job commits: see [`Decision`](crate::decision::Decision).
    pub fn decision(&self) -> String {
        format!("{}decision.json", self.0)
    }
    /// What an invocation used, when no receipt tells it. `name` is unique to the invocation.
    pub fn spent(&self, name: &str) -> String {
        format!("{}{name}.json", self.spent_prefix())
    }
    /// The common prefix of those.
    pub fn spent_prefix(&self) -> String {
        format!("{}spent/", self.0)
    }
    /// What approving the job would change, once it is held.
    pub fn changes(&self) -> String {
        format!("{}changes.json", self.0)
    }
    /// What `store` committed.
    pub fn stored(&self) -> String {
        format!("{}stored.json", self.0)
    }
    /// The first permanent failure of a shard: see [`NotedFailure`].
    pub fn failure(&self) -> String {
        format!("{}failure.json", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_called_by_its_job_and_the_job_by_no_execution() {
        let longest = "j".repeat(JobId::MAX_CHARS);
        for id in ["j", "job-1", "job-r", "r2", "a-r2-b", "x-R2", &longest] {
            let job = JobId::parse(id).expect(id);
            for redrives in [0, 1, 2, 9, 99_999_998] {
                let name = ExecutionName::new(&job, redrives);
                assert_eq!(ExecutionName::parse(&name.to_string()), Some(name.clone()));
                assert!(name.to_string().len() <= ExecutionName::MAX_CHARS);
                assert_eq!(JobId::parse(&name.to_string()).is_ok(), redrives == 0, "{name}");
            }
        }
        for other in ["", "-r2", "j-r0", "j-r1", "j-r02", "j-r2-r3", "j-r99999999999", "j.k"] {
            assert_eq!(ExecutionName::parse(other), None, "{other}");
        }
    }
}
