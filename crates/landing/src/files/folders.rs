//! Divides rows by the folders that they belong to.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type};
use arrow_array::{Array, ArrayRef, StringArray, UInt32Array};
use arrow_schema::DataType as ArrowType;
use contract::{Contract, NULL_PARTITION};
use hashbrown::{HashMap, HashTable};
use job::limits::{FOLDERS_BYTES, SEGMENT_BYTES};
use job::{Error, ErrorKind};
use parquet_pages::Texts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rows::packed_text::fold;

use super::MAX_PARTITIONS;
use crate::keys::Encoded;

/// What may stand unescaped in a folder's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Most bytes of a folder's value that is not a text. The longest is a moment in a far year, with
/// all its colons escaped: 40.
const OTHER_BYTES: usize = 64;

/// The code of no value.
const NULL: u32 = 0;

/// The folders of a shard, by the values that name them. Values have codes, and so have their
/// combinations: what a folder is called is worked out once, and not for every row.
pub(super) struct Folders {
    columns: Vec<Naming>,
    /// By the code of the values in all columns: the place among the names, if they came before.
    known: Vec<Option<usize>>,
    names: Vec<Arc<str>>,
    /// Where each name stands among them.
    places: HashMap<Arc<str>, usize>,
    /// The rows of a batch, by folder: empty between batches.
    rows: Vec<Vec<u32>>,
}

/// A column that names folders.
struct Naming {
    /// Its position.
    index: usize,
    name: String,
    /// Its values, each with its code less one.
    values: Texts,
    /// The codes of the columns before it, together with its own: their code is where they stand.
    pairs: HashTable<(u32, u32, u32)>,
}

/// The rows of a batch, by folder.
pub(super) struct Shares {
    /// By the places of their names, in the order of first appearance; `None`: all rows there are.
    pub(super) folders: Vec<(usize, Option<Vec<u32>>)>,
    /// Rows whose values had not come before, in one column or together.
    pub(super) new: UInt32Array,
}

/// A row whose values name folders that no store has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// The row.
    pub(crate) row: usize,
    /// The position of the column whose folder is too long, or is the longest of folders that are
    /// so together.
    pub(crate) column: usize,
    /// Bytes of that folder.
    pub(crate) bytes: usize,
    /// Bytes of all folders with their slashes, if it is only together that they are too long.
    pub(crate) together: Option<usize>,
}

impl Folders {
    /// No folder yet; `columns` are the positions of what names them.
    pub(super) fn new(contract: &Contract, columns: Vec<usize>) -> Self {
        let naming = |index| Naming {
            index,
            name: contract.column_name(index).to_owned(),
            // Each is a folder of its own, of which one too many is told, and what is too long to
            // name one is no value by now.
            values: Texts::of_most(MAX_PARTITIONS + 1, (MAX_PARTITIONS + 1) * SEGMENT_BYTES),
            pairs: HashTable::new(),
        };
        Self {
            columns: columns.into_iter().map(naming).collect(),
            known: Vec::new(),
            names: Vec::new(),
            places: HashMap::new(),
            rows: Vec::new(),
        }
    }

    /// The name of a folder.
    pub(super) fn name(&self, folder: usize) -> &Arc<str> {
        &self.names[folder]
    }

    /// The place of a name, which may be new.
    pub(super) fn place(&mut self, name: &str) -> Result<usize, Error> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        if self.names.len() == MAX_PARTITIONS {
            return Err(self.too_many());
        }
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.rows.push(Vec::new());
        self.places.insert(name, self.names.len() - 1);
        Ok(self.names.len() - 1)
    }

    fn too_many(&self) -> Error {
        let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
        too_many(&names)
    }

    /// The positions of the columns that name folders.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.index)
    }

    /// The rows whose folders no store has room for, and why. What is said of a row depends on
    /// nothing but its values.
    pub(super) fn too_long(&self, columns: &[ArrayRef], rows: usize) -> Vec<TooLong> {
        // A byte becomes at most three. Hardly ever is there a row whose values have to be looked
        // at.
        let bound = |naming: &Naming, value: usize| {
            naming.name.len() + 1 + (3 * value).max(NULL_PARTITION.len()).max(OTHER_BYTES)
        };
        let longest = |naming: &Naming| {
            let texts = columns[naming.index].as_string_opt::<i32>();
            texts.map_or(0, |texts| {
                texts.value_offsets().windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
                    as usize
            })
        };
        let mut found = Vec::new();
        if fit(self.columns.iter().map(|naming| bound(naming, longest(naming)))) {
            return found;
        }
        let texts: Vec<_> = self
            .columns
            .iter()
            .map(|naming| columns[naming.index].as_string_opt::<i32>())
            .collect();
        let mut value = String::new();
        for row in 0..rows {
            let length = |texts: &Option<&StringArray>| {
                texts.map_or(0, |texts| texts.value_length(row) as usize)
            };
            if fit(self
                .columns
                .iter()
                .zip(&texts)
                .map(|(naming, texts)| bound(naming, length(texts))))
            {
                continue;
            }
            let folders: Vec<_> = (self.columns.iter())
                .map(|naming| {
                    value.clear();
                    write_value(&mut value, columns[naming.index].as_ref(), row);
                    (naming.index, naming.name.len() + 1 + value.len())
                })
                .collect();
            let before = found.len();
            let long = folders.iter().filter(|(_, bytes)| *bytes > SEGMENT_BYTES);
            found.extend(long.map(|(column, bytes)| TooLong {
                row,
                column: *column,
                bytes: *bytes,
                together: None,
            }));
            let together = folders.iter().map(|(_, bytes)| bytes + 1).sum();
            let longest = folders.iter().max_by_key(|(_, bytes)| *bytes);
            if let Some((column, bytes)) =
                longest.filter(|_| found.len() == before && together > FOLDERS_BYTES)
            {
                found.push(TooLong {
                    row,
                    column: *column,
                    bytes: *bytes,
                    together: Some(together),
                });
            }
        }
        found
    }

    /// The rows of each folder.
    pub(super) fn share(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Shares, Error> {
        let Some((first, others)) = self.columns.split_first_mut() else {
            return Ok(Shares {
                folders: vec![(self.place("")?, None)],
                new: UInt32Array::from(Vec::<u32>::new()),
            });
        };
        let mut codes = first.codes(&columns[first.index])?;
        for column in others {
            let next = column.codes(&columns[column.index])?;
            column.combine(&mut codes, &next);
        }
        let mut order: Vec<usize> = Vec::new();
        let mut new = Vec::new();
        for (row, code) in codes.into_iter().enumerate().take(rows) {
            let code = code as usize;
            if code >= self.known.len() {
                self.known.resize(code + 1, None);
            }
            let folder = match self.known[code] {
                Some(folder) => folder,
                None => {
                    new.push(row as u32);
                    let folder = self.learn(columns, row)?;
                    self.known[code] = Some(folder);
                    folder
                }
            };
            if self.rows[folder].is_empty() {
                order.push(folder);
            }
            self.rows[folder].push(row as u32);
        }
        let folders = match order.as_slice() {
            [only] => {
                self.rows[*only].clear();
                vec![(*only, None)]
            }
            _ => order
                .into_iter()
                .map(|folder| (folder, Some(std::mem::take(&mut self.rows[folder]))))
                .collect(),
        };
        Ok(Shares { folders, new: new.into() })
    }

    /// The folder of values that are new. It may be known: no value and an empty one share theirs.
    fn learn(&mut self, columns: &[ArrayRef], row: usize) -> Result<usize, Error> {
        let mut name = String::new();
        for column in &self.columns {
            let _ = write!(name, "{}=", column.name);
            write_value(&mut name, columns[column.index].as_ref(), row);
            name.push('/');
        }
        self.place(&name)
    }
}

fn too_many(columns: &[&str]) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "one shard has rows of more than {MAX_PARTITIONS} partitions; partition by fewer or coarser fields than {}",
            columns.join(", ")
        ),
    )
}

/// Whether a store has room for folders of so many bytes each.
fn fit(folders: impl Iterator<Item = usize>) -> bool {
    let mut together = 0;
    let mut each_fits = true;
    for bytes in folders {
        each_fits &= bytes <= SEGMENT_BYTES;
        together += bytes + 1;
    }
    each_fits && together <= FOLDERS_BYTES
}

impl Naming {
    /// The code of each row's value.
    fn codes(&mut self, array: &ArrayRef) -> Result<Vec<u32>, Error> {
        if array.data_type() == &ArrowType::Utf8 {
            let texts = array.as_string::<i32>();
            let (bytes, offsets) = (texts.values().as_slice(), texts.value_offsets());
            let place = |row| (offsets[row] as usize, offsets[row + 1] as usize);
            return (0..array.len())
                .map(|row| self.code(bytes, place(row), array.is_null(row)))
                .collect();
        }
        let encoded = Encoded::of(array)?;
        (0..array.len())
            .map(|row| self.code(encoded.bytes(), encoded.place(row), array.is_null(row)))
            .collect()
    }

    #[inline(always)]
    fn code(
        &mut self,
        bytes: &[u8],
        (start, end): (usize, usize),
        is_null: bool,
    ) -> Result<u32, Error> {
        if is_null {
            return Ok(NULL);
        }
        let full = || too_many(&[&self.name]);
        self.values.code(bytes, start, end).map(|code| code + 1).ok_or_else(full)
    }

    /// Makes codes of those of the columns before it and its own.
    fn combine(&mut self, before: &mut [u32], own: &[u32]) {
        let hash = |before: u32, own: u32| {
            fold(u64::from(before) << 32 | u64::from(own), 0xa076_1d64_78bd_642f)
        };
        for (before, own) in before.iter_mut().zip(own) {
            let pair = (*before, *own);
            *before =
                match self.pairs.find(hash(pair.0, pair.1), |known| (known.0, known.1) == pair) {
                    Some((_, _, code)) => *code,
                    None => {
                        let code = self.pairs.len() as u32;
                        self.pairs.insert_unique(
                            hash(pair.0, pair.1),
                            (pair.0, pair.1, code),
                            |known| hash(known.0, known.1),
                        );
                        code
                    }
                };
        }
    }
}

/// A value as a folder's name has it, but for nulls.
pub fn folder_text(value: &str) -> String {
    utf8_percent_encode(value, PLAIN).to_string()
}

/// A value as a folder's name: percent-encoded, null as [`NULL_PARTITION`].
fn write_value(folder: &mut String, array: &dyn Array, row: usize) {
    use arrow_array::types::{
        Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    };
    if array.is_null(row) {
        folder.push_str(NULL_PARTITION);
        return;
    }
    macro_rules! number {
        ($($arrow:pat => $type:ty),*) => {
            match array.data_type() {
                $($arrow => write!(folder, "{}", array.as_primitive::<$type>().value(row)),)*
                _ => Ok(()),
            }
        };
    }
    let _ = match array.data_type() {
        ArrowType::Utf8 => {
            let value = array.as_string::<i32>().value(row);
            // An empty name would be no folder; Hive writes it like null.
            if value.is_empty() {
                write!(folder, "{NULL_PARTITION}")
            } else {
                write!(folder, "{}", utf8_percent_encode(value, PLAIN))
            }
        }
        ArrowType::Boolean => write!(folder, "{}", array.as_boolean().value(row)),
        ArrowType::Date32 => match array.as_primitive::<Date32Type>().value_as_date(row) {
            Some(date) => write!(folder, "{date}"),
            None => write!(folder, "{}", array.as_primitive::<Date32Type>().value(row)),
        },
        ArrowType::Decimal128(..) => {
            write!(folder, "{}", array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        ArrowType::Time32(_) | ArrowType::Time64(_) | ArrowType::Timestamp(..) => {
            write_moment(folder, array, row)
        }
        _ => number!(
            ArrowType::Int8 => Int8Type, ArrowType::Int16 => Int16Type, ArrowType::Int32 => Int32Type, ArrowType::Int64 => Int64Type,
            ArrowType::UInt8 => UInt8Type, ArrowType::UInt16 => UInt16Type, ArrowType::UInt32 => UInt32Type, ArrowType::UInt64 => UInt64Type
        ),
    };
}

/// Times and moments in ISO 8601, percent-encoded; moments in UTC.
fn write_moment(folder: &mut String, array: &dyn Array, row: usize) -> std::fmt::Result {
    use arrow_array::temporal_conversions as temporal;
    use arrow_array::types::{
        Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    };
    use arrow_schema::TimeUnit;
    let text = match array.data_type() {
        ArrowType::Time32(TimeUnit::Second) => {
            temporal::time32s_to_time(array.as_primitive::<Time32SecondType>().value(row))
                .map(|t| t.to_string())
        }
        ArrowType::Time32(_) => {
            temporal::time32ms_to_time(array.as_primitive::<Time32MillisecondType>().value(row))
                .map(|t| t.to_string())
        }
        ArrowType::Time64(TimeUnit::Microsecond) => {
            temporal::time64us_to_time(array.as_primitive::<Time64MicrosecondType>().value(row))
                .map(|t| t.to_string())
        }
        ArrowType::Time64(_) => {
            temporal::time64ns_to_time(array.as_primitive::<Time64NanosecondType>().value(row))
                .map(|t| t.to_string())
        }
        ArrowType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => temporal::timestamp_s_to_datetime(
                array.as_primitive::<TimestampSecondType>().value(row),
            ),
            TimeUnit::Millisecond => temporal::timestamp_ms_to_datetime(
                array.as_primitive::<TimestampMillisecondType>().value(row),
            ),
            TimeUnit::Microsecond => temporal::timestamp_us_to_datetime(
                array.as_primitive::<TimestampMicrosecondType>().value(row),
            ),
            TimeUnit::Nanosecond => temporal::timestamp_ns_to_datetime(
                array.as_primitive::<TimestampNanosecondType>().value(row),
            ),
        }
        .map(|moment| moment.to_string()),
        _ => None,
    };
    write!(folder, "{}", utf8_percent_encode(&text.unwrap_or_default(), PLAIN))
}
