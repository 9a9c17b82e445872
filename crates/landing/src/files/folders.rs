//! Which rows belong to which folder.

use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use hashbrown::HashTable;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use twox_hash::XxHash3_64;

use crate::Error;
use crate::contract::Contract;
use crate::keys::Encoded;

/// The folder name of a value that is null (Hive's).
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// What may stand unescaped in a folder's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A folder and its rows; `None`: all there are.
pub(super) type Share = (String, Option<Vec<u32>>);

/// The folders of a shard, by the values that name them. What a folder is called is worked out once, and not for every row.
pub(super) struct Folders {
    /// What names them: the position of each column, and its name.
    columns: Vec<(usize, String)>,
    /// By their values: the place among the names.
    known: HashTable<(Vec<u8>, usize)>,
    names: Vec<String>,
}

impl Folders {
    /// No folder yet; `columns` are the positions of what names them.
    pub(super) fn new(contract: &Contract, columns: Vec<usize>) -> Self {
        let columns = columns.into_iter().map(|index| (index, contract.column_name(index).to_owned())).collect();
        Self { columns, known: HashTable::new(), names: Vec::new() }
    }

    /// The rows of each folder, in the order of first appearance.
    pub(super) fn rows(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Share>, Error> {
        if self.columns.is_empty() {
            return Ok(vec![(String::new(), None)]);
        }
        let values = self.columns.iter().map(|(index, _)| Encoded::of(&columns[*index])).collect::<Result<Vec<_>, _>>()?;
        let mut order: Vec<usize> = Vec::new();
        let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); self.names.len()];
        let (mut key, mut last, mut folder) = (Vec::new(), Vec::new(), 0);
        for row in 0..rows {
            key.clear();
            for values in &values {
                let value = values.value(row);
                key.push(u8::from(value.is_some()));
                key.extend_from_slice(value.unwrap_or_default());
            }
            // Neighbouring rows often share their folder.
            if key != last {
                folder = match self.known.find(XxHash3_64::oneshot(&key), |(known, _)| *known == key) {
                    Some((_, folder)) => *folder,
                    None => self.learn(&key, columns, row),
                };
                rows_of.resize(self.names.len(), Vec::new());
                std::mem::swap(&mut key, &mut last);
            }
            if rows_of[folder].is_empty() {
                order.push(folder);
            }
            rows_of[folder].push(row as u32);
        }
        if let [only] = order.as_slice() {
            return Ok(vec![(self.names[*only].clone(), None)]);
        }
        Ok(order.into_iter().map(|folder| (self.names[folder].clone(), Some(std::mem::take(&mut rows_of[folder])))).collect())
    }

    /// The folder of values that are new. It may be known: no value and an empty one share theirs.
    fn learn(&mut self, key: &[u8], columns: &[ArrayRef], row: usize) -> usize {
        let mut name = String::new();
        for (index, column) in &self.columns {
            let _ = write!(name, "{column}=");
            write_value(&mut name, columns[*index].as_ref(), row);
            name.push('/');
        }
        let folder = self.names.iter().position(|known| *known == name).unwrap_or(self.names.len());
        if folder == self.names.len() {
            self.names.push(name);
        }
        self.known.insert_unique(XxHash3_64::oneshot(key), (key.to_owned(), folder), |(known, _)| XxHash3_64::oneshot(known));
        folder
    }
}

/// A value as a folder's name has it, but for nulls.
pub(crate) fn folder_text(value: &str) -> String {
    utf8_percent_encode(value, PLAIN).to_string()
}

/// A value as a folder's name: percent-encoded, null as [`NULL_PARTITION`].
fn write_value(folder: &mut String, array: &dyn Array, row: usize) {
    use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
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
            if value.is_empty() { write!(folder, "{NULL_PARTITION}") } else { write!(folder, "{}", utf8_percent_encode(value, PLAIN)) }
        }
        ArrowType::Boolean => write!(folder, "{}", array.as_boolean().value(row)),
        ArrowType::Date32 => match array.as_primitive::<Date32Type>().value_as_date(row) {
            Some(date) => write!(folder, "{date}"),
            None => write!(folder, "{}", array.as_primitive::<Date32Type>().value(row)),
        },
        ArrowType::Decimal128(..) => write!(folder, "{}", array.as_primitive::<Decimal128Type>().value_as_string(row)),
        ArrowType::Time32(_) | ArrowType::Time64(_) | ArrowType::Timestamp(..) => write_moment(folder, array, row),
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
        Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    use arrow_schema::TimeUnit;
    let text = match array.data_type() {
        ArrowType::Time32(TimeUnit::Second) => {
            temporal::time32s_to_time(array.as_primitive::<Time32SecondType>().value(row)).map(|t| t.to_string())
        }
        ArrowType::Time32(_) => temporal::time32ms_to_time(array.as_primitive::<Time32MillisecondType>().value(row)).map(|t| t.to_string()),
        ArrowType::Time64(TimeUnit::Microsecond) => {
            temporal::time64us_to_time(array.as_primitive::<Time64MicrosecondType>().value(row)).map(|t| t.to_string())
        }
        ArrowType::Time64(_) => temporal::time64ns_to_time(array.as_primitive::<Time64NanosecondType>().value(row)).map(|t| t.to_string()),
        ArrowType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => temporal::timestamp_s_to_datetime(array.as_primitive::<TimestampSecondType>().value(row)),
            TimeUnit::Millisecond => temporal::timestamp_ms_to_datetime(array.as_primitive::<TimestampMillisecondType>().value(row)),
            TimeUnit::Microsecond => temporal::timestamp_us_to_datetime(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            TimeUnit::Nanosecond => temporal::timestamp_ns_to_datetime(array.as_primitive::<TimestampNanosecondType>().value(row)),
        }
        .map(|moment| moment.to_string()),
        _ => None,
    };
    write!(folder, "{}", utf8_percent_encode(&text.unwrap_or_default(), PLAIN))
}
