use std::sync::Arc;

use bytes::Bytes;
use landing::Error;
use landing::commit::{Commit, Table, log_key};
use objects::{Objects, Put};

/// Most bytes of an entry: hundreds of thousands of files.
pub(crate) const ENTRY_BYTES: u64 = 64 * 1024 * 1024;

/// The log of a dataset.
#[derive(Clone)]
pub struct Log {
    objects: Arc<dyn Objects>,
    prefix: String,
}

impl Log {
    /// The log under a dataset's prefix, which ends with a slash. Nothing need be there.
    pub fn new(objects: Arc<dyn Objects>, prefix: String) -> Self {
        Self { objects, prefix }
    }

    /// The entry of a number, if it is taken.
    pub async fn find(&self, sequence: u64) -> Result<Option<Commit>, Error> {
        let key = log_key(&self.prefix, sequence);
        let bytes = match self.objects.read(&key, ENTRY_BYTES).await {
            Ok(bytes) => bytes,
            Err(objects::Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Internal(format!("{key} can't be read: {error}")))
    }

    /// The entry of a number that is known to be taken.
    pub async fn get(&self, sequence: u64) -> Result<Commit, Error> {
        let key = || log_key(&self.prefix, sequence);
        self.find(sequence).await?.ok_or_else(|| Error::Internal(format!("{} is not there: the log has a gap", key())))
    }

    /// Writes the entry of a commit under its number; answers whether that was free.
    pub async fn write(&self, commit: &Commit) -> Result<bool, Error> {
        let key = log_key(&self.prefix, commit.sequence);
        let json = serde_json::to_vec(commit).map_err(|error| Error::Internal(format!("{key} can't be written: {error}")))?;
        match self.objects.put(&key, Bytes::from(json), Put::IfAbsent).await {
            Ok(()) => Ok(true),
            Err(objects::Error::Exists(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The first number that is not taken. Numbers have no gaps, so it is galloped to and then halved down.
    pub async fn first_free(&self) -> Result<u64, Error> {
        let mut taken_below = 0;
        let mut free = 0;
        while self.is_taken(free).await? {
            taken_below = free + 1;
            free = free * 2 + 1;
        }
        while taken_below < free {
            let middle = taken_below + (free - taken_below) / 2;
            if self.is_taken(middle).await? {
                taken_below = middle + 1;
            } else {
                free = middle;
            }
        }
        Ok(free)
    }

    /// The table as the entries before `sequence` leave it.
    pub async fn table_before(&self, sequence: u64) -> Result<Table, Error> {
        match sequence.checked_sub(1) {
            Some(last) => Ok(self.replay(last, &crate::At::Newest).await?.map(|snapshot| snapshot.table).unwrap_or_default()),
            None => Ok(Table::default()),
        }
    }

    async fn is_taken(&self, sequence: u64) -> Result<bool, Error> {
        match self.objects.head(&log_key(&self.prefix, sequence), None).await {
            Ok(_) => Ok(true),
            Err(objects::Error::Missing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
