//! Turns the values of a column into text.

use std::fmt::Debug;
use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions as temporal;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, PrimitiveArray, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use job::{Error, ErrorKind};

/// The values of a column as text.
pub(super) enum Cells<'a> {
    /// They are text.
    Texts(&'a StringArray),
    /// One after the other.
    Written {
        bytes: Vec<u8>,
        ends: Vec<usize>,
        nulls: Option<NullBuffer>,
        /// Numbers, true and false: what JSON has no quotes around.
        is_literal: bool,
    },
}

impl<'a> Cells<'a> {
    /// Those of the column of this name.
    pub(super) fn new(name: &str, array: &'a ArrayRef) -> Result<Self, Error> {
        Self::of(array)?.ok_or_else(|| {
            Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "`{name}` has a date that is too far away for a calendar; Parquet would hold it"
                ),
            )
        })
    }

    /// Those of a column; `None`: one of them can't be written.
    fn of(array: &'a ArrayRef) -> Result<Option<Self>, Error> {
        macro_rules! numbers {
            ($type:ty) => {
                written(array.as_primitive::<$type>(), |out, number| write!(out, "{number}").ok())
            };
        }
        macro_rules! floats {
            ($type:ty) => {
                written(array.as_primitive::<$type>(), |out, float| {
                    if float.is_nan() {
                        write!(out, "NaN").ok()
                    } else if float.is_infinite() {
                        write!(out, "{}INF", if float < 0.0 { "-" } else { "" }).ok()
                    } else {
                        write!(out, "{float:?}").ok()
                    }
                })
            };
        }
        // Chrono's debug format is ISO 8601, with a fraction of as many digits as it needs.
        macro_rules! moments {
            ($type:ty, $of:path) => {
                written(array.as_primitive::<$type>(), |out, value| write_debug(out, $of(value)))
            };
            ($type:ty, $of:path, $zone:expr) => {
                written(array.as_primitive::<$type>(), |out, value| {
                    write_debug(out, $of(value))?;
                    out.write_all(if $zone.is_some() { b"Z" } else { b"" }).ok()
                })
            };
        }
        Ok(match array.data_type() {
            DataType::Utf8 => Some(Self::Texts(array.as_string())),
            DataType::Boolean => booleans(array),
            DataType::Int8 => numbers!(Int8Type),
            DataType::Int16 => numbers!(Int16Type),
            DataType::Int32 => numbers!(Int32Type),
            DataType::Int64 => numbers!(Int64Type),
            DataType::UInt8 => numbers!(UInt8Type),
            DataType::UInt16 => numbers!(UInt16Type),
            DataType::UInt32 => numbers!(UInt32Type),
            DataType::UInt64 => numbers!(UInt64Type),
            DataType::Float32 => floats!(Float32Type),
            DataType::Float64 => floats!(Float64Type),
            DataType::Decimal128(precision, scale) => {
                written(array.as_primitive::<Decimal128Type>(), |out, value| {
                    out.write_all(
                        Decimal128Type::format_decimal(value, *precision, *scale).as_bytes(),
                    )
                    .ok()
                })
            }
            DataType::Date32 => moments!(Date32Type, Date32Type::to_naive_date_opt),
            DataType::Time32(TimeUnit::Second) => {
                moments!(Time32SecondType, temporal::time32s_to_time)
            }
            DataType::Time32(_) => moments!(Time32MillisecondType, temporal::time32ms_to_time),
            DataType::Time64(TimeUnit::Microsecond) => {
                moments!(Time64MicrosecondType, temporal::time64us_to_time)
            }
            DataType::Time64(_) => moments!(Time64NanosecondType, temporal::time64ns_to_time),
            DataType::Timestamp(TimeUnit::Second, zone) => {
                moments!(TimestampSecondType, temporal::timestamp_s_to_datetime, zone)
            }
            DataType::Timestamp(TimeUnit::Millisecond, zone) => {
                moments!(TimestampMillisecondType, temporal::timestamp_ms_to_datetime, zone)
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                moments!(TimestampMicrosecondType, temporal::timestamp_us_to_datetime, zone)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                moments!(TimestampNanosecondType, temporal::timestamp_ns_to_datetime, zone)
            }
            other => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("writing text: {other} is not known"),
                ));
            }
        })
    }

    /// The value of a row, without quotes; `None`: it is null.
    pub(super) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Texts(texts) => (!texts.is_null(row)).then(|| texts.value(row).as_bytes()),
            Self::Written { bytes, ends, nulls, .. } => {
                let start = if row == 0 { 0 } else { ends[row - 1] };
                nulls
                    .as_ref()
                    .is_none_or(|nulls| nulls.is_valid(row))
                    .then(|| &bytes[start..ends[row]])
            }
        }
    }
}

/// Nothing, where a value can't be written.
fn written<'a, T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    write: impl Fn(&mut Vec<u8>, T::Native) -> Option<()>,
) -> Option<Cells<'a>> {
    let (mut bytes, mut ends) =
        (Vec::with_capacity(8 * array.len()), Vec::with_capacity(array.len()));
    for row in 0..array.len() {
        if array.is_valid(row) {
            write(&mut bytes, array.value(row))?;
        }
        ends.push(bytes.len());
    }
    let is_literal = array.data_type().is_numeric();
    Some(Cells::Written { bytes, ends, nulls: array.nulls().cloned(), is_literal })
}

fn booleans<'a>(array: &ArrayRef) -> Option<Cells<'a>> {
    let (mut bytes, array) = (Vec::new(), array.as_boolean());
    let end = |value: Option<bool>| {
        bytes.extend_from_slice(
            value.map_or("", |value| if value { "true" } else { "false" }).as_bytes(),
        );
        bytes.len()
    };
    let ends = array.iter().map(end).collect();
    Some(Cells::Written { bytes, ends, nulls: array.nulls().cloned(), is_literal: true })
}

fn write_debug(out: &mut Vec<u8>, value: Option<impl Debug>) -> Option<()> {
    write!(out, "{:?}", value?).ok()
}
