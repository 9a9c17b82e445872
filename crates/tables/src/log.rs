use std::sync::Arc;

use bytes::Bytes;
use contract::Contract;
use delta_log::Entry;
use futures::{StreamExt, TryStreamExt, stream};
use job::TableFormat;
use job::{Error, ErrorKind};
use landing::commit::{Commit, log_key};
use objects::{Objects, Put};
use wording::Unquoted;

use crate::Base;

/// Most bytes of an entry: hundreds of thousands of files.
pub(crate) const ENTRY_BYTES: u64 = 64 * 1024 * 1024;

/// Most entries that are read at once.
const CONCURRENT_READS: u64 = 32;

/// The log of a dataset.
#[derive(Clone)]
pub struct Log {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) prefix: String,
    format: TableFormat,
}

impl Log {
    /// The log under a dataset's prefix, which ends with a slash. Nothing need be there.
    pub fn new(objects: Arc<dyn Objects>, prefix: String, format: TableFormat) -> Self {
        Self { objects, prefix, format }
    }

    /// The log that is there, whatever its form.
    pub async fn open(objects: Arc<dyn Objects>, prefix: String) -> Result<Self, Error> {
        let is_delta = is_delta(objects.as_ref(), &prefix).await?;
        Ok(Self {
            objects,
            prefix,
            format: if is_delta { TableFormat::Delta } else { TableFormat::Landfall },
        })
    }

    /// Refuses a dataset that has a log of the other form: a table has one history.
    pub async fn refuse_other_format(&self) -> Result<(), Error> {
        let (has_other, other, own) = match self.format {
            TableFormat::Landfall => {
                (is_delta(self.objects.as_ref(), &self.prefix).await?, "a Delta table", "landfall")
            }
            TableFormat::Delta => (
                self.exists(&log_key(&self.prefix, 0)).await?,
                "a table of Landfall's own log",
                "delta",
            ),
        };
        match has_other {
            true => Err(Error::new(
                ErrorKind::ContractInvalid,
                format!(
                    "{} holds {other}, which `table: {own}` can't go on with; land in a dataset of another name",
                    self.prefix
                ),
            )),
            false => Ok(()),
        }
    }

    /// The entry of a number, if it is taken.
    pub async fn find(&self, sequence: u64) -> Result<Option<Entry>, Error> {
        let Some(bytes) = self.bytes(sequence).await? else { return Ok(None) };
        match self.format {
            TableFormat::Landfall => serde_json::from_slice::<Commit>(&bytes)
                .map(|commit| Some(commit.into()))
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Internal,
                        format!("{} can't be read: {}", self.key(sequence), error.unquoted()),
                    )
                }),
            TableFormat::Delta => delta_log::read_entry(&bytes, sequence, &self.prefix).map(Some),
        }
    }

    /// The entry of a number that is known to be taken.
    pub async fn get(&self, sequence: u64) -> Result<Entry, Error> {
        self.find(sequence).await?.ok_or_else(|| self.gap(sequence))
    }

    /// The entries from a number up to the newest one.
    pub async fn since(&self, first: u64) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut at_once = 1;
        loop {
            let next = first + entries.len() as u64;
            let find = |sequence| async move { self.find(sequence).await };
            let found: Vec<Option<Entry>> = stream::iter(next..next + at_once)
                .map(find)
                .buffered(at_once as usize)
                .try_collect()
                .await?;
            let there: Vec<Entry> = found.into_iter().map_while(|entry| entry).collect();
            let is_end = (there.len() as u64) < at_once;
            entries.extend(there);
            if is_end {
                return Ok(entries);
            }
            at_once = (at_once * 2).min(CONCURRENT_READS);
        }
    }

    /// What is wrong with a log that lacks an entry that was there.
    pub(crate) fn gap(&self, sequence: u64) -> Error {
        let key = self.key(sequence);
        match self.format {
            TableFormat::Landfall => {
                Error::new(ErrorKind::Internal, format!("{key} is not there: the log has a gap"))
            }
            TableFormat::Delta => Error::new(
                ErrorKind::ContractInvalid,
                format!(
                    "{key} is not there, and no checkpoint that says what it said: the Delta log was cleaned up too far"
                ),
            ),
        }
    }

    /// Writes the entry of a commit under its number, after the state `base`; answers whether the
    /// number was free.
    ///
    /// [`ErrorKind::ContractInvalid`] when the contract does not go with the table.
    pub async fn write(
        &self,
        commit: &Commit,
        contract: &Contract,
        base: &Base,
    ) -> Result<bool, Error> {
        let key = self.key(commit.sequence);
        let text = match self.format {
            TableFormat::Landfall => serde_json::to_string(commit).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("{key} can't be written: {}", error.unquoted()),
                )
            })?,
            TableFormat::Delta => delta_log::write_entry(
                commit,
                contract,
                base.head.as_ref(),
                &self.prefix,
                &base.odd_paths,
            )?,
        };
        match self.objects.put(&key, Bytes::from(text), Put::IfAbsent).await {
            Ok(()) => Ok(true),
            Err(objects::Error::Exists(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The first number that is not taken. Numbers have no gaps, so it is galloped to and then
    /// halved down; of a Delta log from its newest checkpoint on, as what is before may be cleaned
    /// up.
    pub async fn first_free(&self) -> Result<u64, Error> {
        let start = match self.format {
            TableFormat::Landfall => 0,
            TableFormat::Delta => {
                self.last_checkpoint().await?.map_or(0, |checkpoint| checkpoint.version + 1)
            }
        };
        let mut taken_below = start;
        let mut free = start;
        while self.exists(&self.key(free)).await? {
            taken_below = free + 1;
            free = start + (free - start) * 2 + 1;
        }
        while taken_below < free {
            let middle = taken_below + (free - taken_below) / 2;
            if self.exists(&self.key(middle)).await? {
                taken_below = middle + 1;
            } else {
                free = middle;
            }
        }
        Ok(free)
    }

    /// The bytes of the entry of a number, if it is taken.
    pub(crate) async fn bytes(&self, sequence: u64) -> Result<Option<Bytes>, Error> {
        match self.objects.read(&self.key(sequence), ENTRY_BYTES).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(objects::Error::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The form of the log.
    pub(crate) fn format(&self) -> TableFormat {
        self.format
    }

    fn key(&self, sequence: u64) -> String {
        match self.format {
            TableFormat::Landfall => log_key(&self.prefix, sequence),
            TableFormat::Delta => delta_log::entry_key(&self.prefix, sequence),
        }
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        match self.objects.head(key, None).await {
            Ok(_) => Ok(true),
            Err(objects::Error::Missing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

async fn is_delta(objects: &dyn Objects, prefix: &str) -> Result<bool, Error> {
    Ok(!objects.list(&format!("{prefix}{}", delta_log::LOG), None, 1).await?.is_empty())
}
