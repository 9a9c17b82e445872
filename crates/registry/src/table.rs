//! What a store must be able to do to hold a registry, and under which keys its entries lie.

use async_trait::async_trait;
use job::message::{JobId, SourceRef};
use job::{DatasetName, Labels};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wording::Unquoted;

use crate::attempts::Attempts;
use crate::{Error, JobFilter, JobRecord, JobStatus, Result, Topic};

/// A store of entries: JSON texts under keys.
#[async_trait]
pub(crate) trait Table: Send + Sync {
    /// The entry of a key, as last written.
    async fn get(&self, key: &Key) -> Result<Option<String>>;
    /// Does all of the writes, or none and answers false when a condition does not hold. No two
    /// writes have one key.
    async fn write(&self, writes: Vec<Write>) -> Result<bool>;
    /// At most `limit` entries of a list in its order, those after `after`.
    async fn list(
        &self,
        list: &List,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, String)>>;
    /// Adds one to the counter of a key, which is there until `expires`, in seconds since 1970; the
    /// count then.
    async fn count(&self, key: &Key, expires: u64) -> Result<u64> {
        let mut attempts = Attempts::default();
        loop {
            let before = self.get(key).await?;
            let counted =
                before.as_deref().map(|before| read::<Counter>(key, before)).transpose()?;
            let count = counted.map_or(0, |counter| counter.count) + 1;
            let when = before.map_or(When::Absent, When::Is);
            let then = entry(&Counter { count, expires });
            if self.write(vec![Write::put(key.clone(), then, when)]).await? {
                return Ok(count);
            }
            attempts.pause(key).await?;
        }
    }
}

/// A counter, in stores that can't count by themselves.
#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    count: u64,
    expires: u64,
}

/// A key: `[A-Za-z0-9_-]` with `#` between the parts of `pk`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    /// The partition.
    pub(crate) pk: String,
    /// Orders the entries of a partition.
    pub(crate) sk: String,
}

/// A change of one entry.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// Which one.
    pub(crate) key: Key,
    /// The condition.
    pub(crate) when: When,
    /// The entry afterwards; `None` deletes it.
    pub(crate) then: Option<String>,
}

/// The condition of a write, on what is there before it.
#[derive(Debug, Clone)]
pub(crate) enum When {
    /// None.
    Always,
    /// There is no entry.
    Absent,
    /// There is an entry.
    Present,
    /// There is exactly this entry.
    Is(String),
    /// There is no entry, or exactly this one.
    AbsentOrIs(String),
}

/// A list of entries in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum List {
    /// The newest contract of each dataset, by name.
    Datasets,
    /// The versions of a dataset's contract, newest first.
    Versions(DatasetName),
    /// The jobs that pass a filter, newest first.
    Jobs(JobFilter),
    /// Who watches a topic.
    Subscribers(Topic),
    /// What a running job told.
    Progress(JobId),
}

/// Where an entry stands in a list; ordered as the list is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Position {
    /// For jobs [`Listing::listed`]: what the list is ordered by before the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<String>,
    /// The entry's key.
    #[serde(flatten)]
    pub(crate) key: Key,
}

/// What the lists of jobs know of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Its dataset.
    pub(crate) dataset: DatasetName,
    /// Where it stands.
    pub(crate) status: JobStatus,
    /// What its submitter calls it.
    pub(crate) labels: Labels,
    /// `<created>#<job id>`: unique, and in the order of creation.
    pub(crate) listed: String,
}

/// The partition of the newest contracts.
const DATASETS: &str = "dataset";

impl Key {
    /// Of a job.
    pub(crate) fn job(id: &JobId) -> Self {
        Self { pk: format!("job#{id}"), sk: "record".to_owned() }
    }

    /// Of a version of a contract.
    pub(crate) fn version(dataset: &DatasetName, version: u32) -> Self {
        Self { pk: versions(dataset), sk: format!("{version:010}") }
    }

    /// Of the newest contract of a dataset that is not deleted.
    pub(crate) fn dataset(dataset: &DatasetName) -> Self {
        Self { pk: DATASETS.to_owned(), sk: dataset.to_string() }
    }

    /// Of a part of a long text, which has a hash.
    pub(crate) fn part(dataset: &DatasetName, hash: &str, part: u32) -> Self {
        Self { pk: format!("text#{dataset}#{hash}"), sk: format!("{part:05}") }
    }

    /// Of a claim. The content is hashed, as it may be any text, and each claim is a partition of
    /// its own, as a busy dataset has many.
    pub(crate) fn claim(dataset: &DatasetName, content: &str) -> Self {
        Self { pk: format!("loaded#{dataset}#{}", hash(content)), sk: "claim".to_owned() }
    }

    /// Of the newest version of an object that landed. Its place is hashed, as it may be any text.
    pub(crate) fn newest(dataset: &DatasetName, place: &str) -> Self {
        Self { pk: format!("newest#{dataset}#{}", hash(place)), sk: "version".to_owned() }
    }

    /// Of the job that lands an object version. Versions are hashed, as keys may be any text, and
    /// each is a partition of its own, as a busy dataset has many.
    pub(crate) fn arrival(dataset: &DatasetName, source: &SourceRef) -> Self {
        Self { pk: format!("arrival#{dataset}#{}", source.version_digest()), sk: "job".to_owned() }
    }

    /// Of something that was told of a dataset. It is hashed, as it may be any text.
    pub(crate) fn note(dataset: &DatasetName, told: &str) -> Self {
        Self { pk: format!("told#{dataset}#{}", hash(told)), sk: "note".to_owned() }
    }

    /// Of the turns that jobs of a dataset take.
    pub(crate) fn turns(dataset: &DatasetName) -> Self {
        Self { pk: format!("turns#{dataset}"), sk: "turns".to_owned() }
    }

    /// Of the batch of a dataset.
    pub(crate) fn batch(dataset: &DatasetName) -> Self {
        Self { pk: format!("batch#{dataset}"), sk: "batch".to_owned() }
    }

    /// Of a part of what a batch gathered.
    pub(crate) fn gathered(job: &JobId, part: u32) -> Self {
        Self { pk: format!("gathered#{job}"), sk: format!("{part:05}") }
    }

    /// Of a ticket, by its secret, which is hashed so that a reader of the table can't use it.
    pub(crate) fn ticket(secret: &str) -> Self {
        Self { pk: format!("ticket#{}", hash(secret)), sk: "ticket".to_owned() }
    }

    /// Of a connection. Its id is hashed, as it may be any text.
    pub(crate) fn connection(id: &str) -> Self {
        Self { pk: format!("connection#{}", hash(id)), sk: "record".to_owned() }
    }

    /// Of a connection among those that watch a topic.
    pub(crate) fn subscriber(topic: &Topic, connection: &str) -> Self {
        Self { pk: subscribers(topic), sk: hash(connection) }
    }

    /// Of how the pushes of a job stand.
    pub(crate) fn live_head(job: &JobId) -> Self {
        Self { pk: live(job), sk: "head".to_owned() }
    }

    /// Of what some of the shards of a job have done.
    pub(crate) fn live_slot(job: &JobId, slot: u32) -> Self {
        Self { pk: live(job), sk: format!("slot-{slot:02}") }
    }

    /// The count of a caller's requests in a minute. The caller may be any text, so it is hashed.
    pub(crate) fn requests(caller: &str, minute: u64) -> Self {
        Self { pk: format!("requests#{}", hash(caller)), sk: format!("{minute:010}") }
    }

    /// Whether the entry says itself when it expires.
    pub(crate) fn expires(&self) -> bool {
        let of_live = ["ticket#", "connection#", "topic#", "live#"];
        of_live.iter().any(|begin| self.pk.starts_with(begin))
    }

    /// Whether the entry is a job, which the lists of jobs hold.
    pub(crate) fn is_job(&self) -> bool {
        self.pk.starts_with("job#")
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.pk, self.sk)
    }
}

impl Write {
    /// Puts an entry.
    pub(crate) fn put(key: Key, then: String, when: When) -> Self {
        Self { key, when, then: Some(then) }
    }

    /// Deletes an entry.
    pub(crate) fn delete(key: Key, when: When) -> Self {
        Self { key, when, then: None }
    }
}

impl When {
    /// Whether the condition holds for the entry that is there.
    pub(crate) fn holds(&self, entry: Option<&str>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => entry.is_none(),
            Self::Present => entry.is_some(),
            Self::Is(text) => entry == Some(text),
            Self::AbsentOrIs(text) => entry.is_none_or(|entry| entry == text),
        }
    }
}

impl List {
    /// The partition that holds the list; `None` for jobs, each of which is a partition of its own.
    pub(crate) fn partition(&self) -> Option<String> {
        match self {
            Self::Datasets => Some(DATASETS.to_owned()),
            Self::Versions(dataset) => Some(versions(dataset)),
            Self::Subscribers(topic) => Some(subscribers(topic)),
            Self::Progress(job) => Some(live(job)),
            Self::Jobs(_) => None,
        }
    }

    /// Whether the last position comes first.
    pub(crate) fn newest_first(&self) -> bool {
        matches!(self, Self::Versions(_) | Self::Jobs(_))
    }

    /// Where an entry stands in the list; `None` when it is not of it.
    fn position(&self, key: &Key, entry: &str) -> Result<Option<Position>> {
        match (self, self.partition()) {
            (_, Some(partition)) => {
                Ok((key.pk == partition).then(|| Position { listed: None, key: key.clone() }))
            }
            (Self::Jobs(filter), None) if key.is_job() => {
                let job = Listing::read(key, entry)?;
                Ok(job
                    .passes(filter)
                    .then(|| Position { listed: Some(job.listed), key: key.clone() }))
            }
            _ => Ok(None),
        }
    }

    /// Lists out of all `entries`, for stores that have no indexes.
    pub(crate) fn select<K: AsRef<Key>, E: AsRef<str>>(
        &self,
        entries: impl IntoIterator<Item = (K, E)>,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, String)>> {
        let mut found = Vec::new();
        for (key, entry) in entries {
            let (key, entry) = (key.as_ref(), entry.as_ref());
            if let Some(position) = self.position(key, entry)? {
                let is_after = after.is_none_or(|after| {
                    if self.newest_first() { position < *after } else { position > *after }
                });
                if is_after {
                    found.push((position, entry.to_owned()));
                }
            }
        }
        found.sort_unstable();
        if self.newest_first() {
            found.reverse();
        }
        found.truncate(limit);
        Ok(found)
    }
}

impl Listing {
    /// Of the entry of a job.
    pub(crate) fn read(key: &Key, entry: &str) -> Result<Self> {
        let job: JobRecord = read(key, entry)?;
        let listed = format!("{}#{}", job.created, job.submission.job);
        let JobRecord { submission, status, labels, .. } = job;
        Ok(Self { dataset: submission.dataset, status, labels, listed })
    }

    fn passes(&self, filter: &JobFilter) -> bool {
        // A time is the beginning of what is listed at it.
        filter.dataset.as_ref().is_none_or(|dataset| *dataset == self.dataset)
            && filter.status.is_none_or(|status| status == self.status)
            && filter.label.as_ref().is_none_or(|label| self.labels.has(label))
            && filter.from.as_ref().is_none_or(|from| *from <= self.listed)
            && filter.until.as_ref().is_none_or(|until| self.listed < *until)
    }
}

impl AsRef<Key> for Key {
    fn as_ref(&self) -> &Key {
        self
    }
}

/// What an entry holds.
pub(crate) fn read<T: serde::de::DeserializeOwned>(key: &Key, entry: &str) -> Result<T> {
    serde_json::from_str(entry).map_err(|error| {
        Error::Corrupt(format!("registry entry `{key}` can't be read: {}", error.unquoted()))
    })
}

/// The entry that holds `value`.
pub(crate) fn entry(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("structs of texts and numbers are JSON")
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn subscribers(topic: &Topic) -> String {
    match topic {
        Topic::Job(job) => format!("topic#job#{job}"),
        Topic::Dataset(dataset) => format!("topic#dataset#{dataset}"),
        Topic::All => "topic#all".to_owned(),
    }
}

fn live(job: &JobId) -> String {
    format!("live#{job}")
}

fn versions(dataset: &DatasetName) -> String {
    format!("contract#{dataset}")
}
