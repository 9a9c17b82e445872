//! Gathers rows of several batches into a batch of their own.

use std::sync::Arc;

use crate::Error;
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, make_array,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::packed_text;
use super::page::broken;
use super::values::buffer_of;

/// Where a row lies among batches. Ordered as the rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// The position of its batch.
    pub batch: u32,
    /// Its position in the batch.
    pub row: u32,
}

/// Batches of one schema, of which rows are gathered. It knows the types that contracts have, by
/// the width of their values: code for each of Arrow's types would be many times as much.
pub struct Gather<'a> {
    schema: SchemaRef,
    columns: Vec<Parts<'a>>,
}

/// A column of all batches.
pub(super) struct Parts<'a> {
    data_type: &'a DataType,
    pub(super) values: PartValues<'a>,
    /// Those of each batch, if any has some.
    nulls: Option<Vec<Option<&'a NullBuffer>>>,
}

/// The values of a column, by batch.
pub(super) enum PartValues<'a> {
    Bits(Vec<&'a BooleanBuffer>),
    One(Vec<&'a [u8]>),
    Two(Vec<&'a [u16]>),
    Four(Vec<&'a [u32]>),
    Eight(Vec<&'a [u64]>),
    Sixteen(Vec<&'a [i128]>),
    Texts(Vec<Texts<'a>>),
}

/// Texts of a batch.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    offsets: &'a [i32],
    bytes: &'a [u8],
}

impl<'a> Gather<'a> {
    /// Looks at batches.
    ///
    /// # Errors
    ///
    /// There is none, or they differ in their types, or have one that no contract has.
    pub fn new(batches: &'a [RecordBatch]) -> Result<Self, Error> {
        let first = batches.first().ok_or_else(none)?;
        let columns = (0..first.num_columns()).map(|column| Parts::new(batches, column));
        Ok(Self { schema: first.schema(), columns: columns.collect::<Result<_, _>>()? })
    }

    /// The rows at these places, in this order.
    ///
    /// # Panics
    ///
    /// A place is not among the batches.
    pub fn rows(&self, places: &[RowPlace]) -> Result<RecordBatch, Error> {
        let columns = self.columns.iter().map(|column| column.gather(places));
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        let columns = columns.collect::<Result<_, _>>()?;
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(broken)
    }
}

impl<'a> Parts<'a> {
    /// A column of batches.
    pub(super) fn new(batches: &'a [RecordBatch], column: usize) -> Result<Self, Error> {
        let arrays = || batches.iter().map(|batch| batch.column(column).as_ref());
        let first = arrays().next().ok_or_else(none)?;
        let data_type = first.data_type();
        if arrays().any(|array| array.data_type() != data_type) {
            return Err(Error("writing Parquet: batches differ in their types".to_owned()));
        }
        let values = match data_type {
            DataType::Boolean => {
                PartValues::Bits(arrays().map(|array| array.as_boolean().values()).collect())
            }
            DataType::Int8 | DataType::UInt8 => PartValues::One(arrays().map(buffer_of).collect()),
            DataType::Int16 | DataType::UInt16 => {
                PartValues::Two(arrays().map(buffer_of).collect())
            }
            DataType::Int32
            | DataType::UInt32
            | DataType::Float32
            | DataType::Date32
            | DataType::Time32(_) => PartValues::Four(arrays().map(buffer_of).collect()),
            DataType::Int64
            | DataType::UInt64
            | DataType::Float64
            | DataType::Time64(_)
            | DataType::Timestamp(..) => PartValues::Eight(arrays().map(buffer_of).collect()),
            DataType::Decimal128(..) => PartValues::Sixteen(arrays().map(buffer_of).collect()),
            DataType::Utf8 => PartValues::Texts(
                arrays()
                    .map(|array| array.as_string::<i32>())
                    .map(|array| Texts {
                        offsets: array.value_offsets(),
                        bytes: array.value_data(),
                    })
                    .collect(),
            ),
            other => {
                return Err(Error(format!("writing Parquet: rows of {other} are not known")));
            }
        };
        let nulls = |array: &'a dyn Array| array.nulls().filter(|nulls| nulls.null_count() > 0);
        let nulls: Vec<_> = arrays().map(nulls).collect();
        let has_nulls = nulls.iter().any(Option::is_some);
        Ok(Self { data_type, values, nulls: has_nulls.then_some(nulls) })
    }

    /// Its type.
    pub(super) fn data_type(&self) -> &DataType {
        self.data_type
    }

    /// Whether any value is null.
    pub(super) fn has_nulls(&self) -> bool {
        self.nulls.is_some()
    }

    /// Whether the value at a place is null.
    #[inline(always)]
    pub(super) fn is_null(&self, place: RowPlace) -> bool {
        let nulls = self.nulls.as_ref().and_then(|nulls| nulls[place.batch as usize]);
        nulls.is_some_and(|nulls| nulls.is_null(place.row as usize))
    }

    fn gather(&self, places: &[RowPlace]) -> Result<ArrayRef, Error> {
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
        };
        array_of(self.data_type, places.len(), nulls, values).map_err(broken)
    }
}

impl<'a> Texts<'a> {
    /// Where a text begins and ends in the bytes.
    #[inline(always)]
    fn place(self, row: u32) -> (usize, usize) {
        (self.offsets[row as usize] as usize, self.offsets[row as usize + 1] as usize)
    }

    /// Bytes of the longest text.
    pub(super) fn longest(self) -> i32 {
        self.offsets.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    /// The bytes of a text.
    #[inline(always)]
    pub(super) fn text(self, row: u32) -> &'a [u8] {
        let (start, end) = self.place(row);
        &self.bytes[start..end]
    }
}

/// An array of values of a fixed width.
pub(super) fn array_of(
    data_type: &DataType,
    length: usize,
    nulls: Option<NullBuffer>,
    values: Buffer,
) -> Result<ArrayRef, ArrowError> {
    let data = ArrayData::builder(data_type.clone()).len(length).nulls(nulls).add_buffer(values);
    Ok(make_array(data.build()?))
}

fn none() -> Error {
    Error("writing Parquet: there is no batch to take rows of".to_owned())
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
        return Err(Error("writing Parquet: a batch has more text than one can hold".to_owned()));
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
