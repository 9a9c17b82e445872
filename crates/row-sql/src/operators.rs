//! Implements the operators: comparisons, three-valued logic, arithmetic.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_not_null, is_null, not, or_kleene};
use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type,
    IntervalMonthDayNanoType,
};
use arrow_array::{BooleanArray, Decimal128Array, Float64Array, Int64Array, PrimitiveArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType as ArrowType, TimeUnit};

use super::comparisons::Comparison;
use super::conversions::{self, relabelled};
use super::types::{MOST_DIGITS, digits, is_decimal};
use super::values::{Kernel, Trouble, Values, choose, null_where, nulls_of, unary};

/// Arithmetic on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The whole part of a quotient.
    DivideWhole,
    Remainder,
}

impl Arithmetic {
    /// As it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::DivideWhole => "//",
            Self::Remainder => "%",
        }
    }
}

/// Two values of one type.
pub(super) fn compare(comparison: Comparison) -> Arc<Kernel> {
    Arc::new(move |args, rows| Ok(Arc::new(comparison.of(&args[0], &args[1], rows)?)))
}

/// `a BETWEEN b AND c`.
pub(super) fn between() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let above = Comparison::GreaterOrEqual.of(&args[0], &args[1], rows)?;
        let below = Comparison::LessOrEqual.of(&args[0], &args[2], rows)?;
        Ok(Arc::new(and_kleene(&above, &below)?))
    })
}

/// Whether the first value is one of the others.
pub(super) fn is_in() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let mut found = BooleanArray::from(vec![false; rows]);
        for arg in &args[1..] {
            found = or_kleene(&found, &Comparison::Equal.of(&args[0], arg, rows)?)?;
        }
        Ok(Arc::new(found))
    })
}

/// The first value, unless the two others (both of one type) are equal.
pub(super) fn null_if() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let equal = Comparison::Equal.of(&args[1], &args[2], rows)?;
        null_where(&args[0].spread(rows)?, &equal)
    })
}

/// The greatest or the least of values of one type; nulls are not.
pub(super) fn extreme(comparison: Comparison) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let mut best = args[0].spread(rows)?;
        for arg in &args[1..] {
            let other = arg.spread(rows)?;
            let better = comparison.of(arg, &Values::new(best.clone()), rows)?;
            let takes = or_kleene(&better, &is_null(best.as_ref())?)?;
            let takes = and_kleene(&takes, &is_not_null(other.as_ref())?)?;
            best = choose(&takes, &Values::new(other), &Values::new(best))?;
        }
        Ok(best)
    })
}

pub(super) fn negate_boolean() -> Arc<Kernel> {
    unary(|array| Ok(Arc::new(not(array.as_boolean())?)))
}

/// IS NULL, or IS NOT NULL.
pub(super) fn null(is: bool) -> Arc<Kernel> {
    unary(move |array| {
        Ok(Arc::new(if is { is_null(array.as_ref())? } else { is_not_null(array.as_ref())? }))
    })
}

/// IS TRUE and its like: whether a boolean is `value`; a null is neither.
pub(super) fn truth(value: bool, negated: bool) -> Arc<Kernel> {
    unary(move |array| {
        let is = array.as_boolean().iter().map(|truth| Some((truth == Some(value)) != negated));
        Ok(Arc::new(is.collect::<BooleanArray>()))
    })
}

/// `-a`, of an int64, a float64 or a decimal.
pub(super) fn negate() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let a = &args[0];
        Ok(match a.array.data_type() {
            ArrowType::Float64 => {
                type T = Float64Type;
                Arc::new(each::<T, T, T>(a, a, rows, |a, _| Some(-a))?)
            }
            ArrowType::Decimal128(precision, scale) => {
                type T = Decimal128Type;
                let less = each::<T, T, T>(a, a, rows, |a, _| a.checked_neg())?;
                Arc::new(less.with_precision_and_scale(*precision, *scale)?)
            }
            _ => {
                type T = Int64Type;
                Arc::new(each::<T, T, T>(a, a, rows, |a, _| a.checked_neg())?)
            }
        })
    })
}

/// The type of a sum, a product, … of two numbers that are both 64-bit integers, both decimals or
/// both floats. `None`: it would have too many digits after the point.
pub(super) fn result_of(arithmetic: Arithmetic, a: &ArrowType, b: &ArrowType) -> Option<ArrowType> {
    if !is_decimal(a) {
        return Some(a.clone());
    }
    let ((whole_a, scale_a), (whole_b, scale_b)) = (digits(a)?, digits(b)?);
    let scale = scale_a.max(scale_b);
    let (precision, scale) = match arithmetic {
        Arithmetic::Multiply => (whole_a + scale_a + whole_b + scale_b, scale_a + scale_b),
        Arithmetic::Remainder => (whole_a.min(whole_b) + scale, scale),
        _ => (whole_a.max(whole_b) + scale + 1, scale),
    };
    (scale <= MOST_DIGITS)
        .then(|| ArrowType::Decimal128(precision.clamp(1, MOST_DIGITS), scale as i8))
}

/// Arithmetic on two numbers of one kind. Nothing wraps and nothing is rounded: what does not fit
/// fails.
pub(super) fn arithmetic(arithmetic: Arithmetic, result: ArrowType) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let (a, b) = (&args[0], &args[1]);
        Ok(match result {
            ArrowType::Float64 => Arc::new(of_floats(arithmetic, a, b, rows)?),
            ArrowType::Decimal128(precision, scale) => {
                let decimals = of_decimals(arithmetic, a, b, rows)?;
                let fits = |value| conversions::fits(value, precision).is_some();
                if !decimals.iter().flatten().all(fits) {
                    let name = format!("decimal({precision},{scale})");
                    return Err(Trouble::Row(format!("the result has more digits than {name}")));
                }
                Arc::new(decimals.with_precision_and_scale(precision, scale)?)
            }
            _ => Arc::new(of_integers(arithmetic, a, b, rows)?),
        })
    })
}

fn of_integers(
    arithmetic: Arithmetic,
    a: &Values,
    b: &Values,
    rows: usize,
) -> Result<Int64Array, Trouble> {
    type T = Int64Type;
    match arithmetic {
        Arithmetic::Add => each::<T, T, T>(a, b, rows, i64::checked_add),
        Arithmetic::Subtract => each::<T, T, T>(a, b, rows, i64::checked_sub),
        Arithmetic::Multiply => each::<T, T, T>(a, b, rows, i64::checked_mul),
        Arithmetic::Divide | Arithmetic::DivideWhole => {
            refuse_zero::<T>(a, b, rows)?;
            each::<T, T, T>(a, b, rows, i64::checked_div)
        }
        Arithmetic::Remainder => {
            refuse_zero::<T>(a, b, rows)?;
            // The remainder of the least integer by -1 is 0, though the quotient is out of range.
            each::<T, T, T>(a, b, rows, |a, b| (b != 0).then(|| a.wrapping_rem(b)))
        }
    }
}

fn of_floats(
    arithmetic: Arithmetic,
    a: &Values,
    b: &Values,
    rows: usize,
) -> Result<Float64Array, Trouble> {
    type T = Float64Type;
    match arithmetic {
        Arithmetic::Add => each::<T, T, T>(a, b, rows, |a, b| Some(a + b)),
        Arithmetic::Subtract => each::<T, T, T>(a, b, rows, |a, b| Some(a - b)),
        Arithmetic::Multiply => each::<T, T, T>(a, b, rows, |a, b| Some(a * b)),
        Arithmetic::Divide | Arithmetic::DivideWhole => {
            refuse_zero::<T>(a, b, rows)?;
            each::<T, T, T>(a, b, rows, |a, b| Some(a / b))
        }
        Arithmetic::Remainder => {
            refuse_zero::<T>(a, b, rows)?;
            each::<T, T, T>(a, b, rows, |a, b| Some(a % b))
        }
    }
}

/// Decimals with as many digits after the point as [`result_of`] says. They are not divided.
fn of_decimals(
    arithmetic: Arithmetic,
    a: &Values,
    b: &Values,
    rows: usize,
) -> Result<Decimal128Array, Trouble> {
    type T = Decimal128Type;
    if arithmetic == Arithmetic::Multiply {
        return each::<T, T, T>(a, b, rows, i128::checked_mul);
    }
    let scale = |values: &Values| values.array.as_primitive::<T>().scale().unsigned_abs();
    let common = scale(a).max(scale(b));
    let factor = |values: &Values| 10_i128.pow((common - scale(values)).into());
    let (of_a, of_b) = (factor(a), factor(b));
    let both = |a: i128, b: i128| a.checked_mul(of_a).zip(b.checked_mul(of_b));
    match arithmetic {
        Arithmetic::Add => {
            each::<T, T, T>(a, b, rows, |a, b| both(a, b).and_then(|(a, b)| a.checked_add(b)))
        }
        Arithmetic::Subtract => {
            each::<T, T, T>(a, b, rows, |a, b| both(a, b).and_then(|(a, b)| a.checked_sub(b)))
        }
        _ => {
            refuse_zero::<T>(a, b, rows)?;
            each::<T, T, T>(a, b, rows, |a, b| both(a, b).and_then(|(a, b)| a.checked_rem(b)))
        }
    }
}

/// A date moved by so many days.
pub(super) fn move_days(arithmetic: Arithmetic) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let moved = |day: i32, by: i64| {
            let day = match arithmetic {
                Arithmetic::Subtract => i64::from(day).checked_sub(by)?,
                _ => i64::from(day).checked_add(by)?,
            };
            i32::try_from(day).ok()
        };
        let (a, b) = (&args[0], &args[1]);
        Ok(Arc::new(each::<Date32Type, Int64Type, Date32Type>(a, b, rows, moved)?))
    })
}

/// Days from the second date to the first.
pub(super) fn days_between() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let days = |a: i32, b: i32| Some(i64::from(a) - i64::from(b));
        let (a, b) = (&args[0], &args[1]);
        Ok(Arc::new(each::<Date32Type, Date32Type, Int64Type>(a, b, rows, days)?))
    })
}

/// A moment moved by an interval.
pub(super) fn move_moment(arithmetic: Arithmetic, result: ArrowType) -> Arc<Kernel> {
    use arrow_array::types::{
        TimestampMicrosecondType as Micros, TimestampMillisecondType as Millis,
        TimestampNanosecondType as Nanos, TimestampSecondType as Seconds,
    };
    Arc::new(move |args, rows| {
        let ArrowType::Timestamp(unit, _) = result else {
            return Err(Trouble::Row("no moment".to_owned()));
        };
        let add = match unit {
            TimeUnit::Second => Seconds::add_month_day_nano,
            TimeUnit::Millisecond => Millis::add_month_day_nano,
            TimeUnit::Microsecond => Micros::add_month_day_nano,
            TimeUnit::Nanosecond => Nanos::add_month_day_nano,
        };
        let subtract = match unit {
            TimeUnit::Second => Seconds::subtract_month_day_nano,
            TimeUnit::Millisecond => Millis::subtract_month_day_nano,
            TimeUnit::Microsecond => Micros::subtract_month_day_nano,
            TimeUnit::Nanosecond => Nanos::subtract_month_day_nano,
        };
        let moved = if arithmetic == Arithmetic::Subtract { subtract } else { add };
        let utc: Tz = "+00:00".parse()?;
        let moment = relabelled(&args[0].array, &ArrowType::Int64)?;
        let moment = Values { array: moment, ..args[0].clone() };
        let moments = each::<Int64Type, IntervalMonthDayNanoType, Int64Type>(
            &moment,
            &args[1],
            rows,
            |moment, by| moved(moment, by, utc),
        )?;
        relabelled(&moments, &result)
    })
}

/// A number for each of `rows`, of two; null where one is. `None` is a result out of range.
fn each<A: ArrowPrimitiveType, B: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    a: &Values,
    b: &Values,
    rows: usize,
    of: impl Fn(A::Native, B::Native) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, Trouble> {
    let (x, y) = (a.array.as_primitive::<A>().values(), b.array.as_primitive::<B>().values());
    let mut is_whole = true;
    let mut one = |x: A::Native, y: B::Native| {
        of(x, y).unwrap_or_else(|| {
            is_whole = false;
            Default::default()
        })
    };
    let values: Vec<T::Native> = match (a.constant, b.constant) {
        (false, false) => x.iter().zip(y.iter()).map(|(x, y)| one(*x, *y)).collect(),
        (false, true) => x.iter().map(|x| one(*x, y[0])).collect(),
        (true, _) => (0..rows).map(|row| one(x[0], y[b.index(row)])).collect(),
    };
    let nulls = nulls_of_either(a, b, rows);
    // The number behind a null may be out of range: that is no failure.
    let fails = |row: usize| {
        let is_valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        is_valid && of(x[a.index(row)], y[b.index(row)]).is_none()
    };
    if !is_whole && (0..rows).any(fails) {
        return Err(ArrowError::ArithmeticOverflow(String::new()).into());
    }
    Ok(PrimitiveArray::new(values.into(), nulls))
}

fn refuse_zero<T: ArrowPrimitiveType>(a: &Values, b: &Values, rows: usize) -> Result<(), Trouble> {
    let divisors = b.array.as_primitive::<T>().values();
    let is_zero = |value: &T::Native| *value == T::Native::default();
    if !divisors.iter().any(is_zero) {
        return Ok(());
    }
    let nulls = nulls_of_either(a, b, rows);
    let fails = |row: usize| {
        nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) && is_zero(&divisors[b.index(row)])
    };
    if (0..rows).any(fails) { Err(ArrowError::DivideByZero.into()) } else { Ok(()) }
}

fn nulls_of_either(a: &Values, b: &Values, rows: usize) -> Option<NullBuffer> {
    NullBuffer::union(nulls_of(a, rows).as_ref(), nulls_of(b, rows).as_ref())
}

#[cfg(test)]
mod tests;
