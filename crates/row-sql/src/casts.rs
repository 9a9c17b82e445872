//! Turns values of one type into those of another, exactly or with a stated rounding; a value
//! without a counterpart fails.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_schema::{ArrowError, DataType as ArrowType, TimeUnit};
use wording::quote;

use super::conversions::{convert, relabelled};
use super::types::{self, is_integer, is_number};
use super::values::{Kernel, Trouble, null_where};

/// Whether there is a cast.
pub(super) fn is_possible(from: &ArrowType, to: &ArrowType) -> bool {
    use ArrowType::{Boolean, Date32, Null, Time32, Time64, Timestamp, Utf8};
    match (from, to) {
        (Null, _) | (_, Utf8) | (Utf8, _) => true,
        (a, b) if a == b => true,
        (a, b) if is_number(a) && is_number(b) => true,
        (Boolean, b) => is_integer(b),
        (a, Boolean) => is_integer(a),
        (Timestamp(..), Timestamp(..) | Date32 | Time32(_) | Time64(_))
        | (Date32, Timestamp(..)) => true,
        (Time32(_) | Time64(_), Time32(_) | Time64(_)) => true,
        _ => false,
    }
}

/// The operator of a cast. `lenient`: a value without a counterpart becomes null.
pub(super) fn kernel(from: ArrowType, to: ArrowType, lenient: bool) -> Arc<Kernel> {
    Arc::new(move |args, _| {
        let array = &args[0].array;
        match cast(array, &to, lenient) {
            // The kernels word it in many ways, and a value stands in one row only.
            Err(Trouble::Row(_)) => Err(Trouble::Row(match first_text(array) {
                Some(text) => {
                    format!("{} is no {}, or outside of its range", quote(&text), types::name(&to))
                }
                None => format!("a {} is no {}", types::name(&from), types::name(&to)),
            })),
            other => other,
        }
    })
}

/// An array as one of another type.
pub(super) fn cast(array: &ArrayRef, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    Ok(match (array.data_type(), to) {
        (ArrowType::Utf8, ArrowType::Boolean) => Arc::new(booleans(array.as_string(), lenient)?),
        (ArrowType::Utf8, ArrowType::Timestamp(..)) => {
            // With an offset in the text, moments are moved to UTC.
            with_zone_of(&convert(array, &plain(to), lenient)?, to)?
        }
        (ArrowType::Utf8, to) => finite(array, convert(array, to, lenient)?, lenient)?,
        (ArrowType::Float64, ArrowType::Float32) => {
            finite(array, convert(array, to, lenient)?, lenient)?
        }
        (ArrowType::Timestamp(unit, zone), ArrowType::Utf8) => {
            let plain = convert(&without_zone(array, *unit)?, to, lenient)?;
            let offset = if zone.is_some() { "+00" } else { "" };
            let short = |text: &str| match text.split_once('.') {
                Some((seconds, fraction)) => {
                    format!("{seconds}.{}{offset}", fraction.trim_end_matches('0'))
                }
                None => format!("{text}{offset}"),
            };
            Arc::new(
                plain
                    .as_string::<i32>()
                    .iter()
                    .map(|text| text.map(short))
                    .collect::<StringArray>(),
            )
        }
        (ArrowType::Timestamp(unit, Some(_)), ArrowType::Timestamp(..)) => {
            with_zone_of(&cast(&without_zone(array, *unit)?, &plain(to), lenient)?, to)?
        }
        (ArrowType::Timestamp(unit, Some(_)), to) => {
            cast(&without_zone(array, *unit)?, to, lenient)?
        }
        (_, ArrowType::Timestamp(_, Some(_))) => {
            with_zone_of(&cast(array, &plain(to), lenient)?, to)?
        }
        _ => convert(array, to, lenient)?,
    })
}

/// A moment as the same date and time without a zone: in UTC, so that no kernel has to know zones.
pub(super) fn without_zone(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef, Trouble> {
    relabelled(array, &ArrowType::Timestamp(unit, None))
}

/// The type without a zone.
pub(super) fn plain(data_type: &ArrowType) -> ArrowType {
    match data_type {
        ArrowType::Timestamp(unit, _) => ArrowType::Timestamp(*unit, None),
        other => other.clone(),
    }
}

/// The same dates and times with the zone of a type.
pub(super) fn with_zone_of(array: &ArrayRef, data_type: &ArrowType) -> Result<ArrayRef, Trouble> {
    relabelled(array, data_type)
}

fn booleans(texts: &StringArray, lenient: bool) -> Result<BooleanArray, Trouble> {
    let read = |text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
            "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
            _ if lenient => Ok(None),
            _ => Err(Trouble::Row(String::new())),
        }
    };
    texts.iter().map(read).collect()
}

/// Floats that became infinite without having been so are out of range.
fn finite(from: &dyn Array, to: ArrayRef, lenient: bool) -> Result<ArrayRef, Trouble> {
    let was_infinite = |row: usize| match from.data_type() {
        ArrowType::Float64 => from.as_primitive::<Float64Type>().value(row).is_infinite(),
        _ => from.as_string::<i32>().value(row).to_ascii_lowercase().contains("inf"),
    };
    let lost: Vec<bool> = match to.data_type() {
        ArrowType::Float32 => to
            .as_primitive::<Float32Type>()
            .values()
            .iter()
            .map(|value| value.is_infinite())
            .collect(),
        ArrowType::Float64 => to
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .map(|value| value.is_infinite())
            .collect(),
        _ => return Ok(to),
    };
    let lost: BooleanArray = lost
        .into_iter()
        .enumerate()
        .map(|(row, infinite)| Some(infinite && to.is_valid(row) && !was_infinite(row)))
        .collect();
    match lost.true_count() {
        0 => Ok(to),
        _ if lenient => null_where(&to, &lost),
        _ => Err(Trouble::from(ArrowError::ArithmeticOverflow(String::new()))),
    }
}

/// The first value as text.
fn first_text(array: &ArrayRef) -> Option<String> {
    let text = cast(&array.slice(0, array.len().min(1)), &ArrowType::Utf8, true).ok()?;
    let text = text.as_string::<i32>();
    (!text.is_empty() && text.is_valid(0)).then(|| text.value(0).to_owned())
}
