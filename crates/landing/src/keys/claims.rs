//! The keys of a shard's records: which are claimed, which are taken.

use arrow_array::ArrayRef;
use contract::rejects::Finding;
use contract::{Key, KeyRule, Mapping, Schema};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use job::{Error, ErrorKind};
use wording::cut;

use super::encode::Encoded;
use super::{Taken, Terms, hash, piece, write_number};

/// The claims of a shard on its way.
#[derive(Debug)]
pub struct Claims {
    keys: Vec<Key>,
    /// The fields of all keys, each once.
    fields: Vec<usize>,
    /// Of each key the positions of its fields in `fields`.
    parts: Vec<Vec<usize>>,
    terms: Terms,
    stretch: Stretch,
    /// Records of the shard that were seen.
    records: u64,
    /// What earlier stretches claim, if that is known, from the next one on.
    taken: Option<std::iter::Peekable<std::vec::IntoIter<Taken>>>,
    /// Whether there is no other stretch so far whose keys could be those of this one.
    is_alone: bool,
    pieces: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

/// A record with a key that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// The record's position in the batch, from 0.
    pub row: usize,
    /// The key's position in the schema's keys, from 0.
    pub key: usize,
    /// The record that claims it, from 0 at the shard's first row; below 0 where it is one of an
    /// earlier shard.
    pub holder: i64,
}

/// The keys of a stretch of records.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: Vec<u8>,
    table: HashTable<u32>,
}

/// A value of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: u64,
    /// The first record that has it.
    pub(super) first: u64,
    /// The record that claims it, or [`NOBODY`].
    claim: i64,
    /// Where its bytes start; they end where the next one's start.
    start: u32,
}

const NOBODY: i64 = i64::MIN;
/// Bytes that an entry takes besides the key's own: itself, and its share of the table.
const ENTRY_BYTES: usize = size_of::<Entry>() + 2 * size_of::<u32>();
/// Most bytes of the keys of a stretch: offsets are no longer.
const MOST_BYTES: usize = u32::MAX as usize;
/// Most bytes at which a stretch is ended, whatever the terms say.
const MOST_STRETCH_BYTES: u64 = 1 << 30;

impl Claims {
    /// The claims of a shard, if the contract has keys. `taken`: what is known of earlier
    /// stretches; then the claims are settled, and there will be no pieces.
    pub fn new(terms: Terms, keys: &[Key], taken: Option<Vec<Taken>>) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let mut fields: Vec<usize> =
            keys.iter().flat_map(|key| key.fields.iter().copied()).collect();
        fields.sort_unstable();
        fields.dedup();
        let parts = keys.iter().map(|key| {
            key.fields.iter().filter_map(|field| fields.binary_search(field).ok()).collect()
        });
        Some(Self {
            parts: parts.collect(),
            fields,
            keys: keys.to_vec(),
            terms: Terms { stretch_bytes: terms.stretch_bytes.min(MOST_STRETCH_BYTES), ..terms },
            stretch: Stretch::default(),
            records: 0,
            taken: taken.map(|taken| taken.into_iter().peekable()),
            is_alone: terms.is_one_shard,
            pieces: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Takes in the next records of the shard: their columns, all of the schema, and whether each
    /// has no other faults. Tells which have a key that is taken. Those that are `filtered` (empty:
    /// there are none) have no part in it.
    pub fn take(
        &mut self,
        columns: &[ArrayRef],
        is_good: &[bool],
        filtered: &[bool],
    ) -> Result<Vec<Duplicate>, Error> {
        let encoded: Vec<Encoded> = self
            .fields
            .iter()
            .map(|field| Encoded::of(&columns[*field]))
            .collect::<Result<_, _>>()?;
        let mut duplicates = Vec::new();
        for (row, good) in is_good.iter().enumerate() {
            let keys = if filtered.get(row).is_some_and(|filtered| *filtered) {
                0
            } else {
                self.keys.len()
            };
            for key in 0..keys {
                self.scratch.clear();
                write_number(key as u64, &mut self.scratch);
                let values = self.parts[key].iter().map(|part| encoded[*part].value(row));
                let is_whole = values.fold(true, |is_whole, value| {
                    self.scratch.extend_from_slice(value.unwrap_or_default());
                    is_whole && value.is_some()
                });
                if is_whole && let Some(holder) = self.claim(key, *good) {
                    duplicates.push(Duplicate { row, key, holder });
                }
            }
            self.records += 1;
            if self.stretch.bytes.len() > MOST_BYTES {
                return Err(Error::new(ErrorKind::LimitExceeded,
                    "the keys of a record take gigabytes; has it a long field that is part of many keys?".to_owned(),
                ));
            }
            if self.stretch.size() as u64 >= self.terms.stretch_bytes {
                self.cut();
            }
        }
        Ok(duplicates)
    }

    /// What is wrong with a duplicate. `text` gives the text in a column, from 0, of its record.
    pub fn finding(
        &self,
        duplicate: &Duplicate,
        schema: &Schema,
        mapping: &Mapping,
        text: impl FnMut(u32) -> String,
    ) -> Finding {
        let Key { rule, fields } = &self.keys[duplicate.key];
        let columns: Vec<u32> = fields.iter().filter_map(|field| mapping.fields[*field]).collect();
        let names: Vec<String> =
            fields.iter().map(|field| format!("`{}`", schema.fields[*field].name)).collect();
        let value = cut(&columns.iter().copied().map(text).collect::<Vec<_>>().join(", "));
        let what = match (rule, fields.len()) {
            (KeyRule::PrimaryKey, 1) => "is the primary key",
            (KeyRule::PrimaryKey, _) => "are the primary key",
            (_, 1) => "is unique",
            _ => "are unique together",
        };
        let only = fields.len() == 1;
        Finding {
            row: duplicate.row as u32,
            offset: None,
            field: only.then(|| fields[0] as u32),
            column: columns.first().copied().filter(|_| only),
            error: rule.error(),
            rule: Some(rule.name()),
            holder: Some(duplicate.holder),
            message: format!("{} {what}, and `{value}` is taken", names.join(", ")),
            value: Some(value),
        }
    }

    /// The pieces that became ready since the last time, in order.
    pub fn take_pieces(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.pieces)
    }

    /// Ends the last stretch.
    pub fn finish(&mut self) -> Result<(), Error> {
        if self.taken.as_mut().is_some_and(|taken| taken.peek().is_some()) {
            return Err(Error::new(
                ErrorKind::Internal,
                "a key that is taken does not stand where it was found".to_owned(),
            ));
        }
        // Of a source that is one stretch there is nothing to compare.
        if !self.is_alone && !self.stretch.entries.is_empty() {
            self.cut();
        }
        Ok(())
    }

    /// Notes that the current record has the value in `scratch` of a key; tells who claims it, if
    /// somebody did before.
    fn claim(&mut self, key: usize, is_good: bool) -> Option<i64> {
        let Self { stretch, scratch, records, .. } = self;
        let (record, hash) = (*records, hash(self.terms.seed, scratch));
        let own = if is_good { record as i64 } else { NOBODY };
        let Stretch { entries, bytes, table } = stretch;
        let is_same = |index: &u32| {
            entries[*index as usize].hash == hash
                && key_of(entries, bytes, *index as usize) == scratch.as_slice()
        };
        match table.entry(hash, is_same, |index| entries[*index as usize].hash) {
            Slot::Occupied(slot) => {
                let entry = &mut entries[*slot.get() as usize];
                if entry.claim != NOBODY {
                    return Some(entry.claim);
                }
                entry.claim = own;
                None
            }
            Slot::Vacant(slot) => {
                slot.insert(entries.len() as u32);
                let is_here = |taken: &Taken| taken.record == record && taken.key as usize == key;
                let taken = self.taken.as_mut().and_then(|taken| taken.next_if(is_here));
                let holder = taken.map(|taken| taken.holder);
                entries.push(Entry {
                    hash,
                    first: record,
                    claim: holder.unwrap_or(own),
                    start: bytes.len() as u32,
                });
                bytes.extend_from_slice(scratch);
                holder
            }
        }
    }

    /// Begins a new stretch.
    fn cut(&mut self) {
        self.is_alone = false;
        if self.taken.is_none() {
            self.pieces.push(piece::write(&self.stretch, self.terms.buckets));
        }
        self.stretch.entries.clear();
        self.stretch.bytes.clear();
        self.stretch.table.clear();
    }
}

impl Stretch {
    /// The key of an entry.
    pub(super) fn key(&self, index: usize) -> &[u8] {
        key_of(&self.entries, &self.bytes, index)
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * ENTRY_BYTES
    }
}

impl Entry {
    /// The record that claims it.
    pub(super) fn claim(&self) -> Option<u64> {
        u64::try_from(self.claim).ok()
    }
}

fn key_of<'a>(entries: &[Entry], bytes: &'a [u8], index: usize) -> &'a [u8] {
    let end = entries.get(index + 1).map_or(bytes.len(), |next| next.start as usize);
    &bytes[entries[index].start as usize..end]
}
