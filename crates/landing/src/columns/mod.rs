//! Turns records into columns: each column is typed in one go, straight from the bytes of its
//! fields into Arrow arrays.

mod faults;
mod lanes;
mod missing;
mod quick;

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use contract::rejects::Finding;
use contract::values::{self as scalar, Scalar, ValueError, trim};
use contract::{
    BooleanFormat, Contract, DataType, Field, IntegerType, Mapping, NumberFormat, NumberType,
    TimeUnit,
};
use csv_records::Row;
use csv_records::dialect::{BlankRows, Dialect};
use job::{Error, ErrorKind};
use rows::packed_text;

use lanes::{Clock, Kernel, Moments, Numbers};
use missing::Missing;
use quick::Text;

/// Records in a window of bytes.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The bytes in which rows and fields lie.
    pub window: &'a [u8],
    /// Rows, all of them records.
    pub rows: &'a [Row],
    /// Their fields.
    pub fields: &'a [csv_records::Field],
    /// How fields are unquoted.
    pub dialect: &'a Dialect,
    /// Whether the whole window is valid UTF-8.
    pub is_utf8: bool,
}

impl<'a> Records<'a> {
    /// The cells as a table of `count` columns: where they lie, if they do so one after the other;
    /// else copied, with what ragged records have too much left out and [`HOLE`]s where they have
    /// nothing.
    fn table(&self, count: usize) -> Table<'a> {
        let from = self.rows.first().map_or(0, |row| row.first_field as usize);
        let stands = |(row, record): (usize, &Row)| {
            record.first_field as usize == from + row * count && record.fields as usize == count
        };
        if self.rows.iter().enumerate().all(stands) {
            return Table {
                cells: self.fields[from..from + count * self.rows.len()].into(),
                count,
            };
        }
        let mut cells = Vec::with_capacity(count * self.rows.len());
        for (row, record) in self.rows.iter().enumerate() {
            let own =
                &self.fields[record.first_field as usize..][..(record.fields as usize).min(count)];
            cells.extend_from_slice(own);
            cells.resize((row + 1) * count, HOLE);
        }
        Table { cells: cells.into(), count }
    }
}

/// The cells of records, all with as many.
struct Table<'a> {
    cells: Cow<'a, [csv_records::Field]>,
    count: usize,
}

/// Stands where a record has no cell. It is escaped, and so left to those who look closer.
const HOLE: csv_records::Field = csv_records::Field::HOLE;

impl Table<'_> {
    /// The cells of a column.
    fn column(&self, column: u32) -> impl Iterator<Item = csv_records::Field> {
        self.cells.chunks_exact(self.count.max(1)).map(move |cells| cells[column as usize])
    }
}

/// Which rows have no value, told one by one in rising order. Mostly there are none.
struct Nulls {
    rows: usize,
    valid: Option<BooleanBufferBuilder>,
}

impl Nulls {
    fn new(rows: usize) -> Self {
        Self { rows, valid: None }
    }

    fn set(&mut self, row: usize) {
        let valid = self.valid.get_or_insert_with(|| {
            let mut valid = BooleanBufferBuilder::new(self.rows);
            valid.append_n(self.rows, true);
            valid
        });
        valid.set_bit(row, false);
    }

    fn finish(self) -> Option<NullBuffer> {
        self.valid.map(|mut valid| NullBuffer::new(valid.finish()))
    }
}

/// Types all fields of a contract. The answer has one array a field, each as long as there are
/// records; a text that is not a value is null, and a finding.
pub fn read(
    records: Records<'_>,
    contract: &Contract,
    mapping: &Mapping,
    findings: &mut Vec<Finding>,
) -> Vec<ArrayRef> {
    let fields = contract.schema.fields.iter().zip(&mapping.fields);
    let table = records.table(mapping.columns as usize);
    fields
        .enumerate()
        .map(|(index, (field, column))| match column {
            Some(column) => {
                let is_trimmed = !matches!(field.data_type, DataType::String);
                let missing = Missing::of(field, records.dialect);
                Column {
                    records,
                    table: &table,
                    field,
                    is_trimmed,
                    index,
                    column: *column,
                    missing,
                    findings,
                }
                .read()
            }
            None => rows::all_null(&field.data_type.arrow(), records.rows.len()),
        })
        .collect()
}

/// One column on its way.
struct Column<'a, 'f> {
    records: Records<'a>,
    table: &'a Table<'a>,
    field: &'a Field,
    /// Whether spaces around a value are not part of it. They are part of a text.
    is_trimmed: bool,
    /// Position of the field in the schema.
    index: usize,
    /// Position of the column in the source, from 0.
    column: u32,
    missing: Missing<'a>,
    findings: &'f mut Vec<Finding>,
}

impl Column<'_, '_> {
    fn read(self) -> ArrayRef {
        match &self.field.data_type {
            DataType::String => self.strings(),
            DataType::Boolean(format) => self.booleans(format),
            DataType::Integer(width, format) => match width {
                IntegerType::Int8 => self.integers::<Int8Type>(*width, format),
                IntegerType::Int16 => self.integers::<Int16Type>(*width, format),
                IntegerType::Int32 => self.integers::<Int32Type>(*width, format),
                IntegerType::Int64 => self.integers::<Int64Type>(*width, format),
                IntegerType::UInt8 => self.integers::<UInt8Type>(*width, format),
                IntegerType::UInt16 => self.integers::<UInt16Type>(*width, format),
                IntegerType::UInt32 => self.integers::<UInt32Type>(*width, format),
                IntegerType::UInt64 => self.integers::<UInt64Type>(*width, format),
            },
            DataType::Number(NumberType::Float64, format) => {
                Arc::new(self.floats::<Float64Type>(format, quick::float))
            }
            DataType::Number(NumberType::Float32, format) => {
                Arc::new(self.floats::<Float32Type>(format, quick::narrow_float))
            }
            DataType::Number(NumberType::Decimal { precision, scale }, format) => {
                let (precision, scale) = (*precision, *scale);
                let exact = |text: &[u8]| scalar::decimal(text, precision, scale, format);
                let is_usual = format.is_plain();
                let quick = |text: Text<'_>| {
                    if is_usual {
                        quick::decimal(text, precision, scale).map(i128::from)
                    } else {
                        None
                    }
                };
                let numbers = Numbers::decimals(precision, scale).filter(|_| is_usual);
                let array = self.primitives::<Decimal128Type>(numbers, quick, exact, Scalar::Int);
                Arc::new(
                    array
                        .with_data_type(arrow_schema::DataType::Decimal128(precision, scale as i8)),
                )
            }
            DataType::Date(pattern) => self
                .moments::<Date32Type>(Moments::of(pattern, Clock::Date, 1, None), |text| {
                    pattern.read_date(text)
                }),
            DataType::Time(unit, pattern) => {
                let read = |text: &[u8]| pattern.read_time(text, unit.per_second());
                let lanes = Moments::of(pattern, Clock::Time, unit.per_second(), None);
                match unit {
                    TimeUnit::Second => {
                        self.moments::<Time32SecondType>(lanes, |text| read(text).map(|v| v as i32))
                    }
                    TimeUnit::Millisecond => self.moments::<Time32MillisecondType>(lanes, |text| {
                        read(text).map(|v| v as i32)
                    }),
                    TimeUnit::Microsecond => self.moments::<Time64MicrosecondType>(lanes, read),
                    TimeUnit::Nanosecond => self.moments::<Time64NanosecondType>(lanes, read),
                }
            }
            DataType::Datetime(unit, pattern, zone) => {
                let read = |text: &[u8]| pattern.read_datetime(text, unit.per_second(), *zone);
                let lanes = Moments::of(pattern, Clock::Datetime, unit.per_second(), *zone);
                match unit {
                    TimeUnit::Second => self.moments::<TimestampSecondType>(lanes, read),
                    TimeUnit::Millisecond => self.moments::<TimestampMillisecondType>(lanes, read),
                    TimeUnit::Microsecond => self.moments::<TimestampMicrosecondType>(lanes, read),
                    TimeUnit::Nanosecond => self.moments::<TimestampNanosecondType>(lanes, read),
                }
            }
        }
    }

    fn integers<T: ArrowPrimitiveType>(self, width: IntegerType, format: &NumberFormat) -> ArrayRef
    where
        T::Native: TryFrom<i64> + TryFrom<i128> + Into<i128> + lanes::Native,
    {
        let exact = |text: &[u8]| {
            let value = scalar::integer(text, format)
                .and_then(|value| scalar::in_range(value, width.range()))?;
            T::Native::try_from(value).map_err(|_| ValueError::OutOfRange)
        };
        let is_usual = format.is_plain();
        let quick = |text: Text<'_>| {
            if is_usual {
                quick::integer(text).and_then(|value| T::Native::try_from(value).ok())
            } else {
                None
            }
        };
        let (least, greatest) = width.range();
        let numbers = is_usual.then(|| Numbers::whole(least, greatest));
        Arc::new(self.primitives::<T>(numbers, quick, exact, |value| Scalar::Int(value.into())))
    }

    fn floats<T: ArrowPrimitiveType>(
        self,
        format: &NumberFormat,
        quick: impl Fn(Text<'_>) -> Option<T::Native>,
    ) -> PrimitiveArray<T>
    where
        T::Native: FromStr + From<f32> + Into<f64> + lanes::Native,
    {
        let is_usual = format.is_plain();
        let quick = |text: Text<'_>| if is_usual { quick(text) } else { None };
        let exact = |text: &[u8]| scalar::float(text, format);
        self.primitives::<T>(None::<Numbers>, quick, exact, |value| Scalar::Float(value.into()))
    }

    /// Dates and times: their patterns know what is quick.
    fn moments<T: ArrowPrimitiveType>(
        self,
        lanes: Option<Moments<'_>>,
        read: impl Fn(&[u8]) -> Result<T::Native, ValueError>,
    ) -> ArrayRef
    where
        T::Native: Into<i128> + lanes::Native,
    {
        let data_type = self.field.data_type.arrow();
        let array = self.primitives::<T>(
            lanes,
            |text| read(text.bytes()).ok(),
            &read,
            |value| Scalar::Int(value.into()),
        );
        Arc::new(array.with_data_type(data_type))
    }

    /// `kernel` and `quick` read values as they are mostly written, many at once and each by
    /// itself, and `exact` all of them.
    fn primitives<T: ArrowPrimitiveType>(
        mut self,
        kernel: Option<impl Kernel>,
        quick: impl Fn(Text<'_>) -> Option<T::Native>,
        exact: impl Fn(&[u8]) -> Result<T::Native, ValueError>,
        scalar: impl Fn(T::Native) -> Scalar,
    ) -> PrimitiveArray<T>
    where
        T::Native: lanes::Native,
    {
        let records = self.records;
        let mut values = vec![T::Native::default(); records.rows.len()];
        // Rows whose cells want a closer look.
        let mut rest = Vec::new();
        // What is missing may look like a value: then it has to be looked for first.
        if self.missing.is_any(|missing| exact(trim(missing)).is_ok())
            || self.field.constraints.look_at_values()
        {
            rest.extend(0..records.rows.len());
        } else {
            let read = |cell: csv_records::Field| {
                if cell.is_escaped() {
                    None
                } else {
                    quick(Text { window: records.window, start: cell.start(), end: cell.end() })
                }
            };
            let mut take =
                |row: usize, cell: csv_records::Field, value: &mut T::Native| match read(cell) {
                    Some(read) => *value = read,
                    None => rest.push(row),
                };
            let cells = self.table.column(self.column);
            match kernel {
                Some(kernel) => lanes::read(&kernel, records.window, cells, &mut values, take),
                None => values
                    .iter_mut()
                    .zip(cells)
                    .enumerate()
                    .for_each(|(row, (value, cell))| take(row, cell, value)),
            }
        }
        let mut nulls = Nulls::new(records.rows.len());
        let mut scratch = Vec::new();
        for row in rest {
            let read = |text| {
                quick(Text { window: text, start: 0, end: text.len() })
                    .map_or_else(|| exact(text), Ok)
            };
            match self.text(row, self.cell(row), &mut scratch).map(|text| (text, read(text))) {
                Some((text, Ok(value))) => {
                    self.check(row, text, || scalar(value));
                    values[row] = value;
                }
                Some((text, Err(flaw))) => {
                    self.refuse(row, text, flaw);
                    nulls.set(row);
                }
                None => nulls.set(row),
            }
        }
        PrimitiveArray::new(values.into(), nulls.finish())
    }

    fn booleans(mut self, format: &BooleanFormat) -> ArrayRef {
        let Records { window, rows, .. } = self.records;
        let mut values = BooleanBufferBuilder::new(rows.len());
        let mut nulls = Nulls::new(rows.len());
        let mut scratch = Vec::new();
        // What is missing may look like a value: then it has to be looked for first.
        let is_value = |text: &[u8]| scalar::boolean(trim(text), format).is_ok();
        let is_quick = !self.missing.is_any(is_value) && !self.field.constraints.look_at_values();
        let [is_true, is_false] = ["true", "false"]
            .map(|usual| scalar::boolean(usual.as_bytes(), format).ok() == Some(usual == "true"));
        let table = self.table;
        for (row, cell) in table.column(self.column).enumerate() {
            let quick = match cell.bytes(window) {
                b"true" if is_true && is_quick && !cell.is_escaped() => Some(true),
                b"false" if is_false && is_quick && !cell.is_escaped() => Some(false),
                _ => None,
            };
            let value = quick.or_else(|| {
                match self
                    .text(row, self.cell(row), &mut scratch)
                    .map(|text| (text, scalar::boolean(text, format)))
                {
                    Some((text, Ok(value))) => {
                        self.check(row, text, || Scalar::Int(value.into()));
                        Some(value)
                    }
                    Some((text, Err(flaw))) => {
                        self.refuse(row, text, flaw);
                        None
                    }
                    None => None,
                }
            });
            values.append(value.unwrap_or_default());
            if value.is_none() {
                nulls.set(row);
            }
        }
        Arc::new(BooleanArray::new(values.finish(), nulls.finish()))
    }

    fn strings(mut self) -> ArrayRef {
        let Records { window, is_utf8, .. } = self.records;
        let rows = self.records.rows.len();
        let length = |cell: &csv_records::Field| cell.end() - cell.start();
        let table = self.table;
        let cells = table.column(self.column);
        let longest: usize = table.column(self.column).map(|cell| length(&cell)).sum();
        let mut bytes = Vec::with_capacity(longest + packed_text::CHUNK);
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        let mut nulls = Nulls::new(rows);
        let mut scratch = Vec::new();
        let is_plain =
            is_utf8 && !self.field.constraints.look_at_values() && !self.missing.may_be_long();
        if is_plain {
            for (row, cell) in cells.enumerate() {
                if cell.is_escaped() || length(&cell) == 0 {
                    match self.text(row, self.cell(row), &mut scratch) {
                        Some(text) => bytes.extend_from_slice(text),
                        None => nulls.set(row),
                    }
                } else {
                    packed_text::append(&mut bytes, window, cell.start(), cell.end());
                }
                offsets.push(bytes.len() as i32);
            }
        } else {
            for row in 0..rows {
                // An invalid record is a finding already.
                let text = self
                    .text(row, self.cell(row), &mut scratch)
                    .filter(|text| is_utf8 || std::str::from_utf8(text).is_ok());
                if let Some(text) = text {
                    // SAFETY: the window is valid UTF-8, and fields begin and end at ASCII bytes of
                    // it, and unquoting only takes ASCII bytes out; or the text was looked at.
                    self.check_text(row, unsafe { std::str::from_utf8_unchecked(text) });
                    bytes.extend_from_slice(text);
                } else {
                    nulls.set(row);
                }
                offsets.push(bytes.len() as i32);
            }
        }
        // Texts are looked at in words, beyond their end.
        bytes.resize(bytes.len() + packed_text::MOST_BYTES, 0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        // SAFETY: the offsets are those of the texts, which are valid UTF-8 as above.
        Arc::new(unsafe {
            StringArray::new_unchecked(offsets, Buffer::from_vec(bytes), nulls.finish())
        })
    }

    /// The cell of a record; `None` where a ragged one has none. The cells of such a record may
    /// stand anywhere: those that are there are looked at, those that are not are findings already.
    #[inline(always)]
    fn cell(&self, row: usize) -> Option<csv_records::Field> {
        let record = &self.records.rows[row];
        (self.column < record.fields)
            .then(|| self.records.fields[(record.first_field + self.column) as usize])
    }

    /// What stands in a cell, if that is a value.
    #[inline(always)]
    fn text<'t>(
        &mut self,
        row: usize,
        cell: Option<csv_records::Field>,
        scratch: &'t mut Vec<u8>,
    ) -> Option<&'t [u8]>
    where
        Self: 't,
    {
        let Records { window, dialect, .. } = self.records;
        let Some(cell) = cell else {
            let is_blank = self.records.rows[row].fields == 0;
            let is_no_fault = if is_blank {
                dialect.blank_rows == BlankRows::Keep
            } else {
                dialect.ragged_rows.fill_short
            };
            if self.field.constraints.required && is_no_fault {
                self.refuse_missing(row, b"");
            }
            return None;
        };
        let is_null = self.missing.is_null(cell, window);
        let whole = cell.value(window, dialect, scratch);
        let text = if self.is_trimmed { trim(whole) } else { whole };
        if !is_null && !self.missing.is(text) && !self.missing.is(whole) {
            return Some(text);
        }
        if self.field.constraints.required {
            self.refuse_missing(row, text);
        }
        None
    }
}

/// The rows that are good, of the columns that are `stored`. The others are left as they are.
pub(crate) fn keep(
    mut columns: Vec<ArrayRef>,
    is_good: Vec<bool>,
    stored: &[usize],
) -> Result<Vec<ArrayRef>, Error> {
    let runs = rows::runs(&is_good);
    for index in stored {
        let column = rows::keep(columns[*index].as_ref(), &runs);
        columns[*index] = column.map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("leaving out rejected rows: {}", wording::variant(&error)),
            )
        })?;
    }
    Ok(columns)
}
