//! Shows the values of an array as numbers of their width, and makes arrays of such numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use arrow_schema::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};

use crate::Error;

/// The numbers of an array, those of nulls too, as others of the same width.
///
/// # Panics
///
/// The values have another width than `T`.
pub fn values_of<T: ArrowNativeType>(array: &dyn Array) -> &[T] {
    macro_rules! of {
        ($type:ty) => {
            array.as_primitive::<$type>().values().inner().typed_data()
        };
    }
    match array.data_type() {
        DataType::Int8 => of!(Int8Type),
        DataType::UInt8 => of!(UInt8Type),
        DataType::Int16 => of!(Int16Type),
        DataType::UInt16 => of!(UInt16Type),
        DataType::Float32 => of!(Float32Type),
        DataType::Float64 => of!(Float64Type),
        DataType::Decimal128(..) => of!(Decimal128Type),
        DataType::Int32 => of!(Int32Type),
        DataType::UInt32 => of!(UInt32Type),
        DataType::Date32 => of!(Date32Type),
        DataType::Time32(Second) => of!(Time32SecondType),
        DataType::Time32(_) => of!(Time32MillisecondType),
        DataType::Int64 => of!(Int64Type),
        DataType::UInt64 => of!(UInt64Type),
        DataType::Time64(Microsecond) => of!(Time64MicrosecondType),
        DataType::Time64(_) => of!(Time64NanosecondType),
        DataType::Timestamp(Second, _) => of!(TimestampSecondType),
        DataType::Timestamp(Millisecond, _) => of!(TimestampMillisecondType),
        DataType::Timestamp(Microsecond, _) => of!(TimestampMicrosecondType),
        DataType::Timestamp(Nanosecond, _) => of!(TimestampNanosecondType),
        _ => &[],
    }
}

/// An array of values of a fixed width.
///
/// # Errors
///
/// The buffer holds fewer values than that.
pub fn array_of(
    data_type: &DataType,
    length: usize,
    nulls: Option<NullBuffer>,
    values: Buffer,
) -> Result<ArrayRef, Error> {
    let data = ArrayData::builder(data_type.clone()).len(length).nulls(nulls).add_buffer(values);
    let data = data.build().map_err(|error| {
        Error::Types(format!("an array can't be made: {}", wording::variant(&error)))
    })?;
    Ok(make_array(data))
}
