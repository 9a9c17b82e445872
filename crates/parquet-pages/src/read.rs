//! Reads rows of flat Parquet files back, in batches.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer};
use arrow_schema::{DataType, Field, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{
    BoolType, DataType as ParquetType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescPtr;
use rows::array_of;

use super::text_pages::TextReader;

/// Reads some columns of row groups. It knows the types that contracts have, as this crate writes
/// them: the `parquet` crate's reader of batches has code for all that a file may hold.
pub struct RowReader {
    file: Arc<Bytes>,
    metadata: ArrowReaderMetadata,
    schema: SchemaRef,
    /// The positions of the columns, as they are asked for.
    columns: Vec<usize>,
    groups: Range<usize>,
    batch_rows: usize,
    /// The columns of the row group that is being read, and how many rows of it are left.
    open: Vec<Column>,
    left: usize,
}

/// A column of a row group.
struct Column {
    values: ColumnValues,
    data_type: DataType,
    /// Whether each value has a level that says whether it is null.
    has_levels: bool,
    levels: Vec<i16>,
}

/// The values of a column, as Parquet has them.
enum ColumnValues {
    Bits(ColumnReaderImpl<BoolType>),
    Small(ColumnReaderImpl<Int32Type>),
    Large(ColumnReaderImpl<Int64Type>),
    Float(ColumnReaderImpl<FloatType>),
    Double(ColumnReaderImpl<DoubleType>),
    Wide(ColumnReaderImpl<FixedLenByteArrayType>),
    Texts(TextReader),
}

impl RowReader {
    /// Reads the columns at these positions, in this order, of these row groups, at most so many
    /// rows at once.
    ///
    /// # Errors
    ///
    /// A column is of a type that no contract has, or the file has no such column.
    pub fn new(
        file: &Bytes,
        metadata: &ArrowReaderMetadata,
        columns: Vec<usize>,
        groups: Range<usize>,
        batch_rows: usize,
    ) -> Result<Self, ParquetError> {
        let schema = metadata.schema().project(&columns)?;
        Ok(Self {
            file: Arc::new(file.clone()),
            metadata: metadata.clone(),
            schema: Arc::new(schema),
            columns,
            groups,
            batch_rows,
            open: Vec::new(),
            left: 0,
        })
    }

    /// Opens the columns of a row group.
    fn open(&mut self, group: usize) -> Result<(), ParquetError> {
        let parquet = self.metadata.parquet_schema();
        let group = self.metadata.metadata().row_group(group);
        let rows = usize::try_from(group.num_rows()).map_err(|_| damaged("a row group's rows"))?;
        let column = |(column, field): (&usize, &Arc<Field>)| {
            // Only a flat column is the one at its own position.
            let leaf = (0..parquet.num_columns())
                .find(|leaf| parquet.get_column_root_idx(*leaf) == *column)
                .ok_or_else(|| damaged("no such column"))?;
            let chunk = group.columns().get(leaf).ok_or_else(|| damaged("no such column"))?;
            let pages = SerializedPageReader::new(self.file.clone(), chunk, rows, None)?;
            Column::new(parquet.column(leaf), pages, field.data_type(), rows)
        };
        let columns = self.columns.iter().zip(self.schema.fields());
        self.open = columns.map(column).collect::<Result<_, _>>()?;
        self.left = rows;
        Ok(())
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        while self.left == 0 {
            let Some(group) = self.groups.next() else { return Ok(None) };
            self.open(group)?;
        }
        let rows = self.left.min(self.batch_rows);
        self.left -= rows;
        let is_last = self.left == 0;
        let columns = self.open.iter_mut().map(|column| column.read(rows, is_last));
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?))
    }
}

impl Iterator for RowReader {
    type Item = Result<RecordBatch, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            // Nothing comes after an error.
            (self.left, self.groups) = (0, 0..0);
        }
        read.transpose()
    }
}

impl Column {
    fn new(
        column: ColumnDescPtr,
        pages: SerializedPageReader<Bytes>,
        data_type: &DataType,
        rows: usize,
    ) -> Result<Self, ParquetError> {
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return Err(damaged("a column is not flat"));
        }
        let (has_levels, physical) = (column.max_def_level() == 1, column.physical_type());
        let values = match (physical, data_type) {
            (Type::BOOLEAN, DataType::Boolean) => {
                ColumnValues::Bits(ColumnReaderImpl::new(column, Box::new(pages)))
            }
            (
                Type::INT32,
                DataType::Int8
                | DataType::Int16
                | DataType::Int32
                | DataType::UInt8
                | DataType::UInt16
                | DataType::UInt32
                | DataType::Date32
                | DataType::Time32(_)
                | DataType::Decimal128(..),
            ) => ColumnValues::Small(ColumnReaderImpl::new(column, Box::new(pages))),
            (
                Type::INT64,
                DataType::Int64
                | DataType::UInt64
                | DataType::Time64(_)
                | DataType::Timestamp(..)
                | DataType::Decimal128(..),
            ) => ColumnValues::Large(ColumnReaderImpl::new(column, Box::new(pages))),
            (Type::FLOAT, DataType::Float32) => {
                ColumnValues::Float(ColumnReaderImpl::new(column, Box::new(pages)))
            }
            (Type::DOUBLE, DataType::Float64) => {
                ColumnValues::Double(ColumnReaderImpl::new(column, Box::new(pages)))
            }
            (Type::FIXED_LEN_BYTE_ARRAY, DataType::Decimal128(..)) => {
                ColumnValues::Wide(ColumnReaderImpl::new(column, Box::new(pages)))
            }
            (Type::BYTE_ARRAY, DataType::Utf8) => {
                ColumnValues::Texts(TextReader::new(pages, has_levels, rows))
            }
            _ => return Err(ParquetError::NYI(format!("reading {data_type} of {physical}"))),
        };
        Ok(Self { values, data_type: data_type.clone(), has_levels, levels: Vec::new() })
    }

    /// The next rows, perhaps the last ones of the row group.
    fn read(&mut self, rows: usize, is_last: bool) -> Result<ArrayRef, ParquetError> {
        let Self { values, data_type, has_levels, levels } = self;
        let levels = has_levels.then_some(levels);
        let (nulls, buffer) = match values {
            ColumnValues::Bits(reader) => {
                let (values, nulls) = take(reader, levels, rows, is_last)?;
                let values = spread(values.into_iter(), rows, nulls.as_ref());
                let bits = BooleanBuffer::collect_bool(rows, |at| values[at]);
                return Ok(Arc::new(BooleanArray::new(bits, nulls)));
            }
            ColumnValues::Texts(reader) => return reader.read(rows),
            ColumnValues::Small(reader) => {
                let (values, nulls) = take(reader, levels, rows, is_last)?;
                let buffer = match data_type {
                    DataType::Int8 | DataType::UInt8 => of(values, rows, &nulls, |n| n as i8),
                    DataType::Int16 | DataType::UInt16 => of(values, rows, &nulls, |n| n as i16),
                    DataType::Decimal128(..) => of(values, rows, &nulls, i128::from),
                    _ => of(values, rows, &nulls, |number| number),
                };
                (nulls, buffer)
            }
            ColumnValues::Large(reader) => {
                let (values, nulls) = take(reader, levels, rows, is_last)?;
                let buffer = match data_type {
                    DataType::Decimal128(..) => of(values, rows, &nulls, i128::from),
                    _ => of(values, rows, &nulls, |number| number),
                };
                (nulls, buffer)
            }
            ColumnValues::Float(reader) => {
                let (values, nulls) = take(reader, levels, rows, is_last)?;
                let buffer = of(values, rows, &nulls, |number| number);
                (nulls, buffer)
            }
            ColumnValues::Double(reader) => {
                let (values, nulls) = take(reader, levels, rows, is_last)?;
                let buffer = of(values, rows, &nulls, |number| number);
                (nulls, buffer)
            }
            ColumnValues::Wide(reader) => {
                let (values, nulls) = take(reader, levels, rows, is_last)?;
                if values.iter().any(|value| value.is_empty() || value.len() > 16) {
                    return Err(damaged("a decimal is too wide"));
                }
                let buffer = of(values, rows, &nulls, |value| {
                    // The highest byte comes first, and has the sign.
                    let (mut number, rest) = ([0; 16], 16 - value.len());
                    number[..value.len()].copy_from_slice(value.data());
                    i128::from_be_bytes(number) >> (8 * rest)
                });
                (nulls, buffer)
            }
        };
        array_of(data_type, rows, nulls, buffer)
            .map_err(|error| ParquetError::General(error.to_string()))
    }
}

/// The next rows of a column: the values that are not null, and which ones are.
fn take<T: ParquetType>(
    reader: &mut ColumnReaderImpl<T>,
    mut levels: Option<&mut Vec<i16>>,
    rows: usize,
    is_last: bool,
) -> Result<(Vec<T::T>, Option<NullBuffer>), ParquetError> {
    let mut values = Vec::with_capacity(rows);
    if let Some(levels) = &mut levels {
        levels.clear();
    }
    // Behind the last row there must be none.
    let asked = rows + usize::from(is_last);
    let (read, ..) = reader.read_records(asked, levels.as_deref_mut(), None, &mut values)?;
    if read != rows {
        return Err(damaged("rows are missing, or too many"));
    }
    if levels.as_deref().is_some_and(|levels| levels.iter().any(|level| !matches!(level, 0 | 1))) {
        return Err(damaged("a level"));
    }
    // Of no nulls nothing is kept.
    let nulls = levels
        .filter(|_| values.len() < rows)
        .map(|levels| NullBuffer::new(BooleanBuffer::collect_bool(rows, |at| levels[at] == 1)));
    Ok((values, nulls))
}

/// Values in their places, with anything where there is none.
fn spread<T: Default>(
    mut values: impl Iterator<Item = T>,
    rows: usize,
    nulls: Option<&NullBuffer>,
) -> Vec<T> {
    match nulls {
        None => values.collect(),
        Some(nulls) => (0..rows)
            .map(|at| if nulls.is_valid(at) { values.next() } else { None }.unwrap_or_default())
            .collect(),
    }
}

/// The same, converted.
fn of<T, N: ArrowNativeType>(
    values: Vec<T>,
    rows: usize,
    nulls: &Option<NullBuffer>,
    convert: impl Fn(T) -> N,
) -> Buffer {
    Buffer::from_vec(spread(values.into_iter().map(convert), rows, nulls.as_ref()))
}

pub(super) fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
