use std::collections::{BTreeMap, HashSet};

use chrono::DateTime;
use delta_log::Entry;
use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use landing::commit::Table;

use crate::{At, Log};

/// Entries that are read at once.
const CONCURRENT_READS: usize = 32;

/// A table as of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of the commit.
    pub sequence: u64,
    /// When it was written, in RFC 3339.
    pub committed: String,
    /// The files.
    pub table: Table,
}

impl Log {
    /// The table at some state; `None` when nothing is committed yet, when there is no such commit,
    /// or when the first one is later.
    pub async fn at(&self, at: At) -> Result<Option<Snapshot>, Error> {
        let last = match at {
            At::Commit(sequence) if self.find(sequence).await?.is_some() => sequence,
            At::Commit(_) => return Ok(None),
            At::Newest | At::Moment(_) => match self.first_free().await?.checked_sub(1) {
                Some(last) => last,
                None => return Ok(None),
            },
        };
        Ok(self.replay(last, &at).await?.0)
    }

    /// Reads entries from `last` backwards: those that are later than `at` are passed over, and
    /// what is before an overwriting one, or a checkpoint, need not be read. The newest entry that
    /// names a file wins. Paths that were written in another way come along, by key.
    pub(crate) async fn replay(
        &self,
        last: u64,
        at: &At,
    ) -> Result<(Option<Snapshot>, BTreeMap<String, String>), Error> {
        let Some((last, committed)) = self.newest_until(last, at).await? else {
            return Ok((None, BTreeMap::new()));
        };
        let checkpoint = self.checkpoint_until(last).await?;
        let first = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.version + 1);
        let read = |sequence| async move { self.get(sequence).await };
        let checkpointed = stream::iter(checkpoint)
            .then(|checkpoint| async move { self.read_checkpoint(&checkpoint).await });
        let entries = stream::iter((first..=last).rev())
            .map(read)
            .buffered(CONCURRENT_READS)
            .chain(checkpointed);
        let mut entries = std::pin::pin!(entries);
        let mut table = Table::default();
        let mut odd_paths = BTreeMap::new();
        let mut named = HashSet::new();
        while let Some(entry) = entries.try_next().await? {
            let is_whole = entry.is_whole();
            table.apply(entry.added.into_iter().filter(|file| named.insert(file.key.clone())), &[]);
            named.extend(entry.removed);
            odd_paths.extend(entry.odd_paths);
            if is_whole {
                break;
            }
        }
        Ok((Some(Snapshot { sequence: last, committed, table }), odd_paths))
    }

    /// The newest entry up to `last` that is not later than `at`, and when it was written.
    async fn newest_until(&self, last: u64, at: &At) -> Result<Option<(u64, String)>, Error> {
        // A caller that wants the newest one needs no other.
        let at_once = if matches!(at, At::Moment(_)) { CONCURRENT_READS } else { 1 };
        let read = |sequence| async move { Ok::<_, Error>((sequence, self.find(sequence).await?)) };
        let mut entries = stream::iter((0..=last).rev()).map(read).buffered(at_once);
        while let Some((sequence, entry)) = entries.try_next().await? {
            let entry = match entry {
                Some(entry) => entry,
                // Cleaned up, as what a checkpoint holds may be: of its time, one of its files
                // tells.
                None => match self.checkpoint_until(sequence).await? {
                    Some(checkpoint) if checkpoint.version == sequence => {
                        self.read_checkpoint(&checkpoint).await?
                    }
                    _ => return Err(self.gap(sequence)),
                },
            };
            if !is_later(&entry, at) {
                return Ok(Some((sequence, entry.committed)));
            }
        }
        Ok(None)
    }
}

/// Whether an entry was written after a moment. Clocks differ, so a later one may say an earlier
/// time: the newest one that is not after the moment counts.
fn is_later(entry: &Entry, at: &At) -> bool {
    match (at, DateTime::parse_from_rfc3339(&entry.committed)) {
        (At::Moment(moment), Ok(committed)) => committed > *moment,
        _ => false,
    }
}
