//! Gathers rows of several batches into a batch of their own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, IntervalMonthDayNano, NullBuffer, OffsetBuffer,
    ScalarBuffer,
};
use arrow_schema::{DataType, IntervalUnit, SchemaRef};

use super::values::{all_null, array_of, unknown, values_of};
use super::{Error, packed_text};

/// Where a row lies among batches. Ordered as the rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// The position of its batch.
    pub batch: u32,
    /// Its position in the batch.
    pub row: u32,
}

/// Batches of one schema, of which rows are gathered.
pub struct Gather<'a> {
    schema: SchemaRef,
    columns: Vec<Parts<'a>>,
}

/// A column that is in several arrays.
pub struct Parts<'a> {
    data_type: &'a DataType,
    values: PartValues<'a>,
    /// Those of each array, if any has some.
    nulls: Option<Vec<Option<&'a NullBuffer>>>,
}

/// The values of a column, by array and by their width in bytes.
pub enum PartValues<'a> {
    /// Truth values.
    Bits(Vec<&'a BooleanBuffer>),
    /// Numbers of this many bytes.
    One(Vec<&'a [u8]>),
    /// Numbers of this many bytes.
    Two(Vec<&'a [u16]>),
    /// Numbers of this many bytes.
    Four(Vec<&'a [u32]>),
    /// Numbers of this many bytes.
    Eight(Vec<&'a [u64]>),
    /// Numbers of this many bytes.
    Sixteen(Vec<&'a [i128]>),
    /// Spans of time. They are no numbers, and in no order.
    Intervals(Vec<&'a [IntervalMonthDayNano]>),
    /// Texts.
    Texts(Vec<Texts<'a>>),
    /// Nothing but nulls.
    Nulls,
}

/// The texts of an array.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    offsets: &'a [i32],
    bytes: &'a [u8],
}

impl<'a> Gather<'a> {
    /// Looks at batches.
    ///
    /// # Errors
    ///
    /// There are no batches, or their types differ, or no column has such a type.
    pub fn new(batches: &'a [RecordBatch]) -> Result<Self, Error> {
        let first = batches.first().ok_or_else(none)?;
        let columns = (0..first.num_columns()).map(|column| Parts::of_column(batches, column));
        Ok(Self { schema: first.schema(), columns: columns.collect::<Result<_, _>>()? })
    }

    /// The rows at these places, in this order.
    ///
    /// # Errors
    ///
    /// Their texts are more than one array can hold.
    ///
    /// # Panics
    ///
    /// A place is not among the batches.
    pub fn rows(&self, places: &[RowPlace]) -> Result<RecordBatch, Error> {
        let columns = self.columns.iter().map(|column| column.gather(places));
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        let columns = columns.collect::<Result<_, _>>()?;
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| Error::Types(format!("choosing rows: {}", wording::variant(&error))))
    }
}

impl<'a> Parts<'a> {
    /// A column of batches.
    ///
    /// # Errors
    ///
    /// As those of [`new`](Self::new).
    pub fn of_column(batches: &'a [RecordBatch], column: usize) -> Result<Self, Error> {
        let arrays: Vec<_> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        Self::new(&arrays)
    }

    /// Looks at arrays.
    ///
    /// # Errors
    ///
    /// There are no arrays, or their types differ, or no column has such a type.
    pub fn new(arrays: &[&'a dyn Array]) -> Result<Self, Error> {
        let data_type = arrays.first().ok_or_else(none)?.data_type();
        if arrays.iter().any(|array| array.data_type() != data_type) {
            return Err(Error::Types("arrays differ in their types".to_owned()));
        }
        let arrays = || arrays.iter().copied();
        let values = match data_type {
            DataType::Boolean => {
                PartValues::Bits(arrays().map(|array| array.as_boolean().values()).collect())
            }
            DataType::Int8 | DataType::UInt8 => PartValues::One(arrays().map(values_of).collect()),
            DataType::Int16 | DataType::UInt16 => {
                PartValues::Two(arrays().map(values_of).collect())
            }
            DataType::Int32
            | DataType::UInt32
            | DataType::Float32
            | DataType::Date32
            | DataType::Time32(_) => PartValues::Four(arrays().map(values_of).collect()),
            DataType::Int64
            | DataType::UInt64
            | DataType::Float64
            | DataType::Time64(_)
            | DataType::Timestamp(..) => PartValues::Eight(arrays().map(values_of).collect()),
            DataType::Decimal128(..) => PartValues::Sixteen(arrays().map(values_of).collect()),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                PartValues::Intervals(arrays().map(values_of).collect())
            }
            DataType::Null => PartValues::Nulls,
            DataType::Utf8 => PartValues::Texts(
                arrays()
                    .map(|array| array.as_string::<i32>())
                    .map(|array| Texts {
                        offsets: array.value_offsets(),
                        bytes: array.value_data(),
                    })
                    .collect(),
            ),
            other => return Err(unknown(other)),
        };
        let nulls = |array: &'a dyn Array| array.nulls().filter(|nulls| nulls.null_count() > 0);
        let nulls: Vec<_> = arrays().map(nulls).collect();
        let has_nulls = nulls.iter().any(Option::is_some);
        Ok(Self { data_type, values, nulls: has_nulls.then_some(nulls) })
    }

    /// The values.
    pub fn values(&self) -> &PartValues<'a> {
        &self.values
    }

    /// Its type.
    pub fn data_type(&self) -> &DataType {
        self.data_type
    }

    /// Whether any value is null.
    pub fn has_nulls(&self) -> bool {
        self.nulls.is_some()
    }

    /// Whether the value at a place is null.
    #[inline(always)]
    pub fn is_null(&self, place: RowPlace) -> bool {
        let nulls = self.nulls.as_ref().and_then(|nulls| nulls[place.batch as usize]);
        nulls.is_some_and(|nulls| nulls.is_null(place.row as usize))
    }

    /// The values at these places, in this order.
    ///
    /// # Errors
    ///
    /// They are more text than one array can hold.
    ///
    /// # Panics
    ///
    /// A place is not among the arrays.
    pub fn gather(&self, places: &[RowPlace]) -> Result<ArrayRef, Error> {
        let nulls = self.has_nulls().then(|| {
            NullBuffer::new(BooleanBuffer::collect_bool(places.len(), |at| {
                !self.is_null(places[at])
            }))
        });
        let values = match &self.values {
            PartValues::Bits(parts) => {
                let bits = BooleanBuffer::collect_bool(places.len(), |at| {
                    parts[places[at].batch as usize].value(places[at].row as usize)
                });
                return Ok(Arc::new(BooleanArray::new(bits, nulls)));
            }
            PartValues::Texts(parts) => return texts(parts, places, nulls),
            PartValues::One(parts) => numbers(parts, places),
            PartValues::Two(parts) => numbers(parts, places),
            PartValues::Four(parts) => numbers(parts, places),
            PartValues::Eight(parts) => numbers(parts, places),
            PartValues::Sixteen(parts) => numbers(parts, places),
            PartValues::Intervals(parts) => numbers(parts, places),
            PartValues::Nulls => return Ok(all_null(self.data_type, places.len())),
        };
        array_of(self.data_type, places.len(), nulls, values)
    }
}

impl<'a> Texts<'a> {
    /// Where a text begins and ends in the bytes.
    #[inline(always)]
    fn place(self, row: u32) -> (usize, usize) {
        (self.offsets[row as usize] as usize, self.offsets[row as usize + 1] as usize)
    }

    /// Bytes of the longest text.
    pub fn longest(self) -> i32 {
        self.offsets.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    /// The bytes of a text.
    #[inline(always)]
    pub fn text(self, row: u32) -> &'a [u8] {
        let (start, end) = self.place(row);
        &self.bytes[start..end]
    }
}

/// The values of arrays at these places, in this order.
///
/// # Errors
///
/// As those of [`Parts::new`] and [`Parts::gather`].
///
/// # Panics
///
/// A place is not among the arrays.
pub fn gather(arrays: &[&dyn Array], places: &[RowPlace]) -> Result<ArrayRef, Error> {
    Parts::new(arrays)?.gather(places)
}

/// The values of an array at these positions, in this order; null where a position is.
///
/// # Errors
///
/// As those of [`gather`].
///
/// # Panics
///
/// A position is not in the array.
pub fn take(array: &dyn Array, rows: &UInt32Array) -> Result<ArrayRef, Error> {
    let Some(nulls) = rows.nulls().filter(|nulls| nulls.null_count() > 0) else {
        let places = rows.values().iter().map(|row| RowPlace { batch: 0, row: *row });
        return gather(&[array], &places.collect::<Vec<_>>());
    };
    // A null of its own for the positions that are null: the array may be empty.
    let null = all_null(array.data_type(), 1);
    let place = |at: usize| match nulls.is_valid(at) {
        true => RowPlace { batch: 0, row: rows.value(at) },
        false => RowPlace { batch: 1, row: 0 },
    };
    gather(&[array, &null], &(0..rows.len()).map(place).collect::<Vec<_>>())
}

/// Arrays one after the other.
///
/// # Errors
///
/// As those of [`gather`].
pub fn concat(arrays: &[&dyn Array]) -> Result<ArrayRef, Error> {
    let of = |(batch, array): (u32, &&dyn Array)| {
        (0..array.len() as u32).map(move |row| RowPlace { batch, row })
    };
    gather(arrays, &(0..).zip(arrays).flat_map(of).collect::<Vec<_>>())
}

fn none() -> Error {
    Error::Types("there is nothing to choose rows of".to_owned())
}

fn numbers<T: ArrowNativeType>(parts: &[&[T]], places: &[RowPlace]) -> Buffer {
    let number = |place: &RowPlace| parts[place.batch as usize][place.row as usize];
    Buffer::from_vec(places.iter().map(number).collect::<Vec<T>>())
}

/// Texts, with room behind the last one for who looks at them in words.
fn texts(
    parts: &[Texts<'_>],
    places: &[RowPlace],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, Error> {
    let (mut ends, mut length) = (Vec::with_capacity(places.len() + 1), 0);
    ends.push(0);
    for place in places {
        let (start, end) = parts[place.batch as usize].place(place.row);
        length += end - start;
        // The wrapped ones of too many bytes are never used.
        ends.push(length as i32);
    }
    if i32::try_from(length).is_err() {
        return Err(Error::TooMuchText);
    }
    let room = packed_text::CHUNK.max(packed_text::MOST_BYTES);
    let mut gathered = Vec::with_capacity(length + room);
    for place in places {
        let part = parts[place.batch as usize];
        let (start, end) = part.place(place.row);
        packed_text::append(&mut gathered, part.bytes, start, end);
    }
    gathered.resize(length + packed_text::MOST_BYTES, 0);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    // SAFETY: the offsets are those of the texts, each of which was one before.
    let texts = unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(gathered), nulls) };
    Ok(Arc::new(texts))
}
