use std::collections::BTreeMap;

use contract::{Contract, Mode};
use delta_log::{Entry, TableHead, settle};
use job::TableFormat;
use job::message::JobId;
use job::{Error, ErrorKind};
use landing::commit::{Commit, Table};
use landing::table::{SchemaAt, TableSchema};

use crate::{At, Log};

/// What a commit builds on: the state of a table before a number of its log.
#[derive(Debug, Default)]
pub struct Base {
    /// The number to try next.
    pub next: u64,
    /// The files, for those who remove some.
    table: Table,
    /// Schema and features of a Delta table.
    pub(crate) head: Option<TableHead>,
    pub(crate) odd_paths: BTreeMap<String, String>,
    /// The schema of a table of Landfall's own log, and the number of the entry that has it.
    schema: Option<(TableSchema, u64)>,
}

impl Base {
    /// [`ErrorKind::ContractInvalid`] when the files of a contract don't go with those of the
    /// table.
    pub fn check_contract(&self, contract: &Contract, job: &JobId) -> Result<(), Error> {
        match contract.output.table {
            TableFormat::Delta => settle(contract, self.head.as_ref(), job, 0).map(drop),
            TableFormat::Landfall => TableSchema::settle(contract, self.schema()).map(drop),
        }
    }

    /// The files that a commit removes. [`ErrorKind::ContractInvalid`] when the contract does not
    /// go with the table: then nothing of the commit must become visible.
    pub fn check(&self, commit: &Commit, contract: &Contract) -> Result<Vec<String>, Error> {
        self.check_contract(contract, &commit.job)?;
        self.table.replaced(commit.mode, &contract.output.partition_by, &commit.files)
    }

    /// Where the schema stands that the table has after a commit which [goes](Self::check) with it.
    ///
    /// [`ErrorKind::ContractInvalid`] when it does not.
    pub fn schema_after(
        &self,
        commit: &Commit,
        contract: &Contract,
    ) -> Result<Option<SchemaAt>, Error> {
        let before = self.schema.as_ref().map(|(_, entry)| SchemaAt::Entry(*entry));
        if commit.table == TableFormat::Delta {
            return Ok(None);
        }
        match commit.files.is_empty() {
            // Nothing is left, so whatever comes next may have any schema.
            true if commit.mode == Mode::Overwrite => Ok(None),
            true => Ok(before),
            false => {
                let after = TableSchema::settle(contract, self.schema())?;
                Ok(if self.schema() == Some(&after) { before } else { Some(SchemaAt::Here(after)) })
            }
        }
    }

    fn schema(&self) -> Option<&TableSchema> {
        self.schema.as_ref().map(|(schema, _)| schema)
    }

    /// Goes on to the state after an entry, which took the next number.
    pub fn follow(&mut self, entry: Entry) {
        let Entry { commit, added, removed, protocol, metadata, odd_paths, .. } = entry;
        self.schema = match (commit.and_then(|commit| commit.schema), self.schema.take()) {
            (None, _) => None,
            (Some(SchemaAt::Here(schema)), _) => Some((schema, self.next)),
            (Some(SchemaAt::Entry(_)), before) => before,
        };
        self.table.apply(added, &removed);
        self.odd_paths.extend(odd_paths);
        self.head = match (self.head.take(), protocol, metadata) {
            (Some(head), None, None) => Some(head),
            (Some(head), protocol, metadata) => Some(TableHead {
                protocol: protocol.unwrap_or(head.protocol),
                metadata: metadata.unwrap_or(head.metadata),
                since: self.next,
            }),
            (None, Some(protocol), Some(metadata)) => {
                Some(TableHead { protocol, metadata, since: self.next })
            }
            (None, ..) => None,
        };
        self.next += 1;
    }
}

impl Log {
    /// The state that a commit under the number `next` builds on. A commit that only appends needs
    /// no files.
    pub async fn base(&self, next: u64, mode: Mode) -> Result<Base, Error> {
        let Some(last) = next.checked_sub(1) else { return Ok(Base::default()) };
        let mut base = Base { next, ..Base::default() };
        match self.format() {
            TableFormat::Delta => base.head = Some(self.head(last).await?),
            TableFormat::Landfall => base.schema = self.schema(last).await?,
        }
        if mode != Mode::Append {
            let (snapshot, odd_paths) = self.replay(last, &At::Newest).await?;
            base.table = snapshot.map(|snapshot| snapshot.table).unwrap_or_default();
            base.odd_paths = odd_paths;
        }
        Ok(base)
    }

    /// The schema of a table of Landfall's own log after an entry, and the number of the entry that
    /// has it.
    async fn schema(&self, last: u64) -> Result<Option<(TableSchema, u64)>, Error> {
        let stands = |entry: Entry| entry.commit.and_then(|commit| commit.schema);
        let (at, stands_at) = match stands(self.get(last).await?) {
            Some(SchemaAt::Entry(earlier)) => (earlier, stands(self.get(earlier).await?)),
            newest => (last, newest),
        };
        match stands_at {
            None => Ok(None),
            Some(SchemaAt::Here(schema)) => Ok(Some((schema, at))),
            Some(SchemaAt::Entry(_)) => Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "entry {at} of the log, which is to have the schema, points to another one"
                ),
            )),
        }
    }

    /// Schema and features of a Delta table after an entry. Entries of Landfall point to where both
    /// stand, so that few are read; where they are gone, a checkpoint has both.
    async fn head(&self, last: u64) -> Result<TableHead, Error> {
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
                return Ok(TableHead {
                    protocol: protocol.clone(),
                    metadata: metadata.clone(),
                    since,
                });
            }
            let before = at
                .checked_sub(1)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "the Delta log has no schema"))?;
            at = entry.since.map_or(before, |since| since.min(before));
        }
    }
}
