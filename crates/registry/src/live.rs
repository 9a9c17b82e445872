//! Who watches jobs as they run, what they may see, and what the running jobs tell.
//!
//! Whoever tells of a change writes first and looks then whether a push is due; whoever pushes
//! begins the push first and reads then. So a change is in the push that has begun, or it makes
//! another one due.

use async_trait::async_trait;
use job::message::JobId;
use job::{DatasetName, Datasets, Planned, Progress};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::attempts::Attempts;
use crate::ledger::get;
use crate::table::{Key, List, Position, Table, When, Write, entry, read};

/// Most topics of a connection.
pub const MAX_TOPICS: usize = 100;
/// The shortest time between two pushes of a job, in milliseconds.
pub const PUSH_GAP_MS: u64 = 250;

/// Seconds after which a connection is gone for sure: API Gateway ends one after two hours.
const CONNECTION_SECONDS: u64 = 3 * 3600;
/// Seconds for which the progress of a job is kept after its last change.
const PROGRESS_SECONDS: u64 = 3 * 86_400;
/// A push that was due so long ago was forgotten by whoever was to see to it.
const FORGOTTEN_MS: u64 = 5_000;
/// For how long nobody asks for a push of a job that nobody watches.
const QUIET_MS: u64 = 5_000;
/// Entries that the progress of a job is spread over, so that shards that end at once don't wait
/// for each other.
const SLOTS: u32 = 32;
/// Subscribers of one page of a list.
const PAGE: usize = 1_000;

/// What somebody may see and do, as the API has checked it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// The datasets that there are for them.
    pub datasets: Datasets,
    /// How API Gateway has authorized them, for the requests that are made in their name.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub authorizer: Value,
}

/// An open WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// As API Gateway names it.
    pub id: String,
    /// Who it belongs to.
    pub viewer: Viewer,
    /// What they are told of.
    #[serde(default)]
    pub topics: Vec<Topic>,
    /// Seconds since 1970 after which it is gone.
    pub expires: u64,
}

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Topic {
    /// One job.
    Job(JobId),
    /// All jobs of a dataset.
    Dataset(DatasetName),
    /// All jobs of all datasets that the watcher may see.
    All,
}

/// Whoever watches a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// Their connection.
    pub connection: String,
    /// Who they are.
    pub viewer: Viewer,
    /// Seconds since 1970 after which the connection is gone.
    expires: u64,
}

/// What came of the attempt to watch something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It is watched.
    Yes,
    /// There is no such connection.
    NoConnection,
    /// The connection has [`MAX_TOPICS`] already.
    TooMany,
}

/// What came of the attempt to begin a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It has begun and has this number; what is read from now on is to be pushed.
    Begun(u64),
    /// The last one was too short a time ago: wait for so many milliseconds.
    Wait(u64),
}

/// How far a job has come, as its shards told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The number of the last push; 0 before the first one.
    pub sequence: u64,
    /// What there is to do, once that is planned.
    pub planned: Option<Planned>,
    /// When it was planned.
    pub planned_at: Option<u64>,
    /// What is done.
    pub progress: Progress,
    /// When a shard last told.
    pub told_at: Option<u64>,
}

/// The port to what is kept of those who watch. All times are milliseconds since 1970.
#[async_trait]
pub trait Live: Send + Sync {
    /// Keeps a ticket, which lets its holder connect once before `expires` (seconds since 1970).
    /// Only the hash of its secret is kept.
    async fn issue_ticket(&self, secret: &str, viewer: &Viewer, expires: u64) -> Result<()>;
    /// Uses a ticket up. `None`: there is none, it was used, or it has expired.
    async fn use_ticket(&self, secret: &str, now: u64) -> Result<Option<Viewer>>;
    /// Keeps an open connection.
    async fn connect(&self, id: &str, viewer: Viewer, now: u64) -> Result<()>;
    /// An open connection.
    async fn connection(&self, id: &str) -> Result<Option<Connection>>;
    /// Forgets a connection and what it watches.
    async fn disconnect(&self, id: &str) -> Result<()>;
    /// Lets a connection watch a topic, once however often it asks.
    async fn subscribe(&self, id: &str, topic: &Topic, now: u64) -> Result<Subscribed>;
    /// Lets a connection watch a topic no longer.
    async fn unsubscribe(&self, id: &str, topic: &Topic) -> Result<()>;
    /// All who watch a topic.
    async fn subscribers(&self, topic: &Topic) -> Result<Vec<Subscriber>>;
    /// Notes what a job has to do.
    async fn note_plan(&self, job: &JobId, planned: &Planned, now: u64) -> Result<()>;
    /// Notes what a shard has done, once however often it is told. Answers whether a push is due
    /// that nobody else sees to.
    async fn note_shard(&self, job: &JobId, shard: u32, done: &Progress, now: u64) -> Result<bool>;
    /// What a job told so far.
    async fn told(&self, job: &JobId) -> Result<Told>;
    /// Begins a push of a job, unless one began less than [`PUSH_GAP_MS`] ago.
    async fn begin_push(&self, job: &JobId, now: u64) -> Result<Push>;
    /// Notes that nobody watches a job, so that its shards need not ask for pushes for a while. A
    /// connection that begins to watch that job ends this.
    async fn note_quiet(&self, job: &JobId, now: u64) -> Result<()>;
}

/// The entry of a ticket.
#[derive(Serialize, Deserialize)]
struct Ticket {
    viewer: Viewer,
    expires: u64,
}

/// The entry of how the pushes of a job stand.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    sequence: u64,
    pushed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quiet_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planned: Option<Planned>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planned_at: Option<u64>,
    expires: u64,
}

/// The entry of some of the shards of a job.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slot {
    /// A bit for each shard that is counted, from the lowest of the first word on.
    counted: Vec<u64>,
    #[serde(flatten)]
    progress: Progress,
    /// When one of them last told.
    told: u64,
    expires: u64,
}

impl Slot {
    /// Counts a shard; whether that is news.
    fn count(&mut self, shard: u32, done: &Progress) -> bool {
        let (word, bit) = ((shard / SLOTS / 64) as usize, 1 << (shard / SLOTS % 64));
        if self.counted.len() <= word {
            self.counted.resize(word + 1, 0);
        }
        if self.counted[word] & bit != 0 {
            return false;
        }
        self.counted[word] |= bit;
        self.progress += Progress { shards: 1, ..done.clone() };
        true
    }
}

fn expiry(now: u64, seconds: u64) -> u64 {
    now / 1_000 + seconds
}

/// Changes an entry of a running job, or a new one. `change` answers whether it changed anything,
/// and what is answered here; it may be asked several times.
async fn change<T: Table, E: Default + Serialize + DeserializeOwned + Send, R: Send>(
    table: &T,
    key: &Key,
    change: impl Fn(&mut E) -> (bool, R) + Send + Sync,
) -> Result<R> {
    let mut attempts = Attempts::default();
    loop {
        let there = table.get(key).await?;
        let mut after: E =
            there.as_deref().map(|there| read(key, there)).transpose()?.unwrap_or_default();
        let (is_changed, answer) = change(&mut after);
        let when = there.map_or(When::Absent, When::Is);
        let put = || vec![Write::put(key.clone(), entry(&after), when)];
        if !is_changed || table.write(put()).await? {
            return Ok(answer);
        }
        attempts.pause(key).await?;
    }
}

/// Changes how the pushes of a job stand.
async fn change_head<T: Table, R: Send>(
    table: &T,
    job: &JobId,
    now: u64,
    of_head: impl Fn(&mut Head) -> (bool, R) + Send + Sync,
) -> Result<R> {
    let kept = |head: &mut Head| {
        head.expires = expiry(now, PROGRESS_SECONDS);
        of_head(head)
    };
    change(table, &Key::live_head(job), kept).await
}

#[async_trait]
impl<T: Table> Live for T {
    async fn issue_ticket(&self, secret: &str, viewer: &Viewer, expires: u64) -> Result<()> {
        let ticket = entry(&Ticket { viewer: viewer.clone(), expires });
        let key = Key::ticket(secret);
        self.write(vec![Write::put(key, ticket, When::Absent)]).await?;
        Ok(())
    }

    async fn use_ticket(&self, secret: &str, now: u64) -> Result<Option<Viewer>> {
        let key = Key::ticket(secret);
        let Some(there) = self.get(&key).await? else { return Ok(None) };
        let Ticket { viewer, expires } = read(&key, &there)?;
        let is_mine = self.write(vec![Write::delete(key, When::Is(there))]).await?;
        Ok((is_mine && now / 1_000 < expires).then_some(viewer))
    }

    async fn connect(&self, id: &str, viewer: Viewer, now: u64) -> Result<()> {
        let expires = expiry(now, CONNECTION_SECONDS);
        let connection = Connection { id: id.to_owned(), viewer, topics: Vec::new(), expires };
        // A connection that is there already is the same one, whose answer was lost.
        let put = Write::put(Key::connection(id), entry(&connection), When::Absent);
        self.write(vec![put]).await?;
        Ok(())
    }

    async fn connection(&self, id: &str) -> Result<Option<Connection>> {
        get(self, &Key::connection(id)).await
    }

    async fn disconnect(&self, id: &str) -> Result<()> {
        let (key, mut attempts) = (Key::connection(id), Attempts::default());
        while let Some(there) = self.get(&key).await? {
            let connection: Connection = read(&key, &there)?;
            // Subscriptions go first: a connection that is still there tells which they are.
            for topic in &connection.topics {
                let subscriber = Key::subscriber(topic, id);
                self.write(vec![Write::delete(subscriber, When::Always)]).await?;
            }
            if self.write(vec![Write::delete(key.clone(), When::Is(there))]).await? {
                break;
            }
            attempts.pause(&key).await?;
        }
        Ok(())
    }

    async fn subscribe(&self, id: &str, topic: &Topic, now: u64) -> Result<Subscribed> {
        let (key, mut attempts) = (Key::connection(id), Attempts::default());
        loop {
            let Some(there) = self.get(&key).await? else { return Ok(Subscribed::NoConnection) };
            let mut connection: Connection = read(&key, &there)?;
            if connection.topics.contains(topic) {
                break;
            }
            if connection.topics.len() >= MAX_TOPICS {
                return Ok(Subscribed::TooMany);
            }
            connection.topics.push(topic.clone());
            let Connection { viewer, expires, .. } = &connection;
            let (viewer, expires) = (viewer.clone(), *expires);
            let subscriber = entry(&Subscriber { connection: id.to_owned(), viewer, expires });
            let writes = vec![
                Write::put(key.clone(), entry(&connection), When::Is(there)),
                Write::put(Key::subscriber(topic, id), subscriber, When::Always),
            ];
            if self.write(writes).await? {
                break;
            }
            attempts.pause(&key).await?;
        }
        if let Topic::Job(job) = topic {
            let end_quiet = |head: &mut Head| (head.quiet_until.take().is_some(), ());
            change_head(self, job, now, end_quiet).await?;
        }
        Ok(Subscribed::Yes)
    }

    async fn unsubscribe(&self, id: &str, topic: &Topic) -> Result<()> {
        let (key, mut attempts) = (Key::connection(id), Attempts::default());
        loop {
            let mut writes = vec![Write::delete(Key::subscriber(topic, id), When::Always)];
            if let Some(there) = self.get(&key).await? {
                let mut connection: Connection = read(&key, &there)?;
                connection.topics.retain(|watched| watched != topic);
                writes.push(Write::put(key.clone(), entry(&connection), When::Is(there)));
            }
            if self.write(writes).await? {
                return Ok(());
            }
            attempts.pause(&key).await?;
        }
    }

    async fn subscribers(&self, topic: &Topic) -> Result<Vec<Subscriber>> {
        let list = List::Subscribers(topic.clone());
        let (mut all, mut after) = (Vec::new(), None::<Position>);
        loop {
            let page = self.list(&list, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            for (position, subscriber) in page {
                all.push(read(&position.key, &subscriber)?);
                after = Some(position);
            }
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn note_plan(&self, job: &JobId, planned: &Planned, now: u64) -> Result<()> {
        // A plan that is told again began when it was first told.
        let plan = |head: &mut Head| {
            let is_news = head.planned.replace(*planned) != Some(*planned);
            head.planned_at.get_or_insert(now);
            (is_news, ())
        };
        change_head(self, job, now, plan).await
    }

    async fn note_shard(&self, job: &JobId, shard: u32, done: &Progress, now: u64) -> Result<bool> {
        let count = |slot: &mut Slot| {
            slot.told = slot.told.max(now);
            slot.expires = expiry(now, PROGRESS_SECONDS);
            (slot.count(shard, done), ())
        };
        change(self, &Key::live_slot(job, shard % SLOTS), count).await?;
        let claim = |head: &mut Head| {
            let is_quiet = head.quiet_until.is_some_and(|until| now < until);
            let is_seen_to = head.due.is_some_and(|due| now < due + FORGOTTEN_MS);
            let is_mine = !is_quiet && !is_seen_to;
            if is_mine {
                head.due = Some(now);
            }
            (is_mine, is_mine)
        };
        change_head(self, job, now, claim).await
    }

    async fn told(&self, job: &JobId) -> Result<Told> {
        let mut told = Told::default();
        for (Position { key, .. }, found) in
            self.list(&List::Progress(job.clone()), None, SLOTS as usize + 1).await?
        {
            if key == Key::live_head(job) {
                let head: Head = read(&key, &found)?;
                told.sequence = head.sequence;
                (told.planned, told.planned_at) = (head.planned, head.planned_at);
            } else {
                let slot: Slot = read(&key, &found)?;
                told.progress += slot.progress;
                told.told_at = told.told_at.max(Some(slot.told));
            }
        }
        Ok(told)
    }

    async fn begin_push(&self, job: &JobId, now: u64) -> Result<Push> {
        let begin = |head: &mut Head| match (head.pushed + PUSH_GAP_MS).saturating_sub(now) {
            0 => {
                (head.sequence, head.pushed, head.due) = (head.sequence + 1, now, None);
                (true, Push::Begun(head.sequence))
            }
            // A clock that is ahead must not stop the pushes.
            wait => (false, Push::Wait(wait.min(PUSH_GAP_MS))),
        };
        change_head(self, job, now, begin).await
    }

    async fn note_quiet(&self, job: &JobId, now: u64) -> Result<()> {
        let quiet = |head: &mut Head| {
            (head.due, head.quiet_until) = (None, Some(now + QUIET_MS));
            (true, ())
        };
        change_head(self, job, now, quiet).await
    }
}

#[cfg(test)]
mod tests;
