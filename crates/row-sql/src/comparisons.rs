//! Compares values of one type, row by row.
//!
//! Numbers are in the order of numbers: -0.0 equals 0.0, and all NaN are one value, greater than
//! all others. Text is in the order of its bytes, and false comes before true.

use arrow_array::cast::AsArray;
use arrow_array::types::IntervalMonthDayNanoType;
use arrow_array::{Array, BooleanArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, IntervalMonthDayNano, NullBuffer};
use arrow_schema::{ArrowError, DataType as ArrowType};
use rows::values_of;

use super::values::{Trouble, Values, nulls_of};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Distinct,
    NotDistinct,
}

impl Comparison {
    /// One answer for each of `rows`. It is null where a value is, but for `Distinct` and
    /// `NotDistinct`, which take nulls for equal.
    pub(super) fn of(self, a: &Values, b: &Values, rows: usize) -> Result<BooleanArray, Trouble> {
        let (valid_a, valid_b) = (nulls_of(a, rows), nulls_of(b, rows));
        let answers = match self {
            Self::Less => holds(a, b, rows, Relation::Less)?,
            Self::Greater => holds(b, a, rows, Relation::Less)?,
            Self::LessOrEqual => !&holds(b, a, rows, Relation::Less)?,
            Self::GreaterOrEqual => !&holds(a, b, rows, Relation::Less)?,
            Self::Equal => holds(a, b, rows, Relation::Equal)?,
            Self::NotEqual => !&holds(a, b, rows, Relation::Equal)?,
            Self::Distinct | Self::NotDistinct => {
                let equal = holds(a, b, rows, Relation::Equal)?;
                let is_valid = |nulls: &Option<NullBuffer>, row| {
                    nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
                };
                let answer = |row| match (is_valid(&valid_a, row), is_valid(&valid_b, row)) {
                    (true, true) => equal.value(row),
                    (a, b) => a == b,
                };
                let same = BooleanBuffer::collect_bool(rows, answer);
                let answers = if self == Self::Distinct { !&same } else { same };
                return Ok(BooleanArray::new(answers, None));
            }
        };
        Ok(BooleanArray::new(answers, NullBuffer::union(valid_a.as_ref(), valid_b.as_ref())))
    }
}

/// What all comparisons are made of.
#[derive(Debug, Clone, Copy)]
enum Relation {
    Equal,
    Less,
}

/// Whether a relation holds. What is answered for nulls means nothing.
fn holds(
    a: &Values,
    b: &Values,
    rows: usize,
    relation: Relation,
) -> Result<BooleanBuffer, Trouble> {
    use ArrowType as T;
    let numbers = (a, b, rows, relation);
    Ok(match a.array.data_type() {
        T::Null => BooleanBuffer::new_unset(rows),
        T::Boolean => {
            let (x, y) = (a.array.as_boolean(), b.array.as_boolean());
            BooleanBuffer::collect_bool(rows, |row| {
                let (x, y) = (x.value(a.index(row)), y.value(b.index(row)));
                relation.holds(&x, &y)
            })
        }
        T::Utf8 => {
            let (x, y) = (a.array.as_string::<i32>(), b.array.as_string::<i32>());
            BooleanBuffer::collect_bool(rows, |row| {
                relation.holds(x.value(a.index(row)), y.value(b.index(row)))
            })
        }
        T::Int8 => of_numbers::<i8>(numbers, i8::eq, i8::lt),
        T::Int16 => of_numbers::<i16>(numbers, i16::eq, i16::lt),
        T::Int32 | T::Date32 | T::Time32(_) => of_numbers::<i32>(numbers, i32::eq, i32::lt),
        T::Int64 | T::Time64(_) | T::Timestamp(..) => of_numbers::<i64>(numbers, i64::eq, i64::lt),
        T::UInt8 => of_numbers::<u8>(numbers, u8::eq, u8::lt),
        T::UInt16 => of_numbers::<u16>(numbers, u16::eq, u16::lt),
        T::UInt32 => of_numbers::<u32>(numbers, u32::eq, u32::lt),
        T::UInt64 => of_numbers::<u64>(numbers, u64::eq, u64::lt),
        T::Decimal128(..) => of_numbers::<i128>(numbers, i128::eq, i128::lt),
        T::Float32 => of_numbers::<f32>(
            numbers,
            |x, y| x == y || x.is_nan() && y.is_nan(),
            |x, y| x < y || !x.is_nan() && y.is_nan(),
        ),
        T::Float64 => of_numbers::<f64>(
            numbers,
            |x, y| x == y || x.is_nan() && y.is_nan(),
            |x, y| x < y || !x.is_nan() && y.is_nan(),
        ),
        T::Interval(_) => {
            let spans = |values: &Values| {
                values.array.as_primitive::<IntervalMonthDayNanoType>().values().clone()
            };
            let (x, y) = (spans(a), spans(b));
            let (x, y) = ((&x[..], a.constant), (&y[..], b.constant));
            match relation {
                Relation::Equal => pack(x, y, rows, IntervalMonthDayNano::eq),
                Relation::Less => pack(x, y, rows, IntervalMonthDayNano::lt),
            }
        }
        _ => return Err(ArrowError::NotYetImplemented("comparing values".to_owned()).into()),
    })
}

impl Relation {
    fn holds<V: Ord + ?Sized>(self, x: &V, y: &V) -> bool {
        match self {
            Self::Equal => x == y,
            Self::Less => x < y,
        }
    }
}

fn of_numbers<V: ArrowNativeType>(
    (a, b, rows, relation): (&Values, &Values, usize, Relation),
    equal: impl Fn(&V, &V) -> bool,
    less: impl Fn(&V, &V) -> bool,
) -> BooleanBuffer {
    let (x, y) = ((values_of(&a.array), a.constant), (values_of(&b.array), b.constant));
    match relation {
        Relation::Equal => pack(x, y, rows, equal),
        Relation::Less => pack(x, y, rows, less),
    }
}

/// A bit for each pair. A constant stands beside every value.
fn pack<V: Copy>(
    (x, x_is_constant): (&[V], bool),
    (y, y_is_constant): (&[V], bool),
    rows: usize,
    holds: impl Fn(&V, &V) -> bool,
) -> BooleanBuffer {
    let words: Vec<u64> = match (x_is_constant, y_is_constant) {
        (true, true) if holds(&x[0], &y[0]) => return BooleanBuffer::new_set(rows),
        (true, true) => return BooleanBuffer::new_unset(rows),
        (false, true) => {
            let y = y[0];
            x.chunks(64).map(|x| word(x.iter().map(|x| holds(x, &y)))).collect()
        }
        (true, false) => {
            let x = x[0];
            y.chunks(64).map(|y| word(y.iter().map(|y| holds(&x, y)))).collect()
        }
        (false, false) => {
            let both = x.chunks(64).zip(y.chunks(64));
            both.map(|(x, y)| word(x.iter().zip(y).map(|(x, y)| holds(x, y)))).collect()
        }
    };
    BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
}

/// The bits of up to 64 answers. They come from slices and not by position, so that the compiler
/// makes one loop without checks of it.
fn word(answers: impl Iterator<Item = bool>) -> u64 {
    answers.enumerate().fold(0, |bits, (at, answer)| bits | u64::from(answer) << at)
}

#[cfg(test)]
mod tests;
