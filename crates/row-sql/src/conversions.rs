//! Turns arrays of one type into arrays of another, for the types that columns have.
//!
//! Arrow's own kernel of casts knows a hundred times as many pairs of types, and a program that
//! calls it carries all of them. Here every value goes through one of three forms: a 64-bit
//! integer, a 128-bit integer with a scale, or a 64-bit float.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DecimalType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayAccessor, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array,
    PrimitiveArray, StringArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_cast::parse::{Parser, parse_decimal, string_to_datetime};
use arrow_schema::{ArrowError, DataType as ArrowType, TimeUnit};
use chrono::{DateTime, NaiveDateTime, Utc};

use super::types::is_integer;
use super::values::Trouble;

/// How moments are written.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S%.f";
/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;
/// Below these, an integer is exactly a float of 64 or 32 bits.
const EXACT_F64: i128 = 1 << f64::MANTISSA_DIGITS;
const EXACT_F32: i128 = 1 << f32::MANTISSA_DIGITS;

/// Values as ones of another type. `lenient`: a value without a counterpart becomes null, and is
/// trouble otherwise. Text is taken without the spaces around it. Moments have no zone.
///
/// Fractions are rounded: of floats to the nearest even integer, of decimals away from zero. Units
/// of time are cut off.
pub(super) fn convert(
    array: &dyn Array,
    to: &ArrowType,
    lenient: bool,
) -> Result<ArrayRef, Trouble> {
    use ArrowType as T;
    let from = array.data_type();
    match (from, to) {
        (T::Null, _) => Ok(rows::all_null(to, array.len())),
        (_, T::Utf8) => Ok(Arc::new(written(array)?)),
        (T::Utf8, _) => read(array.as_string(), to, lenient),
        (T::Timestamp(..) | T::Date32 | T::Time32(_) | T::Time64(_), _) => {
            of_time(array, to, lenient)
        }
        (T::Float32, _) => {
            let wide = array.as_primitive::<Float32Type>().unary::<_, Float64Type>(f64::from);
            of_floats(&wide, to, lenient)
        }
        (T::Float64, _) => of_floats(array.as_primitive(), to, lenient),
        (T::Decimal128(_, scale), _) => {
            of_decimals(array.as_primitive(), scale.unsigned_abs(), to, lenient)
        }
        (T::UInt64, _) => {
            let wide = array.as_primitive::<UInt64Type>().unary::<_, Decimal128Type>(i128::from);
            of_decimals(&wide, 0, to, lenient)
        }
        _ => of_integers(&integers(array)?, to, lenient),
    }
}

/// Values as texts.
fn written(array: &dyn Array) -> Result<StringArray, Trouble> {
    use ArrowType as T;
    let mut float = ryu::Buffer::new();
    match array.data_type() {
        T::Boolean => each_written(array.as_boolean(), |value, text| write!(text, "{value}").ok()),
        T::Float32 => each_written(array.as_primitive::<Float32Type>(), |value, text| {
            text.write_str(float.format(value)).ok()
        }),
        T::Float64 => each_written(array.as_primitive::<Float64Type>(), |value, text| {
            text.write_str(float.format(value)).ok()
        }),
        T::UInt64 => each_written(array.as_primitive::<UInt64Type>(), |value, text| {
            write!(text, "{value}").ok()
        }),
        T::Decimal128(precision, scale) => {
            each_written(array.as_primitive::<Decimal128Type>(), |value, text| {
                text.write_str(&Decimal128Type::format_decimal(value, *precision, *scale)).ok()
            })
        }
        T::Date32 => each_written(&integers(array)?, |days, text| {
            write!(text, "{}", moment(&T::Date32, days)?.date()).ok()
        }),
        data_type @ (T::Time32(_) | T::Time64(_)) => {
            each_written(&integers(array)?, |value, text| {
                write!(text, "{}", moment(data_type, value)?.time()).ok()
            })
        }
        data_type @ T::Timestamp(..) => each_written(&integers(array)?, |value, text| {
            write!(text, "{}", moment(data_type, value)?.format(MOMENT)).ok()
        }),
        _ => each_written(&integers(array)?, |value, text| write!(text, "{value}").ok()),
    }
}

/// Writes each value; `write` has no answer for a moment that no calendar has.
fn each_written<A: ArrayAccessor>(
    array: A,
    mut write: impl FnMut(A::Item, &mut StringBuilder) -> Option<()>,
) -> Result<StringArray, Trouble> {
    let mut texts = StringBuilder::with_capacity(array.len(), 0);
    for row in 0..array.len() {
        if array.is_valid(row) {
            write(array.value(row), &mut texts).ok_or_else(out_of_range)?;
            texts.append_value("");
        } else {
            texts.append_null();
        }
    }
    Ok(texts.finish())
}

/// Turns a value of a date, a time of day or a timestamp into a date and a time: a date is at
/// midnight, and a time of day is on 1970-01-01. `None`: no calendar has it.
pub(super) fn moment(data_type: &ArrowType, value: i64) -> Option<NaiveDateTime> {
    let (ArrowType::Time32(unit) | ArrowType::Time64(unit) | ArrowType::Timestamp(unit, _)) =
        data_type
    else {
        return DateTime::from_timestamp(value.checked_mul(DAY)?, 0).map(|at| at.naive_utc());
    };
    let second = per_second(*unit);
    let nanoseconds = value.rem_euclid(second) * (per_second(TimeUnit::Nanosecond) / second);
    let at = DateTime::from_timestamp(value.div_euclid(second), nanoseconds as u32);
    at.map(|at| at.naive_utc())
}

/// Widens integers of up to 64 bits with a sign, truth values, dates and times to 64 bits.
pub(super) fn integers(array: &dyn Array) -> Result<Int64Array, Trouble> {
    fn widened<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &dyn Array) -> Int64Array {
        array.as_primitive::<T>().unary(Into::into)
    }
    Ok(match array.data_type() {
        ArrowType::Int8 => widened::<Int8Type>(array),
        ArrowType::Int16 => widened::<Int16Type>(array),
        ArrowType::Int32 => widened::<Int32Type>(array),
        ArrowType::Int64 => array.as_primitive::<Int64Type>().clone(),
        ArrowType::UInt8 => widened::<UInt8Type>(array),
        ArrowType::UInt16 => widened::<UInt16Type>(array),
        ArrowType::UInt32 => widened::<UInt32Type>(array),
        ArrowType::Date32 | ArrowType::Time32(_) => {
            return integers(&relabelled(array, &ArrowType::Int32)?);
        }
        ArrowType::Time64(_) | ArrowType::Timestamp(..) => {
            return integers(&relabelled(array, &ArrowType::Int64)?);
        }
        ArrowType::Boolean => {
            let array = array.as_boolean();
            let values: Vec<i64> = array.values().iter().map(i64::from).collect();
            Int64Array::new(values.into(), array.nulls().cloned())
        }
        _ => return Err(no_cast()),
    })
}

fn of_integers(from: &Int64Array, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble> {
    if is_integer(to) {
        return narrowed(from, to, lenient);
    }
    Ok(match to {
        ArrowType::Float32 => Arc::new(from.unary::<_, Float32Type>(|value| value as f32)),
        ArrowType::Float64 => Arc::new(from.unary::<_, Float64Type>(|value| value as f64)),
        ArrowType::Boolean => {
            let values = BooleanBuffer::collect_bool(from.len(), |row| from.value(row) != 0);
            Arc::new(BooleanArray::new(values, from.nulls().cloned()))
        }
        _ => of_decimals(&from.unary(i128::from), 0, to, lenient)?,
    })
}

/// Converts decimals that have `scale` digits after the point.
fn of_decimals(
    from: &Decimal128Array,
    scale: u8,
    to: &ArrowType,
    lenient: bool,
) -> Result<ArrayRef, Trouble> {
    if is_integer(to) {
        return match scale {
            0 => narrowed(from, to, lenient),
            _ => narrowed(&from.unary::<_, Decimal128Type>(|it| rounded(it, scale)), to, lenient),
        };
    }
    Ok(match to {
        ArrowType::Float32 => Arc::new(from.unary::<_, Float32Type>(|value| {
            if value.abs() < EXACT_F32 && scale <= 10 {
                value as f32 / 10_f32.powi(scale.into())
            } else {
                format!("{value}e-{scale}").parse().unwrap_or(f32::NAN)
            }
        })),
        ArrowType::Float64 => Arc::new(from.unary::<_, Float64Type>(|value| {
            if value.abs() < EXACT_F64 && scale <= 22 {
                value as f64 / 10_f64.powi(scale.into())
            } else {
                format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
            }
        })),
        ArrowType::Boolean => {
            let values = BooleanBuffer::collect_bool(from.len(), |row| from.value(row) != 0);
            Arc::new(BooleanArray::new(values, from.nulls().cloned()))
        }
        ArrowType::Decimal128(precision, to_scale) => {
            let more = to_scale.unsigned_abs().checked_sub(scale);
            let factor = 10_i128.pow(more.unwrap_or_default().into());
            let fewer = scale.saturating_sub(to_scale.unsigned_abs());
            let new: Decimal128Array = kept(from, lenient, |value| {
                let value = match fewer {
                    0 => value.checked_mul(factor)?,
                    fewer => rounded(value, fewer),
                };
                fits(value, *precision)
            })?;
            Arc::new(new.with_precision_and_scale(*precision, *to_scale)?)
        }
        _ => return Err(no_cast()),
    })
}

fn of_floats(from: &Float64Array, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble> {
    /// A whole float as an integer.
    fn whole(value: f64) -> Option<i128> {
        // `as` takes what is out of range for the nearest that is in it.
        const END: f64 = -(i128::MIN as f64);
        (-END..END).contains(&value).then_some(value as i128)
    }
    if is_integer(to) {
        let whole: Decimal128Array = kept(from, lenient, |value| whole(value.round_ties_even()))?;
        return narrowed(&whole, to, lenient);
    }
    Ok(match to {
        ArrowType::Float64 => Arc::new(from.clone()),
        ArrowType::Float32 => Arc::new(from.unary::<_, Float32Type>(|value| value as f32)),
        ArrowType::Decimal128(precision, scale) => {
            let factor = 10_f64.powi((*scale).into());
            let new: Decimal128Array =
                kept(from, lenient, |value| fits(whole((factor * value).round())?, *precision))?;
            Arc::new(new.with_precision_and_scale(*precision, *scale)?)
        }
        _ => return Err(no_cast()),
    })
}

/// Dates, times of day, and moments without a zone.
fn of_time(array: &dyn Array, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble> {
    use ArrowType as T;
    let from = integers(array)?;
    let units = |unit: &TimeUnit| per_second(*unit);
    let scaled = |from_unit: i64, to_unit: i64| -> Result<Int64Array, Trouble> {
        if from_unit >= to_unit {
            let divisor = from_unit / to_unit;
            Ok(from.unary(|value| value / divisor))
        } else {
            kept(&from, lenient, |value| value.checked_mul(to_unit / from_unit))
        }
    };
    let new = match (array.data_type(), to) {
        (T::Timestamp(a, None), T::Timestamp(b, None))
        | (T::Time32(a) | T::Time64(a), T::Time32(b) | T::Time64(b)) => scaled(units(a), units(b))?,
        (T::Date32, T::Timestamp(unit, None)) => {
            kept(&from, lenient, |days| days.checked_mul(DAY * units(unit)))?
        }
        (T::Timestamp(unit, None), T::Date32) => {
            let day = DAY * units(unit);
            from.unary(|value| value.div_euclid(day))
        }
        (T::Timestamp(a, None), T::Time32(b) | T::Time64(b)) => {
            let (a, b) = (units(a), units(b));
            from.unary(|value| {
                let time = value.rem_euclid(DAY * a);
                if a >= b { time / (a / b) } else { time * (b / a) }
            })
        }
        _ => return Err(no_cast()),
    };
    match to {
        T::Date32 | T::Time32(_) => relabelled(&narrowed(&new, &ArrowType::Int32, lenient)?, to),
        _ => relabelled(&new, to),
    }
}

/// Reads values from texts.
fn read(texts: &StringArray, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble> {
    fn parsed<T: Parser>(texts: &StringArray, lenient: bool) -> Result<ArrayRef, Trouble> {
        Ok(Arc::new(each_text::<T>(texts, lenient, T::parse)?))
    }
    if matches!(to, ArrowType::UInt8 | ArrowType::UInt16 | ArrowType::UInt32 | ArrowType::UInt64) {
        return convert(&parsed::<UInt64Type>(texts, lenient)?, to, lenient);
    }
    if is_integer(to) {
        return convert(&parsed::<Int64Type>(texts, lenient)?, to, lenient);
    }
    match to {
        ArrowType::Float32 => parsed::<Float32Type>(texts, lenient),
        ArrowType::Float64 => parsed::<Float64Type>(texts, lenient),
        ArrowType::Decimal128(precision, scale) => {
            let parse = |text: &str| parse_decimal::<Decimal128Type>(text, *precision, *scale).ok();
            let decimals = each_text::<Decimal128Type>(texts, lenient, parse)?;
            Ok(Arc::new(decimals.with_precision_and_scale(*precision, *scale)?))
        }
        ArrowType::Date32 => parsed::<Date32Type>(texts, lenient),
        ArrowType::Time32(TimeUnit::Second) => parsed::<Time32SecondType>(texts, lenient),
        ArrowType::Time32(_) => parsed::<Time32MillisecondType>(texts, lenient),
        ArrowType::Time64(TimeUnit::Nanosecond) => parsed::<Time64NanosecondType>(texts, lenient),
        ArrowType::Time64(_) => parsed::<Time64MicrosecondType>(texts, lenient),
        ArrowType::Timestamp(unit, None) => {
            let moments = each_text::<TimestampMicrosecondType>(texts, lenient, |text| {
                let moment = string_to_datetime(&Utc, text).ok()?;
                match unit {
                    TimeUnit::Second => Some(moment.timestamp()),
                    TimeUnit::Millisecond => Some(moment.timestamp_millis()),
                    TimeUnit::Microsecond => Some(moment.timestamp_micros()),
                    TimeUnit::Nanosecond => moment.timestamp_nanos_opt(),
                }
            })?;
            relabelled(&moments, to)
        }
        _ => Err(no_cast()),
    }
}

fn each_text<T: ArrowPrimitiveType>(
    texts: &StringArray,
    lenient: bool,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, Trouble> {
    let mut values = Vec::with_capacity(texts.len());
    let mut valid = Vec::with_capacity(texts.len());
    for text in texts {
        let value = text.and_then(|text| parse(text.trim()));
        if value.is_none() && text.is_some() && !lenient {
            return Err(out_of_range());
        }
        valid.push(value.is_some());
        values.push(value.unwrap_or_default());
    }
    Ok(PrimitiveArray::new(
        values.into(),
        Some(valid.into()).filter(|it: &NullBuffer| it.null_count() > 0),
    ))
}

/// Integers as ones of another width.
fn narrowed<F>(from: &PrimitiveArray<F>, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble>
where
    F: ArrowPrimitiveType,
    F::Native: Into<i128>,
{
    fn each<F, T>(from: &PrimitiveArray<F>, lenient: bool) -> Result<ArrayRef, Trouble>
    where
        F: ArrowPrimitiveType<Native: Into<i128>>,
        T: ArrowPrimitiveType<Native: TryFrom<i128>>,
    {
        let new: PrimitiveArray<T> =
            kept(from, lenient, |value| T::Native::try_from(value.into()).ok())?;
        Ok(Arc::new(new))
    }
    match to {
        ArrowType::Int8 => each::<F, Int8Type>(from, lenient),
        ArrowType::Int16 => each::<F, Int16Type>(from, lenient),
        ArrowType::Int32 => each::<F, Int32Type>(from, lenient),
        ArrowType::Int64 => each::<F, Int64Type>(from, lenient),
        ArrowType::UInt8 => each::<F, UInt8Type>(from, lenient),
        ArrowType::UInt16 => each::<F, UInt16Type>(from, lenient),
        ArrowType::UInt32 => each::<F, UInt32Type>(from, lenient),
        ArrowType::UInt64 => each::<F, UInt64Type>(from, lenient),
        _ => Err(no_cast()),
    }
}

/// Converts values of which some may have no counterpart: these become nulls, or are trouble.
fn kept<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    from: &PrimitiveArray<F>,
    lenient: bool,
    counterpart: impl Fn(F::Native) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, Trouble> {
    let mut is_whole = true;
    let one = |value: &F::Native| {
        counterpart(*value).unwrap_or_else(|| {
            is_whole = false;
            Default::default()
        })
    };
    let values: Vec<T::Native> = from.values().iter().map(one).collect();
    let nulls = if is_whole {
        from.nulls().cloned()
    } else {
        without(from.nulls(), from.len(), lenient, &|row| counterpart(from.value(row)).is_some())?
    };
    Ok(PrimitiveArray::new(values.into(), nulls))
}

/// The nulls, with the rows added that have no counterpart. What a null hides does not matter.
fn without(
    nulls: Option<&NullBuffer>,
    rows: usize,
    lenient: bool,
    has_counterpart: &dyn Fn(usize) -> bool,
) -> Result<Option<NullBuffer>, Trouble> {
    let is_valid = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let kept = BooleanBuffer::collect_bool(rows, |row| is_valid(row) && has_counterpart(row));
    let lost = kept.count_set_bits() < rows - nulls.map_or(0, NullBuffer::null_count);
    if lost && !lenient { Err(out_of_range()) } else { Ok(Some(NullBuffer::new(kept))) }
}

/// Rounds the last `fewer` digits of a decimal off: 1 to 38 of them.
fn rounded(value: i128, fewer: u8) -> i128 {
    let divisor = 10_i128.pow(fewer.into());
    let (quotient, rest) = (value / divisor, value % divisor);
    // The divisor is even, and twice the rest may be too large.
    if rest.abs() >= divisor / 2 { quotient + value.signum() } else { quotient }
}

/// The value, if it has at most `precision` digits.
pub(super) fn fits(value: i128, precision: u8) -> Option<i128> {
    (value.unsigned_abs() < 10_u128.pow(precision.into())).then_some(value)
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The same values under the name of another type of the same width.
pub(super) fn relabelled(array: &dyn Array, data_type: &ArrowType) -> Result<ArrayRef, Trouble> {
    Ok(rows::relabelled(array, data_type)?)
}

fn out_of_range() -> Trouble {
    ArrowError::ArithmeticOverflow(String::new()).into()
}

/// Where a cast is offered, all of its types are known here.
fn no_cast() -> Trouble {
    ArrowError::NotYetImplemented("a cast of these types".to_owned()).into()
}

#[cfg(test)]
mod tests;
