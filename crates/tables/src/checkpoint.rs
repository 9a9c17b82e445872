use bytes::Bytes;
use delta_log::{Entry, State};
use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::TableFormat;
use objects::Put;
use serde_json::{Value, json};

use crate::Log;
use crate::log::ENTRY_BYTES;

/// Commits after which a new checkpoint is due: Delta's own default.
const INTERVAL: u64 = 10;
/// Most bytes of a checkpoint, or of a part of one: some millions of files.
const CHECKPOINT_BYTES: u64 = 256 * 1024 * 1024;
/// Entries that are read at once.
const CONCURRENT_READS: usize = 32;
/// Keys that are listed at once.
const PAGE: u32 = 1000;

/// A checkpoint that is there.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    /// The number of the entry after which the table was as it says.
    pub(crate) version: u64,
    keys: Vec<String>,
}

impl Log {
    /// Writes a checkpoint of the state after entry `sequence` of a Delta log, where one is due:
    /// then nobody has to read what is before. Answers whether it did.
    ///
    /// It says nothing that the entries don't say, so whoever writes it twice, or at once, writes
    /// the same. `now` is in milliseconds since 1970-01-01.
    pub async fn checkpoint(&self, sequence: u64, now: i64) -> Result<bool, Error> {
        if self.format() != TableFormat::Delta {
            return Ok(false);
        }
        let last = self.last_checkpoint().await?;
        if sequence < last.as_ref().map_or(0, |last| last.version) + INTERVAL {
            return Ok(false);
        }
        let mut state = State::default();
        let first = last.as_ref().map_or(0, |last| last.version + 1);
        let read =
            |sequence| async move { self.bytes(sequence).await?.ok_or_else(|| self.gap(sequence)) };
        let mut entries =
            stream::iter((first..=sequence).rev()).map(read).buffered(CONCURRENT_READS);
        while let Some(entry) = entries.try_next().await? {
            state.precede(&entry)?;
        }
        for key in last.into_iter().flat_map(|last| last.keys) {
            state.precede(&self.read_part(&key).await?)?;
        }
        let files = state.files();
        let (bytes, actions) = state.write(now)?;
        let pointer = json!({"version": sequence, "size": actions, "sizeInBytes": bytes.len(), "numOfAddFiles": files});
        self.objects
            .put(&delta_log::checkpoint_key(&self.prefix, sequence), bytes, Put::Overwrite)
            .await?;
        // Only now: a pointer that points nowhere would be worse than none.
        self.objects
            .put(
                &delta_log::last_checkpoint_key(&self.prefix),
                Bytes::from(pointer.to_string()),
                Put::Overwrite,
            )
            .await?;
        Ok(true)
    }

    /// The newest checkpoint of a Delta log, if its pointer names one.
    pub(crate) async fn last_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let pointer = match self
            .objects
            .read(&delta_log::last_checkpoint_key(&self.prefix), ENTRY_BYTES)
            .await
        {
            Ok(bytes) => serde_json::from_slice::<Value>(&bytes).unwrap_or_default(),
            Err(objects::Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(version) = pointer["version"].as_u64() else { return Ok(None) };
        let keys = match pointer["parts"].as_u64() {
            Some(parts) => delta_log::checkpoint_parts(&self.prefix, version, parts),
            None => vec![delta_log::checkpoint_key(&self.prefix, version)],
        };
        Ok(Some(Checkpoint { version, keys }))
    }

    /// The newest checkpoint of the state after entry `last` or an earlier one. Landfall's own log
    /// has none.
    pub(crate) async fn checkpoint_until(&self, last: u64) -> Result<Option<Checkpoint>, Error> {
        if self.format() != TableFormat::Delta {
            return Ok(None);
        }
        match self.last_checkpoint().await? {
            Some(newest) if newest.version > last => self.earlier_checkpoint(last).await,
            newest => Ok(newest),
        }
    }

    /// What a checkpoint says, as an entry that says all of the table.
    pub(crate) async fn read_checkpoint(&self, checkpoint: &Checkpoint) -> Result<Entry, Error> {
        let mut lines = Vec::new();
        for key in &checkpoint.keys {
            lines.extend(self.read_part(key).await?);
        }
        delta_log::read_entry(&lines, checkpoint.version, &self.prefix)
    }

    async fn read_part(&self, key: &str) -> Result<Vec<u8>, Error> {
        delta_log::read_checkpoint(self.objects.read(key, CHECKPOINT_BYTES).await?)
    }

    /// Looks through the whole log: only who goes back in time needs it. Of checkpoints in parts
    /// the pointer alone is heeded.
    async fn earlier_checkpoint(&self, last: u64) -> Result<Option<Checkpoint>, Error> {
        let folder = format!("{}{}", self.prefix, delta_log::LOG);
        let (mut after, mut found) = (None::<String>, None);
        loop {
            let page = self.objects.list(&folder, after.as_deref(), PAGE).await?;
            for listed in &page {
                let name = listed
                    .key
                    .strip_prefix(&folder)
                    .and_then(|name| name.strip_suffix(".checkpoint.parquet"));
                match name.and_then(|name| name.parse().ok()) {
                    Some(version) if version <= last => {
                        found = Some(Checkpoint { version, keys: vec![listed.key.clone()] })
                    }
                    _ => {}
                }
            }
            match page.last() {
                Some(listed) if page.len() == PAGE as usize => after = Some(listed.key.clone()),
                _ => return Ok(found),
            }
        }
    }
}
