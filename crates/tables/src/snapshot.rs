use std::collections::HashSet;

use chrono::DateTime;
use futures::{StreamExt, TryStreamExt, stream};
use landing::Error;
use landing::commit::{Commit, Table};
use landing::contract::Mode;

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
        self.replay(last, &at).await
    }

    /// Reads entries from `last` backwards: those that are later than `at` are passed over, and what is before an overwriting one is gone.
    pub(crate) async fn replay(&self, last: u64, at: &At) -> Result<Option<Snapshot>, Error> {
        let mut entries = stream::iter((0..=last).rev()).map(|sequence| self.get(sequence)).buffered(CONCURRENT_READS);
        let mut snapshot: Option<Snapshot> = None;
        let mut gone = HashSet::new();
        while let Some(commit) = entries.try_next().await? {
            if snapshot.is_none() && is_later(&commit, at) {
                continue;
            }
            let begun = || Snapshot { sequence: commit.sequence, committed: commit.committed.clone(), table: Table::default() };
            let snapshot = snapshot.get_or_insert_with(begun);
            snapshot.table.apply(commit.files.into_iter().filter(|file| !gone.contains(&file.key)), &[]);
            gone.extend(commit.removed);
            if commit.mode == Mode::Overwrite {
                break;
            }
        }
        Ok(snapshot)
    }
}

/// Whether a commit was written after a moment. Clocks differ, so a later commit may say an earlier time: the newest one that is not after the moment counts.
fn is_later(commit: &Commit, at: &At) -> bool {
    match (at, DateTime::parse_from_rfc3339(&commit.committed)) {
        (At::Moment(moment), Ok(committed)) => committed > *moment,
        _ => false,
    }
}
