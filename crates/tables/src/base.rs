use std::collections::BTreeMap;

use landing::Error;
use landing::commit::{Commit, Table};
use landing::contract::{Contract, Mode, TableFormat};
use landing::delta::{Entry, Head, settle};

use crate::{At, Log};

/// What a commit builds on: the state of a table before a number of its log.
#[derive(Debug, Default)]
pub struct Base {
    /// The number to try next.
    pub next: u64,
    /// The files, for those who remove some.
    table: Table,
    /// Schema and features of a Delta table.
    pub(crate) head: Option<Head>,
    pub(crate) odd_paths: BTreeMap<String, String>,
}

impl Base {
    /// The files that a commit removes. [`Error::ContractInvalid`] when the contract does not go with the table: then nothing of the commit must become visible.
    pub fn check(&self, commit: &Commit, contract: &Contract) -> Result<Vec<String>, Error> {
        if contract.output.table == TableFormat::Delta {
            settle(contract, self.head.as_ref(), &commit.job, 0)?;
        }
        self.table.replaced(commit.mode, &contract.output.partition_by, &commit.files)
    }

    /// Goes on to the state after an entry, which took the next number.
    pub fn follow(&mut self, entry: Entry) {
        let Entry { added, removed, protocol, metadata, odd_paths, .. } = entry;
        self.table.apply(added, &removed);
        self.odd_paths.extend(odd_paths);
        self.head = match (self.head.take(), protocol, metadata) {
            (Some(head), None, None) => Some(head),
            (Some(head), protocol, metadata) => {
                Some(Head { protocol: protocol.unwrap_or(head.protocol), metadata: metadata.unwrap_or(head.metadata), since: self.next })
            }
            (None, Some(protocol), Some(metadata)) => Some(Head { protocol, metadata, since: self.next }),
            (None, ..) => None,
        };
        self.next += 1;
    }
}

impl Log {
    /// The state that a commit under the number `next` builds on. Who only appends needs no files.
    pub async fn base(&self, next: u64, mode: Mode) -> Result<Base, Error> {
        let Some(last) = next.checked_sub(1) else { return Ok(Base::default()) };
        let mut base = Base { next, ..Base::default() };
        if self.format() == TableFormat::Delta {
            base.head = Some(self.head(last).await?);
        }
        if mode != Mode::Append {
            let (snapshot, odd_paths) = self.replay(last, &At::Newest).await?;
            base.table = snapshot.map(|snapshot| snapshot.table).unwrap_or_default();
            base.odd_paths = odd_paths;
        }
        Ok(base)
    }

    /// Schema and features of a Delta table after an entry. Entries of Landfall point to where both stand, so that few are read; where they are gone, a checkpoint has both.
    async fn head(&self, last: u64) -> Result<Head, Error> {
        let (mut protocol, mut metadata, mut since) = (None, None, None);
        let mut at = last;
        loop {
            let entry = match self.find(at).await? {
                Some(entry) => entry,
                // What was cleaned up is what a checkpoint knows.
                None => match self.checkpoint_until(last).await? {
                    Some(checkpoint) if checkpoint.version >= at => {
                        at = checkpoint.version;
                        self.read_checkpoint(&checkpoint).await?
                    }
                    _ => return Err(self.gap(at)),
                },
            };
            if entry.protocol.is_some() || entry.metadata.is_some() {
                since = since.or(Some(at));
            }
            protocol = protocol.or(entry.protocol);
            metadata = metadata.or(entry.metadata);
            if let (Some(protocol), Some(metadata), Some(since)) = (&protocol, &metadata, since) {
                return Ok(Head { protocol: protocol.clone(), metadata: metadata.clone(), since });
            }
            let before = at.checked_sub(1).ok_or_else(|| Error::Internal("the Delta log has no schema".to_owned()))?;
            at = entry.since.map_or(before, |since| since.min(before));
        }
    }
}
