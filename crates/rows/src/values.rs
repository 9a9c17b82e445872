//! Shows the values of an array as numbers of their width, and makes arrays of such numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, NullArray, PrimitiveArray, StringArray};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::DataType;
use arrow_schema::IntervalUnit;
use arrow_schema::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};

use crate::Error;

/// Works `$with!` for the primitive type that a data type names, and `$otherwise` for another one.
macro_rules! of_type {
    ($data_type:expr, $with:ident, $otherwise:expr) => {
        match $data_type {
            DataType::Int8 => $with!(Int8Type),
            DataType::UInt8 => $with!(UInt8Type),
            DataType::Int16 => $with!(Int16Type),
            DataType::UInt16 => $with!(UInt16Type),
            DataType::Int32 => $with!(Int32Type),
            DataType::UInt32 => $with!(UInt32Type),
            DataType::Int64 => $with!(Int64Type),
            DataType::UInt64 => $with!(UInt64Type),
            DataType::Float32 => $with!(Float32Type),
            DataType::Float64 => $with!(Float64Type),
            DataType::Decimal128(..) => $with!(Decimal128Type),
            DataType::Date32 => $with!(Date32Type),
            DataType::Time32(Second) => $with!(Time32SecondType),
            DataType::Time32(_) => $with!(Time32MillisecondType),
            DataType::Time64(Microsecond) => $with!(Time64MicrosecondType),
            DataType::Time64(_) => $with!(Time64NanosecondType),
            DataType::Timestamp(Second, _) => $with!(TimestampSecondType),
            DataType::Timestamp(Millisecond, _) => $with!(TimestampMillisecondType),
            DataType::Timestamp(Microsecond, _) => $with!(TimestampMicrosecondType),
            DataType::Timestamp(Nanosecond, _) => $with!(TimestampNanosecondType),
            DataType::Interval(IntervalUnit::MonthDayNano) => $with!(IntervalMonthDayNanoType),
            _ => $otherwise,
        }
    };
}

/// The numbers of an array, those of nulls too, as others of the same width.
///
/// # Panics
///
/// The values have another width than `T`.
pub fn values_of<T: ArrowNativeType>(array: &dyn Array) -> &[T] {
    macro_rules! values {
        ($type:ty) => {
            array.as_primitive::<$type>().values().inner().typed_data()
        };
    }
    of_type!(array.data_type(), values, &[])
}

/// An array of values of a fixed width.
///
/// # Errors
///
/// The buffer holds fewer values than that, or no column has such a type.
pub fn array_of(
    data_type: &DataType,
    length: usize,
    nulls: Option<NullBuffer>,
    values: Buffer,
) -> Result<ArrayRef, Error> {
    macro_rules! array {
        ($type:ty) => {{
            if values.len() < length * size_of::<<$type as ArrowPrimitiveType>::Native>()
                || nulls.as_ref().is_some_and(|nulls| nulls.len() != length)
            {
                return Err(Error::Types(format!("{length} values of {data_type} are not there")));
            }
            let array = PrimitiveArray::<$type>::new(ScalarBuffer::new(values, 0, length), nulls);
            Arc::new(array.with_data_type(data_type.clone()))
        }};
    }
    Ok(of_type!(data_type, array, return Err(unknown(data_type))))
}

/// The same values under the name of another type of the same width.
///
/// # Errors
///
/// No column of numbers has one of the types, or they differ in their widths.
pub fn relabelled(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef, Error> {
    array_of(data_type, array.len(), array.nulls().cloned(), buffer_of(array)?)
}

/// The same values, of which these are null.
///
/// # Errors
///
/// No column has the type of the array.
pub fn with_nulls(array: &dyn Array, nulls: Option<NullBuffer>) -> Result<ArrayRef, Error> {
    Ok(match array.data_type() {
        DataType::Null => Arc::new(NullArray::new(array.len())),
        DataType::Boolean => {
            Arc::new(BooleanArray::new(array.as_boolean().values().clone(), nulls))
        }
        DataType::Utf8 => {
            let (offsets, bytes, _) = array.as_string::<i32>().clone().into_parts();
            // SAFETY: the texts were texts before.
            Arc::new(unsafe { StringArray::new_unchecked(offsets, bytes, nulls) })
        }
        data_type => array_of(data_type, array.len(), nulls, buffer_of(array)?)?,
    })
}

/// Nulls of a type.
///
/// # Panics
///
/// No column has such a type.
pub fn all_null(data_type: &DataType, length: usize) -> ArrayRef {
    macro_rules! nulls {
        ($type:ty) => {
            Arc::new(PrimitiveArray::<$type>::new_null(length).with_data_type(data_type.clone()))
        };
    }
    of_type!(
        data_type,
        nulls,
        match data_type {
            DataType::Null => Arc::new(NullArray::new(length)),
            DataType::Boolean => Arc::new(BooleanArray::new_null(length)),
            DataType::Utf8 => Arc::new(StringArray::new_null(length)),
            other => panic!("{}", unknown(other)),
        }
    )
}

fn buffer_of(array: &dyn Array) -> Result<Buffer, Error> {
    macro_rules! buffer {
        ($type:ty) => {
            array.as_primitive::<$type>().values().inner().clone()
        };
    }
    Ok(of_type!(array.data_type(), buffer, return Err(unknown(array.data_type()))))
}

pub(super) fn unknown(data_type: &DataType) -> Error {
    Error::Types(format!("rows of {data_type} are not known"))
}
