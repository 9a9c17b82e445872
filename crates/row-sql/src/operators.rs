//! Implements the operators: comparisons, three-valued logic, arithmetic.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_not_null, is_null, not, or_kleene};
use arrow_arith::numeric;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type};
use arrow_array::{ArrayRef, BooleanArray, Datum};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType as ArrowType};
use arrow_select::nullif::nullif;
use arrow_select::zip::zip;

use super::casts;
use super::types::{MOST_DIGITS, digits, is_decimal};
use super::values::{Kernel, Trouble, Values, unary};

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

impl Comparison {
    fn of(self, a: &dyn Datum, b: &dyn Datum) -> Result<BooleanArray, ArrowError> {
        match self {
            Self::Equal => cmp::eq(a, b),
            Self::NotEqual => cmp::neq(a, b),
            Self::Less => cmp::lt(a, b),
            Self::LessOrEqual => cmp::lt_eq(a, b),
            Self::Greater => cmp::gt(a, b),
            Self::GreaterOrEqual => cmp::gt_eq(a, b),
            Self::Distinct => cmp::distinct(a, b),
            Self::NotDistinct => cmp::not_distinct(a, b),
        }
    }
}

/// Two values of one type.
pub(super) fn compare(comparison: Comparison) -> Arc<Kernel> {
    Arc::new(move |args, _| Ok(Arc::new(comparison.of(&ordered(&args[0]), &ordered(&args[1]))?)))
}

/// `a BETWEEN b AND c`.
pub(super) fn between() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let [a, low, high] = [&args[0], &args[1], &args[2]].map(ordered);
        let above = spread(cmp::gt_eq(&a, &low)?, rows)?;
        let below = spread(cmp::lt_eq(&a, &high)?, rows)?;
        Ok(Arc::new(and_kleene(&above, &below)?))
    })
}

/// Whether the first value is one of the others.
pub(super) fn is_in() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let value = ordered(&args[0]);
        let mut found = BooleanArray::from(vec![false; rows]);
        for arg in &args[1..] {
            found = or_kleene(&found, &spread(cmp::eq(&value, &ordered(arg))?, rows)?)?;
        }
        Ok(Arc::new(found))
    })
}

/// The first value, unless the two others (both of one type) are equal.
pub(super) fn null_if() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let equal = spread(cmp::eq(&ordered(&args[1]), &ordered(&args[2]))?, rows)?;
        Ok(nullif(args[0].spread(rows)?.as_ref(), &equal)?)
    })
}

/// The greatest or the least of values of one type; nulls are not.
pub(super) fn extreme(comparison: Comparison) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let mut best = args[0].spread(rows)?;
        for arg in &args[1..] {
            let other = arg.spread(rows)?;
            let better = comparison
                .of(&ordered(&Values::new(other.clone())), &ordered(&Values::new(best.clone())))?;
            let takes = or_kleene(&spread(better, rows)?, &is_null(best.as_ref())?)?;
            best = zip(&and_kleene(&takes, &is_not_null(other.as_ref())?)?, &other, &best)?;
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

/// `-a`.
pub(super) fn negate() -> Arc<Kernel> {
    unary(|array| Ok(numeric::neg(array.as_ref())?))
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
    Arc::new(move |args, _| {
        let (a, b) = (&args[0], &args[1]);
        let array = match arithmetic {
            Arithmetic::Add => numeric::add(a, b),
            Arithmetic::Subtract => numeric::sub(a, b),
            Arithmetic::Multiply => numeric::mul(a, b),
            Arithmetic::Divide | Arithmetic::DivideWhole => {
                refuse_zero(b)?;
                numeric::div(a, b)
            }
            Arithmetic::Remainder => {
                refuse_zero(b)?;
                numeric::rem(a, b)
            }
        };
        let array = array?;
        let ArrowType::Decimal128(precision, scale) = result else { return Ok(array) };
        let decimals = array.as_primitive::<Decimal128Type>();
        decimals.validate_decimal_precision(precision).map_err(|_| {
            Trouble::Row(format!("the result has more digits than decimal({precision},{scale})"))
        })?;
        Ok(Arc::new(decimals.clone().with_precision_and_scale(precision, scale)?))
    })
}

/// A date moved by so many days.
pub(super) fn move_days(arithmetic: Arithmetic) -> Arc<Kernel> {
    Arc::new(move |args, _| {
        let days = Values {
            array: casts::cast(&days_of(&args[0])?, &ArrowType::Int64, false)?,
            ..args[0].clone()
        };
        let moved = match arithmetic {
            Arithmetic::Subtract => numeric::sub(&days, &args[1])?,
            _ => numeric::add(&days, &args[1])?,
        };
        let moved = casts::cast(&moved, &ArrowType::Int32, false)
            .map_err(|_| Trouble::from(ArrowError::ArithmeticOverflow(String::new())))?;
        Ok(Arc::new(
            moved.as_primitive::<arrow_array::types::Int32Type>().reinterpret_cast::<Date32Type>(),
        ))
    })
}

/// Days from the second date to the first.
pub(super) fn days_between() -> Arc<Kernel> {
    Arc::new(|args, _| {
        let day = |arg: &Values| {
            Ok::<_, Trouble>(Values {
                array: casts::cast(&days_of(arg)?, &ArrowType::Int64, false)?,
                ..arg.clone()
            })
        };
        Ok(numeric::sub(&day(&args[0])?, &day(&args[1])?)?)
    })
}

/// A moment moved by an interval.
pub(super) fn move_moment(arithmetic: Arithmetic, result: ArrowType) -> Arc<Kernel> {
    Arc::new(move |args, _| {
        let ArrowType::Timestamp(unit, _) = result else {
            return Err(Trouble::Row("no moment".to_owned()));
        };
        let moment =
            Values { array: casts::without_zone(&args[0].array, unit)?, ..args[0].clone() };
        let moved = match arithmetic {
            Arithmetic::Subtract => numeric::sub(&moment, &args[1])?,
            _ => numeric::add(&moment, &args[1])?,
        };
        casts::with_zone_of(&moved, &result)
    })
}

fn days_of(values: &Values) -> Result<ArrayRef, Trouble> {
    Ok(Arc::new(
        values
            .array
            .as_primitive::<Date32Type>()
            .reinterpret_cast::<arrow_array::types::Int32Type>(),
    ))
}

/// Floats are divided by zero without a fault, integers and decimals not.
fn refuse_zero(divisor: &Values) -> Result<(), Trouble> {
    let Some(floats) = divisor.array.as_primitive_opt::<Float64Type>() else { return Ok(()) };
    if floats.iter().flatten().any(|value| value == 0.0) {
        Err(ArrowError::DivideByZero.into())
    } else {
        Ok(())
    }
}

/// Floats in the order of numbers: -0.0 is 0.0, and there is one NaN, greater than all others. The
/// kernels' own order tells them apart.
fn ordered(values: &Values) -> Values {
    let Some(floats) = values.array.as_primitive_opt::<Float64Type>() else {
        return Values { failed: Default::default(), ..values.clone() };
    };
    let plain =
        floats.unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 });
    Values { array: Arc::new(plain), constant: values.constant, failed: Default::default() }
}

/// One answer a row, where two constants were compared.
fn spread(answer: BooleanArray, rows: usize) -> Result<BooleanArray, Trouble> {
    Values { constant: answer.len() != rows, ..Values::new(Arc::new(answer)) }.booleans(rows)
}
