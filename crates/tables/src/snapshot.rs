use std::collections::{BTreeMap, HashSet};

use chrono::DateTime;
use futures::{StreamExt, TryStreamExt, stream};
use landing::Error;
use landing::commit::Table;
use landing::delta::Entry;

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
    /// The table at some state; `None` when nothing is committed yet, when there is no such commit, or when the first one is later.
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

    /// Reads entries from `last` backwards: those that are later than `at` are passed over, and what is before an overwriting one is gone. Of a file the newest entry counts that
    /// names it. Paths that were written in another way come along, by key.
    pub(crate) async fn replay(&self, last: u64, at: &At) -> Result<(Option<Snapshot>, BTreeMap<String, String>), Error> {
        let read = |sequence| async move { Ok::<_, Error>((sequence, self.get(sequence).await?)) };
        let mut entries = stream::iter((0..=last).rev()).map(read).buffered(CONCURRENT_READS);
        let mut snapshot: Option<Snapshot> = None;
        let mut odd_paths = BTreeMap::new();
        let mut named = HashSet::new();
        while let Some((sequence, entry)) = entries.try_next().await? {
            if snapshot.is_none() && is_later(&entry, at) {
                continue;
            }
            let is_whole = entry.is_whole();
            let begun = || Snapshot { sequence, committed: entry.committed, table: Table::default() };
            let table = &mut snapshot.get_or_insert_with(begun).table;
            table.apply(entry.added.into_iter().filter(|file| named.insert(file.key.clone())), &[]);
            named.extend(entry.removed);
            odd_paths.extend(entry.odd_paths);
            if is_whole {
                break;
            }
        }
        Ok((snapshot, odd_paths))
    }
}

/// Whether an entry was written after a moment. Clocks differ, so a later one may say an earlier time: the newest one that is not after the moment counts.
fn is_later(entry: &Entry, at: &At) -> bool {
    match (at, DateTime::parse_from_rfc3339(&entry.committed)) {
        (At::Moment(moment), Ok(committed)) => committed > *moment,
        _ => false,
    }
}
