//! Looks reference tables up for every record, by a hash of the columns that they have in common.
//!
//! `ingest` reads a table once, checks it, and writes what is needed of it beside the job; every
//! shard opens that. So all shards see the same rows, whatever becomes of the table meanwhile. The
//! rows are looked up for a batch at once, and the added columns taken in one go. A key with a null
//! in it goes with nothing.

mod csv;
mod join;
mod parquet;

#[cfg(test)]
mod tests;

use arrow_array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use contract::Join;
use hashbrown::HashTable;
use job::{Error, ErrorKind};

use crate::keys::{Encoded, hash};
use crate::limits::{REFERENCE_BYTES, REFERENCE_ROWS};

pub(crate) use join::Joins;

/// Of the hashes. A reference is chosen by whoever writes the contract, and records only ask.
const SEED: u64 = 0;

/// A reference table in memory.
#[derive(Debug)]
pub struct Lookup {
    /// The columns of the join's schema.
    table: RecordBatch,
    /// Rows by the hashes of their keys.
    rows: HashTable<u32>,
    /// The keys of all rows, one after the other, and where each ends. A row without a key has an
    /// empty one.
    keys: Vec<u8>,
    ends: Vec<usize>,
}

impl Lookup {
    /// Reads a table of a CSV file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitExceeded`], with the limit's name; [`ErrorKind::SchemaDrift`]: it lacks a
    /// column; [`ErrorKind::SourceCorrupt`]: a value is none of its type, or two rows have the same
    /// key.
    pub fn of_csv(join: &Join, bytes: &[u8]) -> Result<Self, Error> {
        check_bytes(join, bytes.len() as u64)?;
        Self::new(join, csv::read(join, bytes)?)
    }

    /// Reads a table of the Parquet files of a dataset.
    ///
    /// # Errors
    ///
    /// As those of [`of_csv`](Self::of_csv).
    pub fn of_parquet(join: &Join, files: Vec<Bytes>) -> Result<Self, Error> {
        check_bytes(join, files.iter().map(|file| file.len() as u64).sum())?;
        Self::new(join, parquet::read(join, files)?)
    }

    /// Opens what [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`]: the bytes are something else.
    pub fn open(join: &Join, bytes: &Bytes) -> Result<Self, Error> {
        Self::new(join, parquet::read_kept(join, bytes)?)
    }

    /// The table as it is kept beside a job: a Parquet file of the columns of the join's schema.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        parquet::keep(&self.table)
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.table.num_rows()
    }

    fn new(join: &Join, table: RecordBatch) -> Result<Self, Error> {
        let columns = join.on.iter().map(|on| table.column(on.column));
        let keys = Keys::of(columns)?;
        let count = table.num_rows();
        let mut new = Self {
            table,
            rows: HashTable::with_capacity(count),
            keys: Vec::new(),
            ends: Vec::with_capacity(count),
        };
        let mut scratch = Vec::new();
        for row in 0..count {
            if keys.write(row, &mut scratch) {
                let hash = hash(SEED, &scratch);
                if let Some(first) = new.find(hash, &scratch) {
                    let names: Vec<_> = join
                        .on
                        .iter()
                        .map(|on| format!("`{}`", join.schema.fields[on.column].name))
                        .collect();
                    return Err(Error::new(
                        ErrorKind::SourceCorrupt,
                        format!(
                            "rows {} and {} of {} have the same {}: a record could go with both",
                            first + 1,
                            row + 1,
                            join.reference,
                            names.join(", ")
                        ),
                    ));
                }
                new.keys.extend_from_slice(&scratch);
                new.ends.push(new.keys.len());
                let Self { rows, keys, ends, .. } = &mut new;
                rows.insert_unique(hash, row as u32, |other| {
                    crate::keys::hash(SEED, key_of(keys, ends, *other))
                });
            } else {
                new.ends.push(new.keys.len());
            }
        }
        Ok(new)
    }

    /// The row with a key.
    fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.rows.find(hash, |row| key_of(&self.keys, &self.ends, *row) == key).copied()
    }
}

fn key_of<'a>(keys: &'a [u8], ends: &[usize], row: u32) -> &'a [u8] {
    let row = row as usize;
    &keys[if row == 0 { 0 } else { ends[row - 1] }..ends[row]]
}

/// The keys of rows, of some columns.
struct Keys(Vec<Encoded>);

impl Keys {
    fn of<'a>(columns: impl Iterator<Item = &'a ArrayRef>) -> Result<Self, Error> {
        columns.map(Encoded::of).collect::<Result<_, _>>().map(Self)
    }

    /// Writes the key of a row; whether it has one.
    fn write(&self, row: usize, out: &mut Vec<u8>) -> bool {
        out.clear();
        self.0.iter().all(|column| {
            let value = column.value(row);
            out.extend_from_slice(value.unwrap_or_default());
            value.is_some()
        })
    }
}

fn check_bytes(join: &Join, bytes: u64) -> Result<(), Error> {
    match bytes > REFERENCE_BYTES {
        true => Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "{} has {bytes} bytes; at most {REFERENCE_BYTES} are looked up (REFERENCE_BYTES)",
                join.reference
            ),
        )),
        false => Ok(()),
    }
}

fn check_rows(join: &Join, rows: usize) -> Result<(), Error> {
    match rows > REFERENCE_ROWS {
        true => Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{} has more than {REFERENCE_ROWS} rows (REFERENCE_ROWS)", join.reference),
        )),
        false => Ok(()),
    }
}
