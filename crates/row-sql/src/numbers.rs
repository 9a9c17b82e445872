//! Implements the functions of numbers.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_schema::{ArrowError, DataType as ArrowType};

use super::types::MOST_DIGITS;
use super::values::{Kernel, Trouble, unary};

/// Which of the neighbouring numbers is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// The nearest; of two, the one farther from zero.
    Nearest,
    Down,
    Up,
}

/// Absolute values of 64-bit integers, decimals or floats.
pub(super) fn abs() -> Arc<Kernel> {
    unary(|array| {
        let overflow = || Trouble::from(ArrowError::ArithmeticOverflow(String::new()));
        Ok(match array.data_type() {
            ArrowType::Int64 => {
                let values = array.as_primitive::<Int64Type>();
                Arc::new(values.try_unary::<_, Int64Type, Trouble>(|value| {
                    value.checked_abs().ok_or_else(overflow)
                })?)
            }
            ArrowType::Decimal128(precision, scale) => {
                let values =
                    array.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(i128::abs);
                Arc::new(values.with_precision_and_scale(*precision, *scale)?)
            }
            _ => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs)),
        })
    })
}

/// The type of a decimal that is rounded to so many digits after the point (before it, below 0).
pub(super) fn rounded(precision: u8, scale: i8, digits: i8) -> ArrowType {
    if digits >= scale {
        return ArrowType::Decimal128(precision, scale);
    }
    let kept = digits.max(0);
    // 9.99 becomes 10.0.
    ArrowType::Decimal128((precision - (scale - kept) as u8 + 1).clamp(1, MOST_DIGITS), kept)
}

/// Rounds 64-bit integers, decimals or floats.
pub(super) fn round(rounding: Rounding, digits: i8, result: ArrowType) -> Arc<Kernel> {
    unary(move |array| {
        Ok(match array.data_type() {
            ArrowType::Int64 if digits >= 0 => array.clone(),
            ArrowType::Int64 => {
                let overflow = || Trouble::from(ArrowError::ArithmeticOverflow(String::new()));
                let round = |value: i64| {
                    i64::try_from(round_int(value.into(), rounding, digits.unsigned_abs()))
                        .map_err(|_| overflow())
                };
                Arc::new(
                    array.as_primitive::<Int64Type>().try_unary::<_, Int64Type, Trouble>(round)?,
                )
            }
            ArrowType::Decimal128(_, scale) => decimals(array, rounding, *scale, digits, &result)?,
            _ => Arc::new(
                array
                    .as_primitive::<Float64Type>()
                    .unary::<_, Float64Type>(|value| round_float(value, rounding, digits)),
            ),
        })
    })
}

fn decimals(
    array: &ArrayRef,
    rounding: Rounding,
    scale: i8,
    digits: i8,
    result: &ArrowType,
) -> Result<ArrayRef, Trouble> {
    let ArrowType::Decimal128(precision, kept) = *result else { return Ok(array.clone()) };
    if digits >= scale {
        return Ok(array.clone());
    }
    let unit = 10_i128.pow((scale - kept).unsigned_abs().into());
    let round = |value: i128| {
        round_int(value, rounding, (i16::from(scale) - i16::from(digits)).unsigned_abs() as u8)
            / unit
    };
    let values = array.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(round);
    values.validate_decimal_precision(precision)?;
    Ok(Arc::new(values.with_precision_and_scale(precision, kept)?))
}

/// Makes the last `zeros` digits zeros.
fn round_int(value: i128, rounding: Rounding, zeros: u8) -> i128 {
    // Nothing has more digits: what is farther away than any value rounds to zero.
    let Some(unit) = 10_i128.checked_pow(zeros.into()) else { return 0 };
    let down = value.div_euclid(unit);
    let rest = value.rem_euclid(unit);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest > 0,
        Rounding::Nearest => rest > unit - rest || (rest == unit - rest && value > 0),
    };
    (down + i128::from(up)).saturating_mul(unit)
}

fn round_float(value: f64, rounding: Rounding, digits: i8) -> f64 {
    match (rounding, digits) {
        (Rounding::Down, _) => value.floor(),
        (Rounding::Up, _) => value.ceil(),
        (Rounding::Nearest, 0) => value.round(),
        (Rounding::Nearest, digits) => {
            let factor = 10_f64.powi(digits.abs().into());
            let rounded = if digits > 0 {
                (value * factor).round() / factor
            } else {
                (value / factor).round() * factor
            };
            // Numbers that are too large to have such digits stay.
            if rounded.is_finite() { rounded } else { value }
        }
    }
}
