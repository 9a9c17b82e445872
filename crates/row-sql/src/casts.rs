//! Turns values of one type into those of another, exactly or with a stated rounding; a value
//! without a counterpart fails.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_cast::display::FormatOptions;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType as ArrowType, TimeUnit};
use wording::quote;

use super::types::{self, is_decimal, is_float, is_integer, is_number};
use super::values::{Kernel, Trouble};

/// How moments are written.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S%.f";

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
    let options = CastOptions {
        safe: lenient,
        format_options: FormatOptions::new().with_timestamp_format(Some(MOMENT)),
    };
    let arrow = |array: &dyn Array, to: &ArrowType| cast_with_options(array, to, &options);
    Ok(match (array.data_type(), to) {
        (ArrowType::Utf8, ArrowType::Boolean) => Arc::new(booleans(array.as_string(), lenient)?),
        (ArrowType::Utf8, to) => {
            let trimmed: StringArray =
                array.as_string::<i32>().iter().map(|text| text.map(str::trim)).collect();
            if let ArrowType::Timestamp(..) = to {
                moments(&trimmed, to, lenient)?
            } else {
                finite(&trimmed, arrow(&trimmed, to)?, lenient)?
            }
        }
        (from, to) if is_float(from) && is_integer(to) => {
            let wide = arrow(array, &ArrowType::Float64)?;
            // Arrow cuts fractions off.
            let rounded =
                wide.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even);
            arrow(&rounded, to)?
        }
        (from, to) if is_decimal(from) && is_integer(to) => {
            arrow(&arrow(array, &ArrowType::Decimal128(types::MOST_DIGITS, 0))?, to)?
        }
        (ArrowType::Float64, ArrowType::Float32) => finite(array, arrow(array, to)?, lenient)?,
        (ArrowType::Timestamp(unit, zone), ArrowType::Utf8) => {
            let plain = arrow(&without_zone(array, *unit)?, to)?;
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
        _ => arrow(array, to)?,
    })
}

/// A moment as the same date and time without a zone: in UTC, so that no kernel has to know zones.
pub(super) fn without_zone(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef, Trouble> {
    relabel(array, &ArrowType::Timestamp(unit, None))
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
    relabel(array, data_type)
}

fn relabel(array: &ArrayRef, data_type: &ArrowType) -> Result<ArrayRef, Trouble> {
    let data = array.to_data().into_builder().data_type(data_type.clone()).build()?;
    Ok(arrow_array::make_array(data))
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

/// Text as moments. With an offset in the text they are moved to UTC; without one they are taken as
/// they stand.
fn moments(texts: &StringArray, to: &ArrowType, lenient: bool) -> Result<ArrayRef, Trouble> {
    let ArrowType::Timestamp(unit, zone) = to else { return Err(Trouble::Row(String::new())) };
    // Arrow reads offsets if it is asked for a zone, and refuses none.
    let offset: Arc<str> = Arc::from("+00:00");
    let with_offset = ArrowType::Timestamp(*unit, Some(offset));
    let asked = if zone.is_some() { &with_offset } else { to };
    let options = CastOptions { safe: lenient, format_options: FormatOptions::new() };
    relabel(&cast_with_options(texts, asked, &options)?, to)
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
        _ if lenient => Ok(arrow_select::nullif::nullif(&to, &lost)?),
        _ => Err(Trouble::from(ArrowError::ArithmeticOverflow(String::new()))),
    }
}

/// The first value as text.
fn first_text(array: &ArrayRef) -> Option<String> {
    let text = cast(&array.slice(0, array.len().min(1)), &ArrowType::Utf8, true).ok()?;
    let text = text.as_string::<i32>();
    (!text.is_empty() && text.is_valid(0)).then(|| text.value(0).to_owned())
}
