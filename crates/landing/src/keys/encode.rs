//! Typed values as bytes that are equal if and only if the values are.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use job::{Error, ErrorKind};

use super::write_number;

/// The values of a column, each as bytes that tell their own end: those of several columns in a row
/// are equal only if all values are.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// Where each value ends. A null has no byte, and every value has one.
    ends: Vec<usize>,
}

impl Encoded {
    /// Encodes a column of a contract.
    pub(crate) fn of(column: &ArrayRef) -> Result<Self, Error> {
        let mut new = Self {
            bytes: Vec::with_capacity(column.len() * 4),
            ends: Vec::with_capacity(column.len()),
        };
        match column.data_type() {
            DataType::Utf8 => {
                let strings = column.as_string::<i32>();
                new.each(column, |row, out| {
                    let text = strings.value(row).as_bytes();
                    write_number(text.len() as u64, out);
                    out.extend_from_slice(text);
                });
            }
            DataType::Boolean => {
                let booleans = column.as_boolean();
                new.each(column, |row, out| out.push(booleans.value(row).into()));
            }
            DataType::Float64 => {
                let floats = column.as_primitive::<Float64Type>();
                new.each(column, |row, out| out.extend(canonical(floats.value(row)).to_le_bytes()));
            }
            DataType::Float32 => {
                let floats = column.as_primitive::<Float32Type>();
                new.each(column, |row, out| {
                    out.extend(canonical(floats.value(row).into()).to_le_bytes())
                });
            }
            DataType::Int8 => new.integers::<Int8Type>(column),
            DataType::Int16 => new.integers::<Int16Type>(column),
            DataType::Int32 => new.integers::<Int32Type>(column),
            DataType::Int64 => new.integers::<Int64Type>(column),
            DataType::UInt8 => new.integers::<UInt8Type>(column),
            DataType::UInt16 => new.integers::<UInt16Type>(column),
            DataType::UInt32 => new.integers::<UInt32Type>(column),
            DataType::UInt64 => new.integers::<UInt64Type>(column),
            DataType::Decimal128(..) => new.integers::<Decimal128Type>(column),
            DataType::Date32 => new.integers::<Date32Type>(column),
            DataType::Time32(TimeUnit::Second) => new.integers::<Time32SecondType>(column),
            DataType::Time32(_) => new.integers::<Time32MillisecondType>(column),
            DataType::Time64(TimeUnit::Nanosecond) => new.integers::<Time64NanosecondType>(column),
            DataType::Time64(_) => new.integers::<Time64MicrosecondType>(column),
            DataType::Timestamp(TimeUnit::Second, _) => new.integers::<TimestampSecondType>(column),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                new.integers::<TimestampMillisecondType>(column)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                new.integers::<TimestampMicrosecondType>(column)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                new.integers::<TimestampNanosecondType>(column)
            }
            other => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("columns of {other} have no keys"),
                ));
            }
        }
        Ok(new)
    }

    /// The value in a row; `None`: there is none.
    pub(crate) fn value(&self, row: usize) -> Option<&[u8]> {
        let (start, end) = self.place(row);
        (start < end).then(|| &self.bytes[start..end])
    }

    /// All values.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the value in a row starts and ends among them.
    pub(crate) fn place(&self, row: usize) -> (usize, usize) {
        (if row == 0 { 0 } else { self.ends[row - 1] }, self.ends[row])
    }

    fn integers<T: ArrowPrimitiveType>(&mut self, column: &ArrayRef)
    where
        T::Native: Into<i128>,
    {
        let values = column.as_primitive::<T>();
        self.each(column, |row, out| write_integer(values.value(row).into(), out));
    }

    fn each(&mut self, column: &ArrayRef, encode: impl Fn(usize, &mut Vec<u8>)) {
        for row in 0..column.len() {
            if column.is_valid(row) {
                encode(row, &mut self.bytes);
            }
            self.ends.push(self.bytes.len());
        }
    }
}

/// The bits of a float, the same for all that are equal: zeros of both signs, and everything that
/// is no number.
fn canonical(value: f64) -> u64 {
    if value == 0.0 {
        0
    } else if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// Small numbers of either sign in few bytes.
fn write_integer(value: i128, out: &mut Vec<u8>) {
    let mut folded = ((value << 1) ^ (value >> 127)) as u128;
    while folded > u64::MAX.into() {
        out.push(folded as u8 | 0x80);
        folded >>= 7;
    }
    write_number(folded as u64, out);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, StringArray,
        UInt64Array,
    };

    use super::*;

    /// Checks that of a column's values, all but the last two of which differ, the last two and no
    /// others are encoded alike.
    fn check(column: impl Array + 'static) {
        let column: ArrayRef = Arc::new(column);
        let encoded = Encoded::of(&column).expect("it is a type of contracts");
        let values: Vec<_> =
            (0..column.len()).map(|row| encoded.value(row).expect("it is no null")).collect();
        for (row, value) in values.iter().enumerate() {
            let first = values.iter().position(|other| other == value);
            assert_eq!(first, Some(row.min(values.len() - 2)), "{column:?}");
        }
        // No value is the beginning of another one: so those of several columns can't be mistaken
        // for those of others.
        let prefixes =
            values.iter().flat_map(|a| values.iter().filter(move |b| a != *b && b.starts_with(a)));
        assert_eq!(prefixes.count(), 0, "{column:?}");
    }

    #[test]
    fn bytes_are_equal_where_values_are() {
        check(StringArray::from(vec!["a", "b", "ab", "é", " ", "", ""]));
        check(Int8Array::from(vec![0, 1, -1, 63, 64, -64, -65, 127, -128, -128]));
        check(UInt64Array::from(vec![0, 127, 128, u64::MAX >> 1, u64::MAX, u64::MAX]));
        check(Decimal128Array::from(vec![
            0,
            1,
            -1,
            i128::from(u64::MAX),
            i128::from(u64::MAX) + 1,
            i128::MAX,
            i128::MIN,
            i128::MIN,
        ]));
        check(Float64Array::from(vec![
            1.0,
            f64::MIN_POSITIVE,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            0.0,
            -0.0,
        ]));
        check(Float32Array::from(vec![1.0, 0.1, f32::NAN, -f32::NAN]));
        check(BooleanArray::from(vec![true, false, false]));
    }

    #[test]
    fn nulls_are_no_values() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some(""), None, Some("b")]));
        let encoded = Encoded::of(&column).expect("it is a type of contracts");
        assert_eq!(
            [0, 1, 2].map(|row| encoded.value(row)),
            [Some(&b"\0"[..]), None, Some(b"\x01b")]
        );
    }
}
