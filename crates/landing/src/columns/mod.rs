//! Records become columns: each column is typed in one go, straight from the bytes of its fields into Arrow arrays.

mod pattern;
mod scalar;

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, new_null_array};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder};

pub use pattern::Pattern;
pub use scalar::{Flaw, Scalar};

use crate::contract::{Contract, DataType, Field, IntegerType, Mapping, NumberType, TimeUnit};
use crate::dialect::Dialect;
use crate::records::{self, Row};
use crate::rejects::{ErrorName, Finding, cut};

/// Records in a window of bytes.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The bytes in which rows and fields lie.
    pub window: &'a [u8],
    /// Rows, all of them records.
    pub rows: &'a [Row],
    /// Their fields.
    pub fields: &'a [records::Field],
    /// How fields are unquoted.
    pub dialect: &'a Dialect,
    /// Whether the whole window is valid UTF-8.
    pub is_utf8: bool,
}

/// Types all fields of a contract. The answer has one array a field, each as long as there are records; what is no value is null, and a finding.
pub fn read(records: Records<'_>, contract: &Contract, mapping: &Mapping, findings: &mut Vec<Finding>) -> Vec<ArrayRef> {
    let fields = contract.schema.fields.iter().zip(&mapping.fields);
    fields
        .enumerate()
        .map(|(index, (field, column))| match column {
            Some(column) => Column { records, field, index, column: *column, findings }.read(),
            None => new_null_array(&field.data_type.arrow(), records.rows.len()),
        })
        .collect()
}

/// One column on its way.
struct Column<'a, 'f> {
    records: Records<'a>,
    field: &'a Field,
    /// Position of the field in the schema.
    index: usize,
    /// Position of the column in the source, from 0.
    column: u32,
    findings: &'f mut Vec<Finding>,
}

impl Column<'_, '_> {
    fn read(self) -> ArrayRef {
        match &self.field.data_type {
            DataType::String => self.strings(),
            DataType::Boolean(format) => self.booleans(|text| scalar::boolean(text, format)),
            DataType::Integer(width, format) => {
                let (format, range) = (*format, width.range());
                let parse = move |text: &[u8]| scalar::integer(text, format).and_then(|value| scalar::in_range(value, range));
                match width {
                    IntegerType::Int8 => self.integers::<Int8Type>(parse, |v| v as i8),
                    IntegerType::Int16 => self.integers::<Int16Type>(parse, |v| v as i16),
                    IntegerType::Int32 => self.integers::<Int32Type>(parse, |v| v as i32),
                    IntegerType::Int64 => self.integers::<Int64Type>(parse, |v| v as i64),
                    IntegerType::UInt8 => self.integers::<UInt8Type>(parse, |v| v as u8),
                    IntegerType::UInt16 => self.integers::<UInt16Type>(parse, |v| v as u16),
                    IntegerType::UInt32 => self.integers::<UInt32Type>(parse, |v| v as u32),
                    IntegerType::UInt64 => self.integers::<UInt64Type>(parse, |v| v as u64),
                }
            }
            DataType::Number(NumberType::Float64, format) => {
                Arc::new(self.primitives::<Float64Type>(|text| scalar::float(text, *format), Scalar::Float))
            }
            DataType::Number(NumberType::Float32, format) => {
                let narrow = |value: f64| {
                    let narrow = value as f32;
                    if narrow.is_infinite() && value.is_finite() { Err(Flaw::OutOfRange) } else { Ok(narrow) }
                };
                let parse = |text: &[u8]| scalar::float(text, *format).and_then(narrow);
                Arc::new(self.primitives::<Float32Type>(parse, |v| Scalar::Float(v.into())))
            }
            DataType::Number(NumberType::Decimal { precision, scale }, format) => {
                let parse = |text: &[u8]| scalar::decimal(text, *precision, *scale, *format);
                let array = self.primitives::<Decimal128Type>(parse, Scalar::Int);
                Arc::new(array.with_data_type(arrow_schema::DataType::Decimal128(*precision, *scale as i8)))
            }
            DataType::Date(pattern) => self.integers::<Date32Type>(|text| pattern.read_date(text).map(i128::from), |v| v as i32),
            DataType::Time(unit, pattern) => {
                let parse = |text: &[u8]| pattern.read_time(text, unit.per_second()).map(i128::from);
                match unit {
                    TimeUnit::Second => self.integers::<Time32SecondType>(parse, |v| v as i32),
                    TimeUnit::Millisecond => self.integers::<Time32MillisecondType>(parse, |v| v as i32),
                    TimeUnit::Microsecond => self.integers::<Time64MicrosecondType>(parse, |v| v as i64),
                    TimeUnit::Nanosecond => self.integers::<Time64NanosecondType>(parse, |v| v as i64),
                }
            }
            DataType::Datetime(unit, pattern, zone) => {
                let parse = |text: &[u8]| pattern.read_datetime(text, unit.per_second(), *zone).map(i128::from);
                match unit {
                    TimeUnit::Second => self.timestamps::<TimestampSecondType>(parse),
                    TimeUnit::Millisecond => self.timestamps::<TimestampMillisecondType>(parse),
                    TimeUnit::Microsecond => self.timestamps::<TimestampMicrosecondType>(parse),
                    TimeUnit::Nanosecond => self.timestamps::<TimestampNanosecondType>(parse),
                }
            }
        }
    }

    fn integers<T: ArrowPrimitiveType>(self, parse: impl Fn(&[u8]) -> Result<i128, Flaw>, narrow: impl Fn(i128) -> T::Native) -> ArrayRef
    where
        T::Native: Into<i128>,
    {
        Arc::new(self.primitives::<T>(|text| parse(text).map(&narrow), |value| Scalar::Int(value.into())))
    }

    fn timestamps<T: ArrowPrimitiveType<Native = i64>>(self, parse: impl Fn(&[u8]) -> Result<i128, Flaw>) -> ArrayRef {
        let data_type = self.field.data_type.arrow();
        let array = self.primitives::<T>(|text| parse(text).map(|v| v as i64), |value| Scalar::Int(value.into()));
        Arc::new(array.with_data_type(data_type))
    }

    fn primitives<T: ArrowPrimitiveType>(
        mut self,
        parse: impl Fn(&[u8]) -> Result<T::Native, Flaw>,
        scalar: impl Fn(T::Native) -> Scalar,
    ) -> PrimitiveArray<T> {
        let rows = self.records.rows.len();
        let mut values = Vec::with_capacity(rows);
        let mut nulls = NullBufferBuilder::new(rows);
        let checked = self.field.constraints.look_at_values();
        self.each(|column, row, text| {
            let value = text.and_then(|text| match parse(text) {
                Ok(value) => {
                    if checked {
                        column.check(row, text, &scalar(value));
                    }
                    Some(value)
                }
                Err(flaw) => {
                    column.refuse(row, text, flaw);
                    None
                }
            });
            values.push(value.unwrap_or_default());
            nulls.append(value.is_some());
        });
        PrimitiveArray::new(values.into(), nulls.finish())
    }

    fn booleans(mut self, parse: impl Fn(&[u8]) -> Result<bool, Flaw>) -> ArrayRef {
        let rows = self.records.rows.len();
        let mut values = BooleanBufferBuilder::new(rows);
        let mut nulls = NullBufferBuilder::new(rows);
        self.each(|column, row, text| {
            let value = text.and_then(|text| match parse(text) {
                Ok(value) => {
                    column.check(row, text, &Scalar::Int(value.into()));
                    Some(value)
                }
                Err(flaw) => {
                    column.refuse(row, text, flaw);
                    None
                }
            });
            values.append(value.unwrap_or_default());
            nulls.append(value.is_some());
        });
        Arc::new(BooleanArray::new(values.finish(), nulls.finish()))
    }

    fn strings(mut self) -> ArrayRef {
        let rows = self.records.rows.len();
        let mut values = StringBuilder::with_capacity(rows, rows * 8);
        let checked = self.field.constraints.look_at_values();
        let is_utf8 = self.records.is_utf8;
        self.each(|column, row, text| {
            let text = text.and_then(|bytes| {
                if is_utf8 {
                    // SAFETY: the window is valid UTF-8, and fields begin and end at ASCII bytes of it; unquoting only takes ASCII bytes out.
                    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
                } else {
                    // An invalid record is a finding already.
                    std::str::from_utf8(bytes).ok()
                }
            });
            if let Some(text) = text
                && checked
            {
                column.check_text(row, text);
            }
            values.append_option(text);
        });
        Arc::new(values.finish())
    }

    /// Hands over each cell in turn: its row in the batch and its bytes, `None` where there is no value.
    fn each(&mut self, mut take: impl FnMut(&mut Self, usize, Option<&[u8]>)) {
        let mut scratch = Vec::new();
        let Records { window, rows, fields, dialect, .. } = self.records;
        let field = self.field;
        let null = dialect.null_sequence.as_ref().map(String::as_bytes);
        for (index, row) in rows.iter().enumerate() {
            // The cells of a ragged record may stand anywhere: those that are there are looked at, those that are not are findings already.
            if self.column >= row.fields {
                if field.constraints.required && dialect.ragged_rows.fill_short && row.fields > 0 {
                    self.found(index, ErrorName::Constraint, Some("required"), b"", format!("`{}` is required", field.name));
                }
                take(self, index, None);
                continue;
            }
            let cell = &fields[(row.first_field + self.column) as usize];
            let is_null = null.is_some_and(|null| !cell.is_quoted() && cell.bytes(window) == null);
            let text = cell.value(window, dialect, &mut scratch);
            if is_null || field.missing_values.iter().any(|missing| missing.as_bytes() == text) {
                if field.constraints.required {
                    let message = format!("`{}` is required", field.name);
                    self.found(index, ErrorName::Constraint, Some("required"), text, message);
                }
                take(self, index, None);
            } else {
                take(self, index, Some(text));
            }
        }
    }

    #[cold]
    fn refuse(&mut self, row: usize, text: &[u8], flaw: Flaw) {
        let shown = format!("`{}`", cut(&String::from_utf8_lossy(text)));
        let message = scalar::describe(flaw, &shown, &self.field.data_type);
        self.found(row, ErrorName::Type, None, text, message);
    }

    fn check(&mut self, row: usize, text: &[u8], value: &Scalar) {
        let field = self.field;
        for bound in field.constraints.bounds.iter().filter(|bound| !bound.holds(value)) {
            let relation = match bound.rule {
                "minimum" => "less than the minimum",
                "maximum" => "greater than the maximum",
                "exclusiveMinimum" => "not greater than",
                _ => "not less than",
            };
            let message = format!("`{}` is {relation} {}", cut(&String::from_utf8_lossy(text)), bound.text);
            self.found(row, ErrorName::Constraint, Some(bound.rule), text, message);
        }
        self.check_allowed(row, text, |allowed| allowed == value);
    }

    fn check_text(&mut self, row: usize, text: &str) {
        let constraints = &self.field.constraints;
        let bytes = text.as_bytes();
        if constraints.min_length.is_some() || constraints.max_length.is_some() {
            let length = text.chars().count() as u64;
            if let Some(least) = constraints.min_length.filter(|least| length < *least) {
                let message = format!("has {length} characters, fewer than the minLength {least}");
                self.found(row, ErrorName::Constraint, Some("minLength"), bytes, message);
            }
            if let Some(most) = constraints.max_length.filter(|most| length > *most) {
                let message = format!("has {length} characters, more than the maxLength {most}");
                self.found(row, ErrorName::Constraint, Some("maxLength"), bytes, message);
            }
        }
        if let Some((regex, pattern)) = &constraints.pattern
            && !regex.is_match(text)
        {
            let message = format!("`{}` does not match the pattern `{pattern}`", cut(text));
            self.found(row, ErrorName::Constraint, Some("pattern"), bytes, message);
        }
        self.check_allowed(row, bytes, |allowed| matches!(allowed, Scalar::Text(allowed) if allowed == text));
    }

    fn check_allowed(&mut self, row: usize, text: &[u8], is: impl Fn(&Scalar) -> bool) {
        if let Some((values, shown)) = &self.field.constraints.allowed
            && !values.iter().any(is)
        {
            let message = format!("`{}` is not among the allowed values: {}", cut(&String::from_utf8_lossy(text)), cut(shown));
            self.found(row, ErrorName::Constraint, Some("enum"), text, message);
        }
    }

    #[cold]
    fn found(&mut self, row: usize, error: ErrorName, rule: Option<&'static str>, text: &[u8], message: String) {
        self.findings.push(Finding {
            row: row as u32,
            offset: None,
            field: Some(self.index as u32),
            column: Some(self.column),
            error,
            rule,
            value: Some(cut(&String::from_utf8_lossy(text))),
            message,
        });
    }
}
